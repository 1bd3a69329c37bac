"""A truck is loaded and leaves: custody of what is on it goes to the carrier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Refused
from accounts.models import Organization
from collection.models import (
    Battery,
    BatteryStatus,
    CustodyKind,
    Facility,
    Handover,
    Lot,
    LotStatus,
    Package,
    Shipment,
    ShipmentLine,
    ShipmentStatus,
)
from collection.services import custody, handovers, packing
from collection.services.custody import Entry, Place
from collection.services.handovers import Side
from collection.units import to_kg


def leave(
    actor: Actor,
    shipment: Shipment,
    batteries: Sequence[Battery],
    lots: Sequence[Lot],
    dispatched_at: datetime,
    masses: Mapping[int, Decimal | None],
    handover: Handover | None,
    *,
    time_field: str = "dispatched_at",
) -> None:
    """Set a locked, ready shipment in transit with all that is on it. `masses` are the batteries', in kilograms."""
    shipment.status, shipment.dispatched_at = ShipmentStatus.IN_TRANSIT, dispatched_at
    shipment.save(update_fields=["status", "dispatched_at"])
    place = Place(shipment=shipment)
    entry = Entry(
        actor, CustodyKind.DISPATCHED, dispatched_at, reference=f"shipment {shipment.pk}", handover=handover,
        time_field=time_field,
    )  # fmt: skip
    custody.move(batteries, replace(entry, masses=masses), status=BatteryStatus.IN_TRANSIT, to=place)
    custody.move(lots, entry, status=LotStatus.IN_TRANSIT, to=place)


@transaction.atomic
def load_from_pickup(
    *,
    actor: Actor,
    shipper: Organization,
    origin: Facility,
    destination: Facility,
    carrier: Organization,
    vehicle: str,
    batteries: Sequence[Battery],
    giving: Side,
    taking: Side,
    dispatched_at: datetime,
    is_simulated: bool = False,
) -> Shipment:
    """The shipment that a pickup drives away with: locked `batteries` at `origin`, damaged ones packed apart.

    Permission was checked by the pickup, and that both sides agree. Across a border a pickup does not go: it would need a consent first.
    """
    if origin.country != destination.country:
        raise Refused(
            _("A pickup does not cross a border; bring the batteries to a facility in the country first."),
            field="destination",
            code="no_consent",
        )
    packing.check_here(origin, batteries, [])
    shipment = Shipment.objects.create(
        shipper=shipper,
        origin=origin,
        destination=destination,
        carrier=carrier,
        vehicle=vehicle,
        planned_at=dispatched_at,
        status=ShipmentStatus.READY,
        is_simulated=is_simulated,
    )
    boxes = {
        damaged: Package(
            shipment=shipment,
            label="DDR" if damaged else "1",
            un_number="UN3480",
            kind=Package.Kind.DAMAGED if damaged else Package.Kind.SOUND,
        )
        for damaged in sorted({battery.travels_as_damaged for battery in batteries})
    }
    Package.objects.bulk_create(boxes.values())
    rows = [
        ShipmentLine(
            shipment=shipment,
            battery=battery,
            package=boxes[battery.travels_as_damaged],
            declared_value=battery.mass_value,
            unit=battery.mass_unit,
        )
        for battery in batteries
    ]
    packing.check_free(rows, prefix="batteries")
    ShipmentLine.objects.bulk_create(rows)
    masses = {b.pk: to_kg(b.mass_value, b.mass_unit) if b.mass_value is not None else None for b in batteries}
    handover = handovers.note(
        giver=shipper, giving=giving, taker=carrier, taking=taking, facility=origin, shipment=shipment,
        occurred_at=dispatched_at,
    )  # fmt: skip
    leave(actor, shipment, batteries, [], dispatched_at, masses, handover, time_field="collected_at")
    return shipment
