"""What is deleted by age, and what never is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery.app.task import Task
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.errors import DomainError
from accounts.models import Command, Invitation, InvitationStatus, Mail, Role
from accounts.services import cleaning
from accounts.tasks.cleaning import clean as task
from collection.models import ImportRowError, ImportRun, PickupCode
from tests import records
from tests.filings import submitted_report
from tests.refusals import state
from tests.test_verbs import RECORDS
from tests.world import World

#: All that is ever deleted by age. Whoever adds to it says in `docs/operations.md` why nobody will miss it.
PERISHABLE = {Session, AuthToken, Command, Invitation, ImportRowError, PickupCode}


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
    gone = {"sessions": 1, "tokens": 1, "commands": 1, "invitations": 0, "import_errors": 0, "pickup_codes": 0}
    assert cleaning.clean() == gone, "a run that goes on"
    ImportRun.objects.filter(pk=run.pk).update(finished_at=now - timedelta(days=settings.KEEP_IMPORT_ERRORS_DAYS + 1))
    assert cleaning.clean() == dict.fromkeys(gone, 0) | {"import_errors": 1}
    assert list(Session.objects.values_list("session_key", flat=True)) == ["k1"]
    assert list(Command.objects.values_list("key", flat=True)) == ["new"]
    ImportRun.objects.filter(pk=run.pk).update(finished_at=run.finished_at)
    Command.objects.all().delete()
    assert state() == kept, "nothing else is gone, the import least of all"


def expired(world: World, days: float, status: str = InvitationStatus.OPEN) -> Invitation:
    """An invitation of its own that could be accepted until some days ago."""
    until = timezone.now() - timedelta(days=days)
    return Invitation.objects.create(
        organization=world.recycler, email=f"{status}{days}@example.com", invited_by=world.user(world.recycler),
        mailed_at=until - timedelta(days=7), expires_at=until, status=status,
        accepted_by=world.user(world.recycler) if status == InvitationStatus.ACCEPTED else None,
    )  # fmt: skip


def test_invitations_that_nobody_accepted(world: World) -> None:
    long, short = settings.KEEP_INVITATIONS_DAYS + 1, settings.KEEP_INVITATIONS_DAYS - 1
    kept = [expired(world, short), expired(world, -1), expired(world, long, InvitationStatus.ACCEPTED)]
    for status in (InvitationStatus.OPEN, InvitationStatus.WITHDRAWN):
        expired(world, long, status)
    assert cleaning.clean()["invitations"] == 2
    assert set(Invitation.objects.all()) == set(kept)


def test_codes_for_drivers(world: World) -> None:
    records.with_code(world)
    assert cleaning.clean()["pickup_codes"] == 0
    PickupCode.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert cleaning.clean()["pickup_codes"] == 1


def test_what_is_renewed_while_it_is_cleaned_stays(world: World) -> None:
    invitation = expired(world, settings.KEEP_INVITATIONS_DAYS + 1)

    def renewed_first(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith("DELETE") and "accounts_invitation" in sql:
            Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now() + timedelta(days=7))
        return execute(sql, *rest)

    with connection.execute_wrapper(renewed_first):
        assert cleaning.clean()["invitations"] == 0
    assert Invitation.objects.filter(pk=invitation.pk).exists()


@pytest.mark.parametrize("verb", ["resend", "withdraw"])
def test_an_invitation_that_is_deleted_while_it_is_sent_again(world: World, verb: str) -> None:
    """The request found it; by the time that it is its turn, it was cleaned away."""
    invitation = expired(world, settings.KEEP_INVITATIONS_DAYS + 1)
    client = APIClient()
    client.force_authenticate(world.user(world.recycler, Role.MANAGER))

    def cleaned_first(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "FOR NO KEY UPDATE" in sql:
            Invitation.objects.filter(pk=invitation.pk).delete()
        return execute(sql, *rest)

    with connection.execute_wrapper(cleaned_first):
        answer = client.post(f"/api/v1/invitations/{invitation.pk}/{verb}/")
    assert answer.status_code == 409 and answer.json()["errors"][0]["code"] == "gone", answer.content
    assert not Mail.objects.exists()


def test_books_reports_and_who_did_what_are_kept_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    submitted_report(world)
    for record in RECORDS.values():
        with contextlib.suppress(DomainError), transaction.atomic():  # a few are the same as those of another kind
            record(world)
    ImportRun.objects.update(finished_at=timezone.now())
    accepted = expired(world, 1, InvitationStatus.ACCEPTED)
    kept, later = state(but=tuple(PERISHABLE)), timezone.now() + timedelta(days=36_500)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert {kind.older(later).model for kind in cleaning.PERISHABLE} == PERISHABLE
    cleaning.clean()
    assert state(but=tuple(PERISHABLE)) == kept
    assert list(Invitation.objects.all()) == [accepted]


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
