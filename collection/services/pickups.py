"""A pickup from the request of a collection point to the truck that drives away with the batteries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function, Organization, Role
from accounts.verbs import verb
from collection.models import (
    IN_USE,
    OPEN_PICKUPS,
    PICKUP_MOVES,
    Battery,
    BatteryStatus,
    CollectionPoint,
    Condition,
    CustodyKind,
    Facility,
    FindingStatus,
    Means,
    Pickup,
    PickupBattery,
    PickupStatus,
    Relation,
    RelationStatus,
)
from collection.services import codes, contents, custody, findings, loading, receipts, relations
from collection.services.batteries import NewBattery, register_scanned
from collection.services.custody import Entry, Place
from collection.services.findings import Scan, answer
from collection.services.handovers import Side
from collection.units import to_kg

#: The relations that a pickup may rest on.
_RESTS_ON = ("giver_relation", "carrier_relation")

#: How many packs one pickup can be expected to take; a thousand trucks bring no more.
MOST_PACKS = 100_000


def lock(pickup: Pickup) -> Pickup:
    """The pickup as it is now, locked, and the relations that it rests on with it: before the pickup, as who ends one does."""
    relations.hold(key for keys in Pickup.objects.filter(pk=pickup.pk).values_list(*_RESTS_ON) for key in keys)
    return (
        Pickup.objects.select_for_update(of=("self",))
        .select_related(
            "collection_point__facility__operator", "collector", "carrier", "destination__operator", "giver_by",
            "giver_relation", "carrier_by", "carrier_relation",
        )
        .get(pk=pickup.pk)
    )  # fmt: skip


#: What a carrier does not read before it agreed to drive, and the collection point to be driven to.
BEYOND_OUTLINE = ("notes", "reason", "convenient_from", "convenient_until", "giver_by", "giver_relation")


def is_outline(actor: Actor, pickup: Pickup) -> bool:
    """Whether the actor reads no more of it than where, when and how many: its carrier, before both sides agreed. As
    `PickupQuerySet.readable_by` says it of many.
    """
    if (pickup.giver_means and pickup.carrier_means) or not actor.may(pickup.carrier_id, role=Role.VIEWER):
        return False
    place = pickup.collection_point.facility
    if actor.may(pickup.collector_id, place.operator_id, role=Role.VIEWER):
        return False
    return not Pickup.objects.readable_by(actor.user).filter(pk=pickup.pk).exists()


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
    """A collection point, or the collector for it, asks for a pickup; batteries may be announced by id.

    The collection point's own people may ask any collector. A collector asks where it fetches by a standing relation
    which covers the place and the condition; where nobody speaks for the place, by one that it declared.
    """
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
    if actor.may(collection_point.facility.operator):
        pickup.giver_means, pickup.giver_by = Means.PERSON, actor.user
    else:
        pickup.giver_means, pickup.giver_relation = Means.RELATION, _relation_to_request(pickup)
    pickup.save()
    _announce(actor, pickup, batteries)
    return pickup


def _relation_to_request(pickup: Pickup) -> Relation:
    facility = pickup.collection_point.facility
    found = relations.standing(Relation.Kind.COLLECT, facility.operator, pickup.collector, facility, [pickup.condition])
    if found is None:
        raise Refused(
            _("%(collector)s collects here neither by a standing relation nor by the word of this place.")
            % {"collector": pickup.collector.name},
            field="collector",
            code="no_relation",
        )
    return found


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
    return _arrange(actor, pickup, carrier, destination, window_start, window_end, vehicle)


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
    return _arrange(actor, pickup, carrier, destination, window_start, window_end, vehicle)


@verb(lock, of="pickup__collection_point__facility__operator", when=OPEN_PICKUPS)
def confirm(*, actor: Actor, pickup: Pickup) -> Pickup:
    """A person of the collection point agrees to this pickup: what was announced may be taken, by a relation or without."""
    _agree(pickup, Means.PERSON, actor)
    return pickup


@verb(lock, of="pickup__carrier", when=[PickupStatus.SCHEDULED])
def accept(*, actor: Actor, pickup: Pickup) -> Pickup:
    """The carrier agrees to drive this pickup. It need not where it carries for the collector by a standing relation."""
    _carry(pickup, actor, Means.PERSON)
    return pickup


@verb(lock, of=("pickup__collector", "pickup__carrier"), when=[PickupStatus.SCHEDULED])
def find(*, actor: Actor, pickup: Pickup, batteries: Sequence[Scan]) -> Pickup:
    """The driver found batteries that were not announced. They wait for the collection point's word: it confirms or refuses
    each. What is not known here is read by its identifier.
    """
    if not batteries:
        raise Invalid(_("Name at least one battery."), field="batteries")
    if pickup.carrier is not None and actor.may(pickup.carrier):
        _carry(pickup, actor, Means.OWN)
    findings.report(actor, pickup, batteries)
    return pickup


@verb(lock, of="pickup__collection_point__facility__operator", when=[PickupStatus.SCHEDULED, PickupStatus.FAILED])
def confirm_findings(*, actor: Actor, pickup: Pickup, findings: Sequence[int]) -> Pickup:
    """The collection point confirms what the driver found, by the ids of the findings: it may be taken."""
    answer(pickup, findings, FindingStatus.CONFIRMED, actor)
    if not pickup.giver_means:
        _agree(pickup, Means.PERSON, actor)
    return pickup


@verb(lock, of="pickup__collection_point__facility__operator", when=[PickupStatus.SCHEDULED, PickupStatus.FAILED])
def refuse_findings(*, actor: Actor, pickup: Pickup, findings: Sequence[int], reason: rules.Reason) -> Pickup:
    """The collection point keeps what the driver found, by the ids of the findings, and says why."""
    answer(pickup, findings, FindingStatus.REFUSED, actor, rules.reason(reason))
    return pickup


@verb(lock, of="pickup__collection_point__facility__operator", when=[PickupStatus.SCHEDULED])
def show_code(*, actor: Actor, pickup: Pickup) -> Pickup:
    """Make a code that the driver types where no person of the collection point can confirm by itself. It is shown once,
    and stands for what the driver's screen shows: what was announced, and all that was found and waits.
    """
    pickup.plain_code = codes.make(pickup, actor.user)  # type: ignore[attr-defined]
    return pickup


@verb(lock, of=("pickup__collector", "pickup__carrier"), when=[PickupStatus.SCHEDULED])
def enter_code(*, actor: Actor, pickup: Pickup, code: str) -> Pickup:
    """Type the code that a person of the collection point shows. A wrong one is counted: `refusal` says so then."""
    shown_by, refusal = codes.spend(pickup, code)
    pickup.refusal = refusal  # type: ignore[attr-defined]
    if shown_by is not None:
        _agree(pickup, Means.CODE, Actor.of(shown_by))
        findings.settle_waiting(pickup, Means.CODE, shown_by)
    return pickup


@verb(lock, of=("pickup__collector", "pickup__carrier"), when=[PickupStatus.SCHEDULED])
def sign(*, actor: Actor, pickup: Pickup, name: str, role: str, signature: str, email: str = "") -> Pickup:
    """A person at a place that nobody has claimed confirms on the driver's device, with name, role and a drawn signature,
    what was announced, and all that was found and waits. It gets a receipt.
    """
    receipts.take(actor, pickup, name=name, role=role, signature=signature, email=email)
    pickup.giver_means = Means.SIGNATURE
    pickup.save(update_fields=["giver_means"])
    findings.settle_waiting(pickup, Means.SIGNATURE, actor.user)
    return pickup


@verb(lock, of=("pickup__collector", "pickup__carrier"), to=PickupStatus.COLLECTED, moves=PICKUP_MOVES)
def collect(*, actor: Actor, pickup: Pickup, collected_at: datetime, batteries: Sequence[Scan]) -> Pickup:
    """The batteries are scanned and loaded: they leave the collection point on a shipment to the destination.

    Both sides must agree: the collection point by a relation, a person, a code or a signature; the carrier by its own act,
    by having accepted, or by a relation. What was not announced must have been found and confirmed, but where a relation
    lets it be taken, up to the packs expected. What is not known yet is registered as given up here. Damaged, defective
    and recalled batteries go into a package of their own.
    """
    assert pickup.carrier is not None and pickup.destination is not None  # pickup_schedule_complete
    custody.check_time(collected_at, field="collected_at")
    if not batteries:
        raise Invalid(_("Scan at least one battery; if there was none, the pickup failed."), field="batteries")
    yard = pickup.collection_point.facility
    giving, taking = _giving(actor, pickup), _taking(actor, pickup)
    loaded, masses = _recognize(actor, pickup, batteries, collected_at)
    _check_covered(pickup, loaded)
    arriving = [b for b in loaded if b.status in IN_USE]
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
        giving=giving,
        taking=taking,
        dispatched_at=collected_at,
        is_simulated=pickup.is_simulated,
    )
    pickup.status, pickup.collected_at, pickup.shipment = (PickupStatus.COLLECTED, collected_at, shipment)
    pickup.save(update_fields=["status", "collected_at", "shipment"])
    if giving.receipt is not None:
        receipts.send(giving.receipt)
    return pickup


def _giving(actor: Actor, pickup: Pickup) -> Side:
    """The collection point's side. A relation that was declared alone lets ask and plan; to take, a person there signs."""
    if actor.may(pickup.collection_point.facility.operator):
        _agree(pickup, Means.PERSON, actor)
        return Side(Means.OWN, by=actor.user)
    relation = pickup.giver_relation
    is_declared = relation is not None and relation.status == RelationStatus.DECLARED
    if pickup.giver_means == Means.SIGNATURE:
        return Side(Means.SIGNATURE, relation=relation, receipt=pickup.receipts.order_by("pk").last())
    if not pickup.giver_means or (pickup.giver_means == Means.RELATION and is_declared):
        message = _("A person at the collection point has to sign first.") if is_declared else None
        raise Refused(
            message or _("The collection point has not agreed: its people confirm the pickup, or show a code."),
            field="pickup",
            code="unconfirmed",
        )
    return Side(pickup.giver_means, by=pickup.giver_by, relation=relation)


def _taking(actor: Actor, pickup: Pickup) -> Side:
    """The carrier's side."""
    assert pickup.carrier is not None  # pickup_schedule_complete
    if actor.may(pickup.carrier):
        _carry(pickup, actor, Means.OWN)
        return Side(Means.OWN, by=actor.user)
    if not pickup.carrier_means:
        raise Refused(
            _("%(name)s has not agreed to carry this: it accepts the pickup, or collects by itself.")
            % {"name": pickup.carrier.name},
            field="pickup",
            code="unconfirmed",
        )
    return Side(pickup.carrier_means, by=pickup.carrier_by, relation=pickup.carrier_relation)


def _check_covered(pickup: Pickup, loaded: Iterable[Battery]) -> None:
    """Relations hold for the conditions that they name, whatever the driver finds the batteries to be in."""
    conditions = {battery.condition for battery in loaded}
    for means, relation in (
        (pickup.giver_means, pickup.giver_relation), (pickup.carrier_means, pickup.carrier_relation),
    ):  # fmt: skip
        if means == Means.RELATION and relation is not None and not relation.covers(conditions):
            raise _not_covered(relation.giver if relation == pickup.giver_relation else relation.taker)


def _not_covered(organization: Organization) -> Refused:
    return Refused(
        _("The relation with %(name)s does not cover batteries in such a condition; it has to confirm the pickup.")
        % {"name": organization.name},
        field="batteries",
        code="not_covered",
    )


def _unannounced(pickup: Pickup) -> Relation | None:
    """The relation by which batteries may be taken that were not announced, whoever asked for the pickup."""
    yard = pickup.collection_point.facility
    found = relations.standing(Relation.Kind.COLLECT, yard.operator, pickup.collector, yard)
    return found if found is not None and found.unannounced else None


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


def _agree(pickup: Pickup, means: str, actor: Actor) -> None:
    """The collection point's word, which needs no relation."""
    pickup.giver_means, pickup.giver_by, pickup.giver_relation = means, actor.user, None
    pickup.save(update_fields=["giver_means", "giver_by", "giver_relation"])


def _carry(pickup: Pickup, actor: Actor, means: str) -> None:
    """The carrier's word, which needs no relation."""
    pickup.carrier_means, pickup.carrier_by, pickup.carrier_relation = means, actor.user, None
    pickup.save(update_fields=["carrier_means", "carrier_by", "carrier_relation"])


def _engage(actor: Actor, pickup: Pickup, carrier: Organization, *, is_changed: bool) -> None:
    """Whether the carrier drives this already: the collector itself, by a relation, or as it accepted what stays as it was."""
    if actor.may(carrier):
        pickup.carrier_means, pickup.carrier_by, pickup.carrier_relation = Means.OWN, actor.user, None
        return
    facility = pickup.collection_point.facility
    relation = relations.standing(Relation.Kind.CARRY, pickup.collector, carrier, facility, [pickup.condition])
    if relation is not None:
        pickup.carrier_means, pickup.carrier_by, pickup.carrier_relation = Means.RELATION, None, relation
    elif is_changed or pickup.carrier_means != Means.PERSON:
        pickup.carrier_means, pickup.carrier_by, pickup.carrier_relation = "", None, None


def _arrange(
    actor: Actor,
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
    agreed = (pickup.carrier_id, pickup.destination_id, pickup.window_start, pickup.window_end)
    is_changed = agreed != (carrier.pk, destination.pk, window_start, window_end)
    _engage(actor, pickup, carrier, is_changed=is_changed)
    pickup.carrier, pickup.destination = carrier, destination
    pickup.vehicle = rules.number(vehicle, field="vehicle", shortest=0)
    pickup.window_start, pickup.window_end = window_start, window_end
    pickup.status, pickup.reason = PickupStatus.SCHEDULED, ""
    rules.check_lengths(pickup)
    pickup.save(
        update_fields=[
            "carrier", "carrier_means", "carrier_by", "carrier_relation", "destination", "vehicle", "window_start",
            "window_end", "status", "reason",
        ]
    )  # fmt: skip
    return pickup


def _announce(actor: Actor, pickup: Pickup, ids: Sequence[int]) -> None:
    """A relation that was declared alone tells nothing: by it are announced batteries that the actor sees already."""
    relation = pickup.giver_relation
    is_declared = relation is not None and relation.status == RelationStatus.DECLARED
    seen = set(Battery.objects.visible_to(actor.user).seen_among(ids)) if is_declared else set(ids)
    found = {battery.pk: battery for battery in custody.lock_batteries(ids)}
    facility = pickup.collection_point.facility_id
    busy = set(
        PickupBattery.objects.filter(battery__in=ids, pickup__status__in=OPEN_PICKUPS, is_open=True).values_list(
            "battery", flat=True
        )
    )
    for index, pk in enumerate(ids):
        field = f"batteries.{index}"
        if pk not in found or pk not in seen or found[pk].facility_id != facility:
            raise Invalid(_("There is no such battery at the collection point."), field=field, code="not_here")
        if relation is not None and not relation.covers([found[pk].condition]):
            raise Refused(
                _("The relation does not cover batteries in this condition."), field=field, code="not_covered"
            )
        if pk in busy or ids.index(pk) != index:
            raise Refused(_("Battery %(id)s is already in an open pickup.") % {"id": pk}, field=field, code="duplicate")
    PickupBattery.objects.bulk_create(PickupBattery(pickup=pickup, battery=found[pk]) for pk in ids)


def _recognize(
    actor: Actor, pickup: Pickup, scans: Sequence[Scan], collected_at: datetime
) -> tuple[list[Battery], dict[int, Decimal | None]]:
    """The scanned batteries, locked, weighed and with their condition noted; new ones registered."""
    yard = pickup.collection_point.facility
    for index, scan in enumerate(scans):
        scan.check(f"batteries.{index}")
    known = findings.recognized(pickup, scans)
    relation = _unannounced(pickup)
    found = findings.let_through(actor, pickup, scans, known, relation)
    chosen: list[int | NewBattery] = []
    for scan, finding in zip(scans, found, strict=True):
        pk = scan.known(known)
        if pk is not None:
            chosen.append(pk)
        else:
            assert scan.identifier is not None
            told = finding.model if finding is not None else None
            chosen.append(NewBattery(scan.names, model=told or scan.model))
    new = [c for c in chosen if isinstance(c, NewBattery)]
    positions = [i for i, c in enumerate(chosen) if isinstance(c, NewBattery)]
    made = register_scanned(
        actor=actor, organization=yard.operator, batteries=new, positions=positions, is_simulated=pickup.is_simulated
    )
    made_at = dict(zip(positions, made, strict=True))
    ids = [c if isinstance(c, int) else made_at[i].pk for i, c in enumerate(chosen)]
    locked = {battery.pk: battery for battery in custody.lock_batteries(ids)}
    rows: dict[int, Scan] = {}
    for index, (pk, scan) in enumerate(zip(ids, scans, strict=True)):
        field = f"batteries.{index}"
        battery = locked.get(pk)
        allowed = battery is not None and (
            battery.facility_id == yard.pk
            or index in made_at
            or (scan.identifier is not None and battery.status in IN_USE)
        )
        if battery is None or not allowed:
            raise findings.not_here(field)
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
    findings.keep(found, ids)
    let_by_relation = [f.battery_id for f in found if f is not None and f.means == Means.RELATION]
    if relation is not None and not relation.covers(locked[pk].condition for pk in let_by_relation if pk):
        raise _not_covered(relation.giver)
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
