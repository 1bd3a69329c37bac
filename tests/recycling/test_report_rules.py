"""Edges of reports: when a period is over, in which status what may be done, what proof there is, and corrections."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.utils import timezone

from accounts.errors import Invalid, Refused
from accounts.models import Role
from recycling.models import EprReport, EprReportLine, EprReportProgress, ReportStatus
from recycling.queries.report_proof import content_hash, verify
from recycling.queries.reports import Change
from recycling.services import report_job, report_seal, reports
from recycling.services.report_work import SILENCE
from tests.recycling.filing import YEAR, asked, drafted, filed, scheme, sealed
from tests.refusals import refused
from tests.world import World


def report_in(world: World, status: str, **fields: Any) -> EprReport:
    """A report that has `status`, however it came to it."""
    user, now = world.user(world.producer), timezone.now()
    return EprReport.objects.create(
        **{
            "scheme": fields.get("scheme") or scheme("eu_reference"), "producer": world.producer,
            "jurisdiction": world.nv, "period_start": YEAR[0], "period_end": YEAR[1], "requested_by": user,
            "status": status, "content_hash": "x", "submitted_at": now, "submitted_by": user, "decided_at": now,
            "decided_by": user, **fields,
        }
    )  # fmt: skip


YESTERDAY = timezone.now() - timedelta(days=1)


def progress_of(report: EprReport) -> tuple[int, str]:
    return EprReportProgress.objects.values_list("percent", "step").get(pk=report.pk)


# When, and in which status


@pytest.mark.parametrize(
    ("moment", "is_over"),
    [
        (datetime(2026, 1, 1, 7, 59, tzinfo=UTC), False),  # 31 December in Nevada, though no more in UTC
        (datetime(2026, 1, 1, 8, 0, tzinfo=UTC), True),
    ],
)
def test_a_period_is_over_after_its_last_day_in_its_jurisdiction(
    world: World, monkeypatch: pytest.MonkeyPatch, moment: datetime, is_over: bool
) -> None:
    report, actor = drafted(world), world.actor(world.producer, Role.MANAGER)
    monkeypatch.setattr(timezone, "now", lambda: moment)
    if is_over:
        assert reports.submit(actor=actor, report=report).submitted_at == moment
    else:
        assert refused(Refused, reports.submit, "period_end", actor=actor, report=report).code == "period_not_over"


#: In which status each verb may be done.
ALLOWED: dict[str, set[str]] = {
    "recompute": {"draft", "failed"},
    "submit": {"draft"},
    "accept": {"submitted"},
    "return_": {"submitted"},
    "correct": {"submitted", "accepted", "returned"},
    "withdraw": {"draft", "failed"},
}


def test_what_may_be_done_in_which_status(world: World) -> None:
    eu = scheme("eu_reference")
    for verb, allowed in ALLOWED.items():
        who = world.regulator if verb in ("accept", "return_") else world.producer
        arguments = {"note": "Incomplete."} if verb == "return_" else {}
        for status in ReportStatus.values:
            with transaction.atomic():
                report = report_in(world, status, scheme=eu)
                try:
                    getattr(reports, verb)(actor=world.actor(who, Role.MANAGER), report=report, **arguments)
                    code = "done"
                except Refused as error:
                    code = error.code
                transaction.set_rollback(True)
            assert code == ("done" if status in allowed else "wrong_status"), (verb, status)


def test_only_what_a_service_does_moves_a_report(world: World) -> None:
    """A status that is written by hand follows no other than these, says the database."""
    moves = {
        "queued": {"computing", "failed"}, "computing": {"queued", "draft", "failed"}, "failed": {"queued", "withdrawn"},
        "draft": {"queued", "submitting", "withdrawn"}, "submitting": {"sealing"},
        "sealing": {"submitting", "submitted", "draft"}, "submitted": {"accepted", "returned", "superseded"},
        "accepted": {"superseded"}, "returned": {"superseded"}, "superseded": set(), "withdrawn": set(),
    }  # fmt: skip
    eu = scheme("eu_reference")
    for status, then in moves.items():
        found = set()
        with transaction.atomic():
            report = report_in(world, status, scheme=eu)
            for other in set(ReportStatus.values) - {status}:
                try:
                    with transaction.atomic():
                        EprReport.objects.filter(pk=report.pk).update(status=other)
                        found.add(other)
                        transaction.set_rollback(True)
                except Error as error:
                    assert "Invalid transition" in str(error)  # noqa: PT017 - the others are legal
            transaction.set_rollback(True)
        assert found == then, status


def test_a_decision_says_why_and_who(world: World) -> None:
    report, regulator = filed(world), world.actor(world.regulator, Role.MANAGER)
    about: dict[str, Any] = {"actor": regulator, "report": report}
    refused(Invalid, reports.return_, "note", **about, note=" \n")
    refused(Invalid, reports.return_, "note", **about, note="x" * (reports.LONGEST_NOTE + 1))
    refused(Invalid, reports.accept, "note", **about, note="x" * (reports.LONGEST_NOTE + 1))
    returned = reports.return_(**about, note="x" * reports.LONGEST_NOTE)
    assert (returned.status, len(returned.decision_note)) == ("returned", reports.LONGEST_NOTE)
    assert returned.decided_by == regulator.user and returned.decided_at is not None


def test_a_period_has_ten_years_at_most(world: World) -> None:
    longest = timedelta(days=10 * 366)
    scheme("eu_reference")
    refused(Invalid, lambda: asked(world, period_end=YEAR[0] + longest + timedelta(days=1)), "period_end")
    assert asked(world, period_end=YEAR[0] + longest).period_end == YEAR[0] + longest
    assert asked(world, period_end=YEAR[0]).period_end == YEAR[0]


def test_only_a_producer_reports(world: World) -> None:
    """Not even the platform reports for somebody who produces nothing."""
    platform = world.actor(world.recycler)
    platform.user.is_superuser = True
    eu = scheme("eu_reference")
    refused(
        Invalid, reports.request, "producer", actor=platform, scheme=eu, producer=world.recycler, period_start=YEAR[0],
        period_end=YEAR[1], jurisdiction=world.nv,
    )  # fmt: skip


# Computed again


def test_computed_again_begins_at_nothing(world: World) -> None:
    report = drafted(world)
    EprReportProgress.objects.filter(pk=report.pk).update(
        percent=40, step="x", heartbeat_at=timezone.now() - 2 * SILENCE
    )
    EprReport.objects.filter(pk=report.pk).update(message="x")
    again = reports.recompute(actor=world.actor(world.producer), report=report)
    assert (again.status, again.message, progress_of(report)) == ("queued", "", (0, ""))
    assert report_job.WORK.take_up_silent() == []  # it was heard of just now


# What is proven


@pytest.mark.parametrize("change", ["one too many", "one too few", "two changed places"])
def test_lines_are_those_that_follow_and_no_others(world: World, change: str) -> None:
    report = drafted(world)
    first, second = report.lines.order_by("position")[:2]
    if change == "one too many":
        newest = report.lines.order_by("-position")[0]
        EprReportLine.objects.create(report=report, position=newest.position + 1, metric="units_placed", unit="units")
    elif change == "one too few":
        first.delete()
    else:
        for line, position in ((first, 9999), (second, 1), (first, 2)):
            EprReportLine.objects.filter(pk=line.pk).update(position=position)
    found = verify(report)
    assert not found.figures_agree and not found.agrees
    assert len(found.differing) == (change == "one too few")
    reports.submit(actor=world.actor(world.producer, Role.MANAGER), report=report)
    assert not report_seal.seal(report.pk)
    report.refresh_from_db()
    assert report.status == "draft" and "compute them again" in report.message


def test_a_filed_report_is_as_it_was_filed(world: World) -> None:
    report = filed(world)
    assert report.content_hash == content_hash(report) and verify(report).agrees
    report.content_hash = "0" * 64
    assert verify(report).figures_agree and not verify(report).agrees
    report.content_hash = ""
    assert verify(report).hash_agrees is None and verify(report).agrees  # a draft has none


# Corrections


def change(filed_value: str | None, corrected_value: str | None) -> Decimal | None:
    one, other = (
        EprReportLine(value=None if value is None else Decimal(value)) for value in (filed_value, corrected_value)
    )
    return Change(one, other).delta


def test_an_unknown_value_is_not_nothing() -> None:
    """A line that is not there is: then there was nothing to report."""
    assert change("1", "3") == 2
    assert change(None, "3") is None
    assert change("1", None) is None
    line = EprReportLine(value=Decimal(3))
    assert (Change(None, line).delta, Change(line, None).delta) == (3, -3)


def slipped_in(world: World, report: EprReport) -> EprReport:
    """A draft of the same, asked for in the very moment in which `report` was filed."""
    second = EprReport.objects.create(
        scheme=report.scheme, producer=report.producer, jurisdiction=report.jurisdiction, requested_by=report.requested_by,
        period_start=report.period_start, period_end=report.period_end,
    )  # fmt: skip
    assert report_job.compute(second.pk)
    return EprReport.objects.get(pk=second.pk)


def test_one_report_is_in_force(world: World) -> None:
    second = slipped_in(world, filed(world))
    manager = world.actor(world.producer, Role.MANAGER)
    assert refused(Refused, reports.submit, actor=manager, report=second).code == "already_filed"
    rows = EprReport.objects.filter(pk=second.pk)
    rows.update(status="submitting", submitted_at=YESTERDAY, submitted_by=manager.user)
    rows.update(status="sealing")
    with pytest.raises(Error, match="epr_reports_in_force_apart"), transaction.atomic():
        rows.update(status="submitted", content_hash="x")
    rows.update(status="submitting")
    assert not report_seal.seal(second.pk)
    second.refresh_from_db()
    assert (second.status, second.message) == ("draft", "It could not be sealed (IntegrityError).")


def test_an_open_report_that_corrects_another_is_not_the_correction(world: World) -> None:
    report = filed(world)
    second = slipped_in(world, report)
    actor = world.actor(world.producer)
    assert refused(Refused, reports.correct, actor=actor, report=report).code == "open_report"
    reports.withdraw(actor=actor, report=second)
    correction = reports.correct(actor=actor, report=report)
    assert correction.supersedes == report and reports.correct(actor=actor, report=report) == correction


def test_a_correction_supersedes_in_the_moment_of_its_filing(world: World) -> None:
    report, actor = filed(world), world.actor(world.producer, Role.MANAGER)
    correction = reports.correct(actor=actor, report=report)
    assert report_job.compute(correction.pk)
    correction.refresh_from_db()
    EprReportLine.objects.filter(report=correction, position=1).update(value=99)
    reports.submit(actor=actor, report=correction)
    assert not report_seal.seal(correction.pk)
    assert EprReport.objects.get(pk=report.pk).status == "submitted"
    reports.recompute(actor=actor, report=correction)
    assert report_job.compute(correction.pk)
    reports.submit(actor=actor, report=correction)
    assert EprReport.objects.get(pk=report.pk).status == "submitted"
    sealed(correction)
    assert EprReport.objects.get(pk=report.pk).status == "superseded"


@pytest.mark.parametrize("status", ["submitting", "sealing"])
def test_what_is_being_submitted_is_what_was_signed(world: World, status: str) -> None:
    """By a raw write of what is hashed, or of who signed it: he only is let go with the report."""
    report = report_in(world, status)
    rows = EprReport.objects.filter(pk=report.pk)
    changes: tuple[dict[str, Any], ...] = (
        {"period_end": YEAR[0]}, {"computed_at": YESTERDAY}, {"is_simulated": True}, {"submitted_at": YESTERDAY},
        {"submitted_by": world.user(world.producer, Role.MANAGER)},
    )  # fmt: skip
    for change in changes:
        with pytest.raises(Error, match="a filed report never changes"), transaction.atomic():
            rows.update(**change)
    with pytest.raises(Error, match="a filed report never changes"), transaction.atomic():
        EprReportLine.objects.create(report=report, position=1, metric="units_placed", unit="units")
    with pytest.raises(Error, match="a filed report is kept"), transaction.atomic():
        rows.delete()
    rows.update(content_hash="y", message="y", claimed_at=YESTERDAY)
    if status == "sealing":
        with pytest.raises(Error, match="a filed report never changes"), transaction.atomic():
            rows.update(status="draft", period_end=YEAR[0])
        rows.update(status="draft", submitted_at=None, submitted_by=None)


@pytest.mark.parametrize("status", ["submitting", "sealing"])
@pytest.mark.parametrize("unsigned", ["submitted_at", "submitted_by"])
def test_what_is_being_submitted_is_signed(world: World, status: str, unsigned: str) -> None:
    with pytest.raises(Error, match="epr_report_submission_is_signed"), transaction.atomic():
        report_in(world, status, **{unsigned: None})


def test_what_is_being_submitted_is_the_open_report_of_its_period(world: World) -> None:
    """Who asks for it, or for the correction that it is, finds it."""
    original, actor = filed(world), world.actor(world.producer, Role.MANAGER)
    correction = reports.correct(actor=actor, report=original)
    assert report_job.compute(correction.pk)
    reports.submit(actor=actor, report=correction)
    for working in (False, True):
        if working:
            assert report_seal.WORK.claim(correction.pk) is not None
        assert reports.correct(actor=actor, report=original) == correction
        with pytest.raises(Error, match="epr_report_one_open"), transaction.atomic():
            report_in(world, "queued", scheme=original.scheme)


@pytest.mark.parametrize("status", ["submitted", "accepted", "returned", "superseded"])
def test_filed_is_frozen_whatever_became_of_it(world: World, status: str) -> None:
    """By a raw write of anything but what a regulator says."""
    report = report_in(world, status)
    for column, value in (("period_end", "'2026-01-01'"), ("content_hash", "'y'"), ("submitted_at", "now()")):
        with (
            pytest.raises(Error, match="a filed report never changes"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"UPDATE recycling_eprreport SET {column} = {value} WHERE id = %s", [report.pk])
    with pytest.raises(Error, match="a filed report never changes"), transaction.atomic():
        EprReportLine.objects.create(report=report, position=1, metric="units_placed", unit="units")
    with pytest.raises(Error, match="a filed report is kept"), transaction.atomic():
        EprReport.objects.filter(pk=report.pk).delete()
