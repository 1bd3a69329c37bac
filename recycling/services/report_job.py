"""The job that computes an EPR report: it gathers the evidence, and writes the figures down that follow from it.

A report is computed in one transaction that reads one snapshot of the database, and ends in it as a draft: a worker
that is killed before leaves nothing behind but the status `computing` and an old heartbeat, from which a sweep takes it
up again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import pending
from recycling.models import EprReport, EprReportLine, EprReportProgress, EprTarget, ReportStatus
from recycling.queries.report_figures import figures
from recycling.queries.report_lines import lines
from recycling.queries.report_methods import CURRENT_METHOD
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
    progress = EprReportProgress.objects.filter(report=report, report__claimed_at=report.claimed_at)
    with pending.Pulse(progress) as pulse:
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
