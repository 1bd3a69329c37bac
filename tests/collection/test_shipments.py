"""Shipments: every verb in its order and out of it, packing, borders, and what the database refuses."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import (
    SHIPMENT_MOVES,
    Battery,
    BatteryStatus,
    CustodyEvent,
    Package,
    Shipment,
    ShipmentLine,
    ShipmentStatus,
    TransportDocument,
)
from collection.services import batteries, shipments
from collection.services.packing import NewLine, NewPackage
from collection.services.receiving import ReceivedLine
from tests.collection.shipping import arrived, black_mass, consent_for, on_the_road, ready
from tests.refusals import refused
from tests.world import World, ago, batteries_at, drafted_shipment, now

DAMAGED = NewPackage("D1", "damaged", "P908", "UN3480")


def test_from_draft_to_closed(world: World) -> None:
    first, second = batteries_at(world, world.yard, 2)
    shipper, carrier, receiver = (world.actor(o) for o in (world.yard_owner, world.carrier, world.recycler))
    shipment = drafted_shipment(world, [first])
    shipments.pack(
        actor=shipper, shipment=shipment, packages=[NewPackage("1")],
        lines=[NewLine(battery=second.pk, package="1", declared_value=Decimal(900), unit="lb")],
    )  # fmt: skip
    shipments.change(actor=shipper, shipment=shipment, vehicle="Truck 9", planned_at=ago(days=6))
    shipments.make_ready(actor=shipper, shipment=shipment)
    shipments.reopen(actor=shipper, shipment=shipment)
    shipments.make_ready(actor=shipper, shipment=shipment)
    shipments.document(actor=carrier, shipment=shipment, kind="bill_of_lading", number=" BL-1 ")
    shipments.dispatch(actor=carrier, shipment=shipment, dispatched_at=ago(days=6))
    first.refresh_from_db()
    assert (first.status, first.shipment, first.facility) == (BatteryStatus.IN_TRANSIT, shipment, None)
    shipments.arrive(actor=carrier, shipment=shipment, arrived_at=ago(days=5))
    line = ShipmentLine.objects.get(battery=first)
    other = ShipmentLine.objects.get(battery=second)
    shipment = shipments.receive(
        actor=receiver, shipment=shipment, received_at=ago(days=4),
        accepted=[ReceivedLine(line.pk, Decimal(880), "lb"), ReceivedLine(other.pk)],
    )  # fmt: skip
    assert (shipment.status, shipment.vehicle, shipment.reason) == (ShipmentStatus.RECEIVED, "Truck 9", "")
    assert TransportDocument.objects.get().number == "BL-1"
    first.refresh_from_db()
    second.refresh_from_db()
    assert first.mass_kg == Decimal("399.1612856") and second.mass_kg == 400
    assert {first.facility, second.facility} == {world.plant_site}
    events = CustodyEvent.objects.filter(battery=second).order_by("sequence")
    assert [(e.kind, e.from_organization, e.to_organization) for e in events] == [
        ("given_up", None, world.yard_owner),
        ("dispatched", world.yard_owner, world.carrier),
        ("received", world.carrier, world.recycler),
    ]
    assert events[1].mass_kg == Decimal("408.233133")
    closed = shipments.close(actor=world.actor(world.recycler, Role.MANAGER), shipment=shipment)
    assert closed.status == ShipmentStatus.CLOSED


def test_lines_can_be_taken_off_and_put_on_again(world: World) -> None:
    (pack,) = batteries_at(world, world.yard)
    shipment = drafted_shipment(world, [pack])
    actor = world.actor(world.yard_owner)
    refused(Invalid, shipments.unpack, "lines.0", actor=actor, shipment=shipment, lines=[10**9])
    shipments.unpack(actor=actor, shipment=shipment, lines=[shipment.lines.get().pk])
    refused(Refused, shipments.make_ready, "lines", actor=actor, shipment=shipment)
    shipments.pack(actor=actor, shipment=shipment, lines=[NewLine(battery=pack.pk)])
    shipments.make_ready(actor=actor, shipment=shipment)
    refused(Refused, shipments.pack, actor=actor, shipment=shipment, lines=[])
    refused(Refused, shipments.unpack, actor=actor, shipment=shipment, lines=[])
    refused(Refused, shipments.change, actor=actor, shipment=shipment, vehicle="x")


@pytest.mark.parametrize("planned_at", [datetime(1999, 12, 31, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)])
def test_a_departure_that_nobody_plans(world: World, planned_at: datetime) -> None:
    (pack,) = batteries_at(world, world.yard)
    refused(Invalid, drafted_shipment, "planned_at", world=world, things=[pack], planned_at=planned_at)
    shipment = drafted_shipment(world, [pack], planned_at=ago(days=1))
    actor = world.actor(world.yard_owner)
    refused(Invalid, shipments.change, "planned_at", actor=actor, shipment=shipment, planned_at=planned_at)
    shipments.change(actor=actor, shipment=shipment, planned_at=ago(days=-30))


def test_a_cancelled_shipment_frees_its_lines(world: World) -> None:
    (pack,) = batteries_at(world, world.yard)
    shipment = ready(world, [pack])
    actor = world.actor(world.yard_owner)
    refused(Refused, drafted_shipment, "lines.0.battery", world=world, things=[pack])
    refused(Invalid, shipments.cancel, "reason", actor=actor, shipment=shipment, reason=" ")
    refused(Invalid, shipments.cancel, "reason", actor=actor, shipment=shipment, reason="x" * 501)
    shipments.cancel(actor=actor, shipment=shipment, reason="no truck")
    refused(Refused, shipments.document, actor=actor, shipment=shipment, kind="manifest", number="1")
    line = shipment.lines.get()
    refused(
        Refused, shipments.correct, actor=actor, shipment=shipment, line=line.pk, declared_value=Decimal(1), reason="x",
        corrected_at=now(),
    )  # fmt: skip
    drafted_shipment(world, [pack])


@pytest.mark.parametrize("role", [Role.VIEWER, None])
def test_who_may_do_what(world: World, role: Role | None) -> None:
    """A viewer of the right organization, and an operator of another, may do nothing."""
    packs = batteries_at(world, world.yard, 2)
    shipment = drafted_shipment(world, packs[:1])
    line = shipment.lines.get().pk

    def wrong(organization: Any) -> Any:
        return world.actor(organization, role) if role else world.actor(world.stranger)

    shipper, receiver = wrong(world.yard_owner), wrong(world.recycler)
    about: dict[str, Any] = {"actor": shipper, "shipment": shipment}
    refused(Forbidden, shipments.draft, actor=shipper, origin=world.yard, destination=world.hub, carrier=world.carrier)
    refused(Forbidden, shipments.pack, **about, lines=[])
    refused(Forbidden, shipments.unpack, **about, lines=[])
    refused(Forbidden, shipments.change, **about)
    refused(Forbidden, shipments.make_ready, **about)
    refused(Forbidden, shipments.reopen, **about)
    refused(Forbidden, shipments.cancel, **about, reason="x")
    refused(Forbidden, shipments.dispatch, **about, dispatched_at=now())
    refused(Forbidden, shipments.arrive, **about, arrived_at=now())
    refused(Forbidden, shipments.document, **about, kind="manifest", number="1")
    refused(Forbidden, shipments.correct, **about, line=line, declared_value=Decimal(1), reason="x", corrected_at=now())
    refused(Forbidden, shipments.receive, actor=receiver, shipment=shipment, received_at=now())
    refused(Forbidden, shipments.close, actor=receiver, shipment=shipment)
    operator = world.actor(world.recycler)
    refused(Forbidden, shipments.close, actor=operator, shipment=shipment)
    refused(Forbidden, shipments.receive, actor=world.actor(world.yard_owner), shipment=shipment, received_at=now())


def test_no_verb_out_of_its_order(world: World) -> None:
    packs = batteries_at(world, world.yard, 1)
    shipment = drafted_shipment(world, packs)
    shipper, manager = world.actor(world.yard_owner), world.actor(world.recycler, Role.MANAGER)
    verbs: dict[str, Any] = {
        "make_ready": lambda: shipments.make_ready(actor=shipper, shipment=shipment),
        "reopen": lambda: shipments.reopen(actor=shipper, shipment=shipment),
        "cancel": lambda: shipments.cancel(actor=shipper, shipment=shipment, reason="x"),
        "dispatch": lambda: shipments.dispatch(actor=shipper, shipment=shipment, dispatched_at=ago(days=3)),
        "arrive": lambda: shipments.arrive(actor=manager, shipment=shipment, arrived_at=ago(days=2)),
        "receive": lambda: shipments.receive(actor=manager, shipment=shipment, received_at=ago(days=1)),
        "close": lambda: shipments.close(actor=manager, shipment=shipment),
    }
    legal = {
        "draft": {"make_ready", "cancel"}, "ready": {"reopen", "cancel", "dispatch"}, "in_transit": {"arrive"},
        "arrived": {"receive"}, "received": {"close"}, "closed": set[str](),
    }  # fmt: skip
    for step in ("make_ready", "dispatch", "arrive", "receive", "close", None):
        shipment.refresh_from_db()
        for name in set(verbs) - legal[shipment.status]:
            refused(Refused, verbs[name])
        if step:
            verbs[step]()


def test_a_draft_that_makes_no_sense(world: World) -> None:
    here, there = *batteries_at(world, world.yard), *batteries_at(world, world.hub)
    lot = black_mass(world, world.hub)
    actor = world.actor(world.yard_owner)
    draft: dict[str, Any] = {
        "actor": actor, "origin": world.yard, "destination": world.hub, "carrier": world.carrier,
        "packages": [NewPackage("S")],
    }  # fmt: skip

    def lines(*rows: NewLine) -> dict[str, Any]:
        return draft | {"lines": rows}

    refused(Invalid, shipments.draft, "destination", **draft | {"destination": world.yard})
    refused(Invalid, shipments.draft, "carrier", **draft | {"carrier": world.recycler})
    refused(Invalid, shipments.draft, "lines.0", **lines(NewLine()))
    refused(Invalid, shipments.draft, "lines.0", **lines(NewLine(battery=here.pk, lot=lot.pk)))
    refused(Invalid, shipments.draft, "lines.0.battery", **lines(NewLine(battery=there.pk)))
    refused(Invalid, shipments.draft, "lines.0.battery", **lines(NewLine(battery=10**12)))
    refused(Invalid, shipments.draft, "lines.0.lot", **lines(NewLine(lot=lot.pk)))
    refused(Refused, shipments.draft, "lines.0.battery", **lines(NewLine(battery=here.pk), NewLine(battery=here.pk)))
    refused(Invalid, shipments.draft, "lines.0.package", **lines(NewLine(battery=here.pk, package="nowhere")))
    for value in ("0", "-5", "NaN", "Infinity", "1e12", "0.0001"):
        bad = NewLine(battery=here.pk, declared_value=Decimal(value))
        refused(Invalid, shipments.draft, "lines.0.declared_value", **lines(bad))
    bad = NewLine(battery=here.pk, declared_value=Decimal(1), unit="zz")
    refused(Invalid, shipments.draft, "lines.0.unit", **lines(bad))
    for package, field in (
        (NewPackage("S"), "packages.1.label"),
        (NewPackage(" "), "packages.1.label"),
        (NewPackage("x" * 41), "packages.1.label"),
        (NewPackage("T", "fragile"), "packages.1.kind"),
    ):
        refused(Invalid, shipments.draft, field, **draft | {"packages": [NewPackage("S"), package]})


def test_damaged_batteries_never_travel_with_sound_ones(world: World) -> None:
    sound, *bad = batteries_at(world, world.yard, 4)
    for pack, condition in zip(bad, ("damaged", "defective", "recalled"), strict=True):
        Battery.objects.filter(pk=pack.pk).update(condition=condition)
    actor = world.actor(world.yard_owner)
    draft: dict[str, Any] = {
        "actor": actor, "origin": world.yard, "destination": world.hub, "carrier": world.carrier,
        "packages": [NewPackage("S"), DAMAGED],
    }  # fmt: skip
    for pack in bad:
        wrong = [NewLine(battery=pack.pk, package="S")]
        error = refused(Refused, shipments.draft, "lines.0.package", **draft | {"lines": wrong})
        assert error.code == "damaged_apart"
    refused(Refused, shipments.draft, "lines.0.package", **draft | {"lines": [NewLine(battery=sound.pk, package="D1")]})
    loose = shipments.draft(**draft | {"lines": [NewLine(battery=bad[0].pk)]})
    shipments.make_ready(actor=actor, shipment=loose)
    refused(Refused, shipments.dispatch, "lines", actor=actor, shipment=loose, dispatched_at=ago(days=1))
    shipments.cancel(actor=actor, shipment=loose, reason="needs a package")
    good = shipments.draft(
        **draft
        | {"lines": [NewLine(battery=sound.pk, package="S")] + [NewLine(battery=b.pk, package="D1") for b in bad]}
    )
    shipments.make_ready(actor=actor, shipment=good)
    Battery.objects.filter(pk=sound.pk).update(condition="damaged")  # found out after packing
    refused(Refused, shipments.dispatch, "lines", actor=actor, shipment=good, dispatched_at=ago(days=1))
    Battery.objects.filter(pk=sound.pk).update(condition="intact")
    shipments.dispatch(actor=actor, shipment=good, dispatched_at=ago(days=1))


@pytest.mark.parametrize("condition", ["intact", "damaged", "defective", "recalled"])
@pytest.mark.parametrize("kind", ["sound", "damaged"])
def test_the_database_keeps_damaged_batteries_apart(world: World, condition: str, kind: str) -> None:
    (pack,) = batteries_at(world, world.yard)
    Battery.objects.filter(pk=pack.pk).update(condition=condition)
    shipment = drafted_shipment(world, [])
    package = Package.objects.create(shipment=shipment, label="x", kind=kind)
    fits = (kind == "damaged") == (condition != "intact")

    def insert() -> None:
        ShipmentLine.objects.create(shipment=shipment, battery=pack, package=package)

    def update() -> None:
        line = ShipmentLine.objects.create(shipment=shipment, battery=pack)
        ShipmentLine.objects.filter(pk=line.pk).update(package=package)

    for write in (insert, update):
        if fits:
            write()
            shipment.lines.all().delete()
        else:
            with pytest.raises(IntegrityError, match="may not be packed"), transaction.atomic():
                write()
            assert not shipment.lines.filter(package=package).exists()


def test_a_package_keeps_its_kind(world: World) -> None:
    package = Package.objects.create(shipment=drafted_shipment(world, []), label="x", kind="sound")
    with pytest.raises(IntegrityError, match="keeps its kind"), transaction.atomic():
        Package.objects.filter(pk=package.pk).update(kind="damaged")
    Package.objects.filter(pk=package.pk).update(label="y")


def test_what_left_meanwhile_is_not_dispatched(world: World) -> None:
    (pack,) = batteries_at(world, world.yard)
    shipment = ready(world, [pack])
    batteries.report_lost(actor=world.actor(world.yard_owner), battery=pack, occurred_at=ago(days=2), reason="stolen")
    actor = world.actor(world.yard_owner)
    refused(Refused, shipments.dispatch, "lines", actor=actor, shipment=shipment, dispatched_at=ago(days=1))


def test_times_are_in_order_and_not_in_the_future(world: World) -> None:
    shipment = ready(world, batteries_at(world, world.yard))
    shipper, receiver = world.actor(world.yard_owner), world.actor(world.recycler)
    late = now() + timedelta(days=1)
    refused(Invalid, shipments.dispatch, "dispatched_at", actor=shipper, shipment=shipment, dispatched_at=late)
    refused(Refused, shipments.dispatch, "dispatched_at", actor=shipper, shipment=shipment, dispatched_at=ago(days=99))
    shipments.dispatch(actor=shipper, shipment=shipment, dispatched_at=ago(days=3))
    refused(Invalid, shipments.arrive, "arrived_at", actor=receiver, shipment=shipment, arrived_at=late)
    refused(Invalid, shipments.arrive, "arrived_at", actor=receiver, shipment=shipment, arrived_at=ago(days=4))
    shipments.arrive(actor=receiver, shipment=shipment, arrived_at=ago(days=2))
    refused(Invalid, shipments.receive, "received_at", actor=receiver, shipment=shipment, received_at=late)
    refused(Invalid, shipments.receive, "received_at", actor=receiver, shipment=shipment, received_at=ago(days=3))


def test_a_declared_mass_is_corrected_in_line_and_ledger(world: World) -> None:
    (pack,) = batteries_at(world, world.yard)
    shipment = on_the_road(world, [pack])
    line = shipment.lines.get()
    correct: dict[str, Any] = {
        "actor": world.actor(world.yard_owner), "shipment": shipment, "line": line.pk,
        "declared_value": Decimal(410), "reason": "scale was off", "corrected_at": ago(days=1),
    }  # fmt: skip
    refused(Invalid, shipments.correct, "line", **correct | {"line": 10**9})
    refused(Invalid, shipments.correct, "reason", **correct | {"reason": ""})
    for value in ("0", "-1", "NaN"):
        refused(Invalid, shipments.correct, "declared_value", **correct | {"declared_value": Decimal(value)})
    refused(Refused, shipments.correct, "corrected_at", **correct | {"corrected_at": ago(days=20)})
    shipments.correct(**correct)
    line.refresh_from_db()
    assert line.declared_kg == 410
    last = CustodyEvent.objects.filter(battery=pack).latest("sequence")
    assert (last.kind, last.mass_kg, last.note) == ("corrected", 410, "scale was off")
    assert last.corrects is not None and last.corrects.kind == "dispatched" and last.corrects.mass_kg == 400
    pack.refresh_from_db()
    assert last.to_shipment == shipment == pack.shipment


def test_a_lot_travels_as_a_battery_does(world: World) -> None:
    lot = black_mass(world, world.plant_site)
    actor = world.actor(world.recycler)
    shipment = shipments.draft(
        actor=actor, origin=world.plant_site, destination=world.hub, carrier=world.carrier,
        lines=[NewLine(lot=lot.pk)],
    )  # fmt: skip
    shipments.make_ready(actor=actor, shipment=shipment)
    shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=ago(days=3))
    line = shipment.lines.get()
    shipments.correct(
        actor=actor,
        shipment=shipment,
        line=line.pk,
        declared_value=Decimal(501),
        reason="typo",
        corrected_at=ago(days=2),
    )
    receiver = world.actor(world.collector)
    shipments.arrive(actor=receiver, shipment=shipment, arrived_at=ago(days=2))
    weighed = [ReceivedLine(line.pk, Decimal(499))]
    refused(
        Invalid, shipments.receive, "accepted.0.received_value", actor=receiver, shipment=shipment,
        received_at=ago(days=1), accepted=weighed,
    )  # fmt: skip
    shipments.receive(actor=receiver, shipment=shipment, received_at=ago(days=1))
    lot.refresh_from_db()
    assert (lot.status, lot.facility, lot.mass_kg) == ("in_stock", world.hub, 500)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE collection_shipment SET destination_id = origin_id",
        "UPDATE collection_shipment SET dispatched_at = NULL",
        "UPDATE collection_shipment SET arrived_at = dispatched_at - interval '1 second'",
        "UPDATE collection_shipment SET arrived_at = now(), received_at = now() - interval '1 second'",
        "UPDATE collection_shipment SET reason = ''",
        "UPDATE collection_shipmentline SET lot_id = (SELECT max(id) FROM collection_lot)",
        "UPDATE collection_shipmentline SET battery_id = NULL",
        "UPDATE collection_shipmentline SET declared_value = 0",
        "UPDATE collection_shipmentline SET declared_value = -1",
        "UPDATE collection_shipmentline SET reason = '' WHERE outcome = 'rejected'",
        "UPDATE collection_consent SET to_country_id = from_country_id",
        "UPDATE collection_consent SET limit_kg = 0",
        "UPDATE collection_consent SET number = 'same'",
        "UPDATE collection_package SET label = 'same'",
        "UPDATE collection_transportdocument SET number = 'same'",
        (
            "INSERT INTO collection_shipmentline (shipment_id, battery_id, declared_value, unit, outcome, reason)"
            " SELECT shipment_id, battery_id, declared_value, unit, 'removed', '' FROM collection_shipmentline LIMIT 1"
        ),
        (
            "INSERT INTO collection_shipmentline (shipment_id, lot_id, unit, outcome, reason)"
            " SELECT s.id, l.id, 'kg', 'open', '' FROM collection_shipment s, collection_lot l"
        ),
        (
            "INSERT INTO collection_shipmentline (shipment_id, lot_id, unit, outcome, reason)"
            " SELECT s.id, l.id, 'kg', 'removed', '' FROM collection_lot l, generate_series(1, 2),"
            " (SELECT max(id) AS id FROM collection_shipment) s"
        ),
        (
            "INSERT INTO collection_shipmentline (shipment_id, battery_id, unit, outcome, reason)"
            " SELECT s.id, b.id, 'kg', 'open', '' FROM collection_shipment s, collection_battery b"
            " WHERE b.status = 'in_transit'"
        ),
    ],
)
def test_the_database_refuses(world: World, sql: str) -> None:
    black_mass(world, world.hub)
    consent_for(world)
    consent_for(world)
    shipment = arrived(world, batteries_at(world, world.yard, 2))
    for label in ("a", "b"):
        Package.objects.create(shipment=shipment, label=label, kind="sound")
        TransportDocument.objects.create(shipment=shipment, kind="other", number=label)
    first = shipment.lines.first()
    assert first is not None
    shipments.receive(
        actor=world.actor(world.recycler), shipment=shipment, received_at=ago(days=4), rejected={first.pk: "wet"}
    )
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("old", ShipmentStatus.values)
def test_the_trigger_knows_the_moves(world: World, old: str) -> None:
    rows = Shipment.objects.filter(pk=drafted_shipment(world, []).pk)
    for wanted in ShipmentStatus.values:
        with pgtrigger.ignore("collection.Shipment:status_moves"):
            rows.update(status=old, reason="x", dispatched_at=now())
        if old == wanted or (old, wanted) in SHIPMENT_MOVES:
            rows.update(status=wanted)
        else:
            with pytest.raises(Exception, match="Invalid transition"), transaction.atomic():
                rows.update(status=wanted)
            assert rows.get().status == old


@pytest.mark.parametrize("verb", ["draft", "dispatch", "receive"])
def test_the_number_of_statements_does_not_grow_with_the_batteries(world: World, verb: str) -> None:
    def statements(number: int) -> int:
        packs = batteries_at(world, world.yard, number)
        actor, receiver = world.actor(world.yard_owner), world.actor(world.recycler)

        def act(step: str, run: Any) -> Any:
            with CaptureQueriesContext(connection) as queries:
                result = run()
            if step == verb:
                counts.append(len(queries))
            return result

        counts: list[int] = []
        lines = [NewLine(battery=pack.pk, package="S") for pack in packs]
        shipment = act(
            "draft",
            lambda: shipments.draft(
                actor=actor, origin=world.yard, destination=world.plant_site, carrier=world.carrier, lines=lines,
                packages=[NewPackage("S")],
            ),
        )  # fmt: skip
        shipments.make_ready(actor=actor, shipment=shipment)
        act("dispatch", lambda: shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=ago(days=3)))
        shipments.arrive(actor=receiver, shipment=shipment, arrived_at=ago(days=2))
        ids = list(shipment.lines.values_list("pk", flat=True))
        accepted = [ReceivedLine(pk, Decimal(399)) for pk in ids[: number // 2]]
        rejected = dict.fromkeys(ids[number // 2 :], "wet")
        act(
            "receive",
            lambda: shipments.receive(
                actor=receiver, shipment=shipment, received_at=ago(days=1), accepted=accepted, rejected=rejected
            ),
        )
        return counts[0]

    assert statements(2) == statements(260) < 50


@pytest.mark.django_db(transaction=True)
def test_of_two_receptions_at_once_one_acts(transactional_db: None) -> None:
    from tests.world import build

    world = build()
    (pack,) = batteries_at(world, world.yard)
    shipment = arrived(world, [pack])
    start = threading.Barrier(4)
    outcomes: list[str] = []

    def receive() -> None:
        try:
            actor = world.actor(world.recycler)
            start.wait()
            shipments.receive(actor=actor, shipment=shipment, received_at=ago(days=1))
            outcomes.append("acted")
        except Refused as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=receive) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["acted", "wrong_status", "wrong_status", "wrong_status"]
    assert CustodyEvent.objects.filter(battery=pack, kind="received").count() == 1
