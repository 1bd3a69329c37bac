"""Edges of intakes and inspections: what is not listed at the gate, and which inspection of a battery holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.models import Role
from collection.models import Battery, Lot, LotStatus, Material, Shipment
from collection.services import lots, shipments
from collection.services.packing import NewLine
from recycling.models import Inspection
from recycling.services import inspections, intakes
from recycling.services.inspections import Triage
from recycling.services.intakes import ReceivedBattery, RejectedThing
from tests.world import World, ago, batteries_at, collected_pickup


def mixed_load(w: World) -> tuple[Shipment, list[Battery], Lot]:
    """Two batteries and a lot on the road from the hub to the plant."""
    actor = w.actor(w.collector)
    batteries = batteries_at(w, w.hub, 2)
    lot = lots.bring_in(
        actor=actor, facility=w.hub, number="X-1", material=Material.objects.get(pk="black_mass"),
        mass_value=Decimal(100), origin="elsewhere", brought_at=ago(days=30),
    )  # fmt: skip
    shipment = shipments.draft(
        actor=actor, origin=w.hub, destination=w.plant_site, carrier=w.carrier,
        lines=[*(NewLine(battery=battery.pk) for battery in batteries), NewLine(lot=lot.pk)],
    )  # fmt: skip
    shipments.make_ready(actor=actor, shipment=shipment)
    return shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=ago(days=9)), batteries, lot


def weighing(w: World, shipment: Shipment, net: int) -> dict[str, Any]:
    return {
        "actor": w.actor(w.recycler), "plant": w.plant, "shipment": shipment, "ticket": "T-1",
        "weighed_at": ago(days=6), "gross_value": Decimal(5000 + net), "tare_value": Decimal(5000),
    }  # fmt: skip


def test_a_lot_that_is_not_listed_is_not_missing(world: World) -> None:
    """Only batteries are listed one by one; a lot that nobody refused was received."""
    shipment, (one, two), lot = mixed_load(world)
    intake = intakes.record(**weighing(world, shipment, 500), batteries=[ReceivedBattery(one.pk)])
    assert [(d.kind, d.battery) for d in intake.discrepancies.all()] == [("missing", two)]
    lot.refresh_from_db()
    assert (lot.status, lot.facility) == (LotStatus.IN_STOCK, world.plant_site)


def test_a_lot_that_is_refused_goes_back(world: World) -> None:
    shipment, _batteries, lot = mixed_load(world)
    intakes.record(**weighing(world, shipment, 800), rejected=[RejectedThing("wet", lot=lot.pk)])
    lot.refresh_from_db()
    assert (lot.status, lot.shipment) == (LotStatus.IN_TRANSIT, Shipment.objects.get(return_of=shipment))


def test_a_mass_that_was_not_declared_is_no_difference(world: World) -> None:
    """Neither of the battery, nor of the load that it is part of."""
    shipment = collected_pickup(world, 1, mass_value=None).shipment
    assert not intakes.record(**weighing(world, shipment, 5000)).discrepancies.exists()


def test_a_battery_that_came_is_weighed_instead_of_declared(world: World) -> None:
    """The load is compared with what its batteries weighed, as far as they were weighed: 440 + 400 kg."""
    shipment = collected_pickup(world, 2).shipment
    one, two = Battery.objects.order_by("pk")
    found = [ReceivedBattery(one.pk, received_value=Decimal(440)), ReceivedBattery(two.pk)]
    intake = intakes.record(**weighing(world, shipment, 840), batteries=found)
    assert [(d.kind, d.battery, d.received_kg) for d in intake.discrepancies.all()] == [
        ("battery_mass", one, Decimal(440)),
    ]


def test_a_correction_keeps_the_note_and_says_why(world: World) -> None:
    intake = intakes.record(**weighing(world, collected_pickup(world, 1).shipment, 400), note="in rain")
    intakes.correct_weighing(
        actor=world.actor(world.recycler, Role.MANAGER), intake=intake, gross_value=Decimal(5400),
        tare_value=Decimal(4999), unit="kg", reason="typed wrongly",
    )  # fmt: skip
    intake.refresh_from_db()
    assert (intake.note, intake.net_kg) == ("in rain typed wrongly", 401)


# Which inspection holds


def test_of_two_inspections_of_the_same_moment_the_later_entry_holds(world: World) -> None:
    (battery,) = batteries_at(world, world.plant_site)
    about: dict[str, Any] = {
        "actor": world.actor(world.recycler), "plant": world.plant, "battery": battery, "inspected_at": ago(days=5)
    }  # fmt: skip
    for decision in ("reuse", "recycle", "repurpose"):
        made = inspections.inspect(**about, decision=decision)
        assert inspections.newest_inspections([battery.pk]) == {battery.pk: made}


def test_an_inspection_that_is_noted_late_does_not_hold(world: World) -> None:
    """The ledger refuses an entry that is earlier than the last; whoever writes the row alone changes no decision."""
    (battery,) = batteries_at(world, world.plant_site)
    actor = world.actor(world.recycler)
    made = inspections.inspect(
        actor=actor, plant=world.plant, battery=battery, inspected_at=ago(days=5), decision="recycle"
    )
    Inspection.objects.create(
        plant=world.plant, battery=battery, inspected_at=ago(days=6), decision="reuse", inspector=actor.user,
        condition="intact",
    )  # fmt: skip
    assert inspections.newest_inspections([battery.pk]) == {battery.pk: made}


def test_health_that_was_not_measured_stays_what_it_was(world: World) -> None:
    one, two = batteries_at(world, world.plant_site, 2)
    actor = world.actor(world.recycler)
    for health, days in ((Decimal("0.813"), 5), (None, 4)):
        inspections.inspect_many(
            actor=actor, plant=world.plant, inspected_at=ago(days=days),
            inspections=[Triage(one.pk, "reuse", "damaged", health), Triage(two.pk, "recycle", "intact", health)],
        )  # fmt: skip
    for battery, condition in ((one, "damaged"), (two, "intact")):
        battery.refresh_from_db()
        assert (battery.condition, battery.state_of_health) == (condition, Decimal("0.813"))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE recycling_intake SET unit = 'zz'",
        "UPDATE recycling_intakebattery SET unit = 'zz'",
        "UPDATE recycling_discrepancy SET settled_at = now()",
        (
            "INSERT INTO recycling_intake (plant_id, shipment_id, ticket, weighed_at, gross_value, tare_value, unit,"
            " recorded_by_id, recorded_at, note, is_simulated) SELECT plant_id, shipment_id, 'T-2', weighed_at,"
            " gross_value, tare_value, unit, recorded_by_id, recorded_at, note, is_simulated FROM recycling_intake"
        ),
        (
            "INSERT INTO recycling_inspection (plant_id, battery_id, inspected_at, condition, decision, note,"
            " inspector_id) SELECT plant_id, battery_id, now(), 'intact', 'melt', '', recorded_by_id"
            " FROM recycling_intake JOIN recycling_intakebattery ON intake_id = recycling_intake.id"
        ),
        (
            "INSERT INTO recycling_inspection (plant_id, battery_id, inspected_at, condition, decision, note,"
            " inspector_id, state_of_health) SELECT plant_id, battery_id, now(), 'intact', 'reuse', '', recorded_by_id,"
            " 1.001 FROM recycling_intake JOIN recycling_intakebattery ON intake_id = recycling_intake.id"
        ),
    ],
)
def test_the_database_refuses(world: World, sql: str) -> None:
    intakes.record(**weighing(world, collected_pickup(world, 1).shipment, 600))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
