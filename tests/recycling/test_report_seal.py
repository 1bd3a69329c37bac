"""The job that seals what is submitted: one worker has a report, and either files all of it or gives it back."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from accounts.errors import Forbidden, Refused
from accounts.models import Role
from recycling.models import EprReport, EprReportProgress
from recycling.queries import report_proof
from recycling.services import report_job, report_seal, reports
from recycling.tasks import reports as tasks
from tests.recycling.filing import drafted, filed, sealed, shared_batch, submitting
from tests.recycling.test_report_job import silence
from tests.refusals import refused
from tests.world import World


def found(report: EprReport) -> EprReport:
    return EprReport.objects.get(pk=report.pk)


def test_a_submission_is_noted_and_then_sealed(world: World) -> None:
    shared_batch(world)
    draft = drafted(world)
    before, canonical = found(draft), b"".join(report_proof.canonical(draft))
    EprReport.objects.filter(pk=draft.pk).update(message="x")
    EprReportProgress.objects.update(percent=40, step="x")
    manager = world.actor(world.producer, Role.MANAGER)
    wished = reports.submit(actor=manager, report=draft)
    assert (wished.status, wished.message, wished.content_hash) == ("submitting", "", "")
    assert EprReportProgress.objects.values_list("percent", "step").get() == (0, "")
    report = sealed(wished)
    assert (report.status, report.content_hash) == ("submitted", report_proof.content_hash(before))
    assert (report.submitted_by, report.submitted_at) == (manager.user, wished.submitted_at)
    assert b"".join(report_proof.canonical(report)) == canonical
    assert EprReportProgress.objects.values_list("percent", "step").get() == (100, "")
    assert not report_seal.seal(report.pk)  # a message that comes twice
    assert found(report) == report


def test_a_submission_costs_the_same_however_much_it_is_of(world: World) -> None:
    """What grows with the evidence is the worker's."""

    def submit(report: EprReport) -> list[str]:
        actor = world.actor(world.producer, Role.MANAGER)
        with CaptureQueriesContext(connection) as queries:
            reports.submit(actor=actor, report=report)
        return [query["sql"] for query in queries]

    nothing = drafted(world, jurisdiction=world.nj)
    shared_batch(world)
    much = drafted(world)
    few = submit(nothing)
    assert len(submit(much)) == len(few)
    assert not any("recycling_eprevidence" in sql for sql in few)


def test_while_it_is_submitted_nothing_else_is_done_with_it(world: World) -> None:
    report, manager = submitting(world), world.actor(world.producer, Role.MANAGER)
    for _once_waiting_once_sealed in range(2):
        for verb in (reports.submit, reports.recompute, reports.withdraw):
            assert refused(Refused, verb, "report", actor=manager, report=report).code == "wrong_status"
        assert not report_job.compute(report.pk)
        assert report_seal.WORK.claim(report.pk) is None or found(report).status == "sealing"


@pytest.mark.parametrize("status", ["queued", "computing"])
def test_what_is_being_computed_is_not_submitted(world: World, status: str) -> None:
    report = drafted(world)
    reports.recompute(actor=world.actor(world.producer), report=report)
    if status == "computing":
        assert report_job.WORK.claim(report.pk) is not None
    manager = world.actor(world.producer, Role.MANAGER)
    assert refused(Refused, reports.submit, "report", actor=manager, report=report).code == "wrong_status"
    assert not report_seal.seal(report.pk)


def test_only_a_manager_of_the_producer_submits(world: World) -> None:
    report = drafted(world)
    for who, role in (
        (world.producer, Role.OPERATOR), (world.producer, Role.VIEWER), (world.other_producer, Role.MANAGER),
        (world.regulator, Role.MANAGER), (world.stranger, Role.MANAGER),
    ):  # fmt: skip
        refused(Forbidden, reports.submit, actor=world.actor(who, role), report=report)


# Workers that die


def test_a_report_that_is_claimed_was_heard_of(world: World) -> None:
    report = submitting(world)
    silence()
    claimed = report_seal.WORK.claim(report.pk)
    assert claimed is not None and claimed.status == "sealing"
    assert report_seal.WORK.take_up_silent() == []
    assert report_seal.WORK.claim(report.pk) is None and not report_seal.seal(report.pk)


def test_a_worker_killed_while_it_seals_leaves_nothing_half_filed(
    world: World, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    """After its last word; the sweep has another seal the report, and what it corrects stands until then."""
    original, manager = filed(world), world.actor(world.producer, Role.MANAGER)
    correction = reports.correct(actor=manager, report=original)
    assert report_job.compute(correction.pk)
    signed = reports.submit(actor=manager, report=correction)

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(report_seal, "_file", killed)
        with pytest.raises(KeyboardInterrupt):
            report_seal.seal(correction.pk)
    left = found(correction)
    assert (left.status, left.content_hash, found(original).status) == ("sealing", "", "submitted")
    sent: list[int] = []
    monkeypatch.setattr(tasks.seal_report, "delay", sent.append)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()
    assert sent == []
    silence()
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()
    assert sent == [correction.pk] and found(correction).status == "submitting"
    report = sealed(correction)
    assert (report.status, report.submitted_at) == ("submitted", signed.submitted_at)
    assert found(original).status == "superseded" and report_proof.verify(report).agrees


@pytest.mark.parametrize("ends", [None, RuntimeError, OperationalError, Refused])
def test_a_worker_that_lost_the_report_writes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, ends: type[Exception] | None
) -> None:
    report = submitting(world)
    taken: list[EprReport | None] = []
    verify = report_seal.verify

    def taken_away(*args: Any) -> Any:
        silence()
        assert report_seal.WORK.take_up_silent() == [report.pk]
        taken.append(report_seal.WORK.claim(report.pk))  # by another worker
        if ends is not None:
            raise ends("x")
        return verify(*args)

    monkeypatch.setattr(report_seal, "verify", taken_away)
    assert not report_seal.seal(report.pk)
    (other,) = taken
    assert other is not None
    left = found(report)
    assert (left.status, left.claimed_at, left.message) == ("sealing", other.claimed_at, "")
    assert (left.content_hash, left.submitted_at) == ("", report.submitted_at)


def test_a_worker_that_lost_a_correction_supersedes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    original, manager = filed(world), world.actor(world.producer, Role.MANAGER)
    correction = reports.correct(actor=manager, report=original)
    assert report_job.compute(correction.pk)
    reports.submit(actor=manager, report=correction)
    verify = report_seal.verify

    def taken_away(*args: Any) -> Any:
        silence()
        assert report_seal.WORK.take_up_silent() == [correction.pk]
        return verify(*args)

    monkeypatch.setattr(report_seal, "verify", taken_away)
    assert not report_seal.seal(correction.pk)
    assert (found(correction).status, found(original).status) == ("submitting", "submitted")


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (OperationalError("gone"), "submitting", "Interrupted; will be sealed again."),
        (Refused("No reason."), "draft", "No reason."),
        (KeyError("x"), "draft", "It could not be sealed (KeyError)."),
    ],
)
def test_what_is_interrupted_waits_again_and_what_cannot_be_filed_is_a_draft(
    world: World, monkeypatch: pytest.MonkeyPatch, error: Exception, status: str, message: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    report = submitting(world)
    monkeypatch.setattr(report_seal, "verify", fail)
    assert not report_seal.seal(report.pk)
    left = found(report)
    assert (left.status, left.message) == (status, message)
    signed = (report.submitted_at, report.submitted_by) if status == "submitting" else (None, None)
    assert (left.submitted_at, left.submitted_by) == signed
    if status == "submitting":
        silence()
        assert report_seal.WORK.take_up_silent() == [report.pk]
    else:
        reports.recompute(actor=world.actor(world.producer), report=left)
        assert report_job.compute(report.pk) and found(report).message == ""


def test_what_is_superseded_is_not_superseded_again(world: World) -> None:
    """Nor is its correction filed: it is given back, and says so."""
    original, manager = filed(world), world.actor(world.producer, Role.MANAGER)
    correction = reports.correct(actor=manager, report=original)
    assert report_job.compute(correction.pk)
    reports.submit(actor=manager, report=correction)
    EprReport.objects.filter(pk=original.pk).update(status="superseded")  # by a raw write: no service does
    assert not report_seal.seal(correction.pk)
    left = found(correction)
    assert left.status == "draft" and "superseded" in left.message


def test_how_far_it_is(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    shared_batch(world)
    report = submitting(world)
    monkeypatch.setattr(report_proof, "CHUNK", 5)
    told: list[int] = []
    report_proof.verify(report, told.append)
    assert told == sorted(told) and told[-1] == 100 and len(told) > 5


def test_what_waits_for_which_worker(
    world: World, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[tuple[str, int]] = []
    for name in ("compute_report", "seal_report"):
        monkeypatch.setattr(getattr(tasks, name), "delay", lambda pk, name=name: sent.append((name, pk)))
    draft = drafted(world)
    queued = reports.recompute(actor=world.actor(world.producer), report=draft)
    wished = submitting(world, jurisdiction=world.nj)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.enqueue(queued)
        tasks.enqueue(wished)
    assert sent == [("compute_report", queued.pk), ("seal_report", wished.pk)]
    tasks.seal_report(wished.pk)
    assert found(wished).status == "submitted"
