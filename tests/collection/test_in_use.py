"""A battery in use is taken by two of its numbers, or by who has to do with it (ADR 26)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.errors import Forbidden, Invalid, Refused
from collection.models import Battery, BatteryStatus, CustodyKind, Facility, Relation
from collection.services import batteries, custody, findings, pickups, relations
from collection.services.findings import Scan
from collection.services.identifiers import NewIdentifier
from tests.collection.test_batteries import RIGHT_VINS, register
from tests.collection.test_pickup_rules import collect, in_use
from tests.refusals import refused, state
from tests.world import World, ago, scheduled_pickup, serial


def test_a_battery_in_use_is_recognized_by_who_has_it_in_hand(world: World) -> None:
    """By two of its numbers: one can be known to who never stood before it."""
    vin, number = NewIdentifier("vin", RIGHT_VINS[0]), serial()
    battery = register(world, vin, number, actor=world.actor(world.producer), organization=world.producer)
    other = register(world, serial(), actor=world.actor(world.producer), organization=world.producer)
    scan: dict[str, Any] = {"actor": world.actor(world.collector), "facility": world.hub, "occurred_at": ago(days=1)}
    assert not Battery.objects.visible_to(world.user(world.collector)).exists()
    for name, also in (
        (NewIdentifier("vin", RIGHT_VINS[1]), None),
        (vin, None),
        (number, None),
        (vin, NewIdentifier("vin", RIGHT_VINS[0].lower())),  # the same once more
        (vin, NewIdentifier("vin", RIGHT_VINS[1])),
        (vin, NewIdentifier("oem_serial", other.identifiers.get().value, "test")),
    ):
        error = refused(Refused, batteries.give_up_scanned, "identifier", identifier=name, also=also, **scan)
        assert error.code == "unknown", (name, also)
    refused(Forbidden, batteries.give_up_scanned, identifier=vin, also=number, **scan | {"facility": world.yard})
    assert batteries.give_up_scanned(identifier=vin, also=number, **scan) == battery
    refused(Refused, batteries.give_up_scanned, "battery", identifier=vin, also=number, **scan)


@pytest.mark.parametrize("why", ["registered it", "made it", "had it", "collects from who registered it"])
def test_one_number_is_enough_for_who_has_to_do_with_it(world: World, why: str) -> None:
    name = serial()
    mine: dict[str, Any] = {"actor": world.actor(world.collector), "organization": world.collector}
    theirs: dict[str, Any] = {"actor": world.actor(world.stranger), "organization": world.stranger}
    battery = register(world, name, **mine if why == "registered it" else theirs)
    if why == "made it":
        world.collector.functions = ["collector", "producer"]
        world.collector.save()
        Battery.objects.filter(pk=battery.pk).update(producer=world.collector, producer_ground="accepted")
    elif why == "had it":
        batteries.take_in(mine["actor"], custody.lock_batteries([battery.pk]), world.hub, ago(days=9))
        released = custody.Entry(mine["actor"], CustodyKind.RELEASED, ago(days=8))
        custody.move(
            custody.lock_batteries([battery.pk]), released, status=BatteryStatus.SECOND_LIFE, to=custody.NOWHERE
        )
    elif why == "collects from who registered it":
        Relation.objects.create(
            kind="collect", giver=world.stranger, taker=world.collector, offered_by=world.stranger, status="accepted"
        )
    scan = {"identifier": name, "facility": world.hub, "occurred_at": ago(days=1)}
    taken = batteries.give_up_scanned(actor=mine["actor"], **scan)  # type: ignore[arg-type]
    assert (taken, taken.facility) == (battery, world.hub)


def test_a_relation_that_does_not_stand_is_no_reason(world: World) -> None:
    name = serial()
    theirs: dict[str, Any] = {"actor": world.actor(world.stranger), "organization": world.stranger}
    register(world, name, **theirs)
    scan: dict[str, Any] = {"actor": world.actor(world.collector), "facility": world.hub, "occurred_at": ago(days=1)}
    offered = relations.offer(
        actor=world.actor(world.collector, "manager"), kind="collect", giver=world.stranger,
        taker=world.collector,
    )  # fmt: skip
    refused(Refused, batteries.give_up_scanned, "identifier", identifier=name, **scan)
    relations.accept(actor=world.actor(world.stranger, "manager"), relation=offered)
    relations.end(actor=world.actor(world.stranger, "manager"), relation=offered, reason="enough")
    refused(Refused, batteries.give_up_scanned, "identifier", identifier=name, **scan)


def test_a_battery_in_use_that_was_found_is_read_once_more_by_one_number(world: World) -> None:
    name, also = serial(), serial()
    battery = in_use(world, name, also)
    Relation.objects.filter(giver=world.yard_owner).update(unannounced=False)
    pickup = scheduled_pickup(world)
    driver, yard = world.actor(world.carrier), world.actor(world.yard_owner)
    refused(
        Refused, pickups.find, "batteries.0.identifier", actor=driver, pickup=pickup, batteries=[Scan(identifier=name)]
    )
    pickups.find(actor=driver, pickup=pickup, batteries=[Scan(identifier=name, also=also)])
    (finding,) = pickup.findings.all()
    assert finding.battery == battery
    refused(Refused, lambda: collect(world, pickup, Scan(identifier=name)), "batteries.0")
    pickups.confirm_findings(actor=yard, pickup=pickup, findings=[finding.pk])
    collect(world, pickup, Scan(identifier=name))
    battery.refresh_from_db()
    assert battery.status == BatteryStatus.IN_TRANSIT


def test_what_the_place_refused_is_recognized_no_more(world: World) -> None:
    name, also = serial(), serial()
    in_use(world, name, also)
    Relation.objects.filter(giver=world.yard_owner).update(unannounced=False)
    pickup = scheduled_pickup(world)
    pickups.find(actor=world.actor(world.carrier), pickup=pickup, batteries=[Scan(identifier=name, also=also)])
    pickups.refuse_findings(
        actor=world.actor(world.yard_owner), pickup=pickup, findings=[pickup.findings.get().pk], reason="ours"
    )
    error = refused(Refused, lambda: collect(world, pickup, Scan(identifier=name)))
    assert error.code in ("duplicate", "unconfirmed")
    assert findings.recognized(pickup, [Scan(identifier=name)]) == {}


def test_two_numbers_of_two_batteries_take_neither(world: World) -> None:
    one, other, third = serial(), serial(), serial()
    in_use(world, one, third)
    batteries.register(
        actor=world.actor(world.yard_owner), organization=world.yard_owner, model=world.nmc_pack, identifiers=[other]
    )
    pickup = scheduled_pickup(world)
    refused(Invalid, lambda: collect(world, pickup, Scan(identifier=other, also=one)), "batteries.0.also")
    refused(Invalid, lambda: collect(world, pickup, Scan(identifier=one, also=other)), "batteries.0.also")
    take: dict[str, Any] = {"actor": world.actor(world.yard_owner), "facility": world.yard, "occurred_at": ago(days=1)}
    refused(Refused, batteries.give_up_scanned, "identifier", **take, identifier=other, also=one)
    refused(Refused, batteries.give_up_scanned, "identifier", **take, identifier=one, also=other)


def test_both_numbers_of_a_new_battery_are_kept(world: World) -> None:
    name, also = serial(), serial()
    collect(world, scheduled_pickup(world), Scan(identifier=name, also=also))
    assert {i.value for i in Battery.objects.get().identifiers.all()} == {name.value, also.value}


def test_a_number_that_is_read_with_its_issuer_and_without_is_one(world: World) -> None:
    """It took the battery in, and left a second one of the same number at the yard."""
    name, also = serial(), serial()
    battery = in_use(world, name, also)
    batteries.identify(actor=world.actor(world.producer), battery=battery, scheme="internal", value=name.value)
    bare, internal = NewIdentifier(name.scheme, name.value), NewIdentifier("internal", name.value)
    pickup = scheduled_pickup(world)
    drive: dict[str, Any] = {"actor": world.actor(world.carrier), "pickup": pickup}
    take: dict[str, Any] = {"actor": world.actor(world.yard_owner), "facility": world.yard, "occurred_at": ago(days=1)}
    for other in (bare, internal):
        for first, second in ((name, other), (other, name)):
            for scans in ([Scan(identifier=first), Scan(identifier=second)], [Scan(identifier=first, also=second)]):
                refused(Refused, pickups.collect, collected_at=ago(days=7), batteries=scans, **drive)
                refused(Refused, pickups.find, batteries=scans, **drive)
            refused(Refused, batteries.give_up_scanned, "identifier", identifier=first, also=second, **take)
    for scans in ([Scan(identifier=name), Scan(identifier=also)], [Scan(identifier=also), Scan(identifier=name)]):
        with pytest.raises((Refused, Invalid)):  # off what are said to be two
            pickups.collect(collected_at=ago(days=7), batteries=scans, **drive)
        assert findings.find_to_collect(world.yard, findings.read_off(scans)) == {}
    assert battery.events.count() == 0


def test_who_only_sees_a_battery_in_use_does_not_take_it_by_its_id(world: World) -> None:
    """A regulator sees all that was placed on the market in its places, and has a yard of its own."""
    battery = register(
        world, serial(), actor=world.actor(world.producer), organization=world.producer, placed_in=world.nv
    )
    theirs = Facility.objects.create(
        operator=world.regulator, name="Depot", jurisdiction=world.nv, time_zone=world.nv.time_zone
    )
    client = APIClient()
    client.force_authenticate(world.user(world.regulator))
    before = state()
    body = {"facility": theirs.pk, "occurred_at": ago(days=1).isoformat()}
    answer = client.post(f"/api/v1/batteries/{battery.pk}/give-up/", body, format="json")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "not_yours"), answer.json()
    assert state() == before
