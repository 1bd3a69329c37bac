"""Batteries that were collected in a place and count for no producer there, so that no report of a producer tells of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db import connection


class Orphans(NamedTuple):
    """Of what was collected in a place in a period: batteries whose producer is not known, those whose place of marketing is
    not known, and those that were lost since; units, and kilograms as far as they are known. A battery may be in several.
    """

    jurisdiction: str
    collected: int
    collected_kg: Decimal
    orphans: int
    orphans_kg: Decimal
    unplaced: int
    unplaced_kg: Decimal
    lost: int
    lost_kg: Decimal


_KINDS = {
    "collected": "true",
    "orphans": "b.producer_id IS NULL",
    "unplaced": "b.placed_in_id IS NULL",
    "lost": "b.status = 'lost'",
}

#: Collected where the chain begins, at the first entry of a battery in the ledger, on a day of that place.
_ORPHANS = f"""
    SELECT at.jurisdiction_id, {
    ", ".join(
        f"count(*) FILTER (WHERE {kind}), coalesce(sum(b.mass_kg) FILTER (WHERE {kind}), 0)" for kind in _KINDS.values()
    )
}
    FROM collection_custodyevent e
    JOIN collection_battery b ON b.id = e.battery_id
    LEFT JOIN collection_shipment s ON s.id = e.to_shipment_id
    JOIN collection_facility at ON at.id = coalesce(e.to_facility_id, s.origin_id)
    WHERE e.sequence = 1
        AND e.occurred_at >= %(start)s::date - 2 AND e.occurred_at < %(end)s::date + 3
        AND (e.occurred_at AT TIME ZONE at.time_zone)::date BETWEEN %(start)s AND %(end)s
        AND (%(places)s::text[] IS NULL OR at.jurisdiction_id = ANY (%(places)s))
    GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - composed of constants


def orphans(start: date, end: date, places: Sequence[str] | None) -> list[Orphans]:
    """By place of collection; of all places with `None`. One statement."""
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS, {"start": start, "end": end, "places": None if places is None else list(places)})
        return [Orphans(*row) for row in cursor.fetchall()]
