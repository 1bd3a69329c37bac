"""Who may see a battery or a lot: asked by these two, answered from everything that ever had to do with them."""

from __future__ import annotations

from typing import Any

from django.db import models

from accounts.models import Viewer, organizations_of
from collection.models.batteries import Battery
from collection.models.custody import CustodyEvent
from collection.models.jurisdictions import Jurisdiction
from collection.models.lots import Lot
from collection.models.pickups import Pickup, PickupBattery
from collection.models.shipments import Shipment, ShipmentLine


def batteries_seen_by(user: Viewer) -> models.QuerySet[Any, Any]:
    """Ids of the batteries that `user` may see; a union, since each part has an index and an OR of them has none."""
    mine, overseen = _organizations_and_places(user)
    shipments = Shipment.objects.visible_to(user).values("pk")
    pickups = Pickup.objects.visible_to(user).values("pk")
    ids = Battery.objects.values("pk")
    return ids.filter(producer__in=mine).union(
        ids.filter(registered_by__in=mine),
        ids.filter(placed_in__in=overseen),
        CustodyEvent.objects.things_touched("battery", mine, overseen),
        ShipmentLine.objects.filter(battery__isnull=False, shipment__in=shipments).values("battery"),
        PickupBattery.objects.filter(pickup__in=pickups).values("battery"),
        all=True,
    )


def lots_seen_by(user: Viewer) -> models.QuerySet[Any, Any]:
    """As `batteries_seen_by`, for lots."""
    mine, overseen = _organizations_and_places(user)
    shipments = Shipment.objects.visible_to(user).values("pk")
    return (
        Lot.objects.filter(owner__in=mine)
        .values("pk")
        .union(
            CustodyEvent.objects.things_touched("lot", mine, overseen),
            ShipmentLine.objects.filter(lot__isnull=False, shipment__in=shipments).values("lot"),
            all=True,
        )
    )


def _organizations_and_places(user: Viewer) -> tuple[Any, Any]:
    return organizations_of(user), Jurisdiction.objects.overseen_by(user).values("pk")
