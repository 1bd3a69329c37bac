"""What became of what a producer's batteries were charged into: the figures by Delegated Regulation (EU) 2025/606, Annex.

Everything is read from what the report keeps. The database adds up exact numerics and rounds each finest group once; each
total and breakdown is a sum of those groups, so that what became of it adds up to what was charged, to the last digit.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from collection.models import PART_OF, Element
from recycling.models import RECOVERED, WHOLE, Became, Breakdown, EprBatch, EprEvidence, EprReport, Metric
from recycling.queries.annex import BASES_IN_ORDER, LINE_OF, TARGETS, Basis, counted_lines
from recycling.queries.report_figure import HUNDRED, STEP, Figure
from recycling.queries.report_flows import EFFICIENCY_WARNS, LITHIUM_WARNS, OTHERS_WARN, RECOVERY_WARNS
from recycling.queries.report_sums import PLACES, MassGroup

_ZERO = Decimal(0)


class Holding(NamedTuple):
    """How many batteries hold an element or a part of it."""

    fate: str
    element: str
    rows: int


class Content(NamedTuple):
    """Kilograms of an element, apart, that batteries of one family and basis contain."""

    fate: str
    family: str
    element: str
    basis: str
    rows: int
    kg: Decimal


class Part(NamedTuple):
    """Kilograms of an element, apart, and what they became; `taken` are the optional elements that count."""

    fate: str
    family: str
    taken: str
    element: str
    became: str
    facility: int
    kg: Decimal


class WholePart(NamedTuple):
    """Kilograms of batteries, and what they became, in which country."""

    fate: str
    family: str
    chemistry: str | None
    method: str
    became: str
    country: str
    kg: Decimal


#: What batteries of one batch and composition have in common is added up first. An analysis goes before the compositions;
#: what is not listed is “other”.
_CONTENTS = """
    WITH charged AS MATERIALIZED (
        SELECT e.fate, e.family, e.batch_id, e.basis, b.elements_taken, b.analysis,
            CASE WHEN b.analysis = '' THEN e.composition_id END AS composition_id,
            count(*) AS batteries, sum(e.content_kwh) AS kwh, sum(e.mass_kg) * (1 - b.moisture) AS kg
        FROM recycling_eprevidence e
        JOIN recycling_eprbatch b ON b.report_id = e.report_id AND b.batch_id = e.batch_id
        WHERE e.report_id = %(report)s AND e.fate IN ('recycled', 'claimed_recycled') AND e.basis <> 'unknown'
        GROUP BY 1, 2, 3, 4, 5, 6, 7, b.moisture
    ), listed AS (
        SELECT c.*, i.element, c.kwh * i.kg_per_kwh AS part
        FROM charged c
        JOIN recycling_eprintensity i ON i.report_id = %(report)s AND i.composition_id = c.composition_id
        WHERE c.analysis = ''
        UNION ALL
        SELECT c.*, i.element, c.kg * i.fraction
        FROM charged c
        JOIN recycling_eprinputshare i ON i.report_id = %(report)s AND i.batch_id = c.batch_id
        WHERE c.analysis <> ''
    ), content AS MATERIALIZED (
        SELECT fate, family, batch_id, basis, elements_taken, composition_id, element, batteries, part
        FROM listed WHERE part <> 0
        UNION ALL
        SELECT c.fate, c.family, c.batch_id, c.basis, c.elements_taken, c.composition_id, 'other', c.batteries,
            c.kg - coalesce(sum(l.part), 0)
        FROM charged c
        LEFT JOIN listed l ON (l.fate, l.family, l.batch_id, l.basis) = (c.fate, c.family, c.batch_id, c.basis)
            AND l.composition_id IS NOT DISTINCT FROM c.composition_id
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, c.kg
    )
"""

_HOLDING = f"""
    {_CONTENTS}
    SELECT fate, element, sum(batteries)::bigint FROM (
        SELECT DISTINCT fate, family, batch_id, basis, composition_id, batteries,
            coalesce(%(parts)s::jsonb ->> element, element) AS element
        FROM content
    ) holding
    GROUP BY 1, 2
"""  # noqa: S608 - composed of constants

_CONTENT = f"""
    {_CONTENTS}
    SELECT fate, family, element, basis, sum(batteries)::bigint, round(sum(part), {PLACES})
    FROM content GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""  # noqa: S608 - composed of constants

#: Outcomes are looked up one by one (`OFFSET 0`): the planner takes rows just written for none, and would read them all.
_PARTS = f"""
    {_CONTENTS}
    SELECT c.fate, c.family, c.elements_taken, c.element, o.became, o.facility_id, round(sum(c.part * o.share), {PLACES})
    FROM content c
    CROSS JOIN LATERAL (
        SELECT became, facility_id, share FROM recycling_eproutcome o
        WHERE o.report_id = %(report)s AND o.batch_id = c.batch_id AND o.element = c.element
        OFFSET 0
    ) o
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608 - composed of constants

_WHOLE = f"""
    WITH charged AS MATERIALIZED (
        SELECT fate, family, chemistry_id, method, batch_id, sum(mass_kg) AS kg
        FROM recycling_eprevidence
        WHERE report_id = %(report)s AND fate IN ('recycled', 'claimed_recycled')
        GROUP BY 1, 2, 3, 4, 5
    )
    SELECT c.fate, c.family, c.chemistry_id, c.method, o.became, o.country, round(sum(c.kg * o.share), {PLACES})
    FROM charged c
    CROSS JOIN LATERAL (
        SELECT became, country, share FROM recycling_eproutcome o
        WHERE o.report_id = %(report)s AND o.batch_id = c.batch_id AND o.element = '{WHOLE}'
        OFFSET 0
    ) o
    GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3, 4, 5, 6
"""  # noqa: S608 - composed of constants

#: How each part of what was charged is called.
_METRICS: Mapping[str, Metric] = {
    Became.SECOND_LIFE: Metric.MASS_USED_AGAIN,
    Became.ENERGY: Metric.MASS_ENERGY,
    Became.LANDFILLED: Metric.MASS_LANDFILLED,
    Became.PASSED_ON: Metric.MASS_PASSED_ON,
    Became.PENDING: Metric.MASS_PENDING,
}

#: What became of an element, together as lines show it.
_OF_ELEMENTS: tuple[tuple[Metric, tuple[str, ...]], ...] = (
    (Metric.ELEMENT_CONTENT, tuple(Became.values)),
    (Metric.ELEMENT_RECOVERED, RECOVERED),
    (Metric.ELEMENT_PENDING, (Became.PENDING,)),
    (Metric.ELEMENT_RESIDUE, (Became.LANDFILLED, Became.ENERGY)),
    (Metric.ELEMENT_PASSED_ON, (Became.PASSED_ON, Became.SECOND_LIFE)),
    (Metric.ELEMENT_LOST, (Became.LOST,)),
)


class Recovery:
    """The figures of what became of the batteries that were charged, of those whose producer is confirmed."""

    fate = "recycled"

    def __init__(self, report: EprReport, masses: Sequence[MassGroup]) -> None:
        self.report, self.home = report, report.jurisdiction_id[:2]
        self.masses = [group for group in masses if group.fate == self.fate]
        self.holding = {(row.fate, row.element): row.rows for row in _rows(report, _HOLDING, Holding._make)}
        self.all_contents = _rows(report, _CONTENT, Content._make)
        self.all_parts = _rows(report, _PARTS, Part._make)
        self.contents = [row for row in self.all_contents if row.fate == self.fate]
        self.parts = [row for row in self.all_parts if row.fate == self.fate]
        self.whole = [row for row in _rows(report, _WHOLE, WholePart._make) if row.fate == self.fate]

    @cached_property
    def counting_abroad(self) -> set[int]:
        """Facilities abroad whose conditions are shown to equal those at home (Regulation (EU) 2023/1542, Art. 72(3))."""
        return set(self.report.sites.filter(is_proven=True).values_list("facility", flat=True))

    @cached_property
    def countries(self) -> Mapping[int, str]:
        return dict(self.report.sites.values_list("facility", "country"))

    @cached_property
    def batches(self) -> list[EprBatch]:
        return list(self.report.batches.order_by("batch"))

    # What was charged, and what became of it

    def became(self) -> Iterator[Figure]:
        """Of the mass that was charged: what was recovered, used again, pending, lost; they add up to it."""
        for breakdown in (Breakdown.TOTAL, Breakdown.METHOD, Breakdown.CHEMISTRY):
            groups: dict[tuple[tuple[str, Any], ...], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
            for row in self.whole:
                groups[_dimensions(row, breakdown)][row.became] += row.kg
            charged: dict[tuple[tuple[str, Any], ...], list[MassGroup]] = defaultdict(list)
            if breakdown == Breakdown.TOTAL:
                charged[()] = []
            for group in self.masses:
                charged[_dimensions(group, breakdown)].append(group)
            for key in sorted(charged, key=lambda key: [(value is None, str(value)) for _name, value in key]):
                yield from self._became(breakdown, dict(key), charged[key], groups[key])

    def _became(
        self, breakdown: str, dimensions: Mapping[str, Any], charged: Sequence[MassGroup], became: Mapping[str, Decimal]
    ) -> Iterator[Figure]:
        rows = sum(group.rows for group in charged)
        shared: dict[str, Any] = {"breakdown": breakdown, "rows": rows, **dimensions}
        mass = _sum(group.mass for group in charged)
        yield Figure(metric=Metric.UNITS_CHARGED, unit="units", value=Decimal(rows), **shared)
        yield Figure(metric=Metric.MASS_CHARGED, unit="kg", value=mass, **shared)
        told = {Metric.MASS_RECYCLED: _sum(became.get(kind, _ZERO) for kind in RECOVERED)}
        told |= {metric: _sum([became.get(kind, _ZERO)]) for kind, metric in _METRICS.items()}
        told[Metric.MASS_LOST] = (mass - sum(told.values())).quantize(STEP)
        for metric, kg in told.items():
            if kg or metric == Metric.MASS_RECYCLED:
                yield Figure(metric=metric, unit="kg", value=kg, **shared)

    def exported(self) -> Iterator[Figure]:
        """Of the mass that was charged, what went abroad: as batteries, or as what came out of them, such as black mass."""
        abroad = [row for row in self.whole if row.country not in ("", self.home)]
        yield Figure(
            metric=Metric.MASS_EXPORTED, unit="kg", value=_sum(row.kg for row in abroad),
            rows=sent_abroad(self.report).count(),
        )  # fmt: skip
        for country in sorted({row.country for row in abroad}):
            yield Figure(
                metric=Metric.MASS_EXPORTED, unit="kg", breakdown=Breakdown.COUNTRY, country=country,
                value=_sum(row.kg for row in abroad if row.country == country),
                rows=sent_abroad(self.report, country).count(),
            )  # fmt: skip

    def elements(self) -> Iterator[Figure]:
        """What became of each element; with its parts."""
        for metric, kinds in _OF_ELEMENTS:
            for element in Element.values:
                of = [row for row in self.parts if PART_OF.get(row.element, row.element) == element]  # type: ignore[call-overload]
                if of and element != Element.OTHER:
                    yield Figure(
                        metric=metric, unit="kg", breakdown=Breakdown.ELEMENT, element=element,
                        value=_sum(row.kg for row in of if row.became in kinds), rows=self._rows_with(element),
                        notes=self._unknown(),
                    )  # fmt: skip

    def claimed(self) -> Iterator[Figure]:
        """Content and what was recovered of what is only claimed to be the producer's."""
        of = [row for row in self.all_parts if row.fate == "claimed_recycled" and row.element != Element.OTHER]
        for metric, kinds in ((Metric.CLAIMED_CONTENT, tuple(Became.values)), (Metric.CLAIMED_RECOVERED, RECOVERED)):
            for element in Element.values:
                with_parts = [row for row in of if PART_OF.get(row.element, row.element) == element]  # type: ignore[call-overload]
                if with_parts:
                    yield Figure(
                        metric=metric, unit="kg", breakdown=Breakdown.ELEMENT, element=element,
                        value=_sum(row.kg for row in with_parts if row.became in kinds),
                        rows=self._rows_with(element, "claimed_recycled"),
                    )  # fmt: skip

    # Rates

    def efficiency(self) -> Iterator[Figure]:
        """Recycling efficiency of each family (Annex, 2(1)), and what it rests on."""
        for family in sorted({group.family for group in self.masses if group.family}):
            of = [row for row in self.parts if row.family == family and self._counts(row)]
            went_in = [row for row in of if row.became != Became.SECOND_LIFE]
            out = [row for row in went_in if row.became in RECOVERED]
            subject: dict[str, Any] = {"family": family}
            yield self._percent(
                Metric.RECYCLING_EFFICIENCY, out, went_in, EFFICIENCY_WARNS.get(family, OTHERS_WARN), subject,
                Breakdown.FAMILY, sum(group.rows for group in self.masses if group.family == family),
                (*self._unknown(), *self._taken(family)),
            )  # fmt: skip
            masses = [group for group in self.masses if group.family == family]
            pending = _sum(r.kg for r in self.whole if r.family == family and r.became == Became.PENDING)
            rests = [(group.basis, group.rows, group.mass) for group in masses]
            yield from self._rests_on(rests, pending, subject)

    def recovery(self) -> Iterator[Figure]:
        """Recovery of each target material (Annex, 3(1)), and what it rests on."""
        for target, element in TARGETS.items():
            of = [row for row in self.parts if row.element == element and row.became != Became.SECOND_LIFE]
            if not of:
                if any(row.element == target for row in self.parts):
                    yield Figure(
                        metric=Metric.MATERIAL_RECOVERY, unit="%", breakdown=Breakdown.ELEMENT, element=target,
                        rows=self._rows_with(target),
                        notes=(_("how much of the copper is of collectors is not known"), *self._unknown()),
                    )  # fmt: skip
                continue
            out = [row for row in of if row.became == Became.SUBSTITUTES]
            limit = LITHIUM_WARNS if target == Element.LI else RECOVERY_WARNS
            subject: dict[str, Any] = {"element": target}
            yield self._percent(
                Metric.MATERIAL_RECOVERY, out, of, limit, subject, Breakdown.ELEMENT, self._rows_with(target),
                self._unknown(),
            )  # fmt: skip
            rests = [(row.basis, row.rows, row.kg) for row in self.contents if row.element == element]
            yield from self._rests_on(rests, _sum(row.kg for row in of if row.became == Became.PENDING), subject)

    def _counts(self, row: Part) -> bool:
        lines = counted_lines(self.report.period_end.year, filter(None, row.taken.split(",")))
        return LINE_OF[row.element] in lines

    def _percent(
        self, metric: str, out: Sequence[Part], went_in: Sequence[Part], limit: int, subject: Mapping[str, Any],
        breakdown: str, rows: int, notes: tuple[str, ...],
    ) -> Figure:  # fmt: skip
        counted = [row for row in out if self._is_home(row)]
        numerator, denominator = _sum(row.kg for row in counted), _sum(row.kg for row in went_in)
        value = (HUNDRED * numerator / denominator).quantize(STEP) if denominator > 0 else None
        said = list(notes)
        if not self.report.is_calendar_year:
            said.append(_("the reference method is for calendar years"))
        pending = _sum(row.kg for row in went_in if row.became == Became.PENDING)
        if pending and denominator > 0:
            said.append(_("%(percent)s %% of the input are pending") % {"percent": _one(pending, denominator)})
        if unproven := _sum(row.kg for row in out) - numerator:
            said.append(
                _("%(kg)s kg made abroad do not count: no permit says that conditions equal those at home")
                % {"kg": _kg(unproven)}
            )
        if unknown := max((batch.unknown_share for batch in self.batches), default=_ZERO):
            said.append(
                _("shared by mass with what is of unknown content: up to %(percent)s %% of what was charged")
                % {"percent": _one(unknown, Decimal(1))}
            )
        if value is not None and value > HUNDRED:
            said.append(self._why_above(went_in))
        elif value is not None and value > limit:
            said.append(_("above %(limit)s %%: (EU) 2025/2289 asks for the reason") % {"limit": limit})
        if pure := max((batch.pure_share for batch in self.batches), default=_ZERO):
            said.append(
                _("assumed pure, without an assay: up to %(percent)s %% of what came out")
                % {"percent": _one(pure, Decimal(1))}
            )
        return Figure(
            metric=metric, unit="%", breakdown=breakdown, numerator=numerator, denominator=denominator, value=value,
            rows=rows, notes=tuple(said), **subject,
        )  # fmt: skip

    def _why_above(self, went_in: Sequence[Part]) -> str:
        """More came out than is known to have gone in: which side is not measured."""
        elements, families = {row.element for row in went_in}, {row.family for row in went_in}
        of = [row for row in self.contents if row.element in elements and row.family in families]
        guessed = _sum(row.kg for row in of if row.basis != Basis.MEASURED)
        if guessed:
            share = _one(guessed, _sum(row.kg for row in of))
            return _("above 100 %%: %(percent)s %% of the contents are not measured, and too low") % {"percent": share}
        return _("above 100 %: the assays of input and output contradict each other")

    def _rests_on(
        self, rests: Sequence[tuple[str, int, Decimal]], pending: Decimal, subject: Mapping[str, Any]
    ) -> Iterator[Figure]:
        """Of what went in, how much is measured, or by whom it was said; and how much of it is pending."""
        whole = _sum(kg for _basis, _rows, kg in rests)
        told = [(str(basis), *_together(rests, basis)) for basis in BASES_IN_ORDER]
        for basis, rows, kg in (*told, ("pending", 0, pending)):
            if kg and whole > 0:
                yield Figure(
                    metric=Metric.RESTS_ON, unit="%", breakdown=Breakdown.BASIS, basis=basis, rows=rows,
                    numerator=kg.quantize(STEP), denominator=whole, value=(HUNDRED * kg / whole).quantize(STEP),
                    **subject,
                )  # fmt: skip

    def _is_home(self, row: Part) -> bool:
        return self.countries.get(row.facility) == self.home or row.facility in self.counting_abroad

    def _rows_with(self, element: str, fate: str = fate) -> int:
        return self.holding.get((fate, element), 0)

    def _unknown(self) -> tuple[str, ...]:
        count = sum(group.rows for group in self.masses if group.basis == Basis.UNKNOWN)
        if not count:
            return ()
        return (_("contents of %(count)s batteries are not known; they are in neither side") % {"count": count},)

    def _taken(self, family: str) -> tuple[str, ...]:
        taken = sorted({row.taken for row in self.parts if row.family == family and row.taken})
        if not taken:
            return (_("without the optional elements"),)
        return (_("with the optional elements %(elements)s") % {"elements": "; ".join(taken)},)


def sent_abroad(report: EprReport, country: str = "") -> QuerySet[EprEvidence]:
    """The batteries of which something went to another country, or to this one."""
    outcomes = report.outcomes.filter(element=WHOLE).exclude(country__in=["", report.jurisdiction_id[:2]])
    if country:
        outcomes = outcomes.filter(country=country)
    return EprEvidence.objects.filter(
        report=report, fate=EprEvidence.Fate.RECYCLED, batch__in=outcomes.values("batch")
    ).order_by()


def _rows[Row: tuple[Any, ...]](report: EprReport, sql: str, row: Callable[[Iterable[Any]], Row]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, {"report": report.pk, "parts": json.dumps(PART_OF)})
        return [row(values) for values in cursor.fetchall()]


def _dimensions(row: WholePart | MassGroup, breakdown: str) -> tuple[tuple[str, Any], ...]:
    match breakdown:
        case Breakdown.METHOD:
            return (("method", row.method),)
        case Breakdown.CHEMISTRY:
            return (("family", row.family), ("chemistry", row.chemistry))
    return ()


def _together(rests: Sequence[tuple[str, int, Decimal]], basis: str) -> tuple[int, Decimal]:
    own = [(rows, kg) for of, rows, kg in rests if of == basis]
    return sum(rows for rows, _kg in own), _sum(kg for _rows, kg in own)


def _sum(masses: Iterable[Decimal]) -> Decimal:
    return sum(masses, start=_ZERO).quantize(STEP)


def _one(part: Decimal, whole: Decimal) -> Decimal:
    """In percent, with one decimal, for a note."""
    return (HUNDRED * part / whole).quantize(Decimal("0.1"))


def _kg(mass: Decimal) -> Decimal:
    return mass.quantize(Decimal("0.1"))
