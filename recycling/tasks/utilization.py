"""Capacity utilization in the background: every night, and when somebody asks."""

from __future__ import annotations

from celery import shared_task

from accounts import pending
from recycling.models import UtilizationRun
from recycling.services import utilization


@shared_task(name="recycling.run_utilization")
def run_utilization(run_id: int) -> None:
    """Carry the run out if it is still queued. Sending it twice does it once."""
    utilization.run(run_id)


@shared_task(name="recycling.utilization_daily")
def utilization_daily() -> None:
    """The run of the daily schedule."""
    enqueue(utilization.schedule())


def enqueue(run: UtilizationRun) -> UtilizationRun:
    """Have a worker carry the run out once what is being done is committed."""
    pending.send(run_utilization.delay, run.pk)
    return run


def sweep() -> None:
    """For the periodic sweep: send again the runs that nobody works on."""
    pending.send(run_utilization.delay, *utilization.take_up_silent())
