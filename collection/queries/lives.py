"""The life of a battery or a lot: every entry of its ledger, told so that a person can follow it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from accounts.acting import as_platform
from accounts.models import Viewer
from collection.models import Battery, BatteryStatus, CustodyEvent, Facility, Lot, LotStatus, Shipment
from collection.queries.veils import life_as_read


@dataclass(frozen=True)
class Entry:
    """One entry. `occurred_at` is in the time zone of the place; `corrected_by` are sequence numbers of later entries."""

    sequence: int
    kind: str
    kind_label: str
    occurred_at: datetime
    recorded_at: datetime
    time_zone: str
    from_place: str
    to_place: str
    from_organization: str
    to_organization: str
    status: str
    status_label: str
    mass_kg: Decimal | None
    reference: str
    note: str
    by: str
    for_giver: str
    for_taker: str
    corrects: int | None
    moved: bool
    corrected_by: list[int] = field(default_factory=list)


@as_platform()
def life_of(thing: Battery | Lot, viewer: Viewer) -> list[Entry]:
    """The entries of `thing` from the first to the last that `viewer` reads, in a fixed number of queries."""
    events = thing.events.select_related(
        "from_facility",
        "to_facility",
        "from_shipment__origin",
        "from_shipment__destination",
        "to_shipment__origin",
        "to_shipment__destination",
        "from_organization",
        "to_organization",
        "actor",
        "corrects",
        "handover__giver_by",
        "handover__taker_by",
        "handover__receipt",
    ).order_by("sequence")
    statuses = dict(BatteryStatus.choices if isinstance(thing, Battery) else LotStatus.choices)
    read = life_as_read(viewer, thing, list(events))
    entries = [_entry(event, str(statuses.get(event.to_status, event.to_status))) for event in read]
    by_sequence = {entry.sequence: entry for entry in entries}
    for entry in entries:
        if entry.corrects in by_sequence:
            by_sequence[entry.corrects].corrected_by.append(entry.sequence)
    return entries


def _entry(event: CustodyEvent, status_label: str) -> Entry:
    occurred_at, zone = _local(event.occurred_at, _time_zone(event))
    return Entry(
        sequence=event.sequence,
        kind=event.kind,
        kind_label=event.get_kind_display(),
        occurred_at=occurred_at,
        recorded_at=event.recorded_at,
        time_zone=zone,
        from_place=_place(event.from_facility, event.from_shipment),
        to_place=_place(event.to_facility, event.to_shipment),
        from_organization=event.from_organization.name if event.from_organization else "",
        to_organization=event.to_organization.name if event.to_organization else "",
        status=event.to_status,
        status_label=status_label,
        mass_kg=event.mass_kg,
        reference=event.reference,
        note=event.note,
        by=event.actor.name,
        for_giver=event.handover.for_giver if event.handover else "",
        for_taker=event.handover.for_taker if event.handover else "",
        corrects=event.corrects.sequence if event.corrects else None,
        moved=(event.from_facility_id, event.from_shipment_id) != (event.to_facility_id, event.to_shipment_id),
    )


def _local(instant: datetime, zone: str) -> tuple[datetime, str]:
    """The instant in the zone, and which that is: none west of Greenwich has a first day of the year 1, which was written
    before such times were refused, and stays in the ledger.
    """
    try:
        return instant.astimezone(ZoneInfo(zone)), zone
    except OverflowError:
        return instant, "UTC"


def _place(facility: Facility | None, shipment: Shipment | None) -> str:
    if facility is not None:
        return facility.name
    return f"{shipment} ({shipment.origin.name} → {shipment.destination.name})" if shipment is not None else ""


def _time_zone(event: CustodyEvent) -> str:
    """A day belongs to its facility; on the road, to the facility that the truck left."""
    facility = event.to_facility or event.from_facility
    if facility is None:
        shipment = event.to_shipment or event.from_shipment
        facility = shipment.origin if shipment is not None else None
    return facility.time_zone if facility is not None else "UTC"
