"""Recovery factors against an oracle that follows every gram forward, on random graphs of batches (invariant 3)."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Role
from collection.models import Lot
from collection.services import lots
from collection.services.lots import Part
from recycling.models import Batch, Charge, Factor
from recycling.queries import factors as queries
from recycling.queries.factors import CyclicTraceError, compute, read, stored
from recycling.services import batches, charges, factors
from recycling.services.charges import LotCharge
from tests.recycling.chains import BLACK_MASS, charged, closed, opened, output, packs
from tests.recycling.graphs import MICROGRAM, BatchPlan, Oracle, build, graphs, rolled_back
from tests.world import World, ago

pytestmark = pytest.mark.django_db


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=graphs)
def test_every_source_is_credited_as_if_it_had_been_followed(world: World, plans: list[BatchPlan]) -> None:
    with rolled_back():
        built = build(world, plans)
        factors.refresh()
        rows = {(row.batch, row.element): row for row in stored()}
        followed = Oracle(built).follow()
        credited: dict[str, Fraction] = defaultdict(Fraction)
        for (position, contained), ended in zip(built.sources, followed.of_source, strict=True):
            for element, kg in contained.items():
                if not kg:
                    continue
                row = rows[built.ids[position], element]
                for name in ("recovered", "pending", "residue"):
                    expected = ended.get(name, {}).get(element, Fraction(0))
                    assert abs(kg * Fraction(getattr(row, name)) - expected) <= MICROGRAM
                credited[element] += kg * Fraction(row.recovered)
        for row in rows.values():
            credited[row.element] += Fraction(row.unattributed_recovered_kg)
            assert row.input_kg or not row.recovered
        for element in {*credited, *followed.in_products}:
            assert abs(credited[element] - followed.in_products.get(element, 0)) <= MICROGRAM
        unattributed: dict[str, Fraction] = defaultdict(Fraction)
        for row in rows.values():
            unattributed[row.element] += Fraction(row.unattributed_recovered_kg)
        for element, kg in followed.unattributed.items():
            assert abs(unattributed[element] - kg) <= MICROGRAM


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=graphs, seed=st.integers(0, 10**6))
def test_the_same_digits_in_any_order_of_rows(world: World, plans: list[BatchPlan], seed: int) -> None:
    with rolled_back():
        build(world, plans)
        graph = read()
        shuffled = list(graph.outflows)
        random.Random(seed).shuffle(shuffled)
        batches_shuffled = list(graph.status)
        random.Random(seed).shuffle(batches_shuffled)
        again = replace(graph, outflows=shuffled, status={batch: graph.status[batch] for batch in batches_shuffled})
        assert sorted(map(repr, compute(graph))) == sorted(map(repr, compute(again)))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plans=graphs, data=st.data())
def test_only_the_ancestors_of_a_change_give_the_same_as_all(
    world: World, plans: list[BatchPlan], data: st.DataObject
) -> None:
    with rolled_back():
        built = build(world, plans)
        factors.refresh()
        assert not Batch.objects.filter(stale_since__isnull=False).exists()
        in_stock = [lot for lot in built.lots if lot.status == "in_stock"]
        for lot in data.draw(st.lists(st.sampled_from(in_stock), max_size=3, unique=True)) if in_stock else []:
            Lot.objects.filter(pk=lot.pk).update(
                status=data.draw(st.sampled_from(["sold", "landfilled", "lost"])), facility=None
            )
        factors.refresh()
        incremental = sorted(map(repr, stored()))
        Factor.objects.all().delete()
        factors.refresh_all()
        assert sorted(map(repr, stored())) == incremental
        with CaptureQueriesContext(connection) as statements:
            assert factors.refresh() == 0
        assert not any("INSERT" in query["sql"] or "UPDATE" in query["sql"] for query in statements)


def factor(batch: Batch, element: str) -> Factor:
    return Factor.objects.get(batch=batch, element=element)


def test_by_hand_through_two_stages(world: World) -> None:
    """2 packs hold 66 kg Ni; 48 kg went into black mass, of which the refinery made 40 kg: 40/66."""
    first, lot = closed(world, 2)  # 240 kg of black mass with 20 % Ni and 4 % Li
    factors.refresh()
    assert factor(first, "Ni").pending == queries.SHARE_STEP * round(Fraction(48, 66) * 10**18)
    second = opened(world, number="B2")
    actor = world.actor(world.recycler)
    charges.charge(actor=actor, batch=second, charged_at=ago(days=5), lots=[LotCharge(lot.pk)])
    factors.refresh()
    assert (factor(second, "Ni").pending, factor(second, "Ni").input_kg) == (1, 48)
    assert factor(first, "Ni").pending == queries.SHARE_STEP * round(Fraction(48, 66) * 10**18)
    output(world, second, "copper", "40", "N1", assays={"Ni": Decimal(1)}, made_at=ago(days=4))
    output(world, second, "slag", "100", "S1", assays={"Ni": Decimal("0.05")}, made_at=ago(days=4))
    batches.close(actor=actor, batch=second, closed_at=ago(days=3))
    factors.refresh()
    one, two = factor(first, "Ni"), factor(second, "Ni")
    assert two.recovered == round(Decimal(40) / 48, 18)
    assert abs(one.recovered - Decimal(40) / 66) < Decimal("1e-15")
    assert abs(one.residue - Decimal(5) / 66) < Decimal("1e-15")
    assert one.pending == 0
    assert abs(one.lost - Decimal(66 - 45) / 66) < Decimal("1e-15")
    assert factor(first, "Li").recovered == 0


def test_an_lfp_pack_is_never_credited_with_nickel(world: World) -> None:
    """NMC and LFP packs shredded together: all of the nickel is the NMC pack's, and none of it the LFP pack's."""
    batch = opened(world)
    actor = world.actor(world.recycler)
    nmc, lfp = packs(world), packs(world, model=world.lfp_pack)
    charges.charge(actor=actor, batch=batch, charged_at=ago(days=9), batteries=[nmc[0].pk, lfp[0].pk])
    output(world, batch, "niso4_6h2o", "100")
    batches.close(actor=actor, batch=batch, closed_at=ago(days=3))
    factors.refresh()
    contents = {
        charge.battery_id: {
            e.element: e.kg_per_kwh * (charge.content_kwh or 0) for e in charge.composition.elements.all()
        }
        for charge in batch.charges.select_related("composition")
        if charge.composition
    }
    credited = {
        battery: contained.get("Ni", Decimal(0)) * factor(batch, "Ni").recovered
        for battery, contained in contents.items()
    }
    assert credited[lfp[0].pk] == 0
    assert abs(credited[nmc[0].pk] - Decimal("22.329")) < Decimal("1e-9")


def test_what_no_input_contained_is_a_line_of_its_own(world: World) -> None:
    batch = charged(world)
    output(world, batch, "copper", "10", assays={"P": Decimal("0.5")})
    batches.close(
        actor=world.actor(world.recycler, Role.MANAGER), batch=batch, closed_at=ago(days=3), explanation="binder"
    )
    factors.refresh()
    row = factor(batch, "P")
    assert (row.input_kg, row.recovered, row.unattributed_recovered_kg) == (0, 0, 5)


def test_a_share_above_one_is_kept(world: World) -> None:
    batch = charged(world)
    output(world, batch, "copper", "66", assays={"Ni": Decimal(1)})
    batches.close(
        actor=world.actor(world.recycler, Role.MANAGER), batch=batch, closed_at=ago(days=3), explanation="high nickel"
    )
    factors.refresh()
    assert factor(batch, "Ni").recovered == 2
    assert factor(batch, "Ni").lost == -1


@pytest.mark.parametrize(
    ("disposition", "pending"), [("sold", 0), ("landfilled", 0), ("mineralized", 0), ("lost", 0), (None, 1)]
)
def test_an_intermediate_that_left_is_not_recovered(world: World, disposition: str | None, pending: int) -> None:
    batch, lot = closed(world)
    if disposition:
        lots.dispose(
            actor=world.actor(world.recycler), lot=lot, disposition=disposition, disposed_at=ago(days=2), note="x"
        )
    factors.refresh()
    assert factor(batch, "Ni").recovered == 0
    assert (factor(batch, "Ni").pending > 0) == bool(pending)


def test_each_change_marks_the_batches_it_touches(world: World) -> None:
    """A status, a part of a batch, and the fate, mass or assay of a lot; a journey does not."""
    batch, lot = closed(world)

    def is_stale() -> bool:
        stale = Batch.objects.get(pk=batch.pk).stale_since is not None
        factors.refresh()
        assert Batch.objects.get(pk=batch.pk).stale_since is None
        return stale

    actor = world.actor(world.recycler, Role.MANAGER)
    assert is_stale()
    assert not is_stale()
    lots.split(actor=actor, lot=lot, parts=[Part(Decimal(20))], split_at=ago(days=6))
    assert is_stale()
    part, rest = lot.parts.order_by("pk")
    lots.dispose(actor=actor, lot=part, disposition="landfilled", disposed_at=ago(days=5))
    assert is_stale()
    lots.reinstate(actor=actor, lot=part, reinstated_at=ago(days=5), reason="no")
    assert is_stale()
    other = opened(world, number="B2")
    charges.charge(actor=actor, batch=other, charged_at=ago(days=4), lots=[LotCharge(rest.pk)])
    assert is_stale()
    charges.uncharge(actor=actor, batch=other, uncharged_at=ago(days=3), lots=[rest.pk], reason="no")
    assert is_stale()
    batches.reopen(actor=actor, batch=batch, reason="x")
    assert is_stale()
    lots.correct(actor=actor, lot=part, corrected_at=ago(days=2), reason="laboratory", assays={"Ni": Decimal("0.1")})
    assert is_stale()
    lots.correct(actor=actor, lot=part, corrected_at=ago(days=2), reason="dried", moisture=Decimal("0.1"))
    assert is_stale()


def test_a_late_batch_reads_only_its_ancestors(world: World) -> None:
    """Statements do not depend on how many batches there are, and other batches are not written."""
    for number in range(3):
        batch, lot = closed(world, 1, number=f"S{number}")
    factors.refresh()
    untouched = Factor.objects.exclude(batch=batch)
    untouched.update(recovered=Decimal("0.123"))
    lots.dispose(actor=world.actor(world.recycler), lot=lot, disposition="landfilled", disposed_at=ago(days=2))
    assert factors.refresh() == 1
    assert set(untouched.values_list("recovered", flat=True)) == {Decimal("0.123")}
    assert factor(batch, "Ni").pending == 0


def test_a_batch_that_changes_meanwhile_stays_stale(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    batch, _lot = closed(world)

    def change(*arguments: Any) -> Any:
        Batch.objects.filter(pk=batch.pk).update(stale_since=ago(days=0))
        return read(*arguments)

    monkeypatch.setattr(factors, "read", change)
    factors.refresh()
    assert Batch.objects.get(pk=batch.pk).stale_since is not None


def test_a_circle_is_named_not_followed(world: World) -> None:
    """No service makes one; whoever writes one into the tables is told which batches it is made of."""
    first, lot = closed(world)
    second = opened(world, number="B2")
    actor = world.actor(world.recycler)
    charges.charge(actor=actor, batch=second, charged_at=ago(days=5), lots=[LotCharge(lot.pk)])
    back = output(world, second, "black_mass", "10", "X1", assays=BLACK_MASS, made_at=ago(days=4))
    Batch.objects.filter(pk=first.pk).update(status="open", closed_at=None)
    Charge.objects.create(batch=first, lot=back, mass_kg=10, charged_at=ago(days=3))
    Lot.objects.filter(pk=back.pk).update(status="consumed", facility=None)
    with pytest.raises(CyclicTraceError, match=str(first.pk)):
        factors.refresh()


def test_the_database_refuses_shares_without_an_input(world: World) -> None:
    batch, _lot = closed(world)
    for wrong in ({"recovered": -1}, {"input_kg": 0, "recovered": 1}, {"element": "Li"}):
        values = {"element": "Ni", "input_kg": 1, "recovered": 0, "pending": 0, "residue": 0, **wrong}
        if wrong == {"element": "Li"}:
            Factor.objects.create(batch=batch, **values)
        with pytest.raises(IntegrityError), transaction.atomic():
            Factor.objects.create(batch=batch, **values)
