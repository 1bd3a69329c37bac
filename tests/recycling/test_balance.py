"""What the balance of a batch adds up, by which tolerance, and what of it is still there."""

from __future__ import annotations

from decimal import Decimal

from collection.services import lots
from collection.services.lots import Part
from recycling.models import Batch
from recycling.queries.balance import Balance, ElementBalance, balance_of
from recycling.services import charges, outputs
from tests.recycling.chains import charged, closed, output, packs
from tests.world import World, ago


def nickel(batch: Batch) -> ElementBalance:
    (found,) = [element for element in balance_of(batch).elements if element.element == "Ni"]
    return found


def test_an_element_is_added_up_over_all_outputs(world: World) -> None:
    """33 kg of nickel went in; 20 + 10 + 5 kg in a product, an intermediate and residue are too much by 6 %."""
    batch = charged(world)
    for number, (material, kilograms) in enumerate([("niso4_6h2o", 20), ("black_mass", 10), ("slag", 5)]):
        output(world, batch, material, kilograms, f"L{number}", assays={"Ni": Decimal(1)})
    assert (nickel(batch).input_kg, nickel(batch).output_kg) == (33, 35)
    assert not balance_of(batch).holds and balance_of(batch).output_kg == 35


def test_the_tolerance_is_the_plants_own(world: World) -> None:
    batch = charged(world)
    output(world, batch, "black_mass", "34", assays={"Ni": Decimal(1)})
    assert balance_of(batch).holds
    type(world.plant).objects.update(assay_tolerance=Decimal("0.03"))
    assert [element.element for element in balance_of(Batch.objects.get()).excess_elements] == ["Ni"]


def test_what_was_removed_and_what_was_split_does_not_count(world: World) -> None:
    batch, lot = closed(world)
    lots.split(actor=world.actor(world.recycler), lot=lot, parts=[Part(Decimal(20))], split_at=ago(days=6))
    assert (balance_of(batch).output_kg, nickel(batch).output_kg) == (120, 24)
    other = charged(world, number="B2")
    removed = output(world, other, "slag", 50, "S", assays={"Ni": Decimal("0.1")})
    outputs.remove_output(
        actor=world.actor(world.recycler), batch=other, lot=removed.pk, removed_at=ago(days=7), reason="typo"
    )
    assert (balance_of(other).output_kg, nickel(other).output_kg) == (0, 0)
    assert (balance_of(other).charged_kg, nickel(other).input_kg) == (400, 33)


def test_packs_of_all_chemistries_go_in(world: World) -> None:
    """60 kWh x 0.11 kg and 50 kWh x 0.09 kg of lithium."""
    actor = world.actor(world.recycler)
    (lfp,) = packs(world, model=world.lfp_pack)
    batch = charges.charge(actor=actor, batch=charged(world), charged_at=ago(days=9), batteries=[lfp.pk])
    (lithium,) = [element for element in balance_of(batch).elements if element.element == "Li"]
    assert lithium.input_kg == Decimal("11.1")


def test_what_is_exactly_there_is_no_excess() -> None:
    def balance(output: str) -> Balance:
        return Balance(Decimal(400), Decimal(100), Decimal(output), Decimal("0.05"))

    assert (balance("500").holds, balance("400").excess_kg) == (True, 0)
    assert (balance("500.001").holds, balance("500.001").excess_kg) == (False, Decimal("0.001"))
