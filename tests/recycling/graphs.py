"""Random graphs of batches, written straight into the tables, and an oracle that follows every gram through them.

The code under test goes backward from products, in decimals; the oracle goes forward from each source, in fractions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import count

from django.db import transaction
from hypothesis import strategies as st

from collection.models import Assay, Battery, Composition, Lot
from recycling.models import Batch, Charge, Output
from tests.world import INTENSITIES, World, ago

ELEMENTS = ("Li", "Ni", "Fe")
MATERIALS = {"product": "copper", "intermediate": "black_mass", "residue": "slag", "energy": "offgas"}
#: In kg. Conservation is to the gram; rounding factors to 18 decimals leaves far less than this of a thousand tonnes.
MICROGRAM = Fraction(1, 10**9)
_numbers = count()


@dataclass(frozen=True)
class LotPlan:
    """An output: what it is, and what became of it; `into` counts the batches to where it was charged, 0 for none."""

    kind: str
    status: str
    into: int
    kg: Decimal
    moisture: Decimal
    assay: tuple[Decimal, ...]
    split: bool = False


@dataclass(frozen=True)
class BatchPlan:
    """A batch: energies of its packs by chemistry, feedstock from outside, and outputs."""

    nmc: tuple[Decimal, ...]
    lfp: tuple[Decimal, ...]
    external: tuple[LotPlan, ...]
    outputs: tuple[LotPlan, ...]
    is_open: bool
    unknown: int = 0
    """Packs of unknown content, of a kilogram each as all packs."""


type Masses = dict[str, Fraction]
type Ended = dict[str, Masses]

assays = st.tuples(*[st.one_of(st.just(Decimal(0)), st.decimals("0.0001", "0.33", places=8)) for _ in ELEMENTS])
kilograms = st.decimals("0.001", "99999", places=3)
energies = st.lists(st.decimals("0.000001", "200", places=6), max_size=3).map(tuple)
lot_plans = st.builds(
    LotPlan,
    kind=st.sampled_from(sorted(MATERIALS)),
    status=st.sampled_from(["in_stock", "sold", "landfilled", "mineralized", "energy_recovered", "lost", "void"]),
    into=st.integers(0, 3),
    kg=kilograms,
    moisture=st.decimals("0", "0.5", places=4),
    assay=assays,
    split=st.booleans(),
)
batch_plans = st.builds(
    BatchPlan,
    nmc=energies,
    lfp=energies,
    external=st.lists(lot_plans, max_size=2).map(tuple),
    outputs=st.lists(lot_plans, max_size=4).map(tuple),
    is_open=st.integers(0, 5).map(lambda n: n == 0),
    unknown=st.sampled_from([0, 0, 1, 2]),
)
graphs = st.lists(batch_plans, min_size=1, max_size=6)


@dataclass
class Built:
    """What was written, as the oracle needs it: batches by position, and all masses as fractions."""

    ids: list[int] = field(default_factory=list)
    is_open: list[bool] = field(default_factory=list)
    fed: dict[int, list[Fraction]] = field(default_factory=lambda: defaultdict(lambda: [Fraction(0), Fraction(0)]))
    """By batch: dry kilograms charged whose content is known, and all."""
    sources: list[tuple[int, Masses]] = field(default_factory=list)
    """Packs and outside lots: the batch they went into, and what they contain."""
    outputs: list[tuple[int, str, int | None, Masses]] = field(default_factory=list)
    """Leaf outputs: the batch that made them, their fate, where they were charged, and what they contain."""
    lots: list[Lot] = field(default_factory=list)
    batteries: list[Battery | None] = field(default_factory=list)
    """The packs among the sources, at their places."""


def fate_of(plan: LotPlan) -> str:
    """Worked out from DESIGN.md section 3, not from the code."""
    if plan.status == "lost" or plan.kind == "energy":
        return "lost"
    if plan.kind == "residue":
        return "residue"
    if plan.kind == "product":
        return "recovered" if plan.status in ("in_stock", "sold") else "lost"
    return "pending" if plan.status == "in_stock" else "lost"


def content(plan: LotPlan, kg: Decimal) -> Masses:
    dry = Fraction(kg) * (1 - Fraction(plan.moisture))
    return {element: dry * Fraction(share) for element, share in zip(ELEMENTS, plan.assay, strict=True)}


@contextmanager
def rolled_back() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def build(w: World, plans: list[BatchPlan]) -> Built:
    """Write a graph straight into the tables."""
    built = Built()
    compositions = {c.chemistry_id: c for c in Composition.objects.all()}
    batch_rows = [Batch(line=w.shredder, number=str(next(_numbers)), started_at=ago(days=9)) for _ in plans]
    Batch.objects.bulk_create(batch_rows)
    built.ids = [batch.pk for batch in batch_rows]

    def lot(plan: LotPlan, status: str, kg: Decimal, whole: Lot | None = None) -> Lot:
        made = Lot.objects.create(
            number=f"L{next(_numbers)}", owner=w.recycler, material_id=MATERIALS[plan.kind], mass_value=kg,
            moisture=plan.moisture, status=status, made_at=ago(days=9), split_from=whole, assay_basis="measured",
            facility=w.plant_site if status == "in_stock" else None,
        )  # fmt: skip
        Assay.objects.bulk_create(
            Assay(lot=made, element=element, fraction=share)
            for element, share in zip(ELEMENTS, plan.assay, strict=True)
        )
        return made

    def weigh(position: int, kg: Fraction) -> None:
        built.fed[position][0] += kg
        built.fed[position][1] += kg

    charged_from: set[int] = set()
    for position, plan in enumerate(plans):
        batch = batch_rows[position]
        for chemistry, energies in (("NMC622", plan.nmc), ("LFP", plan.lfp)):
            for energy in energies:
                battery = Battery.objects.create(chemistry_id=chemistry, registered_by=w.recycler, status="consumed")
                Charge.objects.create(
                    batch=batch, battery=battery, mass_kg=1, composition=compositions[chemistry],
                    content_kwh=energy, charged_at=ago(days=9),
                )  # fmt: skip
                built.batteries.append(battery)
                intensity = INTENSITIES[chemistry]
                built.sources.append((position, {e: Fraction(energy) * Fraction(kg) for e, kg in intensity.items()}))
                weigh(position, Fraction(1))
        _charge_unknown(w, built, position, plan.unknown)
        for outside in plan.external:
            brought = lot(outside, "consumed", outside.kg)
            Charge.objects.create(batch=batch, lot=brought, mass_kg=outside.kg, charged_at=ago(days=9))
            built.sources.append((position, content(outside, outside.kg)))
            weigh(position, Fraction(outside.kg) * (1 - Fraction(outside.moisture)))
            built.batteries.append(None)
        for made in plan.outputs:
            goes_on = made.kind == "intermediate" and made.into and position + made.into < len(plans)
            is_split = made.split and made.kg > Decimal("0.002")
            whole = lot(made, "split" if is_split else "consumed" if goes_on else made.status, made.kg)
            Output.objects.create(batch=batch, lot=whole)
            rows = [(whole, made.kg)]
            if is_split:
                first = Decimal("0.001")
                rows = [
                    (lot(made, "consumed" if goes_on else made.status, first, whole), first),
                    (lot(made, made.status, made.kg - first, whole), made.kg - first),
                ]
            for index, (row, kg) in enumerate(rows):
                into = position + made.into if goes_on and index == 0 else None
                if into is not None:
                    charged_from.add(position)
                    Charge.objects.create(batch=batch_rows[into], lot=row, mass_kg=kg, charged_at=ago(days=9))
                    weigh(into, Fraction(kg) * (1 - Fraction(made.moisture)))
                elif made.status == "void":
                    continue
                fate = "charged" if into is not None else fate_of(made)
                built.outputs.append((position, fate, into, content(made, kg)))
                built.lots.append(row)
    # A lot is charged only once the batch that made it is closed.
    built.is_open = [plan.is_open and position not in charged_from for position, plan in enumerate(plans)]
    closing = [pk for pk, is_open in zip(built.ids, built.is_open, strict=True) if not is_open]
    Batch.objects.filter(pk__in=closing).update(status="closed", closed_at=ago(days=8))
    return built


def _charge_unknown(w: World, built: Built, position: int, packs: int) -> None:
    for _pack in range(packs):
        battery = Battery.objects.create(registered_by=w.recycler, status="consumed")
        Charge.objects.create(
            batch_id=built.ids[position], battery=battery, mass_kg=1, charged_at=ago(days=9)
        )  # fmt: skip
        built.fed[position][1] += 1


@dataclass
class Followed:
    """Where the mass of each element ended, by what it counts as, and what came from nowhere."""

    of_source: list[Ended]
    unattributed: Masses
    in_products: Masses


class Oracle:
    """Follows each source forward, batch by batch; what came from nowhere is followed as one more."""

    def __init__(self, built: Built) -> None:
        self.built = built
        self.charged_kg: dict[tuple[int, str], Fraction] = defaultdict(Fraction)
        self.by_batch: dict[int, list[tuple[str, int | None, Masses]]] = defaultdict(list)
        for position, contained in built.sources:
            self._charge(position, contained)
        for made_by, fate, into, contained in built.outputs:
            self.by_batch[made_by].append((fate, into, contained))
            if into is not None:
                self._charge(into, contained)

    def _charge(self, position: int, contained: Masses) -> None:
        for element, kg in contained.items():
            self.charged_kg[position, element] += kg

    def _known(self, position: int) -> Fraction:
        """What came out is shared by mass with what is of unknown content."""
        known, whole = self.built.fed[position]
        return known / whole if whole else Fraction(1)

    def follow(self) -> Followed:
        found = Followed(
            [self._onward(position, contained) for position, contained in self.built.sources],
            defaultdict(Fraction),
            defaultdict(Fraction),
        )
        for position, fate, into, contained in self.built.outputs:
            for element, kg in contained.items() if not self.built.is_open[position] else ():
                if fate == "recovered":
                    found.in_products[element] += kg
                astray = 1 - self._known(position) if self.charged_kg[position, element] else Fraction(1)
                if astray:
                    ended = {fate: {element: kg}} if into is None else self._onward(into, {element: kg})
                    found.unattributed[element] += astray * ended.get("recovered", {}).get(element, Fraction(0))
        return found

    def _onward(self, start: int, contained: Masses) -> Ended:
        ended: Ended = defaultdict(lambda: defaultdict(Fraction))
        inside: dict[int, Masses] = defaultdict(lambda: defaultdict(Fraction))
        inside[start].update(contained)
        for position, is_open in enumerate(self.built.is_open):
            for element, mine in inside[position].items():
                if is_open:
                    ended["pending"][element] += mine
                for fate, into, made in self.by_batch[position] if mine and not is_open else ():
                    kg = made.get(element, 0) * mine / self.charged_kg[position, element] * self._known(position)
                    target = ended[fate] if into is None else inside[into]
                    target[element] = target.get(element, Fraction(0)) + kg
        return ended
