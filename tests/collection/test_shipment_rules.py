"""Edges of shipments: who drives, and what a return keeps of the shipment that it returns."""

from __future__ import annotations

from datetime import date

from accounts.errors import Invalid
from accounts.models import Role
from collection.models import Shipment
from collection.services import consents, shipments
from tests.refusals import refused
from tests.world import World, ago, batteries_at, drafted_shipment


def test_only_a_carrier_drives(world: World) -> None:
    shipment = drafted_shipment(world, batteries_at(world, world.yard))
    actor = world.actor(world.yard_owner)
    refused(Invalid, shipments.change, "carrier", actor=actor, shipment=shipment, carrier=world.recycler)
    changed = shipments.change(actor=actor, shipment=shipment, carrier=world.stranger)
    assert changed.carrier == world.stranger


def test_a_return_goes_as_it_came(world: World) -> None:
    """Under the same consent, with the same carrier and vehicle, and no more real than it was."""
    consent = consents.record(
        actor=world.actor(world.yard_owner, Role.MANAGER), exporter=world.yard_owner, importer=world.refiner,
        from_country=world.us, to_country=world.ca, number="A-1", authority="EPA", valid_from=date(2020, 1, 1),
        valid_until=date(2099, 12, 31),
    )  # fmt: skip
    sent = drafted_shipment(
        world, batteries_at(world, world.yard), destination=world.refinery_site, consent=consent, vehicle="T1",
        is_simulated=True,
    )  # fmt: skip
    shipper, receiver = world.actor(world.yard_owner), world.actor(world.refiner)
    shipments.make_ready(actor=shipper, shipment=sent)
    shipments.dispatch(actor=shipper, shipment=sent, dispatched_at=ago(days=6))
    shipments.arrive(actor=receiver, shipment=sent, arrived_at=ago(days=5))
    shipments.receive(actor=receiver, shipment=sent, received_at=ago(days=4), rejected={sent.lines.get().pk: "leaking"})
    back = Shipment.objects.get(return_of=sent)
    assert (back.consent, back.carrier, back.vehicle, back.is_simulated) == (consent, world.carrier, "T1", True)
    assert (back.shipper, back.origin, back.destination) == (world.yard_owner, world.refinery_site, world.yard)
