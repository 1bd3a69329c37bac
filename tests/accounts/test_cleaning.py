"""What is deleted by age, and what never is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery.app.task import Task
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone
from knox.models import AuthToken

from accounts.models import Command
from accounts.services import cleaning
from accounts.tasks.cleaning import clean as task
from collection.models import ImportRowError, ImportRun
from tests import records
from tests.refusals import state
from tests.world import World


def sessions(*ages: float) -> None:
    for number, days in enumerate(ages):
        Session.objects.create(
            session_key=f"k{number}", session_data="", expire_date=timezone.now() - timedelta(days=days)
        )


def test_what_has_had_its_time_is_deleted_and_nothing_else(world: World) -> None:
    user, now = world.user(world.recycler), timezone.now()
    run = records.import_run(world)
    kept = state()
    sessions(1, -1)
    for days in (-1, 1):
        token, _plain = AuthToken.objects.create(user)
        AuthToken.objects.filter(pk=token.pk).update(expiry=now + timedelta(days=days))
    for key, days in (("old", settings.KEEP_COMMANDS_DAYS + 1), ("new", settings.KEEP_COMMANDS_DAYS - 1)):
        Command.objects.create(user=user, key=key, fingerprint="x")
        Command.objects.filter(key=key).update(created_at=now - timedelta(days=days))
    ImportRowError.objects.create(run=run, line=1, message="x")
    assert cleaning.clean() == {"sessions": 1, "tokens": 1, "commands": 1, "import_errors": 0}, "a run that goes on"
    ImportRun.objects.filter(pk=run.pk).update(finished_at=now - timedelta(days=settings.KEEP_IMPORT_ERRORS_DAYS + 1))
    assert cleaning.clean() == {"sessions": 0, "tokens": 0, "commands": 0, "import_errors": 1}
    assert list(Session.objects.values_list("session_key", flat=True)) == ["k1"]
    assert list(Command.objects.values_list("key", flat=True)) == ["new"]
    ImportRun.objects.filter(pk=run.pk).update(finished_at=run.finished_at)
    Command.objects.all().delete()
    assert state() == kept, "nothing else is gone, the import least of all"


def test_in_pieces_and_within_its_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "PIECE", 2)
    sessions(*range(1, 6))
    assert cleaning.clean()["sessions"] == 5
    sessions(*range(1, 6))
    monkeypatch.setattr(cleaning, "MOST_SECONDS", 0.0)
    assert cleaning.clean()["sessions"] == 0 and Session.objects.count() == 5


def test_one_kind_that_fails_does_not_keep_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_before: Any) -> Any:
        raise LookupError("gone")

    broken = cleaning.Perishable("broken", lambda: 0, fails)
    monkeypatch.setattr(cleaning, "PERISHABLE", [broken, *cleaning.PERISHABLE])
    sessions(1)
    assert cleaning.clean()["sessions"] == 1


def test_it_is_asked_for_every_day() -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["cleaning"]
    run: Callable[..., Any] = task
    assert isinstance(run, Task) and entry["task"] == run.name
