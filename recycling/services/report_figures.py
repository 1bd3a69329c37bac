"""Computing the figures of EPR reports, and proving afterwards that they are still those that were filed.

A report is computed in one transaction that reads one snapshot of the database, and ends in it as a draft: a worker
that is killed before leaves nothing behind but the status `computing` and an old heartbeat, from which a sweep takes it
up again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import OperationalError, connection, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import pending
from recycling.models import EprReport, EprReportLine, EprReportProgress, EprTarget, ReportStatus
from recycling.queries.report_lines import CURRENT_METHOD, METHODS, Figure, figure_of, figures, lines
from recycling.services import factors
from recycling.services.report_evidence import FactorsOutOfDate, gather

#: After what silence a report is taken from its worker.
SILENCE = timedelta(seconds=60)

#: How often recovery factors are brought up to date before the report waits for a quieter moment.
ATTEMPTS = 5

log = structlog.get_logger(__name__)


def compute(report_id: int) -> bool:
    """Compute a queued report. `False` if there was nothing to do: it is not queued, or another worker has it.

    Whatever goes wrong is noted on the report; a worker that lost the report to another writes nothing.
    """
    report = _claim(report_id)
    if report is None:
        return False
    ours = pending.ours(report)
    with pending.Pulse(EprReportProgress.objects.filter(pk=report_id)) as pulse:
        try:
            _compute(report, pulse)
        except FactorsOutOfDate:
            ours.update(status=ReportStatus.QUEUED, message=_("Waits for recovery factors that are being changed."))
            return False
        except OperationalError as error:  # taken from us, a deadlock, or the database went away
            log.warning("report_interrupted", report=report_id, error=str(error))
            ours.update(status=ReportStatus.QUEUED, message=_("Interrupted; will be computed again."))
            return False
        except Exception as error:
            log.exception("report_failed", report=report_id)
            message = _("The computation failed (%(error)s).") % {"error": type(error).__name__}
            ours.update(status=ReportStatus.FAILED, message=message)
            return False
    return True


@transaction.atomic
def take_up_silent(*, silence: timedelta = SILENCE) -> list[int]:
    """Queue again the reports that nobody has worked on for `silence`. Returns their ids, to be sent."""
    silent = pending.take_up(
        EprReport.objects.all(),
        waiting=ReportStatus.QUEUED,
        working=ReportStatus.COMPUTING,
        silence=silence,
        heartbeat="progress__heartbeat_at",
    )
    EprReportProgress.objects.filter(pk__in=silent).update(heartbeat_at=timezone.now())
    return silent


@contextmanager
def one_snapshot() -> Iterator[None]:
    """A transaction all of whose statements see the database as it was at its first one."""
    inside = connection.in_atomic_block  # then the level is no longer ours to choose
    with transaction.atomic():
        if not inside:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


@transaction.atomic
def _claim(report_id: int) -> EprReport | None:
    queued = EprReport.objects.select_related("scheme", "producer").filter(pk=report_id, status=ReportStatus.QUEUED)
    report = pending.claim(queued, status=ReportStatus.COMPUTING, message="")
    if report is not None:
        EprReportProgress.objects.update_or_create(
            report=report, defaults={"percent": 0, "step": "", "heartbeat_at": report.claimed_at}
        )
    return report


def _compute(report: EprReport, pulse: pending.Pulse) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        pulse.tell(percent=5, step=_("recovery factors"))
        factors.refresh()
        try:
            with one_snapshot():
                _fill(report, pulse)
        except FactorsOutOfDate:
            if attempt == ATTEMPTS:
                raise
        else:
            return


def _fill(report: EprReport, pulse: pending.Pulse) -> None:
    """Replace everything that is kept with the report, and make it a draft, in the transaction that is open."""
    is_simulated = gather(report, lambda percent, step: pulse.tell(percent=percent, step=step))
    pulse.tell(percent=90, step=_("figures"))
    report.method_version = CURRENT_METHOD.version
    targets = list(EprTarget.objects.filter(scheme=report.scheme_id))
    EprReportLine.objects.bulk_create(lines(report, figures(report), targets), batch_size=1000)
    done = pending.ours(report).update(
        status=ReportStatus.DRAFT,
        computed_at=timezone.now(),
        method_version=report.method_version,
        is_simulated=is_simulated,
        message="",
    )
    if not done:
        raise OperationalError("another worker has taken the report over")
    pulse.tell(percent=100, step="")


# Proof


@dataclass(frozen=True)
class Verification:
    """Whether a report's figures follow, to the digit, from what it keeps, and whether all of it is as it was filed."""

    figures_agree: bool
    hash_agrees: bool | None
    content_hash: str
    differing: Sequence[Figure]

    @property
    def agrees(self) -> bool:
        return self.figures_agree and self.hash_agrees is not False


def verify(report: EprReport) -> Verification:
    """Compute the figures again from what is kept with the report, and compare them and the content hash."""
    found = figures(report)
    stored = [figure_of(line) for line in report.lines.order_by("position")]
    differing = [figure for figure in found if figure not in stored]
    computed = content_hash(report)
    return Verification(
        figures_agree=found == stored,
        hash_agrees=computed == report.content_hash if report.content_hash else None,
        content_hash=computed,
        differing=differing,
    )


#: What is kept with a report, in which order, and the fields that make it up.
_KEPT: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "lines",
        ("position",),
        (
            "position",
            "metric",
            "breakdown",
            "family",
            "chemistry_id",
            "method",
            "decision",
            "facility_id",
            "country",
            "element",
            "value",
            "unit",
            "numerator",
            "denominator",
            "rows",
            "without_mass",
            "target_percent",
            "target_status",
            "target_source",
            "note",
        ),
    ),
    (
        "evidence",
        ("fate", "battery_id"),
        (
            "fate",
            "battery_id",
            "occurred_on",
            "facility_id",
            "country",
            "batch_id",
            "method",
            "decision",
            "chemistry_id",
            "family",
            "composition_id",
            "content_kwh",
            "mass_kg",
        ),
    ),
    (
        "placements",
        ("placement_id",),
        (
            "placement_id",
            "period_start",
            "period_end",
            "model_id",
            "chemistry_id",
            "family",
            "units",
            "mass_kg",
            "is_counted",
        ),
    ),
    ("factors", ("batch_id", "element"), ("batch_id", "element", "recovered", "pending", "residue")),
    ("intensities", ("composition_id", "element"), ("composition_id", "element", "kg_per_kwh")),
    ("sites", ("facility_id", "method"), ("facility_id", "method", "country")),
)


def header(report: EprReport) -> Mapping[str, Any]:
    """What a report is about; fixed once it is filed."""
    method = METHODS.get(report.method_version)
    return {
        "report": report.pk,
        "scheme": report.scheme_id,
        "producer": report.producer_id,
        "jurisdiction": report.jurisdiction_id,
        "period_start": report.period_start,
        "period_end": report.period_end,
        "method_version": report.method_version,
        "method_choices": method.choices if method else (),
        "computed_at": report.computed_at,
        "supersedes": report.supersedes_id,
        "is_simulated": report.is_simulated,
    }


def canonical(report: EprReport) -> Iterator[bytes]:
    """Header, lines, evidence, placements, factors, intensities and sites of a report, in one fixed form.

    Each row is one line of JSON: an array whose first member names the part, with numbers as the database writes them,
    in a fixed order. Rows are streamed, never all in memory.
    """

    def row(part: str, *values: Any) -> bytes:
        text = json.dumps([part, *values], default=str, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
        return text.encode() + b"\n"

    yield row("header", header(report))
    for name, fields, rows in parts(report):
        for values in rows.values_list(*fields).iterator(chunk_size=10_000):
            yield row(name, *values)


def parts(report: EprReport) -> Iterator[tuple[str, tuple[str, ...], models.QuerySet[Any]]]:
    """What is kept with a report: the name of each part, its fields, and its rows in a fixed order."""
    for name, order, fields in _KEPT:
        rows: models.QuerySet[Any] = getattr(report, name).order_by(*order)
        yield name, fields, rows


def content_hash(report: EprReport) -> str:
    """SHA-256 over the canonical form of a report."""
    digest = hashlib.sha256()
    for line in canonical(report):
        digest.update(line)
    return digest.hexdigest()
