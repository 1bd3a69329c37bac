"""What there is to do: today's pickups, open requests, shipments under way, consents that run out, claims to defend, to
contest and to decide on.

Each list is one statement, and holds its first rows with the number of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, DateField, DateTimeField, F, Func, Q, QuerySet, Value, Window
from django.db.models.functions import Cast, Upper

from accounts.models import Organization, User, organizations_of
from collection.models import (
    Battery,
    ClaimContest,
    ClaimContestStatus,
    Consent,
    Ground,
    Jurisdiction,
    Pickup,
    PickupStatus,
    Shipment,
    ShipmentStatus,
)

#: Rows of a list on a start page; the rest is one click away.
ROWS = 8

#: How long before its end a consent is shown as running out. A new one takes about 60 days (40 CFR 262.83 gives 60 days
#: from notice to the first shipment).
CONSENT_NOTICE = timedelta(days=90)

UNDER_WAY = (ShipmentStatus.READY, ShipmentStatus.IN_TRANSIT, ShipmentStatus.ARRIVED)


@dataclass(frozen=True)
class Listing[Row]:
    """The first rows of a list, and how many there are in all."""

    rows: Sequence[Row]
    total: int

    @property
    def more(self) -> int:
        """How many are not shown."""
        return self.total - len(self.rows)


@dataclass(frozen=True)
class Visit:
    """A pickup as its driver reads it; instants are in the time zone of the collection point."""

    pickup: int
    place: str
    locality: str
    jurisdiction: str
    packs: int
    condition: str
    start: datetime
    end: datetime
    zone: str
    carrier: str
    vehicle: str
    destination: str
    is_late: bool


@dataclass(frozen=True)
class OpenRequest:
    """A pickup that awaits its schedule."""

    pickup: int
    place: str
    locality: str
    jurisdiction: str
    packs: int
    condition: str
    until: datetime
    failed_because: str
    is_late: bool


@dataclass(frozen=True)
class Journey:
    """A shipment that is ready, on the road or at the gate."""

    shipment: int
    origin: str
    destination: str
    carrier: str
    status: str
    status_label: str
    since: datetime | None
    lines: int


@dataclass(frozen=True)
class Expiry:
    """A consent that runs out soon, or has just run out."""

    consent: int
    number: str
    route: str
    last_day: date
    is_over: bool


@dataclass(frozen=True)
class Dispute:
    """A contest of a claim on a battery, that waits for a step of the reader's."""

    contest: int
    battery: str
    between: str
    due_on: date
    is_overdue: bool


class LocalDay(Func):
    """The day of an instant in the time zone that a column names."""

    function = "timezone"
    output_field = DateTimeField()


def local_day(instant: Any, zone: str) -> Cast:
    """The day of `instant` in the time zone of the field `zone`."""
    return Cast(LocalDay(F(zone), instant), DateField())


def own(user: User) -> Any:
    """The organizations in whose name `user` works, as a subquery; all of them for who runs the platform."""
    return Organization.objects.values("pk") if user.is_superuser else organizations_of(user)


def todays_pickups(user: User, now: datetime) -> Listing[Visit]:
    """Scheduled pickups of the user's organizations whose window began by the end of today, at the collection point."""
    zone = "collection_point__facility__time_zone"
    pickups = (
        _pickups(user)
        .filter(status=PickupStatus.SCHEDULED)
        .annotate(starts_on=local_day(F("window_start"), zone), today=local_day(Value(now), zone))
        .filter(starts_on__lte=F("today"))
        .select_related("collection_point__facility", "carrier", "destination")
        .order_by("window_start", "pk")
    )
    return _listing(pickups, lambda pickup: _visit(pickup, now))


def open_requests(user: User, now: datetime) -> Listing[OpenRequest]:
    """Pickups that await a schedule: asked for, or failed at the last attempt."""
    pickups = (
        _pickups(user)
        .filter(status__in=[PickupStatus.REQUESTED, PickupStatus.FAILED])
        .select_related("collection_point__facility")
        .order_by("convenient_until", "pk")
    )
    return _listing(pickups, lambda pickup: _open_request(pickup, now))


def shipments_under_way(user: User) -> Listing[Journey]:
    """Shipments of the user's organizations (as collector, shipper, carrier or either end) that are not received."""
    mine = own(user)
    shipments = (
        Shipment.objects.filter(
            Q(shipper__in=mine)
            | Q(carrier__in=mine)
            | Q(origin__operator__in=mine)
            | Q(destination__operator__in=mine)
            | Q(pickup__collector__in=mine),
            status__in=UNDER_WAY,
        )
        .select_related("origin", "destination", "carrier")
        .annotate(number=Count("lines", filter=Q(lines__outcome="open")))
        .order_by("-dispatched_at", "-pk")
    )
    return _listing(shipments, _journey)


def consents_running_out(user: User, today: date) -> Listing[Expiry]:
    """Consents of the user's organizations whose last day is near, or passed no longer ago than a notice takes."""
    mine = own(user)
    consents = (
        Consent.objects.filter(Q(exporter__in=mine) | Q(importer__in=mine))
        .annotate(until=Upper("valid", output_field=DateField()))
        .filter(until__lte=today + CONSENT_NOTICE, until__gt=today - CONSENT_NOTICE)
        .order_by("until", "pk")
    )
    return _listing(
        consents,
        lambda consent: Expiry(
            consent.pk,
            consent.number,
            f"{consent.from_country_id} → {consent.to_country_id}",
            consent.until - timedelta(days=1),
            consent.until <= today,
        ),
    )


def contests_to_answer(user: User) -> Listing[Dispute]:
    """Claims of the user's organizations that a producer contests."""
    return _disputes(ClaimContest.objects.filter(claimed_by__in=own(user), status=ClaimContestStatus.OPEN))


def contests_to_decide(user: User, today: date) -> Listing[Dispute]:
    """Contests of claims where the user oversees, that were answered, or not until they had to be."""
    undecided = ClaimContest.objects.undecided().exclude(status=ClaimContestStatus.OPEN, due_on__gte=today)
    if not user.is_superuser:
        undecided = undecided.filter(jurisdiction__in=Jurisdiction.objects.overseen_by(user))
    return _disputes(undecided)


def claims_waiting(user: User) -> int:
    """Batteries that others claim to be of the user's producers, and that wait for their word."""
    claimed = Battery.objects.filter(producer__in=own(user), producer_ground=Ground.CLAIMED)
    return claimed.exclude(claim_contests__in=ClaimContest.objects.undecided()).count()


def _disputes(contests: QuerySet[ClaimContest]) -> Listing[Dispute]:
    return _listing(
        contests.select_related("battery", "contested_by", "claimed_by").order_by("due_on", "pk"),
        lambda contest: Dispute(
            contest.pk,
            str(contest.battery),
            f"{contest.contested_by.name} – {contest.claimed_by.name}",
            contest.due_on,
            contest.is_overdue,
        ),
    )


def _pickups(user: User) -> QuerySet[Pickup]:
    mine = own(user)
    return Pickup.objects.filter(
        Q(collector__in=mine) | Q(carrier__in=mine) | Q(collection_point__facility__operator__in=mine)
    )


def _listing(rows: QuerySet[Any], make: Any) -> Listing[Any]:
    found = list(rows.annotate(listed=Window(Count("*")))[:ROWS])
    return Listing([make(row) for row in found], found[0].listed if found else 0)


def _visit(pickup: Pickup, now: datetime) -> Visit:
    facility = pickup.collection_point.facility
    zone = ZoneInfo(facility.time_zone)
    assert pickup.window_start is not None and pickup.window_end is not None  # pickup_schedule_complete
    start, end = pickup.window_start.astimezone(zone), pickup.window_end.astimezone(zone)
    return Visit(
        pickup.pk, facility.name, facility.locality, facility.jurisdiction_id, pickup.packs_expected,
        pickup.get_condition_display() if pickup.condition != "intact" else "", start, end,
        start.tzname() or "", str(pickup.carrier or ""), pickup.vehicle, str(pickup.destination or ""),
        pickup.window_end < now,
    )  # fmt: skip


def _open_request(pickup: Pickup, now: datetime) -> OpenRequest:
    facility = pickup.collection_point.facility
    return OpenRequest(
        pickup.pk, facility.name, facility.locality, facility.jurisdiction_id, pickup.packs_expected,
        pickup.get_condition_display() if pickup.condition != "intact" else "",
        pickup.convenient_until.astimezone(ZoneInfo(facility.time_zone)),
        pickup.reason if pickup.status == PickupStatus.FAILED else "", pickup.convenient_until < now,
    )  # fmt: skip


def _journey(shipment: Any) -> Journey:
    return Journey(
        shipment.pk, shipment.origin.name, shipment.destination.name, shipment.carrier.name, shipment.status,
        shipment.get_status_display(), shipment.arrived_at or shipment.dispatched_at, shipment.number,
    )  # fmt: skip
