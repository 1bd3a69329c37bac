"""EPR reports in the background."""

from __future__ import annotations

from celery import Task, shared_task

from accounts import pending
from recycling.models import EprReport, ReportStatus
from recycling.services import report_job, report_seal


@shared_task(bind=True, name="recycling.compute_report")
def compute_report(self: Task[..., None], report_id: int, looks: int = 0) -> None:
    """Compute the report that is next; the message of one has each of them done once, whichever that is."""
    is_computed = report_job.compute()
    if is_computed is None:
        pending.send(self.delay, *pending.after_loss(self, report_id, looks, report_job.WORK.take_up_silent))
    elif is_computed and report_job.WORK.is_any_waiting():
        self.delay(report_id)  # what had to wait until its producer had one less going on


@shared_task(bind=True, name="recycling.seal_report")
def seal_report(self: Task[..., None], report_id: int, looks: int = 0) -> None:
    """Seal the report that is next; the message of one has each of them done once, whichever that is."""
    is_sealed = report_seal.seal()
    if is_sealed is None:
        pending.send(self.delay, *pending.after_loss(self, report_id, looks, report_seal.WORK.take_up_silent))
    elif is_sealed and report_seal.WORK.is_any_waiting():
        self.delay(report_id)


def enqueue(report: EprReport) -> EprReport:
    """Have a worker do what the report waits for once what is being done is committed."""
    is_submitted = report.status == ReportStatus.SUBMITTING
    pending.send((seal_report if is_submitted else compute_report).delay, report.pk)
    return report


def sweep() -> None:
    """Take up reports that nobody works on."""
    pending.send(compute_report.delay, *report_job.WORK.take_up_silent())
    pending.send(seal_report.delay, *report_seal.WORK.take_up_silent())
