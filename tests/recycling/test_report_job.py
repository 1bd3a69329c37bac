"""The job that computes reports: one worker has a report, and one that lost it writes nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from recycling.models import (
    EprReport,
    EprReportLine,
    EprReportProgress,
    ReportStatus,
)
from recycling.services import report_job
from recycling.services.report_evidence import FactorsOutOfDate
from tests.recycling.filing import asked, drafted
from tests.world import World


def silence() -> None:
    """Nobody has heard of any report for too long."""
    EprReportProgress.objects.update(heartbeat_at=timezone.now() - report_job.SILENCE - timedelta(seconds=1))


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
        silence()
        if ends is not None:
            raise ends

    monkeypatch.setattr(report_job.factors, "refresh", taken_away)
    assert not report_job.compute(report.pk)
    (other,) = taken
    assert other is not None
    found = EprReport.objects.get(pk=report.pk)
    assert (found.status, found.claimed_at, found.message) == (ReportStatus.COMPUTING, other.claimed_at, "")
    assert not EprReportLine.objects.exists()
    assert report_job.take_up_silent() == [report.pk], "the sign of life of a worker that lost the report counts"


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
