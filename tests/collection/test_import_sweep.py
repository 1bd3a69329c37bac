"""Imports that nobody works on: what the sweep takes up, how often it sends, and what a broker that is down spoils."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerDown
from rest_framework.test import APIClient

from accounts import pending
from accounts.errors import Forbidden, Invalid
from accounts.models import Function
from collection.imports import runs
from collection.imports.batteries import BatteryImporter
from collection.imports.engine import IMPORTERS
from collection.models import IMPORTING_FUNCTIONS, Battery, Identifier, ImportRun, ImportStatus
from collection.services import imports
from collection.tasks import imports as tasks
from tests.collection.sending import plain, request
from tests.world import World


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the imports for which a message was sent."""
    ids: list[int] = []
    monkeypatch.setattr(tasks.run_import, "delay", ids.append)
    return ids


def silence(*wanted: ImportRun) -> None:
    """Nobody has heard of these imports for too long."""
    long_ago = timezone.now() - imports.SILENCE - timedelta(seconds=1)
    ImportRun.objects.filter(pk__in=[run.pk for run in wanted]).update(heartbeat_at=long_ago)


def test_what_the_sweep_takes_up(world: World) -> None:
    fresh, lost, running, abandoned, of_a_command, about_to_run = (request(world, plain(name)) for name in "ABCDEF")
    silence(running)  # until a worker took it
    for run in (running, abandoned, of_a_command):
        assert imports.claim(run.pk)
    silence(lost, abandoned, of_a_command, about_to_run)
    ImportRun.objects.filter(pk__in=[of_a_command.pk, about_to_run.pk]).update(
        has_file=False
    )  # its command has the file
    assert imports.take_up_silent() == [lost.pk, abandoned.pk]
    assert ImportRun.objects.get(pk=fresh.pk).status == ImportStatus.QUEUED
    assert ImportRun.objects.get(pk=running.pk).status == ImportStatus.RUNNING
    assert ImportRun.objects.get(pk=of_a_command.pk).status == ImportStatus.FAILED
    runs.execute(abandoned.pk)
    assert Identifier.objects.get().value == "D"


@pytest.mark.django_db(transaction=True)
def test_one_that_waits_is_sent_once_in_a_silence(world: World, sent: list[int]) -> None:
    run = request(world, plain("A"))
    tasks.sweep()
    assert sent == []  # it was sent when it was asked for
    silence(run)
    tasks.sweep()
    tasks.sweep()
    assert sent == [run.pk]
    silence(run)
    tasks.sweep()
    assert sent == [run.pk, run.pk]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_down_spoils_no_accepted_import(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(run_id: int) -> None:
        raise BrokerDown

    client = APIClient()
    client.force_authenticate(world.user(world.yard_owner))
    with monkeypatch.context() as broken:
        broken.setattr(tasks.run_import, "delay", fail)
        body = {"organization": world.yard_owner.pk, "kind": "batteries"}
        body["file"] = SimpleUploadedFile("list.csv", plain("A"))
        made = client.post("/api/v1/imports/", body, format="multipart")
    assert made.status_code == 201, made.data
    run = ImportRun.objects.get()
    silence(run)
    monkeypatch.setattr(tasks.run_import, "delay", tasks.run_import)  # a worker, at once
    tasks.sweep()
    run.refresh_from_db()
    assert (run.status, Battery.objects.count()) == (ImportStatus.DONE, 1)


@pytest.mark.django_db(transaction=True)
def test_the_heartbeat_goes_on_after_the_database_failed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the sweep would take a living import away."""
    run = request(world, plain("A"))
    write, failures = pending.Pulse._write, [OperationalError("gone"), OperationalError("gone")]
    heard, is_heard = 0, threading.Event()

    def fragile(pulse: pending.Pulse) -> None:
        nonlocal heard
        if failures:
            raise failures.pop()
        write(pulse)
        heard += 1
        if heard == 3:
            is_heard.set()

    def slowly(self, faults):
        assert is_heard.wait(10)
        return original(self, faults)

    original = BatteryImporter.check
    monkeypatch.setattr(BatteryImporter, "check", slowly)
    monkeypatch.setattr(pending.Pulse, "_write", fragile)
    monkeypatch.setattr(runs, "BEAT", 0.01)
    before = timezone.now()
    assert runs.execute(run.pk) is not None
    run.refresh_from_db()
    assert run.status == ImportStatus.DONE and run.heartbeat_at > before and not failures


@pytest.mark.django_db(transaction=True)
def test_four_workers_get_one_message(world: World) -> None:
    run = request(world, plain("A"))
    gate, claimed = threading.Barrier(4), []

    def claim() -> None:
        try:
            gate.wait(10)
            claimed.append(imports.claim(run.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=claim) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claimed) == 4 and sum(row is not None for row in claimed) == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_the_import_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = request(world, plain("A"))

    def by_another_worker() -> None:
        ImportRun.objects.update(status=ImportStatus.QUEUED)  # by hand: the sweep leaves it to whoever holds it
        assert imports.claim(run.pk) is not None
        connection.close()

    def taken_away(self, faults):
        other = threading.Thread(target=by_another_worker)
        other.start()
        other.join()
        return original(self, faults)

    original = BatteryImporter.check
    monkeypatch.setattr(BatteryImporter, "check", taken_away)
    assert runs.execute(run.pk) is None
    run.refresh_from_db()
    assert run.status == ImportStatus.RUNNING and run.has_file and not Battery.objects.exists()


# Who may


def test_every_kind_says_who_may_import_it_and_has_an_importer() -> None:
    assert set(IMPORTING_FUNCTIONS) == set(ImportRun.Kind) == set(IMPORTERS)
    assert all(Function.REGULATOR not in functions for functions in IMPORTING_FUNCTIONS.values())
    assert [kind for kind, functions in IMPORTING_FUNCTIONS.items() if not functions] == ["market_statistics"]


def test_the_service_knows_by_itself_who_may(world: World) -> None:
    """Whichever door it is asked through: nothing but the kind is said."""
    allowed = {
        "batteries": [world.yard_owner, world.producer, world.recycler],
        "collection_points": [world.yard_owner, world.producer, world.recycler],
        "market_placements": [world.producer],
        "intake_weighings": [world.recycler],
    }
    for kind, organizations in allowed.items():
        for organization in (world.yard_owner, world.producer, world.recycler, world.regulator):
            if organization in organizations:
                assert request(world, b"x", kind, organization).kind == kind
            else:
                with pytest.raises(Forbidden):
                    request(world, b"x", kind, organization)


def test_a_kind_that_nobody_declared_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(IMPORTING_FUNCTIONS, ImportRun.Kind.BATTERIES)
    for kind in ("elephants", "batteries"):
        with pytest.raises(Invalid):
            request(world, plain("A"), kind)
    assert not ImportRun.objects.exists()
