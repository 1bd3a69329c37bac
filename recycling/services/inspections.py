"""Triage at the plant: how a battery is, and what becomes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function
from accounts.verbs import verb
from collection.models import Battery, BatteryStatus, Condition, CustodyKind, ShipmentLine
from collection.services import custody
from collection.services.custody import NOWHERE, Entry
from recycling.models import Decision, Inspection, Plant

#: Decisions by which a battery goes to a further use.
SECOND_LIFE = (Decision.REUSE, Decision.REPURPOSE, Decision.REMANUFACTURE)


@dataclass(frozen=True)
class Triage:
    """What an inspector found of one battery, and decided."""

    battery: int
    decision: str
    condition: str = Condition.INTACT
    state_of_health: Decimal | None = None
    note: str = ""


def _as_it_is(plant: Plant) -> Plant:
    """The plant with its operator. Nothing of it changes here, so it is not locked."""
    return Plant.objects.select_related("facility__operator").get(pk=plant.pk)


def inspect(
    *,
    actor: Actor,
    plant: Plant,
    battery: Battery,
    inspected_at: datetime,
    decision: str,
    condition: str = Condition.INTACT,
    state_of_health: Decimal | None = None,
    note: str = "",
) -> Inspection:
    """As `inspect_many`, for one battery."""
    triage = Triage(battery.pk, decision, condition, state_of_health, note)
    (made,) = inspect_many(actor=actor, plant=plant, inspected_at=inspected_at, inspections=[triage], prefix="")
    return made


@verb(_as_it_is, of="plant__facility__operator", function=Function.RECYCLER)
def inspect_many(
    *, actor: Actor, plant: Plant, inspected_at: datetime, inspections: Sequence[Triage], prefix: str = "inspections"
) -> list[Inspection]:
    """Triage batteries at the plant.

    The newest inspection of a battery holds; its condition and health become the battery's.
    """
    custody.check_time(inspected_at, field="inspected_at")
    _check(inspections, prefix)
    batteries = {b.pk: b for b in custody.lock_batteries(triage.battery for triage in inspections)}
    for index, triage in enumerate(inspections):
        require_here(batteries.get(triage.battery), plant, _at(prefix, index, "battery"))
        battery = batteries[triage.battery]
        battery.condition = triage.condition
        if triage.state_of_health is not None:
            battery.state_of_health = triage.state_of_health
    Battery.objects.bulk_update(batteries.values(), ["condition", "state_of_health"], batch_size=10_000)
    made = Inspection.objects.bulk_create(
        Inspection(
            plant=plant,
            battery_id=triage.battery,
            inspected_at=inspected_at,
            state_of_health=triage.state_of_health,
            condition=triage.condition,
            decision=triage.decision,
            note=triage.note.strip(),
            inspector=actor.user,
        )
        for triage in inspections
    )
    for decision in Decision:  # one ledger entry each, in as many statements as there are decisions
        decided = [batteries[triage.battery] for triage in inspections if triage.decision == decision]
        if decided:
            entry = Entry(actor, CustodyKind.INSPECTED, inspected_at, note=decision, time_field="inspected_at")
            custody.note(decided, entry)
    return made


def release(
    *, actor: Actor, plant: Plant, battery: Battery, released_at: datetime, recipient: str, note: str = ""
) -> Battery:
    """As `release_many`, for one battery."""
    (released,) = release_many(
        actor=actor, plant=plant, batteries=[battery.pk], released_at=released_at, recipient=recipient, note=note
    )
    return released


@verb(_as_it_is, of="plant__facility__operator", function=Function.RECYCLER)
def release_many(
    *,
    actor: Actor,
    plant: Plant,
    batteries: Sequence[int],
    released_at: datetime,
    recipient: str,
    note: str = "",
) -> list[Battery]:
    """Release batteries to a further use outside of the chain, as their newest inspections decided."""
    recipient = rules.text(recipient, field="recipient", longest=200)
    note = rules.text(note, field="note", longest=250, shortest=0)
    locked = {b.pk: b for b in custody.lock_batteries(batteries)}
    newest = newest_inspections(batteries)
    for index, pk in enumerate(batteries):
        require_here(locked.get(pk), plant, f"batteries.{index}")
        inspection = newest.get(pk)
        if inspection is None or inspection.decision not in SECOND_LIFE:
            raise Refused(
                _("The newest inspection of battery %(battery)s does not release it to a further use.")
                % {"battery": pk},
                field=f"batteries.{index}",
                code="not_released",
            )
    require_off_shipments(list(locked.values()), batteries)
    said = f"{recipient} {note}".strip()
    entry = Entry(actor, CustodyKind.RELEASED, released_at, note=said, time_field="released_at")
    custody.move(list(locked.values()), entry, status=BatteryStatus.SECOND_LIFE, to=NOWHERE)
    return [locked[pk] for pk in batteries]


def newest_inspections(batteries: Sequence[int]) -> Mapping[int, Inspection]:
    """The inspection of each battery that holds, in one query."""
    rows = Inspection.objects.filter(battery__in=batteries)
    rows = rows.order_by("battery_id", "-inspected_at", "-pk").distinct("battery_id")
    return {row.battery_id: row for row in rows}


def require_here(battery: Battery | None, plant: Plant, field: str) -> None:
    """Refuse a battery that is not at the plant; one sentence, so that nobody learns of batteries elsewhere."""
    if battery is None or battery.facility_id != plant.facility_id:
        raise Refused(
            _("There is no such battery at %(facility)s.") % {"facility": plant.facility}, field=field, code="not_here"
        )


def require_off_shipments(batteries: Sequence[Battery], order: Sequence[int]) -> None:
    """Refuse batteries that stand on a shipment which is being prepared."""
    lines = ShipmentLine.objects.filter(battery__in=batteries, outcome=ShipmentLine.Outcome.OPEN)
    line = lines.order_by("pk").first()
    if line is not None and line.battery_id is not None:
        raise Refused(
            _("Battery %(battery)s stands on shipment %(shipment)s; take it off first.")
            % {"battery": line.battery_id, "shipment": line.shipment_id},
            field=f"batteries.{list(order).index(line.battery_id)}",
            code="on_shipment",
        )


def _check(inspections: Sequence[Triage], prefix: str) -> None:
    seen: set[int] = set()
    for index, triage in enumerate(inspections):
        if triage.battery in seen:
            raise Invalid(_("This battery stands here twice."), field=_at(prefix, index, "battery"), code="duplicate")
        seen.add(triage.battery)
        if triage.decision not in Decision.values:
            raise Invalid(
                _("“%(value)s” is no decision.") % {"value": triage.decision}, field=_at(prefix, index, "decision")
            )
        if triage.condition not in Condition.values:
            raise Invalid(
                _("“%(value)s” is no condition.") % {"value": triage.condition}, field=_at(prefix, index, "condition")
            )
        rules.text(triage.note, field=_at(prefix, index, "note"), longest=500, shortest=0)
        health = triage.state_of_health
        if health is not None and (not health.is_finite() or not 0 <= health <= 1 or health != round(health, 3)):
            raise Invalid(
                _("State of health is a share from 0 to 1, in thousandths."),
                field=_at(prefix, index, "state_of_health"),
            )


def _at(prefix: str, index: int, field: str) -> str:
    return f"{prefix}.{index}.{field}" if prefix else field
