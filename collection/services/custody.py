"""The one place that moves batteries and lots: their row and the ledger change together, or neither does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Organization
from collection.models import (
    BATTERY_MOVES,
    LOT_MOVES,
    Battery,
    BatteryStatus,
    CustodyEvent,
    CustodyKind,
    Facility,
    Lot,
    LotStatus,
    Shipment,
)

#: How far a clock at the gate may run ahead of ours.
CLOCK_SKEW = timedelta(minutes=10)


@dataclass(frozen=True)
class Place:
    """Where a thing is: at a facility, on a shipment, or nowhere in the chain (both empty)."""

    facility: Facility | None = None
    shipment: Shipment | None = None

    @property
    def holder(self) -> Organization | None:
        """Who has custody there."""
        if self.facility is not None:
            return self.facility.operator
        return self.shipment.carrier if self.shipment is not None else None


NOWHERE = Place()


def lock_batteries(ids: Iterable[int]) -> list[Battery]:
    """The batteries, locked in the order of their ids, so that two commands never wait for each other in a circle."""
    rows = Battery.objects.select_related("model").select_for_update(of=("self",))
    return list(rows.filter(pk__in=set(ids)).order_by("pk"))


def lock_lots(ids: Iterable[int]) -> list[Lot]:
    """The lots, locked in the order of their ids."""
    return list(Lot.objects.select_for_update(of=("self",)).filter(pk__in=set(ids)).order_by("pk"))


def check_time(occurred_at: datetime, *, field: str = "occurred_at") -> None:
    """Refuse an instant that lies in the future."""
    if occurred_at > timezone.now() + CLOCK_SKEW:
        raise Invalid(_("This time lies in the future."), field=field, code="in_future")


def move_batteries(
    batteries: Sequence[Battery],
    *,
    actor: Actor,
    kind: CustodyKind,
    status: BatteryStatus,
    to: Place,
    occurred_at: datetime,
    giver: Organization | None = None,
    masses: Mapping[int, Decimal | None] | None = None,
    reference: str = "",
    note: str = "",
    time_field: str = "occurred_at",
) -> list[CustodyEvent]:
    """Move locked `batteries` to `to` and append one ledger entry each: three statements, however many there are.

    `masses` are kilograms by battery id. Raises `Refused` where a battery's status does not allow it, and where the
    ledger already has a later entry.
    """
    for battery in batteries:
        rules.check_move(battery, status, BATTERY_MOVES)
    events = _append(
        batteries,
        "battery",
        actor=actor,
        kind=kind,
        status=status,
        to=to,
        occurred_at=occurred_at,
        giver=giver,
        masses=masses or {},
        reference=reference,
        note=note,
        time_field=time_field,
    )
    _settle(Battery.objects.all(), batteries, status, to)
    return events


def move_lots(
    lots: Sequence[Lot],
    *,
    actor: Actor,
    kind: CustodyKind,
    status: LotStatus,
    to: Place,
    occurred_at: datetime,
    giver: Organization | None = None,
    masses: Mapping[int, Decimal | None] | None = None,
    reference: str = "",
    note: str = "",
    time_field: str = "occurred_at",
) -> list[CustodyEvent]:
    """As `move_batteries`, for lots; without `masses` the ledger notes the lots' own."""
    for lot in lots:
        rules.check_move(lot, status, LOT_MOVES)
    events = _append(
        lots,
        "lot",
        actor=actor,
        kind=kind,
        status=status,
        to=to,
        occurred_at=occurred_at,
        giver=giver,
        masses=masses or {lot.pk: lot.mass_kg for lot in lots},
        reference=reference,
        note=note,
        time_field=time_field,
    )
    _settle(Lot.objects.all(), lots, status, to)
    return events


def enter_lots(
    lots: Sequence[Lot],
    *,
    actor: Actor,
    kind: CustodyKind,
    facility: Facility,
    occurred_at: datetime,
    reference: str = "",
    note: str = "",
    time_field: str = "occurred_at",
) -> list[CustodyEvent]:
    """Append the first entry of lots that were just written, in stock at `facility`."""
    return _append(
        lots,
        "lot",
        actor=actor,
        kind=kind,
        status=LotStatus.IN_STOCK,
        to=Place(facility=facility),
        occurred_at=occurred_at,
        giver=None,
        masses={lot.pk: lot.mass_kg for lot in lots},
        reference=reference,
        note=note,
        time_field=time_field,
    )


def note_batteries(
    batteries: Sequence[Battery],
    *,
    actor: Actor,
    kind: CustodyKind,
    occurred_at: datetime,
    masses: Mapping[int, Decimal | None] | None = None,
    reference: str = "",
    note: str = "",
    corrects: CustodyEvent | None = None,
    time_field: str = "occurred_at",
) -> list[CustodyEvent]:
    """Append an entry that leaves locked `batteries` where they are: an inspection, or the correction of an entry."""
    return _append(
        batteries,
        "battery",
        actor=actor,
        kind=kind,
        status=None,
        to=None,
        occurred_at=occurred_at,
        giver=None,
        masses=masses or {},
        reference=reference,
        note=note,
        corrects=corrects,
        time_field=time_field,
    )


def note_lots(
    lots: Sequence[Lot],
    *,
    actor: Actor,
    kind: CustodyKind,
    occurred_at: datetime,
    masses: Mapping[int, Decimal | None] | None = None,
    reference: str = "",
    note: str = "",
    corrects: CustodyEvent | None = None,
    time_field: str = "occurred_at",
) -> list[CustodyEvent]:
    """As `note_batteries`, for lots."""
    return _append(
        lots,
        "lot",
        actor=actor,
        kind=kind,
        status=None,
        to=None,
        occurred_at=occurred_at,
        giver=None,
        masses=masses or {},
        reference=reference,
        note=note,
        corrects=corrects,
        time_field=time_field,
    )


@transaction.atomic
def _append(
    things: Sequence[Any],
    of: str,
    *,
    actor: Actor,
    kind: CustodyKind,
    status: str | None,
    to: Place | None,
    occurred_at: datetime,
    giver: Organization | None,
    masses: Mapping[int, Decimal | None],
    reference: str,
    note: str,
    time_field: str,
    corrects: CustodyEvent | None = None,
) -> list[CustodyEvent]:
    check_time(occurred_at, field=time_field)
    last = _last_entries(things, of)
    late = next((thing for thing in things if (e := last.get(thing.pk)) and e.occurred_at > occurred_at), None)
    if late is not None:
        raise Refused(
            _("The ledger of %(thing)s already has an entry at %(time)s, later than this one.")
            % {"thing": late, "time": last[late.pk].occurred_at.isoformat()},
            field=time_field,
            code="out_of_order",
        )
    entries = []
    for thing in things:
        before = last.get(thing.pk)
        entry = CustodyEvent(
            **{of: thing},
            sequence=before.sequence + 1 if before else 1,
            kind=kind,
            occurred_at=occurred_at,
            from_facility_id=before.to_facility_id if before else None,
            from_shipment_id=before.to_shipment_id if before else None,
            from_organization_id=before.to_organization_id if before else (giver.pk if giver else None),
            to_status=status or thing.status,
            mass_kg=masses.get(thing.pk),
            reference=reference,
            note=note,
            actor=actor.user,
            corrects=corrects,
        )
        if to is None:  # nothing moves
            entry.to_facility_id, entry.to_shipment_id = (entry.from_facility_id, entry.from_shipment_id)
            entry.to_organization_id = entry.from_organization_id
        else:
            entry.to_facility, entry.to_shipment, entry.to_organization = (to.facility, to.shipment, to.holder)
        entries.append(entry)
    return CustodyEvent.objects.bulk_create(entries)


def _last_entries(things: Sequence[Any], of: str) -> dict[int, CustodyEvent]:
    newest = CustodyEvent.objects.filter(**{of: OuterRef(of)}).order_by("-sequence").values("pk")[:1]
    entries = CustodyEvent.objects.filter(**{f"{of}__in": [thing.pk for thing in things]}, pk=Subquery(newest))
    return {getattr(entry, f"{of}_id"): entry for entry in entries}


def _settle(rows: QuerySet[Any], things: Sequence[Any], status: str, to: Place) -> None:
    rows.filter(pk__in=[thing.pk for thing in things]).update(status=status, facility=to.facility, shipment=to.shipment)
    for thing in things:
        thing.status, thing.facility, thing.shipment = status, to.facility, to.shipment


def redirect(
    batteries: Sequence[Battery],
    lots: Sequence[Lot],
    *,
    actor: Actor,
    to: Shipment,
    occurred_at: datetime,
    reference: str = "",
    note: str = "",
) -> None:
    """What is in transit changes to another shipment (it was rejected), without ever being at a facility."""
    place = Place(shipment=to)
    for things, of, rows, status in (
        (batteries, "battery", Battery.objects.all(), BatteryStatus.IN_TRANSIT),
        (lots, "lot", Lot.objects.all(), LotStatus.IN_TRANSIT),
    ):
        _append(
            things,
            of,
            actor=actor,
            kind=CustodyKind.REJECTED,
            status=status,
            to=place,
            occurred_at=occurred_at,
            giver=None,
            masses={},
            reference=reference,
            note=note,
            time_field="received_at",
        )
        _settle(rows, things, status, place)


def give_up_imported(*, actor: Actor, table: str) -> int:
    """For an import: give up the batteries in the temporary `table` at the facilities it names; two statements.

    `table` has the columns id, facility_id and given_up_at. The batteries must be new in this very transaction: nobody else
    can have them, and their ledger is empty. Whether the actor may, and whether the times can be right, was checked for each.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO collection_custodyevent (
                battery_id, sequence, kind, occurred_at, to_facility_id, to_status, to_organization_id, mass_kg, reference,
                note, actor_id)
            SELECT b.id, 1, %s, t.given_up_at, f.id, %s, f.operator_id, b.mass_kg, '', '', %s
            FROM {table} t
            JOIN collection_battery b ON b.id = t.id
            JOIN collection_facility f ON f.id = t.facility_id
            """,  # noqa: S608 - the table's name is our own
            [CustodyKind.RECEIVED_FROM_USE.value, BatteryStatus.AT_FACILITY.value, actor.user.pk],
        )
        cursor.execute(
            f"""
            UPDATE collection_battery b SET status = %s, facility_id = t.facility_id
            FROM {table} t WHERE t.id = b.id AND t.facility_id IS NOT NULL
            """,  # noqa: S608
            [BatteryStatus.AT_FACILITY.value],
        )
        return int(cursor.rowcount)
