"""EPR reports in the background, and the sweep that takes up whatever a lost message or a dead worker left behind."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from celery import shared_task

from accounts import pending
from collection.tasks import imports
from recycling.models import EprReport, ReportStatus
from recycling.services import factors, report_job, report_seal
from recycling.tasks import utilization

log = structlog.get_logger(__name__)


@shared_task(name="recycling.compute_report")
def compute_report(report_id: int) -> None:
    """Compute the report if it is still queued. Sending it twice does it once."""
    report_job.compute(report_id)


@shared_task(name="recycling.seal_report")
def seal_report(report_id: int) -> None:
    """Seal the report if it is still being submitted. Sending it twice does it once."""
    report_seal.seal(report_id)


def enqueue(report: EprReport) -> EprReport:
    """Have a worker do what the report waits for once what is being done is committed."""
    is_submitted = report.status == ReportStatus.SUBMITTING
    pending.send((seal_report if is_submitted else compute_report).delay, report.pk)
    return report


@shared_task(name="recycling.sweep")
def sweep() -> None:
    """Take up pending work of every kind. One kind that fails does not keep the others."""
    kinds: tuple[tuple[str, Callable[[], object]], ...] = (
        ("factors", factors.refresh),
        ("reports", _sweep_reports),
        ("utilization", utilization.sweep),
        ("imports", imports.sweep),
    )
    for kind, take_up in kinds:
        try:
            take_up()
        except Exception:
            log.exception("sweep_failed", kind=kind)


def _sweep_reports() -> None:
    pending.send(compute_report.delay, *report_job.WORK.take_up_silent())
    pending.send(seal_report.delay, *report_seal.WORK.take_up_silent())
