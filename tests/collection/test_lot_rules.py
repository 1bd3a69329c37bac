"""Edges of lots: whose they are and who holds them, what parts keep of the whole, and assays that fill the lot."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from accounts.errors import Invalid, Refused
from accounts.models import Role
from collection.models import CustodyKind, Lot, LotStatus, Material
from collection.services import custody, lots, shipments
from collection.services.lots import Part
from collection.services.packing import NewLine
from tests.refusals import refused
from tests.world import World, ago


def brought(world: World, **fields: Any) -> Lot:
    return lots.bring_in(
        **{
            "actor": world.actor(world.recycler), "facility": world.plant_site, "number": "EXT-1",
            "material": Material.objects.get(code="black_mass"), "mass_value": Decimal(100), "origin": "Asia",
            "brought_at": ago(days=30), **fields,
        }
    )  # fmt: skip


def sent_to_the_hub(world: World, lot: Lot) -> Lot:
    """The lot, in the custody of the collector."""
    shipper, receiver = world.actor(world.recycler), world.actor(world.collector)
    shipment = shipments.draft(
        actor=shipper, origin=world.plant_site, destination=world.hub, carrier=world.carrier,
        lines=[NewLine(lot=lot.pk)],
    )  # fmt: skip
    shipments.make_ready(actor=shipper, shipment=shipment)
    shipments.dispatch(actor=shipper, shipment=shipment, dispatched_at=ago(days=20))
    shipments.arrive(actor=receiver, shipment=shipment, arrived_at=ago(days=19))
    shipments.receive(actor=receiver, shipment=shipment, received_at=ago(days=18))
    return Lot.objects.get(pk=lot.pk)


def test_parts_keep_what_the_whole_was(world: World) -> None:
    """Owner, material, moisture, origin, and whether it is real, whoever splits it; they are where it was."""
    lot = sent_to_the_hub(world, brought(world, moisture=Decimal("0.1234"), is_simulated=True))
    lots.split(actor=world.actor(world.collector), lot=lot, parts=[Part(Decimal(30))], split_at=ago(days=9))
    parts = list(lot.parts.all())
    assert len(parts) == 2
    for part in parts:
        assert (part.owner, part.material_id, part.moisture) == (world.recycler, "black_mass", Decimal("0.1234"))
        assert (part.origin, part.is_simulated, part.facility) == ("Asia", True, world.hub)


def test_what_is_lost_or_sold_needs_a_word(world: World) -> None:
    lot = brought(world)
    about: dict[str, Any] = {"actor": world.actor(world.recycler), "lot": lot, "disposed_at": ago(days=5)}
    for disposition in ("lost", "sold"):
        for note in ("", "  "):
            refused(Invalid, lots.dispose, "note", **about, disposition=disposition, note=note)
    assert lots.dispose(**about, disposition="landfilled").events.latest("sequence").note == "landfilled"


def test_an_assay_fills_the_lot_and_no_more(world: World) -> None:
    full = {"Ni": Decimal("0.6"), "Co": Decimal("0.4")}
    over = {**full, "Li": Decimal("0.00000001")}
    refused(Invalid, lambda: brought(world, assays=over), "assays")
    foil = {"Cu": Decimal("0.6"), "Cu-cell": Decimal("0.6"), "Ni": Decimal("0.4")}
    assert brought(world, number="F", assays=foil).assays.count() == 3, "a part is in no sum"
    refused(Invalid, lambda: brought(world, number="G", assays={"Cu-cell": Decimal("0.1")}), "assays.Cu-cell")
    for shares in ({"Al": Decimal(1)}, {"Ni": Decimal("1.1")}, {"Ni": Decimal("0.12345")}):
        field = f"from_batteries.{next(iter(shares))}"
        refused(Invalid, lambda shares=shares: brought(world, number="H", assays=full, from_batteries=shares), field)  # type: ignore[misc]
    lot = brought(world, assays=full, from_batteries={"Co": Decimal("0.5")})
    assert dict(lot.assays.values_list("element", "from_batteries")) == {"Ni": 1, "Co": Decimal("0.5")}
    refused(
        Invalid, lots.correct, "assays", actor=world.actor(world.recycler, Role.MANAGER), lot=lot, reason="x",
        corrected_at=ago(days=5), assays=over,
    )  # fmt: skip


def test_what_stands_on_a_shipment_is_neither_corrected_nor_disposed_of(world: World) -> None:
    lot = brought(world)
    shipments.draft(
        actor=world.actor(world.recycler), origin=world.plant_site, destination=world.hub, carrier=world.carrier,
        lines=[NewLine(lot=lot.pk)],
    )  # fmt: skip
    manager = world.actor(world.recycler, Role.MANAGER)
    acts: list[tuple[Any, dict[str, Any]]] = [
        (lots.correct, {"corrected_at": ago(days=5), "reason": "x", "mass_value": Decimal(9)}),
        (lots.dispose, {"disposed_at": ago(days=5), "disposition": "landfilled"}),
    ]
    for act, arguments in acts:
        assert refused(Refused, act, "lot", actor=manager, lot=lot, **arguments).code == "on_shipment"


def test_the_ledger_notes_a_lots_own_mass(world: World) -> None:
    lot = sent_to_the_hub(world, brought(world))
    assert {entry.mass_kg for entry in lot.events.all()} == {Decimal(100)}


def test_what_was_charged_is_not_reinstated(world: World) -> None:
    """It may become `in_stock` again, but by being taken out of its batch."""
    lot = brought(world)
    charged = custody.Entry(world.actor(world.recycler), CustodyKind.CHARGED, ago(days=9))
    custody.move(custody.lock_lots([lot.pk]), charged, status=LotStatus.CONSUMED, to=custody.NOWHERE)
    error = refused(
        Refused, lots.reinstate, actor=world.actor(world.recycler, Role.MANAGER), lot=lot, reinstated_at=ago(days=8),
        reason="x",
    )  # fmt: skip
    assert error.code == "wrong_status"
