"""EPR reports: the figures by hand, the life of a report, and that nothing filed ever changes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.errors import DomainError, Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import Battery
from recycling.models import (
    EprEvidence,
    EprFactor,
    EprReport,
    EprReportLine,
    EprReportProgress,
    EprScheme,
    EprTarget,
    Factor,
    ReportStatus,
)
from recycling.queries import epr
from recycling.services import factors, inspections, placements, report_figures, reports
from tests.recycling.chain import at, carry, process
from tests.world import World, batteries_at

YEAR = (date(2025, 1, 1), date(2025, 12, 31))


def scheme(shape: str, jurisdiction: Any = None, **fields: Any) -> EprScheme:
    return EprScheme.objects.create(
        code=f"test-{shape}", version="1", name=shape, jurisdiction=jurisdiction, shape=shape,
        valid=(date(2020, 1, 1), None), legal_status="reference", citation="test", source="test", confidence="S",
        **fields,
    )  # fmt: skip


def asked(world: World, of: EprScheme | None = None, **fields: Any) -> EprReport:
    of = of or EprScheme.objects.filter(code="test-eu_reference").first() or scheme("eu_reference")
    producer = fields.setdefault("producer", world.producer)
    return reports.request(
        actor=world.actor(producer), scheme=of,
        **{"jurisdiction": world.nv, "period_start": YEAR[0], "period_end": YEAR[1], **fields},
    )  # fmt: skip


def drafted(world: World, of: EprScheme | None = None, **fields: Any) -> EprReport:
    report = asked(world, of, **fields)
    assert report_figures.compute(report.pk)
    return EprReport.objects.get(pk=report.pk)


def filed(world: World, of: EprScheme | None = None, **fields: Any) -> EprReport:
    report = drafted(world, of, **fields)
    return reports.submit(actor=world.actor(report.producer, Role.MANAGER), report=report)


def value(report: EprReport, metric: str, **dimensions: Any) -> Decimal | None:
    """The value of the one line that has these dimensions and no others."""
    wanted = {"breakdown": "", **dimensions}
    return EprReportLine.objects.get(report=report, metric=metric, **wanted).value


def shared_batch(world: World) -> list[Battery]:
    """Ten NMC packs of the producer and five LFP packs of the other, shredded together; the black mass is leached in
    Canada.

    Charged: 10 x 60 kWh x 0.55 = 330 kg Ni, 600 x 0.11 + 250 x 0.09 = 88.5 kg Li, 600 x 0.39 + 250 x 0.55 = 371.5 kg Cu.
    """
    nmc = batteries_at(world, world.plant_site, 10, at=at(2025, 3, 1))
    lfp = batteries_at(world, world.plant_site, 5, at=at(2025, 3, 1), model=world.lfp_pack, mass_value=Decimal(360))
    _batch, (black, copper) = process(
        world, world.shredder, packs=[*nmc, *lfp], charged_at=at(2025, 4, 1),
        makes=[
            ("black_mass", "2000", {"Ni": "0.16", "Li": "0.04", "graphite": "0.3"}),  # 320 kg Ni, 80 kg Li
            ("copper", "297.2", {}),  # 80 % of 371.5 kg
        ],
    )  # fmt: skip
    (black,) = carry(world, [black], world.refinery_site, arrived_at=at(2025, 5, 1))
    process(
        world, world.hydro, lots=[black], charged_at=at(2025, 6, 1),
        makes=[
            ("niso4_6h2o", "1000", {"Ni": "0.2"}),  # 200 of 320 kg: 0.625
            ("li2co3", "200", {"Li": "0.18"}),  # 36 of 80 kg: 0.45
            ("slag", "100", {"Ni": "0.1"}),  # 10 kg
        ],
    )  # fmt: skip
    return [*nmc, *lfp]


# By hand


def test_two_producers_share_a_batch(world: World) -> None:
    shared_batch(world)
    mine, theirs = drafted(world), drafted(world, producer=world.other_producer)
    assert mine.status == ReportStatus.DRAFT

    # Nickel came from the producer's packs alone: 320 of 330 kg into black mass, 200 / 320 of that recovered.
    assert value(mine, "element_content", breakdown="element", element="Ni") == 330
    assert value(mine, "element_recovered", breakdown="element", element="Ni") == 200
    assert value(mine, "element_residue", breakdown="element", element="Ni") == 10
    assert value(mine, "element_pending", breakdown="element", element="Ni") == 0
    assert value(mine, "element_lost", breakdown="element", element="Ni") == 120
    assert not EprReportLine.objects.filter(report=theirs, element="Ni").exists()

    # Lithium by content: 66 and 22.5 of 88.5 kg; 36 kg recovered. Copper: 234 and 137.5 of 371.5 kg; 297.2 kg.
    nine = Decimal("0.000000001")
    for report, li, cu in ((mine, Decimal(66), Decimal(234)), (theirs, Decimal("22.5"), Decimal("137.5"))):
        recovered = value(report, "element_recovered", breakdown="element", element="Li")
        assert recovered is not None and abs(recovered - li / Decimal("88.5") * 36) <= nine
        assert value(report, "element_content", breakdown="element", element="Li") == li
        assert value(report, "element_recovered", breakdown="element", element="Cu") == cu * Decimal("0.8")
        rate = value(report, "material_recovery", breakdown="element", element="Cu")
        assert rate == 80

    assert value(mine, "units_collected") == 10
    assert value(mine, "mass_collected") == 4000
    assert value(mine, "mass_collected", breakdown="chemistry", chemistry="NMC622") == 4000
    assert value(mine, "mass_recycled", breakdown="method", method="preprocess") == 4000
    assert value(mine, "mass_exported") == 0  # the packs were shredded at home, whatever became of the black mass
    sites = EprReportLine.objects.filter(report=mine, metric="facility").values_list("facility", "country", "value")
    assert set(sites) == {(world.plant_site.pk, "US", Decimal(4000)), (world.refinery_site.pk, "CA", None)}

    # Output fractions: Ni 200, Li 66 / 88.5 x 36, Cu 187.2; graphite is left out. Input: 4000 kg with casing.
    line = EprReportLine.objects.get(report=mine, metric="recycling_efficiency")
    output = Decimal(200) + Decimal(66) / Decimal("88.5") * 36 + Decimal("187.2")
    assert line.denominator == 4000 and abs(line.numerator - output) < nine * 2
    assert abs(line.value - output / 40) < nine * 2


def test_credit_is_conserved_to_the_gram(world: World) -> None:
    shared_batch(world)
    factors.refresh()
    totals = epr.totals_by_producer_and_jurisdiction(*YEAR)
    recovered: dict[str, Decimal] = {}
    for row in totals:
        recovered[row.element] = recovered.get(row.element, Decimal(0)) + row.recovered
        assert row.content == row.recovered + row.pending + row.residue + row.lost
    gram = Decimal("0.001")
    for element, kg in {"Ni": "200", "Li": "36", "Cu": "297.2"}.items():
        assert abs(recovered[element] - Decimal(kg)) < gram
    by_report: dict[str, Decimal] = {}
    for report in (drafted(world), drafted(world, producer=world.other_producer)):
        for line in EprReportLine.objects.filter(report=report, metric="element_recovered"):
            by_report[line.element] = by_report.get(line.element, Decimal(0)) + (line.value or 0)
    for element, kg in by_report.items():
        assert abs(kg - recovered[element]) < gram


def test_what_no_input_contained_is_a_line_of_its_own(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1), model=world.lfp_pack, mass_value=Decimal(360))
    process(
        world, world.shredder, packs=packs, charged_at=at(2025, 4, 1), explanation="Left over from the day before.",
        makes=[("niso4_6h2o", "10", {"Ni": "0.2"})],
    )  # fmt: skip
    report = drafted(world, producer=world.other_producer)
    assert not EprReportLine.objects.filter(report=report, element="Ni").exists()
    assert epr.unattributed(*YEAR) == [("Ni", 2, 0, 0)]


def test_totals_add_up_exactly_along_every_breakdown(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 3, at=at(2025, 3, 1), mass_value=Decimal("880.123"), mass_unit="lb")
    packs += batteries_at(
        world, world.plant_site, 2, at=at(2025, 3, 1), model=world.lfp_pack, producer=world.producer,
        mass_value=Decimal("333.337"),
    )  # fmt: skip
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1), makes=[("copper", "30", {})])
    report = drafted(world)
    lines = list(EprReportLine.objects.filter(report=report, unit__in=("kg", "units")))
    for metric in {line.metric for line in lines} - {"facility"}:
        total = [line.value for line in lines if line.metric == metric and not line.breakdown]
        for breakdown in {line.breakdown for line in lines if line.metric == metric} - {"", "element"}:
            assert sum(li.value for li in lines if (li.metric, li.breakdown) == (metric, breakdown)) == total[0]


def test_unknown_masses_are_counted_not_guessed(world: World) -> None:
    batteries_at(world, world.yard, 2, at=at(2025, 3, 1), mass_value=None)
    report = drafted(world)
    line = EprReportLine.objects.get(report=report, metric="mass_collected", breakdown="")
    assert (line.value, line.rows, line.without_mass) == (None, 2, 2)
    batteries_at(world, world.yard, 1, at=at(2025, 3, 1))
    reports.recompute(actor=world.actor(world.producer), report=report)
    report_figures.compute(report.pk)
    line = EprReportLine.objects.get(report=report, metric="mass_collected", breakdown="")
    assert (line.value, line.rows, line.without_mass) == (400, 3, 2)


def test_a_day_belongs_to_its_facility(world: World) -> None:
    """31 December 2025, 23:30 in Reno, is 2026 in UTC."""
    late = at(2026, 1, 1, 7, 30)
    batteries_at(world, world.yard, 1, at=late)
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 12, 1))
    process(world, world.shredder, packs=packs, charged_at=late, makes=[("copper", "10", {})])
    this_year, next_year = drafted(world), drafted(world, period_start=date(2026, 1, 1), period_end=date(2026, 6, 30))
    assert value(this_year, "units_collected") == 2
    assert value(this_year, "units_recycled") == 1
    assert value(next_year, "units_collected") == 0
    assert value(next_year, "units_recycled") == 0
    evidence = EprEvidence.objects.filter(report=this_year, fate="recycled").get()
    assert evidence.occurred_on == date(2025, 12, 31)
    totals = {row.element for row in epr.totals_by_producer_and_jurisdiction(date(2026, 1, 1), date(2026, 12, 31))}
    assert not totals


def test_second_life_by_decision(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 3, at=at(2025, 3, 1))
    actor = world.actor(world.recycler)
    for pack, decision in zip(packs, ("reuse", "repurpose", "recycle"), strict=True):
        inspections.inspect(
            actor=actor, plant=world.plant, battery=pack, inspected_at=at(2025, 4, 1), decision=decision
        )
    inspections.release_many(
        actor=actor, plant=world.plant, batteries=[p.pk for p in packs[:2]], released_at=at(2025, 5, 1),
        recipient="A storage maker",
    )  # fmt: skip
    report = drafted(world)
    assert value(report, "units_second_life") == 2
    assert value(report, "mass_second_life", breakdown="decision", decision="repurpose") == 400


def test_charged_abroad_is_exported(world: World) -> None:
    packs = batteries_at(world, world.refinery_site, 2, at=at(2025, 3, 1))
    process(world, world.hydro, packs=packs, charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
    report = drafted(world)
    assert value(report, "mass_exported", breakdown="country", country="CA") == 800
    assert value(report, "mass_exported") == 800


def test_only_closed_batches_count(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1))
    assert value(drafted(world), "units_recycled") == 0


def test_batteries_of_other_places_do_not_count(world: World) -> None:
    batteries_at(world, world.yard, 1, at=at(2025, 3, 1), placed_in=world.nj)
    batteries_at(world, world.yard, 1, at=at(2025, 3, 1))
    assert value(drafted(world), "units_collected") == 1
    assert value(drafted(world, jurisdiction=world.us), "units_collected") == 2  # a country has its states
    assert value(drafted(world, jurisdiction=world.ca), "units_collected") == 0


def declared(world: World, key: str, **fields: Any) -> Any:
    return placements.declare(
        actor=world.actor(world.producer), producer=world.producer, source_key=key,
        **{
            "jurisdiction": world.nj, "period_start": date(2025, 1, 1), "period_end": date(2025, 3, 31), "units": 100,
            "model": world.nmc_pack, **fields,
        },
    )  # fmt: skip


def test_units_placed_on_the_market(world: World) -> None:
    declared(world, "q1")
    declared(world, "q2", period_start=date(2025, 4, 1), period_end=date(2025, 6, 30), units=11, mass_kg=Decimal(4400))
    declared(world, "q3", model=None, units=7)
    declared(world, "over", period_start=date(2025, 12, 1), period_end=date(2026, 1, 31), units=1000)
    declared(world, "elsewhere", jurisdiction=world.nv)
    report = drafted(world, scheme("units", world.nj), jurisdiction=None)
    assert value(report, "units_placed") == 118
    assert value(report, "units_placed", breakdown="chemistry", chemistry="NMC622") == 111
    unknown = EprReportLine.objects.get(report=report, metric="units_placed", breakdown="chemistry", chemistry=None)
    assert (unknown.value, epr.placements_of(unknown).count()) == (7, 1)
    total = EprReportLine.objects.get(report=report, metric="units_placed", breakdown="")
    assert "1 market placements reach beyond the period" in total.note
    assert epr.placements_of(total).count() == 3
    eu = drafted(world, jurisdiction=world.nj)
    mass = EprReportLine.objects.get(report=eu, metric="mass_placed", breakdown="")
    assert (mass.value, mass.without_mass) == (4400, 2)


def test_every_figure_drills_down_to_as_many_rows_as_it_says(world: World) -> None:
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    for report in (drafted(world), drafted(world, scheme("mass", world.nv))):
        for line in EprReportLine.objects.filter(report=report).select_related("report"):
            assert epr.evidence_of(line).count() + epr.placements_of(line).count() == line.rows, line.metric
    line = EprReportLine.objects.get(report__scheme__shape="eu_reference", metric="element_recovered", element="Ni")
    rows = epr.traced(epr.evidence_of(line), "Ni")
    assert {row.content_kg for row in rows} == {Decimal(33)}
    assert sum(row.content_kg * row.recovered_share for row in rows).quantize(Decimal("0.000000001")) == line.value


def test_colorado_shape(world: World) -> None:
    shared_batch(world)
    report = drafted(world, scheme("mass", world.nv), jurisdiction=None)
    metrics = set(EprReportLine.objects.filter(report=report).values_list("metric", flat=True))
    assert {"mass_collected", "mass_recycled", "recycling_efficiency", "facility"} <= metrics
    line = EprReportLine.objects.get(report=report, metric="recycling_efficiency")
    assert line.target_percent is None and "no numeric target is known" in line.note


def test_targets_come_from_data_alone_and_say_what_they_are(world: World) -> None:
    shared_batch(world)
    eu = scheme("eu_reference")
    common: dict[str, Any] = {"scheme": eu, "legal_status": "reference", "source": "Annex XII", "confidence": "S"}
    EprTarget.objects.create(
        metric="recycling_efficiency", family="lithium", percent=65, applies_from=date(2025, 12, 31), **common
    )
    EprTarget.objects.create(
        metric="recycling_efficiency", family="lithium", percent=70, applies_from=date(2030, 12, 31), **common
    )
    EprTarget.objects.create(
        metric="material_recovery", element="Ni", percent=90, applies_from=date(2027, 12, 31), **common
    )
    report = drafted(world, eu)
    line = EprReportLine.objects.get(report=report, metric="recycling_efficiency")
    assert (line.target_percent, line.target_status, line.target_source) == (65, "reference", "Annex XII")
    nickel = EprReportLine.objects.get(report=report, metric="material_recovery", element="Ni")
    assert nickel.target_percent is None and "90 % from 2027-12-31 on (reference only)" in nickel.note


def test_above_a_hundred_percent_is_flagged_not_clipped(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    process(
        world, world.shredder, packs=packs, charged_at=at(2025, 4, 1), explanation="Contents are estimates.",
        makes=[("niso4_6h2o", "300", {"Ni": "0.22"})],  # 66 kg of 33 kg
    )  # fmt: skip
    line = EprReportLine.objects.get(report=drafted(world), metric="material_recovery", element="Ni")
    assert line.value == 200 and "above 100 %" in line.note


# The life of a report


def refused(kind: type[DomainError], act: Any, field: str | None = None, **arguments: Any) -> DomainError:
    """`act` raises `kind`, naming `field`, and changes nothing."""

    def state() -> Any:
        return [list(m.objects.order_by("pk").values()) for m in (EprReport, EprReportLine, EprReportProgress)]

    before = state()
    with pytest.raises(kind) as raised:
        act(**arguments)
    assert state() == before
    if field is not None:
        assert raised.value.field == field
    return raised.value


def test_equal_requests_give_one_report(world: World) -> None:
    first = asked(world)
    assert asked(world) == first
    assert asked(world, jurisdiction=world.nj) != first
    report_figures.compute(first.pk)
    assert asked(world).pk == first.pk
    assert not report_figures.compute(first.pk)  # a message that comes twice


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
        Invalid, reports.request, "producer",
        **{**arguments, "actor": world.actor(world.recycler), "producer": world.recycler},
    )  # fmt: skip


def test_who_may_file_and_decide(world: World) -> None:
    report = drafted(world)
    refused(Forbidden, reports.submit, actor=world.actor(world.producer), report=report)
    refused(Forbidden, reports.submit, actor=world.actor(world.other_producer, "manager"), report=report)
    regulator = world.actor(world.regulator, "manager")
    refused(Refused, reports.accept, "status", actor=regulator, report=report)
    report = reports.submit(actor=world.actor(world.producer, "manager"), report=report)
    assert len(report.content_hash) == 64
    refused(Forbidden, reports.accept, actor=world.actor(world.regulator), report=report)
    refused(Forbidden, reports.accept, actor=world.actor(world.producer, "manager"), report=report)
    refused(Invalid, reports.return_, "note", actor=regulator, report=report, note=" ")
    report = reports.accept(actor=world.actor(world.federal, "manager"), report=report)
    assert (report.status, report.decided_by) == ("accepted", world.user(world.federal, "manager"))
    refused(Refused, reports.return_, "status", actor=regulator, report=report, note="Too late.")
    elsewhere = filed(world, jurisdiction=world.nj)
    refused(Forbidden, reports.accept, actor=regulator, report=elsewhere)


def test_regulators_see_what_was_filed_only(world: World) -> None:
    report = drafted(world)
    regulator, stranger = world.user(world.regulator), world.user(world.stranger)
    models = (EprReport, EprReportLine, EprEvidence)
    batteries_at(world, world.yard, 1, at=at(2025, 3, 1))
    reports.recompute(actor=world.actor(world.producer), report=report)
    report_figures.compute(report.pk)
    assert not any(model.objects.visible_to(regulator).exists() for model in models)
    reports.submit(actor=world.actor(world.producer, "manager"), report=report)
    assert all(model.objects.visible_to(regulator).exists() for model in models)
    for other in (stranger, world.user(world.other_producer), world.user(world.recycler)):
        assert not any(model.objects.visible_to(other).exists() for model in models)


def test_a_period_must_be_over(world: World) -> None:
    report = drafted(world, period_start=date(2026, 1, 1), period_end=date(2030, 12, 31))
    refused(Refused, reports.submit, "period_end", actor=world.actor(world.producer, "manager"), report=report)


def test_withdrawn_and_asked_again(world: World) -> None:
    report = drafted(world)
    reports.withdraw(actor=world.actor(world.producer), report=report)
    refused(Refused, reports.submit, "status", actor=world.actor(world.producer, "manager"), report=report)
    assert asked(world) != report


# What was filed never changes


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE recycling_eprreport SET period_end = '2026-01-01' WHERE id = {report}",
        "UPDATE recycling_eprreport SET content_hash = 'x' WHERE id = {report}",
        "DELETE FROM recycling_eprreport WHERE id = {report}",
        "UPDATE recycling_eprreport SET status = 'draft' WHERE id = {report}",
        *(
            f"UPDATE recycling_epr{part} SET {column} = {column} WHERE report_id = {{report}}"
            for part, column in (
                ("reportline", "value"), ("evidence", "mass_kg"), ("factor", "recovered"), ("placement", "units"),
                ("intensity", "kg_per_kwh"), ("site", "country"),
            )
        ),
        *(
            f"DELETE FROM recycling_epr{part} WHERE report_id = {{report}}"
            for part in ("reportline", "evidence", "factor", "placement", "intensity", "site")
        ),
        "INSERT INTO recycling_eprfactor (report_id, batch_id, element, recovered, pending, residue)"
        " SELECT report_id, batch_id, 'Xx', 0, 0, 0 FROM recycling_eprfactor WHERE report_id = {report} LIMIT 1",
        "INSERT INTO recycling_eprsite (report_id, facility_id, method, country)"
        " SELECT report_id, facility_id, 'x', country FROM recycling_eprsite WHERE report_id = {report} LIMIT 1",
        "INSERT INTO recycling_eprintensity (report_id, composition_id, element, kg_per_kwh)"
        " SELECT report_id, composition_id, 'Xx', 1 FROM recycling_eprintensity WHERE report_id = {report} LIMIT 1",
        "INSERT INTO recycling_eprevidence (report_id, fate, battery_id, occurred_on, country, method, decision, family)"
        " SELECT report_id, 'second_life', battery_id, occurred_on, '', '', '', '' FROM recycling_eprevidence"
        " WHERE report_id = {report} LIMIT 1",
    ],
)  # fmt: skip
def test_frozen_whatever_is_written(world: World, sql: str) -> None:
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    report = filed(world)
    with (
        pytest.raises(DatabaseError, match="a filed report|Invalid transition"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql.format(report=report.pk))
    assert report_figures.verify(report).agrees


def test_recomputed_to_the_same_digits_from_what_was_known_then(world: World) -> None:
    packs = shared_batch(world)
    placement = declared(world, "q1", jurisdiction=world.nv)
    report = filed(world)
    before = list(report.lines.values())
    # Everything is corrected afterwards.
    Battery.objects.filter(pk__in=[p.pk for p in packs]).update(producer=world.other_producer, mass_value=1)
    placements.correct(actor=world.actor(world.producer), placement=placement, units=1)
    Factor.objects.update(recovered=0)
    proof = report_figures.verify(EprReport.objects.get(pk=report.pk))
    assert proof.figures_agree and proof.hash_agrees and proof.content_hash == report.content_hash
    assert list(report.lines.values()) == before


def test_a_forged_draft_cannot_be_filed(world: World) -> None:
    shared_batch(world)
    report = drafted(world)
    EprReportLine.objects.filter(report=report, metric="units_recycled", breakdown="").update(value=99)
    assert not report_figures.verify(report).figures_agree
    error = refused(Refused, reports.submit, actor=world.actor(world.producer, "manager"), report=report)
    assert error.code == "unproven"


def test_a_hash_changes_with_every_part(world: World) -> None:
    shared_batch(world)
    report = drafted(world)
    hashes = {report_figures.content_hash(report)}
    for model, fields in (
        (EprReportLine, {"note": "x"}), (EprEvidence, {"country": "MX"}), (EprFactor, {"pending": 1}),
    ):  # fmt: skip
        model.objects.filter(report=report).update(**fields)
        hashes.add(report_figures.content_hash(report))
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
    report_figures.compute(correction.pk)
    correction.refresh_from_db()
    assert value(correction, "units_collected") == 3  # not 5, and not 1
    changes = {c.line.metric: c for c in reports.difference(correction) if not c.line.breakdown}
    assert changes["units_collected"].delta == 1 and changes["units_collected"].is_changed
    assert changes["mass_collected"].delta == 400
    assert changes["units_recycled"].delta == 0 and not changes["units_recycled"].is_changed
    original.refresh_from_db()
    assert original.status == {"none": "submitted"}.get(decision, decision)  # it stands until then
    reports.submit(actor=world.actor(world.producer, "manager"), report=correction)
    original.refresh_from_db()
    assert original.status == "superseded"
    assert value(original, "units_collected") == 2
    assert report_figures.verify(original).agrees


def test_a_returned_correction_is_corrected_in_turn(world: World) -> None:
    original = filed(world)
    late_battery(world)
    first = reports.correct(actor=world.actor(world.producer), report=original)
    report_figures.compute(first.pk)
    reports.submit(actor=world.actor(world.producer, "manager"), report=first)
    reports.return_(actor=world.actor(world.regulator, "manager"), report=first, note="Still one missing.")
    late_battery(world)
    error = refused(Refused, reports.correct, "status", actor=world.actor(world.producer), report=original)
    assert error.code == "wrong_status"
    second = reports.correct(actor=world.actor(world.producer), report=first)
    report_figures.compute(second.pk)
    (change,) = [c for c in reports.difference(second) if c.line.metric == "units_collected" and not c.line.breakdown]
    assert (change.filed.value, change.corrected.value, change.delta) == (1, 2, 1)


def test_a_withdrawn_correction_leaves_the_original_in_force(world: World) -> None:
    original = filed(world)
    correction = reports.correct(actor=world.actor(world.producer), report=original)
    report_figures.compute(correction.pk)
    reports.withdraw(actor=world.actor(world.producer), report=correction)
    original.refresh_from_db()
    assert original.status == "submitted"
    error = refused(Refused, asked, world=world)
    assert error.code == "already_filed"


def test_a_correction_without_changes_says_so(world: World) -> None:
    shared_batch(world)
    original = filed(world)
    correction = reports.correct(actor=world.actor(world.producer), report=original)
    report_figures.compute(correction.pk)
    changes = reports.difference(correction)
    assert changes and not any(change.is_changed for change in changes)
    refused(Refused, reports.difference, report=original)


# Set-based


def test_statements_do_not_grow_with_batteries(world: World) -> None:
    def statements(number: int, jurisdiction: Any) -> int:
        packs = batteries_at(world, world.plant_site, number, at=at(2025, 3, 1), placed_in=jurisdiction)
        process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
        factors.refresh()
        report = asked(world, jurisdiction=jurisdiction)
        with CaptureQueriesContext(connection) as queries:
            report_figures.compute(report.pk)
            report = EprReport.objects.get(pk=report.pk)
            reports.submit(actor=world.actor(world.producer, "manager"), report=report)
            epr.totals_by_producer_and_jurisdiction(*YEAR)
        return len(queries)

    assert statements(2, world.nv) == statements(40, world.nj)
