"""Capacity utilization in the background: every night, and when somebody asks."""

from __future__ import annotations

from celery import Task, shared_task

from accounts import pending
from recycling.models import UtilizationRun
from recycling.services import utilization


@shared_task(bind=True, name="recycling.run_utilization")
def run_utilization(self: Task[..., None], run_id: int, looks: int = 0) -> None:
    """Carry out the run that is next; the message of one has each of them done once, whichever that is."""
    is_done = utilization.run()
    if is_done is None:
        pending.send(self.delay, *pending.after_loss(self, run_id, looks, utilization.take_up_silent))
    elif is_done and utilization.is_any_waiting():
        self.delay(run_id)  # what had to wait until who asked for it had one less going on


@shared_task(name="recycling.utilization_daily")
def utilization_daily() -> None:
    """The run of the daily schedule."""
    enqueue(utilization.schedule())


@shared_task(name="recycling.utilization_due")
def utilization_due() -> None:
    """Compute again the months that something changed in. What one run does not reach, the next one does."""
    utilization.refresh_due()


def enqueue(run: UtilizationRun) -> UtilizationRun:
    """Have a worker carry the run out once what is being done is committed."""
    pending.send(run_utilization.delay, run.pk)
    return run


def sweep() -> None:
    """For the periodic sweep: send again the runs that nobody works on."""
    pending.send(run_utilization.delay, *utilization.take_up_silent())
