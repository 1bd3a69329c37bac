from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db.models import Count, Sum

from accounts.models import Organization
from accounts.services.platform import platform_actor
from collection.management.importing import add_options, perform, table
from collection.models import ImportRun
from collection.queries.assignments import placement_coverage
from recycling.imports.california import CaliforniaImporter
from recycling.models import MarketPlacement


class Command(BaseCommand):
    """Imports the new zero-emission vehicles sold in California. Needs the reference data."""

    help = "Import the California Energy Commission's sales of new zero-emission vehicles as market placements."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        actor = platform_actor()
        commission, _made = Organization.objects.get_or_create(name="California Energy Commission")
        made: list[CaliforniaImporter] = []

        def make(run: ImportRun) -> CaliforniaImporter:
            made.append(CaliforniaImporter(actor=actor, organization=run.organization))
            return made[-1]

        perform(
            self, actor=actor, organization=commission, kind=ImportRun.Kind.MARKET_PLACEMENTS, path=options["file"],
            make=make, skip_bad_rows=options["skip_bad_rows"], errors=options["errors"],
        )  # fmt: skip
        unmapped = made[-1].unmapped
        placed = MarketPlacement.objects.filter(source_key__startswith="cec-zev/")
        known = placement_coverage(placed)
        table(self, "Known of the vehicles in the database", known, known["vehicles"])
        if unmapped:
            table(self, "In the file, without a battery model", dict(unmapped.most_common()), known["vehicles"])
        total = placed.aggregate(units=Sum("units"))["units"] or 0
        rows = placed.values("jurisdiction", "period_start__year").order_by("jurisdiction", "period_start__year")
        by_place = rows.annotate(rows=Count("pk"), units=Sum("units"))
        table(
            self,
            "Placed on the market, by jurisdiction and year",
            {f"{r['jurisdiction']} {r['period_start__year']} ({r['rows']:,} rows)": r["units"] for r in by_place},
            total,
        )
        self.stdout.write(f"\nVehicles placed now: {total:,}")
