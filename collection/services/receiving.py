"""What the receiver of a shipment says of each of its lines, and the way back of what it rejects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from collection.models import (
    Battery,
    BatteryStatus,
    CustodyKind,
    Lot,
    LotStatus,
    Means,
    Package,
    Shipment,
    ShipmentLine,
    ShipmentStatus,
)
from collection.services import contents, custody, handovers
from collection.services.custody import Entry, Place
from collection.services.handovers import Side
from collection.services.storage import check_storage
from collection.units import Unit, check_mass, to_kg


@dataclass(frozen=True)
class ReceivedLine:
    """A line that the receiver accepts, with the mass that it weighed, if it did."""

    line: int
    received_value: Decimal | None = None
    unit: str = Unit.KG


def take_in(
    actor: Actor,
    shipment: Shipment,
    received_at: datetime,
    accepted: Sequence[ReceivedLine] | None,
    refusals: Mapping[int, str],
) -> None:
    """Receive a locked shipment that has arrived; `refusals` are reasons by the ids of lines.

    What was received is weighed, checked against the storage limit and put into the destination's custody; what was
    rejected turns back. The number of statements does not grow with the lines.
    """
    lines = list(shipment.lines.filter(outcome=ShipmentLine.Outcome.OPEN).order_by("pk"))
    taken = _match(lines, accepted, refusals)
    refusals = {line: rules.reason(reason, field="rejected") for line, reason in refusals.items()}
    batteries = custody.lock_batteries(line.battery_id for line in lines if line.battery_id)
    lots = custody.lock_lots(line.lot_id for line in lines if line.lot_id)
    if any(battery.shipment_id != shipment.pk for battery in batteries):
        raise Refused(_("A battery of this shipment is not on it any more."), field="shipment", code="not_here")
    kept_batteries = {line.battery_id for line, _row in taken}
    kept_lots = {line.lot_id for line, _row in taken}
    batteries_in = [b for b in batteries if b.pk in kept_batteries]
    lots_in = [lot for lot in lots if lot.pk in kept_lots]
    weighed = {
        line.battery_id: (row.received_value, row.unit)
        for line, row in taken
        if line.battery_id is not None and row.received_value is not None
    }
    masses = {battery: to_kg(value, unit) for battery, (value, unit) in weighed.items()}
    check_storage(shipment.destination, batteries_in, lots_in, masses)
    contents.weigh(batteries, weighed)
    shipment.status, shipment.received_at = _outcome(lines, refusals), received_at
    shipment.reason = rules.listed(dict.fromkeys(refusals.values()), separator="; ")
    shipment.save(update_fields=["status", "received_at", "reason"])
    ShipmentLine.objects.filter(pk__in=[line.pk for line, _row in taken]).update(outcome=ShipmentLine.Outcome.ACCEPTED)
    place = Place(facility=shipment.destination)
    handover = None
    if taken:
        handover = handovers.note(
            giver=shipment.carrier, giving=handovers.by_dispatch(shipment), taker=shipment.destination.operator,
            taking=Side(Means.OWN, by=actor.user), facility=shipment.destination, shipment=shipment,
            occurred_at=received_at,
        )  # fmt: skip
    entry = Entry(
        actor, CustodyKind.RECEIVED, received_at, reference=f"shipment {shipment.pk}", handover=handover,
        time_field="received_at",
    )  # fmt: skip
    custody.move(batteries_in, replace(entry, masses=masses), status=BatteryStatus.AT_FACILITY, to=place)
    custody.move(lots_in, entry, status=LotStatus.IN_STOCK, to=place)
    if refusals:
        turned = [line for line in lines if line.pk in refusals]
        for line in turned:
            line.outcome, line.reason = ShipmentLine.Outcome.REJECTED, refusals[line.pk]
        # First the old lines are settled: nothing may stand on two open lines, not for a moment.
        ShipmentLine.objects.bulk_update(turned, ["outcome", "reason"])
        _turn_back(actor, shipment, turned, batteries, lots, received_at)


def _outcome(lines: Sequence[ShipmentLine], refusals: Mapping[int, str]) -> ShipmentStatus:
    if not refusals:
        return ShipmentStatus.RECEIVED
    return ShipmentStatus.REJECTED if len(refusals) == len(lines) else ShipmentStatus.PARTLY_REJECTED


def _match(
    lines: Sequence[ShipmentLine], accepted: Sequence[ReceivedLine] | None, refusals: Mapping[int, str]
) -> list[tuple[ShipmentLine, ReceivedLine]]:
    """The accepted lines with what is said of them. Every open line is spoken of exactly once, or this is `Invalid`."""
    by_id = {line.pk: line for line in lines}
    for line_id in refusals:
        if line_id not in by_id:
            raise Invalid(_("The shipment has no open line %(line)s.") % {"line": line_id}, field="rejected")
    if accepted is None:
        return [(line, ReceivedLine(line.pk)) for line in lines if line.pk not in refusals]
    taken, seen = [], set(refusals)
    for index, row in enumerate(accepted):
        where = f"accepted.{index}"
        if row.line not in by_id:
            raise Invalid(_("The shipment has no open line %(line)s.") % {"line": row.line}, field=f"{where}.line")
        if row.line in seen:
            raise Invalid(_("Line %(line)s stands here twice.") % {"line": row.line}, field=f"{where}.line")
        if row.received_value is not None:
            check_mass(row.received_value, row.unit, field=f"{where}.received_value", unit_field=f"{where}.unit")
            if by_id[row.line].lot_id is not None:
                raise Invalid(
                    _("A lot keeps its mass on a shipment; correct the lot instead."), field=f"{where}.received_value"
                )
        seen.add(row.line)
        taken.append((by_id[row.line], row))
    missing = [line_id for line_id in by_id if line_id not in seen]
    if missing:
        raise Invalid(
            _("Say of every line whether it is accepted or rejected; missing: %(lines)s.")
            % {"lines": ", ".join(map(str, missing[:10]))},
            field="accepted",
            code="incomplete",
        )
    return taken


def _turn_back(
    actor: Actor,
    shipment: Shipment,
    lines: Sequence[ShipmentLine],
    batteries: Sequence[Battery],
    lots: Sequence[Lot],
    at: datetime,
) -> Shipment:
    """The shipment on which the carrier takes rejected `lines` back to where they came from."""
    back = Shipment.objects.create(
        shipper=shipment.shipper,
        origin=shipment.destination,
        destination=shipment.origin,
        carrier=shipment.carrier,
        vehicle=shipment.vehicle,
        dispatched_at=at,
        status=ShipmentStatus.IN_TRANSIT,
        consent=shipment.consent,
        return_of=shipment,
        is_simulated=shipment.is_simulated,
    )
    going_batteries = {line.battery_id for line in lines}
    going_lots = {line.lot_id for line in lines}
    boxes = _same_boxes(back, lines)
    damaged = {battery.pk for battery in batteries if battery.travels_as_damaged}
    ShipmentLine.objects.bulk_create(
        ShipmentLine(
            shipment=back,
            battery_id=line.battery_id,
            lot_id=line.lot_id,
            package=_fitting(boxes.get(line.package_id or 0), line, damaged),
            declared_value=line.declared_value,
            unit=line.unit,
        )
        for line in lines
    )
    # A rejected thing never comes into the receiver's custody: it changes from one shipment of the carrier to another.
    custody.redirect(
        [battery for battery in batteries if battery.pk in going_batteries],
        [lot for lot in lots if lot.pk in going_lots],
        Entry(
            actor,
            CustodyKind.REJECTED,
            at,
            reference=f"shipment {back.pk}",
            note=shipment.reason,
            time_field="received_at",
        ),
        to=back,
    )
    return back


def _same_boxes(back: Shipment, lines: Sequence[ShipmentLine]) -> dict[int, Package]:
    """Packages like those that `lines` came in, by the ids of these."""
    came_in = Package.objects.filter(pk__in={line.package_id for line in lines if line.package_id})
    boxes = {
        old.pk: Package(
            shipment=back,
            label=old.label,
            kind=old.kind,
            packing_instruction=old.packing_instruction,
            un_number=old.un_number,
        )
        for old in came_in.order_by("pk")
    }
    Package.objects.bulk_create(boxes.values())
    return boxes


def _fitting(box: Package | None, line: ShipmentLine, damaged: set[int]) -> Package | None:
    """`box`, unless the battery's condition was found to be another since it was packed there."""
    if box is not None and line.battery_id is not None:
        is_damaged = line.battery_id in damaged
        return box if (box.kind == Package.Kind.DAMAGED) == is_damaged else None
    return box
