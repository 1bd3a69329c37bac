"""Outcomes: what became, and where, of what was charged into a batch, through all the stages that follow.

By Delegated Regulation (EU) 2025/606, Annex, 1(3) to 1(6) and 3(2), as a recycler's documentation has it (ADR 27); but as
shares of a batch, so that a producer's part of it follows from its batteries alone (ADR 32). Of a batch `k` and an element `e`

    S(k,e,w) = known(k) x sum over outputs o of k [ mass_e(o) x R(o,e,w) ] / sum over inputs i of k [ mass_e(i) ]

where `w` is what it became and where; `R` is 1 for what a lot became by itself, `S` of the batch that it was charged into, and
`known(k)` the share of the dry mass charged into `k` whose content is known: what came out is shared with the rest by mass, so
that feed without assay or chemistry inflates nothing. Reagents never count (`Assay.from_batteries`). Parts of an element stand
apart (`apart`), and an output's part that no input is known to have is of its element. What is left of 1 was lost.

The whole mass is followed beside the elements: of batteries as charged, of lots dry; an intermediate counts whole, everything
else as far as it has an assay.

Everything is exact; a share is rounded once, to the 18 decimals that are stored, and goes on as it is stored.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import NamedTuple

from django.db.models import Case, CharField, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, Substr

from collection.models import (
    PART_OF,
    USED_AS_SUCH,
    AssayBasis,
    CompositionElement,
    Element,
    LotStatus,
    Material,
    Use,
)
from recycling.models import WHOLE, Batch, BatchStatus, Became, Charge, InputAnalysis, InputShare, Outcome, Output
from recycling.queries.contents import EXACT, EXACT_FIELD, NOT_THERE, ON_HAND, apart, dry_kg, in_lot, in_one_go
from recycling.queries.factors import SHARE_STEP, in_order

#: Materials that are waste batteries still (1(2)(f)).
CELLS = ("modules", "cells")

SLAG = "slag"

#: Charged into another batch: asks further what became of it there.
CHARGED = "charged"

_ZERO = Decimal(0)
_ONE = Decimal(1)


def became(lot: str = "") -> Case:
    """What a lot, that the prefix `lot` leads to, became by itself."""

    def is_(**conditions: object) -> Q:
        return Q(**{f"{lot}{name}": value for name, value in conditions.items()})

    intermediate = is_(material__kind=Material.Kind.INTERMEDIATE)
    on_hand = is_(status__in=ON_HAND)
    used = is_(destination__use__in=USED_AS_SUCH) & (
        is_(destination__ended_waste=True)
        | is_(material__is_converted=True)  # converted as made, whatever its taker ticks
    )
    converted = is_(material__is_converted=True) & (on_hand | is_(status=LotStatus.SOLD))
    substitutes = is_(material__is_substitute=True) & ~is_(material=SLAG)
    return Case(
        When(is_(status=LotStatus.CONSUMED), then=Value(CHARGED)),
        When(intermediate & on_hand, then=Value(Became.PENDING)),
        When(is_(status=LotStatus.LOST), then=Value(Became.LOST)),
        When(is_(material__kind=Material.Kind.ENERGY), then=Value(Became.ENERGY)),
        When(is_(material__in=CELLS) & used, then=Value(Became.SECOND_LIFE)),
        When(
            ~intermediate & (used | (is_(destination__isnull=True) & converted)),
            then=Case(When(substitutes, then=Value(Became.SUBSTITUTES)), default=Value(Became.CONVERTED)),
        ),
        When(
            is_(destination__use__in=[Use.FUEL, Use.ENERGY]) | is_(status=LotStatus.ENERGY_RECOVERED),
            then=Value(Became.ENERGY),
        ),
        When(
            is_(destination__use__in=[Use.LANDFILL_CONSTRUCTION, Use.BACKFILLING, Use.DISPOSAL])
            | is_(status__in=[LotStatus.LANDFILLED, LotStatus.MINERALIZED]),
            then=Value(Became.LANDFILLED),
        ),
        When(on_hand & is_(destination__isnull=True), then=Value(Became.PENDING)),
        default=Value(Became.PASSED_ON),
        output_field=CharField(),
    )


class Way(NamedTuple):
    """What something became, where it was last processed, and in which country it is."""

    became: str
    facility: int
    country: str


class Flow(NamedTuple):
    """Kilograms of one element, or of the whole (`WHOLE`), that a batch put into lots of one fate; `into`: charged there."""

    batch: int
    element: str
    became: str
    country: str
    into: int | None
    kg: Decimal


@dataclass
class Fed:
    """What a batch was charged with: kilograms of each element, apart, and of the whole; and of how much of it, dry, the
    content is known.
    """

    content: dict[str, Decimal]
    known_kg: Decimal = _ZERO
    unknown_kg: Decimal = _ZERO

    @property
    def known(self) -> Decimal:
        return self.known_kg / (self.known_kg + self.unknown_kg) if self.known_kg else _ZERO


class Step(NamedTuple):
    """A batch: its status, and where."""

    status: str
    facility: int
    country: str


type Shares = Mapping[Way, Decimal]
type SharesOf = dict[tuple[int, str], Shares]


@dataclass(frozen=True)
class Graph:
    """The batches to compute, and all that their outcomes depend on. `known` are those of other batches that they lead to."""

    steps: Mapping[int, Step]
    fed: Mapping[int, Fed]
    flows: Iterable[Flow]
    known: SharesOf


class OutcomeRow(NamedTuple):
    """An outcome, as it is stored."""

    batch: int
    element: str
    became: str
    facility: int
    country: str
    share: Decimal


def read(batches: Collection[int] | None = None) -> Graph:
    """What the outcomes of the given batches depend on; of all batches without an argument. Eight queries at most."""
    rows = Batch.objects.all() if batches is None else Batch.objects.filter(pk__in=batches)
    steps = {
        pk: Step(status, facility, place[:2])
        for pk, status, facility, place in rows.values_list(
            "pk", "status", "line__plant__facility_id", "line__plant__facility__jurisdiction_id"
        )
    }
    flows = _flows(batches)
    beyond = {flow.into for flow in flows if flow.into is not None} - steps.keys()
    known: SharesOf = defaultdict(dict)
    for row in stored(beyond) if beyond else ():
        known[row.batch, row.element][Way(row.became, row.facility, row.country)] = row.share  # type: ignore[index]
    return Graph(steps, _fed(batches), flows, dict(known))


def stored(batches: Iterable[int] | None = None) -> Iterable[OutcomeRow]:
    """The outcomes as they are stored now."""
    rows = Outcome.objects.all() if batches is None else Outcome.objects.filter(batch__in=batches)
    columns = rows.values_list("batch_id", "element", "became", "facility_id", "country", "share")
    for row in in_one_go(columns, batches):
        yield OutcomeRow(*row)


#: Where a lot is: where it was sent to, or where it lies. On its way it is still where it was made.
_COUNTRY = Case(
    When(lot__status__in=ON_HAND, then=Substr("lot__facility__jurisdiction", 1, 2)),
    default=F("lot__destination__country"),
    output_field=CharField(),
)


def _flows(batches: Collection[int] | None) -> list[Flow]:
    outputs = Output.objects.exclude(lot__status__in=NOT_THERE)
    if batches is not None:
        outputs = outputs.filter(batch__in=batches)
    groups = (
        outputs.annotate(became=became("lot__"), country=Coalesce(_COUNTRY, Value("")))
        .values_list("batch_id", "became", "country", "lot__charge__batch_id", "lot__material__kind")
        .order_by()
    )
    assayed = groups.annotate(
        element=F("lot__assays__element"),
        kg=Sum(in_lot("lot__") * F("lot__assays__from_batteries"), output_field=EXACT_FIELD),
    )
    weighed = groups.annotate(kg=Sum(dry_kg("lot__"), output_field=EXACT_FIELD))
    content: dict[tuple[int, str, str, int | None, str], dict[str, Decimal]] = defaultdict(dict)
    for *group, element, kg in in_one_go(assayed, batches):
        content[tuple(group)][element] = kg
    for *group, kg in in_one_go(weighed, batches):
        if group[-1] == Material.Kind.INTERMEDIATE:
            content[tuple(group)][WHOLE] = kg
    flows = []
    with localcontext(EXACT):
        for (batch, what, country, into, _kind), masses in content.items():
            whole = masses.pop(WHOLE, None)
            elements = apart({element: kg for element, kg in masses.items() if element and kg})
            elements[WHOLE] = sum(elements.values(), _ZERO) if whole is None else whole
            flows += [Flow(batch, element, what, country, into, kg) for element, kg in elements.items() if kg]
    return flows


def _fed(batches: Collection[int] | None) -> dict[int, Fed]:
    fed: dict[int, Fed] = defaultdict(lambda: Fed(defaultdict(Decimal)))
    charges = (Charge.objects.all() if batches is None else Charge.objects.filter(batch__in=batches)).order_by()
    with localcontext(EXACT):
        _feed_batteries(fed, charges, batches)
        _feed_lots(fed, charges, batches)
    return dict(fed)


def _feed_batteries(fed: dict[int, Fed], charges: QuerySet[Charge], batches: Collection[int] | None) -> None:
    """What an analysis says goes before what the compositions say; what is not listed is other."""
    analyses = dict(InputAnalysis.objects.filter(batch__in=charges.values("batch")).values_list("batch", "moisture"))
    fractions: dict[int, dict[str, Decimal]] = defaultdict(dict)
    shares = InputShare.objects.filter(analysis__batch__in=analyses)
    for batch, element, fraction in shares.values_list("analysis__batch", "element", "fraction"):
        fractions[batch][element] = fraction
    intensities: dict[int, dict[str, Decimal]] = defaultdict(dict)
    listed = CompositionElement.objects.filter(kg_per_kwh__gt=0).order_by()
    for composition, element, intensity in listed.values_list("composition_id", "element", "kg_per_kwh"):
        intensities[composition][element] = intensity
    rows = (
        charges.filter(battery__isnull=False)
        .annotate(of=Case(When(content_kwh__isnull=True, then=Value(None)), default=F("composition_id")))
        .values_list("batch_id", "of")
        .annotate(kwh=Sum("content_kwh"), kg=Sum("mass_kg"))
    )
    for batch, composition, kwh, kg in in_one_go(rows, batches):
        into = fed[batch]
        into.content[WHOLE] += kg
        dry = kg * (1 - analyses.get(batch, _ZERO))
        if batch in fractions:
            content = apart({element: dry * fraction for element, fraction in fractions[batch].items()})
        elif composition is not None:
            content = apart({element: kwh * intensity for element, intensity in intensities[composition].items()})
        else:
            into.unknown_kg += dry
            continue
        into.known_kg += dry
        content[Element.OTHER] = content.get(Element.OTHER, _ZERO) + dry - sum(content.values())
        for element, mass in content.items():
            into.content[element] += mass


def _feed_lots(fed: dict[int, Fed], charges: QuerySet[Charge], batches: Collection[int] | None) -> None:
    lots = charges.filter(lot__isnull=False)
    weighed = lots.values_list("batch_id", "lot__assay_basis").annotate(
        kg=Sum(dry_kg("lot__"), output_field=EXACT_FIELD)
    )
    for batch, basis, kg in in_one_go(weighed, batches):
        into = fed[batch]
        into.content[WHOLE] += kg
        if basis == AssayBasis.NONE:
            into.unknown_kg += kg
        else:
            into.known_kg += kg
    assayed = lots.values_list("batch_id", "lot__assays__element").annotate(
        kg=Sum(in_lot("lot__") * F("lot__assays__from_batteries"), output_field=EXACT_FIELD)
    )
    found: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for batch, element, kg in in_one_go(assayed, batches):
        if kg:
            found[batch][element] = kg
    for batch, elements in found.items():
        for element, mass in apart(elements).items():
            fed[batch].content[element] += mass


def compute(graph: Graph) -> list[OutcomeRow]:
    """The outcomes of the batches of `graph`, last stages first. Raises `CyclicTraceError`."""
    flows: dict[int, list[Flow]] = defaultdict(list)
    needs: dict[int, set[int]] = {batch: set() for batch in graph.steps}
    for flow in graph.flows:
        flows[flow.batch].append(flow)
        if flow.into in needs and flow.into is not None:
            needs[flow.batch].add(flow.into)
    shares: SharesOf = dict(graph.known)
    rows: list[OutcomeRow] = []
    with localcontext(EXACT):
        for batch in in_order(needs):
            fed = graph.fed.get(batch, Fed({}))
            for element, ways in _of_batch(graph.steps[batch], fed, flows[batch], shares).items():
                shares[batch, element] = ways
                rows += [OutcomeRow(batch, element, *way, share) for way, share in ways.items() if share]
    return rows


def _of_batch(step: Step, fed: Fed, flows: Iterable[Flow], shares: SharesOf) -> dict[str, Shares]:
    if step.status == BatchStatus.VOID:
        return {}
    here = step.facility, step.country
    if step.status == BatchStatus.OPEN:
        return {element: {Way(Became.PENDING, *here): _ONE} for element in fed.content}
    made: dict[str, dict[Way, Decimal]] = {element: defaultdict(Decimal) for element in fed.content}
    for flow in flows:
        element = _as_fed(flow.element, fed)
        if element not in made:
            continue
        if flow.became == CHARGED:
            waiting = {Way(Became.PENDING, *here): _ONE}
            for way, share in shares.get((flow.into or 0, flow.element), waiting).items():
                made[element][way] += flow.kg * share
        else:
            made[element][Way(flow.became, step.facility, _where(flow, step))] += flow.kg
    return {element: _shares(element, fed, ways, here) for element, ways in made.items()}


def _where(flow: Flow, step: Step) -> str:
    """What was recovered, burned or disposed of has become that where it was made; the rest goes on from where it is."""
    if flow.became in (Became.PASSED_ON, Became.SECOND_LIFE):
        return flow.country
    return flow.country or step.country if flow.became == Became.PENDING else step.country


def _as_fed(element: str, fed: Fed) -> str:
    """A part that nothing charged is known to contain is of the element that it is a part of."""
    return element if fed.content.get(element, _ZERO) > 0 else PART_OF.get(element, element)  # type: ignore[call-overload]


def _shares(element: str, fed: Fed, ways: Mapping[Way, Decimal], here: tuple[int, str]) -> Shares:
    """As shares of what was charged, which add up to 1. Of what weighs nothing, or less, nothing came out."""
    kg = fed.content[element]
    known = _ONE if element == WHOLE else fed.known
    found = {way: (known * part / kg).quantize(SHARE_STEP) for way, part in ways.items() if part} if kg > 0 else {}
    lost = Way(Became.LOST, *here)
    rest = _ONE - sum(found.values(), _ZERO)
    return found | {lost: found.get(lost, _ZERO) + rest}
