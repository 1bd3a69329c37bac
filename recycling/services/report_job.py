"""The job that computes an EPR report: it gathers the evidence, and writes the figures down that follow from it.

A report is computed in one transaction that reads one snapshot of the database, and ends in it as a draft: a worker
that is killed before leaves nothing behind but the status `computing` and an old heartbeat, from which a sweep takes it
up again.
"""

from __future__ import annotations

import structlog
from django.db import OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import pending
from accounts.replicas import one_snapshot
from recycling.models import EprReport, EprReportLine, EprScheme, EprTarget, ReportStatus
from recycling.queries.report_figures import figures
from recycling.queries.report_lines import lines
from recycling.queries.report_methods import method_of
from recycling.services import factors
from recycling.services.report_evidence import FactorsOutOfDate, gather
from recycling.services.report_flows import gather_flows
from recycling.services.report_names import keep_names
from recycling.services.report_work import Work

WORK = Work(waiting=ReportStatus.QUEUED, working=ReportStatus.COMPUTING)

#: How often recovery factors are brought up to date before the report waits for a quieter moment.
ATTEMPTS = 5

log = structlog.get_logger(__name__)


def compute(report_id: int | None = None) -> bool | None:
    """Compute a queued report: that one, or the next. `False` if it was not finished, `None` if there was none to be had.

    Whatever goes wrong is noted on the report; a worker that lost the report to another writes nothing.
    """
    report = WORK.claim(report_id)
    if report is None:
        return None
    ours = pending.ours(report)
    with pending.Pulse(WORK.progress_of(report)) as pulse:
        try:
            _compute(report, pulse)
        except FactorsOutOfDate:
            ours.update(status=ReportStatus.QUEUED, message=_("Waits for recovery factors that are being changed."))
            return False
        except OperationalError as error:  # taken from us, a deadlock, or the database went away
            log.warning("report_interrupted", report=report.pk, error=str(error))
            ours.update(status=ReportStatus.QUEUED, message=_("Interrupted; will be computed again."))
            return False
        except Exception as error:
            log.exception("report_failed", report=report.pk)
            message = _("The computation failed (%(error)s).") % {"error": type(error).__name__}
            ours.update(status=ReportStatus.FAILED, message=message)
            return False
    return True


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
    gathers = gather_flows if report.scheme.shape == EprScheme.Shape.RECYCLER else gather
    is_simulated = gathers(report, lambda percent, step: pulse.tell(percent=percent, step=step))
    keep_names(report)
    pulse.tell(percent=90, step=_("figures"))
    report.method_version = method_of(report.scheme.shape).version
    targets = list(EprTarget.objects.filter(scheme=report.scheme_id))
    EprReportLine.objects.bulk_create(lines(report, figures(report), targets), batch_size=1000)
    done = pending.ours(report).update(
        status=ReportStatus.DRAFT,
        computed_at=timezone.now(),
        method_version=report.method_version,
        elements_taken=report.elements_taken,
        is_simulated=is_simulated,
        message="",
    )
    if not done:
        raise OperationalError("another worker has taken the report over")
    pulse.tell(percent=100, step="")
