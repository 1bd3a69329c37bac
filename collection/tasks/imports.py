"""Imports in the background."""

from __future__ import annotations

from celery import Task, shared_task

from accounts import pending
from collection.imports.runs import execute
from collection.models import ImportRun
from collection.services import imports


@shared_task(bind=True, name="collection.run_import", soft_time_limit=55 * 60, time_limit=60 * 60)
def run_import(self: Task[..., None], run_id: int, looks: int = 0) -> None:
    """Do the import that is next; the message of one has each of them done once, whichever that is."""
    if execute() is None:
        pending.send(self.delay, *pending.after_loss(self, run_id, looks, imports.take_up_silent))
    elif imports.is_any_waiting():
        self.delay(run_id)  # what had to wait until its organization had one less going on


def enqueue(run: ImportRun) -> ImportRun:
    """Have a worker do the import once what is being done is committed; else the sweep finds it."""
    pending.send(run_import.delay, run.pk)
    return run


def sweep() -> None:
    """For the periodic sweep: send again the imports that nobody works on."""
    pending.send(run_import.delay, *imports.take_up_silent())
