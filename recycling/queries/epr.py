"""What became of batteries, added up for all producers and jurisdictions at once, whether they reported or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import transaction

from accounts.replicas import connection_for
from collection.models import Element
from recycling.models import Charge

#: Stands among producers for that of batteries whose producer is not known; no organization has this key.
NOBODY = 0


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


#: Closed batches. A day begins and ends by the plant's time zone, so each batch has its own two instants of the period.
#: Grouped, though each is there once: so the planner finds the zone of every batch, and not of every charge.
_BATCHES = """
    SELECT k.id,
        %(start)s::date::timestamp AT TIME ZONE f.time_zone AS begins,
        (%(end)s::date + 1)::timestamp AT TIME ZONE f.time_zone AS ends
    FROM recycling_batch k
    JOIN recycling_processline l ON l.id = k.line_id
    JOIN recycling_plant p ON p.id = l.plant_id
    JOIN collection_facility f ON f.id = p.facility_id
    WHERE k.status = 'closed'
    GROUP BY k.id, f.time_zone
"""

#: Of `c`, the charges of batteries within the period of their batch `k`, either those whose producer is confirmed or those
#: that are only claimed: never both in one sum (docs/adr/0017). Two days off its ends no time zone matters any
#: more: the instants of the batch are asked only in between, and the planner knows how many rows to expect.
_WITHIN = """
    c.battery_id IS NOT NULL AND c.is_claimed = %(claimed)s
    AND c.charged_at >= %(start)s::date - 2 AND c.charged_at < %(end)s::date + 3
    AND (
        (c.charged_at >= %(start)s::date + 2 AND c.charged_at < %(end)s::date - 1)
        OR (c.charged_at >= k.begins AND c.charged_at < k.ends)
    )
    AND (%(jurisdictions)s::text[] IS NULL OR c.placed_in_id = ANY (%(jurisdictions)s))
    AND (%(producers)s::bigint[] IS NULL OR c.producer_id = ANY (%(producers)s)
        OR (c.producer_id IS NULL AND %(nobody)s = ANY (%(producers)s)))
"""

_FATES = ("recovered", "pending", "residue")


def _column(element: Element, fate: str) -> str:
    return f"{element.name.lower()}_{fate}"


def _columns(expression: str) -> str:
    """A column for each element and fate, such as `li_recovered`, made of `{element}`, `{fate}` and `{column}`."""
    return ",\n".join(
        f"{expression.format(element=element, fate=fate, column=_column(element, fate))} AS {_column(element, fate)}"
        for element in Element
        for fate in _FATES
    )


def _has(element: Element) -> str:
    return f"has_{element.name.lower()}"


def _each(expression: str) -> str:
    """A column for each element, made of `{element}` and `{has}`."""
    return ", ".join(expression.format(element=element, has=_has(element)) for element in Element)


#: The columns of an element as a row again.
_ROWS = ",\n".join(
    f"('{element}', g.{_has(element)}, {', '.join(f'g.{_column(element, fate)}' for fate in _FATES)})"
    for element in Element
)

#: A battery meets the factors of its batch as one row with a column for each element and share, and is joined to nothing
#: else; a share of nothing is empty, and costs no multiplication. What a kilowatt-hour contains comes last, once for all
#: batteries of one composition: content x share is energy x share x intensity, to the last digit. Only the energy in
#: batches that have a factor of an element counts for it. `OFFSET 0`: rows first, then intensities.
#:
#: Workers add up what they read, each for itself, since the planner knows from `charge_whose` how few sums there are. To
#: hand over a row of forty sums costs ten times what the planner takes a row to cost (`_run` tells it): among a hundred
#: thousand charges one process is as fast as two, and takes half the CPU.
TOTALS = f"""
    WITH batches AS ({_BATCHES}), shares AS (
        SELECT batch_id, {_each("bool_or(element = '{element}') AS {has}")},
            {_columns("any_value(nullif({fate}, 0)) FILTER (WHERE element = '{element}')")}
        FROM recycling_factor GROUP BY batch_id
    ), closed AS (
        SELECT k.begins, k.ends, s.* FROM batches k JOIN shares s ON s.batch_id = k.id
    ), energies AS (
        SELECT c.producer_id, c.placed_in_id, c.composition_id,
            {_each("sum(c.content_kwh) FILTER (WHERE k.{has}) AS {has}")},
            {_columns("sum(c.content_kwh * k.{column})")}
        FROM recycling_charge c JOIN closed k ON k.batch_id = c.batch_id
        WHERE {_WITHIN} AND c.content_kwh IS NOT NULL
        GROUP BY 1, 2, 3
    )
    SELECT e.producer_id, e.placed_in_id, e.element, sum(e.kwh * i.kg_per_kwh),
        {", ".join(f"coalesce(sum(e.{fate} * i.kg_per_kwh), 0)" for fate in _FATES)}
    FROM (
        SELECT g.producer_id, g.placed_in_id, g.composition_id, of.*
        FROM energies g CROSS JOIN LATERAL (VALUES {_ROWS}) of (element, kwh, {", ".join(_FATES)})
        WHERE of.kwh IS NOT NULL
        OFFSET 0
    ) e
    JOIN collection_compositionelement i
        ON i.composition_id = e.composition_id AND i.element = e.element AND i.kg_per_kwh > 0
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""  # noqa: S608 - composed of constants


def totals_by_producer_and_jurisdiction(
    start: date,
    end: date,
    *,
    jurisdictions: Sequence[str] | None = None,
    producers: Sequence[int] | None = None,
    claimed: bool = False,
) -> list[Total]:
    """Per producer, jurisdiction and element: content of the batteries recycled in the period, and what became of it.

    One statement whatever the number of batteries. `jurisdictions` and `producers` restrict it; `None` is all. Of batteries
    whose producer is confirmed or not known; `claimed` asks for those that are only claimed to be a producer's, instead.
    """
    return [Total(*row) for row in _run(TOTALS, start, end, jurisdictions, producers, claimed=claimed)]


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


class Units(NamedTuple):
    """Batteries of one producer and place of marketing: how many were collected and recycled in a period."""

    producer: int
    jurisdiction: str
    units_collected: int
    units_recycled: int
    kg_recycled: Decimal


UNITS = f"""
    WITH batches AS ({_BATCHES}), units AS (
        SELECT b.producer_id, b.placed_in_id, count(*) AS collected, 0 AS recycled, 0::numeric AS kg
        FROM collection_custodyevent e
        JOIN collection_battery b ON b.id = e.battery_id
        LEFT JOIN collection_facility f ON f.id = e.to_facility_id
        WHERE e.sequence = 1 AND b.producer_id IS NOT NULL AND (b.producer_ground = 'claimed') = %(claimed)s
            AND e.occurred_at >= %(start)s::date - 2 AND e.occurred_at < %(end)s::date + 3
            AND (e.occurred_at AT TIME ZONE coalesce(f.time_zone, 'UTC'))::date BETWEEN %(start)s AND %(end)s
            AND (%(jurisdictions)s::text[] IS NULL OR b.placed_in_id = ANY (%(jurisdictions)s))
            AND (%(producers)s::bigint[] IS NULL OR b.producer_id = ANY (%(producers)s))
        GROUP BY 1, 2
        UNION ALL
        SELECT c.producer_id, c.placed_in_id, 0, count(*), sum(c.mass_kg)
        FROM recycling_charge c JOIN batches k ON k.id = c.batch_id
        WHERE {_WITHIN} AND c.producer_id IS NOT NULL
        GROUP BY 1, 2
    )
    SELECT producer_id, placed_in_id, sum(collected)::bigint, sum(recycled)::bigint, sum(kg)
    FROM units WHERE placed_in_id IS NOT NULL
    GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - composed of constants


def units_by_producer_and_jurisdiction(
    start: date,
    end: date,
    *,
    jurisdictions: Sequence[str] | None = None,
    producers: Sequence[int] | None = None,
    claimed: bool = False,
) -> list[Units]:
    """Batteries of confirmed (or `claimed`) producer and known place that were collected, and recycled, in the period. One
    statement.
    """
    return [Units(*row) for row in _run(UNITS, start, end, jurisdictions, producers, claimed=claimed)]


def _run(
    sql: str,
    start: date,
    end: date,
    jurisdictions: Sequence[str] | None,
    producers: Sequence[int] | None,
    *,
    claimed: bool = False,
) -> list[tuple[Any, ...]]:
    values = {
        "start": start,
        "end": end,
        "jurisdictions": None if jurisdictions is None else list(jurisdictions),
        "producers": None if producers is None else list(producers),
        "nobody": NOBODY,
        "claimed": claimed,
    }
    connection = connection_for(Charge)
    with transaction.atomic(using=connection.alias, savepoint=False), connection.cursor() as cursor:
        cursor.execute("SET LOCAL parallel_tuple_cost = 1")
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows
