"""Tallies of months: which changes make one due, and what is said while it is."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collection.models import Battery, Facility
from collection.services import batteries
from recycling.models import Batch, Charge, Factor, TallyDue
from recycling.queries.overview import overview
from recycling.services import batches, charges, factors, tallies
from tests.recycling.chain import at, process
from tests.recycling.filing import YEAR
from tests.world import World, batteries_at

MARCH, APRIL, MAY = date(2025, 3, 1), date(2025, 4, 1), date(2025, 5, 1)


def due() -> set[date]:
    return set(TallyDue.objects.values_list("month", flat=True))


def recycled(world: World, number: int = 1) -> Batch:
    """Batteries that came in March and were recycled in April; all of it tallied."""
    packs = batteries_at(world, world.plant_site, number, at=at(2025, 3, 10))
    batch, _lots = process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 10), makes=[("copper", "10", {})])
    factors.refresh()
    tallies.refresh()
    assert not due()
    return batch


def counted(**scope: Any) -> list[tuple[str, int, int]]:
    tallies.refresh()
    return [(row.jurisdiction, row.units_collected, row.units_recycled) for row in overview(*YEAR, **scope).standings]


def test_an_arrival_and_a_closed_batch_make_their_months_due(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 10))
    assert due() == {MARCH}
    assert counted() == [("US-NV", 1, 0)]
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 10), makes=[("copper", "10", {})])
    assert due() == {APRIL}
    assert counted() == [("US-NV", 1, 1)]
    assert not overview(*YEAR).elements
    factors.refresh()
    assert due() == {APRIL}
    tallies.refresh()
    (copper,) = [row for row in overview(*YEAR).elements if row.element == "Cu"]
    assert round(copper.recovered, 9) == 10


def test_at_the_turn_of_a_month_both_are_due(world: World) -> None:
    """In Nevada it is the last day of March still, in universal time the first of April."""
    batteries_at(world, world.yard, 1, at=at(2025, 4, 1, 3))
    assert due() == {MARCH, APRIL}
    tallies.refresh()
    (standing,) = overview(MARCH, date(2025, 3, 31)).standings
    assert standing.units_collected == 1
    assert overview(APRIL, date(2025, 4, 30)).standings == []


def test_a_reopened_batch_counts_no_more_whatever_is_taken_out_of_it(world: World) -> None:
    batch = recycled(world, 2)
    manager = world.actor(world.recycler, "manager")
    batches.reopen(actor=manager, batch=batch, reason="One was not there.")
    one = batch.charges.first().battery_id
    charges.uncharge(actor=manager, batch=batch, uncharged_at=timezone.now(), reason="Not there.", batteries=[one])
    assert due() == {APRIL}
    assert counted() == [("US-NV", 2, 0)]
    assert overview(*YEAR).elements == []
    batches.close(actor=manager, batch=batch, closed_at=timezone.now())
    assert counted() == [("US-NV", 2, 1)]


def test_a_changed_factor_makes_the_months_of_its_batch_due(world: World) -> None:
    batch = recycled(world)
    Factor.objects.filter(batch=batch, element="Cu").update(residue="0.25")
    assert due() == {APRIL}
    tallies.refresh()
    (copper,) = [row for row in overview(*YEAR).elements if row.element == "Cu"]
    assert copper.residue == copper.content / 4
    Factor.objects.filter(batch=batch).delete()
    assert due() == {APRIL}
    tallies.refresh()
    assert overview(*YEAR).elements == []


def test_a_corrected_battery_makes_the_month_of_its_arrival_due(world: World) -> None:
    (battery,) = batteries_at(world, world.yard, 1, at=at(2025, 3, 10))
    tallies.refresh()
    actor = world.actor(world.yard_owner)
    batteries.correct(actor=actor, battery=battery, reason="Sold elsewhere.", placed_in=world.nj)
    assert due() == {MARCH}
    assert counted() == [("US-NJ", 1, 0)]
    battery.refresh_from_db()
    batteries.correct(actor=actor, battery=battery, reason="Not theirs.", producer=world.other_producer)
    assert counted(producers=[world.producer.pk]) == []


def test_another_time_zone_makes_the_months_of_a_facility_due(world: World) -> None:
    batch = recycled(world)
    process(
        world, world.hydro, packs=batteries_at(world, world.refinery_site, 1, at=at(2025, 5, 10)),
        charged_at=at(2025, 5, 11), makes=[("copper", "10", {})],
    )  # fmt: skip
    tallies.refresh()
    Facility.objects.filter(pk=batch.line.plant.facility_id).update(time_zone="America/Denver")
    assert due() == {MARCH, APRIL}


def test_the_overview_says_until_when_all_is_counted(world: World) -> None:
    recycled(world)
    before = timezone.now()
    assert overview(*YEAR).as_of >= before
    batteries_at(world, world.yard, 1, at=at(2025, 5, 10))
    noted = timezone.now()
    batteries_at(world, world.yard, 1, at=at(2025, 5, 11))
    seen = overview(*YEAR)
    assert before <= seen.as_of <= noted
    assert sum(row.units_collected for row in seen.standings) == 1
    assert overview(MARCH, date(2025, 4, 30)).as_of > noted
    assert sum(row.units_collected for row in overview(MAY, date(2025, 5, 30)).standings) == 2
    tallies.refresh()
    assert sum(row.units_collected for row in overview(*YEAR).standings) == 3


def test_what_is_not_due_is_not_tallied(world: World) -> None:
    recycled(world)
    assert tallies.refresh() == 0
    batteries_at(world, world.yard, 1, at=at(2025, 5, 10))
    assert tallies.refresh() == 1


def test_statements_do_not_grow_with_batteries(world: World) -> None:
    def statements(number: int) -> tuple[int, int]:
        packs = batteries_at(world, world.plant_site, number, at=at(2025, 3, 10))
        process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 10), makes=[("copper", "1", {})])
        factors.refresh()
        with CaptureQueriesContext(connection) as tallying:
            tallies.refresh()
        with CaptureQueriesContext(connection) as asking:
            overview(date(2025, 1, 10), date(2025, 12, 10))
        return len(tallying), len(asking)

    assert statements(1) == statements(30)


# A charge keeps whose battery it was


@pytest.mark.parametrize("change", [{"producer": None}, {"placed_in": "US-NJ"}])
def test_a_charged_battery_keeps_its_producer_and_place(world: World, change: dict[str, Any]) -> None:
    batch = recycled(world)
    battery = Battery.objects.get(charge__batch=batch)
    with pytest.raises(IntegrityError, match="keeps its producer"), transaction.atomic():
        Battery.objects.filter(pk=battery.pk).update(**change)
    assert Battery.objects.get(pk=battery.pk) == battery
    Battery.objects.filter(pk=battery.pk).update(condition="damaged")


def test_a_charge_says_what_its_battery_says(world: World) -> None:
    batch = recycled(world)
    charge = batch.charges.get()
    assert (charge.producer_id, charge.placed_in_id) == (world.producer.pk, "US-NV")
    Batch.objects.filter(pk=batch.pk).update(status="open", closed_at=None)
    Charge.objects.filter(pk=charge.pk).update(producer=world.other_producer, placed_in=None)
    charge.refresh_from_db()
    assert (charge.producer_id, charge.placed_in_id) == (world.producer.pk, "US-NV")


def test_a_battery_that_was_taken_out_can_be_corrected_and_charged_again(world: World) -> None:
    batch = recycled(world)
    manager = world.actor(world.recycler, "manager")
    batches.reopen(actor=manager, batch=batch, reason="Whose is it?")
    battery = batch.charges.get().battery
    charges.uncharge(
        actor=manager, batch=batch, uncharged_at=timezone.now(), reason="Whose is it?", batteries=[battery.pk]
    )
    battery.refresh_from_db()
    batteries.correct(actor=manager, battery=battery, reason="Theirs.", producer=world.other_producer)
    charges.charge(actor=manager, batch=batch, charged_at=timezone.now(), batteries=[battery.pk])
    assert batch.charges.get().producer_id == world.other_producer.pk
