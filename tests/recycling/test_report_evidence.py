"""Edges of what a report keeps: masses that were corrected, releases and their triage, factors that wait, simulations."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from accounts.models import Role
from collection.models import Battery, BatteryStatus, CustodyKind
from collection.services import batteries, custody
from collection.services.custody import Entry, Place
from recycling.models import EprEvidence, MarketPlacement, ReportStatus
from recycling.services import batches, factors, inspections, report_evidence, report_job, reports
from recycling.services.inspections import Triage
from tests.recycling.chain import at
from tests.recycling.filing import asked, declared, drafted, scheme, shared_batch, value
from tests.world import World, batteries_at

NEXT_YEAR = {"period_start": date(2026, 1, 1), "period_end": date(2026, 12, 31)}


def released(world: World, **fields: Any) -> Battery:
    """A battery that the plant gave away in May, to be reused."""
    (pack,) = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1), **fields)
    inspected(world, pack, "reuse", at(2025, 4, 1))
    return let_go(world, pack, at(2025, 5, 1))


def inspected(world: World, pack: Battery, decision: str, when: Any) -> None:
    inspections.inspect_many(
        actor=world.actor(world.recycler), plant=world.plant, inspected_at=when, inspections=[Triage(pack.pk, decision)]
    )


def let_go(world: World, pack: Battery, when: Any) -> Battery:
    return inspections.release(
        actor=world.actor(world.recycler), plant=world.plant, battery=pack, released_at=when, recipient="A workshop"
    )


def given_back(world: World, pack: Battery, when: Any) -> Battery:
    return batteries.give_up(
        actor=world.actor(world.recycler), battery=pack, facility=world.plant_site, occurred_at=when
    )


def weighed_anew(world: World, pack: Battery, kg: int, when: Any) -> Battery:
    return batteries.correct(
        actor=world.actor(pack.registered_by), battery=pack, reason="scale", mass_value=Decimal(kg), corrected_at=when
    )


def kept(report: Any, fate: str) -> EprEvidence:
    return EprEvidence.objects.get(report=report, fate=fate)


# Masses


def test_a_mass_that_was_corrected_counts_and_the_newest_of_several(world: World) -> None:
    (pack,) = batteries_at(world, world.yard, 1, at=at(2025, 3, 1))
    weighed_anew(world, pack, 380, at(2025, 3, 2))
    assert kept(drafted(world), "collected").mass_kg == 380
    weighed_anew(world, pack, 370, at(2025, 3, 3))
    assert kept(drafted(world, jurisdiction=world.us), "collected").mass_kg == 370


def test_a_correction_of_something_else_leaves_the_mass(world: World) -> None:
    """It names the entry too, but says nothing of a mass."""
    (pack,) = batteries_at(world, world.yard, 1, at=at(2025, 3, 1))
    weighed_anew(world, pack, 380, at(2025, 3, 2))
    batteries.correct(
        actor=world.actor(world.yard_owner), battery=pack, reason="x", placed_on=date(2020, 1, 1),
        corrected_at=at(2025, 3, 3),
    )  # fmt: skip
    Battery.objects.filter(pk=pack.pk).update(mass_value=1)  # whatever the row says now
    assert kept(drafted(world), "collected").mass_kg == 380


def test_what_was_weighed_on_arrival_counts_not_what_is_known_now(world: World) -> None:
    (pack,) = batteries_at(world, world.yard, 1, at=at(2025, 3, 1))
    Battery.objects.filter(pk=pack.pk).update(mass_value=1)
    assert kept(drafted(world), "collected").mass_kg == 400


def test_collected_once_however_often_it_is_given_up(world: World) -> None:
    given_back(world, released(world), at(2025, 8, 1))
    report = drafted(world)
    assert kept(report, "collected").occurred_on == date(2025, 3, 1)


# Further use


def test_the_decision_is_that_of_the_triage_before_the_release(world: World) -> None:
    pack = given_back(world, released(world), at(2025, 8, 1))
    inspected(world, pack, "recycle", at(2025, 9, 1))
    assert kept(drafted(world), "second_life").decision == "reuse"


def test_the_decision_is_that_of_the_newest_triage(world: World) -> None:
    (pack,) = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    inspected(world, pack, "recycle", at(2025, 4, 1))
    inspected(world, pack, "repurpose", at(2025, 4, 2))
    let_go(world, pack, at(2025, 5, 1))
    assert kept(drafted(world), "second_life").decision == "repurpose"


def test_of_several_releases_the_last_within_the_period_counts(world: World) -> None:
    pack = given_back(world, released(world), at(2025, 8, 1))
    inspected(world, pack, "repurpose", at(2025, 9, 1))
    let_go(world, pack, at(2025, 10, 1))
    row = kept(drafted(world), "second_life")
    assert (row.occurred_on, row.decision) == (date(2025, 10, 1), "repurpose")
    half = drafted(world, period_start=date(2025, 1, 1), period_end=date(2025, 6, 30))
    assert kept(half, "second_life").decision == "reuse"


def test_a_release_belongs_to_a_day_of_its_plant(world: World) -> None:
    """31 December 2025, 23:30 in Nevada, is 2026 in UTC."""
    (pack,) = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    inspected(world, pack, "reuse", at(2025, 4, 1))
    let_go(world, pack, at(2026, 1, 1, 7, 30))
    assert kept(drafted(world), "second_life").occurred_on == date(2025, 12, 31)
    assert value(drafted(world, **NEXT_YEAR), "units_second_life") == 0


def test_a_release_that_was_undone_does_not_count(world: World) -> None:
    """A correction that leaves the battery where it went is of something else, and undoes nothing."""
    pack = released(world)
    release = pack.events.get(kind=CustodyKind.RELEASED)
    of_something_else = Entry(world.actor(world.recycler), CustodyKind.CORRECTED, at(2025, 5, 2), corrects=release)
    with transaction.atomic():
        custody.note(custody.lock_batteries([pack.pk]), of_something_else)
    assert value(drafted(world), "units_second_life") == 1
    undone = Entry(world.actor(world.recycler), CustodyKind.CORRECTED, at(2025, 5, 3), corrects=release)
    with transaction.atomic():
        custody.move(
            custody.lock_batteries([pack.pk]), undone, status=BatteryStatus.AT_FACILITY,
            to=Place(facility=world.plant_site),
        )  # fmt: skip
    assert value(drafted(world, jurisdiction=world.us), "units_second_life") == 0


# Placements


def test_a_placement_is_of_the_chemistry_of_its_model(world: World) -> None:
    """Even where it was written without: a report says what is known."""
    declared(world, "q1", jurisdiction=world.nv)
    MarketPlacement.objects.update(chemistry=None, chemistry_by="unknown", chemistry_confidence="")
    (row,) = drafted(world).placements.all()
    assert (row.chemistry_id, row.family) == ("NMC622", "lithium")


# Factors that are not computed yet


def test_no_figures_from_factors_that_are_being_changed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where it is a later stage that changes."""
    shared_batch(world)
    report = asked(world)
    factors.refresh()
    (leached,) = world.hydro.batches.all()
    batches.reopen(actor=world.actor(world.refiner, Role.MANAGER), batch=leached, reason="an output is missing")
    with pytest.raises(report_evidence.FactorsOutOfDate), transaction.atomic():
        report_evidence.gather(report, lambda percent, step: None)
    monkeypatch.setattr(report_job.factors, "refresh", lambda: 0)  # as if it changed again and again
    assert not report_job.compute(report.pk)
    report.refresh_from_db()
    assert report.status == ReportStatus.QUEUED and "being changed" in report.message
    assert not report.evidence.exists() and not report.lines.exists()


def test_no_figures_without_an_outcome_for_each_element(world: World) -> None:
    shared_batch(world)
    report = asked(world)
    factors.refresh()
    world.shredder.batches.get().outcomes.filter(element="Ni").delete()
    with pytest.raises(report_evidence.FactorsOutOfDate), transaction.atomic():
        report_evidence.gather(report, lambda percent, step: None)


def test_computed_anew_it_keeps_nothing_of_before(world: World) -> None:
    (pack,) = batteries_at(world, world.yard, 1, at=at(2025, 3, 1))
    declared(world, "q1", jurisdiction=world.nv)
    report = drafted(world)
    Battery.objects.filter(pk=pack.pk).update(producer=world.other_producer)
    reports.recompute(actor=world.actor(world.producer), report=report)
    assert report_job.compute(report.pk)
    assert not report.evidence.exists() and report.placements.count() == 1
    assert value(report, "units_collected") == 0


# What is simulated


def test_a_report_on_anything_simulated_says_so(world: World) -> None:
    (pack,) = batteries_at(world, world.yard, 1, at=at(2025, 3, 1))
    declared(world, "real")
    assert not drafted(world).is_simulated
    Battery.objects.filter(pk=pack.pk).update(is_simulated=True)
    assert drafted(world, jurisdiction=world.us).is_simulated


def test_a_report_on_a_simulated_placement_says_so(world: World) -> None:
    nj = scheme("units", world.nj)
    declared(world, "real")
    assert not drafted(world, nj, jurisdiction=None).is_simulated
    declared(world, "made up", is_simulated=True, jurisdiction=world.nv)
    assert drafted(world).is_simulated


def test_a_report_of_a_simulated_producer_says_so(world: World) -> None:
    assert not drafted(world).is_simulated
    world.producer.is_simulated = True
    world.producer.save()
    assert drafted(world, jurisdiction=world.us).is_simulated
