"""Whose import is next, and what becomes of one that nobody wants any more."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts import pending
from accounts.errors import Refused
from accounts.models import Organization
from collection.imports import runs
from collection.imports.batteries import BatteryImporter
from collection.models import Battery, ImportRun, ImportStatus
from collection.services import imports
from tests.collection.sending import RUNS, plain, request
from tests.refusals import state
from tests.world import World


def of(world: World, organization: Organization, *numbers: str) -> ImportRun:
    run = request(world, plain(*numbers))
    ImportRun.objects.filter(pk=run.pk).update(organization=organization, requested_by=world.user(organization))
    return run


def test_one_organization_does_not_keep_all_workers(world: World, settings: Any) -> None:
    busy = [of(world, world.recycler, name) for name in "ABC"]
    other = of(world, world.yard_owner, "D")
    first, second, none = (imports.claim() for _worker in range(3))
    assert first is not None and second is not None and none is None
    assert (first.pk, second.pk) == (busy[0].pk, other.pk) and imports.is_any_waiting()
    settings.JOBS_AT_ONCE = 2
    late = of(world, world.collector, "E")
    following = [imports.claim() for _worker in range(3)]
    assert [run and run.pk for run in following] == [late.pk, busy[1].pk, None]
    imports.fail(first, "")
    assert getattr(imports.claim(), "pk", None) == busy[2].pk


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_not_both_take_the_last_place(world: World) -> None:
    for name in "ABCD":
        of(world, world.recycler, name)

    def claim(_number: int) -> object:
        try:
            return imports.claim()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        claimed = list(pool.map(claim, range(4)))
    assert sum(run is not None for run in claimed) == 1


def test_a_waiting_import_is_cancelled(world: World) -> None:
    run = request(world, plain("A"))
    before = state(but=RUNS)
    imports.cancel(actor=world.actor(run.organization), run=run)
    assert runs.execute(run.pk) is None
    run.refresh_from_db()
    assert (run.status, run.has_file, run.parts.count()) == (
        ImportStatus.CANCELLED,
        False,
        0,
    ) and "Cancelled by" in run.message
    assert state(but=RUNS) == before
    with pytest.raises(Refused):
        imports.cancel(actor=world.actor(run.organization), run=run)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("busy", ["in a statement", "reading"])
def test_a_running_import_stops_when_it_is_cancelled(world: World, monkeypatch: pytest.MonkeyPatch, busy: str) -> None:
    run = request(world, plain("A", "B"))
    begun = threading.Event()

    def sleep(self: BatteryImporter, faults: object) -> None:
        begun.set()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")

    def dawdle(cell: str) -> str:
        begun.set()
        time.sleep(0.05)
        return cell

    monkeypatch.setattr(runs, "BEAT", 0.02)
    if busy == "reading":
        run.parts.update(content=plain(*(f"S{number}" for number in range(5000))))
        monkeypatch.setattr("collection.imports.engine.STEP", 1)
        take = BatteryImporter.take
        monkeypatch.setattr(
            BatteryImporter, "take", lambda self, rows, faults: take(self, (dawdle(r) for r in rows), faults)  # type: ignore[arg-type]
        )  # fmt: skip
    else:
        monkeypatch.setattr(BatteryImporter, "check", sleep)

    def work() -> object:
        try:
            return runs.execute(run.pk)
        finally:
            connection.close()

    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        worker = pool.submit(work)
        assert begun.wait(30)
        imports.cancel(actor=world.actor(run.organization), run=run)
        assert worker.result(timeout=30) is None
    run.refresh_from_db()
    assert run.status == ImportStatus.CANCELLED and not Battery.objects.exists()
    assert time.monotonic() - began < 20


def test_the_work_of_a_killed_worker_is_taken_up_when_its_message_comes_back(world: World) -> None:
    run = request(world, plain("A"))
    assert imports.claim(run.pk) is not None
    again: list[Any] = []
    task = SimpleNamespace(
        request=SimpleNamespace(delivery_info={}), apply_async=lambda *args, **how: again.append((args, how))
    )
    take_up = imports.take_up_silent
    assert pending.after_loss(task, run.pk, 0, take_up) == [] and not again  # an ordinary message that came too late
    task.request.delivery_info["redelivered"] = True
    assert pending.after_loss(task, run.pk, 0, take_up) == []
    assert again == [(((run.pk,), {"looks": 1}), {"countdown": pending.BEAT})]
    ImportRun.objects.update(heartbeat_at=timezone.now() - pending.LOST)
    other = of(world, world.recycler, "B")
    ImportRun.objects.filter(pk=other.pk).update(heartbeat_at=None)
    assert pending.after_loss(task, run.pk, 1, take_up) == [run.pk]  # and nobody else's
    assert pending.after_loss(task, run.pk, pending.MOST_LOOKS, take_up) == [] and len(again) == 1
