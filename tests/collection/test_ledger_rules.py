"""What the database refuses by itself, by raw writes: entries that do not join on, and things on two shipments."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.errors import Refused
from collection.models import Battery, BatteryStatus, CustodyEvent, CustodyKind, Lot, LotStatus, Shipment, ShipmentLine
from collection.services import batteries, custody
from collection.services.custody import Entry
from tests.collection.sending import battery_file, do
from tests.refusals import refused
from tests.world import World, ago, batteries_at, drafted_shipment, handed_over, now, serial


def truck(world: World) -> Shipment:
    return drafted_shipment(world, [])


def battery_on(world: World, shipment: Shipment) -> Battery:
    batteries_at(world, world.yard)
    things = custody.lock_batteries(Battery.objects.values_list("pk", flat=True))
    entry = Entry(
        world.actor(world.yard_owner), CustodyKind.DISPATCHED, ago(days=3), handover=handed_over(world, shipment)
    )
    custody.move(things, entry, status=BatteryStatus.IN_TRANSIT, to=custody.Place(shipment=shipment))
    return Battery.objects.get()


def lot_on(world: World, shipment: Shipment) -> Lot:
    actor = world.actor(world.yard_owner)
    lot = Lot.objects.create(
        number="L", owner=world.yard_owner, material_id="black_mass", mass_value=Decimal(5), facility=world.yard,
        made_at=ago(days=9),
    )  # fmt: skip
    custody.enter([lot], Entry(actor, CustodyKind.PRODUCED, ago(days=9)), facility=world.yard)
    entry = Entry(actor, CustodyKind.DISPATCHED, ago(days=3), handover=handed_over(world, shipment))
    custody.move([lot], entry, status=LotStatus.IN_TRANSIT, to=custody.Place(shipment=shipment))
    return Lot.objects.get()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda w, here: {"from_shipment": truck(w)},
        lambda w, here: {"from_shipment": None},
        lambda w, here: {"from_shipment": None, "from_facility": w.yard},
        lambda w, here: {"sequence": 4},
        lambda w, here: {"sequence": 1},
    ],
    ids=["another truck", "nowhere", "a facility", "a gap", "the first again"],
)
@pytest.mark.parametrize(("of", "make"), [("battery", battery_on), ("lot", lot_on)])
def test_an_entry_starts_on_the_truck_where_the_last_ended(
    world: World, of: str, make: Callable[[World, Shipment], Any], wrong: Callable[[World, Shipment], dict[str, Any]]
) -> None:
    here = truck(world)
    right = {
        of: make(world, here), "sequence": 3, "kind": "inspected", "occurred_at": now(), "to_status": "in_transit",
        "from_shipment": here, "to_shipment": here, "actor": world.user(world.yard_owner),
    }  # fmt: skip
    before = list(CustodyEvent.objects.order_by("pk").values())
    with pytest.raises(IntegrityError), transaction.atomic():
        CustodyEvent.objects.create(**right | wrong(world, here))
    assert list(CustodyEvent.objects.order_by("pk").values()) == before
    CustodyEvent.objects.create(**right)


@pytest.mark.parametrize(("of", "make"), [("battery", battery_on), ("lot", lot_on)])
def test_nothing_stands_on_two_open_lines(world: World, of: str, make: Callable[[World, Shipment], Any]) -> None:
    first, second = truck(world), truck(world)
    thing = make(world, first)
    line = ShipmentLine.objects.create(shipment=first, **{of: thing})
    with pytest.raises(IntegrityError, match=f"shipment_line_one_open_per_{of}"), transaction.atomic():
        ShipmentLine.objects.create(shipment=second, **{of: thing})
    assert ShipmentLine.objects.get() == line
    ShipmentLine.objects.filter(pk=line.pk).update(outcome="accepted")
    ShipmentLine.objects.create(shipment=second, **{of: thing})


def test_an_imported_battery_is_held_by_who_runs_the_facility(world: World) -> None:
    """Whoever registered it; files name facilities of one's own, so only the statement itself can tell."""
    battery = batteries.register(
        actor=world.actor(world.yard_owner), organization=world.yard_owner, identifiers=[serial()],
        mass_value=Decimal(412),
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE given_up ON COMMIT DROP AS SELECT %s::bigint AS id, %s::bigint AS facility_id,"
            " %s::timestamptz AS given_up_at",
            [battery.pk, world.hub.pk, ago(days=2)],
        )
    assert custody.give_up_imported(actor=world.actor(world.yard_owner), table="given_up") == 1
    entry = battery.events.get()
    assert (entry.to_organization, entry.to_facility, entry.mass_kg) == (world.collector, world.hub, Decimal(412))


def test_the_ledger_notes_the_mass_of_an_imported_battery(world: World) -> None:
    do(world, battery_file("oem_serial,A,t,nmc-60,880,lb,,,,Reno Yard,2026-03-01 23:30"))
    assert CustodyEvent.objects.get().mass_kg == Decimal(880) * Decimal("0.45359237")


def test_a_move_that_is_none_is_refused_in_words(world: World) -> None:
    """Before the database would refuse it."""
    shipment = truck(world)
    battery, lot = battery_on(world, shipment), lot_on(world, shipment)
    entry = Entry(world.actor(world.carrier), CustodyKind.CHARGED, now())
    for act in (
        lambda: custody.move([battery], entry, status=BatteryStatus.CONSUMED, to=custody.NOWHERE),
        lambda: custody.move([lot], entry, status=LotStatus.CONSUMED, to=custody.NOWHERE),
    ):
        assert refused(Refused, act).code == "wrong_status"


def test_two_things_may_happen_in_one_instant(world: World) -> None:
    at = ago(days=3)
    (battery,) = batteries_at(world, world.yard, at=at)
    batteries.report_lost(actor=world.actor(world.yard_owner), battery=battery, occurred_at=at, reason="stolen")
    assert set(battery.events.values_list("occurred_at", flat=True)) == {at}


def test_what_does_not_move_stays_its_holders(world: World) -> None:
    (battery,) = batteries_at(world, world.yard)
    batteries.correct(actor=world.actor(world.yard_owner), battery=battery, reason="x", mass_value=Decimal(9))
    last = battery.events.latest("sequence")
    assert (last.kind, last.from_organization, last.to_organization) == (
        "corrected",
        world.yard_owner,
        world.yard_owner,
    )
