"""Who owes which report, and who filed it.

A scheme that binds says from when on it wants a report every year, and on which day (`first_period_start`,
`first_due_on`); one that does not say so obliges nobody. A duty is met by one filed report that covers all of its year.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from collection.models import Jurisdiction
from recycling.models import EprReport, EprScheme, LegalStatus, MarketPlacement, PlacementStatus, ReportStatus

#: A report that was filed and not replaced.
_FILED = (ReportStatus.SUBMITTED, ReportStatus.ACCEPTED, ReportStatus.RETURNED)


@dataclass(frozen=True)
class Duty:
    """A producer under a scheme in a year: the newest filed report that covers it, or one of a part of it, or none.

    `status` is that of the report; or `partial` where reports cover a part of the year only, `missing` where there is
    none though it was due, and `due` before it is. `due_on` is empty where nothing is owed, only reported.
    """

    producer: int
    producer_name: str
    scheme: int
    scheme_code: str
    scheme_name: str
    legal_status: str
    legal_label: str
    jurisdiction: str
    counts_label: str
    period_start: date
    period_end: date
    due_on: date | None
    units_placed: int
    units_across: int
    report: int | None
    status: str
    status_label: str
    submitted_at: datetime | None
    is_late: bool

    @property
    def is_missing(self) -> bool:
        """Whether it was due, and no filed report covers the whole year."""
        return self.is_late and self.status in ("missing", "partial")


@dataclass(frozen=True)
class _Year:
    """What a scheme asks for that begins in a calendar year."""

    scheme: EprScheme
    start: date
    end: date
    due_on: date | None


@dataclass
class _Placed:
    """What a producer placed on a market: in periods within a year, and in periods that reach beyond it."""

    name: str
    within: int = 0
    across: int = 0


def duties(user: User, year: int, today: date | None = None) -> list[Duty]:
    """Who owes a report on the year that begins in `year`, in the places the user oversees, and all that reported.

    Three statements. Who placed batteries on the market at any time of the year owes one, by whatever period it was
    declared. By schemes that ask for none a producer is listed only where it reported.
    """
    today = today or timezone.now().date()
    years = {scheme.pk: _year_of(scheme, year) for scheme in EprScheme.objects.all()}
    if not years:
        return []
    first, last = min(y.start for y in years.values()), max(y.end for y in years.values())
    placed: dict[int, list[_Row]] = defaultdict(list)
    for row in _placed(user, first, last):
        placed[row[0]].append(row)
    found: dict[tuple[int, int, str], list[EprReport]] = defaultdict(list)
    for report in _filed(user, first, last):
        if _overlaps(years[report.scheme_id], report.period_start, report.period_end):
            found[report.scheme_id, report.producer_id, report.jurisdiction_id].append(report)
    listed: dict[tuple[int, int, str], _Placed] = {
        (scheme, producer, place): _of(placed.get(producer, ()), place, years[scheme])
        or _Placed(reports[0].producer.name)
        for (scheme, producer, place), reports in found.items()
    }
    is_asked = any(y.due_on for y in years.values())
    seen = set(_overseen(user).values_list("pk", flat=True)) if is_asked else set()
    for scheme, asked in years.items():
        place = asked.scheme.jurisdiction_id
        if asked.due_on is None or place is None or place not in seen:
            continue
        for producer, declared in placed.items():
            of = _of(declared, place, asked)
            if of is not None and of.within + of.across:
                listed.setdefault((scheme, producer, place), of)
    rows = [
        _duty(years[scheme], producer, place, of, found[scheme, producer, place], today)
        for (scheme, producer, place), of in listed.items()
    ]
    return sorted(rows, key=lambda duty: (duty.scheme_code, duty.jurisdiction, duty.producer_name))


def _year_of(scheme: EprScheme, year: int) -> _Year:
    """The year that begins in `year` as the scheme counts years; due only if the scheme binds, and holds on that day."""
    first, due = scheme.first_period_start, scheme.first_due_on
    start = date(year, 1, 1) if first is None else _years_on(first, year - first.year)
    end = _years_on(start, 1) - timedelta(days=1)
    if first is None or due is None or start < first or scheme.legal_status != LegalStatus.BINDING:
        return _Year(scheme, start, end, None)
    due_on = _years_on(due, year - first.year)
    ended = scheme.valid.upper is not None and scheme.valid.upper <= due_on
    return _Year(scheme, start, end, None if ended else due_on)


def _years_on(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return day.replace(year=day.year + years, day=28)


def _overlaps(year: _Year, start: date, end: date) -> bool:
    return start <= year.end and end >= year.start


def _overseen(user: User) -> QuerySet[Jurisdiction]:
    return Jurisdiction.objects.all() if user.is_superuser else Jurisdiction.objects.overseen_by(user)


type _Row = tuple[int, str, str, date, date, int]


def _placed(user: User, first: date, last: date) -> Iterable[_Row]:
    """Producer, its name, place, period, units: of what was declared of the user's places."""
    return (
        MarketPlacement.objects.filter(
            jurisdiction__in=_overseen(user).values("pk"),
            status=PlacementStatus.DECLARED,
            period_start__lte=last,
            period_end__gte=first,
        )
        .order_by()
        .values_list("producer", "producer__name", "jurisdiction", "period_start", "period_end")
        .annotate(total=Sum("units"))
    )


def _of(rows: Iterable[_Row], place: str, year: _Year) -> _Placed | None:
    """What a producer placed in the place, or in a state of it, in the year; `None` where it declared nothing."""
    total: _Placed | None = None
    for _producer, name, where, start, end, units in rows:
        if place not in (where, where[:2]) or not _overlaps(year, start, end):
            continue
        total = total or _Placed(name)
        if year.start <= start and end <= year.end:
            total.within += units
        else:
            total.across += units
    return total


def _filed(user: User, first: date, last: date) -> Iterator[EprReport]:
    """Filed reports that touch the time given, the newest first."""
    return (
        EprReport.objects.visible_to(user)
        .filter(status__in=_FILED, period_start__lte=last, period_end__gte=first)
        .select_related("producer")
        .order_by("-pk")
        .iterator()
    )


def _duty(year: _Year, producer: int, place: str, placed: _Placed, reports: list[EprReport], today: date) -> Duty:
    covering = [r for r in reports if r.period_start <= year.start and r.period_end >= year.end]
    report = next(iter(covering or reports), None)
    is_late = year.due_on is not None and year.due_on < today
    if report is None:
        status, label = ("missing", _("none filed")) if is_late else ("due", _("not due yet"))
    elif not covering and year.due_on is not None:
        status, label = "partial", _("covers a part of the year only")
    else:
        status, label = report.status, report.get_status_display()
    scheme = year.scheme
    return Duty(
        producer, placed.name, scheme.pk, scheme.code, scheme.name, scheme.legal_status, scheme.get_legal_status_display(),
        place, scheme.get_counts_by_display(), year.start, year.end, year.due_on, placed.within, placed.across,
        report.pk if report else None, status, label, report.submitted_at if report else None, is_late,
    )  # fmt: skip
