"""A plausible year of the whole continent, written straight into the tables. All of it is made up and marked as simulated.

`SCALE=1` is 130,000 packs recycled in the year; 10 is the continent at its full planned capacity. Beside them there are
about 15 % that were given up and wait, travel or went to a second life, and as many vehicles in use as packs were
recycled, in five vintages. Whatever happens twice at twice the scale is there: pickups, shipments, batches, lots.
Organizations, sites and laws are as many at any scale.

`who` are organizations and sites, `road` is the way of a pack to its plant, `plant` what becomes of it there.
"""

from __future__ import annotations

import math
import re
import shutil
import sys
import time
from dataclasses import asdict, dataclass
from string import Template
from typing import Any

from django.db import connection, transaction

from benchmarks.continent import plant, road, who
from recycling.services import factors, tallies

PACKS_AT_SCALE_1 = 130_000
YEAR = 2025

#: A truckload, and a batch of the first stage: ten truckloads, some hundred tonnes.
PACKS_ON_TRUCK, TRUCKS_IN_BATCH = 26, 10

#: Disk that a recycled pack takes with all that hangs on it, and while its indexes are sorted.
BYTES_PER_PACK = 5_000


@dataclass(frozen=True)
class Size:
    """How much there is of what. Trucks are numbered in the order of their days: first those whose packs are charged."""

    batches: int
    open_batches: int
    charged_trucks: int
    waiting_trucks: int
    travelling_trucks: int
    announced_trucks: int
    in_use: int

    @classmethod
    def of(cls, scale: float) -> Size:
        batches = max(10, round(PACKS_AT_SCALE_1 * scale / PACKS_ON_TRUCK / TRUCKS_IN_BATCH))
        return cls(
            batches=batches,
            open_batches=math.ceil(batches / 50),
            charged_trucks=batches * TRUCKS_IN_BATCH,
            waiting_trucks=max(who.SHREDDERS, batches),  # every plant has some
            travelling_trucks=max(2, batches // 5),
            announced_trucks=max(4, batches // 3),
            in_use=batches * TRUCKS_IN_BATCH * PACKS_ON_TRUCK,
        )

    @property
    def recycled(self) -> int:
        return self.charged_trucks * PACKS_ON_TRUCK

    @property
    def trucks(self) -> int:
        return self.charged_trucks + self.waiting_trucks + self.travelling_trucks + self.announced_trucks

    def __str__(self) -> str:
        return (
            f"{self.recycled:,} packs recycled in the year; besides {(self.trucks * PACKS_ON_TRUCK - self.recycled):,} "
            f"given up and {self.in_use:,} in use; {self.batches:,} batches of the first stage"
        )


def is_built() -> bool:
    """Whether the continent stands in the database already."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM recycling_factor)")
        return bool(cursor.fetchone()[0])


def check_room(size: Size) -> None:
    """Refuse a world that the disk does not carry, before an hour is spent on it."""
    needed, free = size.recycled * BYTES_PER_PACK, shutil.disk_usage(".").free
    if needed > free:
        sys.exit(f"This needs about {needed / 1e9:.0f} GB of disk; {free / 1e9:.0f} GB are free. Take a smaller SCALE.")


def build(size: Size) -> float:
    """Write the year, and all that is made of it; seconds that it took."""
    began = time.perf_counter()
    write(size)
    _say("recovery factors and tallies")
    factors.refresh_all()
    tallies.refresh_all()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    seconds = time.perf_counter() - began
    _say(f"built in {seconds:.0f} s\n")
    return seconds


def write(size: Size) -> None:
    """Write the year.

    Triggers are off while it is written, and with them foreign keys; other constraints are not. Indexes are made
    afterwards, in a tenth of the time.
    """
    began = time.perf_counter()
    values = asdict(size) | {"year": YEAR, "trucks": size.trucks, "packs": size.trucks * PACKS_ON_TRUCK}
    steps = [*who.STEPS, *road.STEPS, *plant.STEPS]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica; SET LOCAL maintenance_work_mem = '1GB'")
        indexes = _without_indexes(cursor, re.findall(r"INSERT INTO (\w+)", " ".join(sql for _name, sql in steps)))
        for name, sql in steps:
            cursor.execute(Template(sql).substitute(values))
            _say(f"{name}: {max(cursor.rowcount, 0):,} rows, {time.perf_counter() - began:.0f} s")
            for table in re.findall(r"(?:INSERT INTO|TEMP TABLE) (\w+)", sql):
                cursor.execute(f"ANALYZE {table}")  # else the planner takes the new rows for none
        for number, definition in enumerate(indexes, start=1):
            cursor.execute(definition)
            _say(f"indexes: {number} of {len(indexes)}, {time.perf_counter() - began:.0f} s")
        _beyond_what_was_written(cursor)


def _without_indexes(cursor: Any, tables: list[str]) -> list[str]:
    """Drop the indexes that no constraint rests on; the statements that make them again."""
    cursor.execute(
        """
        SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i
        WHERE i.indrelid::regclass::text = ANY (%s)
            AND NOT i.indisunique AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid)
        """,
        [tables],
    )
    found = cursor.fetchall()
    for name, _definition in found:
        cursor.execute(f"DROP INDEX {name}")
    return [definition for _name, definition in found]


def _beyond_what_was_written(cursor: Any) -> None:
    """Have the sequences go on after the ids that were written."""
    cursor.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id' "
        "WHERE c.relkind = 'r' AND a.attidentity <> '' AND c.relnamespace = 'public'::regnamespace"
    )
    for (table,) in cursor.fetchall():
        cursor.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), coalesce(max(id), 1), max(id) IS NOT NULL) FROM {table}"
        )


def _say(text: str) -> None:
    sys.stderr.write(f"\r{text:<78}")
    sys.stderr.flush()
