"""A shipment from the first line to the receiver's word on each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function, Organization, Role
from accounts.verbs import verb
from collection.models import (
    SHIPMENT_MOVES,
    Consent,
    CustodyEvent,
    CustodyKind,
    Facility,
    Means,
    Relation,
    Shipment,
    ShipmentLine,
    ShipmentStatus,
    TransportDocument,
)
from collection.services import custody, handovers, loading, packing, receiving, relations
from collection.services.consents import check_consent
from collection.services.custody import Entry
from collection.services.handovers import Side
from collection.services.packing import NewLine, NewPackage
from collection.services.receiving import ReceivedLine
from collection.units import Unit, check_mass

#: States in which something about a shipment may still change.
_UNSETTLED = [status for status in ShipmentStatus if status not in (ShipmentStatus.CANCELLED, ShipmentStatus.CLOSED)]


def lock(shipment: Shipment) -> Shipment:
    """The shipment as it is now, locked."""
    return (
        Shipment.objects.select_for_update(of=("self",))
        .select_related(
            "origin__operator", "destination__operator", "carrier", "shipper", "consent", "ready_by", "accepted_by"
        )
        .get(pk=shipment.pk)
    )


@verb(of="origin__operator")
def draft(
    *,
    actor: Actor,
    origin: Facility,
    destination: Facility,
    carrier: Organization,
    lines: Sequence[NewLine] = (),
    packages: Sequence[NewPackage] = (),
    vehicle: str = "",
    planned_at: datetime | None = None,
    consent: Consent | None = None,
    is_simulated: bool = False,
) -> Shipment:
    """Draft a shipment from a facility of the actor's organization."""
    if origin == destination:
        raise Invalid(_("A shipment goes to another facility."), field="destination")
    if planned_at is not None:
        custody.check_plan(planned_at, field="planned_at")
    _check_carrier(carrier)
    shipment = Shipment(
        shipper=origin.operator,
        origin=origin,
        destination=destination,
        carrier=carrier,
        vehicle=rules.number(vehicle, field="vehicle", shortest=0),
        planned_at=planned_at,
        consent=consent,
        is_simulated=is_simulated,
    )
    rules.check_lengths(shipment)
    shipment.save()
    packing.add(shipment, lines, packages)
    return shipment


@verb(lock, of="shipment__shipper", when=[ShipmentStatus.DRAFT])
def change(
    *,
    actor: Actor,
    shipment: Shipment,
    carrier: Organization | None = None,
    vehicle: str | None = None,
    planned_at: datetime | None = None,
    consent: Consent | None = None,
) -> Shipment:
    """Change a draft's carrier, vehicle, planned departure or consent; what is left out stays."""
    if carrier is not None:
        _check_carrier(carrier)
        shipment.accepted_by = shipment.accepted_by if carrier == shipment.carrier else None
        shipment.carrier = carrier
    if vehicle is not None:
        shipment.vehicle = rules.number(vehicle, field="vehicle", shortest=0)
    if planned_at is not None:
        custody.check_plan(planned_at, field="planned_at")
        shipment.planned_at = planned_at
    shipment.consent = consent or shipment.consent
    rules.check_lengths(shipment)
    shipment.save(update_fields=["carrier", "accepted_by", "vehicle", "planned_at", "consent"])
    return shipment


@verb(lock, of="shipment__shipper", when=[ShipmentStatus.DRAFT])
def pack(
    *, actor: Actor, shipment: Shipment, lines: Sequence[NewLine], packages: Sequence[NewPackage] = ()
) -> Shipment:
    """Add lines and packages to a draft."""
    packing.add(shipment, lines, packages)
    return shipment


@verb(lock, of="shipment__shipper", when=[ShipmentStatus.DRAFT])
def unpack(*, actor: Actor, shipment: Shipment, lines: Sequence[int]) -> Shipment:
    """Take lines, named by their ids, off a draft again."""
    found = set(shipment.lines.filter(pk__in=lines).values_list("pk", flat=True))
    for index, line in enumerate(lines):
        if line not in found:
            raise Invalid(_("The shipment has no line %(line)s.") % {"line": line}, field=f"lines.{index}")
    shipment.lines.filter(pk__in=found).delete()
    return shipment


@verb(lock, of="shipment__shipper", to=ShipmentStatus.READY, moves=SHIPMENT_MOVES)
def make_ready(*, actor: Actor, shipment: Shipment) -> Shipment:
    """The draft is complete and waits for its truck."""
    if not shipment.lines.exists():
        raise Refused(_("There is nothing on the shipment."), field="lines", code="empty")
    shipment.ready_by = actor.user
    return _set(shipment, ShipmentStatus.READY, "ready_by")


@verb(lock, of="shipment__carrier", when=[ShipmentStatus.DRAFT, ShipmentStatus.READY])
def accept(*, actor: Actor, shipment: Shipment) -> Shipment:
    """The carrier agrees to carry this shipment. It need not where it carries for the shipper by a standing relation."""
    shipment.accepted_by = actor.user
    shipment.save(update_fields=["accepted_by"])
    return shipment


@verb(lock, of="shipment__shipper", to=ShipmentStatus.DRAFT, moves=SHIPMENT_MOVES)
def reopen(*, actor: Actor, shipment: Shipment) -> Shipment:
    """A ready shipment becomes a draft again, to be changed."""
    return _set(shipment, ShipmentStatus.DRAFT)


@verb(lock, of="shipment__shipper", to=ShipmentStatus.CANCELLED, moves=SHIPMENT_MOVES)
def cancel(*, actor: Actor, shipment: Shipment, reason: rules.Reason) -> Shipment:
    """A shipment that has not left is given up; its lines are free for another."""
    reason = rules.reason(reason)
    shipment.lines.filter(outcome=ShipmentLine.Outcome.OPEN).update(outcome=ShipmentLine.Outcome.REMOVED)
    return _set(shipment, ShipmentStatus.CANCELLED, reason=reason)


@verb(lock, of=("shipment__shipper", "shipment__origin__operator", "shipment__carrier"), when=_UNSETTLED)
def document(*, actor: Actor, shipment: Shipment, kind: str, number: str, issued_on: date | None = None) -> Shipment:
    """Note a paper that travels with the shipment; whoever sends or carries it may."""
    number = rules.number(number, field="number")
    if kind not in TransportDocument.Kind.values:
        raise Invalid(_("“%(kind)s” is no kind of document.") % {"kind": kind}, field="kind")
    if TransportDocument.objects.filter(shipment=shipment, kind=kind, number=number).exists():
        raise Refused(_("The shipment already has this document."), field="number", code="duplicate")
    TransportDocument.objects.create(shipment=shipment, kind=kind, number=number, issued_on=issued_on)
    return shipment


@verb(lock, of=("shipment__shipper", "shipment__carrier"), to=ShipmentStatus.IN_TRANSIT, moves=SHIPMENT_MOVES)
def dispatch(*, actor: Actor, shipment: Shipment, dispatched_at: datetime) -> Shipment:
    """The truck leaves: custody of every line goes to the carrier, which has to agree: by dispatching it itself, by having
    accepted it, or by a standing relation with the shipper.

    Across a border nothing leaves without a valid consent that covers route, parties and mass (40 CFR 262.83 for the
    United States; SOR/2021-25 for Canada).
    """
    lines = list(shipment.lines.filter(outcome=ShipmentLine.Outcome.OPEN).select_related("package"))
    batteries = custody.lock_batteries(line.battery_id for line in lines if line.battery_id)
    lots = custody.lock_lots(line.lot_id for line in lines if line.lot_id)
    packing.check_here(shipment.origin, batteries, lots)
    packing.check_packing(lines, batteries)
    check_consent(shipment, lines, batteries, lots, dispatched_at)
    masses = {line.battery_id: line.declared_kg for line in lines if line.battery_id}
    handover = handovers.note(
        giver=shipment.shipper,
        giving=_giving(actor, shipment),
        taker=shipment.carrier,
        taking=_taking(actor, shipment, {battery.condition for battery in batteries}),
        facility=shipment.origin,
        shipment=shipment,
        occurred_at=dispatched_at,
    )
    loading.leave(actor, shipment, batteries, lots, dispatched_at, masses, handover)
    return shipment


def _giving(actor: Actor, shipment: Shipment) -> Side:
    """The shipper's side: who dispatches, or who said that it was ready."""
    if actor.may(shipment.shipper):
        return Side(Means.OWN, by=actor.user)
    if shipment.ready_by is None:  # from before this was noted
        return Side(Means.EARLIER)
    return Side(Means.PERSON, by=shipment.ready_by)


def _taking(actor: Actor, shipment: Shipment, conditions: set[str]) -> Side:
    """The carrier's side."""
    carrier = shipment.carrier
    if actor.may(carrier):
        return Side(Means.OWN, by=actor.user)
    if shipment.accepted_by is not None:
        return Side(Means.PERSON, by=shipment.accepted_by)
    relation = relations.standing(Relation.Kind.CARRY, shipment.shipper, carrier, shipment.origin, conditions)
    if relation is None:
        raise Refused(
            _("%(name)s has not agreed to carry this: it accepts the shipment, or dispatches it itself.")
            % {"name": carrier.name},
            field="carrier",
            code="unconfirmed",
        )
    return Side(Means.RELATION, relation=relation)


@verb(
    lock, of=("shipment__carrier", "shipment__destination__operator"), to=ShipmentStatus.ARRIVED, moves=SHIPMENT_MOVES
)
def arrive(*, actor: Actor, shipment: Shipment, arrived_at: datetime) -> Shipment:
    """The truck is at the destination's gate; custody stays with the carrier until it is received."""
    custody.check_time(arrived_at, field="arrived_at")
    if shipment.dispatched_at is not None and arrived_at < shipment.dispatched_at:
        raise Invalid(_("It cannot arrive before it left."), field="arrived_at", code="out_of_order")
    shipment.arrived_at = arrived_at
    return _set(shipment, ShipmentStatus.ARRIVED, "arrived_at")


@verb(
    lock,
    of="shipment__destination__operator",
    to=(ShipmentStatus.RECEIVED, ShipmentStatus.PARTLY_REJECTED, ShipmentStatus.REJECTED),
    moves=SHIPMENT_MOVES,
)
def receive(
    *,
    actor: Actor,
    shipment: Shipment,
    received_at: datetime,
    accepted: Sequence[ReceivedLine] | None = None,
    rejected: Mapping[int, str] | None = None,
) -> Shipment:
    """The destination accepts some lines and rejects the others, each with a reason, by the ids of the lines.

    `accepted` may be left out: then it is all that were not rejected. What was rejected turns back at once, on a return
    shipment in transit to where it came from.
    """
    custody.check_time(received_at, field="received_at")
    if shipment.arrived_at is not None and received_at < shipment.arrived_at:
        raise Invalid(_("It cannot be received before it arrived."), field="received_at", code="out_of_order")
    receiving.take_in(actor, shipment, received_at, accepted, dict(rejected or {}))
    return shipment


@verb(
    lock,
    of=("shipment__shipper", "shipment__destination__operator"),
    role=Role.MANAGER,
    to=ShipmentStatus.CLOSED,
    moves=SHIPMENT_MOVES,
)
def close(*, actor: Actor, shipment: Shipment) -> Shipment:
    """Everything about the shipment is settled; it is corrected no more."""
    return _set(shipment, ShipmentStatus.CLOSED, reason=shipment.reason)


@verb(lock, of="shipment__shipper", when=_UNSETTLED)
def correct(
    *,
    actor: Actor,
    shipment: Shipment,
    line: int,
    declared_value: Decimal,
    unit: str = Unit.KG,
    reason: rules.Reason,
    corrected_at: datetime,
) -> Shipment:
    """The declared mass of a line was wrong: the line is changed, and the ledger says so in a further entry."""
    reason = rules.reason(reason)
    kilograms = check_mass(declared_value, unit, field="declared_value", unit_field="unit")
    found = shipment.lines.filter(pk=line).exclude(outcome=ShipmentLine.Outcome.REMOVED).first()
    if found is None:
        raise Invalid(_("The shipment has no line %(line)s.") % {"line": line}, field="line")
    found.declared_value, found.unit = declared_value, unit
    found.save(update_fields=["declared_value", "unit"])
    if shipment.dispatched_at is not None:
        _note_correction(actor, shipment, found, kilograms, reason, corrected_at)
    return shipment


def _note_correction(
    actor: Actor,
    shipment: Shipment,
    line: ShipmentLine,
    kilograms: Decimal,
    reason: rules.Reason,
    corrected_at: datetime,
) -> None:
    entries = CustodyEvent.objects.filter(
        battery=line.battery_id,
        lot=line.lot_id,
        to_shipment=shipment,
        kind__in=(CustodyKind.DISPATCHED, CustodyKind.REJECTED),
    )
    entry = Entry(
        actor,
        CustodyKind.CORRECTED,
        corrected_at,
        reference=f"shipment {shipment.pk}",
        note=reason,
        corrects=entries.first(),
        time_field="corrected_at",
    )
    if line.battery_id is not None:
        custody.note(custody.lock_batteries([line.battery_id]), replace(entry, masses={line.battery_id: kilograms}))
    if line.lot_id is not None:
        custody.note(custody.lock_lots([line.lot_id]), replace(entry, masses={line.lot_id: kilograms}))


def _set(shipment: Shipment, status: ShipmentStatus, *fields: str, reason: str = "") -> Shipment:
    shipment.status, shipment.reason = status, reason
    shipment.save(update_fields=["status", "reason", *fields])
    return shipment


def _check_carrier(carrier: Organization) -> None:
    if not carrier.has_function(Function.CARRIER):
        raise Invalid(_("%(name)s is not a carrier.") % {"name": carrier.name}, field="carrier")
