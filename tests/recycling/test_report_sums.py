"""Edges of the figures of reports: what counts as output, which target holds, and which rows are behind them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from collection.models import Chemistry
from recycling.models import EprReport, EprReportLine, EprTarget, ProcessLine, Stage
from recycling.queries import compliance, report_evidence
from recycling.queries.report_figure import Figure
from recycling.queries.report_lines import lines
from recycling.services import elements_taken, report_job, reports
from tests.recycling.chain import at, process
from tests.recycling.filing import drafted, scheme, value
from tests.world import INTENSITIES, World, batteries_at


def of(report: EprReport, metric: str, **dimensions: Any) -> EprReportLine:
    return EprReportLine.objects.get(report=report, metric=metric, **dimensions)


# Figures


def test_carbon_and_phosphorus_count_where_the_recycler_takes_them(world: World) -> None:
    """On both sides, or on none: of 360 kg, 50 kWh x 0.98 kg of graphite and x 0.39 kg of phosphorus."""
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1), model=world.lfp_pack, mass_value=Decimal(360))
    process(
        world, world.shredder, packs=packs, charged_at=at(2025, 4, 1),
        makes=[("copper", "100", {"Cu": "0.18", "graphite": "0.4", "P": "0.1"})],
    )  # fmt: skip
    carbon, phosphorus = (50 * Decimal(INTENSITIES["LFP"].get(element, "0")) for element in ("graphite", "P"))
    report = drafted(world, producer=world.other_producer)
    line = of(report, "recycling_efficiency")
    assert (line.numerator, line.denominator) == (18, 360 - carbon - phosphorus)
    assert value(report, "element_recovered", breakdown="element", element="graphite") == 40
    elements_taken.choose(
        actor=world.actor(world.recycler, "manager"), recycler=world.recycler, year=2025, elements=["C"]
    )
    reports.recompute(actor=world.actor(world.other_producer), report=report)
    assert report_job.compute(report.pk)
    line = of(report, "recycling_efficiency")
    assert (line.numerator, line.denominator) == (18 + 40, 360 - phosphorus) and "elements C" in line.note


def test_each_family_has_its_own_output(world: World) -> None:
    """Of 23.4 and 27.5 kg of copper in packs of two families, half was recovered."""
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    packs += batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1), model=world.lfp_pack, producer=world.producer)
    Chemistry.objects.filter(pk="LFP").update(family="lead")
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1), makes=[("copper", "25.45", {})])
    found = drafted(world).lines.filter(metric="recycling_efficiency").values_list("family", "numerator")
    assert dict(found) == {"lithium": Decimal("11.7"), "lead": Decimal("13.75")}


@pytest.mark.parametrize(
    ("start", "end", "is_one"),
    [
        ("2025-01-01", "2025-12-31", True),
        ("2025-01-01", "2025-12-30", False),
        ("2025-01-01", "2025-11-30", False),
        ("2025-01-02", "2025-12-31", False),
        ("2025-02-01", "2025-12-31", False),
        ("2024-01-01", "2025-12-31", False),
    ],
)
def test_the_reference_method_is_for_calendar_years(world: World, start: str, end: str, is_one: bool) -> None:
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
    period = {"period_start": date.fromisoformat(start), "period_end": date.fromisoformat(end)}
    note = of(drafted(world, **period), "recycling_efficiency").note
    assert ("calendar years" not in note) is is_one


def test_only_what_was_recycled_has_contents_to_know(world: World) -> None:
    """Of two that were collected, one was recycled; what it contains is known."""
    packs = batteries_at(world, world.plant_site, 2, at=at(2025, 3, 1))
    process(world, world.shredder, packs=packs[:1], charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
    report = drafted(world)
    assert value(report, "units_collected") == 2
    assert not report.lines.filter(note__contains="are not known").exists()


def test_contents_that_are_not_known_are_said_so(world: World) -> None:
    known = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    unknown = batteries_at(world, world.plant_site, 2, at=at(2025, 3, 1), model=None, producer=world.producer)
    process(world, world.shredder, packs=[*known, *unknown], charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
    report = drafted(world)
    assert "contents of 2 batteries are not known" in of(report, "element_content", element="Cu").note
    assert "contents of 2 batteries are not known" in of(report, "material_recovery", element="Cu").note
    assert of(report, "element_content", element="Cu").rows == 1


# Targets


def line_with(*targets: tuple[str, int], period_end: str = "2025-12-31", **fields: Any) -> EprReportLine:
    """A line on nickel beside those of the targets (day, percent) that are its own."""
    figure = Figure(metric="material_recovery", element="Ni", unit="%", value=Decimal(50))
    found = [
        EprTarget(
            applies_from=date.fromisoformat(day), percent=Decimal(percent), legal_status="reference",
            source=f"of {day}", **{"metric": "material_recovery", "element": "Ni", **fields},
        )
        for day, percent in targets
    ]  # fmt: skip
    (line,) = lines(EprReport(period_end=date.fromisoformat(period_end)), [figure], found)
    return line


def test_the_newest_target_that_holds_counts() -> None:
    line = line_with(("2025-01-01", 70), ("2020-01-01", 50), ("2030-01-01", 90))
    assert (line.target_percent, line.target_source, line.note) == (70, "of 2025-01-01", "")


def test_a_target_holds_from_its_day_on() -> None:
    assert line_with(("2025-12-31", 70)).target_percent == 70
    later = line_with(("2026-01-01", 70))
    assert later.target_percent is None and later.note == "target of 70 % from 2026-01-01 on (reference only)"


def test_of_targets_to_come_the_next_is_named() -> None:
    assert "80 % from 2027-12-31" in line_with(("2031-12-31", 90), ("2027-12-31", 80)).note


@pytest.mark.parametrize(
    "other", [{"metric": "recycling_efficiency"}, {"element": "Co"}, {"element": ""}, {"family": "lead"}]
)
def test_targets_of_other_figures_are_not_its_own(other: dict[str, str]) -> None:
    line = line_with(("2020-01-01", 50), **other)
    assert line.target_percent is None and line.note == "no numeric target is known"


def test_only_shares_have_targets() -> None:
    target = EprTarget(metric="mass_recycled", percent=Decimal(50), applies_from=date(2020, 1, 1))
    figure = Figure(metric="mass_recycled", unit="kg", value=Decimal(50))
    (line,) = lines(EprReport(period_end=date(2025, 12, 31)), [figure], [target])
    assert line.target_percent is None and line.note == ""


# The rows behind a figure


def test_a_facility_has_a_figure_for_each_method(world: World) -> None:
    leaching = ProcessLine.objects.create(plant=world.plant, name="Leaching", stage=Stage.HYDRO)
    packs = batteries_at(world, world.plant_site, 3, at=at(2025, 3, 1))
    for line, some in ((world.shredder, packs[:1]), (leaching, packs[1:])):
        process(world, line, packs=some, charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
    report = drafted(world)
    for method, charged in (("preprocess", packs[:1]), ("hydro", packs[1:])):
        line = of(report, "facility", method=method)
        assert of(report, "mass_charged", method=method).value == line.value
        assert (line.value, line.rows) == (400 * len(charged), len(charged))
        assert {row.battery_id for row in report_evidence.evidence_of(line)} == {pack.pk for pack in charged}


def test_behind_an_element_is_what_contains_it(world: World) -> None:
    with_nickel = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    without = batteries_at(
        world, world.plant_site, 2, at=at(2025, 3, 1), model=world.lfp_pack, producer=world.producer,
    )  # fmt: skip
    packs = [*with_nickel, *without]
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
    report = drafted(world)
    for element, behind in (("Ni", with_nickel), ("Cu", packs)):
        line = of(report, "element_content", element=element)
        assert line.rows == len(behind)
        assert {row.battery_id for row in report_evidence.evidence_of(line)} == {pack.pk for pack in behind}


def test_what_stayed_at_home_is_not_behind_what_was_exported(world: World) -> None:
    at_home = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    process(world, world.shredder, packs=at_home, charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
    packs = batteries_at(world, world.refinery_site, 2, at=at(2025, 3, 1))
    process(world, world.hydro, packs=packs, charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
    for line in drafted(world, scheme("eu_reference", counts_by="placed")).lines.filter(metric="mass_exported"):
        assert (line.value, line.rows) == (800, 2)
        assert {row.battery_id for row in report_evidence.evidence_of(line)} == {pack.pk for pack in packs}


# What a percentage rests on


def test_beside_every_percentage_stands_what_it_rests_on(world: World) -> None:
    """One pack of known content, one of which nothing is known: on the report's page, and on the start page."""
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    packs += batteries_at(
        world, world.plant_site, 1, at=at(2025, 3, 1), model=None, producer=world.producer, chemistry=None
    )
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
    report = drafted(world)
    line = of(report, "recycling_efficiency", family="lithium")
    assert "1 batteries are not known" in line.note and line.numerator == 5
    user = world.user(world.producer)
    (rate,) = (rate for rate in compliance.rates(user) if rate.line == line.pk)
    assert rate.rests == "rests on: 100.0 % assumed by chemistry"
    browser = Client()
    browser.force_login(user)
    for page in (f"/admin/recycling/eprreport/{report.pk}/change/", "/admin/"):
        assert "rests on: 100.0 % assumed by chemistry" in browser.get(page).content.decode()
