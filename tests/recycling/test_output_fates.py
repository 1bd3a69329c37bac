"""What becomes of the elements in a lot by what it is and where it is: recovered, pending, residue or lost."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction

from collection.models import CustodyKind, Lot, LotStatus, Shipment
from collection.services import custody, lots
from collection.services.custody import Entry, Place
from collection.services.lots import Part
from recycling.models import Batch, Factor
from recycling.services import batches, factors
from tests.recycling.chain import at, process
from tests.recycling.chains import charged, output
from tests.world import World, ago, batteries_at, handed_over


def made(world: World, material: str, kilograms: str, assay: dict[str, str]) -> tuple[Batch, Lot]:
    """One pack of 33 kg Ni, and a lot with 16.5 kg of it."""
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    batch, (lot,) = process(
        world, world.shredder, packs=packs, charged_at=at(2025, 4, 1), makes=[(material, kilograms, assay)]
    )
    return batch, lot


@transaction.atomic
def sent(world: World, lot: Lot) -> None:
    """On its way to the refinery."""
    shipment = Shipment.objects.create(
        shipper=world.recycler, origin=world.plant_site, destination=world.refinery_site, carrier=world.carrier
    )
    handover = handed_over(world, shipment)
    entry = Entry(world.actor(world.carrier), CustodyKind.DISPATCHED, at(2025, 5, 1), handover=handover)
    custody.move(custody.lock_lots([lot.pk]), entry, status=LotStatus.IN_TRANSIT, to=Place(shipment=shipment))


def shares(batch: Batch) -> tuple[Decimal, Decimal, Decimal]:
    """Recovered, pending and in residue of the nickel."""
    factors.refresh()
    factor = Factor.objects.get(batch=batch, element="Ni")
    return factor.recovered, factor.pending, factor.residue


HALF = Decimal("0.5")
PRODUCT = ("niso4_6h2o", "66", {"Ni": "0.25"})
INTERMEDIATE = ("black_mass", "66", {"Ni": "0.25"})
RESIDUE = ("slag", "66", {"Ni": "0.25"})


@pytest.mark.parametrize(
    ("lot", "fate", "expected"),
    [
        (PRODUCT, "in_transit", (HALF, 0, 0)),
        (PRODUCT, "sold", (HALF, 0, 0)),
        (PRODUCT, "lost", (0, 0, 0)),
        (INTERMEDIATE, "in_transit", (0, HALF, 0)),
        (RESIDUE, "in_transit", (0, 0, HALF)),
        (RESIDUE, "landfilled", (0, 0, HALF)),
        (RESIDUE, "lost", (0, 0, 0)),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_a_lot_after_it_left(
    world: World,
    lot: tuple[str, str, dict[str, str]],
    fate: str,
    expected: tuple[Decimal, Decimal, Decimal],
) -> None:
    batch, thing = made(world, *lot)
    if fate == "in_transit":
        sent(world, thing)
    else:
        lots.dispose(
            actor=world.actor(world.recycler), lot=thing, disposition=fate, disposed_at=at(2025, 5, 1), note="x"
        )
    assert shares(batch) == expected


def test_parts_count_and_the_whole_does_not(world: World) -> None:
    """Of a product of 66 kg, 22 kg were lost: a third of 16.5 kg Ni."""
    batch, whole = made(world, *PRODUCT)
    actor = world.actor(world.recycler)
    lots.split(actor=actor, lot=whole, parts=[Part(Decimal(22))], split_at=at(2025, 5, 1))
    part = whole.parts.order_by("pk")[0]
    lots.dispose(actor=actor, lot=part, disposition="lost", disposed_at=at(2025, 5, 2), note="x")
    recovered, pending, residue = shares(batch)
    assert (recovered, pending, residue) == (round(HALF * 2 / 3, 18), 0, 0)


def test_only_the_dry_mass_has_elements(world: World) -> None:
    batch = charged(world)
    output(world, batch, "niso4_6h2o", 66, assays={"Ni": Decimal("0.25")}, moisture=Decimal("0.2"))
    batches.close(actor=world.actor(world.recycler), batch=batch, closed_at=ago(days=7))
    assert shares(batch) == (Decimal("0.4"), 0, 0)


def test_of_two_lots_of_one_element_each_counts_as_what_it_is(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    batch, _lots = process(
        world, world.shredder, packs=packs, charged_at=at(2025, 4, 1), makes=[PRODUCT, ("slag", "33", {"Ni": "0.1"})]
    )
    assert shares(batch) == (HALF, 0, Decimal("0.1"))
