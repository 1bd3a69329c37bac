"""Edges of shipments: who drives, and what a return keeps of the shipment that it returns."""

from __future__ import annotations

from datetime import date

from accounts.errors import Invalid, Refused
from accounts.models import Organization, Role
from collection.models import Consent, Shipment
from collection.services import consents, shipments
from tests.refusals import refused
from tests.world import World, ago, batteries_at, drafted_shipment


def test_only_a_carrier_drives(world: World) -> None:
    shipment = drafted_shipment(world, batteries_at(world, world.yard))
    actor = world.actor(world.yard_owner)
    refused(Invalid, shipments.change, "carrier", actor=actor, shipment=shipment, carrier=world.recycler)
    changed = shipments.change(actor=actor, shipment=shipment, carrier=world.stranger)
    assert changed.carrier == world.stranger


def consent_of(world: World, exporter: Organization) -> Consent:
    return consents.record(
        actor=world.actor(exporter, Role.MANAGER), exporter=exporter, importer=world.refiner, from_country=world.us,
        to_country=world.ca, number="A-1", authority="EPA", valid_from=date(2020, 1, 1), valid_until=date(2099, 12, 31),
    )  # fmt: skip


def test_a_consent_is_for_its_exporter(world: World) -> None:
    consent = consent_of(world, world.collector)
    packs = batteries_at(world, world.yard)
    shipment = drafted_shipment(world, packs, destination=world.refinery_site, consent=consent)
    actor = world.actor(world.yard_owner)
    shipments.make_ready(actor=actor, shipment=shipment)
    refused(Refused, shipments.dispatch, "consent", actor=actor, shipment=shipment, dispatched_at=ago(days=1))


def test_a_return_goes_as_it_came(world: World) -> None:
    """Under the same consent, with the same carrier and vehicle, and no more real than it was."""
    consent = consent_of(world, world.yard_owner)
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
