"""Edges of market placements, and what the database refuses of placements, schemes, reports and what is kept with them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import Error, transaction
from django.utils import timezone

from accounts.errors import Invalid, Refused
from recycling.models import (
    EprBatch,
    EprEvidence,
    EprFactor,
    EprInputShare,
    EprIntensity,
    EprName,
    EprOutcome,
    EprPlacement,
    EprReport,
    EprReportLine,
    EprReportProgress,
    EprScheme,
    EprSite,
    EprTarget,
    MarketPlacement,
    Outcome,
)
from recycling.services import placements
from tests.recycling.filing import YEAR, declared, drafted, scheme, shared_batch
from tests.refusals import refused
from tests.world import World


def test_how_many_and_how_heavy(world: World) -> None:
    for units in (-1, placements.MOST_UNITS + 1):
        refused(Invalid, lambda units=units: declared(world, "k", units=units), "units")
    for kg in ("-0.001", "NaN", "Infinity", placements.MOST_KG):
        refused(Invalid, lambda kg=kg: declared(world, "k", mass_kg=Decimal(kg)), "mass_kg")
    least = declared(world, "least", units=0, mass_kg=Decimal(0))
    most = declared(
        world, "most", jurisdiction=world.nv, units=placements.MOST_UNITS, mass_kg=placements.MOST_KG - Decimal("0.001")
    )
    assert (least.units, most.mass_kg) == (0, Decimal("999999999999.999"))
    actor = world.actor(world.producer)
    refused(Invalid, lambda: placements.correct(actor=actor, placement=most, units=-1), "units")
    refused(Invalid, lambda: placements.correct(actor=actor, placement=most, mass_kg=placements.MOST_KG), "mass_kg")


def test_a_mass_is_kept_to_the_gram(world: World) -> None:
    row = declared(world, "k", mass_kg=Decimal("1.0004"))
    assert row.mass_kg == Decimal("1.000")
    assert declared(world, "k", mass_kg=Decimal("1.0004")) == row  # sent again
    corrected = placements.correct(actor=world.actor(world.producer), placement=row, mass_kg=Decimal("2.0006"))
    assert (corrected.mass_kg, corrected.units) == (Decimal("2.001"), 100)
    assert placements.correct(actor=world.actor(world.producer), placement=row, units=7).mass_kg == Decimal("2.001")


def test_a_placement_is_of_one_day_at_least(world: World) -> None:
    refused(Invalid, lambda: declared(world, "k", period_end=date(2024, 12, 31)), "period_end")
    assert declared(world, "k", period_end=date(2025, 1, 1)).period_end == date(2025, 1, 1)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("jurisdiction", "on"), ("period_start", date(2025, 1, 2)), ("period_end", date(2025, 3, 30)),
        ("model", "other"), ("chemistry", "other"), ("units", 101), ("mass_kg", Decimal(1)), ("description", "x"),
    ],
)  # fmt: skip
def test_another_row_under_the_same_key(world: World, field: str, value: Any) -> None:
    """It is told from the same row sent again by anything that it says."""
    fields: dict[str, Any] = {"model": None} if field in ("model", "chemistry") else {}
    row = declared(world, " k ", **fields)
    assert (row.source_key, declared(world, "k", **fields)) == ("k", row)
    other = {"jurisdiction": world.on, "model": world.nmc_pack, "chemistry": world.lfp}.get(field, value)
    refused(Refused, lambda: declared(world, "k", **{**fields, field: other}), "source_key")
    placements.withdraw(actor=world.actor(world.producer), placement=row, reason="x")
    declared(world, "l", **{**fields, field: other})


def test_a_row_says_of_what_model_or_of_what_chemistry(world: World) -> None:
    refused(Invalid, lambda: declared(world, "k", chemistry=world.lfp), "chemistry")
    refused(Invalid, lambda: declared(world, " "), "source_key")
    assert declared(world, "a", chemistry=world.nmc).chemistry == world.nmc
    assert declared(world, "b", jurisdiction=world.nv).chemistry == world.nmc  # its model's
    assert declared(world, "c", model=None, chemistry=world.lfp).chemistry == world.lfp
    assert declared(world, "d", jurisdiction=world.on, model=None).chemistry is None


def test_nobody_places_on_the_market_but_a_producer(world: World) -> None:
    platform = world.actor(world.recycler)
    platform.user.is_superuser = True
    refused(
        Invalid, placements.declare, "producer", actor=platform, producer=world.recycler, jurisdiction=world.nj,
        period_start=YEAR[0], period_end=YEAR[1], units=1, source_key="k",
    )  # fmt: skip


# By raw writes


def again(row: Any, **changed: Any) -> Callable[[], Any]:
    """`row` once more."""

    def insert() -> None:
        row.pk = None
        row._state.adding = True
        for name, value in changed.items():
            setattr(row, name, value)
        row.save(force_insert=True)

    return insert


RULES = (
    "epr_report_is_a_period", "epr_report_filed_is_signed", "epr_report_decision_is_signed",
    "epr_report_progress_is_percent", "epr_report_line_position", "epr_report_line_target_has_source",
    "epr_evidence_once_per_fate", "epr_placement_once", "epr_factor_once", "epr_intensity_once", "epr_site_once",
    "epr_outcome_once", "epr_batch_once", "epr_input_share_once", "epr_name_once", "outcome_once", "outcome_known", "outcome_is_some",
    "epr_scheme_once_per_version", "epr_scheme_versions_apart", "epr_target_once", "epr_target_is_percent",
    "placement_source_key_once", "placement_is_a_period", "placement_mass_not_negative",
)  # fmt: skip


@pytest.mark.parametrize("rule", RULES)
def test_the_database_refuses(world: World, rule: str) -> None:
    shared_batch(world)
    placement = declared(world, "q1", jurisdiction=world.nv)
    report = drafted(world)
    eu, user, now = report.scheme, world.user(world.producer), timezone.now()
    target = EprTarget.objects.create(
        scheme=eu, metric="material_recovery", percent=1, applies_from=date(2027, 1, 1), legal_status="reference",
        source="x", confidence="S",
    )  # fmt: skip

    def report_in(status: str, **fields: Any) -> Callable[[], Any]:
        signed = {"submitted_at": now, "submitted_by": user, "content_hash": "x", "decided_at": now, "decided_by": user}
        return lambda: EprReport.objects.create(
            scheme=eu, producer=world.producer, jurisdiction=world.us, period_start=YEAR[0], period_end=YEAR[1],
            requested_by=user, status=status, **{**signed, **fields},
        )  # fmt: skip

    def change(model: Any, **fields: Any) -> Callable[[], Any]:
        return lambda: model.objects.update(**fields)

    def first(model: Any) -> Any:
        return model.objects.filter(report=report)[0]

    batch = first(EprBatch).batch
    factor = EprFactor.objects.create(report=report, batch=batch, element="Ni", recovered=0, pending=0, residue=0)
    share = EprInputShare.objects.create(report=report, batch=batch, element="Ni", fraction=0)
    writes: list[tuple[str, Callable[[], Any]]] = [
        ("epr_report_is_a_period", change(EprReport, period_end=date(2024, 12, 31))),
        ("epr_report_filed_is_signed", report_in("submitted", submitted_at=None)),
        ("epr_report_filed_is_signed", report_in("submitted", submitted_by=None)),
        ("epr_report_filed_is_signed", report_in("superseded", content_hash="")),
        ("epr_report_decision_is_signed", report_in("accepted", decided_at=None)),
        ("epr_report_decision_is_signed", report_in("returned", decided_by=None)),
        ("epr_report_progress_is_percent", change(EprReportProgress, percent=101)),
        ("epr_report_line_position", again(first(EprReportLine))),
        ("epr_report_line_target_has_source", change(EprReportLine, target_percent=1, target_source="x", target_status="")),
        ("epr_report_line_target_has_source", change(EprReportLine, target_percent=1, target_status="x", target_source="")),
        ("epr_evidence_once_per_fate", again(first(EprEvidence))),
        ("epr_placement_once", again(first(EprPlacement))),
        ("epr_factor_once", again(factor)),
        ("epr_outcome_once", again(first(EprOutcome))),
        ("epr_batch_once", again(first(EprBatch))),
        ("epr_input_share_once", again(share)),
        ("epr_name_once", again(first(EprName))),
        ("outcome_once", again(Outcome.objects.all()[0])),
        ("outcome_known", change(Outcome, became="x")),
        ("outcome_is_some", change(Outcome, share=0)),
        ("epr_intensity_once", again(first(EprIntensity))),
        ("epr_site_once", again(first(EprSite))),
        ("epr_scheme_once_per_version", again(scheme("units"), valid=(date(1990, 1, 1), date(1991, 1, 1)))),
        ("epr_scheme_versions_apart", again(EprScheme.objects.get(pk=eu.pk), version="2")),
        ("epr_target_once", again(target)),
        ("epr_target_is_percent", change(EprTarget, percent=Decimal("100.001"))),
        ("epr_target_is_percent", change(EprTarget, percent=Decimal("-0.001"))),
        ("placement_source_key_once", again(placement)),
        ("placement_is_a_period", change(MarketPlacement, period_end=date(2024, 12, 31))),
        ("placement_mass_not_negative", change(MarketPlacement, mass_kg=Decimal("-0.001"))),
    ]  # fmt: skip
    writes = [write for name, write in writes if name == rule]
    assert writes
    for write in writes:
        with pytest.raises(Error, match=rule), transaction.atomic():
            write()
