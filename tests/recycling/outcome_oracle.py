"""Oracle for what became of a producer's batteries, by Delegated Regulation (EU) 2025/606, Annex, as docs/adr/0027 and 0032 read it.

A small program of its own: plain rows in, exact fractions, nothing of the project imported. It follows the mass of each battery
forward, lot by lot, and writes down what became of it and where; the project computes shares backward from the last stage.

Its rules, from the text:

* Of each element, what came out of a batch is shared among what went into it, each part in proportion; with feed of unknown
  content by dry mass. What is in no output was lost there. What is in an open batch is pending there.
* Copper is that of no collector and iron is steel: `Cu-cell` and `Fe-cell` stand apart. A part that nobody knows to have gone
  in is of its element; what of it goes on is called what the lot's own assay calls it.
* The whole mass is followed beside the elements: of batteries as charged, of lots dry; what comes out of a batch counts whole
  where it is an intermediate, else as far as it is assayed and from batteries.
* Where: at the facility that processed it last. In which country: of what left the trace unrecycled, or is used again as cells or
  modules, where it was sent to (nothing: not known); of what is pending where it lies; of all else where that facility is, since
  Art. 72(3) of 2023/1542 asks for that of what was recovered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

ZERO = Fraction(0)

#: Stands for the whole mass where an element could stand.
WHOLE = ""

OF = {"Cu-cell": "Cu", "Fe-cell": "Fe"}
PREPARES = {"discharge", "dismantle"}
STAGES = ("discharge", "dismantle", "preprocess", "pyro", "hydro", "direct", "refine")
OPTIONAL = {"O", "C", "Fe", "P", "Cl", "S"}
FROM_2030 = {"C", "Fe", "P"}
TARGETS = {"Co": "Co", "Cu": "Cu-cell", "Li": "Li", "Ni": "Ni"}

#: The line of the template in which an element stands; others stand in their own, or in none that is optional.
LINE = {"graphite": "C", "Fe-cell": "Fe", "Fe": "steel", "Cu-cell": "Cu"}

RECOVERED = {"substitutes", "converted"}

type Masses = dict[str, Fraction]


class Destination(NamedTuple):
    use: str
    ended_waste: bool
    country: str


@dataclass(frozen=True)
class Analysis:
    """Of the batteries that were charged into a batch."""

    is_measured: bool
    moisture: Fraction
    fractions: Masses


@dataclass(frozen=True)
class Batch:
    status: str
    stage: str
    facility: int
    country: str
    recycler: int
    analysis: Analysis | None = None


@dataclass(frozen=True)
class Battery:
    """As charged; `listed` is what its composition says, nothing where it is not known."""

    batch: int
    kg: Fraction
    listed: Masses | None
    producer: int | None
    is_claimed: bool
    family: str
    year: int


@dataclass(frozen=True)
class Lot:
    made_by: int | None
    into: int | None
    status: str
    material: str
    kind: str
    is_converted: bool
    is_substitute: bool
    dry: Fraction
    assay: Masses
    """Kilograms that are from batteries."""
    is_known: bool
    destination: Destination | None
    country: str
    """Where it lies, if it does."""


class Way(NamedTuple):
    became: str
    facility: int
    country: str


type Ways = dict[Way, Fraction]


def apart(masses: Mapping[str, Fraction]) -> Masses:
    found = {element: kg for element, kg in masses.items() if element != "solvent"}
    for part, element in OF.items():
        if part in found:
            found[element] = found.get(element, ZERO) - found[part]
    return found


def became(lot: Lot) -> str:
    """What a lot that was not charged became by itself."""
    there = lot.status in ("in_stock", "in_transit")
    is_intermediate = lot.kind == "intermediate"
    use = lot.destination.use if lot.destination else ""
    is_used = use in ("original", "other") and lot.destination is not None and lot.destination.ended_waste
    if lot.status == "lost":
        return "lost"
    if lot.kind == "energy" or use in ("fuel", "energy") or (lot.status == "energy_recovered" and not is_used):
        return "energy"
    if is_intermediate:
        if there:
            return "pending"  # black mass never is an output, and neither is what is waste batteries still
        if is_used and lot.material in ("modules", "cells"):
            return "second_life"
    elif is_used or (lot.is_converted and use in ("", "original", "other") and (there or lot.status == "sold")):
        return "substitutes" if lot.is_substitute and lot.material != "slag" else "converted"
    if use in ("landfill_construction", "backfilling", "disposal") or lot.status in ("landfilled", "mineralized"):
        return "landfilled"
    return "pending" if there else "passed_on"


class Trace:
    """All that was charged and made, to be followed."""

    def __init__(self, batches: Mapping[int, Batch], batteries: Collection[Battery], lots: Iterable[Lot]) -> None:
        self.batches, self.batteries = batches, batteries
        self.made: dict[int, list[Lot]] = defaultdict(list)
        self.charged: dict[int, Masses] = {batch: defaultdict(Fraction) for batch in batches}
        known: dict[int, list[Fraction]] = {batch: [ZERO, ZERO] for batch in batches}
        for battery in batteries:
            content = self.content(battery)
            known[battery.batch][content is not None] += self.dry(battery)
            self._charge(battery.batch, (content or {}) | {WHOLE: battery.kg})
        for lot in lots:
            if lot.status in ("split", "void"):
                continue
            if lot.into is not None:
                known[lot.into][lot.is_known] += lot.dry
                self._charge(
                    lot.into, {element: kg for element, kg in apart(lot.assay).items() if kg} | {WHOLE: lot.dry}
                )
            if lot.made_by is not None:
                self.made[lot.made_by].append(lot)
        self.known = {batch: yes / (no + yes) if yes else ZERO for batch, (no, yes) in known.items()}

    def _charge(self, batch: int, content: Masses) -> None:
        for element, kg in content.items():
            self.charged[batch][element] += kg

    def dry(self, battery: Battery) -> Fraction:
        analysis = self.batches[battery.batch].analysis
        return battery.kg * (1 - analysis.moisture) if analysis else battery.kg

    def content(self, battery: Battery) -> Masses | None:
        """What an analysis of the batch says goes before what the composition says; what neither lists is other."""
        dry, analysis = self.dry(battery), self.batches[battery.batch].analysis
        listed = battery.listed
        if analysis is not None:
            listed = {element: dry * fraction for element, fraction in analysis.fractions.items()}
        if listed is None:
            return None
        found = apart(listed)
        return found | {"other": found.get("other", ZERO) + dry - sum(found.values())}

    def of_lot(self, lot: Lot, element: str) -> Masses:
        """What of a lot is of `element` as its batch was charged with it, by what the lot's own assay calls it."""
        own = {one: kg for one, kg in apart(lot.assay).items() if kg}
        if element == WHOLE:
            return {WHOLE: lot.dry if lot.kind == "intermediate" else sum(own.values(), ZERO)}
        charged = self.charged[lot.made_by or 0]
        found = {
            one: kg for one, kg in own.items() if (one if charged.get(one, ZERO) > 0 else OF.get(one, one)) == element
        }
        return found if charged.get(element, ZERO) > 0 else {}

    def follow(self, batch: int, element: str, kg: Fraction) -> Ways:
        """What became of so many kilograms that were charged into a batch."""
        step, ways = self.batches[batch], defaultdict(Fraction)
        here = step.facility, step.country
        if step.status == "open":
            return {Way("pending", *here): kg}
        part = kg / self.charged[batch][element] if self.charged[batch][element] > 0 else ZERO
        part *= self.known[batch] if element != WHOLE else 1
        for lot in self.made[batch]:
            for called, mass in self.of_lot(lot, element).items():
                mine = part * mass
                onward = self.follow(lot.into, called, mine) if lot.into is not None else {self._way(lot, step): mine}
                for way, some in onward.items():
                    ways[way] += some
                kg -= mine
        ways[Way("lost", *here)] += kg
        return {way: some for way, some in ways.items() if some}

    def _way(self, lot: Lot, step: Batch) -> Way:
        kind, sent = became(lot), lot.destination.country if lot.destination else ""
        country = step.country
        if kind in ("passed_on", "second_life"):
            country = sent
        elif kind == "pending":
            country = lot.country or country
        return Way(kind, step.facility, country)

    def blur(self, batch: int, element: str) -> Fraction:
        """By how much a share may differ that is rounded to 18 decimals at each stage, and goes on so."""
        ways, total = Fraction(4 * (len(self.made[batch]) + 1), 10**18), self.charged[batch][element]
        for lot in self.made[batch] if self.batches[batch].status == "closed" and total > 0 else ():
            for called, mass in self.of_lot(lot, element).items():
                ways += abs(mass) / total * self.blur(lot.into, called) if lot.into is not None else 0
        return ways

    def reached(self, batch: int) -> set[int]:
        found = {batch}
        for lot in self.made[batch]:
            if lot.into is not None:
                found |= self.reached(lot.into)
        return found

    def chain(self, batch: int) -> str:
        own = self.batches[batch].stage
        others = {self.batches[one].stage for one in self.reached(batch)} - {own}
        return "+".join([own, *(stage for stage in STAGES if stage in others)])

    def first(self, batch: int) -> set[int]:
        """Who recycles first what is charged here: preparing it is no recycling."""
        if self.batches[batch].stage not in PREPARES:
            return {self.batches[batch].recycler}
        return set().union(*(self.first(lot.into) for lot in self.made[batch] if lot.into is not None))


@dataclass
class Report:
    """The figures of batteries, in kilograms."""

    units: int
    charged: Fraction
    became: dict[str, Fraction]
    by_method: dict[str, Fraction]
    exported: dict[str, Fraction]
    elements: dict[str, dict[str, Fraction]]
    efficiency: dict[str, tuple[Fraction, Fraction]]
    recovery: dict[str, tuple[Fraction, Fraction]]


def report(
    trace: Trace,
    batteries: Iterable[Battery],
    year: int,
    home: str,
    proven: Collection[int],
    taken: Mapping[int, set[str]],
) -> Report:
    """Of batteries in closed batches; `taken` are the optional elements that a recycler takes into account."""
    found = Report(
        0, ZERO, defaultdict(Fraction), defaultdict(Fraction), defaultdict(Fraction),
        defaultdict(lambda: defaultdict(Fraction)), {}, {},
    )  # fmt: skip
    rates: dict[str, list[Fraction]] = defaultdict(lambda: [ZERO, ZERO])
    recovery: dict[str, list[Fraction]] = defaultdict(lambda: [ZERO, ZERO])
    for battery in batteries:
        found.units += 1
        found.charged += battery.kg
        found.by_method[trace.chain(battery.batch)] += battery.kg
        for way, kg in trace.follow(battery.batch, WHOLE, battery.kg).items():
            found.became[way.became] += kg
            if way.country not in ("", home):
                found.exported[way.country] += kg
        first = trace.first(battery.batch)
        counts = set.intersection(*(taken.get(one, set()) for one in first)) if first else set()
        counts |= FROM_2030 if year >= 2030 else set()
        rates[battery.family]  # of a family that nothing is known of, too
        for element, mass in (trace.content(battery) or {}).items():
            line = LINE.get(element, element)
            for way, kg in trace.follow(battery.batch, element, mass).items() if mass else ():
                found.elements[OF.get(element, element)][way.became] += kg
                counted = kg if way.facility in proven or _country(trace, way.facility) == home else ZERO
                if way.became == "second_life":
                    continue
                if line not in OPTIONAL or line in counts:
                    rates[battery.family][0] += counted if way.became in RECOVERED else 0
                    rates[battery.family][1] += kg
                for target, counts_as in TARGETS.items():
                    if element == counts_as:
                        recovery[target][0] += counted if way.became == "substitutes" else 0
                        recovery[target][1] += kg
    found.efficiency = {family: (out, went_in) for family, (out, went_in) in rates.items()}
    found.recovery = {target: (out, went_in) for target, (out, went_in) in recovery.items()}
    return found


def _country(trace: Trace, facility: int) -> str:
    return next(batch.country for batch in trace.batches.values() if batch.facility == facility)
