from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from accounts.models import Organization
from accounts.services.platform import platform_actor
from collection.imports.washington import ISSUER, WashingtonImporter
from collection.management.importing import add_options, perform, table
from collection.models import Battery, Identifier, ImportRun
from collection.queries.assignments import coverage


class Command(BaseCommand):
    """Imports the electric vehicles registered in Washington State. Needs the reference data."""

    help = "Import Washington State's list of registered electric vehicles as batteries in use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        actor = platform_actor()
        department, _made = Organization.objects.get_or_create(name="Washington State Department of Licensing")
        made: list[WashingtonImporter] = []

        def make(run: ImportRun) -> WashingtonImporter:
            made.append(WashingtonImporter(actor=actor, organization=run.organization))
            return made[-1]

        perform(
            self, actor=actor, organization=department, kind=ImportRun.Kind.BATTERIES, path=options["file"], make=make,
            skip_bad_rows=options["skip_bad_rows"], errors=options["errors"],
        )  # fmt: skip
        unmapped = made[-1].unmapped
        listed = Identifier.objects.filter(scheme="internal", issuer=ISSUER)
        known = coverage(Battery.objects.filter(pk__in=listed.values("battery")))
        table(self, "Known of the vehicles in the database", known, known["vehicles"])
        if unmapped:
            table(self, "In the file, without a battery model", dict(unmapped.most_common()), known["vehicles"])
        self.stdout.write(f"\nVehicles of Washington State now: {known['vehicles']:,}")
