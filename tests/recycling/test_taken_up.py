"""Which pending rows the sweep takes up: those that have not ended, and of which nobody heard for too long or ever."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from recycling.models import UtilizationRun, UtilizationStatus
from recycling.services import utilization


def run(status: str, silent: timedelta | None) -> UtilizationRun:
    return UtilizationRun.objects.create(
        from_day=date(2025, 1, 1), to_day=date(2025, 1, 2), status=status,
        heartbeat_at=None if silent is None else timezone.now() - silent,
    )  # fmt: skip


def test_what_is_taken_up(db: None) -> None:
    long, short = utilization.SILENCE + timedelta(seconds=9), utilization.SILENCE - timedelta(seconds=9)
    runs = {
        (status, silent): run(status, silent) for status in UtilizationStatus for silent in (long, short, None)
    }  # fmt: skip
    open_ones = (UtilizationStatus.QUEUED, UtilizationStatus.RUNNING)
    silent = [row.pk for (status, silence), row in runs.items() if status in open_ones and silence != short]
    assert utilization.take_up_silent() == sorted(silent)
    assert set(UtilizationRun.objects.filter(pk__in=silent).values_list("status", flat=True)) == {"queued"}
    assert utilization.take_up_silent() == []
    for (status, silence), row in runs.items():
        if row.pk not in silent:
            was = row.heartbeat_at
            row.refresh_from_db()
            assert (row.status, row.heartbeat_at) == (status, was), silence


def test_a_run_is_claimed_with_the_time(db: None) -> None:
    """Else a worker that lost it could not tell its own claim from the next."""
    waiting = run(UtilizationStatus.QUEUED, timedelta(0))
    assert waiting.claimed_at is None and utilization.run(waiting.pk)
    waiting.refresh_from_db()
    assert waiting.claimed_at is not None and waiting.claimed_at <= timezone.now()


@pytest.mark.django_db(transaction=True)
def test_a_worker_passes_by_what_another_is_taking() -> None:
    """It neither takes it, too, nor waits for it."""
    waiting, outcomes = run(UtilizationStatus.QUEUED, timedelta(0)), []

    def carry_out() -> None:
        try:
            outcomes.append(utilization.run(waiting.pk))
        finally:
            connection.close()

    worker = threading.Thread(target=carry_out)
    with transaction.atomic():
        assert UtilizationRun.objects.select_for_update().get(pk=waiting.pk)
        worker.start()
        worker.join(5)
        passed_by = list(outcomes)
    worker.join()
    assert passed_by == [None]
