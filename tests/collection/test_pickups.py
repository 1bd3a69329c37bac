"""Pickups: every verb, every rule with a case that breaks it, every constraint with a raw write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Command, Role
from collection.admin.pickups import RequestForm
from collection.models import (
    PICKUP_MOVES,
    Battery,
    BatteryStatus,
    CustodyEvent,
    Package,
    Pickup,
    PickupBattery,
    PickupStatus,
    Shipment,
    ShipmentStatus,
)
from collection.services import pickups
from collection.services.findings import Scan
from collection.services.identifiers import NewIdentifier
from tests.refusals import refused, state
from tests.world import World, ago, batteries_at, now, requested_pickup, scheduled_pickup, serial


def test_a_pickup_from_request_to_truck(world: World) -> None:
    known, damaged = batteries_at(world, world.yard, 2)
    pickup = requested_pickup(world, batteries=[known.pk])
    pickups.schedule(
        actor=world.actor(world.collector), pickup=pickup, carrier=world.carrier, destination=world.plant_site,
        window_start=ago(days=8), window_end=ago(days=7), vehicle="Truck 7",
    )  # fmt: skip
    fresh = serial()
    pickup = pickups.collect(
        actor=world.actor(world.carrier), pickup=pickup, collected_at=ago(days=7),
        batteries=[
            Scan(battery=known.pk, mass_value=Decimal(880), unit="lb"),
            Scan(battery=damaged.pk, condition="damaged"),
            Scan(identifier=fresh, mass_value=Decimal(350), model=world.lfp_pack),
        ],
    )  # fmt: skip
    assert pickup.status == PickupStatus.COLLECTED
    shipment = pickup.shipment
    assert shipment.status == ShipmentStatus.IN_TRANSIT and shipment.carrier == world.carrier
    known.refresh_from_db()
    assert (known.status, known.facility_id, known.shipment_id) == (BatteryStatus.IN_TRANSIT, None, shipment.pk)
    assert known.mass_kg == Decimal(880) * Decimal("0.45359237")
    made = Battery.objects.get(identifiers__value=fresh.value)
    assert made.producer == world.other_producer and made.registered_by == world.yard_owner
    assert [event.kind for event in made.events.order_by("sequence")] == ["given_up", "dispatched"]
    kinds = {line.battery_id: line.package.kind for line in shipment.lines.all()}
    assert kinds == {known.pk: Package.Kind.SOUND, damaged.pk: Package.Kind.DAMAGED, made.pk: Package.Kind.SOUND}
    assert not PickupBattery.objects.filter(is_open=True).exists()


def test_a_failed_pickup_is_scheduled_again_and_a_cancelled_one_frees_its_batteries(world: World) -> None:
    (battery,) = batteries_at(world, world.yard)
    pickup = scheduled_pickup(world, batteries=[battery.pk])
    pickup = pickups.fail(actor=world.actor(world.carrier), pickup=pickup, reason="gate closed")
    assert (pickup.status, pickup.reason) == (PickupStatus.FAILED, "gate closed")
    refused(Refused, requested_pickup, "batteries.0", world=world, batteries=[battery.pk])
    pickup = pickups.schedule(
        actor=world.actor(world.collector), pickup=pickup, carrier=world.carrier, destination=world.plant_site,
        window_start=ago(days=2), window_end=ago(days=1),
    )  # fmt: skip
    assert (pickup.status, pickup.reason) == (PickupStatus.SCHEDULED, "")
    pickups.cancel(actor=world.actor(world.yard_owner), pickup=pickup, reason="sold")
    requested_pickup(world, batteries=[battery.pk])


YEAR_1, YEAR_9999 = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "kind", "field"),
    [
        ({"packs_expected": 0}, Invalid, "packs_expected"),
        ({"packs_expected": 100_001}, Invalid, "packs_expected"),
        ({"convenient_until": ago(days=11)}, Invalid, "convenient_until"),
        ({"convenient_from": YEAR_1}, Invalid, "convenient_from"),
        ({"convenient_until": YEAR_9999}, Invalid, "convenient_until"),
        ({"batteries": [10**9]}, Invalid, "batteries.0"),
    ],
)
def test_a_request_that_makes_no_sense(world: World, change: dict[str, Any], kind: Any, field: str) -> None:
    refused(kind, requested_pickup, field, world=world, **change)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"window_start": YEAR_1}, "window_start"), ({"window_end": ago(days=-366 * 5 - 1)}, "window_end")],
)
def test_a_window_for_which_nobody_plans(world: World, change: dict[str, Any], field: str) -> None:
    window = {"window_start": ago(days=2), "window_end": ago(days=-366 * 5 + 1)}
    asked = {
        "actor": world.actor(world.collector), "pickup": requested_pickup(world), "carrier": world.carrier,
        "destination": world.plant_site, **window,
    }  # fmt: skip
    refused(Invalid, pickups.schedule, field, **asked | change)
    pickups.schedule(**asked)
    refused(Invalid, pickups.reschedule, field, **asked | change)
    collect = {"actor": world.actor(world.carrier), "pickup": asked["pickup"], "batteries": [Scan(identifier=serial())]}
    refused(Invalid, pickups.collect, "collected_at", **collect, collected_at=YEAR_1)


def test_a_request_names_an_active_point_a_collector_and_batteries_there(world: World) -> None:
    refused(Invalid, requested_pickup, "collector", world=world, collector=world.recycler)
    (elsewhere,) = batteries_at(world, world.hub)
    (here,) = batteries_at(world, world.yard)
    refused(Invalid, requested_pickup, "batteries.0", world=world, batteries=[elsewhere.pk])
    refused(Refused, requested_pickup, "batteries.1", world=world, batteries=[here.pk, here.pk])
    world.point.is_active = False
    world.point.save()
    refused(Refused, requested_pickup, "collection_point", world=world)


def test_a_schedule_names_a_carrier_another_place_and_a_period(world: World) -> None:
    pickup = requested_pickup(world)
    good = {
        "actor": world.actor(world.collector), "pickup": pickup, "carrier": world.carrier,
        "destination": world.plant_site, "window_start": ago(days=8), "window_end": ago(days=7),
    }  # fmt: skip
    refused(Invalid, pickups.schedule, "carrier", **good | {"carrier": world.recycler})
    refused(Invalid, pickups.schedule, "destination", **good | {"destination": world.yard})
    refused(Invalid, pickups.schedule, "window_end", **good | {"window_end": ago(days=9)})
    refused(Forbidden, pickups.schedule, **good | {"actor": world.actor(world.collector, Role.VIEWER)})
    refused(Forbidden, pickups.schedule, **good | {"actor": world.actor(world.yard_owner)})
    refused(Refused, pickups.reschedule, **good)


def test_what_cannot_be_collected(world: World) -> None:
    pickup = scheduled_pickup(world)
    (here,) = batteries_at(world, world.yard)
    (elsewhere,) = batteries_at(world, world.hub)
    (announced,) = batteries_at(world, world.yard)
    requested_pickup(world, batteries=[announced.pk])
    collect: dict[str, Any] = {
        "actor": world.actor(world.carrier), "pickup": pickup, "collected_at": ago(days=7),
        "batteries": [Scan(battery=here.pk)],
    }  # fmt: skip
    act = pickups.collect
    refused(Invalid, act, "batteries", **collect | {"batteries": []})
    refused(Invalid, act, "batteries.0", **collect | {"batteries": [Scan()]})
    refused(Invalid, act, "batteries.0", **collect | {"batteries": [Scan(battery=elsewhere.pk)]})
    refused(Invalid, act, "batteries.1", **collect | {"batteries": [Scan(battery=here.pk), Scan(battery=here.pk)]})
    refused(
        Invalid,
        act,
        "batteries.0.mass_value",
        **collect | {"batteries": [Scan(battery=here.pk, mass_value=Decimal(-1))]},
    )
    bad_vin = Scan(identifier=NewIdentifier("vin", "1M8GDM9AXKP042789"))
    refused(Invalid, act, "batteries.1.identifier", **collect | {"batteries": [Scan(battery=here.pk), bad_vin]})
    refused(Refused, act, "batteries", **collect | {"batteries": [Scan(battery=announced.pk)]})
    refused(Invalid, act, "collected_at", **collect | {"collected_at": now() + timedelta(days=1)})
    refused(Refused, act, "collected_at", **collect | {"collected_at": ago(days=60)})
    refused(Forbidden, act, **collect | {"actor": world.actor(world.stranger)})
    act(**collect)
    refused(Refused, act, **collect)


def test_a_reason_is_needed_to_fail_or_cancel(world: World) -> None:
    pickup = scheduled_pickup(world)
    refused(Invalid, pickups.fail, "reason", actor=world.actor(world.carrier), pickup=pickup, reason="  ")
    refused(Invalid, pickups.cancel, "reason", actor=world.actor(world.collector), pickup=pickup, reason="")


def test_collecting_takes_the_same_number_of_statements_for_any_number(world: World) -> None:
    def statements(number: int) -> int:
        packs = batteries_at(world, world.yard, number)
        pickup = scheduled_pickup(world)
        scans = [Scan(battery=pack.pk, mass_value=Decimal(400), condition="damaged") for pack in packs]
        scans += [Scan(identifier=serial(), model=world.nmc_pack, condition="intact") for _ in range(number)]
        with CaptureQueriesContext(connection) as queries:
            pickups.collect(actor=world.actor(world.carrier), pickup=pickup, collected_at=ago(days=7), batteries=scans)
        return len(queries)

    assert statements(2) == statements(40) < 60


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE collection_pickup SET packs_expected = 0",
        "UPDATE collection_pickup SET convenient_until = convenient_from",
        "UPDATE collection_pickup SET window_end = window_start",
        "UPDATE collection_pickup SET window_end = NULL",
        "UPDATE collection_pickup SET carrier_id = NULL",
        "UPDATE collection_pickup SET status = 'failed', reason = ''",
        "UPDATE collection_pickup SET status = 'collected'",
        "UPDATE collection_pickup SET collected_at = now()",
    ],
)
def test_the_database_refuses(world: World, sql: str) -> None:
    scheduled_pickup(world)
    before = state("collection")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert state("collection") == before


@pytest.mark.parametrize("wanted", PickupStatus.values)
@pytest.mark.parametrize("old", PickupStatus.values)
def test_the_trigger_knows_the_moves(world: World, old: str, wanted: str) -> None:
    pickup = scheduled_pickup(world)
    shipment = Shipment.objects.create(
        shipper=world.yard_owner, origin=world.yard, destination=world.hub, carrier=world.carrier
    )

    def put(status: str) -> None:
        collected = status == PickupStatus.COLLECTED
        Pickup.objects.filter(pk=pickup.pk).update(
            status=status,
            reason="x",
            shipment=shipment if collected else None,
            collected_at=now() if collected else None,
        )

    with pgtrigger.ignore("collection.Pickup:status_moves"):
        put(old)
    if old == wanted or (old, wanted) in PICKUP_MOVES:
        put(wanted)
    else:
        with pytest.raises(Exception, match="status"), transaction.atomic():
            put(wanted)
        assert Pickup.objects.get(pk=pickup.pk).status == old


def test_one_open_entry_per_battery_by_raw_write(world: World) -> None:
    (battery,) = batteries_at(world, world.yard)
    first, second = requested_pickup(world), requested_pickup(world)
    PickupBattery.objects.create(pickup=first, battery=battery)
    with pytest.raises(IntegrityError, match="pickup_battery_one_open_per_battery"), transaction.atomic():
        PickupBattery.objects.create(pickup=second, battery=battery)


def test_through_the_api(world: World) -> None:
    (battery,) = batteries_at(world, world.yard)
    yard, collector, carrier = APIClient(), APIClient(), APIClient()
    for client, organization in ((yard, world.yard_owner), (collector, world.collector), (carrier, world.carrier)):
        client.force_authenticate(world.user(organization))
    body = {
        "collection_point": world.point.pk, "collector": world.collector.pk, "packs_expected": 1,
        "convenient_from": ago(days=10).isoformat(), "convenient_until": ago(days=5).isoformat(),
        "batteries": [battery.pk],
    }  # fmt: skip
    answer = yard.post("/api/v1/pickups/", body)
    assert answer.status_code == 201, answer.content
    address = f"/api/v1/pickups/{answer.json()['id']}/"
    schedule = {
        "carrier": world.carrier.pk, "destination": world.plant_site.pk,
        "window_start": ago(days=8).isoformat(), "window_end": ago(days=7).isoformat(),
    }  # fmt: skip
    assert yard.post(address + "schedule/", schedule).status_code == 403
    assert collector.post(address + "schedule/", schedule).json()["status"] == "scheduled"
    scan = {"collected_at": ago(days=7).isoformat(), "batteries": [{"battery": battery.pk, "mass_value": "401.5"}]}
    first = carrier.post(address + "collect/", scan, headers={"Idempotency-Key": "k1"})
    again = carrier.post(address + "collect/", scan, headers={"Idempotency-Key": "k1"})
    assert first.status_code == again.status_code == 200 and first.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true" and Command.objects.count() == 1
    assert carrier.post(address + "collect/", scan).status_code == 409
    other = carrier.post(address + "fail/", {"reason": "x"}, headers={"Idempotency-Key": "k1"})
    assert other.status_code == 409 and other.json()["errors"][0]["code"] == "key_reused"
    assert CustodyEvent.objects.filter(battery=battery).count() == 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("packs_expected", -5), ("packs_expected", 10**30), ("packs_expected", "NaN"), ("packs_expected", None),
        ("collection_point", 10**30), ("collection_point", "x"), ("collector", {}), ("condition", "zz"),
        ("convenient_from", "yesterday"), ("convenient_from", "9999999-01-01"), ("batteries", [-1]), ("batteries", "x"),
        ("notes", "a\x00b"),
    ],
)  # fmt: skip
def test_bad_input_is_answered_with_the_field(world: World, field: str, value: Any) -> None:
    client = APIClient()
    client.force_authenticate(world.user(world.yard_owner))
    body = {
        "collection_point": world.point.pk, "collector": world.collector.pk, "packs_expected": 1,
        "convenient_from": ago(days=10).isoformat(), "convenient_until": ago(days=5).isoformat(), field: value,
    }  # fmt: skip
    answer = client.post("/api/v1/pickups/", body)
    assert answer.status_code == 400, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert not Pickup.objects.exists()


def test_in_the_admin(world: World, client: Client) -> None:
    pickup = requested_pickup(world)
    client.force_login(world.user(world.collector))
    page = client.get(f"/admin/collection/pickup/{pickup.pk}/change/")
    assert page.status_code == 200 and b"verb/schedule/" in page.content and b"verb/collect/" not in page.content
    form = {
        "carrier": world.carrier.pk, "destination": world.yard.pk, "vehicle": "",
        "window_start_0": "2026-01-01", "window_start_1": "08:00", "window_end_0": "2026-01-01", "window_end_1": "10:00",
    }  # fmt: skip
    address = f"/admin/collection/pickup/{pickup.pk}/verb/schedule/"
    answer = client.post(address, form)
    assert answer.status_code == 400 and "The batteries go to another facility." in answer.content.decode()
    assert client.post(address, form | {"destination": world.plant_site.pk}).status_code == 302
    pickup.refresh_from_db()
    assert pickup.status == PickupStatus.SCHEDULED
    rows = "SN-NEW-1, 400, kg, damaged, nmc-60\n"
    collect = f"/admin/collection/pickup/{pickup.pk}/verb/collect/"
    moment = {"collected_at_0": "2026-01-02", "collected_at_1": "08:00"}
    bad = client.post(collect, moment | {"batteries": "SN-NEW-1, NaN"})
    assert bad.status_code == 200 and "is no mass" in bad.content.decode()
    assert client.post(collect, moment | {"batteries": rows}).status_code == 302
    assert Battery.objects.get(identifiers__value="SN-NEW-1").condition == "damaged"
    client.force_login(world.user(world.stranger))
    assert client.get(f"/admin/collection/pickup/{pickup.pk}/change/").status_code in (302, 404)


@pytest.mark.parametrize("packs", [3_000_000_000, 100_001])
def test_a_request_in_the_admin_for_more_packs_than_there_are(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch, packs: int
) -> None:
    client.force_login(world.user(world.yard_owner))
    form = {
        "collection_point": world.point.pk, "collector": world.collector.pk, "packs_expected": packs, "condition": "intact",
        "convenient_from_0": "2026-01-01", "convenient_from_1": "08:00",
        "convenient_until_0": "2026-01-02", "convenient_until_1": "08:00",
    }  # fmt: skip
    answer = client.post("/admin/collection/pickup/add/", form)
    assert answer.status_code == 200 and "100000" in answer.content.decode()
    field = RequestForm.base_fields["packs_expected"]
    monkeypatch.setattr(field, "validators", [])
    answer = client.post("/admin/collection/pickup/add/", form)
    assert answer.status_code == 400 and "from 1 to 100000" in answer.content.decode()
    monkeypatch.setattr(pickups, "MOST_PACKS", 10**12)
    if packs > 2**31:  # what the rule would let pass, the database does not
        answer = client.post("/admin/collection/pickup/add/", form)
        assert answer.status_code == 400 and "outside of what can be stored" in answer.content.decode()
        assert not Pickup.objects.exists()


@pytest.mark.parametrize("name", ["#²", "#" + "9" * 5000, "#٣", "#"])
def test_a_number_in_the_admin_is_one(world: World, client: Client, name: str) -> None:
    pickup = scheduled_pickup(world)
    client.force_login(world.user(world.collector))
    before = state()
    form = {"collected_at_0": "2026-01-02", "collected_at_1": "08:00", "batteries": f"{name}, 400"}
    answer = client.post(f"/admin/collection/pickup/{pickup.pk}/verb/collect/", form)
    assert answer.status_code == 200 and "is no number" in answer.content.decode()
    assert state() == before
