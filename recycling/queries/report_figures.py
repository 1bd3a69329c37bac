"""The figures of a report, from the sums of what is kept with it.

The same code computes a draft and verifies what was filed: it reads only what the report itself keeps. All arithmetic
is exact: the database adds up exact numerics, rounds each finest group once to `PLACES` decimals, and every total and
every breakdown is a sum of those same groups, so that they agree to the last digit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal, localcontext
from typing import Any

from django.utils.translation import gettext as _

from collection.models import Element
from recycling.models import Breakdown, EprReport, EprScheme, Metric
from recycling.queries.contents import EXACT
from recycling.queries.report_figure import HUNDRED, STEP, Figure
from recycling.queries.report_flows import documentation
from recycling.queries.report_methods import CURRENT_METHOD, METHODS, Method
from recycling.queries.report_names import shape_of
from recycling.queries.report_recovery import Recovery
from recycling.queries.report_sums import ElementGroup, Kept, MassGroup, PlacedGroup, kept

# From sums to figures


def figures(report: EprReport) -> list[Figure]:
    """The figures of a report, in the order in which its scheme asks for them."""
    shape = shape_of(report)
    if shape == EprScheme.Shape.RECYCLER:
        return list(documentation(report))
    with localcontext(EXACT):
        by_annex = _rule_of(report).by_annex
        build = (_ByAnnex if by_annex else _Builder)(report, kept(report, by_factors=not by_annex))
        return plausible([*_SHAPES[shape](build), *build.claimed(), *build.away()])


#: What cannot be more than what: (EU) 2025/2289, Annex III, part 2.
_NO_MORE_THAN = (
    (Metric.MASS_COLLECTED, Metric.MASS_PLACED),
    (Metric.MASS_EXPORTED, Metric.MASS_COLLECTED),
    (Metric.MASS_CHARGED, Metric.MASS_COLLECTED),
)


def plausible(found: list[Figure]) -> list[Figure]:
    """The same, with a note at what is more than it can be."""
    totals = {figure.metric: figure for figure in found if figure.breakdown == Breakdown.TOTAL}
    noted = {}
    for more, than in _NO_MORE_THAN:
        one, other = totals.get(more), totals.get(than)
        if one is not None and other is not None and (one.value or 0) > (other.value or 0):
            noted[one] = _("more than %(than)s: (EU) 2025/2289 asks for the reason") % {"than": Metric(than).label}
    return [figure.with_note(noted[figure]) if figure in noted else figure for figure in found]


class _Builder:
    """Adds groups up along the breakdowns that a shape asks for."""

    def __init__(self, report: EprReport, data: Kept) -> None:
        self.report, self.home = report, report.jurisdiction_id[:2]
        self.data = data
        self.rule = _rule_of(report)

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

    def collected(self, units: str | None, mass: str | None, breakdowns: Sequence[str]) -> Iterator[Figure]:
        """What was collected, by both places, too; then what came back from a further use, and what was lost."""
        yield from self.batteries("collected", units, mass, [*breakdowns, *self._places])
        if self.rule.shows_where:
            yield from self.batteries("returned", Metric.RETURNED_UNITS, mass and Metric.RETURNED_KG, [])
            yield from self.batteries("lost", Metric.LOST_UNITS, mass and Metric.LOST_KG, [])

    @property
    def _places(self) -> Sequence[str]:
        return (Breakdown.ORIGIN, Breakdown.MARKET) if self.rule.shows_where else ()

    def placed(self, units: str | None, mass: str | None) -> Iterator[Figure]:
        """Units and mass placed on the market: the total, then by chemistry."""
        reaching = self.data.across
        notes = (
            _("%(count)s market placements with %(units)s units reach beyond the period and are not counted")
            % {"count": sum(g.rows for g in reaching), "units": sum(g.units for g in reaching)},
        )
        yield from self._placed(self.data.placed, units, mass, notes if reaching else ())
        if self.rule.shows_periods_across and reaching:
            yield from self._placed(
                reaching, units and Metric.UNITS_ACROSS, mass and Metric.MASS_ACROSS, (_("not in what was placed"),)
            )

    def _placed(
        self, groups: Sequence[PlacedGroup], units: str | None, mass: str | None, notes: tuple[str, ...]
    ) -> Iterator[Figure]:
        for breakdown in (Breakdown.TOTAL, Breakdown.CHEMISTRY):
            for dimensions, members in _split(groups, breakdown):
                count = sum(g.rows for g in members)
                unknown = sum(g.without_mass for g in members)
                shared: dict[str, Any] = {
                    "breakdown": breakdown,
                    "rows": count,
                    "notes": () if breakdown else notes,
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

    def recycled(self, breakdowns: Sequence[str]) -> Iterator[Figure]:
        """What was charged is recycled."""
        yield from self.batteries("recycled", Metric.UNITS_RECYCLED, Metric.MASS_RECYCLED, breakdowns)

    def exported(self) -> Iterator[Figure]:
        """What left the country: whole batteries."""
        yield from self.batteries("recycled", None, Metric.MASS_EXPORTED, [Breakdown.COUNTRY], abroad=True)

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
                charged.setdefault((group.facility, group.method.split("+")[0]), []).append(group)
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

    def claimed(self) -> Iterator[Figure]:
        """What is claimed to be the producer's and not confirmed: lines of their own, which no other line or rate contains.

        Only where there is any, so that what was filed before claims were told apart has no such lines.
        """
        for fate, units, mass in (
            ("claimed_collected", Metric.CLAIMED_COLLECTED, Metric.CLAIMED_COLLECTED_KG),
            ("claimed_second_life", Metric.CLAIMED_REUSED, Metric.CLAIMED_REUSED_KG),
            ("claimed_recycled", Metric.CLAIMED_RECYCLED, Metric.CLAIMED_RECYCLED_KG),
        ):
            if any(group.fate == fate for group in self.data.masses):
                yield from self.batteries(fate, units, mass, [])
        yield from self._claimed_elements()

    def _claimed_elements(self) -> Iterator[Figure]:
        for metric, name in ((Metric.CLAIMED_CONTENT, "content"), (Metric.CLAIMED_RECOVERED, "recovered")):
            for element, members in _by_element(self.data.claimed_elements):
                yield Figure(
                    metric=metric,
                    unit="kg",
                    breakdown=Breakdown.ELEMENT,
                    element=element,
                    value=_mass(getattr(g, name) for g in members),
                    rows=sum(g.rows for g in members),
                )

    def away(self) -> Iterator[Figure]:
        """What was collected or placed on the market here and counts where the other happened: lines of their own, which no
        other line or rate contains. Only where there is any.
        """
        for fate, units, mass in (
            ("away_collected", Metric.AWAY_COLLECTED, Metric.AWAY_COLLECTED_KG),
            ("away_second_life", Metric.AWAY_REUSED, Metric.AWAY_REUSED_KG),
            ("away_recycled", Metric.AWAY_RECYCLED, Metric.AWAY_RECYCLED_KG),
            ("claimed_away", Metric.CLAIMED_AWAY, Metric.CLAIMED_AWAY_KG),
        ):
            if any(group.fate == fate for group in self.data.masses):
                yield from self.batteries(fate, units, mass, self._places)

    def _by_element(self) -> list[tuple[str, list[ElementGroup]]]:
        return _by_element(self.data.elements)

    def _percent(self, metric: str, numerator: Decimal, denominator: Decimal, **dimensions: Any) -> Figure:
        value = (HUNDRED * numerator / denominator).quantize(STEP) if denominator else None
        notes = self._content_notes()
        if not self.report.is_calendar_year:
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


class _ByAnnex(_Builder):
    """What became of the batteries, by the Annex of (EU) 2025/606."""

    def __init__(self, report: EprReport, data: Kept) -> None:
        super().__init__(report, data)
        self.became = Recovery(report, data.masses)

    def recycled(self, breakdowns: Sequence[str]) -> Iterator[Figure]:
        return self.became.became()

    def exported(self) -> Iterator[Figure]:
        return self.became.exported()

    def elements(self) -> Iterator[Figure]:
        return self.became.elements()

    def efficiency(self) -> Iterator[Figure]:
        return self.became.efficiency()

    def recovery(self) -> Iterator[Figure]:
        return self.became.recovery()

    def _claimed_elements(self) -> Iterator[Figure]:
        return self.became.claimed()


def _rule_of(report: EprReport) -> Method:
    return METHODS[report.method_version] if report.method_version else CURRENT_METHOD


def _by_element(of: Iterable[ElementGroup]) -> list[tuple[str, list[ElementGroup]]]:
    groups: dict[str, list[ElementGroup]] = {}
    for group in of:
        groups.setdefault(group.element, []).append(group)
    return [(element, groups[element]) for element in Element.values if element in groups]


def _mass(masses: Iterable[Decimal]) -> Decimal:
    return sum(masses, start=Decimal(0)).quantize(STEP)


#: Which fields of a group a breakdown keeps apart.
_KEPT_APART: dict[str, tuple[str, ...]] = {
    Breakdown.TOTAL: (),
    Breakdown.CHEMISTRY: ("family", "chemistry"),
    Breakdown.FAMILY: ("family",),
    Breakdown.METHOD: ("method",),
    Breakdown.DECISION: ("decision",),
    Breakdown.FACILITY: ("country", "facility"),
    Breakdown.COUNTRY: ("country",),
    Breakdown.MARKET: ("placed_in",),
    Breakdown.ORIGIN: ("collected_in",),
}

#: Which dimension of a figure shows such a field, where it is called otherwise.
_SHOWN_AS = {"placed_in": "origin", "collected_in": "origin"}


def _split[G: tuple[Any, ...]](groups: Sequence[G], breakdown: str) -> list[tuple[dict[str, Any], list[G]]]:
    """`groups` put together along a breakdown, in a fixed order; the total exists even of nothing."""
    names = _KEPT_APART[breakdown]
    together: dict[tuple[Any, ...], list[G]] = {} if names else {(): []}
    for group in groups:
        together.setdefault(tuple(getattr(group, name) for name in names), []).append(group)
    ordered = sorted(together.items(), key=lambda item: tuple((part is None, str(part or "")) for part in item[0]))
    dimensions = [_SHOWN_AS.get(name, name) for name in names]
    return [(dict(zip(dimensions, values, strict=True)), members) for values, members in ordered]


def _units(build: _Builder) -> Iterator[Figure]:
    """New Jersey: units placed on the market; what was collected is for information."""
    yield from build.placed(Metric.UNITS_PLACED, None)
    for figure in build.collected(Metric.UNITS_COLLECTED, None, [Breakdown.CHEMISTRY]):
        yield figure.with_note(_("for information"))


def _mass_shape(build: _Builder) -> Iterator[Figure]:
    """Colorado: mass collected by chemistry, recycled in total and by method, efficiency, list of facilities."""
    yield from build.collected(Metric.UNITS_COLLECTED, Metric.MASS_COLLECTED, [Breakdown.CHEMISTRY])
    yield from build.batteries("second_life", Metric.UNITS_SECOND_LIFE, Metric.MASS_SECOND_LIFE, [])
    yield from build.recycled([Breakdown.METHOD, Breakdown.CHEMISTRY])
    yield from build.efficiency()
    yield from build.facilities()


def _eu_reference(build: _Builder) -> Iterator[Figure]:
    """What Regulation (EU) 2023/1542 Art. 75 asks for, with efficiency and recovery by Annex XII."""
    yield from build.placed(Metric.UNITS_PLACED, Metric.MASS_PLACED)
    yield from build.collected(Metric.UNITS_COLLECTED, Metric.MASS_COLLECTED, [Breakdown.CHEMISTRY])
    yield from build.batteries("second_life", Metric.UNITS_SECOND_LIFE, Metric.MASS_SECOND_LIFE, [Breakdown.DECISION])
    yield from build.recycled([Breakdown.CHEMISTRY, Breakdown.METHOD, Breakdown.FACILITY])
    yield from build.exported()
    yield from build.elements()
    yield from build.efficiency()
    yield from build.recovery()
    yield from build.facilities()


_SHAPES: dict[EprScheme.Shape, Callable[[_Builder], Iterator[Figure]]] = {
    EprScheme.Shape.UNITS: _units,
    EprScheme.Shape.MASS: _mass_shape,
    EprScheme.Shape.EU_REFERENCE: _eu_reference,
}
