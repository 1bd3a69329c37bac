"""What became of all that was recycled, by producer and jurisdiction, against the bare join of the same rows."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Any

from django.db import connection

from benchmarks import clock
from benchmarks.continent import YEAR
from benchmarks.measures.doors import API, client, get, user
from benchmarks.results import Results
from recycling.queries import epr

#: Content times factor, joined and grouped, and nothing else: what the answer costs at the very least.
BARE = """
    SELECT b.producer_id, b.placed_in_id, i.element, sum(c.content_kwh * i.kg_per_kwh * f.recovered)
    FROM recycling_charge c
    JOIN collection_battery b ON b.id = c.battery_id
    JOIN collection_compositionelement i ON i.composition_id = c.composition_id
    JOIN recycling_factor f ON f.batch_id = c.batch_id AND f.element = i.element
    WHERE c.charged_at >= %s AND c.charged_at < %s
    GROUP BY 1, 2, 3
"""

#: As above with all four sums that a report needs: content, recovered, pending, residue.
BARE_FOUR = BARE.replace(
    "sum(c.content_kwh * i.kg_per_kwh * f.recovered)",
    "sum(c.content_kwh * i.kg_per_kwh), sum(c.content_kwh * i.kg_per_kwh * f.recovered), "
    "sum(c.content_kwh * i.kg_per_kwh * f.pending), sum(c.content_kwh * i.kg_per_kwh * f.residue)",
)

FIRST, LAST = date(YEAR, 1, 1), date(YEAR, 12, 31)


def measure(results: Results) -> None:
    bare = clock.several(partial(_run, BARE), results.repeat)
    results.took("bare join and group, one sum", bare, yardstick=bare)
    results.measure("bare join and group, four sums", partial(_run, BARE_FOUR), yardstick=bare)
    totals = partial(epr.totals_by_producer_and_jurisdiction, FIRST, LAST)
    results.measure("totals of producers and jurisdictions", totals, yardstick=bare, ratio=0.8, growth=10.5)
    for role in ("superuser", "US regulator", "producer"):
        overview = partial(get, client(user(role)), f"{API}/epr-overview/?start={FIRST}&end={LAST}")
        results.measure(f"epr-overview: {role}", overview, wall=0.300)


def _run(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [FIRST, LAST + timedelta(days=1)])
        rows: list[Any] = cursor.fetchall()
        return rows
