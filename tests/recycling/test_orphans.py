"""What was collected in a place and is in no producer's report."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.test import Client

from collection.models import Battery
from recycling.queries.orphans import orphans
from tests.recycling.chain import at
from tests.recycling.filing import YEAR
from tests.recycling.test_report_doors import api
from tests.world import World, batteries_at

PERIOD = {"start": "2025-01-01", "end": "2025-12-31"}


def some_orphans(world: World) -> None:
    """Four in Nevada in 2025: one orphan, one of no known place, one of neither (and lost), one of both; later ones."""
    orphan, unplaced, neither, _known = batteries_at(world, world.yard, 4, at=at(2025, 3, 1))
    batteries_at(world, world.yard, 1, at=at(2026, 1, 1, 12))
    Battery.objects.filter(pk__in=[orphan.pk, neither.pk]).update(producer=None)
    Battery.objects.filter(pk__in=[unplaced.pk, neither.pk]).update(placed_in=None)
    Battery.objects.filter(pk=neither.pk).update(status="lost", facility=None)


def test_orphans_are_told_by_place_of_collection(world: World) -> None:
    some_orphans(world)
    batteries_at(world, world.refinery_site, 1, at=at(2025, 3, 1))
    nevada, ontario = sorted(orphans(*YEAR, None), key=lambda row: row.jurisdiction, reverse=True)
    assert nevada == ("US-NV", 4, Decimal(1600), 2, Decimal(800), 2, Decimal(800), 1, Decimal(400))
    assert (ontario.jurisdiction, ontario.collected, ontario.orphans) == ("CA-ON", 1, 0)
    assert [row.jurisdiction for row in orphans(*YEAR, ["US-NV"])] == ["US-NV"]
    assert orphans(*YEAR, []) == []
    assert [row.collected for row in orphans(date(2026, 1, 1), date(2026, 12, 31), None)] == [1]


def test_orphans_at_the_doors(world: World) -> None:
    some_orphans(world)
    address = "/api/v1/epr-overview/orphans/"
    (row,) = api(world, world.regulator, "viewer").get(address, PERIOD).json()
    assert (row["jurisdiction"], row["orphans"], Decimal(row["orphans_kg"])) == ("US-NV", 2, 800)
    assert api(world, world.producer, "viewer").get(address, PERIOD).json() == []
    answer = api(world, world.regulator, "viewer").get(address, {"start": "2025-01-01", "end": "x"})
    assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == "end"


def test_the_start_page_of_a_regulator_tells_of_orphans(world: World) -> None:
    some_orphans(world)
    browser = Client()
    browser.force_login(world.user(world.regulator))
    page = browser.get("/admin/").content.decode()
    assert "in no producer’s report" in page and "US-NV" in page
