"""Who has reported what: for a regulator by producer and scheme, for a producer its own reports and batteries' fate.

Each answer is a fixed number of statements, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, F, Q, Sum, When, Window
from django.db.models.functions import RowNumber

from accounts.models import User
from collection.models import Battery, BatteryStatus, Ground, Jurisdiction
from collection.queries.agenda import ROWS, Listing, own
from recycling.models import (
    FILED_REPORTS,
    OPEN_REPORTS,
    EprReport,
    EprReportLine,
    EprScheme,
    LegalStatus,
    MarketPlacement,
    Metric,
    ReportStatus,
)

#: Figures that targets are set for.
RATES = (Metric.RECYCLING_EFFICIENCY, Metric.MATERIAL_RECOVERY)

#: A report whose figures hold: neither to be computed yet, nor given up or replaced.
_HOLDING = (
    ReportStatus.DRAFT,
    ReportStatus.SUBMITTING,
    ReportStatus.SEALING,
    ReportStatus.SUBMITTED,
    ReportStatus.ACCEPTED,
    ReportStatus.RETURNED,
)


@dataclass(frozen=True)
class Duty:
    """A producer under a scheme in a year: its newest report, or that there is none.

    `is_missing` says that it placed batteries on the market there, under a scheme that binds, and filed nothing.
    """

    producer: int
    producer_name: str
    scheme: int
    scheme_code: str
    scheme_name: str
    legal_status: str
    legal_label: str
    jurisdiction: str
    units_placed: int
    report: int | None
    status: str
    status_label: str
    submitted_at: datetime | None

    @property
    def is_missing(self) -> bool:
        return self.report is None


@dataclass(frozen=True)
class Rate:
    """A rate of a report beside its target, if it has one, and what that target's legal status is."""

    report: int
    line: int
    producer_name: str
    scheme_code: str
    jurisdiction: str
    period_start: date
    period_end: date
    status_label: str
    metric: str
    subject: str
    value: Decimal | None
    target: Decimal | None
    target_status: str
    target_label: str


@dataclass(frozen=True)
class OwnReport:
    """A report of a producer, with how far its computation is."""

    report: int
    scheme_code: str
    jurisdiction: str
    period_start: date
    period_end: date
    status: str
    status_label: str
    percent: int | None
    decision_note: str
    corrects: int | None


@dataclass(frozen=True)
class StatusShare:
    """How many of a producer's batteries are in one status, and their mass as far as it is known; `claimed` are those that
    are only claimed to be its, which are in no other number here.
    """

    status: str
    status_label: str
    units: int
    mass_kg: Decimal
    share: Decimal
    claimed: int


def duties(user: User, year: int) -> list[Duty]:
    """Producers with batteries on the market of the user's jurisdictions in `year`, by scheme, and all that reported.

    Three statements. Only a scheme that binds and holds at the end of the year obliges anybody; by others, such as a
    reference or one that is not in force yet, a producer is listed only where it reported.
    """
    first, last = date(year, 1, 1), date(year, 12, 31)
    places = Jurisdiction.objects.all() if user.is_superuser else Jurisdiction.objects.overseen_by(user)
    schemes = {scheme.pk: scheme for scheme in EprScheme.objects.all()}
    placed = list(
        MarketPlacement.objects.filter(
            jurisdiction__in=places.values("pk"), period_start__gte=first, period_end__lte=last
        )
        .order_by()
        .values_list("producer", "producer__name", "jurisdiction")
        .annotate(total=Sum("units"))
    )
    units: dict[tuple[int, str], int] = {}
    for producer, _name, place, total in placed:
        for within in {place, place[:2]}:  # what was placed in a state was placed in its country
            units[producer, within] = units.get((producer, within), 0) + total
    reports = _newest_reports(user, first, last)
    found = {(r.producer_id, r.scheme_id, r.jurisdiction_id): r for r in reports}
    wanted = {key: found[key].producer.name for key in found}
    for producer, name, place, _total in placed:
        for scheme in schemes.values():
            obliges = scheme.legal_status == LegalStatus.BINDING and last in scheme.valid
            if obliges and scheme.jurisdiction_id == place:
                wanted.setdefault((producer, scheme.pk, place), name)
    rows = [
        _duty(
            producer,
            name,
            schemes[scheme],
            place,
            units.get((producer, place), 0),
            found.get((producer, scheme, place)),
        )
        for (producer, scheme, place), name in wanted.items()
    ]
    return sorted(rows, key=lambda duty: (duty.scheme_code, duty.jurisdiction, duty.producer_name))


def rates(user: User) -> list[Rate]:
    """Recycling efficiency and material recovery in the newest reports that the user may see, at most 40 of them."""
    reports = EprReport.objects.visible_to(user).filter(status__in=_HOLDING).values("pk")
    lines = (
        EprReportLine.objects.filter(report__in=reports, metric__in=RATES)
        .filter(Q(target_percent__isnull=False) | Q(value__isnull=False))
        .select_related("report__scheme", "report__producer")
        .order_by("-report__period_end", "report__producer__name", "-report", "position")
    )
    return [_rate(line) for line in lines[:40]]


def own_reports(user: User) -> Listing[OwnReport]:
    """The reports of the user's producers, those that need something first."""
    rows = (
        EprReport.objects.filter(producer__in=own(user))
        .exclude(status__in=[ReportStatus.SUPERSEDED, ReportStatus.WITHDRAWN])
        .select_related("scheme", "progress")
        .annotate(
            needs=Case(When(status__in=[*OPEN_REPORTS, ReportStatus.RETURNED], then=1), default=0),
            listed=Window(Count("*")),
        )
        .order_by("-needs", "-pk")
    )
    found: list[Any] = list(rows[:ROWS])
    return Listing([_own_report(row) for row in found], found[0].listed if found else 0)


def batteries_by_status(user: User) -> list[StatusShare]:
    """What became of the batteries of the user's producers, in each status: one statement."""
    confirmed = ~Q(producer_ground=Ground.CLAIMED)
    rows = list(
        Battery.objects.filter(producer__in=own(user))
        .order_by()
        .values_list("status")
        .annotate(
            n=Count("pk", filter=confirmed),
            kg=Sum("mass_kg", default=Decimal(0), filter=confirmed),
            claimed=Count("pk", filter=~confirmed),
        )
    )
    total = sum(n for _status, n, _kg, _claimed in rows) or 1
    by_status = {status: figures for status, *figures in rows}
    return [
        StatusShare(status, str(status.label), n, kg, Decimal(n) / total, claimed)
        for status in BatteryStatus
        if status in by_status
        for n, kg, claimed in [by_status[status]]
    ]


def _newest_reports(user: User, first: date, last: date) -> Sequence[EprReport]:
    """The newest filed report of each producer, scheme and place whose period lies in the time given."""
    return list(
        EprReport.objects.visible_to(user)
        .filter(period_start__gte=first, period_end__lte=last, status__in=FILED_REPORTS)
        .annotate(
            rank=Window(
                RowNumber(), partition_by=[F("producer"), F("scheme"), F("jurisdiction")], order_by=F("pk").desc()
            )
        )
        .filter(rank=1)
        .select_related("producer")
    )


def _duty(producer: int, name: str, scheme: EprScheme, place: str, units: int, report: EprReport | None) -> Duty:
    return Duty(
        producer, name, scheme.pk, scheme.code, scheme.name, scheme.legal_status, scheme.get_legal_status_display(),
        place, units, report.pk if report else None, report.status if report else "missing",
        report.get_status_display() if report else "", report.submitted_at if report else None,
    )  # fmt: skip


def _rate(line: EprReportLine) -> Rate:
    report = line.report
    subject = line.get_element_display() or line.get_family_display()
    return Rate(
        report.pk, line.pk, report.producer.name, report.scheme.code, report.jurisdiction_id, report.period_start,
        report.period_end, report.get_status_display(), line.get_metric_display(), str(subject or ""), line.value,
        line.target_percent, line.target_status, line.get_target_status_display(),
    )  # fmt: skip


def _own_report(row: EprReport) -> OwnReport:
    progress = getattr(row, "progress", None)
    return OwnReport(
        row.pk, row.scheme.code, row.jurisdiction_id, row.period_start, row.period_end, row.status,
        row.get_status_display(), progress.percent if progress and row.status in OPEN_REPORTS else None,
        row.decision_note if row.status == ReportStatus.RETURNED else "", row.supersedes_id,
    )  # fmt: skip
