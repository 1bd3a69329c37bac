"""Imports in the background."""

from __future__ import annotations

from functools import partial
from typing import Any

from celery import shared_task
from django.db import transaction

from collection.imports.engine import IMPORTERS
from collection.imports.runs import execute, stale
from collection.models import ImportRun
from collection.services import imports


@shared_task(name="collection.run_import", soft_time_limit=55 * 60, time_limit=60 * 60)
def run_import(run_id: int) -> None:
    """Do the import if it is still waiting. Sending it twice does it once."""
    execute(run_id)


@transaction.atomic
def request(*, kind: str, **wanted: Any) -> ImportRun:
    """As `services.imports.request`, and have a worker do it once that is committed."""
    importer = IMPORTERS.get(kind)
    run = imports.request(kind=kind, functions=importer.functions if importer else frozenset(), **wanted)
    transaction.on_commit(partial(run_import.delay, run.pk))
    return run


def requeue_stale() -> int:
    """For the periodic sweep: send again every import that waits, also those that a worker left behind."""
    waiting = stale()
    for run_id in waiting:
        run_import.delay(run_id)
    return len(waiting)
