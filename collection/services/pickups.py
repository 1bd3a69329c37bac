"""A pickup from the request of a collection point to the truck that drives away with the batteries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function, Organization
from accounts.verbs import verb
from collection.models import (
    OPEN_PICKUPS,
    PICKUP_MOVES,
    Battery,
    BatteryModel,
    BatteryStatus,
    CollectionPoint,
    Condition,
    CustodyKind,
    Facility,
    Pickup,
    PickupBattery,
    PickupStatus,
)
from collection.services import contents, custody, loading
from collection.services.batteries import NewBattery, register_scanned
from collection.services.custody import Entry, Place
from collection.services.identifiers import NewIdentifier, find_to_collect
from collection.units import Unit, to_kg

#: How many packs one pickup can be expected to take; a thousand trucks bring no more.
MOST_PACKS = 100_000


@dataclass(frozen=True)
class Scan:
    """A battery as scanned at the collection point: a known one by its id or an identifier, or a new one.

    `model` and `condition` describe a battery that is not known yet; the condition of a known one is updated.
    """

    battery: int | None = None
    identifier: NewIdentifier | None = None
    mass_value: Decimal | None = None
    unit: str = Unit.KG
    condition: str | None = None
    model: BatteryModel | None = None


def lock(pickup: Pickup) -> Pickup:
    """The pickup as it is now, locked."""
    return (
        Pickup.objects.select_for_update(of=("self",))
        .select_related("collection_point__facility__operator", "collector", "carrier", "destination__operator")
        .get(pk=pickup.pk)
    )


@verb(of=("collection_point__facility__operator", "collector"))
def request(
    *,
    actor: Actor,
    collection_point: CollectionPoint,
    collector: Organization,
    packs_expected: int,
    convenient_from: datetime,
    convenient_until: datetime,
    condition: str = Condition.INTACT,
    notes: str = "",
    batteries: Sequence[int] = (),
    is_simulated: bool = False,
) -> Pickup:
    """A collection point, or the collector for it, asks for a pickup; batteries may be announced by id."""
    points = CollectionPoint.objects.select_for_update(of=("self",), no_key=True)
    collection_point = points.select_related("facility__operator").get(pk=collection_point.pk)
    if not collection_point.is_active:
        raise Refused(_("The collection point is not active."), field="collection_point", code="inactive")
    if not collector.has_function(Function.COLLECTOR):
        raise Invalid(_("%(name)s is not a collector.") % {"name": collector.name}, field="collector")
    if not 1 <= packs_expected <= MOST_PACKS:
        raise Invalid(
            _("Say how many packs there are: from 1 to %(most)s.") % {"most": MOST_PACKS}, field="packs_expected"
        )
    _check_period(convenient_from, convenient_until, fields=("convenient_from", "convenient_until"))
    pickup = Pickup(
        collection_point=collection_point,
        collector=collector,
        packs_expected=packs_expected,
        condition=condition,
        convenient_from=convenient_from,
        convenient_until=convenient_until,
        notes=notes,
        is_simulated=is_simulated,
    )
    rules.check_lengths(pickup)
    pickup.save()
    _announce(pickup, batteries)
    return pickup


@verb(lock, of="pickup__collector", function=Function.COLLECTOR, to=PickupStatus.SCHEDULED, moves=PICKUP_MOVES)
def schedule(
    *,
    actor: Actor,
    pickup: Pickup,
    carrier: Organization,
    destination: Facility,
    window_start: datetime,
    window_end: datetime,
    vehicle: str = "",
) -> Pickup:
    """The collector sends a carrier, a vehicle and a time window, and says where the batteries go."""
    return _arrange(pickup, carrier, destination, window_start, window_end, vehicle)


@verb(lock, of="pickup__collector", function=Function.COLLECTOR, when=[PickupStatus.SCHEDULED])
def reschedule(
    *,
    actor: Actor,
    pickup: Pickup,
    carrier: Organization,
    destination: Facility,
    window_start: datetime,
    window_end: datetime,
    vehicle: str = "",
) -> Pickup:
    """Change carrier, vehicle, destination or window of a scheduled pickup."""
    return _arrange(pickup, carrier, destination, window_start, window_end, vehicle)


@verb(lock, of=("pickup__collector", "pickup__carrier"), to=PickupStatus.COLLECTED, moves=PICKUP_MOVES)
def collect(*, actor: Actor, pickup: Pickup, collected_at: datetime, batteries: Sequence[Scan]) -> Pickup:
    """The batteries are scanned and loaded: they leave the collection point on a shipment to the destination.

    Batteries that are not known yet are registered as given up here. Damaged, defective and recalled ones go into a
    package of their own.
    """
    assert pickup.carrier is not None and pickup.destination is not None  # pickup_schedule_complete
    custody.check_time(collected_at, field="collected_at")
    if not batteries:
        raise Invalid(_("Scan at least one battery; if there was none, the pickup failed."), field="batteries")
    yard = pickup.collection_point.facility
    loaded, masses = _recognize(actor, pickup, batteries, collected_at)
    arriving = [b for b in loaded if b.status in (BatteryStatus.IN_USE, BatteryStatus.SECOND_LIFE)]
    entry = Entry(
        actor,
        CustodyKind.RECEIVED_FROM_USE,
        collected_at,
        masses=masses,
        reference=f"pickup {pickup.pk}",
        time_field="collected_at",
    )
    custody.move(arriving, entry, status=BatteryStatus.AT_FACILITY, to=Place(facility=yard))
    PickupBattery.objects.filter(pickup=pickup, is_open=True).update(is_open=False)
    shipment = loading.load_from_pickup(
        actor=actor,
        shipper=yard.operator,
        origin=yard,
        destination=pickup.destination,
        carrier=pickup.carrier,
        vehicle=pickup.vehicle,
        batteries=loaded,
        dispatched_at=collected_at,
        is_simulated=pickup.is_simulated,
    )
    pickup.status, pickup.collected_at, pickup.shipment = (PickupStatus.COLLECTED, collected_at, shipment)
    pickup.save(update_fields=["status", "collected_at", "shipment"])
    return pickup


@verb(lock, of=("pickup__collector", "pickup__carrier"), to=PickupStatus.FAILED, moves=PICKUP_MOVES)
def fail(*, actor: Actor, pickup: Pickup, reason: rules.Reason) -> Pickup:
    """The truck came in vain; the pickup can be scheduled again."""
    return _end(pickup, PickupStatus.FAILED, reason)


@verb(
    lock,
    of=("pickup__collector", "pickup__collection_point__facility__operator"),
    to=PickupStatus.CANCELLED,
    moves=PICKUP_MOVES,
)
def cancel(*, actor: Actor, pickup: Pickup, reason: rules.Reason) -> Pickup:
    """The pickup is given up; announced batteries are free for another."""
    _end(pickup, PickupStatus.CANCELLED, reason)
    PickupBattery.objects.filter(pickup=pickup, is_open=True).update(is_open=False)
    return pickup


def _end(pickup: Pickup, status: PickupStatus, reason: rules.Reason) -> Pickup:
    pickup.status, pickup.reason = status, rules.reason(reason)
    pickup.save(update_fields=["status", "reason"])
    return pickup


def _check_period(start: datetime, end: datetime, *, fields: tuple[str, str]) -> None:
    for instant, field in zip((start, end), fields, strict=True):
        custody.check_plan(instant, field=field)
    if end <= start:
        raise Invalid(_("The end must be after the start."), field=fields[1], code="period")


def _arrange(
    pickup: Pickup,
    carrier: Organization,
    destination: Facility,
    window_start: datetime,
    window_end: datetime,
    vehicle: str,
) -> Pickup:
    if not carrier.has_function(Function.CARRIER):
        raise Invalid(_("%(name)s is not a carrier.") % {"name": carrier.name}, field="carrier")
    if destination == pickup.collection_point.facility:
        raise Invalid(_("The batteries go to another facility."), field="destination")
    _check_period(window_start, window_end, fields=("window_start", "window_end"))
    pickup.carrier, pickup.destination, pickup.vehicle = carrier, destination, vehicle
    pickup.window_start, pickup.window_end = window_start, window_end
    pickup.status, pickup.reason = PickupStatus.SCHEDULED, ""
    rules.check_lengths(pickup)
    pickup.save(update_fields=["carrier", "destination", "vehicle", "window_start", "window_end", "status", "reason"])
    return pickup


def _announce(pickup: Pickup, ids: Sequence[int]) -> None:
    found = {battery.pk: battery for battery in custody.lock_batteries(ids)}
    facility = pickup.collection_point.facility_id
    busy = set(
        PickupBattery.objects.filter(battery__in=ids, pickup__status__in=OPEN_PICKUPS, is_open=True).values_list(
            "battery", flat=True
        )
    )
    for index, pk in enumerate(ids):
        field = f"batteries.{index}"
        if pk not in found or found[pk].facility_id != facility:
            raise Invalid(_("There is no such battery at the collection point."), field=field, code="not_here")
        if pk in busy or ids.index(pk) != index:
            raise Refused(_("Battery %(id)s is already in an open pickup.") % {"id": pk}, field=field, code="duplicate")
    PickupBattery.objects.bulk_create(PickupBattery(pickup=pickup, battery=found[pk]) for pk in ids)


def _recognize(
    actor: Actor, pickup: Pickup, scans: Sequence[Scan], collected_at: datetime
) -> tuple[list[Battery], dict[int, Decimal | None]]:
    """The scanned batteries, locked, weighed and with their condition noted; new ones registered."""
    yard = pickup.collection_point.facility
    known = find_to_collect(yard, [s.identifier for s in scans if s.identifier])
    chosen: list[int | NewBattery] = []
    for index, scan in enumerate(scans):
        if scan.mass_value is not None and scan.mass_value <= 0:
            raise Invalid(_("A mass is more than nothing."), field=f"batteries.{index}.mass_value")
        if scan.battery is not None:
            chosen.append(scan.battery)
        elif scan.identifier is not None and scan.identifier.key in known:
            chosen.append(known[scan.identifier.key])
        elif scan.identifier is not None:
            chosen.append(NewBattery([scan.identifier], model=scan.model))
        else:
            raise Invalid(_("Name the battery by its id or by an identifier."), field=f"batteries.{index}")
    new = [c for c in chosen if isinstance(c, NewBattery)]
    positions = [i for i, c in enumerate(chosen) if isinstance(c, NewBattery)]
    made = register_scanned(
        actor=actor, organization=yard.operator, batteries=new, positions=positions, is_simulated=pickup.is_simulated
    )
    made_at = dict(zip(positions, made, strict=True))
    ids = [made_at[i].pk if i in made_at else c for i, c in enumerate(chosen)]
    locked = {battery.pk: battery for battery in custody.lock_batteries(i for i in ids if isinstance(i, int))}
    rows: dict[int, Scan] = {}
    for index, (pk, scan) in enumerate(zip(ids, scans, strict=True)):
        assert isinstance(pk, int)
        field = f"batteries.{index}"
        battery = locked.get(pk)
        allowed = battery is not None and (
            battery.facility_id == yard.pk
            or index in made_at
            or (scan.identifier is not None and battery.status in (BatteryStatus.IN_USE, BatteryStatus.SECOND_LIFE))
        )
        if battery is None or not allowed:
            raise Invalid(_("There is no such battery at the collection point."), field=field, code="not_here")
        if pk in rows:
            raise Invalid(_("Battery %(id)s stands here twice.") % {"id": pk}, field=field, code="duplicate")
        rows[pk] = scan
        if scan.condition is not None:
            battery.condition = scan.condition
    elsewhere = (
        PickupBattery.objects.filter(battery__in=rows, is_open=True)
        .exclude(pickup=pickup)
        .values_list("battery", flat=True)
    )
    if taken := list(elsewhere[:1]):
        raise Refused(
            _("Battery %(id)s is already in an open pickup.") % {"id": taken[0]}, field="batteries", code="duplicate"
        )
    ordered = list(locked.values())
    contents.weigh(
        ordered, {pk: (scan.mass_value, scan.unit) for pk, scan in rows.items() if scan.mass_value is not None}
    )
    changed = [locked[pk] for pk, scan in rows.items() if scan.condition is not None]
    Battery.objects.bulk_update(changed, ["condition"])
    masses = {
        pk: to_kg(scan.mass_value, scan.unit) if scan.mass_value is not None else locked[pk].mass_kg
        for pk, scan in rows.items()
    }
    return ordered, masses
