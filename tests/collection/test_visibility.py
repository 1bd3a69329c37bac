"""Who sees a record: for each way to come to see it, exactly those organizations of all that there are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.models import Function, Membership, Organization, Role, User
from collection.models import (
    Battery,
    BatteryStatus,
    CollectionPoint,
    Consent,
    CustodyEvent,
    CustodyKind,
    Facility,
    Handover,
    Jurisdiction,
    Lot,
    Mandate,
    Package,
    Permit,
    Pickup,
    PickupBattery,
    Shipment,
    ShipmentLine,
    TransportDocument,
)
from collection.services import batteries, custody
from collection.services.custody import Entry
from tests.world import World, ago, batteries_at, serial
from tests.world import handed_over as noted

PARTIES = (
    "yard_owner", "collector", "carrier", "recycler", "refiner", "producer", "other_producer", "regulator", "federal",
    "stranger",
)  # fmt: skip

#: Regulators beside Nevada's and the federal one of the United States.
REGULATORS = {"jersey": "US-NJ", "ontario": "CA-ON", "canada": "CA"}

NEVADA, JERSEY, ONTARIO = {"regulator", "federal"}, {"jersey", "federal"}, {"ontario", "canada"}


def overseer(name: str, place: str) -> User:
    organization = Organization.objects.create(name=name, functions=[Function.REGULATOR])
    Mandate.objects.create(organization=organization, jurisdiction=Jurisdiction.objects.get(pk=place))
    user = User.objects.create(email=f"{name}@regulator.example", name=name)
    Membership.objects.create(user=user, organization=organization, role=Role.VIEWER)
    return user


def who_sees(world: World, *records: Any) -> list[set[str]]:
    """For each record, all who see it."""
    people = {name: world.user(getattr(world, name), Role.VIEWER) for name in PARTIES}
    people |= {name: overseer(name, place) for name, place in REGULATORS.items()}
    return [
        {n for n, person in people.items() if type(r)._default_manager.visible_to(person).filter(pk=r.pk).exists()}
        for r in records
    ]


# Batteries: nobody's product, placed nowhere, unless that is what the case is about


def orphan(w: World, facility: Facility, **fields: Any) -> Battery:
    return batteries_at(w, facility, model=None, placed_in=None, **fields)[0]


def in_use(w: World) -> Battery:
    return batteries.register(
        actor=w.actor(w.yard_owner), organization=w.yard_owner, model=w.nmc_pack, placed_in=w.nj, identifiers=[serial()]
    )


def pickup(w: World, giver_means: str = "earlier", carrier_means: str = "earlier") -> Pickup:
    return Pickup.objects.create(
        collection_point=w.point, collector=w.collector, packs_expected=1, convenient_from=ago(days=3),
        convenient_until=ago(days=2), carrier=w.carrier, destination=w.refinery_site, giver_means=giver_means,
        carrier_means=carrier_means,
    )  # fmt: skip


def announced(w: World, *means: str) -> Battery:
    battery = orphan(w, w.yard)
    PickupBattery.objects.create(pickup=pickup(w, *means), battery=battery)
    return battery


def shipment(w: World, **fields: Any) -> Shipment:
    return Shipment.objects.create(
        **{
            "shipper": w.yard_owner, "origin": w.yard, "destination": w.refinery_site, "carrier": w.carrier, **fields,
        }
    )  # fmt: skip


def packed(w: World) -> Battery:
    battery = orphan(w, w.yard)
    ShipmentLine.objects.create(shipment=shipment(w), battery=battery)
    return battery


def move(
    w: World, battery: Battery, kind: CustodyKind, status: BatteryStatus, to: custody.Place, handover: Handover
) -> None:
    (battery,) = custody.lock_batteries([battery.pk])
    entry = Entry(w.actor(w.yard_owner), kind, ago(days=9), handover=handover)
    custody.move([battery], entry, status=status, to=to)


def on_a_truck(w: World) -> Battery:
    """On its way from the yard to a place in New Jersey; only the ledger tells."""
    battery = orphan(w, w.yard)
    truck = shipment(w, destination=w.stranger_site)
    place, handover = custody.Place(shipment=truck), noted(w, truck)
    move(w, battery, CustodyKind.DISPATCHED, BatteryStatus.IN_TRANSIT, to=place, handover=handover)
    return battery


def once_on_a_truck(w: World) -> Battery:
    battery = on_a_truck(w)
    place = custody.Place(facility=w.stranger_site)
    handover = noted(w, Shipment.objects.get(), w.carrier, taker=w.stranger)
    move(w, battery, CustodyKind.RECEIVED, BatteryStatus.AT_FACILITY, to=place, handover=handover)
    return battery


def handed_over(w: World) -> Battery:
    """Given up at the yard by an organization that never had it in the ledger before."""
    battery = batteries.register(actor=w.actor(w.yard_owner), organization=w.yard_owner, identifiers=[serial()])
    CustodyEvent.objects.create(
        battery=battery, sequence=1, kind=CustodyKind.RECEIVED_FROM_USE, occurred_at=ago(days=9),
        from_organization=w.refiner, to_facility=w.yard, to_organization=w.yard_owner,
        to_status=BatteryStatus.AT_FACILITY, actor=w.user(w.yard_owner), handover=noted(w, shipment(w)),
    )  # fmt: skip
    return battery


# Lots


def lot(w: World, owner: Organization, facility: Facility) -> Lot:
    made = Lot.objects.create(
        number="L", owner=owner, material_id="black_mass", mass_value=Decimal(1), facility=facility, made_at=ago(days=9)
    )
    custody.enter([made], Entry(w.actor(owner), CustodyKind.PRODUCED, ago(days=9)), facility=facility)
    return made


def packed_lot(w: World) -> Lot:
    made = lot(w, w.recycler, w.plant_site)
    ShipmentLine.objects.create(
        shipment=shipment(w, shipper=w.recycler, origin=w.plant_site, destination=w.refinery_site), lot=made
    )
    return made


# Papers


def consent(w: World) -> Consent:
    return Consent.objects.create(
        exporter=w.yard_owner, importer=w.refiner, from_country=w.us, to_country=w.ca, number="1", authority="EPA",
        valid=DateRange(date(2025, 1, 1), date(2026, 1, 1)),
    )  # fmt: skip


def permit(w: World) -> Permit:
    return Permit.objects.create(
        facility=w.plant_site, kind="storage", number="1", valid=DateRange(date(2025, 1, 1), date(2026, 1, 1))
    )


def foreign_point(w: World) -> CollectionPoint:
    return CollectionPoint.objects.create(facility=w.refinery_site, kind="other")


CASES: dict[str, tuple[Callable[[World], Any], set[str]]] = {
    "a battery in use: registrant, producer, regulators of where it was placed": (
        in_use, {"yard_owner", "producer"} | JERSEY,
    ),
    "a battery that was given up: the holder, regulators of the place": (
        lambda w: orphan(w, w.hub), {"collector"} | NEVADA,
    ),
    "a battery that is announced for a pickup: all who see the pickup": (
        announced, {"yard_owner", "collector", "carrier", "refiner"} | NEVADA,
    ),
    "a battery of a pickup that its place has not agreed to: the place and its regulators": (
        lambda w: announced(w, "", "earlier"), {"yard_owner"} | NEVADA,
    ),
    "a battery of a pickup that its carrier has not agreed to: not the carrier": (
        lambda w: announced(w, "earlier", ""), {"yard_owner", "collector", "refiner"} | NEVADA,
    ),
    "a pickup that its place has not agreed to: not the destination": (
        lambda w: pickup(w, ""), {"yard_owner", "collector", "carrier"} | NEVADA,
    ),
    "a battery on a draft: all who see the shipment": (
        packed, {"yard_owner", "carrier", "refiner"} | NEVADA | ONTARIO,
    ),
    "a battery that is carried: who gave it and who has it": (on_a_truck, {"yard_owner", "carrier"} | NEVADA),
    "a battery that was carried: all who ever had it, regulators of all places": (
        once_on_a_truck, {"yard_owner", "carrier", "stranger"} | NEVADA | JERSEY,
    ),
    "a battery that was handed over: the giver": (handed_over, {"yard_owner", "refiner"} | NEVADA),
    "a lot: owner, holder, regulators of the place": (
        lambda w: lot(w, w.producer, w.hub), {"producer", "collector"} | NEVADA,
    ),
    "a lot on a draft: all who see the shipment": (packed_lot, {"recycler", "carrier", "refiner"} | NEVADA | ONTARIO),
    "a pickup: yard, collector, carrier, destination, regulators of the yard": (
        pickup, {"yard_owner", "collector", "carrier", "refiner"} | NEVADA,
    ),
    "a shipment: shipper, both ends, carrier, regulators of both ends": (
        lambda w: shipment(w, shipper=w.producer),
        {"producer", "yard_owner", "carrier", "refiner"} | NEVADA | ONTARIO,
    ),
    "a consent: exporter, importer, regulators of both countries": (
        consent, {"yard_owner", "refiner", "federal", "canada"},
    ),
    "a permit: the operator, regulators of the place": (permit, {"recycler"} | NEVADA),
    "a collection point: operator, regulators, every collector and carrier": (
        foreign_point, {"refiner", "yard_owner", "collector", "carrier", "stranger"} | ONTARIO,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_who_sees(world: World, case: str) -> None:
    make, expected = CASES[case]
    assert who_sees(world, make(world)) == [expected]


def test_the_collector_sees_the_shipment_of_its_pickup(world: World) -> None:
    made = shipment(world, destination=world.plant_site)
    fetched = pickup(world)
    assert "collector" not in who_sees(world, made)[0]
    Pickup.objects.filter(pk=fetched.pk).update(status="scheduled", window_start=ago(days=3), window_end=ago(days=2))
    Pickup.objects.filter(pk=fetched.pk).update(status="collected", collected_at=ago(days=2), shipment=made)
    assert Shipment.objects.visible_to(world.user(world.collector)).get() == made


def test_parts_are_seen_by_who_sees_the_whole(world: World) -> None:
    """Lines, packages and papers with the shipment; entries with the pickup; names and the ledger with the thing."""
    battery = packed(world)
    sent = Shipment.objects.get()
    package = Package.objects.create(shipment=sent, label="S", kind="sound")
    paper = TransportDocument.objects.create(shipment=sent, kind="manifest", number="1")
    PickupBattery.objects.create(pickup=pickup(world), battery=orphan(world, world.yard))
    of_shipment = {"yard_owner", "carrier", "refiner"} | NEVADA | ONTARIO
    of_pickup = {"yard_owner", "collector", "carrier", "refiner"} | NEVADA
    made = lot(world, world.producer, world.hub)
    made.assays.create(element="Ni", fraction=Decimal("0.1"))
    of_lot = {"producer", "collector"} | NEVADA
    seen = who_sees(
        world, sent.lines.get(), package, paper, battery.identifiers.get(), battery.events.get(),
        PickupBattery.objects.get(), made.assays.get(), made.events.get(),
    )  # fmt: skip
    assert seen == [of_shipment] * 5 + [of_pickup] + [of_lot] * 2
