"""Whether Relode is alive, and whether it can do its work: for load balancers, orchestrators and people.

Workers and beat are known to live by their heartbeats: the time, written to the cache every few seconds by the clock of
each, so that a worker busy with long tasks is not taken for a dead one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psycopg
import redis
import structlog
from celery import bootsteps
from celery.beat import PersistentScheduler
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

from accounts.models.told import ACTS
from config import metrics
from recycling.queries.waiting import waiting

HEARTBEAT_SECONDS = 10
HEARTBEAT_LATE_SECONDS = 35  # three missed
_WORKER, _SCHEDULE = "worker-heartbeat", "beat-heartbeat"

log = structlog.get_logger(__name__)


class Heartbeat(bootsteps.StartStopStep):
    """The part of a Celery worker that tells that it lives, and sounds the alarm when beat does not."""

    requires = (
        "celery.worker.components:Timer",
        "celery.worker.components:Pool",  # has its children before there is a thread at the door: locks are forked, too
    )

    def start(self, worker: Any) -> None:
        """Tell now, and from now on."""
        port = int(os.environ.get("HEALTH_PORT", "0"))
        if port and metrics.are_on():
            serve(os.environ.get("HOST", "127.0.0.1"), port)
        self.since = time.time()
        self.entry = worker.timer.call_repeatedly(HEARTBEAT_SECONDS, self.tell, priority=10)
        self.tell()

    def stop(self, worker: Any) -> None:
        """Tell no longer."""
        self.entry.cancel()

    def tell(self) -> None:
        """That this worker lives."""
        _live(_WORKER)
        if time.time() - self.since > HEARTBEAT_LATE_SECONDS:  # beat had the time to start
            state = _state(_beat)
            if state["status"] != "ok":
                log.error("beat_lost", **{name: value for name, value in state.items() if name != "status"})


class Scheduler(PersistentScheduler):
    """Beat's schedule, which tells each time that it was gone through."""

    _told = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Send what is due; seconds until to look again."""
        seconds: float = super().tick(*args, **kwargs)
        if time.monotonic() - self._told > HEARTBEAT_SECONDS:
            self._told = time.monotonic()
            _live(_SCHEDULE)
        return min(seconds, HEARTBEAT_SECONDS)


def _live(who: str) -> None:
    try:
        cache.set(who, time.time(), timeout=10 * HEARTBEAT_LATE_SECONDS)
    except redis.RedisError as error:  # what holds heartbeats is away: the one who lives goes on
        log.warning("heartbeat_lost", who=who, error=str(error))


@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    """Answer as long as this process answers at all; asks nothing of any server."""
    return JsonResponse({"status": "ok"})


@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """Tell of each part that Relode needs whether it works; 503 if one does not.

    Work that waits too long is `late`: whoever answers requests is as ready as before.
    """
    parts = {part: state_of(part) for part in ("database", "broker", "worker", "beat", "work")}
    found = {part["status"] for part in parts.values()}
    status = next((word for word in ("down", "late") if word in found), "ok")
    return JsonResponse({"status": status, "components": parts}, status=503 if status == "down" else 200)


def serve(host: str, port: int) -> None:
    """Answer /healthz, /readyz and, if they are on, /metrics at a port of their own, on a thread of their own, for as long
    as this process lives.

    Where all threads that answer requests wait, an orchestrator would take the process for dead, and kill what waits.
    Processes share the port; each answers for itself.
    """
    server = _Server((host, port), _Door)
    threading.Thread(target=server.serve_forever, daemon=True, name="health").start()


class _Server(ThreadingHTTPServer):
    allow_reuse_port = True
    daemon_threads = True


class _Door(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        views = {"/healthz": alive, "/readyz": ready} | ({"/metrics": _metrics} if metrics.are_on() else {})
        view = views.get(self.path)
        answer: HttpResponse = view(HttpRequest()) if view else HttpResponse(status=404)
        connection.close()  # this thread ends with its answer
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer["Content-Type"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, *_: object) -> None:
        """Say nothing: they are asked every few seconds."""


def _metrics(request: HttpRequest) -> HttpResponse:
    return HttpResponse(metrics.page(), content_type="text/plain; version=0.0.4; charset=utf-8")


def state_of(part: str) -> dict[str, Any]:
    """What `/readyz` says of one part."""
    return _state({"database": _database, "broker": _broker, "worker": _worker, "beat": _beat, "work": _work}[part])


def _state(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"status": "ok", **check()}
    except Exception as error:  # noqa: BLE001 - whatever a part raises, it is down
        return {"status": "down", "reason": type(error).__name__}  # the message could tell strangers addresses


def asked(sql: str) -> list[tuple[Any, ...]]:
    """Rows, by a connection of its own: those of the pool may all be waiting for locks."""
    values = connection.get_connection_params()
    own = {
        name: value for name, value in values.items() if name not in ("pool", "cursor_factory", "context", "options")
    }
    with psycopg.connect(**own | {"connect_timeout": 3}) as server:
        server.execute("SET LOCAL statement_timeout = '3s'")
        server.execute("SELECT set_config('role', rolname, true) FROM pg_roles WHERE rolname = %s", [ACTS])
        return server.execute(sql).fetchall()


def _database() -> dict[str, Any]:
    asked("SELECT 1")
    return {}


def _broker() -> dict[str, Any]:
    with redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_timeout=3, socket_connect_timeout=3) as client:
        client.ping()
    return {}


def _worker() -> dict[str, Any]:
    return _heard_of(_WORKER)


def _beat() -> dict[str, Any]:
    return _heard_of(_SCHEDULE)


def _heard_of(who: str) -> dict[str, Any]:
    last = cache.get(who)
    if last is None:
        return {"status": "down", "reason": "NoHeartbeat"}
    age = round(time.time() - last, 1)
    return {"status": "ok" if age <= HEARTBEAT_LATE_SECONDS else "down", "heartbeat_age_seconds": age}


def _work() -> dict[str, Any]:
    try:
        late = {one.kind: round(one.seconds) for one in waiting(asked) if one.is_late}
    except psycopg.Error as error:  # whoever answers requests may be ready all the same
        return {"status": "late", "reason": type(error).__name__}
    return {"status": "late", "waiting_seconds": late} if late else {}
