"""Who knows all of a battery or a lot.

Who only had a thing once sees that there is it, and what happened until it was passed on; not where it is now, nor
what it contains. What follows says who knows more: who has to do with it for good, or now.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from accounts.models import Viewer
from collection.models.sight import BATTERIES, KEYS, LOTS, Sight, Tie, Whose

#: The one whose entry of the ledger is the first, as who made it or gave it up, or the last, as who has it or had it last.
_FIRST_AND_LAST = """CASE WHEN t.sequence = 1 OR t.sequence = (
        SELECT max(l.sequence) FROM collection_custodyevent l WHERE l.{thing} = t.{thing}
    ) THEN coalesce(t.to_organization_id, t.from_organization_id) END"""


def _at_hand(thing: str, table: str) -> tuple[Tie, ...]:
    return (
        Tie(
            f"{table} n LEFT JOIN collection_shipment s ON s.id = n.shipment_id"
            "\n    LEFT JOIN collection_pickup p ON p.shipment_id = s.id",
            "n.id",
            organizations=("s.shipper_id", "s.carrier_id", "p.collector_id"),
            facilities=("n.facility_id", "s.origin_id", "s.destination_id"),
        ),
        Tie(
            "collection_shipmentline t\n    JOIN collection_shipment s ON s.id = t.shipment_id"
            " AND s.status IN ('draft', 'ready')",
            f"t.{thing}",
            organizations=("s.shipper_id", "s.carrier_id"),
            facilities=("s.origin_id", "s.destination_id"),
        ),
        Tie("collection_custodyevent t", f"t.{thing}", organizations=(_FIRST_AND_LAST.format(thing=thing),)),
        Tie(
            "collection_custodyevent t\n    JOIN collection_facility w ON w.id = t.to_facility_id",
            f"t.{thing}",
            places=("w.jurisdiction_id",),
        ),
    )


_OPEN_PICKUP = (
    "collection_pickupbattery t\n    JOIN collection_pickup p ON p.id = t.pickup_id"
    " AND p.status IN ('requested', 'scheduled', 'failed')"
)

BATTERIES_AT_HAND = Sight(
    "collection_battery",
    (
        BATTERIES.ties[0],
        *_at_hand("battery_id", "collection_battery"),
        Tie(
            f"{_OPEN_PICKUP}\n    JOIN collection_collectionpoint c ON c.id = p.collection_point_id",
            "t.battery_id",
            organizations=("p.collector_id", "p.carrier_id"),
            facilities=("c.facility_id",),
            operated=("p.destination_id",),
        ),
    ),
)

LOTS_AT_HAND = Sight("collection_lot", (LOTS.ties[0], *_at_hand("lot_id", "collection_lot")))


class Knows(models.Func):
    """Whether `viewer` may know all of the thing with the key in `field`, which is one of those that `sight` says."""

    output_field = models.BooleanField()

    def __init__(self, sight: Sight, viewer: Viewer, field: str = "pk") -> None:
        super().__init__(models.F(field))
        self.sight, self.whose = sight, Whose.of(viewer)

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> Any:  # type: ignore[override]
        (expression,) = self.source_expressions
        thing, values = compiler.compile(expression)
        kinds = ", ".join(f"%s::{kind}" for kind in KEYS.values())
        sql = (
            f"EXISTS (SELECT FROM (SELECT {thing}, {kinds} OFFSET 0) whose (thing, {', '.join(KEYS)})"
            f" WHERE {self.sight.is_seen('whose.thing')})"
        )
        return sql, (*values, *(getattr(self.whose, name) for name in KEYS))


def at_hand(kind: type[models.Model]) -> Sight:
    """Who knows all of things of this kind, batteries or lots."""
    return {sight.table: sight for sight in (BATTERIES_AT_HAND, LOTS_AT_HAND)}[kind._meta.db_table]
