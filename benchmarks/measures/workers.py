"""A day of reports, imports and utilization, given at once to real workers: in one, two and four processes."""

from __future__ import annotations

import io
import time
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Organization
from benchmarks import clock
from benchmarks.continent import YEAR
from benchmarks.measures import imports as files
from benchmarks.measures.doors import user
from benchmarks.results import Results
from collection import tasks as collection_tasks
from collection.models import BatteryModel, ImportRun, ImportStatus, Jurisdiction
from collection.services import imports
from development import supervisor
from recycling import tasks as recycling_tasks
from recycling.models import EprReport, EprScheme, UtilizationRun
from recycling.services import reports, utilization

LOG = Path(".local/bench-workers.log")

REPORTS, FILES, ROWS, DAYS = 24, 4, 10_000, 31

_WORKING = ("queued", "computing", "running")


def measure(results: Results) -> None:
    alone = None
    for processes in (1, 2, 4):
        with (
            LOG.open("wb") as output,
            supervisor.running(worker=True, environment={"WORKER_CONCURRENCY": str(processes)}, output=output),
        ):
            _wait_for(_utilization(1))  # until they have started
            began = time.perf_counter()
            _wait_for([*_reports(processes), *_files(processes), *_utilization(DAYS)])
            took = clock.Took(time.perf_counter() - began, None)
        alone = alone or took
        note = f"{REPORTS} reports, {FILES} files of {ROWS:,} batteries, {DAYS} days of utilization"
        results.took(f"{processes} processes", took, yardstick=alone, note=note)


def _reports(nth: int) -> list[EprReport]:
    """A report of each producer, of a period that nobody has asked for yet."""
    scheme = EprScheme.objects.get(code="eu-2023-1542")
    place = Jurisdiction.objects.get(pk="US")
    actor, asked = Actor.of(user("superuser")), []
    for number, producer in enumerate(
        Organization.objects.filter(name__startswith="Bench producer").order_by("pk")[:REPORTS]
    ):
        start = date(YEAR, 1, 1) - timedelta(days=100 * nth + number + EprReport.objects.count())
        report = reports.request(
            actor=actor, scheme=scheme, producer=producer, period_start=start, period_end=date(YEAR, 12, 31),
            jurisdiction=place,
        )  # fmt: skip
        asked.append(recycling_tasks.reports.enqueue(report))
    return asked


def _files(nth: int) -> list[ImportRun]:
    """Files of batteries that nobody knows yet."""
    owner = Organization.objects.get(name="Bench collector")
    model = BatteryModel.objects.get(batteries=1)
    asked = []
    for number in range(FILES):
        content = files.batteries(model.code, ROWS, f"W{nth}-{number}-{timezone.now():%H%M%S}-")
        run = imports.request(
            actor=Actor.of(user("collector of all")), organization=owner, kind=ImportRun.Kind.BATTERIES,
            filename="bench.csv", content=io.BytesIO(content),
        )  # fmt: skip
        asked.append(collection_tasks.imports.enqueue(run))
    return asked


def _utilization(days: int) -> list[UtilizationRun]:
    actor = Actor.of(user("superuser"))
    run = utilization.request(
        actor=actor, from_day=date(YEAR, 7, 1), to_day=date(YEAR, 7, 1) + timedelta(days=days - 1)
    )
    return [recycling_tasks.utilization.enqueue(run)]


def _wait_for(work: Iterable[Any]) -> None:
    """Until all of it is done; that none of it failed is seen, too."""
    waiting = list(work)
    while waiting:
        time.sleep(0.05)
        for one in waiting[:]:
            one.refresh_from_db(fields=["status"])
            if one.status not in _WORKING:
                assert one.status in ("draft", "done", ImportStatus.DONE), (one, one.status, f"see {LOG}")
                waiting.remove(one)
