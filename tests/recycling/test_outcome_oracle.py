"""Outcomes, and producers' figures, against an oracle that follows every battery forward (`outcome_oracle`), on generated worlds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from collection.models.facilities import Permit
from recycling.models import EprReport, Outcome
from recycling.queries.report_figure import Figure
from recycling.queries.report_figures import figures
from recycling.services import factors, report_evidence
from tests.recycling import filing
from tests.recycling import outcome_oracle as oracle
from tests.recycling import outcome_plans as plans_of
from tests.recycling import outcome_worlds as worlds
from tests.recycling.graphs import rolled_back
from tests.recycling.outcome_corrections import correct
from tests.recycling.outcome_plans import YEAR
from tests.recycling.outcome_worlds import Setting
from tests.world import World

pytestmark = pytest.mark.django_db

ZERO = Fraction(0)

#: Kilograms: sums of groups that the database rounds to nine decimals.
NEAR = Fraction(1, 10**6)


@pytest.fixture
def setting(world: World) -> Setting:
    return worlds.setting(world)


def stored() -> dict[tuple[int, str], dict[oracle.Way, Fraction]]:
    found: dict[tuple[int, str], dict[oracle.Way, Fraction]] = defaultdict(dict)
    for row in Outcome.objects.all():
        found[row.batch_id, row.element][oracle.Way(row.became, row.facility_id, row.country)] = Fraction(row.share)
    return found


def tell(
    trace: oracle.Trace, batch: int, element: str, shares: dict[oracle.Way, Fraction], expected: oracle.Ways
) -> str:
    """All about a batch whose share differs."""
    lines = [f"{batch} {element or 'whole'}: {trace.batches[batch]}"]
    lines += [
        f"  {way}: stored {float(shares.get(way, 0))}, followed {float(expected.get(way, 0))}"
        for way in {*shares, *expected}
    ]
    for one in sorted(trace.reached(batch)):
        charged = {name: round(float(kg), 3) for name, kg in trace.charged[one].items()}
        lines.append(f"  {one} {trace.batches[one].status}, known {float(trace.known[one])}: charged {charged}")
        lines += [
            f"    battery {pack.kg} kg {'known' if pack.listed else '?'}"
            for pack in trace.batteries
            if pack.batch == one
        ]
        lines += [f"    made {lot}" for lot in trace.made[one]]
    return "\n".join(lines)


def check_shares(trace: oracle.Trace) -> None:
    """Share by share; those of one batch and element add up to 1."""
    found = stored()
    for (batch, element), shares in found.items():
        assert sum(shares.values()) == 1, (batch, element)
        assert trace.batches[batch].status != "void"
        assert trace.charged[batch].get(element) or len(shares) == 1, "of what weighs nothing, nothing came out"
    for batch, charged in trace.charged.items():
        for element, kg in charged.items():
            shares = found.get((batch, element), {})
            expected = trace.follow(batch, element, Fraction(1))
            assert shares or not kg, (batch, element)
            blur = trace.blur(batch, element)
            for way in {*shares, *expected} if shares else ():
                if abs(shares.get(way, ZERO) - expected.get(way, ZERO)) > blur:
                    raise AssertionError(tell(trace, batch, element, shares, expected))


METRICS = {
    "mass_used_again": {"second_life"}, "mass_energy": {"energy"}, "mass_landfilled": {"landfilled"},
    "mass_passed_on": {"passed_on"}, "mass_pending": {"pending"}, "mass_lost": {"lost"}, "mass_recycled": oracle.RECOVERED,
}  # fmt: skip
OF_ELEMENTS = {
    "element_recovered": oracle.RECOVERED, "element_pending": {"pending"}, "element_residue": {"landfilled", "energy"},
    "element_passed_on": {"passed_on", "second_life"}, "element_lost": {"lost"},
}  # fmt: skip


def near(figure: Decimal | None, kg: Fraction) -> bool:
    return figure is not None and abs(Fraction(figure) - kg) <= NEAR


class Lines:
    """The figures of a report, as computed now; nothing is 0."""

    def __init__(self, report: EprReport) -> None:
        report_evidence.gather(report, lambda _percent, _step: None)
        self.found: dict[tuple[str, str], dict[str, Figure]] = defaultdict(dict)
        for line in figures(report):
            dimension = line.method or line.country or line.element or line.family or line.chemistry
            self.found[line.metric, line.breakdown][dimension or ""] = line

    def of(self, metric: str, breakdown: str = "", subject: str = "") -> Decimal:
        line = self.found[metric, breakdown].get(subject)
        return (line and line.value) or Decimal(0)


def check_report(report: EprReport, trace: oracle.Trace, setting: Setting, proven: set[int]) -> None:
    """All that the report says of what was charged."""
    lines = Lines(report)
    mine = [
        one
        for one in trace.batteries
        if one.producer == report.producer_id and one.year == YEAR and trace.batches[one.batch].status == "closed"
    ]
    expected, claimed = (
        oracle.report(trace, [one for one in mine if one.is_claimed == is_claimed], YEAR, "US", proven, setting.taken)
        for is_claimed in (False, True)
    )
    assert lines.of("units_charged") == expected.units
    assert lines.of("claimed_recycled") == claimed.units and near(lines.of("claimed_recycled_kg"), claimed.charged)
    check_masses(lines, expected)
    check_elements(lines, "element_content", OF_ELEMENTS, expected)
    check_elements(lines, "claimed_content", {"claimed_recovered": oracle.RECOVERED}, claimed)
    for metric, breakdown, rates in (
        ("recycling_efficiency", "family", expected.efficiency), ("material_recovery", "element", expected.recovery),
    ):  # fmt: skip
        for subject, (out, went_in) in rates.items():
            if subject and (went_in or metric == "recycling_efficiency"):
                line = lines.found[metric, breakdown][subject]
                assert near(line.numerator, out) and near(line.denominator, went_in), (metric, subject)


def check_masses(lines: Lines, expected: oracle.Report) -> None:
    """What became of what was charged adds up to it, to the last digit."""
    assert near(lines.of("mass_charged"), expected.charged)
    for metric, kinds in METRICS.items():
        assert near(lines.of(metric), sum((expected.became[kind] for kind in kinds), ZERO)), metric
    assert sum(map(lines.of, METRICS)) == lines.of("mass_charged")
    assert lines.found["mass_charged", "method"].keys() == expected.by_method.keys()
    assert all(near(lines.of("mass_charged", "method", of), kg) for of, kg in expected.by_method.items())
    assert near(lines.of("mass_exported"), sum(expected.exported.values(), ZERO))
    assert lines.found["mass_exported", "country"].keys() == expected.exported.keys()
    assert all(near(lines.of("mass_exported", "country", to), kg) for to, kg in expected.exported.items())


def check_elements(lines: Lines, content: str, told: Mapping[str, set[str]], expected: oracle.Report) -> None:
    assert lines.found[content, "element"].keys() == expected.elements.keys() - {"other"}
    for element, ways in expected.elements.items():
        if element == "other":
            continue
        assert near(lines.of(content, "element", element), sum(ways.values(), ZERO)), element
        for metric, kinds in told.items():
            kg = sum((ways[kind] for kind in kinds), ZERO)
            assert near(lines.of(metric, "element", element), kg), (metric, element)


def check(setting: Setting, reports: list[EprReport], proven: set[int]) -> None:
    factors.refresh()
    trace = worlds.trace()
    check_shares(trace)
    for report in reports:
        check_report(report, trace, setting, proven)


def equal_abroad(world: World) -> set[int]:
    Permit.objects.create(
        facility=world.refinery_site, kind=Permit.Kind.EQUIVALENT, number="X1", valid=(date(2020, 1, 1), None)
    )
    return {world.refinery_site.pk}


#: Each example is several worlds, which take long to be made smaller: add `Phase.shrink` to look for the smallest.
GENERATED = settings(
    max_examples=8, deadline=None, suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)  # fmt: skip


@GENERATED
@given(plans=st.lists(plans_of.worlds, min_size=5, max_size=8), is_proven=st.booleans())
def test_what_is_followed_forward_is_what_the_report_says(
    setting: Setting, plans: list[plans_of.Plan], is_proven: bool
) -> None:
    with rolled_back():
        reports = [
            filing.asked(setting.world, producer=one) for one in {setting.world.producer, setting.world.other_producer}
        ]
        proven = equal_abroad(setting.world) if is_proven else set()
        built = worlds.build(setting, plans)
        check(setting, reports, proven)
        for batches, plan in zip(built, plans, strict=True):
            correct(batches, plan.corrections)
        check(setting, reports, proven)
