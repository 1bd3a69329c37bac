"""A shipment from the first line to the receiver's word on each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function, Organization, Role
from collection.models import (
    SHIPMENT_MOVES,
    Battery,
    BatteryStatus,
    Consent,
    CustodyKind,
    Facility,
    Lot,
    LotStatus,
    Package,
    Shipment,
    ShipmentLine,
    ShipmentStatus,
    TransportDocument,
)
from collection.services import batteries as battery_services
from collection.services import custody
from collection.services.custody import Place
from collection.units import Unit, to_kg


@dataclass(frozen=True)
class NewLine:
    """A battery or a lot to put on a shipment, in which package, and its declared mass."""

    battery: int | None = None
    lot: int | None = None
    package: str = ""
    declared_value: Decimal | None = None
    unit: str = Unit.KG


@dataclass(frozen=True)
class ReceivedLine:
    """A line that the receiver accepts, with the mass that it weighed."""

    line: int
    received_value: Decimal | None = None
    unit: str = Unit.KG


def lock(shipment: Shipment, *, to: ShipmentStatus | None = None) -> Shipment:
    """The shipment as it is now, locked; refused if it may not move to the status `to`."""
    locked = (
        Shipment.objects.select_for_update(of=("self",))
        .select_related("origin__operator", "destination__operator", "carrier", "shipper", "consent")
        .get(pk=shipment.pk)
    )
    if to is not None and (locked.status, to) not in SHIPMENT_MOVES:
        raise Refused(
            _("The shipment is %(status)s, so it cannot become %(wanted)s.")
            % {"status": locked.get_status_display(), "wanted": to.label},
            code="wrong_status",
        )
    return locked


@transaction.atomic
def draft(
    *,
    actor: Actor,
    origin: Facility,
    destination: Facility,
    carrier: Organization,
    lines: Sequence[NewLine] = (),
    packages: Sequence[Mapping[str, str]] = (),
    vehicle: str = "",
    planned_at: datetime | None = None,
    consent: Consent | None = None,
    is_simulated: bool = False,
) -> Shipment:
    """Draft a shipment from a facility of the actor's organization."""
    actor.require(origin.operator)
    if origin == destination:
        raise Invalid(_("A shipment goes to another facility."), field="destination")
    if not carrier.has_function(Function.CARRIER):
        raise Invalid(_("%(name)s is not a carrier.") % {"name": carrier.name}, field="carrier")
    shipment = Shipment.objects.create(
        shipper=origin.operator,
        origin=origin,
        destination=destination,
        carrier=carrier,
        vehicle=vehicle,
        planned_at=planned_at,
        consent=consent,
        is_simulated=is_simulated,
    )
    _pack(shipment, lines, packages)
    return shipment


@transaction.atomic
def pack(
    *, actor: Actor, shipment: Shipment, lines: Sequence[NewLine], packages: Sequence[Mapping[str, str]] = ()
) -> Shipment:
    """Add lines and packages to a draft."""
    shipment = lock(shipment)
    actor.require(shipment.shipper)
    _require_draft(shipment)
    _pack(shipment, lines, packages)
    return shipment


@transaction.atomic
def unpack(*, actor: Actor, shipment: Shipment, lines: Sequence[int]) -> Shipment:
    """Take lines, named by their ids, off a draft again."""
    shipment = lock(shipment)
    actor.require(shipment.shipper)
    _require_draft(shipment)
    found = set(shipment.lines.filter(pk__in=lines).values_list("pk", flat=True))
    for index, line in enumerate(lines):
        if line not in found:
            raise Invalid(_("The shipment has no line %(line)s.") % {"line": line}, field=f"lines.{index}")
    shipment.lines.filter(pk__in=found).delete()
    return shipment


@transaction.atomic
def make_ready(*, actor: Actor, shipment: Shipment) -> Shipment:
    """The draft is complete and waits for its truck."""
    shipment = lock(shipment, to=ShipmentStatus.READY)
    actor.require(shipment.shipper)
    if not shipment.lines.exists():
        raise Refused(_("There is nothing on the shipment."), field="lines", code="empty")
    return _set(shipment, ShipmentStatus.READY)


@transaction.atomic
def reopen(*, actor: Actor, shipment: Shipment) -> Shipment:
    """A ready shipment becomes a draft again, to be changed."""
    shipment = lock(shipment, to=ShipmentStatus.DRAFT)
    actor.require(shipment.shipper)
    return _set(shipment, ShipmentStatus.DRAFT)


@transaction.atomic
def cancel(*, actor: Actor, shipment: Shipment, reason: str) -> Shipment:
    """A shipment that has not left is given up; its lines are free for another."""
    shipment = lock(shipment, to=ShipmentStatus.CANCELLED)
    actor.require(shipment.shipper)
    _require_reason(reason)
    shipment.lines.filter(outcome=ShipmentLine.Outcome.OPEN).update(outcome=ShipmentLine.Outcome.REMOVED)
    return _set(shipment, ShipmentStatus.CANCELLED, reason=reason)


@transaction.atomic
def document(*, actor: Actor, shipment: Shipment, kind: str, number: str, issued_on: date | None = None) -> Shipment:
    """Note a paper that travels with the shipment."""
    shipment = lock(shipment)
    actor.require(shipment.shipper, shipment.carrier)
    if shipment.status in (ShipmentStatus.CANCELLED, ShipmentStatus.CLOSED):
        raise Refused(_("The shipment is %(status)s.") % {"status": shipment.get_status_display()})
    if TransportDocument.objects.filter(shipment=shipment, kind=kind, number=number).exists():
        raise Refused(_("The shipment already has this document."), field="number", code="duplicate")
    TransportDocument.objects.create(shipment=shipment, kind=kind, number=number, issued_on=issued_on)
    return shipment


@transaction.atomic
def dispatch(*, actor: Actor, shipment: Shipment, dispatched_at: datetime) -> Shipment:
    """The truck leaves: custody of every line goes to the carrier.

    Across a border nothing leaves without a valid consent that covers route, parties and mass (40 CFR 262.83 for the
    United States; SOR/2021-25 for Canada).
    """
    shipment = lock(shipment, to=ShipmentStatus.IN_TRANSIT)
    actor.require(shipment.shipper, shipment.carrier)
    lines = list(shipment.lines.filter(outcome=ShipmentLine.Outcome.OPEN).select_related("package"))
    batteries = custody.lock_batteries(line.battery_id for line in lines if line.battery_id)
    lots = custody.lock_lots(line.lot_id for line in lines if line.lot_id)
    _check_here(shipment.origin, batteries, lots)
    _check_packing(lines, batteries)
    _check_consent(shipment, lines, batteries, lots, dispatched_at)
    shipment.dispatched_at = dispatched_at
    _set(shipment, ShipmentStatus.IN_TRANSIT, "dispatched_at")
    reference = f"shipment {shipment.pk}"
    custody.move_batteries(
        batteries,
        actor=actor,
        kind=CustodyKind.DISPATCHED,
        status=BatteryStatus.IN_TRANSIT,
        to=Place(shipment=shipment),
        occurred_at=dispatched_at,
        reference=reference,
        time_field="dispatched_at",
        masses={line.battery_id: line.declared_kg for line in lines if line.battery_id},
    )
    custody.move_lots(
        lots,
        actor=actor,
        kind=CustodyKind.DISPATCHED,
        status=LotStatus.IN_TRANSIT,
        to=Place(shipment=shipment),
        occurred_at=dispatched_at,
        reference=reference,
        time_field="dispatched_at",
    )
    return shipment


@transaction.atomic
def load_from_pickup(
    *,
    actor: Actor,
    shipper: Organization,
    origin: Facility,
    destination: Facility,
    carrier: Organization,
    vehicle: str,
    batteries: Sequence[Battery],
    dispatched_at: datetime,
    is_simulated: bool = False,
) -> Shipment:
    """The shipment that a pickup drives away with: locked `batteries` at `origin`, damaged ones packed apart.

    Permission was checked by the pickup. Across a border a pickup does not go: it would need a consent first.
    """
    if origin.country != destination.country:
        raise Refused(
            _("A pickup does not cross a border; bring the batteries to a facility in the country first."),
            field="destination",
            code="no_consent",
        )
    _check_here(origin, batteries, [])
    shipment = Shipment.objects.create(
        shipper=shipper,
        origin=origin,
        destination=destination,
        carrier=carrier,
        vehicle=vehicle,
        planned_at=dispatched_at,
        is_simulated=is_simulated,
    )
    boxes = {
        damaged: Package(
            shipment=shipment,
            label="DDR" if damaged else "1",
            un_number="UN3480",
            kind=Package.Kind.DAMAGED if damaged else Package.Kind.SOUND,
        )
        for damaged in sorted({battery.travels_as_damaged for battery in batteries})
    }
    Package.objects.bulk_create(boxes.values())
    rows = [
        ShipmentLine(
            shipment=shipment,
            battery=battery,
            package=boxes[battery.travels_as_damaged],
            declared_value=battery.mass_value,
            unit=battery.mass_unit,
        )
        for battery in batteries
    ]
    _check_free(rows)
    ShipmentLine.objects.bulk_create(rows)
    for status in (ShipmentStatus.READY, ShipmentStatus.IN_TRANSIT):
        shipment.dispatched_at = dispatched_at if status == ShipmentStatus.IN_TRANSIT else None
        _set(shipment, status, "dispatched_at")
    custody.move_batteries(
        batteries,
        actor=actor,
        kind=CustodyKind.DISPATCHED,
        status=BatteryStatus.IN_TRANSIT,
        to=Place(shipment=shipment),
        occurred_at=dispatched_at,
        reference=f"shipment {shipment.pk}",
        time_field="collected_at",
        masses={b.pk: to_kg(b.mass_value, b.mass_unit) if b.mass_value is not None else None for b in batteries},
    )
    return shipment


@transaction.atomic
def arrive(*, actor: Actor, shipment: Shipment, arrived_at: datetime) -> Shipment:
    """The truck is at the destination's gate; custody stays with the carrier until it is received."""
    shipment = lock(shipment, to=ShipmentStatus.ARRIVED)
    actor.require(shipment.carrier, shipment.destination.operator)
    custody.check_time(arrived_at, field="arrived_at")
    if shipment.dispatched_at is not None and arrived_at < shipment.dispatched_at:
        raise Invalid(_("It cannot arrive before it left."), field="arrived_at", code="out_of_order")
    shipment.arrived_at = arrived_at
    return _set(shipment, ShipmentStatus.ARRIVED, "arrived_at")


@transaction.atomic
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
    shipment in transit to where it came from. The same number of statements for any number of lines.
    """
    lines = list(ShipmentLine.objects.filter(shipment=shipment, outcome=ShipmentLine.Outcome.OPEN).order_by("pk"))
    refusals = dict(rejected or {})
    outcome = _outcome(lines, refusals)
    shipment = lock(shipment, to=outcome)
    actor.require(shipment.destination.operator)
    if shipment.arrived_at is not None and received_at < shipment.arrived_at:
        raise Invalid(_("It cannot be received before it arrived."), field="received_at", code="out_of_order")
    taken = _match(lines, accepted, refusals)
    batteries = custody.lock_batteries(line.battery_id for line in lines if line.battery_id)
    lots = custody.lock_lots(line.lot_id for line in lines if line.lot_id)
    weighed = {line.pk: row for line, row in taken if row.received_value is not None}
    kept = {line.pk for line, _row in taken}
    kept_batteries = {line.battery_id: line for line in lines if line.pk in kept and line.battery_id}
    kept_lots = {line.lot_id for line in lines if line.pk in kept and line.lot_id}
    masses = {
        battery: (weighed[line.pk].received_value, weighed[line.pk].unit)
        for battery, line in kept_batteries.items()
        if line.pk in weighed
    }
    battery_services.weigh(batteries, masses)  # type: ignore[arg-type]
    check_storage(
        shipment.destination,
        [b for b in batteries if b.pk in kept_batteries],
        [lot for lot in lots if lot.pk in kept_lots],
        {battery: to_kg(value, unit) for battery, (value, unit) in masses.items()},  # type: ignore[arg-type]
    )
    shipment.received_at = received_at
    _set(shipment, outcome, "received_at", reason="; ".join(dict.fromkeys(refusals.values()))[:500])
    reference = f"shipment {shipment.pk}"
    custody.move_batteries(
        [b for b in batteries if b.pk in kept_batteries],
        actor=actor,
        kind=CustodyKind.RECEIVED,
        status=BatteryStatus.AT_FACILITY,
        to=Place(facility=shipment.destination),
        occurred_at=received_at,
        reference=reference,
        time_field="received_at",
        masses={battery: to_kg(value, unit) for battery, (value, unit) in masses.items()},  # type: ignore[arg-type]
    )
    custody.move_lots(
        [lot for lot in lots if lot.pk in kept_lots],
        actor=actor,
        kind=CustodyKind.RECEIVED,
        status=LotStatus.IN_STOCK,
        to=Place(facility=shipment.destination),
        occurred_at=received_at,
        reference=reference,
        time_field="received_at",
    )
    ShipmentLine.objects.filter(pk__in=kept).update(outcome=ShipmentLine.Outcome.ACCEPTED)
    if refusals:
        _turn_back(actor, shipment, [line for line in lines if line.pk in refusals], refusals, batteries, lots)
    return shipment


@transaction.atomic
def close(*, actor: Actor, shipment: Shipment) -> Shipment:
    """Everything about the shipment is settled; it is corrected no more."""
    shipment = lock(shipment, to=ShipmentStatus.CLOSED)
    actor.require(shipment.shipper, shipment.destination.operator, role=Role.MANAGER)
    return _set(shipment, ShipmentStatus.CLOSED, reason=shipment.reason)


@transaction.atomic
def correct(
    *,
    actor: Actor,
    shipment: Shipment,
    line: int,
    declared_value: Decimal,
    unit: str = Unit.KG,
    reason: str,
    corrected_at: datetime,
) -> Shipment:
    """The declared mass of a line was wrong: the line is changed, and the ledger says so in a further entry."""
    shipment = lock(shipment)
    actor.require(shipment.shipper)
    _require_reason(reason)
    if shipment.status in (ShipmentStatus.CANCELLED, ShipmentStatus.CLOSED):
        raise Refused(_("The shipment is %(status)s.") % {"status": shipment.get_status_display()}, code="wrong_status")
    found = shipment.lines.filter(pk=line).exclude(outcome=ShipmentLine.Outcome.REMOVED).first()
    if found is None:
        raise Invalid(_("The shipment has no line %(line)s.") % {"line": line}, field="line")
    if declared_value <= 0:
        raise Invalid(_("A mass is more than nothing."), field="declared_value")
    found.declared_value, found.unit = declared_value, unit
    found.save(update_fields=["declared_value", "unit"])
    if shipment.dispatched_at is not None:
        reference, note = f"shipment {shipment.pk}", reason.strip()[:500]
        kilograms = to_kg(declared_value, unit)
        if found.battery_id:
            things = custody.lock_batteries([found.battery_id])
            wrong = things[0].events.filter(kind=CustodyKind.DISPATCHED, to_shipment=shipment).first()
            custody.note_batteries(
                things,
                actor=actor,
                kind=CustodyKind.CORRECTED,
                occurred_at=corrected_at,
                reference=reference,
                note=note,
                corrects=wrong,
                masses={found.battery_id: kilograms},
                time_field="corrected_at",
            )
        elif found.lot_id:
            lots = custody.lock_lots([found.lot_id])
            wrong = lots[0].events.filter(kind=CustodyKind.DISPATCHED, to_shipment=shipment).first()
            custody.note_lots(
                lots,
                actor=actor,
                kind=CustodyKind.CORRECTED,
                occurred_at=corrected_at,
                reference=reference,
                note=note,
                corrects=wrong,
                masses={found.lot_id: kilograms},
                time_field="corrected_at",
            )
    return shipment


def _set(shipment: Shipment, status: ShipmentStatus, *fields: str, reason: str = "") -> Shipment:
    shipment.status, shipment.reason = status, reason
    shipment.save(update_fields=["status", "reason", *fields])
    return shipment


def _require_draft(shipment: Shipment) -> None:
    if shipment.status != ShipmentStatus.DRAFT:
        raise Refused(
            _("The shipment is %(status)s; only a draft can be changed.") % {"status": shipment.get_status_display()},
            code="wrong_status",
        )


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise Invalid(_("Give a reason."), field="reason", code="required")


def _pack(shipment: Shipment, lines: Sequence[NewLine], packages: Sequence[Mapping[str, str]]) -> None:
    batteries = {b.pk: b for b in custody.lock_batteries(line.battery for line in lines if line.battery)}
    lots = {lot.pk: lot for lot in custody.lock_lots(line.lot for line in lines if line.lot)}
    boxes = {package.label: package for package in shipment.packages.all()}
    new_boxes = []
    for index, new in enumerate(packages):
        if new["label"] in boxes:
            raise Invalid(
                _("There already is a package “%(label)s”.") % {"label": new["label"]},
                field=f"packages.{index}.label",
                code="duplicate",
            )
        boxes[new["label"]] = Package(shipment=shipment, **new)
        new_boxes.append(boxes[new["label"]])
    Package.objects.bulk_create(new_boxes)
    rows = []
    for index, line in enumerate(lines):
        where = f"lines.{index}"
        if (line.battery is None) == (line.lot is None):
            raise Invalid(_("A line is either a battery or a lot."), field=where)
        thing: Battery | Lot | None
        thing, kind = (batteries.get(line.battery), "battery") if line.battery else (lots.get(line.lot or 0), "lot")
        if thing is None or thing.facility_id != shipment.origin_id:
            # One sentence for both, so that nobody learns of things that are not here.
            raise Invalid(
                _("There is no such %(kind)s at %(facility)s.") % {"kind": kind, "facility": shipment.origin},
                field=f"{where}.{kind}",
                code="not_here",
            )
        if line.declared_value is not None and line.declared_value <= 0:
            raise Invalid(_("A mass is more than nothing."), field=f"{where}.declared_value")
        package = boxes.get(line.package) if line.package else None
        if line.package and package is None:
            raise Invalid(_("There is no package “%(label)s”.") % {"label": line.package}, field=f"{where}.package")
        if package is not None and isinstance(thing, Battery):
            _check_box(package, thing, f"{where}.package")
        value, unit = (
            (line.declared_value, line.unit) if line.declared_value is not None else (thing.mass_value, thing.mass_unit)
        )
        rows.append(ShipmentLine(shipment=shipment, package=package, declared_value=value, unit=unit, **{kind: thing}))
    _check_free(rows)
    ShipmentLine.objects.bulk_create(rows)


def _check_box(package: Package, battery: Battery, field: str) -> None:
    if (package.kind == Package.Kind.DAMAGED) != battery.travels_as_damaged:
        raise Refused(
            _(
                "%(battery)s is %(condition)s and may not be packed in “%(label)s”: damaged, defective or recalled "
                "batteries never share a package with sound ones (49 CFR 173.185(f))."
            )
            % {
                "battery": battery,
                "condition": battery.get_condition_display(),
                "label": package.label,
            },
            field=field,
            code="damaged_apart",
        )


def _check_free(rows: Sequence[ShipmentLine]) -> None:
    """Nothing is on two open shipments, nor twice on one."""
    for of in ("battery", "lot"):
        ids = [getattr(row, f"{of}_id") for row in rows if getattr(row, f"{of}_id")]
        busy = set(
            ShipmentLine.objects.filter(outcome=ShipmentLine.Outcome.OPEN, **{f"{of}__in": ids}).values_list(
                of, flat=True
            )
        )
        for index, row in enumerate(rows):
            thing = getattr(row, f"{of}_id")
            if thing and (thing in busy or ids.count(thing) > 1):
                raise Refused(
                    _("%(thing)s is already on an open shipment.") % {"thing": getattr(row, of)},
                    field=f"lines.{index}.{of}",
                    code="duplicate",
                )


def _check_here(origin: Facility, batteries: Sequence[Battery], lots: Sequence[Lot]) -> None:
    for thing in (*batteries, *lots):
        if thing.facility_id != origin.pk:
            raise Refused(
                _("%(thing)s is not at %(facility)s.") % {"thing": thing, "facility": origin},
                field="lines",
                code="not_here",
            )


def _check_packing(lines: Sequence[ShipmentLine], batteries: Sequence[Battery]) -> None:
    """Condition may have changed since it was packed; a damaged battery travels in a package of its own kind."""
    by_id = {battery.pk: battery for battery in batteries}
    for line in lines:
        battery = by_id.get(line.battery_id or 0)
        if battery is None:
            continue
        if line.package is not None:
            _check_box(line.package, battery, "lines")
        elif battery.travels_as_damaged:
            raise Refused(
                _("%(battery)s is %(condition)s and needs a package for damaged, defective or recalled batteries.")
                % {"battery": battery, "condition": battery.get_condition_display()},
                field="lines",
                code="damaged_apart",
            )


def _check_consent(
    shipment: Shipment, lines: Sequence[ShipmentLine], batteries: Sequence[Battery], lots: Sequence[Lot], at: datetime
) -> None:
    if not shipment.crosses_border or shipment.return_of_id is not None:
        return
    if all(lot.material.kind == "product" for lot in lots) and not batteries:
        return  # products have ceased to be waste
    consent = Consent.objects.select_for_update(of=("self",)).filter(pk=shipment.consent_id).first()
    if consent is None:
        raise Refused(
            _("Waste batteries and black mass cross a border only with a consent (40 CFR 262.83; SOR/2021-25)."),
            field="consent",
            code="no_consent",
        )
    if (consent.from_country_id, consent.to_country_id) != (shipment.origin.country, shipment.destination.country):
        raise Refused(_("The consent is for another route."), field="consent", code="no_consent")
    if consent.exporter_id != shipment.shipper_id or consent.importer_id != shipment.destination.operator_id:
        raise Refused(_("The consent is for other parties."), field="consent", code="no_consent")
    if at.date() not in consent.valid:
        raise Refused(_("The consent is not valid on that day."), field="consent", code="no_consent")
    if consent.limit_kg is not None:
        moved = ShipmentLine.objects.filter(shipment__consent=consent, shipment__dispatched_at__isnull=False).aggregate(
            kg=Sum("declared_kg")
        )["kg"] or Decimal(0)
        if moved + sum((line.declared_kg or Decimal(0) for line in lines), Decimal(0)) > consent.limit_kg:
            raise Refused(
                _("The consent covers %(limit)s kg, of which %(moved)s kg have moved.")
                % {"limit": consent.limit_kg, "moved": moved},
                field="consent",
                code="no_consent",
            )


def _outcome(lines: Sequence[ShipmentLine], refusals: Mapping[int, str]) -> ShipmentStatus:
    if not refusals:
        return ShipmentStatus.RECEIVED
    return ShipmentStatus.REJECTED if len(refusals) >= len(lines) else ShipmentStatus.PARTLY_REJECTED


def _match(
    lines: Sequence[ShipmentLine], accepted: Sequence[ReceivedLine] | None, refusals: Mapping[int, str]
) -> list[tuple[ShipmentLine, ReceivedLine]]:
    by_id = {line.pk: line for line in lines}
    for line_id, reason in refusals.items():
        if line_id not in by_id:
            raise Invalid(_("The shipment has no open line %(line)s.") % {"line": line_id}, field="rejected")
        if not reason.strip():
            raise Invalid(_("Give a reason for line %(line)s.") % {"line": line_id}, field="rejected", code="required")
    if accepted is None:
        return [(line, ReceivedLine(line.pk)) for line in lines if line.pk not in refusals]
    taken, seen = [], set(refusals)
    for index, row in enumerate(accepted):
        if row.line not in by_id:
            raise Invalid(
                _("The shipment has no open line %(line)s.") % {"line": row.line}, field=f"accepted.{index}.line"
            )
        if row.line in seen:
            raise Invalid(_("Line %(line)s stands here twice.") % {"line": row.line}, field=f"accepted.{index}.line")
        if row.received_value is not None and row.received_value <= 0:
            raise Invalid(_("A mass is more than nothing."), field=f"accepted.{index}.received_value")
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


def check_storage(
    facility: Facility,
    batteries: Sequence[Battery],
    lots: Sequence[Lot],
    weighed: Mapping[int, Decimal],
    *,
    more_kg: Decimal = Decimal(0),
    field: str = "shipment",
) -> None:
    """Refuse what would exceed the facility's storage limit. Locks the facility, so that two trucks are counted."""
    facility = Facility.objects.select_for_update(of=("self",)).get(pk=facility.pk)
    if facility.storage_limit_kg is None:
        return
    here = (facility.batteries.aggregate(kg=Sum("mass_kg"))["kg"] or Decimal(0)) + (
        facility.lots.aggregate(kg=Sum("mass_kg"))["kg"] or Decimal(0)
    )
    coming = sum((weighed.get(b.pk) or b.mass_kg or Decimal(0) for b in batteries), more_kg) + sum(
        (lot.mass_kg for lot in lots), Decimal(0)
    )
    if here + coming > facility.storage_limit_kg:
        raise Refused(
            _("%(facility)s may store %(limit)s kg; %(here)s kg are there and %(coming)s kg would come.")
            % {
                "facility": facility,
                "limit": facility.storage_limit_kg,
                "here": round(here, 3),
                "coming": round(coming, 3),
            },
            field=field,
            code="storage_limit",
        )


def _turn_back(
    actor: Actor,
    shipment: Shipment,
    lines: Sequence[ShipmentLine],
    refusals: Mapping[int, str],
    batteries: Sequence[Battery],
    lots: Sequence[Lot],
) -> Shipment:
    for line in lines:
        line.outcome, line.reason = (ShipmentLine.Outcome.REJECTED, refusals[line.pk].strip()[:500])
    ShipmentLine.objects.bulk_update(lines, ["outcome", "reason"])
    back = Shipment.objects.create(
        shipper=shipment.shipper,
        origin=shipment.destination,
        destination=shipment.origin,
        carrier=shipment.carrier,
        vehicle=shipment.vehicle,
        dispatched_at=shipment.received_at,
        status=ShipmentStatus.IN_TRANSIT,
        consent=shipment.consent,
        return_of=shipment,
        is_simulated=shipment.is_simulated,
    )
    old_boxes = list(Package.objects.filter(shipment=shipment, lines__in=lines).distinct())
    boxes = {
        old.pk: Package(
            shipment=back,
            label=old.label,
            kind=old.kind,
            packing_instruction=old.packing_instruction,
            un_number=old.un_number,
        )
        for old in old_boxes
    }
    Package.objects.bulk_create(boxes.values())
    ShipmentLine.objects.bulk_create(
        ShipmentLine(
            shipment=back,
            battery_id=line.battery_id,
            lot_id=line.lot_id,
            package=boxes.get(line.package_id or 0),
            declared_value=line.declared_value,
            unit=line.unit,
        )
        for line in lines
    )
    going_batteries = {line.battery_id for line in lines}
    going_lots = {line.lot_id for line in lines}
    at = shipment.received_at
    assert at is not None  # set by the caller
    reference = f"shipment {back.pk}"
    # A rejected thing never comes into the receiver's custody: it changes from one shipment of the carrier to another.
    custody.redirect(
        [b for b in batteries if b.pk in going_batteries],
        [lot for lot in lots if lot.pk in going_lots],
        actor=actor,
        to=back,
        occurred_at=at,
        reference=reference,
        note="; ".join(dict.fromkeys(refusals.values()))[:500],
    )
    return back
