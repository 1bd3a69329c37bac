"""Edges of pickups: periods without length, batteries that are not there, borders, and what the truck's entry says."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Organization
from collection.models import Battery, BatteryStatus, CustodyKind
from collection.services import batteries, custody, pickups
from collection.services.batteries import NewIdentifier
from collection.services.findings import Scan
from tests.refusals import refused
from tests.world import World, ago, batteries_at, requested_pickup, scheduled_pickup, serial


def in_use(world: World, *names: NewIdentifier) -> Battery:
    """A battery of somebody who has nothing to do with the yard."""
    return batteries.register(
        actor=world.actor(world.producer), organization=world.producer, model=world.nmc_pack, identifiers=list(names)
    )


def lost(world: World, name: NewIdentifier) -> Battery:
    battery = in_use(world, name)
    batteries.take_in(world.actor(world.collector), custody.lock_batteries([battery.pk]), world.hub, ago(days=9))
    return batteries.report_lost(
        actor=world.actor(world.collector), battery=battery, occurred_at=ago(days=8), reason="stolen"
    )


def collect(world: World, pickup: Any, *scans: Scan) -> Any:
    return pickups.collect(actor=world.actor(world.carrier), pickup=pickup, collected_at=ago(days=7), batteries=scans)


def test_a_period_has_a_length(world: World) -> None:
    at = ago(days=8)
    error = refused(Invalid, requested_pickup, "convenient_until", world=world, convenient_from=at, convenient_until=at)
    assert error.code == "period"
    pickup = requested_pickup(world)
    schedule: dict[str, Any] = {
        "actor": world.actor(world.collector), "pickup": pickup, "carrier": world.carrier,
        "destination": world.plant_site, "window_start": at, "window_end": at,
    }  # fmt: skip
    assert refused(Invalid, pickups.schedule, "window_end", **schedule).code == "period"


def test_who_is_no_collector_any_more_sends_no_trucks(world: World) -> None:
    waiting, planned = requested_pickup(world), scheduled_pickup(world)
    Organization.objects.filter(pk=world.collector.pk).update(functions=["recycler"])
    for act, pickup in ((pickups.schedule, waiting), (pickups.reschedule, planned)):
        refused(
            Forbidden, act, actor=world.actor(world.collector), pickup=pickup, carrier=world.carrier,
            destination=world.plant_site, window_start=ago(days=3), window_end=ago(days=2),
        )  # fmt: skip


def test_a_mass_of_nothing_is_none(world: World) -> None:
    (battery,) = batteries_at(world, world.yard)
    pickup = scheduled_pickup(world)
    scan = Scan(battery=battery.pk, mass_value=Decimal(0))
    refused(Invalid, lambda: collect(world, pickup, scan), "batteries.0.mass_value")


def test_a_battery_in_use_is_collected_by_its_identifier_not_by_its_number(world: World) -> None:
    """Numbers of records can be guessed; two identifiers are read by who has the battery in hand."""
    name, also = serial(), serial()
    battery = in_use(world, name, also)
    pickup = scheduled_pickup(world)
    error = refused(Invalid, lambda: collect(world, pickup, Scan(battery=battery.pk)), "batteries.0")
    assert error.code == "not_here"
    error = refused(Refused, lambda: collect(world, pickup, Scan(identifier=name)), "batteries.0.identifier")
    assert error.code == "duplicate"
    refused(Refused, lambda: collect(world, pickup, Scan(identifier=also, also=serial())), "batteries.0.identifier")
    collect(world, pickup, Scan(identifier=name, also=also))
    battery.refresh_from_db()
    assert battery.status == BatteryStatus.IN_TRANSIT
    assert [e.kind for e in battery.events.order_by("sequence")] == ["given_up", "dispatched"]


def test_a_lost_battery_is_recognized_though_not_taken_as_if_nothing_had_happened(world: World) -> None:
    """It is to be reported as found: neither an unknown battery nor one in use."""
    name = serial()
    lost(world, name)
    error = refused(
        Refused, batteries.give_up_scanned, "battery", actor=world.actor(world.yard_owner), identifier=name,
        facility=world.yard, occurred_at=ago(days=1),
    )  # fmt: skip
    assert error.code == "wrong_status"
    pickup = scheduled_pickup(world)
    error = refused(Invalid, lambda: collect(world, pickup, Scan(identifier=name)), "batteries.0")
    assert error.code == "not_here"


def test_a_second_life_ends_at_a_yard(world: World) -> None:
    name, also = serial(), serial()
    battery = in_use(world, name, also)
    batteries.take_in(world.actor(world.collector), custody.lock_batteries([battery.pk]), world.hub, ago(days=9))
    released = custody.Entry(world.actor(world.collector), CustodyKind.RELEASED, ago(days=8))
    found = custody.lock_batteries([battery.pk])
    custody.move(found, released, status=BatteryStatus.SECOND_LIFE, to=custody.NOWHERE)
    pickup = scheduled_pickup(world)
    refused(Refused, lambda: collect(world, pickup, Scan(identifier=name)), "batteries.0.identifier")
    collect(world, pickup, Scan(identifier=name, also=also))
    battery.refresh_from_db()
    assert battery.status == BatteryStatus.IN_TRANSIT


def test_what_is_elsewhere_is_unknown_to_who_scans_it(world: World) -> None:
    """Neither its number nor its status is told to somebody who never saw it."""
    name = serial()
    battery = in_use(world, name)
    batteries.take_in(world.actor(world.collector), custody.lock_batteries([battery.pk]), world.hub, ago(days=9))
    error = refused(
        Refused, batteries.give_up_scanned, "identifier", actor=world.actor(world.yard_owner), identifier=name,
        facility=world.yard, occurred_at=ago(days=1),
    )  # fmt: skip
    assert error.code == "unknown" and str(battery) not in error.message


def test_a_pickup_does_not_cross_a_border(world: World) -> None:
    (battery,) = batteries_at(world, world.yard)
    pickup = scheduled_pickup(world, world.refinery_site)
    error = refused(Refused, lambda: collect(world, pickup, Scan(battery=battery.pk)), "destination")
    assert error.code == "no_consent"


def test_the_truck_leaves_with_the_masses_that_are_known(world: World) -> None:
    (weighed,) = batteries_at(world, world.yard)
    (unweighed,) = batteries_at(world, world.yard, mass_value=None)
    collect(
        world, scheduled_pickup(world), Scan(battery=weighed.pk, mass_value=Decimal(880), unit="lb"),
        Scan(battery=unweighed.pk),
    )  # fmt: skip
    left = [battery.events.get(kind="dispatched") for battery in (weighed, unweighed)]
    assert [entry.mass_kg for entry in left] == [Decimal(880) * Decimal("0.45359237"), None]
    assert {entry.to_organization for entry in left} == {world.carrier}


def test_what_a_simulated_pickup_brings_about_is_simulated(world: World) -> None:
    name = serial()
    pickup = collect(world, scheduled_pickup(world, is_simulated=True), Scan(identifier=name))
    assert pickup.shipment.is_simulated and Battery.objects.get(identifiers__value=name.value).is_simulated
