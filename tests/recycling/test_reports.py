"""The life of an EPR report, and that nothing filed ever changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import Battery
from recycling.models import EprEvidence, EprOutcome, EprReport, EprReportLine, Outcome
from recycling.queries import epr, report_proof
from recycling.queries.reports import difference
from recycling.services import factors, placements, report_job, report_seal, reports
from tests.recycling.chain import at, process
from tests.recycling.filing import YEAR, asked, declared, drafted, filed, scheme, sealed, shared_batch, value
from tests.refusals import refused
from tests.world import World, batteries_at


def test_equal_requests_give_one_report(world: World) -> None:
    first = asked(world)
    assert asked(world) == first
    assert asked(world, jurisdiction=world.nj) != first
    report_job.compute(first.pk)
    assert asked(world).pk == first.pk
    assert not report_job.compute(first.pk)  # a message that comes twice


@pytest.mark.django_db(transaction=True)
def test_equal_requests_at_the_same_time_give_one_report(world: World) -> None:
    """Sixteen people ask at once; workers get the message sixteen times, two of them at the same time."""
    eu = scheme("eu_reference")
    reports_made: list[int] = []
    computed: list[bool] = []
    failures: list[BaseException] = []

    def at_once(act: Callable[[], None], number: int) -> None:
        def guarded() -> None:
            try:
                act()
            except BaseException as error:  # noqa: BLE001 - shown in the test's own thread
                failures.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=guarded) for _ in range(number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures

    at_once(lambda: reports_made.append(asked(world, eu).pk), 16)
    assert len(set(reports_made)) == 1 and EprReport.objects.count() == 1
    at_once(lambda: computed.append(report_job.compute(reports_made[0])), 4)
    assert sorted(computed, key=bool) == [None, None, None, True]


def test_requests_that_make_no_sense(world: World) -> None:
    eu, nj = scheme("eu_reference"), scheme("units", world.nj)
    arguments: dict[str, Any] = {
        "actor": world.actor(world.producer), "scheme": eu, "producer": world.producer, "period_start": YEAR[0],
        "period_end": YEAR[1],
    }  # fmt: skip
    refused(Invalid, reports.request, "jurisdiction", **arguments)
    refused(Invalid, reports.request, "jurisdiction", **{**arguments, "scheme": nj, "jurisdiction": world.nv})
    arguments["jurisdiction"] = world.nv
    refused(Invalid, reports.request, "period_end", **{**arguments, "period_end": date(2024, 12, 31)})
    refused(Invalid, reports.request, "period_end", **{**arguments, "period_end": date(9999, 12, 31)})
    refused(Forbidden, reports.request, **{**arguments, "actor": world.actor(world.other_producer)})
    refused(Forbidden, reports.request, **{**arguments, "actor": world.actor(world.producer, Role.VIEWER)})
    refused(
        Forbidden, reports.request,
        **{**arguments, "actor": world.actor(world.recycler), "producer": world.recycler},
    )  # fmt: skip


def test_who_may_file_and_decide(world: World) -> None:
    report = drafted(world)
    refused(Forbidden, reports.submit, actor=world.actor(world.producer), report=report)
    refused(Forbidden, reports.submit, actor=world.actor(world.other_producer, "manager"), report=report)
    regulator = world.actor(world.regulator, "manager")
    refused(Refused, reports.accept, "report", actor=regulator, report=report)
    manager = world.actor(world.producer, "manager")
    wished = reports.submit(actor=manager, report=report)
    refused(Refused, reports.accept, "report", actor=regulator, report=report)
    report = sealed(report)
    assert len(report.content_hash) == 64
    assert (report.submitted_by, report.submitted_at) == (manager.user, wished.submitted_at)
    refused(Forbidden, reports.accept, actor=world.actor(world.regulator), report=report)
    refused(Forbidden, reports.accept, actor=world.actor(world.producer, "manager"), report=report)
    refused(Invalid, reports.return_, "note", actor=regulator, report=report, note=" ")
    report = reports.accept(actor=world.actor(world.federal, "manager"), report=report)
    assert (report.status, report.decided_by) == ("accepted", world.user(world.federal, "manager"))
    refused(Refused, reports.return_, "report", actor=regulator, report=report, note="Too late.")
    elsewhere = filed(world, jurisdiction=world.nj)
    refused(Forbidden, reports.accept, actor=regulator, report=elsewhere)


def test_regulators_see_what_was_filed_only(world: World) -> None:
    report = drafted(world)
    regulator, stranger = world.user(world.regulator), world.user(world.stranger)
    models = (EprReport, EprReportLine, EprEvidence)
    batteries_at(world, world.yard, 1, at=at(2025, 3, 1))
    reports.recompute(actor=world.actor(world.producer), report=report)
    report_job.compute(report.pk)
    assert not any(model.objects.visible_to(regulator).exists() for model in models)
    submitted = reports.submit(actor=world.actor(world.producer, "manager"), report=report)
    assert not any(model.objects.visible_to(regulator).exists() for model in models)
    sealed(submitted)
    assert all(model.objects.visible_to(regulator).exists() for model in models)
    for other in (stranger, world.user(world.other_producer), world.user(world.recycler)):
        assert not any(model.objects.visible_to(other).exists() for model in models)


def test_a_period_must_be_over(world: World) -> None:
    report = drafted(world, period_start=date(2026, 1, 1), period_end=date(2030, 12, 31))
    refused(Refused, reports.submit, "period_end", actor=world.actor(world.producer, "manager"), report=report)


def test_withdrawn_and_asked_again(world: World) -> None:
    report = drafted(world)
    reports.withdraw(actor=world.actor(world.producer), report=report)
    refused(Refused, reports.submit, "report", actor=world.actor(world.producer, "manager"), report=report)
    assert asked(world) != report


# What was filed never changes


#: Part of a report, a column to set to itself, and a row to add.
PARTS = {
    "reportline": ("value", ("(report_id, position, metric, breakdown, family, method, decision, country, element,"
        " unit, rows, without_mass, target_status, target_source, note)"),
        "report_id, 9999, '', '', '', '', '', '', '', '', 0, 0, '', '', ''"),
    "evidence": ("mass_kg", "(report_id, fate, battery_id, occurred_on, country, method, decision, family)",
        "report_id, 'second_life', battery_id, occurred_on, '', '', '', ''"),
    "placement": ("units", "(report_id, placement_id, period_start, period_end, family, units, is_counted)",
        "report_id, placement_id + 1, period_start, period_end, '', 1, true"),
    "outcome": ("share", "(report_id, batch_id, element, became, facility_id, country, share)",
        "report_id, batch_id, 'Xx', 'lost', facility_id, '', 1"),
    "batch": ("chain", "(report_id, batch_id, chain, elements_taken, analysis, moisture, unknown_share, pure_share)",
        "report_id, batch_id + 1000000, '', '', '', 0, 0, 0"),
    "intensity": ("kg_per_kwh", "(report_id, composition_id, element, kg_per_kwh)",
        "report_id, composition_id, 'Xx', 1"),
    "site": ("country", "(report_id, facility_id, method, country)", "report_id, facility_id, 'x', country"),
}  # fmt: skip


def test_frozen_whatever_is_written(world: World) -> None:
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    report = filed(world)
    statements = [
        "UPDATE recycling_eprreport SET period_end = '2026-01-01' WHERE id = %(report)s",
        "UPDATE recycling_eprreport SET content_hash = 'x' WHERE id = %(report)s",
        "UPDATE recycling_eprreport SET status = 'draft' WHERE id = %(report)s",
        "DELETE FROM recycling_eprreport WHERE id = %(report)s",
    ]
    for part, (column, columns, values) in PARTS.items():
        table, rows = f"recycling_epr{part}", "WHERE report_id = %(report)s"
        statements += [
            f"UPDATE {table} SET {column} = {column} {rows}",
            f"DELETE FROM {table} {rows}",
            f"INSERT INTO {table} {columns} SELECT {values} FROM {table} {rows} LIMIT 1",
        ]
    for sql in statements:
        with (
            pytest.raises(DatabaseError, match=r"a filed report|Invalid transition"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(sql, {"report": report.pk})
    assert report_proof.verify(report).agrees


def test_recomputed_to_the_same_digits_from_what_was_known_then(world: World) -> None:
    packs = shared_batch(world)
    placement = declared(world, "q1", jurisdiction=world.nv)
    report = filed(world)
    before = list(report.lines.values())
    # Everything is corrected afterwards.
    Battery.objects.filter(pk__in=[p.pk for p in packs]).update(mass_value=1)
    placements.correct(actor=world.actor(world.producer), placement=placement, units=1)
    Outcome.objects.update(share=1)
    proof = report_proof.verify(EprReport.objects.get(pk=report.pk))
    assert proof.figures_agree and proof.hash_agrees and proof.content_hash == report.content_hash
    assert list(report.lines.values()) == before


def test_a_forged_draft_cannot_be_filed(world: World) -> None:
    shared_batch(world)
    report = drafted(world)
    EprReportLine.objects.filter(report=report, metric="units_charged", breakdown="").update(value=99)
    assert not report_proof.verify(report).figures_agree
    reports.submit(actor=world.actor(world.producer, "manager"), report=report)
    assert not report_seal.seal(report.pk)
    report.refresh_from_db()
    assert report.status == "draft" and "do not follow from the evidence" in report.message
    assert (report.submitted_at, report.submitted_by, report.content_hash) == (None, None, "")


def test_a_hash_changes_with_every_part(world: World) -> None:
    shared_batch(world)
    report = drafted(world)
    hashes = {report_proof.content_hash(report)}
    for model, fields in (
        (EprReportLine, {"note": "x"}), (EprEvidence, {"country": "MX"}), (EprOutcome, {"share": 1}),
    ):  # fmt: skip
        model.objects.filter(report=report).update(**fields)
        hashes.add(report_proof.content_hash(report))
    assert len(hashes) == 4


# Corrections, after what went wrong in a credit ledger: bcgov/tfrs 2888, 2895, 2901, 2953


def late_battery(world: World) -> None:
    batteries_at(world, world.yard, 1, at=at(2025, 7, 1))


@pytest.mark.parametrize("decision", ["none", "accepted", "returned"])
def test_a_correction_is_against_the_report_as_filed(world: World, decision: str) -> None:
    """Whatever was decided on the original: its figures are not added again, and nothing is assumed of it."""
    batteries_at(world, world.yard, 2, at=at(2025, 3, 1))
    original = filed(world)
    regulator = world.actor(world.regulator, "manager")
    if decision == "accepted":
        reports.accept(actor=regulator, report=original)
    elif decision == "returned":
        reports.return_(actor=regulator, report=original, note="One is missing.")
    late_battery(world)
    correction = reports.correct(actor=world.actor(world.producer), report=original)
    assert reports.correct(actor=world.actor(world.producer), report=original) == correction
    report_job.compute(correction.pk)
    correction.refresh_from_db()
    assert value(correction, "units_collected") == 3  # not 5, and not 1
    changes = {c.line.metric: c for c in difference(correction) if not c.line.breakdown}
    assert changes["units_collected"].delta == 1 and changes["units_collected"].is_changed
    assert changes["mass_collected"].delta == 400
    assert changes["units_charged"].delta == 0 and not changes["units_charged"].is_changed
    original.refresh_from_db()
    assert original.status == {"none": "submitted"}.get(decision, decision)  # it stands until then
    reports.submit(actor=world.actor(world.producer, "manager"), report=correction)
    original.refresh_from_db()
    assert original.status == {"none": "submitted"}.get(decision, decision)
    sealed(correction)
    original.refresh_from_db()
    assert original.status == "superseded"
    assert value(original, "units_collected") == 2
    assert report_proof.verify(original).agrees


def test_a_returned_correction_is_corrected_in_turn(world: World) -> None:
    original = filed(world)
    late_battery(world)
    first = reports.correct(actor=world.actor(world.producer), report=original)
    report_job.compute(first.pk)
    sealed(reports.submit(actor=world.actor(world.producer, "manager"), report=first))
    reports.return_(actor=world.actor(world.regulator, "manager"), report=first, note="Still one missing.")
    late_battery(world)
    error = refused(Refused, reports.correct, "report", actor=world.actor(world.producer), report=original)
    assert error.code == "wrong_status"
    second = reports.correct(actor=world.actor(world.producer), report=first)
    report_job.compute(second.pk)
    (change,) = [c for c in difference(second) if c.line.metric == "units_collected" and not c.line.breakdown]
    assert (change.filed.value, change.corrected.value, change.delta) == (1, 2, 1)


def test_a_withdrawn_correction_leaves_the_original_in_force(world: World) -> None:
    original = filed(world)
    correction = reports.correct(actor=world.actor(world.producer), report=original)
    report_job.compute(correction.pk)
    reports.withdraw(actor=world.actor(world.producer), report=correction)
    original.refresh_from_db()
    assert original.status == "submitted"
    error = refused(Refused, asked, world=world)
    assert error.code == "already_filed"


def test_a_correction_without_changes_says_so(world: World) -> None:
    shared_batch(world)
    original = filed(world)
    correction = reports.correct(actor=world.actor(world.producer), report=original)
    report_job.compute(correction.pk)
    changes = difference(correction)
    assert changes and not any(change.is_changed for change in changes)
    refused(Refused, difference, report=original)


# Set-based


def test_statements_do_not_grow_with_batteries(world: World) -> None:
    scheme("eu_reference", counts_by="placed")

    def statements(number: int, jurisdiction: Any) -> int:
        packs = batteries_at(world, world.plant_site, number, at=at(2025, 3, 1), placed_in=jurisdiction)
        process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
        factors.refresh()
        report = asked(world, jurisdiction=jurisdiction)
        with CaptureQueriesContext(connection) as queries:
            report_job.compute(report.pk)
            report = EprReport.objects.get(pk=report.pk)
            sealed(reports.submit(actor=world.actor(world.producer, "manager"), report=report))
            epr.totals_by_producer_and_jurisdiction(*YEAR)
        return len(queries)

    assert statements(2, world.nv) == statements(40, world.nj)
