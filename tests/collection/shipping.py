"""Shipments of the test world, to the step that a test needs."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from accounts.models import Role
from collection.models import (
    Battery,
    Consent,
    CustodyKind,
    Facility,
    Lot,
    Shipment,
)
from collection.services import consents, custody, shipments
from tests.world import World, ago, drafted_shipment


def ready(world: World, things: list[Battery], **fields: Any) -> Shipment:
    shipment = drafted_shipment(world, things, **fields)
    return shipments.make_ready(actor=world.actor(shipment.shipper), shipment=shipment)


def on_the_road(world: World, things: list[Battery], at: datetime | None = None, **fields: Any) -> Shipment:
    return shipments.dispatch(
        actor=world.actor(world.carrier), shipment=ready(world, things, **fields), dispatched_at=at or ago(days=6)
    )


def arrived(world: World, things: list[Battery], **fields: Any) -> Shipment:
    return shipments.arrive(
        actor=world.actor(world.carrier), shipment=on_the_road(world, things, **fields), arrived_at=ago(days=5)
    )


def black_mass(world: World, facility: Facility, number: str = "BM-1", kg: int = 500, code: str = "black_mass") -> Lot:
    lot = Lot.objects.create(
        number=number, owner=facility.operator, material_id=code, mass_value=kg, facility=facility, made_at=ago(days=20)
    )
    entry = custody.Entry(world.actor(facility.operator), CustodyKind.PRODUCED, ago(days=20))
    custody.enter([lot], entry, facility=facility)
    return Lot.objects.get(pk=lot.pk)


def consent_for(world: World, **fields: Any) -> Consent:
    return consents.record(
        **{
            "actor": world.actor(fields.get("exporter", world.recycler), Role.MANAGER),
            "exporter": world.recycler, "importer": world.refiner, "from_country": world.us, "to_country": world.ca,
            "number": f"AOC-{Consent.objects.count()}", "authority": "EPA", "valid_from": date(2020, 1, 1),
            "valid_until": date(2099, 12, 31), **fields,
        },
    )  # fmt: skip
