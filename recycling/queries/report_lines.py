"""From the evidence kept with a report to its figures.

The same code computes a draft and verifies what was filed: it reads only what the report itself keeps. All arithmetic
is exact: the database adds up exact numerics, rounds each finest group once to `PLACES` decimals, and every total and
every breakdown is a sum of those same groups, so that they agree to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from typing import Any

from django.utils.translation import gettext as _

from collection.models import Element
from recycling.models import Breakdown, EprReport, EprReportLine, EprScheme, EprTarget, Metric
from recycling.queries.report_groups import PLACES, ElementGroup, Kept, MassGroup, kept

STEP = Decimal(1).scaleb(-PLACES)

#: Wide enough that no sum or product of figures is ever rounded by the context.
EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)

HUNDRED = Decimal(100)


@dataclass(frozen=True)
class Method:
    """A version of how efficiency and recovery are computed, with the choices that the regulation leaves open.

    Reference method: Regulation (EU) 2023/1542 Art. 3(60) and Annex XII. The Annex of Delegated Regulation (EU)
    2025/606 was not read; what is chosen here is recorded with each report.
    """

    version: str
    counted: frozenset[str]
    materials: tuple[str, ...]
    choices: tuple[str, ...]


METHODS = {
    method.version: method
    for method in (
        Method(
            version="relode-2026.1 (EU 2023/1542 reference)",
            counted=frozenset(
                {Element.LI, Element.NI, Element.CO, Element.MN, Element.CU, Element.AL, Element.FE, Element.REE}
            ),
            materials=(Element.CO, Element.CU, Element.LI, Element.NI),
            choices=(
                "input fraction: mass of the waste batteries as charged, with casing",
                "output fraction: element mass recovered in products; oxygen, water and reagents never count",
                "carbon (graphite) and phosphorus are left out of the output fraction and kept in the input fraction",
                "black mass and other intermediates are pending, never an output",
                "batteries that went to a further use are no input",
                "lead is not followed, so its recovery is not computed",
                "the method of a battery is the stage of the line that it was charged into",
            ),
        ),
    )
}
CURRENT_METHOD = next(reversed(METHODS.values()))


@dataclass(frozen=True)
class Figure:
    """A line of a report before it has a position."""

    metric: str
    unit: str
    breakdown: str = Breakdown.TOTAL
    family: str = ""
    chemistry: str | None = None
    method: str = ""
    decision: str = ""
    facility: int | None = None
    country: str = ""
    element: str = ""
    value: Decimal | None = None
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    rows: int = 0
    without_mass: int = 0
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def key(self) -> tuple[Any, ...]:
        """What the figure is of; the same in a report and in its correction."""
        return (
            self.metric,
            self.breakdown,
            self.family,
            self.chemistry or "",
            self.method,
            self.decision,
            self.facility or 0,
            self.country,
            self.element,
        )

    def with_note(self, *notes: str) -> Figure:
        return replace(self, notes=(*self.notes, *notes))


def figure_of(line: EprReportLine) -> Figure:
    """A stored line as a figure, to compare."""
    return Figure(
        metric=line.metric,
        unit=line.unit,
        breakdown=line.breakdown,
        family=line.family,
        chemistry=line.chemistry_id,
        method=line.method,
        decision=line.decision,
        facility=line.facility_id,
        country=line.country,
        element=line.element,
        value=line.value,
        numerator=line.numerator,
        denominator=line.denominator,
        rows=line.rows,
        without_mass=line.without_mass,
    )


# From groups to figures


def figures(report: EprReport) -> list[Figure]:
    """The figures of a report, in the order in which its scheme asks for them."""
    with localcontext(EXACT):
        return list(_SHAPES[EprScheme.Shape(report.scheme.shape)](_Builder(report, kept(report))))


class _Builder:
    """Adds groups up along the breakdowns that a shape asks for."""

    def __init__(self, report: EprReport, data: Kept) -> None:
        self.home = report.jurisdiction_id[:2]
        self.data = data
        self.rule = METHODS.get(report.method_version, CURRENT_METHOD)
        self.is_calendar_year = (
            report.period_start.year == report.period_end.year
            and (report.period_start.month, report.period_start.day) == (1, 1)
            and (report.period_end.month, report.period_end.day) == (12, 31)
        )

    def batteries(
        self, fate: str, units: str | None, mass: str | None, breakdowns: Sequence[str], *, abroad: bool = False
    ) -> Iterator[Figure]:
        """Units and mass of one fate: the total, then each breakdown."""
        groups = [g for g in self.data.masses if g.fate == fate and (not abroad or g.country not in ("", self.home))]
        for breakdown in (Breakdown.TOTAL, *breakdowns):
            for dimensions, members in _split(groups, breakdown):
                count = sum(g.rows for g in members)
                unknown = sum(g.without_mass for g in members)
                if units is not None:
                    yield Figure(
                        metric=units, unit="units", breakdown=breakdown, value=Decimal(count), rows=count, **dimensions
                    )
                if mass is not None:
                    yield Figure(
                        metric=mass,
                        unit="kg",
                        breakdown=breakdown,
                        rows=count,
                        without_mass=unknown,
                        value=_mass(g.mass for g in members) if unknown < count or not count else None,
                        notes=(_("%(count)s without a mass are not in it") % {"count": unknown},) if unknown else (),
                        **dimensions,
                    )

    def placed(self, units: str | None, mass: str | None) -> Iterator[Figure]:
        """Units and mass placed on the market: the total, then by chemistry."""
        note = self.data.overlapping_placements
        notes = (_("%(count)s market placements reach beyond the period and are not counted") % {"count": note},)
        for breakdown in (Breakdown.TOTAL, Breakdown.CHEMISTRY):
            for dimensions, members in _split(self.data.placed, breakdown):
                count = sum(g.rows for g in members)
                unknown = sum(g.without_mass for g in members)
                shared: dict[str, Any] = {
                    "breakdown": breakdown,
                    "rows": count,
                    "notes": notes if note and not breakdown else (),
                    **dimensions,
                }
                if units is not None:
                    yield Figure(metric=units, unit="units", value=Decimal(sum(g.units for g in members)), **shared)
                if mass is not None:
                    yield Figure(
                        metric=mass,
                        unit="kg",
                        without_mass=unknown,
                        value=_mass(g.mass for g in members) if unknown < count or not count else None,
                        **shared,
                    )

    def elements(self) -> Iterator[Figure]:
        """What became of each element of the recycled batteries."""
        metrics = (
            (Metric.ELEMENT_CONTENT, "content"),
            (Metric.ELEMENT_RECOVERED, "recovered"),
            (Metric.ELEMENT_PENDING, "pending"),
            (Metric.ELEMENT_RESIDUE, "residue"),
            (Metric.ELEMENT_LOST, "lost"),
        )
        for metric, name in metrics:
            for element, members in self._by_element():
                yield Figure(
                    metric=metric,
                    unit="kg",
                    breakdown=Breakdown.ELEMENT,
                    element=element,
                    value=_mass(getattr(g, name) for g in members),
                    rows=sum(g.rows for g in members),
                    notes=self._content_notes(),
                )

    def efficiency(self) -> Iterator[Figure]:
        """Recycling efficiency per chemistry family: counted output fractions / input fraction, in %."""
        recycled = [g for g in self.data.masses if g.fate == "recycled" and g.family]
        for dimensions, members in _split(recycled, Breakdown.FAMILY):
            output = _mass(
                g.recovered
                for g in self.data.elements
                if g.family == dimensions["family"] and g.element in self.rule.counted
            )
            yield self._percent(
                Metric.RECYCLING_EFFICIENCY,
                output,
                _mass(g.mass for g in members),
                breakdown=Breakdown.FAMILY,
                rows=sum(g.rows for g in members),
                **dimensions,
            )

    def recovery(self) -> Iterator[Figure]:
        """Recovery of materials per element: mass recovered / mass contained in the recycled batteries, in %."""
        by_element = dict(self._by_element())
        for element in self.rule.materials:
            if members := by_element.get(element):
                yield self._percent(
                    Metric.MATERIAL_RECOVERY,
                    _mass(g.recovered for g in members),
                    _mass(g.content for g in members),
                    breakdown=Breakdown.ELEMENT,
                    rows=sum(g.rows for g in members),
                    element=element,
                )

    def facilities(self) -> Iterator[Figure]:
        """Every facility that processed the batteries or what came of them, with the mass of those charged there."""
        charged: dict[tuple[int | None, str], list[MassGroup]] = {}
        for group in self.data.masses:
            if group.fate == "recycled":
                charged.setdefault((group.facility, group.method), []).append(group)
        for site in self.data.sites:
            members = charged.get((site.facility, site.method), [])
            yield Figure(
                metric=Metric.FACILITY,
                unit="kg",
                breakdown=Breakdown.FACILITY,
                facility=site.facility,
                method=site.method,
                country=site.country,
                rows=sum(g.rows for g in members),
                value=_mass(g.mass for g in members) if members else None,
                notes=() if members else (_("further processing of what came out of the batteries"),),
            )

    def _by_element(self) -> list[tuple[str, list[ElementGroup]]]:
        groups: dict[str, list[ElementGroup]] = {}
        for group in self.data.elements:
            groups.setdefault(group.element, []).append(group)
        return [(element, groups[element]) for element in Element.values if element in groups]

    def _percent(self, metric: str, numerator: Decimal, denominator: Decimal, **dimensions: Any) -> Figure:
        value = (HUNDRED * numerator / denominator).quantize(STEP) if denominator else None
        notes = self._content_notes()
        if not self.is_calendar_year:
            notes = (_("the reference method is for calendar years"), *notes)
        if value is not None and value > HUNDRED:
            notes = (_("above 100 %: contents were estimated too low"), *notes)
        return Figure(
            metric=metric,
            unit="%",
            numerator=numerator,
            denominator=denominator,
            value=value,
            notes=notes,
            **dimensions,
        )

    def _content_notes(self) -> tuple[str, ...]:
        count = self.data.without_content
        return (_("contents of %(count)s batteries are not known") % {"count": count},) if count else ()


def _mass(masses: Iterable[Decimal]) -> Decimal:
    return sum(masses, start=Decimal(0)).quantize(STEP)


#: Which fields of a group a breakdown keeps apart.
_DIMENSIONS: dict[str, tuple[str, ...]] = {
    Breakdown.TOTAL: (),
    Breakdown.CHEMISTRY: ("family", "chemistry"),
    Breakdown.FAMILY: ("family",),
    Breakdown.METHOD: ("method",),
    Breakdown.DECISION: ("decision",),
    Breakdown.FACILITY: ("country", "facility"),
    Breakdown.COUNTRY: ("country",),
}


def _split[G: tuple[Any, ...]](groups: Sequence[G], breakdown: str) -> list[tuple[dict[str, Any], list[G]]]:
    """`groups` put together along a breakdown, in a fixed order; the total exists even of nothing."""
    names = _DIMENSIONS[breakdown]
    together: dict[tuple[Any, ...], list[G]] = {} if names else {(): []}
    for group in groups:
        together.setdefault(tuple(getattr(group, name) for name in names), []).append(group)
    ordered = sorted(together.items(), key=lambda item: tuple((part is None, str(part or "")) for part in item[0]))
    return [(dict(zip(names, values, strict=True)), members) for values, members in ordered]


def _units(build: _Builder) -> Iterator[Figure]:
    """New Jersey: units placed on the market; what was collected is for information."""
    yield from build.placed(Metric.UNITS_PLACED, None)
    for figure in build.batteries("collected", Metric.UNITS_COLLECTED, None, [Breakdown.CHEMISTRY]):
        yield figure.with_note(_("for information"))


def _mass_shape(build: _Builder) -> Iterator[Figure]:
    """Colorado: mass collected by chemistry, recycled in total and by method, efficiency, list of facilities."""
    yield from build.batteries("collected", Metric.UNITS_COLLECTED, Metric.MASS_COLLECTED, [Breakdown.CHEMISTRY])
    yield from build.batteries("second_life", Metric.UNITS_SECOND_LIFE, Metric.MASS_SECOND_LIFE, [])
    yield from build.batteries(
        "recycled", Metric.UNITS_RECYCLED, Metric.MASS_RECYCLED, [Breakdown.METHOD, Breakdown.CHEMISTRY]
    )
    yield from build.efficiency()
    yield from build.facilities()


def _eu_reference(build: _Builder) -> Iterator[Figure]:
    """What Regulation (EU) 2023/1542 Art. 75 asks for, with efficiency and recovery by Annex XII."""
    yield from build.placed(Metric.UNITS_PLACED, Metric.MASS_PLACED)
    yield from build.batteries("collected", Metric.UNITS_COLLECTED, Metric.MASS_COLLECTED, [Breakdown.CHEMISTRY])
    yield from build.batteries("second_life", Metric.UNITS_SECOND_LIFE, Metric.MASS_SECOND_LIFE, [Breakdown.DECISION])
    yield from build.batteries(
        "recycled",
        Metric.UNITS_RECYCLED,
        Metric.MASS_RECYCLED,
        [Breakdown.CHEMISTRY, Breakdown.METHOD, Breakdown.FACILITY],
    )
    yield from build.batteries("recycled", None, Metric.MASS_EXPORTED, [Breakdown.COUNTRY], abroad=True)
    yield from build.elements()
    yield from build.efficiency()
    yield from build.recovery()
    yield from build.facilities()


_SHAPES: dict[EprScheme.Shape, Callable[[_Builder], Iterator[Figure]]] = {
    EprScheme.Shape.UNITS: _units,
    EprScheme.Shape.MASS: _mass_shape,
    EprScheme.Shape.EU_REFERENCE: _eu_reference,
}


# Beside the targets


def lines(report: EprReport, found: Sequence[Figure], targets: Sequence[EprTarget]) -> list[EprReportLine]:
    """The figures as lines of `report`, each beside the target that holds at the end of the period, if any does."""
    return [_line(report, position, figure, targets) for position, figure in enumerate(found, start=1)]


def _line(report: EprReport, position: int, figure: Figure, targets: Sequence[EprTarget]) -> EprReportLine:
    line = EprReportLine(
        report=report,
        position=position,
        metric=figure.metric,
        breakdown=figure.breakdown,
        family=figure.family,
        chemistry_id=figure.chemistry,
        method=figure.method,
        decision=figure.decision,
        facility_id=figure.facility,
        country=figure.country,
        element=figure.element,
        value=figure.value,
        unit=figure.unit,
        numerator=figure.numerator,
        denominator=figure.denominator,
        rows=figure.rows,
        without_mass=figure.without_mass,
    )
    notes = list(figure.notes)
    if figure.unit == "%":
        own = sorted(
            (t for t in targets if (t.metric, t.family, t.element) == (figure.metric, figure.family, figure.element)),
            key=lambda t: t.applies_from,
        )
        holding = [t for t in own if t.applies_from <= report.period_end]
        coming = [t for t in own if t.applies_from > report.period_end]
        if holding:
            line.target_percent = holding[-1].percent
            line.target_status = holding[-1].legal_status
            line.target_source = holding[-1].source
        elif coming:
            notes.append(
                _("target of %(percent)s %% from %(day)s on (%(status)s)")
                % {
                    "percent": f"{coming[0].percent.normalize():f}",
                    "day": coming[0].applies_from.isoformat(),
                    "status": coming[0].get_legal_status_display(),
                }
            )
        else:
            notes.append(_("no numeric target is known"))
    line.note = "; ".join(notes)[:300]
    return line
