from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from accounts.models import Organization
from accounts.services.platform import platform_actor
from collection.management.importing import add_options, perform
from collection.models import ImportRun


class Command(BaseCommand):
    """Imports what an authority counted on a market, from a file in the columns of `docs/imports.md`."""

    help = "Import an authority's market statistics, such as registrations by Statistics Canada or INEGI."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--authority", required=True, help="who counted, such as “Statistics Canada”")
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        actor = platform_actor()
        authority, _made = Organization.objects.get_or_create(name=options["authority"])
        perform(
            self, actor=actor, organization=authority, kind=ImportRun.Kind.MARKET_STATISTICS, path=options["file"],
            skip_bad_rows=options["skip_bad_rows"], errors=options["errors"],
        )  # fmt: skip
