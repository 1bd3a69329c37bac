"""What the tables would show if a rule of custody had been broken.

Every query here finds nothing in a sound database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True)
class Finding:
    """A record that breaks a rule: the rule's name, the record, and what is wrong with it."""

    rule: str
    record: str
    detail: str


#: Each query gives record and detail of what breaks the rule (invariant 1 of DESIGN.md: one place).
RULES = {
    "battery_agrees_with_ledger": """
        SELECT 'battery ' || b.id,
            b.status || ' at ' || coalesce(b.facility_id::text, '-') || ' on ' || coalesce(b.shipment_id::text, '-')
            || '; ledger: ' || coalesce(e.to_status, 'no entry') || ' at ' || coalesce(e.to_facility_id::text, '-')
            || ' on ' || coalesce(e.to_shipment_id::text, '-')
        FROM collection_battery b
        LEFT JOIN LATERAL (
            SELECT * FROM collection_custodyevent e WHERE e.battery_id = b.id ORDER BY e.sequence DESC LIMIT 1
        ) e ON true
        WHERE CASE WHEN e.id IS NULL THEN b.status <> 'in_use' ELSE
            (e.to_status, e.to_facility_id, e.to_shipment_id)
            IS DISTINCT FROM (b.status, b.facility_id, b.shipment_id) END
        ORDER BY b.id
    """,
    "lot_agrees_with_ledger": """
        SELECT 'lot ' || l.id,
            l.status || ' at ' || coalesce(l.facility_id::text, '-') || ' on ' || coalesce(l.shipment_id::text, '-')
            || '; ledger: ' || coalesce(e.to_status, 'no entry') || ' at ' || coalesce(e.to_facility_id::text, '-')
            || ' on ' || coalesce(e.to_shipment_id::text, '-')
        FROM collection_lot l
        LEFT JOIN LATERAL (
            SELECT * FROM collection_custodyevent e WHERE e.lot_id = l.id ORDER BY e.sequence DESC LIMIT 1
        ) e ON true
        WHERE e.id IS NULL OR (e.to_status, e.to_facility_id, e.to_shipment_id)
            IS DISTINCT FROM (l.status, l.facility_id, l.shipment_id)
        ORDER BY l.id
    """,
    "ledger_is_a_chain": """
        SELECT coalesce('battery ' || battery_id, 'lot ' || lot_id), 'entry ' || sequence
        FROM (
            SELECT *,
                lag(sequence, 1, 0) OVER thing AS before,
                lag(to_facility_id) OVER thing AS facility,
                lag(to_shipment_id) OVER thing AS shipment,
                lag(occurred_at, 1, '-infinity') OVER thing AS earlier
            FROM collection_custodyevent
            WINDOW thing AS (PARTITION BY battery_id, lot_id ORDER BY sequence)
        ) e
        WHERE sequence <> before + 1 OR occurred_at < earlier
            OR (from_facility_id, from_shipment_id) IS DISTINCT FROM (facility, shipment)
        ORDER BY battery_id, lot_id, sequence
    """,
    "what_is_on_a_shipment_has_a_line_there": """
        SELECT 'battery ' || b.id, 'shipment ' || b.shipment_id
        FROM collection_battery b
        WHERE b.shipment_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM collection_shipmentline l
            WHERE l.shipment_id = b.shipment_id AND l.battery_id = b.id AND l.outcome = 'open'
        )
        UNION ALL
        SELECT 'lot ' || o.id, 'shipment ' || o.shipment_id
        FROM collection_lot o
        WHERE o.shipment_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM collection_shipmentline l
            WHERE l.shipment_id = o.shipment_id AND l.lot_id = o.id AND l.outcome = 'open'
        )
        ORDER BY 1
    """,
    "open_line_under_way_has_its_load": """
        SELECT 'shipment ' || s.id, coalesce('battery ' || l.battery_id, 'lot ' || l.lot_id)
        FROM collection_shipment s
        JOIN collection_shipmentline l ON l.shipment_id = s.id AND l.outcome = 'open'
        LEFT JOIN collection_battery b ON b.id = l.battery_id
        LEFT JOIN collection_lot o ON o.id = l.lot_id
        WHERE s.status IN ('in_transit', 'arrived') AND coalesce(b.shipment_id, o.shipment_id) IS DISTINCT FROM s.id
        ORDER BY s.id, l.id
    """,
    "hand_over_is_of_its_entries": """
        SELECT coalesce('battery ' || e.battery_id, 'lot ' || e.lot_id) || ', entry ' || e.sequence, 'hand-over ' || h.id
        FROM collection_custodyevent e JOIN collection_handover h ON h.id = e.handover_id
        WHERE (e.from_organization_id, e.to_organization_id) IS DISTINCT FROM (h.giver_id, h.taker_id)
            OR coalesce(e.to_shipment_id, e.from_shipment_id) IS DISTINCT FROM h.shipment_id
        ORDER BY e.id
    """,
    "hand_over_by_a_relation_of_its_sides": """
        SELECT 'hand-over ' || h.id, 'relation ' || r.id
        FROM collection_handover h JOIN collection_relation r ON r.id = h.giver_relation_id
        WHERE r.giver_id <> h.giver_id OR r.kind <> 'collect'
        UNION ALL
        SELECT 'hand-over ' || h.id, 'relation ' || r.id
        FROM collection_handover h JOIN collection_relation r ON r.id = h.taker_relation_id
        WHERE r.taker_id <> h.taker_id OR r.kind <> 'carry'
        ORDER BY 1
    """,
    "what_a_pickup_took_was_announced_or_confirmed": """
        SELECT 'pickup ' || p.id, 'battery ' || l.battery_id
        FROM collection_pickup p JOIN collection_shipmentline l ON l.shipment_id = p.shipment_id
        WHERE p.giver_means <> 'earlier'
            AND NOT EXISTS (
                SELECT FROM collection_pickupbattery a WHERE a.pickup_id = p.id AND a.battery_id = l.battery_id)
            AND NOT EXISTS (
                SELECT FROM collection_pickupfinding f
                WHERE f.pickup_id = p.id AND f.battery_id = l.battery_id AND f.status = 'confirmed')
        ORDER BY p.id, l.battery_id
    """,
    "signed_for_while_unclaimed": """
        SELECT 'receipt ' || r.id, 'claimed ' || o.claimed_at
        FROM collection_receipt r
        JOIN collection_facility f ON f.id = r.facility_id
        JOIN accounts_organization o ON o.id = f.operator_id
        WHERE o.claimed_at < r.signed_at
        ORDER BY r.id
    """,
    "declared_of_the_unclaimed": """
        SELECT 'relation ' || r.id, o.name
        FROM collection_relation r
        JOIN accounts_organization o ON o.id IN (r.giver_id, r.taker_id) AND o.id <> r.offered_by_id
        WHERE r.status = 'declared' AND o.claimed_at IS NOT NULL
        ORDER BY r.id
    """,
    "who_has_members_is_claimed": """
        SELECT 'organization ' || o.id, o.name FROM accounts_organization o
        WHERE o.claimed_at IS NULL AND EXISTS (SELECT FROM accounts_membership m WHERE m.organization_id = o.id)
        ORDER BY o.id
    """,
    "parts_weigh_what_the_whole_weighed": """
        SELECT 'lot ' || l.id, l.mass_kg || ' kg, parts ' || coalesce(sum(p.mass_kg)::text, 'none')
        FROM collection_lot l
        LEFT JOIN collection_lot p ON p.split_from_id = l.id
        GROUP BY l.id
        HAVING (l.status = 'split' OR count(p.id) > 0)
            AND (l.status <> 'split' OR sum(p.mass_kg) IS DISTINCT FROM l.mass_kg)
        ORDER BY l.id
    """,
}


def findings() -> Iterator[Finding]:
    """All that breaks a rule of custody."""
    for rule, sql in RULES.items():
        yield from find(rule, sql)


def find(rule: str, sql: str) -> Iterator[Finding]:
    """What the query of one rule finds."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        for record, detail in cursor.fetchall():
            yield Finding(rule, record, detail)
