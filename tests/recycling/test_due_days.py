"""Days of any age that something changed in are computed again; what changes nothing is not."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import Role
from collection.models import Facility, Lot, Material
from recycling.models import (
    Batch,
    Charge,
    Nameplate,
    PlantStatus,
    ProcessLine,
    Stage,
    UtilizationDue,
    UtilizationSnapshot,
)
from recycling.queries.utilization import Level, Period, loads
from recycling.services import batches, charges, outputs, plants, utilization
from tests.recycling.chain import at, process
from tests.world import World, batteries_at

APRIL = date(2025, 4, 1)


def computed(world: World, start: date, end: date) -> None:
    run = utilization.request(actor=world.actor(world.recycler), from_day=start, to_day=end)
    assert utilization.run(run.pk)


def day(line: ProcessLine, when: date = APRIL) -> UtilizationSnapshot:
    return UtilizationSnapshot.objects.get(line=line, day=when)


def long_ago(world: World) -> Batch:
    """A batch of two packs, in days that were computed long ago and that nothing changed since."""
    batch, _none = process(
        world,
        world.shredder,
        packs=batteries_at(world, world.plant_site, 2, at=at(2025, 3, 1)),
        charged_at=at(2025, 4, 1),
    )
    computed(world, date(2025, 3, 1), date(2025, 5, 31))
    UtilizationDue.objects.all().delete()
    assert day(world.shredder).processed_kg == 800
    return batch


def void(world: World, batch: Batch) -> None:
    manager = world.actor(world.recycler, Role.MANAGER)
    packs = list(batch.charges.values_list("battery", flat=True))
    charges.uncharge(actor=manager, batch=batch, batteries=packs, uncharged_at=at(2025, 4, 2), reason="Never was.")
    batches.void(actor=manager, batch=batch, reason="Never was.")


def test_a_batch_voided_long_ago_is_no_load_any_more(world: World) -> None:
    """By the daily run alone, as the code before had it: that looked back 35 days and noticed nothing."""
    void(world, long_ago(world))
    assert day(world.shredder).processed_kg == 800  # as yet
    run = utilization.schedule()
    assert run.from_day > APRIL + timedelta(days=35) and utilization.run(run.pk)
    assert day(world.shredder).processed_kg == 0  # the plant said so: it opened a batch on that day
    assert not UtilizationDue.objects.filter(month=date(2025, 4, 1)).exists()


def test_stale_days_say_so_until_they_are_computed_again(world: World) -> None:
    batch = long_ago(world)

    def due() -> dict[date, int]:
        rows = UtilizationSnapshot.objects.filter(line=world.shredder)
        return {load.start: load.lines_due for load in loads(rows, level=Level.PLANT, period=Period.MONTH)}

    assert set(due().values()) == {0}
    void(world, batch)
    assert due() == {date(2025, 3, 1): 1, date(2025, 4, 1): 1, date(2025, 5, 1): 0}
    assert utilization.refresh_due() >= 2
    assert set(due().values()) == {0}
    assert utilization.refresh_due() == 0


def test_only_lines_that_changed_are_computed_again(world: World) -> None:
    batch = long_ago(world)
    before = UtilizationSnapshot.objects.get(line=world.hydro, day=APRIL).computed_at
    void(world, batch)
    utilization.refresh_due()
    assert UtilizationSnapshot.objects.get(line=world.hydro, day=APRIL).computed_at == before


def correct_mass(w: World, batch: Batch) -> None:
    Charge.objects.filter(batch=batch).update(mass_kg=300)


def shorten_nameplate(w: World, batch: Batch) -> None:
    Nameplate.objects.filter(line=w.shredder).update(valid=(date(2025, 4, 2), None))


def report_outage(w: World, batch: Batch) -> None:
    plants.add_outage(
        actor=w.actor(w.recycler),
        line=w.shredder,
        first_day=APRIL,
        last_day=APRIL,
        kind="planned",
        share=Decimal("0.5"),
    )


def pause(w: World, batch: Batch) -> None:
    PlantStatus.objects.create(
        plant=w.plant, status="paused", valid=(APRIL, date(2025, 4, 2)), source="x", confidence="S"
    )


def pause_line(w: World, batch: Batch) -> None:
    PlantStatus.objects.create(
        plant=w.plant, line=w.shredder, status="paused", valid=(APRIL, None), source="x", confidence="S"
    )


def move_clock(w: World, batch: Batch) -> None:
    Charge.objects.filter(batch=batch).update(charged_at=at(2025, 4, 2, 6, 30))  # 23:30 on the day before
    utilization.refresh_due()
    Facility.objects.filter(pk=w.plant_site.pk).update(time_zone="America/New_York")


CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "a charge is corrected": (correct_mass, {"processed_kg": 600}),
    "a nameplate begins later": (shorten_nameplate, {"nameplate_kg": None}),
    "an outage is reported late": (report_outage, {"available_kg": 5000}),
    "the plant was paused": (pause, {"status": "paused", "available_kg": 0}),
    "the line was paused": (pause_line, {"status": "paused", "available_kg": 0}),
    "the time zone was wrong": (move_clock, {"processed_kg": 0}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_day_follows_from_makes_it_stale(world: World, change: str) -> None:
    act, after = CHANGES[change]
    batch = long_ago(world)
    before = day(world.shredder)
    assert any(getattr(before, name) != value for name, value in after.items())
    act(world, batch)
    assert UtilizationDue.objects.filter(line=world.shredder, month=date(2025, 4, 1)).exists()
    utilization.refresh_due()
    assert {name: getattr(day(world.shredder), name) for name in after} == after


def test_a_lot_that_is_removed_or_corrected_makes_its_day_stale(world: World) -> None:
    Nameplate.objects.filter(line=world.shredder).update(basis="output", t_per_year=73)
    batch, _none = process(
        world,
        world.shredder,
        packs=batteries_at(world, world.plant_site, 2, at=at(2025, 3, 1)),
        charged_at=at(2025, 4, 1),
    )
    actor = world.actor(world.recycler)
    lot = outputs.record_output(
        actor=actor, batch=batch, number="L", material=Material.objects.get(pk="copper"), mass_value=Decimal(5),
        made_at=at(2025, 4, 1),
    )  # fmt: skip
    utilization.refresh_due()
    assert day(world.shredder).processed_kg == 5
    Lot.objects.filter(pk=lot.pk).update(mass_value=Decimal(3))
    utilization.refresh_due()
    assert day(world.shredder).processed_kg == 3
    outputs.remove_output(actor=actor, batch=batch, lot=lot.pk, removed_at=at(2025, 4, 2), reason="Counted twice.")
    utilization.refresh_due()
    assert day(world.shredder).processed_kg == 0


def test_what_changes_no_day_makes_none_stale(world: World) -> None:
    """Whose a battery is may be decided years later, and a shipment moves lots: neither is load."""
    batch = long_ago(world)
    charge = batch.charges.first()
    assert charge is not None
    Charge.objects.filter(batch=batch).update(is_claimed=True)
    Batch.objects.filter(pk=batch.pk).update(explanation="", stale_since=None)
    Facility.objects.filter(pk=world.plant_site.pk).update(locality="Sparks")
    Nameplate.objects.create(
        line=world.shredder, t_per_year=1, valid=(date(2010, 1, 1), date(2011, 1, 1)), source="of days never computed"
    )
    assert not UtilizationDue.objects.exists()


def test_a_line_added_beside_reports_with_its_plant(world: World) -> None:
    """A batch that is entered late makes the whole plant one that reports, for a month."""
    second = ProcessLine.objects.create(plant=world.plant, name="Second", stage=Stage.PREPROCESS)
    computed(world, date(2025, 3, 1), date(2025, 6, 30))
    assert day(second).processed_kg is None
    process(
        world,
        world.shredder,
        packs=batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1)),
        charged_at=at(2025, 4, 1),
    )
    utilization.refresh_due()
    reported = UtilizationSnapshot.objects.filter(line=second, processed_kg=0).order_by("day")
    days = list(reported.values_list("day", flat=True))
    assert (days[0], days[-1], len(days)) == (APRIL, date(2025, 5, 1), 31)


def test_statements_do_not_grow_with_what_changed(world: World) -> None:
    def statements(number: int) -> int:
        process(
            world, world.shredder, packs=batteries_at(world, world.plant_site, number, at=at(2025, 3, 1)),
            charged_at=at(2025, 4, 15),
        )  # fmt: skip
        with CaptureQueriesContext(connection) as queries, transaction.atomic():
            assert utilization.refresh_due()
        return len(queries)

    utilization.refresh_due()
    assert statements(1) == statements(20)
