import csv
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Organization
from accounts.services.platform import platform_actor
from collection.imports.files import BadFile, Sheet
from collection.imports.salvage_yards import CanadianYardImporter, UsYardImporter
from collection.management.importing import add_options, perform
from collection.models import CollectionPoint, ImportRun


class Command(BaseCommand):
    """Imports public lists of salvage yards, of the United States or of Canada. Needs the reference data."""

    help = "Import lists of salvage yards as collection points of their operators."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        actor = platform_actor()
        platform, _made = Organization.objects.get_or_create(name="Relode (public lists)")
        for number, path in enumerate(options["files"]):
            importer = CanadianYardImporter if "province" in _header(path) else UsYardImporter
            perform(
                self, actor=actor, organization=platform, kind=ImportRun.Kind.COLLECTION_POINTS, path=path,
                make=lambda run, importer=importer: importer(actor=actor, organization=run.organization),
                skip_bad_rows=options["skip_bad_rows"], errors=options["errors"], is_further=number > 0,
            )  # fmt: skip
        yards = CollectionPoint.objects.filter(source_key__startswith="yards/")
        active = yards.filter(is_active=True)
        self.stdout.write(f"Salvage yards now: {yards.count():,}, of which active {active.count():,}")


def _header(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            return Sheet(file).header
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except (BadFile, csv.Error) as error:
        raise CommandError(f"{path}: {error}") from error
