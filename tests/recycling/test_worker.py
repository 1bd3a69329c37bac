"""A real worker on a real database and broker: killed in the middle, started again, it ends with the same figures."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.utils import timezone

from development import supervisor
from recycling.models import EprReport, EprReportProgress, Factor, ReportStatus
from recycling.queries import report_proof
from recycling.services import report_job, reports
from recycling.tasks.reports import compute_report
from recycling.tasks.sweep import sweep
from tests.recycling.filing import asked, shared_batch
from tests.world import build

SECONDS = 60


def wait_for(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline, "the worker did not come to it in time"
        time.sleep(0.05)


def figures(report: EprReport) -> list[dict[str, object]]:
    names = [f.attname for f in report.lines.model._meta.fields if f.attname not in ("id", "report_id")]
    return list(report.lines.order_by("position").values(*names))


def status(report: EprReport) -> str:
    return EprReport.objects.values_list("status", flat=True).get(pk=report.pk)


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_and_started_again(process_environment: dict[str, str], tmp_path: Path) -> None:
    world = build()
    shared_batch(world)
    # Uninterrupted, in this process.
    report = asked(world)
    assert report_job.compute(report.pk)
    undisturbed = figures(report)
    assert undisturbed
    reports.recompute(actor=world.actor(world.producer), report=report)
    Factor.objects.all().delete()  # so that the worker has the whole way to go
    with connection.cursor() as cursor:
        cursor.execute("UPDATE recycling_batch SET stale_since = now()")

    with (tmp_path / "worker.log").open("wb") as output:
        running = {"worker": True, "environment": process_environment, "output": output}
        with supervisor.running(**running) as children, transaction.atomic():  # type: ignore[arg-type]
            # Nobody can read inspections for now, so the worker gets stuck in the middle of the evidence.
            with connection.cursor() as cursor:
                cursor.execute("LOCK TABLE recycling_inspection IN ACCESS EXCLUSIVE MODE")
            compute_report.delay(report.pk)
            wait_for(lambda: EprReportProgress.objects.get(pk=report.pk).percent == 40)
            assert status(report) == ReportStatus.COMPUTING
            os.killpg(children["worker"].pid, signal.SIGKILL)
            children["worker"].wait()
        assert status(report) == ReportStatus.COMPUTING
        assert figures(report) == undisturbed  # the draft before is still there: replaced at once or not at all
        assert report.evidence.count() == 20

        # Its message is gone with the worker, as if lost by the broker. Time passes; the sweep takes the report up.
        EprReportProgress.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=2))
        with supervisor.running(**running):  # type: ignore[arg-type]
            sweep.delay()
            wait_for(lambda: status(report) == ReportStatus.DRAFT)
    assert figures(report) == undisturbed
    assert report_proof.verify(EprReport.objects.get(pk=report.pk)).agrees
    assert EprReportProgress.objects.get(pk=report.pk).percent == 100
