"""What is coming to a plant, by which mass, and for how many days of which nameplate it is enough."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from collection.models import Lot, Shipment
from collection.services import lots, shipments
from collection.services.packing import NewLine
from recycling.models import Nameplate, ProcessLine, Stage
from recycling.queries.utilization import Backlog, backlog
from tests.recycling.chain import at, process
from tests.world import World, ago, batteries_at, drafted_shipment


def waiting(world: World, feed: str = "batteries") -> Backlog:
    (row,) = [row for row in backlog([world.plant.pk]) if row.feed == feed]
    return row


def coming(world: World) -> tuple[Decimal, Decimal, Decimal]:
    row = waiting(world)
    return row.waiting_kg, row.in_transit_kg, row.scheduled_kg


def test_a_shipment_on_its_way_by_its_declared_mass(world: World) -> None:
    """From the day it is ready until it is received; at the gate it is still on the truck."""
    declared, plain = batteries_at(world, world.yard, 2)
    shipment: Shipment = drafted_shipment(world, [plain])
    shipper, carrier = world.actor(world.yard_owner), world.actor(world.carrier)
    shipments.pack(actor=shipper, shipment=shipment, lines=[NewLine(battery=declared.pk, declared_value=Decimal(390))])
    assert coming(world) == (0, 0, 0)
    shipments.make_ready(actor=shipper, shipment=shipment)
    assert coming(world) == (0, 0, 790)
    shipments.dispatch(actor=carrier, shipment=shipment, dispatched_at=ago(days=6))
    assert coming(world) == (0, 790, 0)
    shipments.arrive(actor=carrier, shipment=shipment, arrived_at=ago(days=5))
    assert coming(world) == (0, 790, 0)
    shipments.receive(actor=world.actor(world.recycler), shipment=shipment, received_at=ago(days=4))
    assert coming(world) == (800, 0, 0)


def test_only_intermediates_wait_to_be_charged(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 2, at=at(2025, 3, 1))
    _batch, (black, _copper, _slag) = process(
        world, world.shredder, packs=packs, charged_at=at(2025, 4, 1),
        makes=[("black_mass", "300", {"Ni": "0.1"}), ("copper", "40", {}), ("slag", "50", {})],
    )  # fmt: skip
    assert waiting(world, "lots").waiting_kg == 300
    lots.dispose(
        actor=world.actor(world.recycler), lot=Lot.objects.get(pk=black.pk), disposition="sold", note="To a refiner.",
        disposed_at=at(2025, 5, 1),
    )  # fmt: skip
    assert waiting(world, "lots").waiting_kg == 0


def test_days_are_those_of_lines_that_take_what_comes_in(world: World) -> None:
    """Neither a nameplate of products nor a line that stands still takes 10 t of packs a day."""
    batteries_at(world, world.plant_site, 5)  # 2 t
    assert (waiting(world).daily_kg, waiting(world).days) == (10_000, Decimal("0.20"))
    for name, basis, is_active in (("Sorter", "output", True), ("Old shredder", "input", False)):
        line = ProcessLine.objects.create(plant=world.plant, name=name, stage=Stage.PREPROCESS, is_active=is_active)
        Nameplate.objects.create(line=line, t_per_year=3650, basis=basis, valid=(date(2020, 1, 1), None), source="test")
    assert (waiting(world).daily_kg, waiting(world).days) == (10_000, Decimal("0.20"))
    second = ProcessLine.objects.create(plant=world.plant, name="Shredder 2", stage=Stage.PREPROCESS)
    Nameplate.objects.create(line=second, t_per_year=3650, valid=(date(2020, 1, 1), None), source="test")
    assert waiting(world).days == Decimal("0.10")
    ProcessLine.objects.update(is_active=False)
    assert (waiting(world).stage, waiting(world).days) == ("", None)


def test_a_pack_goes_through_the_earliest_step_of_the_plant(world: World) -> None:
    line = ProcessLine.objects.create(plant=world.plant, name="Discharger", stage=Stage.DISCHARGE)
    Nameplate.objects.create(line=line, t_per_year=365, valid=(date(2020, 1, 1), None), source="test")
    batteries_at(world, world.plant_site, 5)
    assert (waiting(world).stage, waiting(world).days) == ("discharge", Decimal(2))


def test_a_nameplate_that_ended_takes_nothing(world: World) -> None:
    Nameplate.objects.filter(line=world.shredder).update(valid=(date(2020, 1, 1), date(2025, 1, 1)))
    batteries_at(world, world.plant_site, 5)
    assert (waiting(world).stage, waiting(world).days) == ("", None)
