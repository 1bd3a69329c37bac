"""The sums over all batteries, and the tallies of months, against charges and factors multiplied one by one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collection.models import Battery, Composition, CompositionElement, Element
from recycling.models import Batch, Charge, Factor
from recycling.queries import epr
from recycling.queries.contents import EXACT
from recycling.queries.overview import overview
from recycling.services import tallies
from tests.recycling.graphs import rolled_back
from tests.world import World

pytestmark = pytest.mark.django_db

_numbers = count()

type Key = tuple[int | None, str | None, str]
type Sums = dict[Key, list[Decimal]]


@dataclass(frozen=True)
class PackPlan:
    """A battery: whose, placed where, what it is made of, and how many hours off the edge of a period it was charged."""

    producer: str | None
    placed_in: str | None
    chemistry: str | None
    kwh: Decimal | None
    edge: date
    hours: int


@dataclass(frozen=True)
class Plan:
    """A batch at one of two plants, three time zones apart."""

    line: str
    is_closed: bool
    packs: tuple[PackPlan, ...]
    factors: dict[str, tuple[Decimal, ...]]


#: Edges of months, of years, and days that are neither.
EDGES = [date(2025, 1, 1), date(2025, 3, 1), date(2025, 3, 15), date(2025, 4, 1), date(2026, 1, 1)]

PERIODS = [
    (date(2025, 1, 1), date(2025, 12, 31)),
    (date(2025, 3, 1), date(2025, 3, 31)),
    (date(2025, 1, 1), date(2025, 3, 14)),
    (date(2025, 3, 15), date(2025, 12, 31)),
    (date(2025, 3, 15), date(2025, 3, 31)),
    (date(2025, 1, 1), date(2025, 1, 1)),
]

shares = st.one_of(st.just(Decimal(0)), st.decimals("0", "1.5", places=18))
packs = st.builds(
    PackPlan,
    producer=st.sampled_from(["producer", "other_producer", None]),
    placed_in=st.sampled_from(["US-NV", "US-NJ", None]),
    chemistry=st.sampled_from(["NMC622", "LFP", None]),
    kwh=st.one_of(st.none(), st.decimals("0.000001", "999999", places=6)),
    edge=st.sampled_from(EDGES),
    hours=st.integers(-50, 50),
)
plans = st.builds(
    Plan,
    line=st.sampled_from(["shredder", "hydro"]),
    is_closed=st.integers(0, 3).map(bool),
    packs=st.lists(packs, max_size=4).map(tuple),
    factors=st.dictionaries(st.sampled_from(list(Element)), st.tuples(shares, shares, shares)),
)


def build(world: World, batches: list[Plan]) -> None:
    compositions = {row.chemistry_id: row for row in Composition.objects.all()}
    for plan in batches:
        batch = Batch.objects.create(
            line=getattr(world, plan.line), number=str(next(_numbers)), started_at=datetime(2024, 1, 1, tzinfo=UTC)
        )
        for pack in plan.packs:
            battery = Battery.objects.create(
                producer=getattr(world, pack.producer) if pack.producer else None, placed_in_id=pack.placed_in,
                chemistry_id=pack.chemistry, registered_by=world.recycler, status="consumed", producer_ground="accepted",
            )  # fmt: skip
            charged_at = datetime.combine(pack.edge, datetime.min.time(), UTC) + timedelta(hours=pack.hours)
            Charge.objects.create(
                batch=batch, battery=battery, mass_kg=Decimal("400.5"), charged_at=charged_at,
                composition=compositions[pack.chemistry] if pack.chemistry else None,
                content_kwh=pack.kwh if pack.chemistry else None,
            )  # fmt: skip
        Factor.objects.bulk_create(
            Factor(batch=batch, element=element, input_kg=1, recovered=recovered, pending=pending, residue=residue)
            for element, (recovered, pending, residue) in plan.factors.items()
        )
        if plan.is_closed:
            Batch.objects.filter(pk=batch.pk).update(status="closed", closed_at=datetime(2026, 6, 1, tzinfo=UTC))


def oracle(start: date, end: date) -> tuple[Sums, dict[tuple[int, str], tuple[int, Decimal]]]:
    """Content x factor of each charge of a closed batch whose day, where it happened, lies in the period."""
    intensities: dict[int | None, dict[str, Decimal]] = defaultdict(dict)
    for row in CompositionElement.objects.all():
        intensities[row.composition_id][row.element] = row.kg_per_kwh
    factors = {(row.batch_id, row.element): row for row in Factor.objects.all()}
    sums: Sums = defaultdict(lambda: [Decimal(0)] * 4)
    recycled: dict[tuple[int, str], tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    charges = Charge.objects.filter(batch__status="closed").select_related("battery", "batch__line__plant__facility")
    with localcontext(EXACT):
        for charge in charges:
            zone = ZoneInfo(charge.batch.line.plant.facility.time_zone)
            if not start <= charge.charged_at.astimezone(zone).date() <= end:
                continue
            whose = charge.battery.producer_id, charge.battery.placed_in_id
            if None not in whose:
                units, kg = recycled[whose]
                recycled[whose] = units + 1, kg + charge.mass_kg
            for element, kg_per_kwh in intensities[charge.composition_id].items():
                factor = factors.get((charge.batch_id, element))
                if factor is None or charge.content_kwh is None:
                    continue
                content = charge.content_kwh * kg_per_kwh
                parts = (content, content * factor.recovered, content * factor.pending, content * factor.residue)
                known = sums[*whose, element]
                sums[*whose, element] = [a + b for a, b in zip(known, parts, strict=True)]
    return sums, recycled


def as_sums(totals: list[epr.Total]) -> Sums:
    assert len({row[:3] for row in totals}) == len(totals)
    return {row[:3]: list(row[3:]) for row in totals}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(plans, max_size=5))
def test_the_sums_are_those_of_all_charges_to_the_last_digit(world: World, batches: list[Plan]) -> None:
    with rolled_back():
        build(world, batches)
        tallies.refresh()
        for period in PERIODS:
            sums, recycled = oracle(*period)
            assert as_sums(epr.totals_by_producer_and_jurisdiction(*period)) == sums
            seen = overview(*period)
            assert as_sums(seen.elements) == sums
            assert {
                (row.producer, row.jurisdiction): (row.units_recycled, row.kg_recycled) for row in seen.standings
            } == recycled
        mine = epr.totals_by_producer_and_jurisdiction(*PERIODS[0], producers=[world.producer.pk])
        assert mine == overview(*PERIODS[0], producers=[world.producer.pk]).elements
        in_nevada = epr.totals_by_producer_and_jurisdiction(*PERIODS[0], jurisdictions=["US-NV"])
        assert in_nevada == overview(*PERIODS[0], jurisdictions=["US-NV"]).elements
