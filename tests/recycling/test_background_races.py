"""Workers at the same time: one claims a report, which tells of one moment; runs of utilization take turns."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.errors import Refused
from accounts.models import Role
from recycling.models import BacklogSnapshot, EprReport, Nameplate, UtilizationSnapshot
from recycling.queries import report_proof
from recycling.queries.report_figure import Figure
from recycling.queries.report_figures import figures
from recycling.services import report_job, report_seal, reports, utilization
from recycling.services.report_evidence import gather
from tests.recycling.chain import at
from tests.recycling.filing import YEAR, asked, drafted, submitting, value
from tests.world import batteries_at, build

pytestmark = pytest.mark.django_db(transaction=True)


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


def test_one_report_is_claimed_by_one_worker() -> None:
    report = asked(build())
    assert meanwhile(lambda: report_job.WORK.claim(report.pk), lambda: report_job.WORK.claim(report.pk)) is None


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


def test_a_proof_is_of_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A draft that is computed again while it is verified agrees with what it was."""
    w = build()
    report = drafted(w)

    def again() -> None:
        batteries_at(w, w.yard, 1, at=at(2025, 3, 1))
        reports.recompute(actor=w.actor(w.producer), report=report)
        assert report_job.compute(report.pk)

    def computed_again(report: EprReport) -> list[Figure]:
        found = figures(report)
        elsewhere(again).join()
        return found

    monkeypatch.setattr(report_proof, "figures", computed_again)
    assert report_proof.verify(report).figures_agree
    assert value(report, "units_collected") == 1


def test_one_report_is_sealed_by_one_worker() -> None:
    report = submitting(build())
    claim = report_seal.WORK.claim
    assert meanwhile(lambda: claim(report.pk), lambda: claim(report.pk)) is None


def test_submitted_twice_at_the_same_time_is_submitted_once() -> None:
    w = build()
    report, manager = drafted(w), w.actor(w.producer, Role.MANAGER)

    def submit() -> str:
        try:
            return reports.submit(actor=manager, report=report).status
        except Refused as refused:
            return refused.code

    assert meanwhile(submit, submit) == "wrong_status"
    assert report_seal.seal(report.pk) and not report_seal.seal(report.pk)


def test_a_draft_is_submitted_or_computed_again() -> None:
    """Whichever comes first."""
    w = build()
    report, manager = drafted(w), w.actor(w.producer, Role.MANAGER)

    def recompute() -> str:
        try:
            return reports.recompute(actor=manager, report=report).status
        except Refused as refused:
            return refused.code

    assert meanwhile(lambda: reports.submit(actor=manager, report=report), recompute) == "wrong_status"
    assert EprReport.objects.get(pk=report.pk).status == "submitting"


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


def test_runs_take_turns_with_the_backlog_too() -> None:
    w = build()
    batteries_at(w, w.plant_site, 1)

    def compute_and_change() -> None:
        utilization._compute_backlog()
        batteries_at(w, w.plant_site, 1)

    meanwhile(compute_and_change, utilization._compute_backlog)
    assert BacklogSnapshot.objects.get(plant=w.plant, feed="batteries").waiting_kg == 800
