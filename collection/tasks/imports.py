"""Imports in the background."""

from __future__ import annotations

from celery import shared_task

from accounts import pending
from collection.imports.runs import execute
from collection.models import ImportRun
from collection.services import imports


@shared_task(name="collection.run_import", soft_time_limit=55 * 60, time_limit=60 * 60)
def run_import(run_id: int) -> None:
    """Do the import if it is still waiting. Sending it twice does it once."""
    execute(run_id)


def enqueue(run: ImportRun) -> ImportRun:
    """Have a worker do the import once what is being done is committed; else the sweep finds it."""
    pending.send(run_import.delay, run.pk)
    return run


def sweep() -> None:
    """For the periodic sweep: send again the imports that nobody works on."""
    pending.send(run_import.delay, *imports.take_up_silent())
