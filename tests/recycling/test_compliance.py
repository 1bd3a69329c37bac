"""What a producer reported: which of its reports it is shown, and in which order."""

from __future__ import annotations

from datetime import date

from accounts.models import Role
from recycling.models import EprReport, ReportStatus
from recycling.queries import compliance
from recycling.services import report_job, reports
from tests.recycling.filing import asked, drafted, filed, scheme, sealed
from tests.world import World

SPRING = {"period_start": date(2025, 1, 1), "period_end": date(2025, 3, 31)}


def corrected(world: World, report: EprReport) -> EprReport:
    correction = reports.correct(actor=world.actor(world.producer), report=report)
    assert report_job.compute(correction.pk)
    return sealed(reports.submit(actor=world.actor(world.producer, Role.MANAGER), report=correction))


def test_a_producer_sees_its_own_reports_that_count(world: World) -> None:
    """Those that need something first; neither what was replaced nor what was given up."""
    of = scheme("units", world.nj)
    first = filed(world, of, jurisdiction=None)
    second = corrected(world, first)
    given_up = drafted(world, of, jurisdiction=None, **SPRING)
    reports.withdraw(actor=world.actor(world.producer), report=given_up)
    reports.return_(actor=world.actor(world.federal, Role.MANAGER), report=second, note="Too few.")
    other = filed(world, of, jurisdiction=None, **SPRING)
    draft = asked(world, of, jurisdiction=None, period_start=date(2025, 4, 1), period_end=date(2025, 6, 30))
    asked(world, of, jurisdiction=None, producer=world.other_producer)
    listing = compliance.own_reports(world.user(world.producer))
    assert [(row.report, row.status) for row in listing.rows] == [
        (draft.pk, ReportStatus.QUEUED),
        (second.pk, ReportStatus.RETURNED),
        (other.pk, ReportStatus.SUBMITTED),
    ]
    assert listing.total == 3
    assert [(row.decision_note, row.percent) for row in listing.rows] == [("", 0), ("Too few.", None), ("", None)]
