"""What goes into a batch: batteries and lots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.verbs import verb
from collection.models import Battery, BatteryStatus, CustodyKind, Lot, LotStatus, Material
from collection.services import custody, lots
from collection.services.custody import NOWHERE, Entry, Place
from collection.services.lots import Part
from collection.units import Unit, check_mass
from recycling.models import Batch, BatchStatus, Charge, Decision, Output, ProcessLine
from recycling.services.batches import lock, lock_many
from recycling.services.inspections import newest_inspections, require_here, require_off_shipments


@dataclass(frozen=True)
class LotCharge:
    """A lot to charge, whole; or, with a mass, a part of it, which is split off first."""

    lot: int
    mass_value: Decimal | None = None
    mass_unit: str = Unit.KG


@verb(of="batch__line__plant__facility__operator", when=[BatchStatus.OPEN], locks_itself=True)
def charge(
    *,
    actor: Actor,
    batch: Batch,
    charged_at: datetime,
    batteries: Sequence[int] = (),
    lots: Sequence[LotCharge] = (),
) -> Batch:
    """Charge batteries and lots, by their ids, into an open batch; all or nothing.

    A battery must be at the plant, weighed, free of shipments, of a chemistry and form that the line accepts, and its
    newest inspection must say "recycle". A lot must be an intermediate in stock at the plant, made by a batch that is
    closed, so that what it is attributed to no longer changes.
    """
    charge.require(actor, batch)
    found_batteries = custody.lock_batteries(batteries)
    found_lots = custody.lock_lots(row.lot for row in lots)
    made_by = dict(Output.objects.filter(lot__in=found_lots).values_list("lot", "batch"))
    locked = {row.pk: row for row in lock_many([batch.pk, *made_by.values()])}
    batch = locked[batch.pk]
    charge.check_status(batch)
    if not batteries and not lots:
        raise Invalid(_("Name batteries or lots to charge."), field="batteries", code="required")
    custody.check_time(charged_at, field="charged_at")
    if charged_at < batch.started_at:
        raise Invalid(_("The batch was started later than this."), field="charged_at", code="out_of_order")
    _charge_batteries(actor, batch, batteries, found_batteries, charged_at)
    makers = {lot: locked[made] for lot, made in made_by.items()}
    _charge_lots(actor, batch, lots, found_lots, charged_at, makers)
    return batch


@verb(of="batch__line__plant__facility__operator", when=[BatchStatus.OPEN], locks_itself=True)
def uncharge(
    *,
    actor: Actor,
    batch: Batch,
    uncharged_at: datetime,
    reason: rules.Reason,
    batteries: Sequence[int] = (),
    lots: Sequence[int] = (),
) -> Batch:
    """Take batteries and lots out of an open batch again: they were not charged after all."""
    uncharge.require(actor, batch)
    reason = rules.reason(reason)
    found_batteries = custody.lock_batteries(batteries)
    found_lots = custody.lock_lots(lots)
    batch = lock(batch)
    uncharge.check_status(batch)
    charges = Charge.objects.filter(batch=batch)
    charged_batteries = dict(charges.filter(battery__in=batteries).values_list("battery", "pk"))
    charged_lots = dict(charges.filter(lot__in=lots).values_list("lot", "pk"))
    for field, ids, charged in (("batteries", batteries, charged_batteries), ("lots", lots, charged_lots)):
        for index, pk in enumerate(ids):
            if pk not in charged:
                raise Invalid(_("This was not charged into the batch."), field=f"{field}.{index}", code="not_charged")
    if not charged_batteries and not charged_lots:
        raise Invalid(_("Name batteries or lots to take out."), field="batteries", code="required")
    back = Place(facility=batch.line.plant.facility)
    charges.filter(pk__in=[*charged_batteries.values(), *charged_lots.values()]).delete()
    entry = Entry(
        actor,
        CustodyKind.UNCHARGED,
        uncharged_at,
        reference=reference(batch),
        note=reason,
        time_field="uncharged_at",
    )
    custody.move(found_batteries, entry, status=BatteryStatus.AT_FACILITY, to=back)
    custody.move(found_lots, entry, status=LotStatus.IN_STOCK, to=back)
    return batch


def reference(batch: Batch) -> str:
    """How the ledger names a batch."""
    return f"batch {batch.pk}"


def _charge_batteries(
    actor: Actor, batch: Batch, ids: Sequence[int], batteries: Sequence[Battery], charged_at: datetime
) -> None:
    if not ids:
        return
    locked = {battery.pk: battery for battery in batteries}
    newest = newest_inspections(ids)
    accepted = set(batch.line.chemistries.values_list("pk", flat=True))
    seen: set[int] = set()
    for index, pk in enumerate(ids):
        where = f"batteries.{index}"
        if pk in seen:
            raise Invalid(_("This battery stands here twice."), field=where, code="duplicate")
        seen.add(pk)
        require_here(locked.get(pk), batch.line.plant, where)
        inspection = newest.get(pk)
        _check_battery(locked[pk], batch.line, accepted, inspection.decision if inspection else None, where)
    require_off_shipments(batteries, ids)
    Charge.objects.bulk_create(
        Charge(
            batch=batch,
            battery=battery,
            mass_kg=battery.mass_kg,
            composition_id=battery.composition_id,
            content_kwh=battery.content_kwh,
            charged_at=charged_at,
        )
        for battery in batteries
    )
    entry = Entry(
        actor,
        CustodyKind.CHARGED,
        charged_at,
        masses={battery.pk: battery.mass_kg for battery in batteries},
        reference=reference(batch),
        time_field="charged_at",
    )
    custody.move(batteries, entry, status=BatteryStatus.CONSUMED, to=NOWHERE)


def _check_battery(
    battery: Battery, line: ProcessLine, chemistries: set[str], decision: str | None, where: str
) -> None:
    if decision is None:
        raise Refused(_("Inspect it first."), field=where, code="not_inspected")
    if decision != Decision.RECYCLE:
        raise Refused(
            _("Its newest inspection says “%(decision)s”.") % {"decision": Decision(decision).label},
            field=where,
            code="not_to_recycle",
        )
    if battery.mass_kg is None:
        raise Refused(_("Weigh it first."), field=where, code="no_mass")
    if chemistries and battery.chemistry_id not in chemistries:
        raise Refused(
            _("The line does not accept %(chemistry)s.")
            % {"chemistry": battery.chemistry_id or _("unknown chemistry")},
            field=where,
            code="not_accepted",
        )
    if line.forms and battery.form not in line.forms:
        raise Refused(
            _("The line does not accept the form “%(form)s”.") % {"form": battery.get_form_display()},
            field=where,
            code="not_accepted",
        )
    if line.conditions and battery.condition not in line.conditions:
        raise Refused(
            _("The line does not accept the condition “%(condition)s”.")
            % {"condition": battery.get_condition_display()},
            field=where,
            code="not_accepted",
        )


def _charge_lots(
    actor: Actor,
    batch: Batch,
    rows: Sequence[LotCharge],
    found: Sequence[Lot],
    charged_at: datetime,
    makers: Mapping[int, Batch],
) -> None:
    if not rows:
        return
    locked = {lot.pk: lot for lot in found}
    kinds = dict(Material.objects.filter(pk__in={lot.material_id for lot in locked.values()}).values_list("pk", "kind"))
    facility = batch.line.plant.facility
    going: list[Lot] = []
    seen: set[int] = set()
    for index, row in enumerate(rows):
        where = f"lots.{index}"
        if row.lot in seen:
            raise Invalid(_("This lot stands here twice."), field=where, code="duplicate")
        seen.add(row.lot)
        lot = locked.get(row.lot)
        if lot is None or lot.facility_id != facility.pk:
            raise Refused(
                _("There is no such lot at %(facility)s.") % {"facility": facility}, field=where, code="not_here"
            )
        if kinds[lot.material_id] != Material.Kind.INTERMEDIATE:
            raise Refused(_("Only intermediates are charged."), field=where, code="not_intermediate")
        maker = makers.get(lot.pk)
        if maker is not None and maker.status != BatchStatus.CLOSED:
            raise Refused(
                _("Batch %(number)s, which made it, is not closed.") % {"number": maker.number},
                field=where,
                code="maker_open",
            )
        lots.require_in_stock([lot], field=where)
        if row.mass_value is not None:
            lot = _take_part(actor, lot, row, charged_at, where)
        going.append(lot)
    Charge.objects.bulk_create(
        Charge(batch=batch, lot=lot, mass_kg=lot.mass_kg, charged_at=charged_at)
        for lot in sorted(going, key=lambda lot: lot.pk)
    )
    entry = Entry(actor, CustodyKind.CHARGED, charged_at, reference=reference(batch), time_field="charged_at")
    custody.move(going, entry, status=LotStatus.CONSUMED, to=NOWHERE)


def _take_part(actor: Actor, lot: Lot, row: LotCharge, charged_at: datetime, where: str) -> Lot:
    """The part of a locked lot that is to be charged; the lot itself if that is all of it."""
    assert row.mass_value is not None
    if check_mass(row.mass_value, row.mass_unit, field=f"{where}.mass_value") == lot.mass_kg:
        return lot
    part, *_rest = lots.divide(
        actor=actor,
        lot=lot,
        parts=[Part(row.mass_value, row.mass_unit)],
        split_at=charged_at,
        field=where,
        time_field="charged_at",
    )
    return part
