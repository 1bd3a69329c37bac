"""The trace both ways: from a battery to every lot that holds some of it, and from a lot back to its batteries.

Exact, in fractions, through any number of stages; only the batches on the way are read. What a battery is credited with
in reports is content x stored factor, which is the same to the 18th decimal of a share.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from graphlib import TopologicalSorter
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import ExpressionWrapper, F, Sum

from collection.models import Assay, Battery, CompositionElement, Lot
from collection.models.sight import SeenQuerySet
from recycling.models import Batch, BatchStatus, Charge, Output
from recycling.queries.contents import (
    ALL_KNOWN,
    EXACT,
    EXACT_FIELD,
    FATE,
    NOT_THERE,
    ByElement,
    OutputFate,
    dry_kg,
    feeds,
    in_lot,
    inputs,
)
from recycling.queries.factors import KG_STEP, upstream

type Masses = dict[str, Fraction]


@dataclass(frozen=True)
class ElementFate:
    """What became of one element of a battery, in kilograms. `lost_kg` below 0: its content was estimated too low."""

    element: str
    content_kg: Decimal
    recovered_kg: Decimal
    pending_kg: Decimal
    residue_kg: Decimal
    lost_kg: Decimal


@dataclass(frozen=True)
class LotShare:
    """A lot that holds some of a battery: the batch that made it, its fate, and the battery's kilograms by element."""

    lot: int
    made_by: int
    fate: OutputFate
    charged_into: int | None
    kg: ByElement


@dataclass(frozen=True)
class BatteryTrace:
    """Where a battery went. Without a batch, it has not been charged: all of its content is pending."""

    battery: int
    batch: int | None
    elements: list[ElementFate]
    lots: list[LotShare]


@dataclass(frozen=True)
class Source:
    """A battery, or a lot from outside, that a lot came from, with its share of that lot in kilograms by element."""

    charge: int
    batch: int
    battery: int | None
    lot: int | None
    kg: ByElement


@dataclass(frozen=True)
class LotTrace:
    """Where a lot came from: the shares of its `sources` and what is `unattributed` add up to its `content`.

    A lot that no batch made came from outside, as its origin says; it has no sources.
    """

    lot: int
    made_by: int | None
    content: ByElement
    unattributed: ByElement
    weights: Mapping[int, Masses] = field(repr=False)
    """By batch and element: kilograms of the lot per kilogram charged into that batch."""

    @property
    def attributed(self) -> ByElement:
        """Kilograms of the lot that came from batteries and outside lots; none of a lot from outside."""
        return minus(self.content, self.unattributed) if self.made_by is not None else {}

    def sources(
        self, *, batteries: SeenQuerySet[Battery] | None = None, lots: SeenQuerySet[Lot] | None = None
    ) -> Sources:
        """The batteries and outside lots behind the lot: one query.

        `batteries` and `lots` narrow them, such as to what a user may see: two more, which ask it of those alone that
        are behind the lot.
        """
        behind = Charge.objects.filter(batch__in=self.weights, lot__output__isnull=True).order_by("pk")
        charges = [Charged(*row) for row in behind.values_list(*Charged._fields)]
        if batteries is not None or lots is not None:
            seen = _among(batteries, {row.battery_id for row in charges})
            outside = _among(lots, {row.lot_id for row in charges})
            charges = [row for row in charges if row.battery_id in seen or row.lot_id in outside]
        return Sources(charges, self.weights)


class Charged(NamedTuple):
    """A charge, as far as its content goes."""

    pk: int
    batch_id: int
    battery_id: int | None
    lot_id: int | None
    composition_id: int | None
    content_kwh: Decimal | None


@dataclass(frozen=True)
class Sources:
    """Batteries and outside lots that a lot came from, by charge."""

    charges: Sequence[Charged]
    weights: Mapping[int, Masses] = field(repr=False)

    def page(self, *, after: int = 0, limit: int = 100) -> list[Source]:
        """Each with its share of the lot, from the charge after `after` on; two queries."""
        first = bisect_right(self.charges, after, key=lambda row: row.pk)
        rows = self.charges[first : first + limit]
        intensities = _intensities({row.composition_id for row in rows})
        assays = _assays({row.lot_id for row in rows if row.lot_id is not None})
        found = []
        for row in rows:
            if row.lot_id is not None:
                content = assays.get(row.lot_id, {})
            else:
                content = _times(intensities.get(row.composition_id or 0, {}), Fraction(row.content_kwh or 0))
            kg = self._of_the_lot(row.batch_id, content)
            found.append(Source(row.pk, row.batch_id, row.battery_id, row.lot_id, _decimals(kg)))
        return found

    def together(self) -> ByElement:
        """Kilograms of the lot that come from all of them; two queries.

        Energies of one batch and composition are added up before they become contents: these have the same weights.
        """
        energies: dict[tuple[int, int], Decimal] = defaultdict(Decimal)
        with localcontext(EXACT):
            for row in self.charges:
                if row.composition_id is not None and row.content_kwh is not None:
                    energies[row.batch_id, row.composition_id] += row.content_kwh
        intensities = _intensities({composition for _batch, composition in energies})
        assays = _assays({row.lot_id for row in self.charges if row.lot_id is not None})
        total: Masses = {}
        for (batch, composition), kwh in energies.items():
            _add(total, self._of_the_lot(batch, _times(intensities.get(composition, {}), Fraction(kwh))))
        for row in self.charges:
            if row.lot_id is not None:
                _add(total, self._of_the_lot(row.batch_id, assays.get(row.lot_id, {})))
        return _decimals(total)

    def _of_the_lot(self, batch: int, content: Masses) -> Masses:
        """Of what was charged into a batch, kilograms that are in the lot."""
        weights = self.weights[batch]
        return {element: kg * weights[element] for element, kg in content.items() if weights.get(element)}


def _among(rows: SeenQuerySet[Any] | None, ids: Collection[int | None]) -> set[int]:
    """Those of `ids` that are among `rows`."""
    known = [pk for pk in ids if pk is not None]
    return rows.seen_among(known) if rows is not None and known else set()


def forward(battery: Battery) -> BatteryTrace:
    """Where the elements of `battery` are now. Raises `CycleError` for a circle in the tables."""
    charge = Charge.objects.filter(battery=battery).first()
    source = charge or battery
    intensities = _intensities({source.composition_id}).get(source.composition_id or 0, {})
    content = {e: kg for e, kg in _times(intensities, Fraction(source.content_kwh or 0)).items() if kg}
    if charge is None:
        fates = {OutputFate.PENDING: content}
        return BatteryTrace(battery.pk, None, _element_fates(content, fates), [])
    graph = _Downstream(charge.batch_id)
    fates, lots = graph.follow(charge.batch_id, content)
    return BatteryTrace(battery.pk, charge.batch_id, _element_fates(content, fates), lots)


def backward(lot: Lot) -> LotTrace:
    """What `lot` was made from, through all the stages before it. Raises `CycleError` for a circle in the tables."""
    content = _assays({lot.pk}).get(lot.pk, {})
    made_by = Output.objects.filter(lot=lot).values_list("batch", flat=True).first()
    if made_by is None:
        return LotTrace(lot.pk, None, _decimals(content), {}, {})
    batches = upstream([made_by])
    charged, feed = inputs(batches), feeds(batches)
    passed: dict[int, list[tuple[int, str, Fraction]]] = defaultdict(list)
    after: dict[int, set[int]] = {batch: set() for batch in batches}
    rows = Charge.objects.filter(batch__in=batches, lot__output__isnull=False).values_list(
        "batch_id", "lot__output__batch_id", "lot__assays__element"
    )
    for batch, maker, element, kg in rows.annotate(kg=Sum(in_lot("lot__"), output_field=EXACT_FIELD)).order_by():
        after[maker].add(batch)
        if kg:
            passed[batch].append((maker, element, Fraction(kg)))
    weights: dict[int, Masses] = defaultdict(lambda: defaultdict(Fraction))
    unattributed: Masses = defaultdict(Fraction)

    def arrive(batch: int, element: str, kg: Fraction) -> None:
        known = charged.get(batch, {}).get(element)
        if known:
            ours = kg * feed.get(batch, ALL_KNOWN).share
            weights[batch][element] += ours / Fraction(known)
            unattributed[element] += kg - ours
        else:
            unattributed[element] += kg

    for element, kg in content.items():
        arrive(made_by, element, kg)
    for batch in TopologicalSorter(after).static_order():
        for maker, element, kg in passed[batch]:
            if weights[batch].get(element):
                arrive(maker, element, kg * weights[batch][element])
    return LotTrace(
        lot.pk, made_by, _decimals(content), _decimals(unattributed), {b: dict(w) for b, w in weights.items() if w}
    )


class _Downstream:
    """The batches that what was charged into one batch can reach, with their inputs and outputs."""

    def __init__(self, batch: int) -> None:
        batches = _downstream(batch)
        self.status = dict(Batch.objects.filter(pk__in=batches).values_list("pk", "status"))
        self.charged, self.feeds = inputs(batches), feeds(batches)
        self.outputs: dict[int, dict[int, tuple[OutputFate, int | None, Masses]]] = defaultdict(dict)
        needs: dict[int, set[int]] = {pk: set() for pk in batches}
        rows = (
            Output.objects.filter(batch__in=batches)
            .exclude(lot__status__in=NOT_THERE)
            .values_list("batch_id", "lot_id", FATE, "lot__charge__batch_id", "lot__assays__element")
            .annotate(kg=Sum(in_lot("lot__"), output_field=EXACT_FIELD))
        )
        for maker, lot, fate, into, element, kg in rows.order_by("batch_id", "lot_id"):
            _fate, _into, masses = self.outputs[maker].setdefault(lot, (OutputFate(fate), into, {}))
            if kg:
                masses[element] = Fraction(kg)
            if into is not None:
                needs[into].add(maker)
        self.order = list(TopologicalSorter(needs).static_order())

    def follow(self, batch: int, content: Masses) -> tuple[dict[OutputFate, Masses], list[LotShare]]:
        """Follow what was charged into `batch` to the last lots."""
        inside: dict[int, Masses] = {batch: content}
        fates: dict[OutputFate, Masses] = defaultdict(lambda: defaultdict(Fraction))
        lots: list[LotShare] = []
        for at in self.order:
            mine = inside.pop(at, {})
            if self.status[at] != BatchStatus.CLOSED:
                _add(fates[OutputFate.PENDING], mine)
                continue
            known = self.feeds.get(at, ALL_KNOWN).share
            shares = {e: kg / Fraction(self.charged[at][e]) * known for e, kg in mine.items() if kg}
            for lot, (fate, into, masses) in self.outputs[at].items():
                kg = {e: masses[e] * share for e, share in shares.items() if masses.get(e)}
                if not kg:
                    continue
                lots.append(LotShare(lot, at, fate, into, _decimals(kg)))
                if fate == OutputFate.CHARGED and into is not None:
                    _add(inside.setdefault(into, {}), kg)
                else:
                    _add(fates[fate], kg)
        return fates, lots


def _downstream(batch: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE down (batch_id) AS (
                SELECT %s::bigint
                UNION
                SELECT c.batch_id FROM down
                JOIN recycling_output o ON o.batch_id = down.batch_id
                JOIN recycling_charge c ON c.lot_id = o.lot_id
            )
            SELECT batch_id FROM down
            """,
            [batch],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _element_fates(content: Masses, fates: Mapping[OutputFate, Masses]) -> list[ElementFate]:
    rows = []
    for element, kg in sorted(content.items()):
        known = [
            fates.get(fate, {}).get(element, Fraction(0))
            for fate in (OutputFate.RECOVERED, OutputFate.PENDING, OutputFate.RESIDUE)
        ]
        rows.append(ElementFate(element, *(_decimal(part) for part in (kg, *known, kg - sum(known)))))
    return rows


def _intensities(compositions: Iterable[int | None]) -> dict[int, Masses]:
    found: dict[int, Masses] = defaultdict(dict)
    rows = CompositionElement.objects.filter(composition__in=[pk for pk in compositions if pk is not None])
    for row in rows:
        found[row.composition_id][row.element] = Fraction(row.kg_per_kwh)
    return found


def _assays(lots: Iterable[int]) -> dict[int, Masses]:
    """Kilograms of each element in lots."""
    found: dict[int, Masses] = defaultdict(dict)
    dry = dry_kg("lot__")
    rows = Assay.objects.filter(lot__in=list(lots)).annotate(kg=ExpressionWrapper(dry * F("fraction"), EXACT_FIELD))
    for lot, element, kg in rows.values_list("lot_id", "element", "kg").order_by():
        found[lot][element] = Fraction(kg)
    return found


def _times(intensity: Masses, kwh: Fraction) -> Masses:
    return {element: kwh * kg for element, kg in intensity.items()}


def _add(total: Masses, more: Mapping[str, Fraction]) -> None:
    for element, kg in more.items():
        total[element] = total.get(element, Fraction(0)) + kg


def _decimals(masses: Mapping[str, Fraction]) -> ByElement:
    return {element: _decimal(kg) for element, kg in sorted(masses.items()) if kg}


def _decimal(kg: Fraction) -> Decimal:
    with localcontext(EXACT):
        return (Decimal(kg.numerator) / Decimal(kg.denominator)).quantize(KG_STEP)


def sum_of(shares: Sequence[ByElement]) -> ByElement:
    """Kilograms by element of several shares together."""
    total: ByElement = {}
    with localcontext(EXACT):
        for share in shares:
            for element, kg in share.items():
                total[element] = total.get(element, Decimal(0)) + kg
    return total


def minus(whole: ByElement, part: ByElement) -> ByElement:
    """Kilograms by element of a whole without a part of it."""
    with localcontext(EXACT):
        rest = {element: kg - part.get(element, Decimal(0)) for element, kg in whole.items()}
    return {element: kg for element, kg in rest.items() if kg > KG_STEP * 1000}
