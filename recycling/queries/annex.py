"""Recycling efficiency and recovery of materials of a recycler's year, by Delegated Regulation (EU) 2025/606, Annex.

Computed from a `Graph`, exactly: what entered is followed forward through the batches, each output shared among what went
into its batch by element. Points in brackets are those of the Annex; what is a reading and not its text is in ADR 27.

What enters is the whole battery, also what was dismantled before (1(2)); it enters when its cells or modules do. Of a batch
that prepares (discharge, dismantling) as large a part has entered as of the mass of its intermediates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from collection.models import PART_OF, Element
from recycling.models import OptionalElement, Stage
from recycling.queries.contents import apart
from recycling.queries.factors import in_order

#: Preparation for recycling is no recycling: who only does that is no first recycler (1(7)).
PREPARES = (Stage.DISCHARGE, Stage.DISMANTLE)

#: Outputs of the two years after that of the input are credited to it (1(4), last paragraph).
YEARS_CREDITED = 2

type Content = Mapping[str, Fraction]

#: By place of collection and element.
type Shares = dict[tuple[str, str], Fraction]


class Basis(StrEnum):
    """What it rests on, what something consists of."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    PRODUCERS = "producers"
    ASSUMED = "assumed"
    UNKNOWN = "unknown"


#: In which reports name them.
BASES_IN_ORDER = (Basis.MEASURED, Basis.PRODUCERS, Basis.ESTIMATED, Basis.ASSUMED, Basis.UNKNOWN)


class Fate(StrEnum):
    """What an output counts as."""

    COUNTED = "counted"
    CHARGED = "charged"
    PENDING = "pending"
    UNUSED = "unused"
    LATE = "late"
    UNPROVEN = "unproven"
    LOST = "lost"


@dataclass(frozen=True)
class Step:
    """A batch: where, and which stage."""

    facility: int
    country: str
    stage: str


@dataclass(frozen=True)
class Feed:
    """Batteries of one kind that were charged into a batch in a year: `dry` kilograms, and what they contain."""

    batch: int
    year: int
    origin: str
    family: str
    basis: Basis
    batteries: int
    mass: Fraction
    dry: Fraction
    content: Content

    @property
    def is_known(self) -> bool:
        return self.basis != Basis.UNKNOWN

    @cached_property
    def whole(self) -> dict[str, Fraction]:
        """Parts apart, with what is left of the mass as others; that is less than nothing where contents exceed the mass."""
        content = apart(self.content)
        content[Element.OTHER] = content.get(Element.OTHER, Fraction(0)) + self.dry - sum(content.values())
        return content


@dataclass(frozen=True)
class Made:
    """A lot: what made it (nothing: it came from outside), what it was charged into and when, what it contains that is from
    batteries, and what it counts as by itself.
    """

    lot: int
    batch: int | None
    year: int
    material: str
    is_intermediate: bool
    is_slag: bool
    is_substitute: bool
    is_battery: bool
    """Cells or modules: waste batteries still (1(2)(f)), where they came from outside."""
    dry: Fraction
    content: Content
    is_known: bool
    fate: Fate
    into: int | None = None
    into_year: int = 0


@dataclass(frozen=True)
class Graph:
    """All batches that a recycler's year reaches, what was charged into them and what they made."""

    steps: Mapping[int, Step]
    feeds: Sequence[Feed]
    lots: Sequence[Made]
    abroad_proven: Collection[int] = ()
    """Facilities whose conditions are shown to equal those at home (Regulation (EU) 2023/1542, Art. 72(3))."""

    def order(self) -> list[int]:
        """The batches, each after those that made what went into it."""
        needs: dict[int, set[int]] = {batch: set() for batch in self.steps}
        for lot in self.lots:
            if lot.batch is not None and lot.into in needs and lot.batch in needs:
                needs[lot.into].add(lot.batch)
        return in_order(needs)


class Entered(NamedTuple):
    """Waste batteries that entered, or the part of them that did."""

    feed: Feed
    part: Fraction


@dataclass
class Left:
    """What of the input is in one lot that left a step."""

    made: Made
    step: Step
    fate: Fate
    is_home: bool
    shares: Shares = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """For recycling efficiency (1(4))."""
        return self.fate == Fate.COUNTED

    @property
    def recovers(self) -> bool:
        """For recovery of materials: slag never does, nor what cannot replace primary material (1(4), 3(2))."""
        return self.counts and self.made.is_substitute and not self.made.is_slag


@dataclass
class Flow:
    """What entered, and what became of it. `outside` are cells and modules that came from outside of the trace."""

    entered: list[Entered]
    outside: list[Made]
    left: list[Left]
    unknown_feed: Fraction
    """Kilograms of unknown content that were charged together with it: what came out is shared with them by mass."""


def follow(graph: Graph, first: Collection[int], year: int, families: Collection[str], home: str) -> Flow:
    """Follow what entered the recycling of the batches `first` in `year`, of the stream of `families`; `home` is the recycler's
    country.
    """
    return _Follower(graph, set(first), year, families, home).run()


class _Follower:
    def __init__(self, graph: Graph, first: set[int], year: int, families: Collection[str], home: str) -> None:
        self.graph, self.first, self.year, self.families, self.home = graph, first, year, families, home
        self.feeds: dict[int, list[Feed]] = defaultdict(list)
        for feed in graph.feeds:
            self.feeds[feed.batch].append(feed)
        self.charged: dict[int, list[Made]] = defaultdict(list)
        self.made: dict[int, list[Made]] = defaultdict(list)
        for lot in graph.lots:
            if lot.into is not None:
                self.charged[lot.into].append(lot)
            if lot.batch is not None:
                self.made[lot.batch].append(lot)
        self.order = graph.order()
        self.fresh: dict[int, Shares] = {}
        self.entered: dict[int, Fraction] = {}
        self.of_lot: dict[int, Shares] = {}
        self.totals: dict[int, tuple[dict[str, Fraction], Fraction]] = {}
        self.contents = {lot.lot: apart(lot.content) for lot in graph.lots if lot.batch not in graph.steps}
        for batch in self.order:
            for lot in self.made[batch]:
                self.contents[lot.lot] = self._as_fed(lot, batch)

    def run(self) -> Flow:
        flow = Flow([], [], [], Fraction(0))
        for batch in self.order:
            if self._prepares(batch):
                self.fresh[batch] = self._all_of(batch)
        for batch in reversed(self.fresh):
            self.entered[batch] = self._part_entered(batch)
        for batch in self.order:
            ours = self._ours(batch, flow)
            if any(ours.values()):
                self._part_with(batch, ours, flow)
        return flow

    # What enters

    def _prepares(self, batch: int) -> bool:
        return self.graph.steps[batch].stage in PREPARES

    def _is_ours(self, feed: Feed) -> bool:
        return feed.family in self.families

    def _all_of(self, batch: int) -> Shares:
        """Of what a batch that prepares was charged with, what is of the stream."""
        found: Shares = defaultdict(Fraction)
        for feed in filter(self._is_ours, self.feeds[batch]):
            if not feed.is_known:
                continue  # it entered, and nothing is known to have come of it
            _add(found, {(feed.origin, element): kg for element, kg in feed.whole.items()})
        for lot in self.charged[batch]:
            _add(found, self._fresh_in(lot))
        return found

    def _fresh_in(self, lot: Made) -> Shares:
        """What of the stream is in a lot that was prepared, or came from outside as modules or cells."""
        if lot.batch in self.fresh:
            return self._shared(lot, lot.batch, self.fresh[lot.batch])
        if lot.batch is None and lot.is_battery and lot.is_known:
            return {("", element): kg for element, kg in self.contents[lot.lot].items()}
        return {}

    def _part_entered(self, batch: int) -> Fraction:
        """How much of a batch that prepares has entered in the year, by the mass of its intermediates."""
        intermediates = [lot for lot in self.made[batch] if lot.is_intermediate]
        entered = Fraction(0)
        for lot in intermediates:
            if lot.into in self.first and lot.into_year == self.year:
                entered += lot.dry
            elif lot.into in self.entered:
                entered += lot.dry * self.entered[lot.into]
        whole = sum((lot.dry for lot in intermediates), Fraction(0))
        return entered / whole if whole else Fraction(0)

    def _ours(self, batch: int, flow: Flow) -> Shares:
        """Of what a batch was charged with, what entered in the year."""
        if self._prepares(batch):
            part = self.entered[batch]
            if part:
                flow.entered += [Entered(feed, part) for feed in self.feeds[batch] if self._is_ours(feed)]
            return {key: kg * part for key, kg in self.fresh[batch].items()}
        ours: Shares = defaultdict(Fraction)
        if batch in self.first:
            for feed in self.feeds[batch]:
                if self._is_ours(feed) and feed.year == self.year:
                    flow.entered.append(Entered(feed, Fraction(1)))
                    if not feed.is_known:
                        continue
                    _add(ours, {(feed.origin, element): kg for element, kg in feed.whole.items()})
        for lot in self.charged[batch]:
            fresh = self._fresh_in(lot)
            if not fresh:
                _add(ours, self.of_lot.get(lot.lot, {}))
            elif batch in self.first and lot.into_year == self.year:
                _add(ours, fresh)
                if lot.batch is None:
                    flow.outside.append(lot)
        return ours

    # What leaves

    def _shared(self, lot: Made, batch: int, of: Shares) -> Shares:
        """What is in a lot of the part `of` of all that its batch was charged with."""
        content, (total, known) = self.contents[lot.lot], self._total(batch)
        return {
            (origin, element): content[element] * kg / total[element] * known
            for (origin, element), kg in of.items()
            if kg and content.get(element) and total.get(element)
        }

    def _as_fed(self, lot: Made, batch: int) -> dict[str, Fraction]:
        """What is in a lot, with parts as the whole where nobody knows what part of the feed they were."""
        content, (total, _known) = apart(lot.content), self._total(batch)
        for part, whole in PART_OF.items():
            if part in content and not total.get(part):
                content[whole] = content.get(whole, Fraction(0)) + content.pop(part)
        return content

    def _total(self, batch: int) -> tuple[dict[str, Fraction], Fraction]:
        """Of each element what a batch was charged with, and the share of its feed whose content is known."""
        if batch not in self.totals:
            self.totals[batch] = self._sum(batch)
        return self.totals[batch]

    def _sum(self, batch: int) -> tuple[dict[str, Fraction], Fraction]:
        total: dict[str, Fraction] = defaultdict(Fraction)
        known = unknown = Fraction(0)
        for feed in self.feeds[batch]:
            known, unknown = (known + feed.dry, unknown) if feed.is_known else (known, unknown + feed.dry)
            for element, kg in (feed.whole if feed.is_known else {}).items():
                total[element] += kg
        for lot in self.charged[batch]:
            known, unknown = (known + lot.dry, unknown) if lot.is_known else (known, unknown + lot.dry)
            for element, kg in self.contents[lot.lot].items():
                total[element] += kg
        return total, known / (known + unknown) if known else Fraction(0)

    def _part_with(self, batch: int, ours: Shares, flow: Flow) -> None:
        step = self.graph.steps[batch]
        flow.unknown_feed += sum((feed.dry for feed in self.feeds[batch] if not feed.is_known), Fraction(0))
        flow.unknown_feed += sum((lot.dry for lot in self.charged[batch] if not lot.is_known), Fraction(0))
        for lot in self.made[batch]:
            if self._prepares(batch) and lot.is_intermediate:
                continue  # waste batteries still: they enter where they are charged
            shares = self._shared(lot, batch, ours)
            self.of_lot[lot.lot] = shares
            if lot.fate != Fate.CHARGED or lot.into not in self.graph.steps:
                is_home = step.country == self.home
                flow.left.append(Left(lot, step, self._fate(lot, step, is_home=is_home), is_home, shares))

    def _fate(self, lot: Made, step: Step, *, is_home: bool) -> Fate:
        if lot.fate != Fate.COUNTED:
            return lot.fate
        if lot.year > self.year + YEARS_CREDITED:
            return Fate.LATE
        return Fate.COUNTED if is_home or step.facility in self.graph.abroad_proven else Fate.UNPROVEN


def _add(to: Shares, more: Mapping[tuple[str, str], Fraction]) -> None:
    for key, kg in more.items():
        to[key] = to.get(key, Fraction(0)) + kg


# The lines of the template


#: The lines of the Annex's template for lithium-based batteries (7), in its order, without the total.
LINES = ("Co", "Cu", "Li", "Ni", "Mn", "Al", "steel", "plastics", "O", "C", "Fe", "P", "Cl", "S", "other")

#: May be left out of input and output both until 2029 (2(5)) …
OPTIONAL = tuple(OptionalElement.values)

#: … and these not from 2030 on (2(6)).
FROM_2030 = ("C", "Fe", "P")

#: Whose recovery is computed, and the element that counts: copper of collectors alone (1(2), last indent).
TARGETS: Mapping[str, str] = {"Co": Element.CO, "Cu": Element.CU_CELL, "Li": Element.LI, "Ni": Element.NI}

#: The line of the template that an element, apart, stands in.
LINE_OF: Mapping[str, str] = {
    Element.GRAPHITE: "C", Element.F: "other", Element.REE: "other", Element.PB: "other", Element.CD: "other",
    Element.HG: "other", Element.FE_CELL: "Fe", Element.FE: "steel", Element.CU_CELL: "Cu",
} | {line: line for line in LINES if line not in ("steel", "Fe")}  # fmt: skip


def counted_lines(year: int, chosen: Iterable[str]) -> tuple[str, ...]:
    """The lines that count for inputs of `year`: `chosen` are the optional ones that the recycler takes into account."""
    taken = {*chosen, *(FROM_2030 if year >= 2030 else ())}
    return tuple(line for line in LINES if line not in OPTIONAL or line in taken)


def in_lines(content: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Kilograms of elements, parts apart, as lines of the template."""
    lines: dict[str, Fraction] = defaultdict(Fraction)
    for element, kg in content.items():
        lines[LINE_OF[element]] += kg
    return lines


@dataclass(frozen=True)
class Rates:
    """What efficiency and recovery of a flow are made of, in kilograms. A rate is nothing where nothing went in."""

    lines: tuple[str, ...]
    input: Mapping[str, Fraction]
    home: Mapping[str, Fraction]
    abroad: Mapping[str, Fraction]
    target_input: Mapping[str, Fraction]
    target_output: Mapping[str, Fraction]

    @property
    def input_kg(self) -> Fraction:
        return sum((self.input[line] for line in self.lines), Fraction(0))

    @property
    def output_kg(self) -> Fraction:
        return sum((self.home[line] + self.abroad[line] for line in self.lines), Fraction(0))

    @property
    def efficiency(self) -> Fraction | None:
        """RRE (2(1)), a share."""
        return self.output_kg / self.input_kg if self.input_kg else None

    def recovery(self, target: str) -> Fraction | None:
        """RRM (3(1)) of one target material, a share."""
        went_in = self.target_input[target]
        return self.target_output[target] / went_in if went_in else None


def rates(flow: Flow, lines: tuple[str, ...], origin: str | None = None) -> Rates:
    """Of all that entered, or of what was collected at `origin` alone."""

    def of(shares: Mapping[tuple[str, str], Fraction]) -> dict[str, Fraction]:
        content: dict[str, Fraction] = defaultdict(Fraction)
        for (place, element), kg in shares.items():
            if origin is None or place == origin:
                content[element] += kg
        return content

    went_in: Shares = defaultdict(Fraction)
    for feed, part in flow.entered:
        _add(went_in, {(feed.origin, element): kg * part for element, kg in feed.whole.items()})
    for lot in flow.outside:
        _add(went_in, {("", element): kg for element, kg in apart(lot.content).items()})
    home: Shares = defaultdict(Fraction)
    abroad: Shares = defaultdict(Fraction)
    recovered: Shares = defaultdict(Fraction)
    for left in flow.left:
        if left.counts:
            _add(home if left.is_home else abroad, left.shares)
        if left.recovers:
            _add(recovered, left.shares)
    content = of(went_in)
    return Rates(
        lines,
        defaultdict(Fraction, in_lines(content)),
        defaultdict(Fraction, in_lines(of(home))),
        defaultdict(Fraction, in_lines(of(abroad))),
        {target: content.get(element, Fraction(0)) for target, element in TARGETS.items()},
        {target: of(recovered).get(element, Fraction(0)) for target, element in TARGETS.items()},
    )
