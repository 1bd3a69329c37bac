"""Receiving: partial rejection and the way back, masses, storage, and things that are lost on the way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.errors import Forbidden, Invalid, Refused
from collection.models import Battery, BatteryStatus, CustodyEvent, Facility, Shipment, ShipmentLine, ShipmentStatus
from collection.services import batteries, proposals, shipments
from collection.services.packing import NewLine, NewPackage
from collection.services.receiving import ReceivedLine
from tests.refusals import refused
from tests.world import World, ago, batteries_at


def arrived(world: World, number: int = 3) -> tuple[Shipment, list[int]]:
    """A shipment at the plant's gate, and the ids of its lines."""
    packs = batteries_at(world, world.yard, number)
    Battery.objects.filter(pk=packs[0].pk).update(condition="damaged")
    actor = world.actor(world.yard_owner)
    lines = [NewLine(battery=pack.pk, package="S" if index else "D") for index, pack in enumerate(packs)]
    shipment = shipments.draft(
        actor=actor, origin=world.yard, destination=world.plant_site, carrier=world.carrier, vehicle="T1",
        packages=[NewPackage("S"), NewPackage("D", "damaged", "P908", "UN3480")], lines=lines,
    )  # fmt: skip
    shipments.make_ready(actor=actor, shipment=shipment)
    shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=ago(days=6))
    shipments.arrive(actor=world.actor(world.carrier), shipment=shipment, arrived_at=ago(days=5))
    return shipment, list(shipment.lines.order_by("pk").values_list("pk", flat=True))


def test_what_is_rejected_turns_back_and_can_be_received_where_it_came_from(world: World) -> None:
    shipment, (first, second, third) = arrived(world)
    shipments.receive(
        actor=world.actor(world.recycler), shipment=shipment, received_at=ago(days=4),
        rejected={first: "leaking", second: " wrong pack "},
    )  # fmt: skip
    shipment.refresh_from_db()
    assert (shipment.status, shipment.reason) == (ShipmentStatus.PARTLY_REJECTED, "leaking; wrong pack")
    assert list(shipment.lines.order_by("pk").values_list("outcome", "reason")) == [
        ("rejected", "leaking"), ("rejected", "wrong pack"), ("accepted", ""),
    ]  # fmt: skip
    back = Shipment.objects.get(return_of=shipment)
    assert (back.status, back.origin, back.destination) == (ShipmentStatus.IN_TRANSIT, world.plant_site, world.yard)
    assert (back.carrier, back.shipper, back.vehicle) == (world.carrier, world.yard_owner, "T1")
    assert set(back.packages.values_list("label", "kind", "packing_instruction")) == {
        ("S", "sound", ""), ("D", "damaged", "P908"),
    }  # fmt: skip
    turned = [ShipmentLine.objects.get(pk=pk).battery for pk in (first, second)]
    for battery in turned:
        assert battery is not None
        battery.refresh_from_db()
        assert (battery.status, battery.shipment) == (BatteryStatus.IN_TRANSIT, back)
        last = battery.events.latest("sequence")
        assert (last.kind, last.from_shipment, last.to_shipment) == ("rejected", shipment, back)
        assert last.from_organization == last.to_organization == world.carrier  # never in the receiver's custody
    owner = world.actor(world.yard_owner)
    shipments.document(actor=world.actor(world.recycler), shipment=back, kind="other", number="R-1")
    shipments.arrive(actor=owner, shipment=back, arrived_at=ago(days=3))
    shipments.receive(actor=owner, shipment=back, received_at=ago(days=2))
    assert Battery.objects.filter(pk__in=[b.pk for b in turned if b], facility=world.yard).count() == 2
    accepted = ShipmentLine.objects.get(pk=third).battery
    assert accepted is not None and accepted.facility == world.plant_site


def test_a_return_can_be_rejected_too_and_a_rejected_mass_changes_nothing(world: World) -> None:
    shipment, lines = arrived(world, 1)
    shipments.receive(
        actor=world.actor(world.recycler), shipment=shipment, received_at=ago(days=4), rejected={lines[0]: "no room"}
    )
    shipment.refresh_from_db()
    assert shipment.status == ShipmentStatus.REJECTED
    back = Shipment.objects.get(return_of=shipment)
    owner = world.actor(world.yard_owner)
    shipments.arrive(actor=owner, shipment=back, arrived_at=ago(days=3))
    shipments.receive(actor=owner, shipment=back, received_at=ago(days=3), rejected={back.lines.get().pk: "not ours"})
    again = Shipment.objects.get(return_of=back)
    assert (again.origin, again.destination) == (world.yard, world.plant_site)
    battery = Battery.objects.get()
    assert (battery.shipment, battery.mass_kg) == (again, 400)
    assert [e.sequence for e in battery.events.order_by("sequence")] == [1, 2, 3, 4]


def test_a_condition_found_out_on_the_way_does_not_stop_the_return(world: World) -> None:
    shipment, (_first, second, third) = arrived(world)
    Battery.objects.filter(shipment_lines=second).update(condition="damaged")
    shipments.receive(
        actor=world.actor(world.recycler), shipment=shipment, received_at=ago(days=4),
        rejected={second: "smoking", third: "wrong"},
    )  # fmt: skip
    back = Shipment.objects.get(return_of=shipment)
    assert {line.package.label if line.package else None for line in back.lines.all()} == {None, "S"}


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        (lambda a, b, c: {"rejected": {10**9: "x"}}, "rejected"),
        (lambda a, b, c: {"rejected": {a: "  "}}, "rejected"),
        (lambda a, b, c: {"accepted": [ReceivedLine(10**9)]}, "accepted.0.line"),
        (lambda a, b, c: {"accepted": [ReceivedLine(a), ReceivedLine(a)]}, "accepted.1.line"),
        (lambda a, b, c: {"accepted": [ReceivedLine(a)], "rejected": {a: "x"}}, "accepted.0.line"),
        (lambda a, b, c: {"accepted": [ReceivedLine(a), ReceivedLine(b)]}, "accepted"),
        (lambda a, b, c: {"accepted": [ReceivedLine(a, Decimal(0))]}, "accepted.0.received_value"),
        (lambda a, b, c: {"accepted": [ReceivedLine(a, Decimal(-5))]}, "accepted.0.received_value"),
        (lambda a, b, c: {"accepted": [ReceivedLine(a, Decimal("NaN"))]}, "accepted.0.received_value"),
        (lambda a, b, c: {"accepted": [ReceivedLine(a, Decimal(1), "stone")]}, "accepted.0.unit"),
    ],
)
def test_an_answer_that_makes_no_sense(world: World, answer: Any, field: str) -> None:
    shipment, lines = arrived(world)
    refused(
        Invalid, shipments.receive, field, actor=world.actor(world.recycler), shipment=shipment,
        received_at=ago(days=4), **answer(*lines),
    )  # fmt: skip


def test_the_storage_limit_counts_what_is_there_and_what_comes(world: World) -> None:
    batteries_at(world, world.plant_site, 2)
    shipment, lines = arrived(world)
    receive: dict[str, Any] = {
        "actor": world.actor(world.recycler), "shipment": shipment, "received_at": ago(days=4),
    }  # fmt: skip
    Facility.objects.filter(pk=world.plant_site.pk).update(storage_limit_kg=1999)
    error = refused(Refused, shipments.receive, "shipment", **receive)
    assert error.code == "storage_limit"
    heavier = [ReceivedLine(pk, Decimal(401)) for pk in lines]
    Facility.objects.filter(pk=world.plant_site.pk).update(storage_limit_kg=2000)
    refused(Refused, shipments.receive, "shipment", **receive, accepted=heavier)
    shipments.receive(**receive)
    (more,) = batteries_at(world, world.yard)
    Battery.objects.filter(pk=more.pk).update(mass_value=None)
    facility = Facility.objects.get(pk=world.plant_site.pk)
    register: dict[str, Any] = {"world": world, "facility": facility, "mass_value": None}
    refused(Refused, batteries_at, "facility", **register)  # it weighs what its model does


def test_a_rejected_line_does_not_count_towards_the_storage_limit(world: World) -> None:
    shipment, (first, _second, _third) = arrived(world)
    Facility.objects.filter(pk=world.plant_site.pk).update(storage_limit_kg=800)
    shipments.receive(
        actor=world.actor(world.recycler), shipment=shipment, received_at=ago(days=4), rejected={first: "no room"}
    )


def test_what_is_lost_on_the_way_leaves_the_shipment(world: World) -> None:
    shipment, (first, second, third) = arrived(world)
    line = ShipmentLine.objects.select_related("battery").get(pk=second)
    lost: dict[str, Any] = {"battery": line.battery, "occurred_at": ago(days=5), "reason": "burnt"}
    refused(Forbidden, batteries.report_lost, actor=world.actor(world.yard_owner), **lost)
    batteries.report_lost(actor=world.actor(world.carrier), **lost)
    line.refresh_from_db()
    assert (line.outcome, line.reason) == ("removed", "burnt")
    shipments.receive(
        actor=world.actor(world.recycler), shipment=shipment, received_at=ago(days=4),
        accepted=[ReceivedLine(first), ReceivedLine(third)],
    )  # fmt: skip
    battery = Battery.objects.get(pk=line.battery_id)
    assert (battery.status, battery.facility, battery.shipment) == (BatteryStatus.LOST, None, None)
    claim = proposals.propose(
        actor=world.actor(world.collector), organization=world.collector, battery=battery, reason="by the road",
        facility=world.hub, occurred_at=ago(days=1),
    )  # fmt: skip
    proposals.accept(actor=world.actor(world.carrier), proposal=claim)
    assert Battery.objects.get(pk=battery.pk).facility == world.hub


def test_a_shipment_that_lost_everything_is_received_empty(world: World) -> None:
    shipment, _lines = arrived(world, 1)
    battery = Battery.objects.get()
    batteries.report_lost(actor=world.actor(world.carrier), battery=battery, occurred_at=ago(days=5), reason="burnt")
    done = shipments.receive(actor=world.actor(world.recycler), shipment=shipment, received_at=ago(days=4))
    assert done.status == ShipmentStatus.RECEIVED
    assert not CustodyEvent.objects.filter(kind="received").exists()
