"""Hand-overs: that custody of a load passes from one organization to another, and who confirms it for each side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Organization, User
from collection.models import CustodyEvent, CustodyKind, Facility, Handover, Means, Receipt, Relation, Shipment


@dataclass(frozen=True)
class Side:
    """How one side confirmed, and who, by which relation or receipt."""

    means: str
    by: User | None = None
    relation: Relation | None = None
    receipt: Receipt | None = None


def note(
    *,
    giver: Organization,
    giving: Side,
    taker: Organization,
    taking: Side,
    facility: Facility,
    shipment: Shipment,
    occurred_at: datetime,
) -> Handover | None:
    """Note a hand-over for the entries of the ledger to refer to; none where custody stays within one organization."""
    if giver == taker:
        return None
    return Handover.objects.create(
        giver=giver,
        taker=taker,
        facility=facility,
        shipment=shipment,
        occurred_at=occurred_at,
        giver_means=giving.means,
        giver_by=giving.by,
        giver_relation=giving.relation if giving.means == Means.RELATION else None,
        receipt=giving.receipt,
        taker_means=taking.means,
        taker_by=taking.by,
        taker_relation=taking.relation if taking.means == Means.RELATION else None,
    )


def by_dispatch(shipment: Shipment) -> Side:
    """The carrier's side as it unloads: it brings what it took over, or what was turned back, when the truck left."""
    left = CustodyEvent.objects.filter(
        to_shipment=shipment.return_of_id or shipment.pk, kind=CustodyKind.DISPATCHED
    ).select_related("actor")
    first = left.order_by("pk").first()
    return Side(Means.DISPATCH, by=first.actor if first is not None else None)
