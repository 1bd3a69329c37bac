"""What was reported: the rates in it, and for a producer its own reports and batteries' fate. Who owes a report: `duties`.

Each answer is a fixed number of statements, whatever it holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Case, Count, Q, Sum, When, Window

from accounts.models import User
from collection.models import Battery, BatteryStatus, Ground
from collection.queries.agenda import ROWS, Listing, own
from recycling.models import (
    OPEN_REPORTS,
    EprReport,
    EprReportLine,
    Metric,
    ReportStatus,
)
from recycling.queries.report_rests import RATES, rests

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
    rests: str


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


def rates(user: User) -> list[Rate]:
    """Recycling efficiency and material recovery in the newest reports that the user may see, at most 40 of them."""
    reports = EprReport.objects.visible_to(user).filter(status__in=_HOLDING).values("pk")
    lines = (
        EprReportLine.objects.filter(report__in=reports, metric__in=RATES, origin="")
        .filter(Q(target_percent__isnull=False) | Q(value__isnull=False))
        .select_related("report__scheme", "report__producer")
        .order_by("-report__period_end", "report__producer__name", "-report", "position")
    )
    shown = list(lines[:40])
    beside = EprReportLine.objects.filter(
        report__in={line.report_id for line in shown}, metric=Metric.RESTS_ON, origin=""
    ).order_by("report", "position")
    told = rests([*shown, *beside]) if shown else {}
    return [_rate(line, told.get(line.pk, "")) for line in shown]


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


def _rate(line: EprReportLine, rests_on: str) -> Rate:
    report = line.report
    subject = line.get_element_display() or line.get_family_display()
    return Rate(
        report.pk, line.pk, report.producer.name, report.scheme.code, report.jurisdiction_id, report.period_start,
        report.period_end, report.get_status_display(), line.get_metric_display(), str(subject or ""), line.value,
        line.target_percent, line.target_status, line.get_target_status_display(), rests_on,
    )  # fmt: skip


def _own_report(row: EprReport) -> OwnReport:
    progress = getattr(row, "progress", None)
    return OwnReport(
        row.pk, row.scheme.code, row.jurisdiction_id, row.period_start, row.period_end, row.status,
        row.get_status_display(), progress.percent if progress and row.status in OPEN_REPORTS else None,
        row.decision_note if row.status == ReportStatus.RETURNED else "", row.supersedes_id,
    )  # fmt: skip
