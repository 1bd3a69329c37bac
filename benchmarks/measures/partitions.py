"""Whether the ledger would do better in partitions by time: copies of it with the same indexes, read and written as it is.

A constraint of a partitioned table can only be unique together with the time. That a battery has one entry of each number,
and that each starts where the one before ended, would be the word of a trigger alone: a price that is not measured here.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from django.db import connection

from benchmarks import clock
from benchmarks.continent import YEAR
from benchmarks.results import Results

LEDGER = "collection_custodyevent"

#: Name of the copy, and how many partitions the year is cut into: 120 are as many as ten years of months.
COPIES = {"bench_plain": 0, "bench_months": 12, "bench_days": 120}

INDEXES = (
    "(to_facility_id, battery_id)",
    "(to_organization_id, battery_id)",
    "(from_organization_id, battery_id)",
    "(id)",
)


def measure(results: Results) -> None:
    try:
        for name, parts in COPIES.items():
            _copy(name, parts)
        for what, sql in _statements().items():
            yardstick = None
            for name, parts in COPIES.items():
                took = clock.several(partial(_run, sql.format(table=name)), results.repeat)
                yardstick = yardstick or took
                results.took(f"{what}: {_called(parts)}", took, yardstick=yardstick)
        _forget_the_first_month(results)
    finally:
        for name in COPIES:
            _run(f"DROP TABLE IF EXISTS {name}")


def _copy(name: str, parts: int) -> None:
    _run(f"DROP TABLE IF EXISTS {name}")
    if parts:
        _run(f"CREATE TABLE {name} (LIKE {LEDGER}) PARTITION BY RANGE (occurred_at)")
        _run(f"CREATE TABLE {name}_rest PARTITION OF {name} DEFAULT")
        for part in range(parts):
            first, last = (
                f"'{YEAR}-01-01'::timestamptz + interval '365 days' * {p} / {parts}" for p in (part, part + 1)
            )
            _run(f"CREATE TABLE {name}_{part} PARTITION OF {name} FOR VALUES FROM ({first}) TO ({last})")
    else:
        _run(f"CREATE TABLE {name} (LIKE {LEDGER})")
    _run(f"INSERT INTO {name} SELECT * FROM {LEDGER}")
    time = ", occurred_at" if parts else ""
    _run(f"CREATE INDEX ON {name} (battery_id, sequence{time})")
    for index in INDEXES:
        _run(f"CREATE INDEX ON {name} {index}")
    _run(f"CREATE INDEX ON {name} USING brin (occurred_at)")
    _run(f"VACUUM (ANALYZE) {name}")


def _statements() -> dict[str, str]:
    """What is done with the ledger most; each on things from the middle of the year."""
    return {
        "the lives of 260 batteries": "SELECT * FROM {table} WHERE battery_id IN (SELECT battery_id FROM "
        f"{LEDGER} WHERE battery_id IS NOT NULL AND sequence = 3 ORDER BY id LIMIT 260) ORDER BY battery_id, sequence",
        "newest batteries at a site": "SELECT DISTINCT battery_id FROM {table} WHERE to_facility_id = "
        f"(SELECT to_facility_id FROM {LEDGER} WHERE to_facility_id IS NOT NULL ORDER BY id LIMIT 1) "
        "ORDER BY battery_id DESC LIMIT 51",
        "newest entries of all": "SELECT * FROM {table} ORDER BY id DESC LIMIT 51",
        "what was received in a month": "SELECT count(*), sum(mass_kg) FROM {table} WHERE kind = 'received' "
        f"AND occurred_at >= '{YEAR}-06-01' AND occurred_at < '{YEAR}-07-01'",
        "add 10,000 entries": "INSERT INTO {table} SELECT added.* FROM "
        f"(SELECT max(id) - 10000 AS before FROM {LEDGER}) newest, LATERAL (SELECT * FROM {LEDGER} WHERE id > before) added",
    }


def _forget_the_first_month(results: Results) -> None:
    month = f"occurred_at < '{YEAR}-01-31 10:00+00'"
    gone = clock.once(partial(_run, f"DELETE FROM bench_plain WHERE {month}"))
    results.took("forget a month: one table", gone, yardstick=gone)
    dropped = clock.once(partial(_run, "DROP TABLE bench_months_0"))
    results.took("forget a month: 12 partitions", dropped, yardstick=gone)


def _called(parts: int) -> str:
    return f"{parts} partitions" if parts else "one table"


def _run(sql: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall()) if cursor.description else []
