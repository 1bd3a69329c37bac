"""The pulse of work that is done in the background: it outlives a database that fails, and loses no news."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from django.db import InterfaceError, OperationalError, transaction

from accounts.pending import Pulse, send


class Row:
    """In the place of rows of the database: what is told of them, and what happens when it is."""

    def __init__(self, *failures: type[Exception]) -> None:
        self.told: list[dict[str, object]] = []
        self._failures = list(failures)

    def update(self, **values: object) -> int:
        if self._failures:
            raise self._failures.pop(0)
        self.told.append({name: value for name, value in values.items() if name != "heartbeat_at"})
        return 1


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_it_beats_without_news() -> None:
    row = Row()
    with Pulse(row, beat=0.01):
        until(lambda: len(row.told) > 3)
    assert row.told[0] == {}


def test_it_looks_at_every_beat() -> None:
    row, rows_read = Row(), iter(range(10_000))
    with Pulse(row, beat=0.01, look=lambda: {"rows_read": next(rows_read)}):
        until(lambda: {"rows_read": 3} in row.told)


@pytest.mark.parametrize("failure", [OperationalError, InterfaceError])
def test_it_survives_a_database_that_fails(failure: type[Exception]) -> None:
    row = Row(failure, failure)
    with Pulse(row, beat=0.01) as pulse:
        pulse.tell(percent=40)
        until(lambda: {"percent": 40} in row.told)


def test_the_last_news_is_told() -> None:
    for _attempt in range(50):
        row = Row()
        with Pulse(row, beat=60) as pulse:
            pulse.tell(percent=100)
        assert row.told[-1] == {"percent": 100}


def test_an_end_between_two_beats_is_not_slept_over() -> None:
    """The work ends in the moment in which the thread has seen that there is more to do and looks for news."""

    class Late(threading.Event):
        def clear(self) -> None:
            if row.told:
                pulse._ended = True
                self.set()
            super().clear()

    row = Row()
    pulse = Pulse(row, beat=60)
    pulse._news = Late()
    began = time.monotonic()
    with pulse:
        until(lambda: row.told)
        pulse.tell(percent=40)
        assert pulse._thread is not None
        pulse._thread.join(5)
        assert not pulse._thread.is_alive()
    assert {"percent": 40} in row.told and time.monotonic() - began < 5


@pytest.mark.django_db
def test_inside_of_a_transaction_it_tells_through_it() -> None:
    row = Row()
    with Pulse(row) as pulse:
        pulse.tell(percent=40)
        assert row.told == [{"percent": 40}]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_undoes_nothing() -> None:
    sent: list[int] = []

    def deliver(row_id: int) -> None:
        if row_id == 1:
            raise ConnectionError
        sent.append(row_id)

    with transaction.atomic():
        send(deliver, 1, 2)
        assert sent == []  # nobody is told of what is not committed
    assert sent == [2]
