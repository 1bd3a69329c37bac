"""Whether Relode is alive, and whether it can do its work: for load balancers, orchestrators and people.

A worker is known to live by its heartbeat: the time, written to the cache every few seconds by the worker's own clock,
so that a worker busy with long tasks is not taken for a dead one.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import redis
from celery import bootsteps
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache

HEARTBEAT_SECONDS = 10
HEARTBEAT_LATE_SECONDS = 35  # three missed
_HEARTBEAT = "worker-heartbeat"


class Heartbeat(bootsteps.StartStopStep):
    """The part of a Celery worker that tells that it lives."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:
        """Tell now, and from now on."""
        self.entry = worker.timer.call_repeatedly(HEARTBEAT_SECONDS, _beat, priority=10)
        _beat()

    def stop(self, worker: Any) -> None:
        """Tell no longer."""
        self.entry.cancel()


def _beat() -> None:
    """Tell, if Valkey is there to be told: a worker that starts while it is away waits for it, as Celery does."""
    with contextlib.suppress(redis.RedisError):
        cache.set(_HEARTBEAT, time.time(), timeout=10 * HEARTBEAT_LATE_SECONDS)


@never_cache
def alive(request: HttpRequest) -> HttpResponse:
    """Answer as long as this process answers at all; asks nothing of any server."""
    return JsonResponse({"status": "ok"})


@never_cache
def ready(request: HttpRequest) -> HttpResponse:
    """Tell of each part that Relode needs whether it works; 503 if one does not."""
    parts = {"database": _state(_database), "broker": _state(_broker), "worker": _state(_worker)}
    works = all(part["status"] == "ok" for part in parts.values())
    return JsonResponse({"status": "ok" if works else "down", "components": parts}, status=200 if works else 503)


def _state(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {"status": "ok", **check()}
    except Exception as error:  # noqa: BLE001 - whatever a part raises, it is down
        return {"status": "down", "reason": type(error).__name__}  # the message could tell strangers addresses


def _database() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {}


def _broker() -> dict[str, Any]:
    with redis.Redis.from_url(settings.CELERY_BROKER_URL, socket_timeout=3, socket_connect_timeout=3) as client:
        client.ping()
    return {}


def _worker() -> dict[str, Any]:
    last = cache.get(_HEARTBEAT)
    if last is None:
        return {"status": "down", "reason": "NoHeartbeat"}
    age = round(time.time() - last, 1)
    return {"status": "ok" if age <= HEARTBEAT_LATE_SECONDS else "down", "heartbeat_age_seconds": age}
