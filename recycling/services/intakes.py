"""What the weighbridge of a plant says of a load, against what was declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function, Role
from accounts.verbs import verb
from collection.models import Shipment, ShipmentLine, ShipmentStatus
from collection.services import custody, shipments
from collection.services.identifiers import NewIdentifier, registered
from collection.services.receiving import ReceivedLine
from collection.units import Unit, check_mass, to_kg
from recycling.models import (
    DISCREPANCY_MOVES,
    Discrepancy,
    DiscrepancyStatus,
    Intake,
    IntakeBattery,
    Plant,
)


@dataclass(frozen=True)
class ReceivedBattery:
    """A battery found on the truck, by its id or an identifier, with the mass that the plant weighed, if it did."""

    battery: int | None = None
    identifier: NewIdentifier | None = None
    received_value: Decimal | None = None
    unit: str = Unit.KG


@dataclass(frozen=True)
class RejectedThing:
    """A battery or a lot that the plant sends back, and why."""

    reason: str
    battery: int | None = None
    identifier: NewIdentifier | None = None
    lot: int | None = None


@dataclass
class _Load:
    """The lines of a shipment, sorted by what became of them at the gate."""

    accepted: list[tuple[ShipmentLine, ReceivedBattery | None]] = field(default_factory=list)
    rejected: dict[int, str] = field(default_factory=dict)
    missing: list[ShipmentLine] = field(default_factory=list)


def lock(intake: Intake) -> Intake:
    """The weighing as it is now, locked."""
    rows = Intake.objects.select_for_update(of=("self",)).select_related("plant__facility__operator")
    return rows.get(pk=intake.pk)


def lock_discrepancy(discrepancy: Discrepancy) -> Discrepancy:
    """The discrepancy as it is now, locked."""
    rows = Discrepancy.objects.select_for_update(of=("self",)).select_related("intake__plant__facility__operator")
    return rows.get(pk=discrepancy.pk)


@verb(of="plant__facility__operator", function=Function.RECYCLER)
def record(
    *,
    actor: Actor,
    plant: Plant,
    shipment: Shipment,
    ticket: str,
    weighed_at: datetime,
    gross_value: Decimal,
    tare_value: Decimal,
    unit: str = Unit.KG,
    batteries: Sequence[ReceivedBattery] | None = None,
    rejected: Sequence[RejectedThing] = (),
    note: str = "",
    is_simulated: bool = False,
) -> Intake:
    """Weigh a load in and receive its shipment.

    Without `batteries`, all that was not rejected was found. With it, a battery of the shipment that stands in neither
    list is missing: it stays with the carrier on the return shipment, and a discrepancy is opened. So is one for
    each received mass, and for the net mass of the load, that differs from what was declared by more than the plant's
    tolerance; each is due after the plant's number of days, counted in its time zone.
    """
    plant = Plant.objects.select_related("facility__operator").get(pk=plant.pk)
    ticket = rules.number(ticket, field="ticket")
    note = rules.text(note, field="note", longest=rules.LONGEST_REASON, shortest=0)
    gross_kg, tare_kg = _check_weighing(gross_value, tare_value, unit)
    custody.check_time(weighed_at, field="weighed_at")
    shipment = shipments.lock(shipment)
    if shipment.destination_id != plant.facility_id:
        raise Refused(_("This shipment goes to %(place)s.") % {"place": shipment.destination}, field="shipment")
    if Intake.objects.filter(shipment=shipment).exists():
        raise Refused(_("This shipment was already weighed in."), field="shipment", code="duplicate")
    if Intake.objects.filter(plant=plant, ticket=ticket).exists():
        raise _ticket_taken(ticket)
    load = _sort(shipment, batteries, rejected)
    if shipment.status == ShipmentStatus.IN_TRANSIT:
        _check_after(shipment.dispatched_at, weighed_at, _("It cannot be weighed in before it left."))
        shipments.arrive(actor=actor, shipment=shipment, arrived_at=weighed_at)
    else:
        _check_after(shipment.arrived_at, weighed_at, _("It cannot be weighed in before it arrived."))
    shipments.receive(
        actor=actor,
        shipment=shipment,
        received_at=weighed_at,
        accepted=[
            ReceivedLine(line.pk, found.received_value, found.unit) if found else ReceivedLine(line.pk)
            for line, found in load.accepted
        ],
        rejected=load.rejected | {line.pk: _("Declared, but not on the truck.") for line in load.missing},
    )
    try:
        with transaction.atomic():
            intake = Intake.objects.create(
                plant=plant,
                shipment=shipment,
                ticket=ticket,
                weighed_at=weighed_at,
                gross_value=gross_value,
                tare_value=tare_value,
                unit=unit,
                recorded_by=actor.user,
                note=note,
                is_simulated=is_simulated,
            )
    except IntegrityError as error:  # somebody else used the ticket in this very moment
        raise _ticket_taken(ticket) from error
    IntakeBattery.objects.bulk_create(
        IntakeBattery(
            intake=intake,
            battery_id=line.battery_id,
            declared_kg=line.declared_kg,
            received_value=found.received_value if found else None,
            unit=found.unit if found else Unit.KG,
        )
        for line, found in load.accepted
        if line.battery_id is not None
    )
    Discrepancy.objects.bulk_create(_discrepancies(intake, plant, load, gross_kg - tare_kg))
    return intake


@verb(lock, of="intake__plant__facility__operator", role=Role.MANAGER)
def correct_weighing(
    *, actor: Actor, intake: Intake, gross_value: Decimal, tare_value: Decimal, unit: str, reason: rules.Reason
) -> Intake:
    """Gross or tare was written down wrongly. What was entered before stays in the history. Needs a manager."""
    reason = rules.reason(reason)
    _check_weighing(gross_value, tare_value, unit)
    intake.gross_value, intake.tare_value, intake.unit = gross_value, tare_value, unit
    note = f"{intake.note} {reason}".strip()
    if len(note) > rules.LONGEST_REASON:  # the oldest goes, and it shows
        note = f"…{note[1 - rules.LONGEST_REASON :]}"
    intake.note = note
    intake.save(update_fields=["gross_value", "tare_value", "unit", "note"])
    return intake


@verb(
    lock_discrepancy,
    of="discrepancy__intake__plant__facility__operator",
    to=DiscrepancyStatus.SETTLED,
    moves=DISCREPANCY_MOVES,
)
def settle_discrepancy(*, actor: Actor, discrepancy: Discrepancy, settlement: rules.Reason) -> Discrepancy:
    """Say how a discrepancy was settled with the shipper; signed by the actor."""
    settlement = rules.text(settlement, field="settlement", longest=500)
    discrepancy.status, discrepancy.settlement = DiscrepancyStatus.SETTLED, settlement
    discrepancy.settled_by, discrepancy.settled_at = actor.user, timezone.now()
    discrepancy.save(update_fields=["status", "settlement", "settled_by", "settled_at"])
    return discrepancy


def _check_weighing(gross_value: Decimal, tare_value: Decimal, unit: str) -> tuple[Decimal, Decimal]:
    gross_kg = check_mass(gross_value, unit, field="gross_value", unit_field="unit")
    tare_kg = check_mass(tare_value, unit, field="tare_value", unit_field="unit")
    if gross_kg <= tare_kg:
        raise Invalid(_("Gross must be more than tare."), field="gross_value")
    return gross_kg, tare_kg


def _check_after(earlier: datetime | None, weighed_at: datetime, message: str) -> None:
    if earlier is not None and weighed_at < earlier:
        raise Invalid(message, field="weighed_at", code="out_of_order")


def _ticket_taken(ticket: str) -> Refused:
    return Refused(
        _("The plant already has a ticket %(ticket)s.") % {"ticket": ticket}, field="ticket", code="duplicate"
    )


class _OpenLines:
    """The open lines of a shipment, each of which is spoken of once."""

    def __init__(
        self, shipment: Shipment, batteries: Sequence[ReceivedBattery], rejected: Sequence[RejectedThing]
    ) -> None:
        self.all = list(shipment.lines.filter(outcome=ShipmentLine.Outcome.OPEN).order_by("pk"))
        self.by_battery = {line.battery_id: line for line in self.all if line.battery_id is not None}
        self.by_lot = {line.lot_id: line for line in self.all if line.lot_id is not None}
        self.names = registered(_read_off(batteries, rejected), self.by_battery)
        self.taken: set[int] = set()

    def take(self, thing: ReceivedBattery | RejectedThing, where: str) -> ShipmentLine:
        """The line of `thing`; `Invalid` if there is none, or it was taken before."""
        line = None
        if isinstance(thing, RejectedThing) and thing.lot is not None:
            line = self.by_lot.get(thing.lot)
        elif thing.battery is not None:
            line = self.by_battery.get(thing.battery)
        elif thing.identifier is not None:
            line = self.by_battery.get(self.names.get(thing.identifier.key, 0))
        if line is None:
            raise Invalid(_("This is not on the shipment."), field=where, code="not_on_shipment")
        if line.pk in self.taken:
            raise Invalid(_("This stands here twice."), field=where, code="duplicate")
        self.taken.add(line.pk)
        return line


def _sort(shipment: Shipment, batteries: Sequence[ReceivedBattery] | None, rejected: Sequence[RejectedThing]) -> _Load:
    """Match what was found and what is refused with the open lines of the shipment."""
    lines, load = _OpenLines(shipment, batteries or (), rejected), _Load()
    for index, refusal in enumerate(rejected):
        line = lines.take(refusal, f"rejected.{index}")
        load.rejected[line.pk] = rules.reason(refusal.reason, field=f"rejected.{index}.reason")
    for index, found in enumerate(batteries or ()):
        where = f"batteries.{index}"
        if found.received_value is not None:
            check_mass(found.received_value, found.unit, field=f"{where}.received_value", unit_field=f"{where}.unit")
        load.accepted.append((lines.take(found, where), found))
    for line in lines.all:
        if line.pk in lines.taken:
            continue
        if batteries is None or line.battery_id is None:
            load.accepted.append((line, None))
        else:
            load.missing.append(line)
    return load


def _read_off(batteries: Sequence[ReceivedBattery], rejected: Sequence[RejectedThing]) -> dict[str, NewIdentifier]:
    """The identifiers that were read at the gate, each by its field."""
    named: list[tuple[str, ReceivedBattery | RejectedThing]] = [
        *((f"batteries.{index}", found) for index, found in enumerate(batteries)),
        *((f"rejected.{index}", refusal) for index, refusal in enumerate(rejected) if refusal.lot is None),
    ]
    return {
        f"{where}.identifier": thing.identifier
        for where, thing in named
        if thing.identifier is not None and thing.battery is None
    }


def _discrepancies(intake: Intake, plant: Plant, load: _Load, net_kg: Decimal) -> list[Discrepancy]:
    weighed_on = intake.weighed_at.astimezone(ZoneInfo(plant.facility.time_zone)).date()
    due_on = weighed_on + timedelta(days=plant.discrepancy_days)
    found = [
        Discrepancy(
            intake=intake,
            battery_id=line.battery_id,
            kind=Discrepancy.Kind.MISSING,
            declared_kg=line.declared_kg,
            due_on=due_on,
        )
        for line in load.missing
    ]
    total: Decimal | None = Decimal(0)
    for line, battery in load.accepted:
        weighed = battery is not None and battery.received_value is not None
        received_kg = to_kg(battery.received_value, battery.unit) if weighed else None  # type: ignore[union-attr,arg-type]
        mass_kg = received_kg if received_kg is not None else line.declared_kg
        total = total + mass_kg if total is not None and mass_kg is not None else None
        if received_kg is not None and line.declared_kg is not None and _differ(line.declared_kg, received_kg, plant):
            found.append(
                Discrepancy(
                    intake=intake,
                    battery_id=line.battery_id,
                    kind=Discrepancy.Kind.BATTERY_MASS,
                    declared_kg=line.declared_kg,
                    received_kg=received_kg,
                    due_on=due_on,
                )
            )
    if total is not None and _differ(total, net_kg, plant):
        found.append(
            Discrepancy(
                intake=intake,
                kind=Discrepancy.Kind.NET_MASS,
                declared_kg=total,
                received_kg=net_kg,
                due_on=due_on,
            )
        )
    return found


def _differ(declared_kg: Decimal, received_kg: Decimal, plant: Plant) -> bool:
    return abs(received_kg - declared_kg) > plant.mass_tolerance * declared_kg
