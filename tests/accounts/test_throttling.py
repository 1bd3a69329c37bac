"""How many requests one may send: counted in Valkey, by all processes together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.test import RequestFactory

from accounts.api.throttling import AnonymousThrottle, CountingThrottle, UserThrottle
from accounts.models import User


class Clock:
    """A time that tests set."""

    now = 6_000_000.0


class Throttle(CountingThrottle):
    """Ten a minute, whoever asks."""

    rate = "10/min"

    def timer(self) -> float:
        return Clock.now

    def get_cache_key(self, request: Any, view: Any) -> str | None:
        return str(request)


def asked(times: int, who: str = "somebody") -> list[bool]:
    return [Throttle().allow_request(who, None) for _ in range(times)]  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Clock, "now", 6_000_000.0)


def test_so_many_and_no_more() -> None:
    assert asked(12) == [True] * 10 + [False] * 2
    assert asked(1, "somebody else") == [True]


def test_those_who_ask_at_the_same_time_count_together() -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _number: asked(1)[0], range(60)))
    assert 0 < sum(answers) <= 10


def test_a_while_later_there_is_room_again() -> None:
    assert asked(10) == [True] * 10
    for seconds, room in ((60, 0), (6, 1), (6, 1), (48, 8), (60, 2), (120, 10)):
        Clock.now += seconds
        assert sum(asked(12)) == room, seconds


def test_what_is_refused_does_not_count() -> None:
    asked(10)
    asked(100)
    Clock.now += 60 + 30
    assert sum(asked(12)) == 5


def test_how_long_to_wait() -> None:
    asked(10)
    throttle = Throttle()
    assert not throttle.allow_request("somebody", None) and throttle.wait() == 60  # type: ignore[arg-type]
    Clock.now += 60
    assert not throttle.allow_request("somebody", None)  # type: ignore[arg-type]
    assert throttle.wait() == pytest.approx(6)
    Clock.now += 6
    assert throttle.allow_request("somebody", None)  # type: ignore[arg-type]


def test_who_is_throttled_as_whom(db: None) -> None:
    request: Any = RequestFactory().get("/")
    request.user = User(pk=7, email="a@b.example")
    assert AnonymousThrottle().get_cache_key(request, None) is None  # type: ignore[arg-type]
    assert str(UserThrottle().get_cache_key(request, None)).endswith("_7")  # type: ignore[arg-type]
