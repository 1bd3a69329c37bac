"""The overview of all producers: whom and what it counts, and on which days."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from recycling.queries import epr
from recycling.queries.overview import Standing, overview
from recycling.services import factors, tallies
from tests.recycling.chain import at, process
from tests.recycling.filing import YEAR, declared, shared_batch
from tests.world import World, batteries_at

NEXT_YEAR = (date(2026, 1, 1), date(2026, 12, 31))

#: 31 December 2025, 23:30 in Nevada.
LATE = at(2026, 1, 1, 7, 30)


def standings(start: date, end: date, **scope: Any) -> list[Standing]:
    """As they are told of, when all that is due was tallied."""
    tallies.refresh()
    return overview(start, end, **scope).standings


def test_a_standing_is_of_days_where_it_happened(world: World) -> None:
    batteries_at(world, world.yard, 1, at=LATE)
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 12, 1))
    process(world, world.shredder, packs=packs, charged_at=LATE, makes=[("copper", "10", {})])
    (standing,) = standings(*YEAR)
    assert (standing.units_collected, standing.units_recycled, standing.kg_recycled) == (2, 1, 400)
    assert standings(*NEXT_YEAR) == []


def test_a_standing_counts_each_battery_once_and_placements_within_the_period(world: World) -> None:
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    declared(world, "over", jurisdiction=world.nv, period_start=date(2025, 12, 1), period_end=date(2026, 1, 31))
    declared(world, "before", jurisdiction=world.nv, period_start=date(2024, 12, 31), period_end=date(2025, 1, 31),
        model=world.lfp_pack)  # fmt: skip
    found = {standing.producer: standing for standing in standings(*YEAR)}
    mine, theirs = found[world.producer.pk], found[world.other_producer.pk]
    assert (mine.units_placed, mine.units_collected, mine.units_recycled, mine.kg_recycled) == (100, 10, 10, 4000)
    assert (theirs.units_placed, theirs.units_collected, theirs.units_recycled, theirs.kg_recycled) == (0, 5, 5, 1800)


def test_a_standing_is_of_the_producers_and_places_that_were_asked_for(world: World) -> None:
    shared_batch(world)
    for key, place in (("q1", world.nv), ("q2", world.nj)):
        declared(world, key, jurisdiction=place)
    batteries_at(world, world.yard, 1, at=at(2025, 3, 1), placed_in=world.nj)
    everywhere = standings(*YEAR, producers=[world.producer.pk])
    assert [(row.jurisdiction, row.units_placed, row.units_collected) for row in everywhere] == [
        ("US-NJ", 100, 1), ("US-NV", 100, 10),
    ]  # fmt: skip
    assert {(row.producer, row.jurisdiction) for row in standings(*YEAR, jurisdictions=["US-NV"])} == {
        (world.producer.pk, "US-NV"), (world.other_producer.pk, "US-NV"),
    }  # fmt: skip
    assert standings(*YEAR, producers=[]) == standings(*YEAR, jurisdictions=[]) == []
    factors.refresh()
    assert {row.producer for row in epr.totals_by_producer_and_jurisdiction(*YEAR, producers=[world.producer.pk])} == {
        world.producer.pk
    }
    assert epr.totals_by_producer_and_jurisdiction(*YEAR, jurisdictions=["US-NJ"]) == []


def test_what_is_attributed_to_nothing_is_of_days_of_the_plant(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1), model=world.lfp_pack, mass_value=Decimal(360))
    process(
        world, world.shredder, packs=packs, charged_at=LATE, explanation="Left over from the day before.",
        makes=[("niso4_6h2o", "10", {"Ni": "0.2"})],
    )  # fmt: skip
    factors.refresh()
    assert epr.unattributed(*YEAR) == [("Ni", 2, 0, 0)]
    assert epr.unattributed(*NEXT_YEAR) == []
