"""Runs of utilization as pending work: who gets them, that they live while they are done, and how they may move."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from functools import partial

import pytest
from django.db import Error, OperationalError, connection, transaction
from django.utils import timezone

from accounts import pending
from recycling.models import UtilizationRun, UtilizationStatus
from recycling.services import utilization
from recycling.tasks import utilization as tasks
from tests.world import World


def asked(world: World) -> UtilizationRun:
    return utilization.request(actor=world.actor(world.recycler), from_day=date(2025, 1, 1), to_day=date(2025, 1, 31))


def silence() -> None:
    """Nobody has heard of any run for too long."""
    UtilizationRun.objects.update(heartbeat_at=timezone.now() - utilization.SILENCE - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (UtilizationStatus.QUEUED, UtilizationStatus.DONE),
        (UtilizationStatus.QUEUED, UtilizationStatus.FAILED),
        (UtilizationStatus.DONE, UtilizationStatus.QUEUED),
        (UtilizationStatus.DONE, UtilizationStatus.RUNNING),
        (UtilizationStatus.FAILED, UtilizationStatus.RUNNING),
    ],
)
def test_the_database_refuses_a_move_that_is_none(world: World, old: str, new: str) -> None:
    run = UtilizationRun.objects.create(from_day=date(2025, 1, 1), to_day=date(2025, 1, 2), status=old)
    with pytest.raises(Error, match="Invalid transition"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE recycling_utilizationrun SET status = %s WHERE id = %s", [new, run.pk])
    run.refresh_from_db()
    assert run.status == old


@pytest.mark.django_db(transaction=True)
def test_it_beats_within_a_chunk(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk may take longer than the silence after which a run is taken from its worker."""
    run = asked(world)

    def long_chunk(start: date, end: date) -> None:
        assert utilization.take_up_silent() == []  # a worker took it, however long it had waited
        for _silence in range(3):  # more often than the one beat with which it begins
            silence()
            for _moment in range(500):
                if UtilizationRun.objects.get(pk=run.pk).heartbeat_at > timezone.now() - timedelta(seconds=30):
                    break
                threading.Event().wait(0.01)
            assert utilization.take_up_silent() == []
        computed.append((start, end))

    computed: list[tuple[date, date]] = []
    monkeypatch.setattr(utilization, "_compute", long_chunk)
    monkeypatch.setattr(pending, "Pulse", partial(pending.Pulse, beat=0.01))
    silence()
    assert utilization.run(run.pk) and len(computed) == 1
    run.refresh_from_db()
    assert (run.status, run.progress) == (UtilizationStatus.DONE, 100)


@pytest.mark.django_db(transaction=True)
def test_a_message_that_comes_four_times_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = asked(world)
    gate, carried_out, computed = threading.Barrier(4), [], []
    monkeypatch.setattr(utilization, "_compute", lambda start, end: computed.append(start))

    def carry_out() -> None:
        try:
            gate.wait(10)
            carried_out.append(utilization.run(run.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=carry_out) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(carried_out, key=bool) == [None, None, None, True] and len(computed) == 1


@pytest.mark.parametrize("ends", [None, RuntimeError, OperationalError])
def test_a_worker_that_lost_the_run_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, ends: type[Exception] | None
) -> None:
    run = asked(world)

    def taken_away(start: date, end: date) -> None:
        silence()
        assert utilization.take_up_silent() == [run.pk]
        waiting = UtilizationRun.objects.filter(pk=run.pk, status=UtilizationStatus.QUEUED)
        assert pending.claim(waiting, status=UtilizationStatus.RUNNING, progress=7)  # by another worker
        if ends is not None:
            raise ends

    monkeypatch.setattr(utilization, "_compute", taken_away)
    assert not utilization.run(run.pk)
    run.refresh_from_db()
    assert (run.status, run.progress, run.message) == (UtilizationStatus.RUNNING, 7, "")


@pytest.mark.parametrize(
    ("error", "status"), [(OperationalError, UtilizationStatus.QUEUED), (KeyError, UtilizationStatus.FAILED)]
)
def test_an_interrupted_run_waits_again_and_a_wrong_one_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, error: type[Exception], status: str
) -> None:
    def fail(start: date, end: date) -> None:
        raise error

    run = asked(world)
    monkeypatch.setattr(utilization, "_compute", fail)
    assert not utilization.run(run.pk)
    run.refresh_from_db()
    assert run.status == status and run.message


@pytest.mark.django_db(transaction=True)
def test_one_that_waits_is_sent_once_in_a_silence(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.run_utilization, "delay", sent.append)
    run = asked(world)
    tasks.sweep()
    silence()
    tasks.sweep()
    tasks.sweep()
    assert sent == [run.pk]
