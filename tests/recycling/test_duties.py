"""Who owes which report: from when on, for what was placed when, and what meets it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.db import Error, transaction

from accounts.models import Role
from accounts.services.platform import platform_actor
from collection.services import reference
from recycling.models import EprReport, EprScheme
from recycling.queries import duties
from recycling.services import placements, report_job, reports, schemes
from tests.recycling.filing import YEAR, declared, drafted, filed, scheme, sealed
from tests.world import World

DUE = {
    "first_period_start": date(2025, 1, 1),
    "first_due_on": date(2026, 1, 8),
    "due_source": "test",
    "due_confidence": "S",
}


def binding(world: World, place: Any, shape: str = "units", **fields: Any) -> EprScheme:
    of = scheme(shape, place)
    for name, value in {"legal_status": "binding", **DUE, **fields}.items():
        setattr(of, name, value)
    of.save()
    return of


def owed(world: World, year: int = 2025, today: date = date(2026, 11, 1)) -> list[tuple[str, str, int, str]]:
    """Of the federal regulator, who oversees all of the country."""
    found = duties.duties(world.user(world.federal), year, today)
    return [(duty.producer_name, duty.jurisdiction, duty.units_placed, duty.status) for duty in found]


MISSING = [("Producer", "US-NJ", 100, "missing")]


def test_new_jersey_asks_for_nothing_before_its_first_report(world: World) -> None:
    """It was read from the validity of the act: producers were missing for 2024, whose report nobody asked for."""
    reference.load(platform_actor())
    schemes.load_reference(platform_actor())
    for year in (2024, 2025):
        declared(world, str(year), period_start=date(year, 1, 1), period_end=date(year, 12, 31))
    assert owed(world, 2024) == []
    assert owed(world, 2025) == MISSING
    (duty,) = duties.duties(world.user(world.federal), 2025)
    assert (duty.due_on, duty.scheme_code) == (date(2026, 1, 8), "us-nj-evbma")
    new_jersey, colorado = EprScheme.objects.get(code="us-nj-evbma"), EprScheme.objects.get(code="us-co-bsa")
    assert new_jersey.due_source and new_jersey.due_confidence
    assert colorado.first_due_on is None, "no date is known of reports on propulsion batteries"


def test_one_day_with_nothing_on_it_clears_no_year(world: World) -> None:
    """It did: any report filed within the year was taken for that on the year."""
    declared(world, "spring")
    of = binding(world, world.nj)
    day = filed(world, of, jurisdiction=None, period_start=date(2025, 12, 24), period_end=date(2025, 12, 24))
    assert owed(world) == [("Producer", "US-NJ", 100, "partial")]
    (duty,) = duties.duties(world.user(world.federal), 2025, date(2026, 11, 1))
    assert duty.is_missing and duty.report == day.pk
    reports.return_(actor=world.actor(world.federal, Role.MANAGER), report=day, note="Report on the year.")
    filed(world, of, jurisdiction=None)
    assert owed(world) == [("Producer", "US-NJ", 100, "submitted")]


def test_a_report_of_more_than_the_year_meets_it(world: World) -> None:
    declared(world, "spring")
    filed(
        world, binding(world, world.nj), jurisdiction=None, period_start=date(2024, 7, 1), period_end=date(2026, 6, 30)
    )
    assert owed(world) == [("Producer", "US-NJ", 100, "submitted")]


def test_what_was_placed_in_a_fiscal_year_obliges(world: World) -> None:
    """It made no duty at all, as its period lay in no calendar year. In both years it is shown with its units."""
    binding(world, world.nj)
    declared(world, "fiscal", period_start=date(2025, 7, 1), period_end=date(2026, 6, 30))
    for year, status in ((2025, "missing"), (2026, "due")):
        (duty,) = duties.duties(world.user(world.federal), year, date(2026, 11, 1))
        assert (duty.units_placed, duty.units_across, duty.status) == (0, 100, status)
        assert duty.is_missing == (status == "missing")
    assert owed(world, 2024) == owed(world, 2027) == []


def test_years_begin_as_the_scheme_says(world: World) -> None:
    binding(world, world.nj, first_period_start=date(2025, 4, 1), first_due_on=date(2026, 7, 1))
    declared(world, "spring")  # January to March, before the first year
    assert owed(world) == []
    declared(world, "summer", period_start=date(2025, 4, 1), period_end=date(2026, 3, 31), units=7)
    (duty,) = duties.duties(world.user(world.federal), 2025)
    assert (duty.period_start, duty.period_end, duty.due_on) == (date(2025, 4, 1), date(2026, 3, 31), date(2026, 7, 1))
    assert duty.units_placed == 7


def test_it_is_missing_after_it_was_due(world: World) -> None:
    declared(world, "spring")
    binding(world, world.nj)
    assert owed(world, today=date(2026, 1, 8)) == [("Producer", "US-NJ", 100, "due")]
    assert owed(world, today=date(2026, 1, 9)) == MISSING


def test_what_was_placed_in_a_state_was_placed_in_its_country(world: World) -> None:
    binding(world, world.us)
    declared(world, "nj", units=30)
    declared(world, "nv", jurisdiction=world.nv, units=20)
    assert owed(world) == [("Producer", "US", 50, "missing")]


@pytest.mark.parametrize(
    "fields",
    [
        {"legal_status": "reference"}, {"legal_status": "unverified"}, {"first_due_on": None, "first_period_start": None},
        {"valid": (date(2020, 1, 1), date(2026, 1, 8))}, {"first_period_start": date(2026, 1, 1), "first_due_on": date(2027, 1, 8)},
    ],
)  # fmt: skip
def test_what_obliges_nobody(world: World, fields: dict[str, Any]) -> None:
    declared(world, "nj")
    of = binding(world, world.nj)
    assert owed(world) == MISSING
    EprScheme.objects.filter(pk=of.pk).update(**fields)
    assert owed(world) == []


def test_its_validity_obliges_nobody_to_report_sooner(world: World) -> None:
    declared(world, "nj")
    of = binding(world, world.nj)
    EprScheme.objects.filter(pk=of.pk).update(valid=(date(2026, 1, 1), None))
    assert owed(world) == MISSING


def test_nothing_placed_or_withdrawn_obliges_nobody(world: World) -> None:
    binding(world, world.nj)
    declared(world, "nothing", units=0)
    row = declared(world, "spring", model=world.lfp_pack)
    assert owed(world) == MISSING
    placements.withdraw(actor=world.actor(world.producer), placement=row, reason="x")
    assert owed(world) == []


def corrected(world: World, report: EprReport) -> EprReport:
    correction = reports.correct(actor=world.actor(world.producer), report=report)
    assert report_job.compute(correction.pk)
    return sealed(reports.submit(actor=world.actor(world.producer, Role.MANAGER), report=correction))


def test_the_newest_report_of_a_year_is_listed(world: World) -> None:
    declared(world, "nj")
    first = filed(world, binding(world, world.nj), jurisdiction=None)
    reports.accept(actor=world.actor(world.federal, Role.MANAGER), report=first)
    assert owed(world) == [("Producer", "US-NJ", 100, "accepted")]
    second = corrected(world, first)
    assert owed(world) == [("Producer", "US-NJ", 100, "submitted")]
    (duty,) = duties.duties(world.user(world.federal), 2025)
    assert duty.report == second.pk and not duty.is_missing


def test_a_draft_is_no_report(world: World) -> None:
    """Not even to the platform, which sees drafts."""
    declared(world, "nj")
    drafted(world, binding(world, world.nj), jurisdiction=None)
    assert owed(world) == MISSING
    (duty,) = duties.duties(platform_actor().user, 2025)
    assert duty.is_missing


def test_by_a_scheme_that_asks_for_none_who_reported_is_listed(world: World) -> None:
    declared(world, "nv", jurisdiction=world.nv)
    filed(world, period_start=date(2025, 1, 1), period_end=date(2025, 3, 31))
    (duty,) = duties.duties(world.user(world.federal), YEAR[0].year)
    assert (duty.status, duty.due_on, duty.units_placed, duty.is_missing) == ("submitted", None, 100, False)
    assert owed(world, 2024) == []


def test_a_regulator_sees_the_duties_of_its_own_places(world: World) -> None:
    """Nevada's regulator learns nothing of New Jersey, nor of what the country asks for; the federal one of all."""
    declared(world, "nj")
    declared(world, "nv", jurisdiction=world.nv)
    binding(world, world.nj)
    binding(world, world.us, "mass")
    assert duties.duties(world.user(world.regulator), 2025) == []
    assert [row[1] for row in owed(world)] == ["US", "US-NJ"]


@pytest.mark.parametrize(
    "fields",
    [{"first_due_on": None}, {"first_period_start": None}, {"due_source": ""}, {"due_confidence": ""}, {"first_due_on": date(2025, 1, 1)}],
)  # fmt: skip
def test_a_scheme_says_all_of_what_is_due(world: World, fields: dict[str, Any]) -> None:
    of = binding(world, world.nj)
    with pytest.raises(Error, match="epr_scheme_says_what_is_due"), transaction.atomic():
        EprScheme.objects.filter(pk=of.pk).update(**fields)
