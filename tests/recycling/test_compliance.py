"""Who owes which report: what was placed on the market where and when, and which of several reports counts."""

from __future__ import annotations

from datetime import date
from typing import Any

from accounts.models import Role
from accounts.services.platform import platform_actor
from recycling.models import EprReport, EprScheme, ReportStatus
from recycling.queries import compliance
from recycling.queries.compliance import Duty
from recycling.services import report_job, reports
from tests.recycling.filing import asked, declared, drafted, filed, scheme, sealed
from tests.world import World

SPRING = {"period_start": date(2025, 1, 1), "period_end": date(2025, 3, 31)}


def binding(world: World, place: Any, code: str = "", **fields: Any) -> EprScheme:
    of = scheme("units", place)
    for name, value in {"code": code or of.code, "legal_status": "binding", **fields}.items():
        setattr(of, name, value)
    of.save()
    return of


def duties(world: World, year: int = 2025) -> list[tuple[str, str, int, str]]:
    """Of the federal regulator, who oversees all of the country."""
    found: list[Duty] = compliance.duties(world.user(world.federal), year)
    return [(duty.producer_name, duty.jurisdiction, duty.units_placed, duty.status) for duty in found]


def test_what_was_placed_within_the_year_obliges(world: World) -> None:
    """Not what reaches into the next year, nor what began in the year before."""
    binding(world, world.nj)
    declared(world, "over", period_start=date(2025, 12, 1), period_end=date(2026, 1, 31))
    declared(world, "before", period_start=date(2024, 12, 1), period_end=date(2025, 1, 31))
    assert duties(world) == []
    declared(world, "whole", units=7, period_start=date(2025, 1, 1), period_end=date(2025, 12, 31))
    assert duties(world) == [("Producer", "US-NJ", 7, "missing")]
    assert duties(world, 2024) == duties(world, 2026) == []


def test_what_was_placed_in_a_state_was_placed_in_its_country(world: World) -> None:
    binding(world, world.us)
    declared(world, "country", jurisdiction=world.us, units=50)
    declared(world, "nj", units=30)
    declared(world, "nv", jurisdiction=world.nv, units=20)
    assert duties(world) == [("Producer", "US", 100, "missing")]


def test_only_a_scheme_that_binds_at_the_end_of_the_year_obliges(world: World) -> None:
    declared(world, "nj")
    of = binding(world, world.nj, legal_status="reference")
    assert duties(world) == []
    EprScheme.objects.filter(pk=of.pk).update(legal_status="binding", valid=(date(2020, 1, 1), date(2025, 12, 31)))
    assert duties(world) == []  # the last day is no longer within
    EprScheme.objects.filter(pk=of.pk).update(valid=(date(2025, 12, 31), None))
    assert duties(world) == [("Producer", "US-NJ", 100, "missing")]


def corrected(world: World, report: EprReport) -> EprReport:
    correction = reports.correct(actor=world.actor(world.producer), report=report)
    assert report_job.compute(correction.pk)
    return sealed(reports.submit(actor=world.actor(world.producer, Role.MANAGER), report=correction))


def test_the_newest_report_of_a_year_is_listed(world: World) -> None:
    declared(world, "nj")
    of = binding(world, world.nj)
    first = filed(world, of, jurisdiction=None)
    reports.accept(actor=world.actor(world.federal, Role.MANAGER), report=first)
    assert duties(world) == [("Producer", "US-NJ", 100, "accepted")]
    second = corrected(world, first)
    assert duties(world) == [("Producer", "US-NJ", 100, "submitted")]
    (duty,) = compliance.duties(world.user(world.federal), 2025)
    assert duty.report == second.pk and not duty.is_missing


def test_a_draft_is_no_report(world: World) -> None:
    """Not even to the platform, which sees drafts."""
    declared(world, "nj")
    drafted(world, binding(world, world.nj), jurisdiction=None)
    assert duties(world) == [("Producer", "US-NJ", 100, "missing")]
    (duty,) = compliance.duties(platform_actor().user, 2025)
    assert duty.is_missing


def test_a_producer_sees_its_own_reports_that_count(world: World) -> None:
    """Those that need something first; neither what was replaced nor what was given up."""
    of = binding(world, world.nj)
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


def test_a_regulator_sees_the_duties_of_its_own_places(world: World) -> None:
    """Nevada's regulator learns nothing of New Jersey; the federal one of both."""
    declared(world, "nj")
    binding(world, world.nj)
    assert compliance.duties(world.user(world.regulator), 2025) == []
    assert duties(world) == [("Producer", "US-NJ", 100, "missing")]
