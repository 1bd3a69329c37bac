"""The figures of EPR reports, worked out by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from collection.models.facilities import Permit
from recycling.models import EprEvidence, EprReportLine, EprTarget, ReportStatus
from recycling.queries import epr, report_evidence
from recycling.queries.report_figures import figures
from recycling.queries.report_proof import verify
from recycling.services import factors, inspections, report_job, reports
from tests.recycling.chain import at, process
from tests.recycling.filing import YEAR, declared, drafted, filed, scheme, shared_batch, value
from tests.world import INTENSITIES, World, batteries_at


def test_two_producers_share_a_batch(world: World) -> None:
    shared_batch(world)
    mine, theirs = drafted(world), drafted(world, producer=world.other_producer)
    assert mine.status == ReportStatus.DRAFT

    # Nickel came from the producer's packs alone: 320 of 330 kg into black mass, 200 / 320 of that recovered.
    assert value(mine, "element_content", breakdown="element", element="Ni") == 330
    assert value(mine, "element_recovered", breakdown="element", element="Ni") == 200
    assert value(mine, "element_residue", breakdown="element", element="Ni") == 0
    assert value(mine, "element_pending", breakdown="element", element="Ni") == 10  # in slag that lies there
    assert value(mine, "element_lost", breakdown="element", element="Ni") == 120
    assert not EprReportLine.objects.filter(report=theirs, element="Ni").exists()

    # Lithium by content: 66 and 22.5 of 88.5 kg; 36 kg recovered. Copper: 234 and 137.5 of 371.5 kg; 297.2 kg.
    nine = Decimal("0.000000001")
    for report, li, cu in ((mine, Decimal(66), Decimal(234)), (theirs, Decimal("22.5"), Decimal("137.5"))):
        recovered = value(report, "element_recovered", breakdown="element", element="Li")
        assert recovered is not None and abs(recovered - li / Decimal("88.5") * 36) <= nine
        assert value(report, "element_content", breakdown="element", element="Li") == li
        assert value(report, "element_recovered", breakdown="element", element="Cu") == cu * Decimal("0.8")
        rate = EprReportLine.objects.get(report=report, metric="material_recovery", element="Cu")
        assert rate.value is None and "of collectors is not known" in rate.note

    assert value(mine, "units_collected") == 10
    assert value(mine, "mass_collected") == 4000
    assert value(mine, "mass_collected", breakdown="chemistry", chemistry="NMC622") == 4000
    assert value(mine, "mass_charged", breakdown="method", method="preprocess+hydro") == 4000
    told = ("mass_recycled", "mass_pending", "mass_lost")
    assert sum(value(mine, metric) or 0 for metric in told) == value(mine, "mass_charged") == 4000
    # By mass, 4,000 of 5,800 kg are the producer's: of the copper, and of all that came of the black mass in Canada.
    assert abs((value(mine, "mass_recycled") or 0) - (Decimal("297.2") + 200 + 36) * 4000 / 5800) < nine * 9
    assert abs((value(mine, "mass_exported") or 0) - Decimal(2000) * 4000 / 5800) < nine * 9
    sites = EprReportLine.objects.filter(report=mine, metric="facility").values_list("facility", "country", "value")
    assert set(sites) == {(world.plant_site.pk, "US", Decimal(4000)), (world.refinery_site.pk, "CA", None)}

    # Output fraction: copper alone; what Canada made counts only with a permit that its conditions are equal. Input: 4000 kg
    # with casing, less the carbon (graphite) that nobody takes into account.
    line = EprReportLine.objects.get(report=mine, metric="recycling_efficiency")
    graphite = 600 * Decimal(INTENSITIES["NMC622"]["graphite"])
    assert (line.numerator, line.denominator) == (Decimal("187.2"), 4000 - graphite)
    assert "made abroad do not count" in line.note
    Permit.objects.create(
        facility=world.refinery_site, kind=Permit.Kind.EQUIVALENT, number="X1", valid=(date(2020, 1, 1), None)
    )
    reports.recompute(actor=world.actor(world.producer), report=mine)
    assert report_job.compute(mine.pk)
    line = EprReportLine.objects.get(report=mine, metric="recycling_efficiency")
    output = Decimal(200) + Decimal(66) / Decimal("88.5") * 36 + Decimal("187.2")
    assert line.denominator == 4000 - graphite and abs(line.numerator - output) < nine * 2
    rests = EprReportLine.objects.get(report=mine, metric="rests_on", family="lithium", basis="assumed")
    assert (rests.value, rests.rows) == (100, 10)


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
    report_job.compute(report.pk)
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
    assert value(this_year, "units_charged") == 1
    assert value(next_year, "units_collected") == 0
    assert value(next_year, "units_charged") == 0
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
    report = drafted(world, scheme("eu_reference", counts_by="placed"))
    assert value(report, "mass_exported", breakdown="country", country="CA") == 800
    assert value(report, "mass_exported") == 800


def test_only_closed_batches_count(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1))
    assert value(drafted(world), "units_charged") == 0


def test_batteries_of_other_places_do_not_count(world: World) -> None:
    scheme("eu_reference", counts_by="placed")
    batteries_at(world, world.yard, 1, at=at(2025, 3, 1), placed_in=world.nj)
    batteries_at(world, world.yard, 1, at=at(2025, 3, 1))
    assert value(drafted(world), "units_collected") == 1
    assert value(drafted(world, jurisdiction=world.us), "units_collected") == 2  # a country has its states
    assert value(drafted(world, jurisdiction=world.ca), "units_collected") == 0


def test_units_placed_on_the_market(world: World) -> None:
    declared(world, "q1")
    declared(world, "q2", period_start=date(2025, 4, 1), period_end=date(2025, 6, 30), units=11, mass_kg=Decimal(4400))
    declared(world, "q3", model=None, units=7, period_start=date(2025, 7, 1), period_end=date(2025, 9, 30))
    declared(world, "over", period_start=date(2025, 12, 1), period_end=date(2026, 1, 31), units=1000)
    declared(world, "elsewhere", jurisdiction=world.nv)
    report = drafted(world, scheme("units", world.nj), jurisdiction=None)
    assert value(report, "units_placed") == 118
    assert value(report, "units_placed", breakdown="chemistry", chemistry="NMC622") == 111
    unknown = EprReportLine.objects.get(report=report, metric="units_placed", breakdown="chemistry", chemistry=None)
    assert (unknown.value, report_evidence.placements_of(unknown).count()) == (7, 1)
    total = EprReportLine.objects.get(report=report, metric="units_placed", breakdown="")
    assert "1 market placements with 1000 units reach beyond the period" in total.note
    assert report_evidence.placements_of(total).count() == 3
    across = EprReportLine.objects.get(report=report, metric="units_across", breakdown="")
    assert (across.value, across.rows, across.note) == (1000, 1, "not in what was placed")
    assert [row.units for row in report_evidence.placements_of(across)] == [1000]
    assert value(report, "units_across", breakdown="chemistry", chemistry="NMC622") == 1000
    eu = drafted(world, jurisdiction=world.nj)
    mass = EprReportLine.objects.get(report=eu, metric="mass_placed", breakdown="")
    assert (mass.value, mass.without_mass) == (4400, 2)


def test_what_was_placed_across_the_period_is_left_out_of_no_report(world: World) -> None:
    """A fiscal year was counted in a note alone. Reports of methods before this one are recomputed as they were."""
    declared(world, "fiscal", period_start=date(2025, 7, 1), period_end=date(2026, 6, 30), mass_kg=Decimal(40000))
    report = drafted(world, jurisdiction=world.nj)
    assert [value(report, metric) for metric in ("units_placed", "units_across", "mass_across")] == [0, 100, 40000]
    assert verify(
        filed(world, jurisdiction=world.nj, period_start=date(2024, 1, 1), period_end=date(2024, 12, 31))
    ).figures_agree
    report.method_version = "relode-2026.2 (EU 2023/1542 reference)"
    assert not {"units_across", "mass_across"} & {figure.metric for figure in figures(report)}
    inside = drafted(world, jurisdiction=world.nj, period_start=date(2025, 7, 1), period_end=date(2026, 6, 30))
    assert value(inside, "units_placed") == 100
    assert not EprReportLine.objects.filter(report=inside, metric="units_across").exists()


def test_every_figure_drills_down_to_as_many_rows_as_it_says(world: World) -> None:
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    for report in (drafted(world), drafted(world, scheme("mass", world.nv))):
        for line in EprReportLine.objects.filter(report=report).select_related("report"):
            assert (
                report_evidence.evidence_of(line).count() + report_evidence.placements_of(line).count() == line.rows
            ), line.metric
    line = EprReportLine.objects.get(report__scheme__shape="eu_reference", metric="element_recovered", element="Ni")
    rows = report_evidence.traced(report_evidence.evidence_of(line), line)
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
