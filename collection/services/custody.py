"""The one place that moves batteries and lots: their row and the ledger change together, or neither does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import OuterRef, Subquery
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
    Handover,
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


def lock_battery(battery: Battery) -> Battery:
    """The battery as it is now, locked."""
    (locked,) = lock_batteries([battery.pk])
    return locked


def lock_lots(ids: Iterable[int]) -> list[Lot]:
    """The lots, locked in the order of their ids."""
    return list(Lot.objects.select_for_update(of=("self",)).filter(pk__in=set(ids)).order_by("pk"))


#: Before it no battery of a car was on its way to a recycler; whatever is dated earlier is a slip.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: How many years ahead anything is planned.
PLANNED_YEARS = 5


def check_plan(planned_at: datetime, *, field: str) -> None:
    """Refuse an instant for which nobody plans anything; it may have passed, where a plan is entered late."""
    _check_not_ancient(planned_at, field)
    if planned_at > timezone.now() + timedelta(days=366 * PLANNED_YEARS):
        raise Invalid(_("This time lies more than %(years)s years ahead.") % {"years": PLANNED_YEARS}, field=field)


def _check_not_ancient(instant: datetime, field: str) -> None:
    if instant < EARLIEST:
        raise Invalid(_("This time lies before the year %(year)s.") % {"year": EARLIEST.year}, field=field)


def check_time(occurred_at: datetime, *, field: str = "occurred_at") -> None:
    """Refuse an instant that lies in the future, or too far in the past."""
    _check_not_ancient(occurred_at, field)
    if occurred_at > timezone.now() + CLOCK_SKEW:
        raise Invalid(_("This time lies in the future."), field=field, code="in_future")


@dataclass(frozen=True)
class Entry:
    """What the ledger is to say of each thing: who says it, what happened, and when.

    `masses` are kilograms by the things' ids; without them the ledger notes the lots' own, and none of batteries. Errors
    of the time name `time_field`. Nothing passes from one organization to another without a `handover`.
    """

    actor: Actor
    kind: CustodyKind
    occurred_at: datetime
    masses: Mapping[int, Decimal | None] | None = None
    reference: str = ""
    note: str = ""
    corrects: CustodyEvent | None = None
    handover: Handover | None = None
    time_field: str = "occurred_at"


@dataclass(frozen=True)
class _Kind:
    """In what batteries and lots differ for the ledger: its column, the legal moves, and whether a mass is known."""

    column: str
    moves: Sequence[tuple[str, str]]
    is_weighed: bool


_KINDS = {Battery: _Kind("battery", BATTERY_MOVES, is_weighed=False), Lot: _Kind("lot", LOT_MOVES, is_weighed=True)}

type Things = Sequence[Battery] | Sequence[Lot]
"""All of one kind."""


def move(things: Things, entry: Entry, *, status: BatteryStatus | LotStatus, to: Place) -> list[CustodyEvent]:
    """Move locked `things` to `to` and append one ledger entry each: three statements, however many there are.

    Raises `Refused` where a thing's status does not allow it, and where the ledger already has a later entry.
    """
    for thing in things:
        rules.check_move(thing, status, _KINDS[type(thing)].moves)
    events = _append(things, entry, status=status, to=to)
    _settle(things, status, to)
    return events


def enter(lots: Sequence[Lot], entry: Entry, *, facility: Facility) -> list[CustodyEvent]:
    """Append the first entry of lots that were just written, in stock at `facility`."""
    return _append(lots, entry, status=LotStatus.IN_STOCK, to=Place(facility=facility))


def note(things: Things, entry: Entry) -> list[CustodyEvent]:
    """Append an entry that leaves locked `things` where they are: an inspection, or the correction of an entry."""
    return _append(things, entry, status=None, to=None)


def redirect(batteries: Sequence[Battery], lots: Sequence[Lot], entry: Entry, *, to: Shipment) -> None:
    """What is in transit changes to another shipment, without ever being at a facility; nobody weighed it."""
    place, entry = Place(shipment=to), replace(entry, masses={})
    _append(batteries, entry, status=BatteryStatus.IN_TRANSIT, to=place)
    _settle(batteries, BatteryStatus.IN_TRANSIT, place)
    _append(lots, entry, status=LotStatus.IN_TRANSIT, to=place)
    _settle(lots, LotStatus.IN_TRANSIT, place)


@transaction.atomic
def _append(things: Sequence[Any], entry: Entry, *, status: str | None, to: Place | None) -> list[CustodyEvent]:
    check_time(entry.occurred_at, field=entry.time_field)
    if not things:
        return []
    kind = _KINDS[type(things[0])]
    last = _last_entries(things, kind.column)
    late = next((thing for thing in things if (e := last.get(thing.pk)) and e.occurred_at > entry.occurred_at), None)
    if late is not None:
        raise Refused(
            _("The ledger of %(thing)s already has an entry at %(time)s, later than this one.")
            % {"thing": late, "time": last[late.pk].occurred_at.isoformat()},
            field=entry.time_field,
            code="out_of_order",
        )
    masses = entry.masses
    if masses is None:
        masses = {thing.pk: thing.mass_kg for thing in things} if kind.is_weighed else {}
    events = []
    for thing in things:
        before = last.get(thing.pk)
        event = CustodyEvent(
            **{kind.column: thing},
            sequence=before.sequence + 1 if before else 1,
            kind=entry.kind,
            occurred_at=entry.occurred_at,
            from_facility_id=before.to_facility_id if before else None,
            from_shipment_id=before.to_shipment_id if before else None,
            from_organization_id=before.to_organization_id if before else None,
            to_status=status or thing.status,
            mass_kg=masses.get(thing.pk),
            reference=entry.reference,
            note=entry.note,
            actor=entry.actor.user,
            corrects=entry.corrects,
            handover=entry.handover,
        )
        if to is None:  # nothing moves
            event.to_facility_id, event.to_shipment_id = (event.from_facility_id, event.from_shipment_id)
            event.to_organization_id = event.from_organization_id
        else:
            event.to_facility, event.to_shipment, event.to_organization = (to.facility, to.shipment, to.holder)
        events.append(event)
    return CustodyEvent.objects.bulk_create(events)


def _last_entries(things: Sequence[Any], column: str) -> dict[int, CustodyEvent]:
    newest = CustodyEvent.objects.filter(**{column: OuterRef(column)}).order_by("-sequence").values("pk")[:1]
    entries = CustodyEvent.objects.filter(**{f"{column}__in": [thing.pk for thing in things]}, pk=Subquery(newest))
    return {getattr(entry, f"{column}_id"): entry for entry in entries}


def _settle(things: Sequence[Any], status: str, to: Place) -> None:
    if things:
        rows = type(things[0]).objects.filter(pk__in=[thing.pk for thing in things])
        rows.update(status=status, facility=to.facility, shipment=to.shipment)
    for thing in things:
        thing.status, thing.facility, thing.shipment = status, to.facility, to.shipment


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
