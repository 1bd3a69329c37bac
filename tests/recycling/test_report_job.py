"""The job that computes reports: one moment of the database, one worker at a time, and one that lost it writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from recycling.models import (
    BacklogSnapshot,
    EprReport,
    EprReportLine,
    EprReportProgress,
    Nameplate,
    ReportStatus,
    UtilizationSnapshot,
)
from recycling.services import report_job, utilization
from recycling.services.report_evidence import FactorsOutOfDate, gather
from tests.recycling.chain import at
from tests.recycling.filing import YEAR, asked, drafted, value
from tests.world import World, batteries_at, build


def silence() -> None:
    """Nobody has heard of any report for too long."""
    EprReportProgress.objects.update(heartbeat_at=timezone.now() - report_job.SILENCE - timedelta(seconds=1))


def elsewhere(act: Callable[[], Any]) -> Thread:
    """A thread that acts with a connection of its own."""

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = Thread(target=run)
    thread.start()
    return thread


def meanwhile(first: Callable[[], Any], second: Callable[[], Any]) -> Any:
    """What `second` answers, which starts when `first` has acted but not committed.

    `first` commits once the other waits for it, or has ended without: no sleeping, no luck.
    """
    answers: list[Any] = []
    with transaction.atomic():
        first()
        thread = elsewhere(lambda: answers.append(second()))
        while thread.is_alive() and not _somebody_waits_for_us():
            thread.join(0.01)
    thread.join()
    return answers[0]


def _somebody_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


# Who has it


def test_a_report_that_is_claimed_was_heard_of(world: World) -> None:
    """Else a sweep could take it away before its first sign of life, and show how far the last worker was."""
    report = asked(world)
    EprReportProgress.objects.update(percent=40, step="x")
    silence()
    claimed = report_job._claim(report.pk)
    assert claimed is not None and claimed.status == "computing" and claimed.claimed_at is not None
    assert report_job.take_up_silent() == []
    progress = EprReportProgress.objects.get(pk=report.pk)
    assert (progress.percent, progress.step) == (0, "")
    assert report_job._claim(report.pk) is None and not report_job.compute(report.pk)


def test_only_pending_reports_are_taken_up_and_once_in_a_silence(world: World) -> None:
    waiting, dead, done = asked(world), asked(world, jurisdiction=world.nj), drafted(world, jurisdiction=world.us)
    assert report_job._claim(dead.pk) is not None
    assert report_job.take_up_silent() == []
    silence()
    assert report_job.take_up_silent() == sorted([waiting.pk, dead.pk])
    assert report_job.take_up_silent() == []
    statuses = dict(EprReport.objects.values_list("pk", "status"))
    assert statuses == {waiting.pk: "queued", dead.pk: "queued", done.pk: "draft"}


@pytest.mark.parametrize("ends", [None, RuntimeError, OperationalError, FactorsOutOfDate])
def test_a_worker_that_lost_the_report_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, ends: type[Exception] | None
) -> None:
    report = asked(world)
    taken: list[EprReport | None] = []

    def taken_away() -> None:
        silence()
        assert report_job.take_up_silent() == [report.pk]
        taken.append(report_job._claim(report.pk))  # by another worker
        if ends is not None:
            raise ends

    monkeypatch.setattr(report_job.factors, "refresh", taken_away)
    assert not report_job.compute(report.pk)
    (other,) = taken
    assert other is not None
    found = EprReport.objects.get(pk=report.pk)
    assert (found.status, found.claimed_at, found.message) == (ReportStatus.COMPUTING, other.claimed_at, "")
    assert not EprReportLine.objects.exists()


@pytest.mark.parametrize(
    ("error", "status"), [(OperationalError, "queued"), (KeyError, "failed"), (FactorsOutOfDate, "queued")]
)
def test_an_interrupted_report_waits_again_and_a_wrong_one_fails(
    world: World, monkeypatch: pytest.MonkeyPatch, error: type[Exception], status: str
) -> None:
    tried: list[int] = []

    def fail(report: EprReport, tell: Any) -> bool:
        tried.append(report.pk)
        raise error

    report = asked(world)
    monkeypatch.setattr(report_job, "gather", fail)
    assert not report_job.compute(report.pk)
    report.refresh_from_db()
    assert report.status == status and report.message
    assert len(tried) == (report_job.ATTEMPTS if error is FactorsOutOfDate else 1)


# At the same time


@pytest.mark.django_db(transaction=True)
def test_one_report_is_claimed_by_one_worker() -> None:
    report = asked(build())
    assert meanwhile(lambda: report_job._claim(report.pk), lambda: report_job._claim(report.pk)) is None


@pytest.mark.django_db(transaction=True)
def test_a_report_tells_of_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever others do while it is computed."""
    w = build()
    report = asked(w)

    def slowly(report: EprReport, tell: Callable[[int, str], None]) -> bool:
        def tell_and_wait(percent: int, step: str) -> None:
            tell(percent, step)
            if percent == 20:  # market placements are gathered; batteries come next
                elsewhere(lambda: batteries_at(w, w.yard, 1, at=at(2025, 3, 1))).join()

        return gather(report, tell_and_wait)

    monkeypatch.setattr(report_job, "gather", slowly)
    assert report_job.compute(report.pk)
    assert w.yard.batteries.count() == 1 and value(report, "units_collected") == 0
    monkeypatch.undo()
    assert value(drafted(w, jurisdiction=w.us), "units_collected") == 1


@pytest.mark.django_db(transaction=True)
def test_runs_of_utilization_take_turns() -> None:
    """The second knows what was there when the first was done, so nothing newer is written over by something older."""
    w = build()
    first_day = YEAR[0]

    def compute() -> None:
        utilization._compute(first_day, first_day)

    def compute_and_change() -> None:
        compute()
        Nameplate.objects.filter(line=w.shredder).update(t_per_year=7300)

    meanwhile(compute_and_change, compute)
    assert UtilizationSnapshot.objects.get(line=w.shredder, day=first_day).nameplate_kg == 20_000


@pytest.mark.django_db(transaction=True)
def test_runs_take_turns_with_the_backlog_too() -> None:
    w = build()
    batteries_at(w, w.plant_site, 1)

    def compute_and_change() -> None:
        utilization._compute_backlog()
        batteries_at(w, w.plant_site, 1)

    meanwhile(compute_and_change, utilization._compute_backlog)
    assert BacklogSnapshot.objects.get(plant=w.plant, feed="batteries").waiting_kg == 800
