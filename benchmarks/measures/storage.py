"""What the year takes on the disk, and what a pack's way adds to the log of changes, which replicas and backups carry."""

from __future__ import annotations

from typing import Any

from django.db import connection

from benchmarks.measures import writes
from benchmarks.results import Results, Row
from collection.models import Battery

LARGEST = 8
PACKS = 260


def measure(results: Results) -> None:
    given_up = Battery.objects.exclude(status="in_use").count()
    (size, indexes) = _row(
        "SELECT sum(pg_table_size(c.oid)), sum(pg_indexes_size(c.oid)) FROM pg_class c WHERE relkind = 'r'"
    )
    results.add(
        "the database",
        Row(
            {"bytes": float(size + indexes)},
            note=f"{(size + indexes) / given_up:,.0f} bytes for each pack that was given up",
        ),
    )
    results.add("its indexes", Row({"bytes": float(indexes)}))
    for name, rows, table, index in _largest():
        results.add(name, Row({"bytes": float(table + index)}, note=f"{rows:,} rows, indexes {index / 1e6:,.0f} MB"))
    results.add(f"log of changes, {PACKS} packs to the closed batch", _logged())


def _logged() -> Row:
    vehicles = writes.vehicles()
    vins = [next(vehicles) for _pack in range(PACKS)]
    (before,) = _row("SELECT pg_current_wal_lsn()")
    writes.truck(lambda _name, act: act(), vins, is_weighed=True)
    (logged,) = _row("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", before)
    return Row(
        {"bytes": float(logged)}, note=f"{float(logged) / PACKS:,.0f} bytes a pack, images of whole pages included"
    )


def _largest() -> list[tuple[str, int, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, reltuples::bigint, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY pg_total_relation_size(oid) DESC LIMIT %s",
            [LARGEST],
        )
        return list(cursor.fetchall())


def _row(sql: str, *values: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values or None)
        return tuple(cursor.fetchone())
