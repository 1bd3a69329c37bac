"""The trace both ways, against the factors, the oracle, and each other."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings

from collection.models import Battery, Lot, Material
from collection.services import lots
from recycling.queries.contents import OutputFate
from recycling.queries.trace import backward, forward, sum_of
from recycling.services import batches, charges, factors
from recycling.services.charges import LotCharge
from tests.recycling.chains import closed, opened, output, packs
from tests.recycling.graphs import MICROGRAM, BatchPlan, Oracle, build, graphs, rolled_back
from tests.world import World, ago, batteries_at

pytestmark = pytest.mark.django_db


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=graphs)
def test_forward_and_backward_agree_with_the_oracle(world: World, plans: list[BatchPlan]) -> None:
    with rolled_back():
        built = build(world, plans)
        followed = Oracle(built).follow()
        held: dict[tuple[int, int], dict[str, Decimal]] = {}
        for battery, (_at, contained), ended in zip(built.batteries, built.sources, followed.of_source, strict=True):
            if battery is None:
                continue
            trace = forward(battery)
            assert {row.element for row in trace.elements} == set(contained)
            for row in trace.elements:
                assert abs(Fraction(row.content_kg) - contained[row.element]) <= MICROGRAM
                for name in ("recovered", "pending", "residue"):
                    expected = ended.get(name, {}).get(row.element, Fraction(0))
                    assert abs(Fraction(getattr(row, f"{name}_kg")) - expected) <= MICROGRAM
            held.update({(battery.pk, share.lot): share.kg for share in trace.lots})
        for lot in built.lots:
            came_from = backward(lot)
            sources = came_from.sources().page(limit=1000)
            total = sum_of([*(source.kg for source in sources), came_from.unattributed])
            for element, kg in came_from.content.items():
                assert abs(total.get(element, Decimal(0)) - kg) <= Decimal("1e-9")
            for source in sources:
                if source.battery is not None and not built.is_open[built.ids.index(came_from.made_by or 0)]:
                    there = held.get((source.battery, lot.pk), {})
                    for element in {*there, *source.kg}:
                        assert abs(there.get(element, 0) - source.kg.get(element, 0)) <= Decimal("1e-9")
            together = came_from.sources().together()
            each = sum_of([source.kg for source in sources])
            assert together.keys() == each.keys()
            assert all(abs(together[element] - kg) <= Decimal("1e-9") for element, kg in each.items())


def two_stages(world: World) -> tuple[list[Battery], Lot, Lot]:
    """2 NMC packs and 1 LFP pack, their black mass, and nickel made of it together with a lot from outside."""
    actor = world.actor(world.recycler)
    found = [*packs(world, 2), *packs(world, 1, model=world.lfp_pack)]
    first = opened(world)
    charges.charge(actor=actor, batch=first, charged_at=ago(days=9), batteries=[b.pk for b in found])
    mass = output(world, first, "black_mass", "300", "BM", assays={"Ni": Decimal("0.2"), "Li": Decimal("0.04")})
    batches.close(actor=actor, batch=first, closed_at=ago(days=7))
    outside = lots.bring_in(
        actor=actor, facility=world.plant_site, number="EXT", material=mass.material, mass_value=Decimal(100),
        origin="scrap", brought_at=ago(days=8), assays={"Ni": Decimal("0.2")},
    )  # fmt: skip
    second = opened(world, number="B2")
    charges.charge(actor=actor, batch=second, charged_at=ago(days=6), lots=[LotCharge(mass.pk), LotCharge(outside.pk)])
    nickel = output(world, second, "copper", "60", "NI", assays={"Ni": Decimal(1)}, made_at=ago(days=5))
    batches.close(actor=actor, batch=second, closed_at=ago(days=4))
    return found, mass, nickel


def test_by_hand(world: World) -> None:
    """60 kg of the packs' nickel went on; with 20 kg from outside they made 60 kg: 45 are the packs', 15 the scrap's."""
    (one, two, lfp), mass, nickel = two_stages(world)
    trace = forward(one)
    rows = {row.element: row for row in trace.elements}
    assert (rows["Ni"].content_kg, rows["Ni"].recovered_kg, rows["Ni"].pending_kg) == (33, Decimal("22.5"), 0)
    assert rows["Ni"].lost_kg == Decimal("10.5")
    assert [(share.lot, share.fate) for share in trace.lots] == [(mass.pk, "charged"), (nickel.pk, "recovered")]
    assert trace.lots[1].kg == {"Ni": Decimal("22.5")}
    assert "Ni" not in {row.element for row in forward(lfp).elements}

    back = backward(nickel)
    sources = back.sources().page()
    assert {source.battery: source.kg for source in sources} == {
        one.pk: {"Ni": Decimal("22.5")}, two.pk: {"Ni": Decimal("22.5")}, lfp.pk: {}, None: {"Ni": Decimal(15)},
    }  # fmt: skip
    assert back.unattributed == {}
    some = back.sources(batteries=Battery.objects.filter(pk__in=[one.pk, lfp.pk]))
    assert [source.battery for source in some.page()] == [one.pk, lfp.pk]
    assert some.together() == {"Ni": Decimal("22.5")}
    scrap = back.sources(lots=Lot.objects.filter(number="EXT"))
    assert [source.battery for source in scrap.page()] == [None]
    assert scrap.together() == {"Ni": Decimal(15)}
    assert back.sources(batteries=Battery.objects.none()).page() == []
    factors.refresh()
    assert trace.batch
    assert abs(33 * one.charge.batch.factors.get(element="Ni").recovered - Decimal("22.5")) < Decimal("1e-15")


def test_a_lot_from_outside_and_a_battery_that_was_not_charged(world: World) -> None:
    outside = lots.bring_in(
        actor=world.actor(world.recycler), facility=world.plant_site, number="EXT",
        material=Material.objects.get(code="black_mass"), mass_value=Decimal(100), origin="scrap", brought_at=ago(days=8),
        assays={"Ni": Decimal("0.2")}, moisture=Decimal("0.1"),
    )  # fmt: skip
    trace = backward(outside)
    assert (trace.made_by, trace.content, trace.sources().page()) == (None, {"Ni": Decimal(18)}, [])
    (battery,) = batteries_at(world, world.yard)
    fate = {row.element: row for row in forward(battery).elements}["Ni"]
    assert (fate.pending_kg, fate.recovered_kg, fate.lost_kg) == (33, 0, 0)


def test_pages_of_sources_are_complete_and_bounded(world: World) -> None:
    batch, lot = closed(world, 7)
    sources = backward(lot).sources()
    seen, after = [], 0
    while page := sources.page(after=after, limit=3):
        seen += page
        after = page[-1].charge
    assert [source.battery for source in seen] == list(batch.charges.order_by("pk").values_list("battery", flat=True))
    counts = defaultdict(set)
    for limit in (2, 7):
        with CaptureQueriesContext(connection) as statements:
            sources = backward(lot).sources(batteries=Battery.objects.all())
            sources.page(limit=limit)
            sources.together()
        counts["backward"].add(len(statements))
        with CaptureQueriesContext(connection) as statements:
            forward(batch.charges.first().battery)
        counts["forward"].add(len(statements))
    assert {len(numbers) for numbers in counts.values()} == {1}


def test_only_what_is_behind_a_lot_is_asked_for(world: World) -> None:
    """What a user may see can be costly to find out: it is asked of the candidates, by their ids."""
    batch, lot = closed(world, 2)
    behind = set(batch.charges.values_list("battery", flat=True))
    with CaptureQueriesContext(connection) as statements:
        backward(lot).sources(batteries=Battery.objects.filter(status="consumed"))
    (asked,) = [row["sql"] for row in statements if '"collection_battery"."status"' in row["sql"]]
    assert all(str(pk) in asked for pk in behind) and "recycling_charge" not in asked


def test_what_was_charged_into_an_open_batch_is_pending(world: World) -> None:
    batch, lot = closed(world)
    battery = batch.charges.get().battery
    charges.charge(
        actor=world.actor(world.recycler), batch=opened(world, number="B2"), charged_at=ago(days=5),
        lots=[LotCharge(lot.pk)],
    )  # fmt: skip
    trace = forward(battery)
    fate = {row.element: row for row in trace.elements}["Ni"]
    assert (fate.pending_kg, fate.lost_kg) == (24, 9)
    assert [share.fate for share in trace.lots] == [OutputFate.CHARGED]
