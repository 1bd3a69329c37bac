"""EPR reports in the background."""

from __future__ import annotations

from celery import shared_task

from accounts import pending
from recycling.models import EprReport, ReportStatus
from recycling.services import report_job, report_seal


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


def sweep() -> None:
    """Take up reports that nobody works on."""
    pending.send(compute_report.delay, *report_job.WORK.take_up_silent())
    pending.send(seal_report.delay, *report_seal.WORK.take_up_silent())
