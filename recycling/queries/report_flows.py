"""The figures of a recycler's documentation: parts 1 and 2 of the template for its stream (Annex of (EU) 2025/606, 7 and 9).

Part 1, for all and for each place of collection: what entered, and line by line input, output at home and abroad, efficiency and
recovery. Part 2, for each facility of the chain: what entered the step, what it passed on, and its outputs, which add up to
those of part 1. Beside them what the input rests on, and what warns by Implementing Regulation (EU) 2025/2289.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.utils.translation import gettext as _

from collection.models import Facility, Material
from recycling.models import Breakdown, EprName, EprReport, Metric
from recycling.queries.annex import (
    BASES_IN_ORDER,
    LINES,
    OPTIONAL,
    TARGETS,
    Basis,
    Fate,
    Feed,
    Flow,
    Graph,
    Left,
    Made,
    Rates,
    Step,
    counted_lines,
    follow,
    in_lines,
    rates,
)
from recycling.queries.contents import apart
from recycling.queries.report_figure import STEP, Figure
from recycling.queries.report_names import Names

#: How the lines of the template are called here: carbon is graphite and other carbon, iron is that of active materials.
CODES = {"C": "carbon", "Fe": "Fe-cell"}

#: From what percentage on a figure is asked for its reason ((EU) 2025/2289, Annex III, part 2 F.7, F.9 to F.11).
EFFICIENCY_WARNS = {"lithium": 80}
OTHERS_WARN = 75
RECOVERY_WARNS = 99
LITHIUM_WARNS = 70


def graph_of(report: EprReport) -> Graph:
    """All that the report keeps, to be followed."""
    steps = {row.batch_id: row for row in report.steps.all()}
    return Graph(
        {pk: Step(row.facility_id, row.country, row.stage) for pk, row in steps.items()},
        [
            Feed(
                row.batch_id, row.year, row.origin, row.family, Basis(row.basis), row.batteries, Fraction(row.mass_kg),
                Fraction(row.dry_kg), _content(row.content),
            )
            for row in report.feeds.order_by("number")
        ],
        [
            Made(
                row.lot_id, row.batch_id, row.year, row.material, row.is_intermediate, row.is_slag, row.is_substitute,
                row.is_battery, Fraction(row.dry_kg), _content(row.content), row.is_known, Fate(row.fate), row.into_id,
                row.into_year,
            )
            for row in report.lots.order_by("lot")
        ],
        {row.facility_id for row in steps.values() if row.is_proven},
    )  # fmt: skip


def _content(written: dict[str, str]) -> dict[str, Fraction]:
    return {element: Fraction(kg) for element, kg in written.items()}


def documentation(report: EprReport) -> Iterator[Figure]:
    """All figures, in the order of the template."""
    names = Names(report)
    said = names.details(EprName.Kind.SCHEME, report.scheme_id)
    families = said["families"].split() if said else report.scheme.families
    year = report.period_start.year
    graph = graph_of(report)
    first = {row.batch_id for row in report.steps.all() if row.is_first}
    flow = follow(graph, first, year, frozenset(families), report.jurisdiction_id[:2])
    lines = counted_lines(year, report.elements_taken)
    yield from _entering(flow)
    yield from _resting(flow)
    yield from _part_1(flow, lines, families)
    places = sorted({entered.feed.origin for entered in flow.entered})
    for place in places if len(places) > 1 else ():
        yield from _part_1(flow, lines, families, place)
    yield from _part_2(report, graph, flow, lines, names)


def _figure(metric: str, kg: Fraction | None, **more: Any) -> Figure:
    return Figure(metric=metric, unit="kg", value=None if kg is None else _rounded(kg), **more)


def _rounded(number: Fraction) -> Decimal:
    """To the step of a figure, half to even, from an exact number."""
    return Decimal(round(number / Fraction(STEP))) * STEP


def _percent(metric: str, out: Fraction, went_in: Fraction, notes: Sequence[str], **more: Any) -> Figure:
    value = _rounded(100 * out / went_in) if went_in else None
    return Figure(
        metric=metric, unit="%", value=value, numerator=_rounded(out), denominator=_rounded(went_in), notes=tuple(notes),
        **more,
    )  # fmt: skip


def _entering(flow: Flow) -> Iterator[Figure]:
    """What entered the complete recycling: wet mass and batteries, by chemistry and by place of collection."""
    masses: dict[str, Fraction] = defaultdict(Fraction)
    batteries: dict[str, Fraction] = defaultdict(Fraction)
    for feed, part in flow.entered:
        masses[feed.origin] += feed.mass * part
        batteries[feed.origin] += feed.batteries * part
    yield _figure(Metric.ENTERED, sum(masses.values(), Fraction(0)), rows=int(sum(batteries.values())))
    for origin, mass in sorted(masses.items()):
        yield _figure(Metric.ENTERED, mass, breakdown=Breakdown.ORIGIN, origin=origin, rows=int(batteries[origin]))
    outside = sum((lot.dry for lot in flow.outside), Fraction(0))
    if outside:
        yield _figure(Metric.ENTERED_OUTSIDE, outside, rows=len(flow.outside))


def _resting(flow: Flow) -> Iterator[Figure]:
    """What the input rests on, as shares of its dry mass, and what is still pending."""
    sums: dict[Basis, Fraction] = defaultdict(Fraction)
    for feed, part in flow.entered:
        sums[feed.basis] += feed.dry * part
    total = sum(sums.values(), Fraction(0))
    for basis in BASES_IN_ORDER:
        if sums[basis]:
            yield _percent(Metric.RESTS_ON, sums[basis], total, (), breakdown=Breakdown.BASIS, basis=basis)
    pending = sum((sum(left.shares.values()) for left in flow.left if left.fate == Fate.PENDING), Fraction(0))
    if pending:
        yield _percent(Metric.RESTS_ON, pending, total, (), breakdown=Breakdown.BASIS, basis="pending")


def _part_1(flow: Flow, lines: Sequence[str], families: Sequence[str], place: str | None = None) -> Iterator[Figure]:
    """Lines that are not taken into account are empty, in the input and in the output."""
    found = rates(flow, tuple(lines), place)
    split: dict[str, Any] = (
        {"breakdown": Breakdown.ELEMENT} if place is None else {"breakdown": Breakdown.ORIGIN, "origin": place}
    )
    for metric, content in (
        (Metric.INPUT_FRACTION, found.input),
        (Metric.OUTPUT_HOME, found.home),
        (Metric.OUTPUT_ABROAD, found.abroad),
        (Metric.OUTPUT_FRACTION, {line: found.home[line] + found.abroad[line] for line in (*lines, *OPTIONAL)}),
    ):
        for line in _lines(lines):
            taken = line in lines
            yield _figure(
                metric, content[line] if taken else None, element=CODES.get(line, line),
                notes=() if taken else (_("not taken into account"),), **split,
            )  # fmt: skip
    whole = {} if place is None else split
    yield _figure(Metric.INPUT_FRACTION, found.input_kg, **whole)
    yield _figure(Metric.OUTPUT_FRACTION, found.output_kg, **whole)
    notes = _warnings(flow, found, families)
    yield _percent(
        Metric.RECYCLING_EFFICIENCY, found.output_kg, found.input_kg, notes,
        **({"breakdown": Breakdown.FAMILY, "family": families[0]} | ({"origin": place} if place else {})),
    )  # fmt: skip
    for target in TARGETS:
        yield _percent(
            Metric.MATERIAL_RECOVERY, found.target_output[target], found.target_input[target],
            _recovery_notes(found, target), element=target, **split,
        )  # fmt: skip


def _lines(lines: Iterable[str]) -> list[str]:
    return [line for line in LINES if line in lines or line in OPTIONAL]


def _warnings(flow: Flow, found: Rates, families: Sequence[str]) -> list[str]:
    notes = []
    share = found.efficiency
    limit = EFFICIENCY_WARNS.get(families[0], OTHERS_WARN)
    if share is not None and 100 * share > limit:
        notes.append(_("above %(limit)s %%: (EU) 2025/2289 asks for the reason") % {"limit": limit})
    over = [line for line in found.lines if found.home[line] + found.abroad[line] > found.input[line]]
    if over:
        notes.append(_("more out than in: %(lines)s") % {"lines": ", ".join(over)})
    pending = sum((sum(left.shares.values()) for left in flow.left if left.fate == Fate.PENDING), Fraction(0))
    if pending and found.input_kg:
        notes.append(
            _("%(percent)s %% of the input are pending in intermediates")
            % {"percent": round(float(100 * pending / found.input_kg), 1)}
        )
    if flow.unknown_feed:
        notes.append(
            _("shared by mass with %(kg)s kg of unknown content in the same batches")
            % {"kg": round(float(flow.unknown_feed), 1)}
        )
    return notes


def _recovery_notes(found: Rates, target: str) -> list[str]:
    share, notes = found.recovery(target), []
    if share is None:
        if target == "Cu" and found.input["Cu"]:
            return [_("how much of the copper is of collectors is not known")]
        return [_("none of it went in")]
    limit = LITHIUM_WARNS if target == "Li" else RECOVERY_WARNS
    if 100 * share > limit:
        notes.append(_("above %(limit)s %%: (EU) 2025/2289 asks for the reason") % {"limit": limit})
    return notes


def _part_2(report: EprReport, graph: Graph, flow: Flow, lines: Sequence[str], kept: Names) -> Iterator[Figure]:
    """The steps are the facilities; their inputs and outputs add up to those of part 1, since intermediates are neither."""
    names = {pk: kept.name(EprName.Kind.MATERIAL, pk, name) for pk, name in Material.objects.values_list("pk", "name")}
    said = {row.lot_id: row for row in report.lots.all()}
    left: dict[int, list[Left]] = defaultdict(list)
    for one in flow.left:
        left[one.step.facility].append(one)
    entered, passed = _entered_at(graph, flow, lines), _passed_on(graph)
    countries = {step.facility: step.country for step in graph.steps.values()}
    sites = {
        pk: kept.name(EprName.Kind.FACILITY, pk, site.name) for pk, site in Facility.objects.in_bulk(countries).items()
    }
    for site in sorted(set(left) | set(entered) | set(passed)):
        where: dict[str, Any] = {
            "breakdown": Breakdown.FACILITY, "facility": site, "country": countries[site],
        }  # fmt: skip
        yield _figure(Metric.STEP_INPUT, entered[site], **where)
        for material, target, kg in passed.get(site, ()):
            notes = (_("%(material)s to %(site)s") % {"material": names[material], "site": sites[target]},)
            yield _figure(Metric.STEP_PASSED_ON, kg, notes=notes, **where)
        sums: dict[str, Fraction] = defaultdict(Fraction)
        fractions: dict[str, set[str]] = defaultdict(set)
        for one in left[site]:
            fraction = "; ".join(filter(None, (names[one.made.material], said[one.made.lot].destination)))
            for line, kg in in_lines(_of_elements(one)).items() if one.counts else ():
                if line in lines and kg:
                    sums[line] += kg
                    fractions[line].add(fraction)
        for line in filter(sums.get, lines):
            code = CODES.get(line, line)
            yield _figure(Metric.STEP_OUTPUT, sums[line], element=code, notes=tuple(sorted(fractions[line])), **where)
        yield _figure(Metric.STEP_OUTPUT, sum(sums.values(), Fraction(0)), **where)


def _of_elements(left: Left) -> dict[str, Fraction]:
    """What of the input left with a lot, wherever that was collected."""
    content: dict[str, Fraction] = defaultdict(Fraction)
    for (_place, element), kg in left.shares.items():
        content[element] += kg
    return content


def _entered_at(graph: Graph, flow: Flow, lines: Sequence[str]) -> dict[int, Fraction]:
    """Of the input fraction, what entered the chain at each facility."""
    entered: dict[int, Fraction] = defaultdict(Fraction)
    parts = [(feed.batch, feed.whole, part) for feed, part in flow.entered]
    parts += [(lot.into or 0, apart(lot.content), Fraction(1)) for lot in flow.outside]
    for batch, content, part in parts:
        entered[graph.steps[batch].facility] += part * sum(
            (kg for line, kg in in_lines(content).items() if line in lines), Fraction(0)
        )
    return entered


def _passed_on(graph: Graph) -> dict[int, list[tuple[str, int, Fraction]]]:
    """Intermediates that a facility passed on to another step: material, where to, kilograms (dry)."""
    sums: dict[tuple[int, str, int], Fraction] = defaultdict(Fraction)
    for lot in graph.lots:
        step, following = graph.steps.get(lot.batch or 0), graph.steps.get(lot.into or 0)
        if lot.is_intermediate and step is not None and following is not None:
            sums[step.facility, lot.material, following.facility] += lot.dry
    found: dict[int, list[tuple[str, int, Fraction]]] = defaultdict(list)
    for (site, material, target), kg in sorted(sums.items()):
        found[site].append((material, target, kg))
    return found
