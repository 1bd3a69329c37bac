"""Capacity utilization in the background: every night, and when somebody asks."""

from __future__ import annotations

from functools import partial
from typing import Any

from celery import shared_task
from django.db import transaction

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
    """Have a worker carry the run out once what is being done is committed; else the sweep finds it."""
    transaction.on_commit(partial(run_utilization.delay, run.pk), robust=True)
    return run


def request(**wanted: Any) -> UtilizationRun:
    """As `services.utilization.request`, and have a worker carry it out."""
    return enqueue(utilization.request(**wanted))


def sweep() -> None:
    """For the periodic sweep: send again the runs that nobody works on."""
    for run_id in utilization.take_up_silent():
        run_utilization.delay(run_id)
