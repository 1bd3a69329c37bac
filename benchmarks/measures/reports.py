"""A report of some 10,832 recycled batteries: asked for, computed, filed, downloaded. What a request sends to a worker
is done here and measured apart.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.db import connection

from accounts.models import Organization
from benchmarks import clock
from benchmarks.continent import YEAR
from benchmarks.measures.doors import API, client, jobs_held, post, user
from benchmarks.measures.server import read, serving, token_of
from benchmarks.results import Results, Row
from recycling.models import EprReport, EprScheme

BATTERIES = 10_832


def measure(results: Results) -> None:
    producer = Organization.objects.get(name="Bench producer 1")
    caller = client(user("producer"))
    asked = {
        "scheme": EprScheme.objects.get(code="eu-2023-1542").pk,
        "producer": producer.pk,
        "jurisdiction": "US",
        "period_end": _last_day(producer.pk).isoformat(),
    }
    took: dict[str, list[clock.Took]] = {}

    def step(name: str, act: Callable[[], Any]) -> None:
        took.setdefault(name, []).append(clock.once(act))

    with jobs_held() as jobs:
        for _run in range(results.repeat):
            # No two reports of one period; the year before has no batteries, so each has the same.
            start = date(YEAR, 1, 1) - timedelta(days=EprReport.objects.count())
            body = asked | {"period_start": start.isoformat()}
            step("ask for it", partial(post, caller, "epr-reports", body))
            report = EprReport.objects.latest("pk").pk
            step("compute it, in a job", jobs.work_off)
            step("file it, in the request", partial(post, caller, f"epr-reports/{report}/submit", {}))
            if jobs.sent:
                step("file it, in a job", jobs.work_off)
    batteries = EprReport.objects.get(pk=report).evidence.filter(fate="recycled").count()
    for name, times in took.items():
        aims: dict[str, Any] = {"wall": 0.5} if name == "file it, in the request" else {}
        results.took(name, clock.median(times, results.repeat), note=f"{batteries:,} batteries", **aims)
    _download(results, f"{API}/epr-reports/{report}/download/json/")


def _download(results: Results, address: str) -> None:
    """By how much the process that answers grows while a download is read, beyond what a first small answer takes."""
    with serving(workers=1) as server, token_of(user("producer")) as headers:
        (worker,) = server.workers
        connection = server.connection()
        read(connection, f"{API}/me/", headers)
        before = worker.memory_info().rss
        began = time.perf_counter()
        size = read(connection, address, headers)
        results.took("download JSON", clock.Took(time.perf_counter() - began, None))
        peak = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{worker.pid}/status").read_text())
    results.add("its size", Row({"bytes": size}))
    if peak:
        results.add("memory for it", Row({"bytes": int(peak[1]) * 1024 - before}, {"bytes": 20e6}))


def _last_day(producer: int) -> date:
    """The day by which the producer had that many batteries recycled; the last of the year where it never had."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT charged_at::date FROM (
                SELECT c.charged_at, row_number() OVER (ORDER BY c.charged_at, c.id) AS n
                FROM recycling_charge c JOIN collection_battery b ON b.id = c.battery_id
                JOIN recycling_batch k ON k.id = c.batch_id AND k.status = 'closed'
                WHERE b.producer_id = %s AND b.placed_in_id LIKE 'US-%%'
            ) charged WHERE n = %s
            """,
            [producer, BATTERIES],
        )
        found = cursor.fetchone()
    return found[0] if found else date(YEAR, 12, 31)
