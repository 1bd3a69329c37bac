"""What the API does while Valkey is away: everything but to let people log in."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.utils.module_loading import import_string
from rest_framework.test import APIClient
from rest_framework.views import APIView
from structlog.testing import capture_logs

from config.health import Heartbeat
from config.settings import base
from tests.refusals import state
from tests.world import World, requested_pickup

NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.fixture
def _throttled(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in production; the other tests send as much as they like."""
    classes = [import_string(name) for name in base.REST_FRAMEWORK["DEFAULT_THROTTLE_CLASSES"]]
    monkeypatch.setattr(APIView, "throttle_classes", classes)


@pytest.fixture
def _without_valkey(_throttled: None, world: World, settings: Any) -> None:
    settings.REDIS_URL = NOBODY_LISTENS
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": NOBODY_LISTENS}}


def of_collector(world: World) -> APIClient:
    client = APIClient()
    client.force_authenticate(world.user(world.collector))
    return client


@pytest.mark.usefixtures("_throttled")
def test_requests_are_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_string("accounts.api.throttling.UserThrottle"), "rate", "2/min", raising=False)
    client = of_collector(world)
    assert [client.get("/api/v1/me/").status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.usefixtures("_without_valkey")
def test_the_api_works_without_valkey(world: World) -> None:
    pickup = requested_pickup(world)
    client = of_collector(world)
    with capture_logs() as logs:
        assert client.get("/api/v1/pickups/").json()["results"][0]["id"] == pickup.pk
        answer = client.post(f"/api/v1/pickups/{pickup.pk}/cancel/", {"reason": "no truck"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert [entry["event"] for entry in logs].count("throttle_lost") == 2
    assert APIClient().get("/api/v1/pickups/").status_code == 401


@pytest.mark.usefixtures("_without_valkey")
def test_nobody_logs_in_without_valkey(world: World) -> None:
    user = world.user(world.collector)
    user.set_password("a long and lovely password")
    user.save()
    before = state()
    answer = APIClient().post("/api/v1/auth/login/", {"email": user.email, "password": "a long and lovely password"})
    assert answer.status_code == 503, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json" and answer.headers["Retry-After"]
    assert answer.json()["errors"][0]["code"] == "unavailable"
    assert state() == before


@pytest.mark.usefixtures("_without_valkey")
def test_a_worker_that_starts_without_valkey_does_not_die_of_its_first_heartbeat() -> None:
    """Its later ones are told by a timer, which goes on."""
    told: list[Any] = []
    worker = SimpleNamespace(timer=SimpleNamespace(call_repeatedly=lambda *entry, **_: told.append(entry)))
    Heartbeat(worker).start(worker)
    assert len(told) == 1
