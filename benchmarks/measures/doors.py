"""Who asks, and how."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from celery.app.task import Task
from django.test import Client
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import User

API = "/api/v1"

#: What they see grows from top to bottom.
ROLES = {
    "recycler": "Bench recycler 1",
    "producer": "Bench producer 1",
    "state regulator": "Bench regulator US-CA",
    "US regulator": "Bench regulator US",
    "collector of all": "Bench collector",
    "superuser": "Bench superuser",
}


def user(role: str) -> User:
    found: User = User.objects.get(name=ROLES[role])
    return found


def client(who: User) -> APIClient:
    """A client of the API, with a token."""
    made = APIClient(SERVER_NAME="127.0.0.1")
    made.credentials(HTTP_AUTHORIZATION=f"Token {AuthToken.objects.create(who)[1]}")
    return made


def get(caller: Client, address: str) -> Any:
    answer = caller.get(address)
    assert answer.status_code == 200, (address, answer.content[:500])
    return answer


def post(caller: APIClient, address: str, body: dict[str, Any]) -> Any:
    answer = caller.post(f"{API}/{address}/", body, format="json")
    assert answer.status_code in (200, 201, 202), (address, answer.content[:500])
    return answer.json()


class Jobs:
    """Tasks that were sent and wait to be done here."""

    def __init__(self) -> None:
        self.sent: list[tuple[Any, Any, Any]] = []

    def work_off(self) -> None:
        while self.sent:
            task, args, options = self.sent.pop(0)
            task(*args, **options)


@contextmanager
def jobs_held() -> Iterator[Jobs]:
    """Keep what requests send to workers, to do it apart and measure it."""
    jobs = Jobs()

    def hold(task: Any, args: Any = (), kwargs: Any = None, **_options: Any) -> None:
        jobs.sent.append((task, args or (), kwargs or {}))

    with mock.patch.object(Task, "apply_async", hold):
        yield jobs
