"""Metrics for Prometheus: what requests and tasks did in each process, and what the database says of the work there is.

Off unless the environment says METRICS=1. They are served at HEALTH_PORT, which is no door of the site: whoever may scrape
them is who reaches that port. A process writes what it counts into files that all processes of a container share
(`PROMETHEUS_MULTIPROC_DIR`), so it does not matter which of them is asked. `docker/observability/` has a dashboard and alarms.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import redis
from celery import signals
from django.conf import settings
from django.contrib.admindocs.views import simplify_regex
from django.db import connections
from django.http import HttpRequest, HttpResponse

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client as it is imported

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

#: Upper bounds of durations in seconds: a list's aim is 30 ms, a task's end ten minutes.
REQUEST_BUCKETS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60)
TASK_BUCKETS = (0.1, 1, 5, 15, 60, 300, 600)


def are_on() -> bool:
    """Whether metrics were asked for."""
    return os.environ.get("METRICS", "").lower() in ("1", "true", "on", "yes")


def prepare() -> None:
    """Make the folder that this process and its children share, and import what they count with. Called before any of them
    begins: a child that is forked while a scrape imports would wait for that import for ever.
    """
    if not are_on():
        return
    if not os.environ.get(_FOLDER):
        os.environ[_FOLDER] = tempfile.mkdtemp(prefix="relode-metrics-")
        os.environ["RELODE_METRICS_OWNER"] = str(os.getpid())
    import prometheus_client.core
    import prometheus_client.multiprocess  # noqa: F401

    counted()


def clear_away() -> None:
    """Remove the folder, if this process made it."""
    if os.environ.get("RELODE_METRICS_OWNER") == str(os.getpid()):
        shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)


def process_ended(pid: int) -> None:
    """What a process told of itself that lives no more, such as its connections, is told no more."""
    if are_on():
        from prometheus_client import multiprocess

        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


class _Counted:
    """What this process counts. Made once, before there are threads that could make it twice; not as this module is imported,
    which must cost nothing where all is off.
    """

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        self.requests = Counter("relode_requests", "Requests answered.", ["method", "route", "status"])
        self.request_seconds = Histogram(
            "relode_request_seconds", "Until a request was answered.", ["method", "route"], buckets=REQUEST_BUCKETS
        )
        self.tasks = Counter("relode_tasks", "Tasks that ended.", ["task", "outcome"])
        self.task_seconds = Histogram("relode_task_seconds", "Until a task ended.", ["task"], buckets=TASK_BUCKETS)
        self.pool = {
            measure: Gauge(f"relode_{measure}", text, ["database"], multiprocess_mode="livesum")
            for measure, text in (
                ("pool_size", "Connections to PostgreSQL that pools hold."),
                ("pool_available", "Connections of pools that nobody uses."),
                ("requests_waiting", "Who waits for a connection of a pool."),
            )
        }

    def look_at_pools(self) -> None:
        """Note how many connections this process has."""
        for connection in connections.all(initialized_only=True):
            pool = getattr(connection, "_connection_pools", {}).get(connection.alias)
            if pool is not None:
                measures = pool.get_stats()
                for measure, gauge in self.pool.items():
                    gauge.labels(connection.alias).set(measures[measure])


@cache
def counted() -> _Counted:
    """What this process counts."""
    return _Counted()


class MetricsMiddleware:
    """Count each request by its route, never by its address: there are as many of those as records."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        counted()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        began = time.perf_counter()
        response = self.get_response(request)
        route = _named(request.resolver_match.route) if request.resolver_match else "none"
        method = request.method if request.method in METHODS else "other"
        told = counted()
        told.requests.labels(method, route, response.status_code).inc()
        told.request_seconds.labels(method, route).observe(time.perf_counter() - began)
        told.look_at_pools()
        return response


@cache
def _named(route: str) -> str:
    """A route as people write it: `/api/v1/batteries/<pk>/`."""
    return simplify_regex(route)


_began: dict[str, float] = {}


def _task_begins(task_id: str = "", **_: Any) -> None:
    _began[task_id] = time.perf_counter()


def _task_ended(task_id: str = "", task: Any = None, state: str | None = None, **_: Any) -> None:
    seconds = time.perf_counter() - _began.pop(task_id, time.perf_counter())
    told = counted()
    told.tasks.labels(task.name, (state or "unknown").lower()).inc()
    told.task_seconds.labels(task.name).observe(seconds)
    told.look_at_pools()


def _task_refused(sender: Any = None, **_: Any) -> None:
    counted().tasks.labels(getattr(sender, "name", "unknown"), "revoked").inc()


def count_tasks() -> None:
    """Have the tasks of this worker counted, where metrics are on."""
    if are_on():
        signals.task_prerun.connect(_task_begins, weak=False)
        signals.task_postrun.connect(_task_ended, weak=False)
        signals.task_revoked.connect(_task_refused, weak=False)
        signals.worker_process_shutdown.connect(lambda pid=0, **_: process_ended(pid), weak=False)
        signals.worker_shutdown.connect(lambda **_: clear_away(), weak=False)


#: Records that await somebody's step, by what they are.
_PENDING = """
    SELECT 'pickups_requested', count(*) FROM collection_pickup WHERE status IN ('requested', 'failed')
    UNION ALL SELECT 'pickups_scheduled', count(*) FROM collection_pickup WHERE status = 'scheduled'
    UNION ALL SELECT 'findings', count(*) FROM collection_pickupfinding WHERE status = 'waiting'
    UNION ALL SELECT 'shipments_under_way', count(*) FROM collection_shipment WHERE status IN ('in_transit', 'arrived')
    UNION ALL SELECT 'discrepancies', count(*) FROM recycling_discrepancy WHERE status = 'open'
    UNION ALL SELECT 'contests_of_claims', count(*) FROM collection_claimcontest WHERE status IN ('open', 'answered')
    UNION ALL SELECT 'contests_overdue', count(*) FROM collection_claimcontest
        WHERE status IN ('open', 'answered') AND due_on < current_date
    UNION ALL SELECT 'reports_submitted', count(*) FROM recycling_eprreport WHERE status = 'submitted'
    UNION ALL SELECT 'months_to_tally', count(DISTINCT month) FROM recycling_tallydue
"""

#: How old what is computed is, in seconds: since the last utilization, since the first change that no tally has yet, since
#: the first change that no factor has yet, since the first report that was asked for and is not there.
_AGES = """
    SELECT 'utilization', extract(epoch FROM now() - max(finished_at))::float8 FROM recycling_utilizationrun WHERE status = 'done'
    UNION ALL SELECT 'tallies', coalesce(extract(epoch FROM now() - min(noted_at)), 0)::float8 FROM recycling_tallydue
    UNION ALL SELECT 'factors', coalesce(extract(epoch FROM now() - min(stale_since)), 0)::float8 FROM recycling_batch
        WHERE stale_since IS NOT NULL AND status = 'closed'
    UNION ALL SELECT 'reports', coalesce(extract(epoch FROM now() - min(requested_at)), 0)::float8 FROM recycling_eprreport
        WHERE status IN ('queued', 'computing')
"""

WAITING_KINDS = ("assignments", "factors", "forecasts", "imports", "mail", "reports", "utilization")
QUEUES = ("relode", "imports", "reports", "utilization")
PARTS = ("database", "broker", "worker", "beat")


class Books:
    """What the servers say when asked. Each question that fails leaves out its own answer, and no other."""

    def collect(self) -> Iterator[Any]:
        """The families of metrics."""
        from prometheus_client.core import GaugeMetricFamily

        from config import health

        states = {part: health.state_of(part) for part in PARTS}
        up = GaugeMetricFamily("relode_up", "Whether a part that Relode needs works.", labels=["part"])
        beats = GaugeMetricFamily("relode_heartbeat_age_seconds", "Since the last sign of life.", labels=["part"])
        for part, state in states.items():
            up.add_metric([part], float(state["status"] == "ok"))
            if "heartbeat_age_seconds" in state:
                beats.add_metric([part], state["heartbeat_age_seconds"])
        yield from (up, beats)
        with contextlib.suppress(psycopg.Error):
            yield from self._of_the_database(health.asked)
        with contextlib.suppress(redis.RedisError):
            yield from self._of_the_broker()

    def _of_the_database(self, ask: Callable[[str], list[tuple[Any, ...]]]) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        from recycling.queries.waiting import waiting

        number = GaugeMetricFamily("relode_waiting", "Work that waits for a worker.", labels=["kind"])
        seconds = GaugeMetricFamily("relode_waiting_seconds", "How long the oldest of it has.", labels=["kind"])
        found = {one.kind: one for one in waiting(ask)}
        for kind in WAITING_KINDS:
            number.add_metric([kind], found[kind].number if kind in found else 0)
            seconds.add_metric([kind], found[kind].seconds if kind in found else 0)
        pending = GaugeMetricFamily("relode_pending", "Records that await somebody's step.", labels=["record"])
        for record, rows in ask(_PENDING):
            pending.add_metric([record], rows)
        ages = GaugeMetricFamily("relode_age_seconds", "How old what is computed is.", labels=["of"])
        for what, age in ask(_AGES):
            if age is not None:
                ages.add_metric([what], age)
        yield from (number, seconds, pending, ages)

    def _of_the_broker(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        length = GaugeMetricFamily("relode_queue_length", "Messages that no worker has taken.", labels=["queue"])
        taken = GaugeMetricFamily("relode_queue_taken", "Messages that a worker has taken and not done.")
        with redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_timeout=3, socket_connect_timeout=3) as broker:
            for queue in QUEUES:
                length.add_metric([queue], float(broker.llen(queue)))
            taken.add_metric([], float(broker.hlen("unacked")))
        yield from (length, taken)


def page() -> bytes:
    """All metrics, as Prometheus reads them."""
    from prometheus_client import CollectorRegistry, generate_latest, multiprocess

    registry = CollectorRegistry()
    if Path(os.environ.get(_FOLDER, "")).is_dir():
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    if os.environ.get("RELODE_ROLE") != "worker":  # they are the same whoever tells them
        registry.register(Books())
    return bytes(generate_latest(registry))
