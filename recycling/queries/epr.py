"""What became of batteries, added up for all producers and jurisdictions at once, whether they reported or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection


class Total(NamedTuple):
    """Kilograms of one element in the recycled batteries of one producer that were placed in one jurisdiction, and what
    became of them: exact sums. `producer` is empty for orphans, `jurisdiction` where it is not known.
    """

    producer: int | None
    jurisdiction: str | None
    element: str
    content: Decimal
    recovered: Decimal
    pending: Decimal
    residue: Decimal

    @property
    def lost(self) -> Decimal:
        return self.content - self.recovered - self.pending - self.residue


#: Batteries charged into closed batches within the period. A day begins and ends by the plant's time zone, so each
#: batch has its own two instants; the fixed ones, which no time zone escapes, leave most of other years out early.
_CHARGED = """
    SELECT b.producer_id, b.placed_in_id, c.batch_id, c.composition_id, c.content_kwh, c.mass_kg
    FROM recycling_charge c
    JOIN (
        SELECT k.id,
            %(start)s::date::timestamp AT TIME ZONE f.time_zone AS begins,
            (%(end)s::date + 1)::timestamp AT TIME ZONE f.time_zone AS ends
        FROM recycling_batch k
        JOIN recycling_processline l ON l.id = k.line_id
        JOIN recycling_plant p ON p.id = l.plant_id
        JOIN collection_facility f ON f.id = p.facility_id
        WHERE k.status = 'closed'
    ) k ON k.id = c.batch_id AND c.charged_at >= k.begins AND c.charged_at < k.ends
    JOIN collection_battery b ON b.id = c.battery_id
    WHERE c.charged_at >= %(start)s::date - 2 AND c.charged_at < %(end)s::date + 3
        AND (%(jurisdictions)s::text[] IS NULL OR b.placed_in_id = ANY (%(jurisdictions)s))
        AND (%(producers)s::bigint[] IS NULL OR b.producer_id = ANY (%(producers)s))
"""

#: `OFFSET 0` keeps the planner from multiplying the content of a row anew for each of the four sums.
_TOTALS = f"""
    SELECT producer_id, placed_in_id, element,
        sum(content), sum(content * recovered), sum(content * pending), sum(content * residue)
    FROM (
        SELECT c.producer_id, c.placed_in_id, i.element, c.content_kwh * i.kg_per_kwh AS content,
            f.recovered, f.pending, f.residue
        FROM ({_CHARGED}) c
        JOIN collection_compositionelement i ON i.composition_id = c.composition_id AND i.kg_per_kwh > 0
        JOIN recycling_factor f ON f.batch_id = c.batch_id AND f.element = i.element
        WHERE c.content_kwh IS NOT NULL
        OFFSET 0
    ) rows
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""  # noqa: S608 - composed of constants


def totals_by_producer_and_jurisdiction(
    start: date,
    end: date,
    *,
    jurisdictions: Sequence[str] | None = None,
    producers: Sequence[int] | None = None,
) -> list[Total]:
    """Per producer, jurisdiction and element: content of the batteries recycled in the period, and what became of it.

    One statement whatever the number of batteries. `jurisdictions` and `producers` restrict it; `None` is all.
    """
    return [Total(*row) for row in _run(_TOTALS, start, end, jurisdictions, producers)]


class Unattributed(NamedTuple):
    """Kilograms of an element that came out of batches none of whose inputs was known to contain it."""

    element: str
    recovered: Decimal
    pending: Decimal
    residue: Decimal


_UNATTRIBUTED = """
    SELECT f.element, sum(f.unattributed_recovered_kg), sum(f.unattributed_pending_kg), sum(f.unattributed_residue_kg)
    FROM recycling_factor f
    JOIN recycling_batch k ON k.id = f.batch_id AND k.status = 'closed'
    JOIN recycling_processline l ON l.id = k.line_id
    JOIN recycling_plant p ON p.id = l.plant_id
    JOIN collection_facility fac ON fac.id = p.facility_id
    WHERE (k.started_at AT TIME ZONE fac.time_zone)::date BETWEEN %(start)s AND %(end)s
        AND (f.unattributed_recovered_kg > 0 OR f.unattributed_pending_kg > 0 OR f.unattributed_residue_kg > 0)
    GROUP BY 1 ORDER BY 1
"""


def unattributed(start: date, end: date) -> list[Unattributed]:
    """What no battery is credited with, of batches begun in the period: a line of its own, never spread."""
    return [Unattributed(*row) for row in _run(_UNATTRIBUTED, start, end, None, None)]


class Standing(NamedTuple):
    """How one producer stands in one jurisdiction: units placed, collected and recycled in a period."""

    producer: int
    producer_name: str
    jurisdiction: str
    units_placed: int
    units_collected: int
    units_recycled: int
    kg_recycled: Decimal


_STANDINGS = f"""
    WITH figures AS (
        SELECT m.producer_id, m.jurisdiction_id AS place, sum(m.units) AS placed, 0 AS collected, 0 AS recycled,
            0::numeric AS kg
        FROM recycling_marketplacement m
        WHERE m.period_start >= %(start)s AND m.period_end <= %(end)s
            AND (%(jurisdictions)s::text[] IS NULL OR m.jurisdiction_id = ANY (%(jurisdictions)s))
            AND (%(producers)s::bigint[] IS NULL OR m.producer_id = ANY (%(producers)s))
        GROUP BY 1, 2
        UNION ALL
        SELECT b.producer_id, b.placed_in_id, 0, count(*), 0, 0
        FROM collection_custodyevent e
        JOIN collection_battery b ON b.id = e.battery_id
        LEFT JOIN collection_facility f ON f.id = e.to_facility_id
        WHERE e.sequence = 1 AND b.producer_id IS NOT NULL
            AND e.occurred_at >= %(start)s::date - 2 AND e.occurred_at < %(end)s::date + 3
            AND (e.occurred_at AT TIME ZONE coalesce(f.time_zone, 'UTC'))::date BETWEEN %(start)s AND %(end)s
            AND (%(jurisdictions)s::text[] IS NULL OR b.placed_in_id = ANY (%(jurisdictions)s))
            AND (%(producers)s::bigint[] IS NULL OR b.producer_id = ANY (%(producers)s))
        GROUP BY 1, 2
        UNION ALL
        SELECT c.producer_id, c.placed_in_id, 0, 0, count(*), sum(c.mass_kg)
        FROM ({_CHARGED}) c WHERE c.producer_id IS NOT NULL GROUP BY 1, 2
    )
    SELECT g.producer_id, o.name, g.place, sum(g.placed)::bigint, sum(g.collected)::bigint, sum(g.recycled)::bigint,
        sum(g.kg)
    FROM figures g JOIN accounts_organization o ON o.id = g.producer_id
    WHERE g.place IS NOT NULL
    GROUP BY 1, 2, 3 ORDER BY 2, 3
"""  # noqa: S608 - composed of constants


def standings(
    start: date,
    end: date,
    *,
    jurisdictions: Sequence[str] | None = None,
    producers: Sequence[int] | None = None,
) -> list[Standing]:
    """Every producer's units and recycled mass per jurisdiction of placement: the regulator's overview."""
    return [Standing(*row) for row in _run(_STANDINGS, start, end, jurisdictions, producers)]


def _run(
    sql: str, start: date, end: date, jurisdictions: Sequence[str] | None, producers: Sequence[int] | None
) -> list[tuple[Any, ...]]:
    values = {
        "start": start,
        "end": end,
        "jurisdictions": None if jurisdictions is None else list(jurisdictions),
        "producers": None if producers is None else list(producers),
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
