"""EPR reports in the background."""

from __future__ import annotations

from celery import shared_task

from accounts import pending
from recycling.models import EprReport
from recycling.services import report_job


@shared_task(name="recycling.compute_report")
def compute_report(report_id: int) -> None:
    """Compute the report if it is still queued. Sending it twice does it once."""
    report_job.compute(report_id)


def enqueue(report: EprReport) -> EprReport:
    """Have a worker compute the report once what is being done is committed."""
    pending.send(compute_report.delay, report.pk)
    return report


def sweep() -> None:
    """Take up reports that nobody works on."""
    pending.send(compute_report.delay, *report_job.take_up_silent())
