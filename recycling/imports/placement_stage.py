"""Where the market placements of a file wait until all of them are known to be right
(see `collection.imports.battery_stage`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from accounts.errors import Refused
from collection.imports.engine import Counts, Faults

COLUMNS = (
    ("line", "integer"),
    ("producer_id", "bigint"),
    ("jurisdiction_id", "text"),
    ("period_start", "date"),
    ("period_end", "date"),
    ("model_id", "bigint"),
    ("chemistry_id", "text"),
    ("units", "integer"),
    ("mass_kg", "numeric"),
    ("description", "text"),
    ("source", "text"),
    ("source_key", "text"),
)
_NAMES = ", ".join(name for name, _type in COLUMNS)
_COMPARED = (
    "jurisdiction_id",
    "period_start",
    "period_end",
    "model_id",
    "chemistry_id",
    "units",
    "mass_kg",
    "description",
)


class PlacementStage:
    """The staging table of one import, and what leads out of it."""

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take in rows as `COLUMNS` has them."""
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS import_placement")
            columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS)
            cursor.execute(f"CREATE TEMPORARY TABLE import_placement ({columns}, existing bigint) ON COMMIT DROP")
            with cursor.copy(f"COPY import_placement ({_NAMES}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute("ANALYZE import_placement")

    def check(self, faults: Faults) -> None:
        """Fault keys that stand in the file twice, and rows that were declared already but not as the file says."""
        bad = []
        for line, key, first in _rows("""
            SELECT line, source_key, first FROM (
                SELECT *, min(line) OVER (PARTITION BY producer_id, source_key) AS first FROM import_placement) k
            WHERE line > first ORDER BY line
        """):
            faults.add(line, "key", _("The same key stands on line %(line)d.") % {"line": first}, key)
            bad.append(line)
        _drop(bad)
        self._match(faults)

    def write(self, faults: Faults) -> Counts:
        """Declare what is new."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FILTER (WHERE existing IS NULL), count(existing) FROM import_placement")
            wanted, unchanged = cursor.fetchone()
            cursor.execute("""
                INSERT INTO recycling_marketplacement (
                    producer_id, jurisdiction_id, period_start, period_end, model_id, chemistry_id, units, mass_kg,
                    description, source, source_key, is_simulated)
                SELECT s.producer_id, s.jurisdiction_id, s.period_start, s.period_end, s.model_id, s.chemistry_id,
                    s.units, s.mass_kg, s.description, s.source, s.source_key, o.is_simulated
                FROM import_placement s JOIN accounts_organization o ON o.id = s.producer_id
                WHERE s.existing IS NULL ORDER BY s.line
                ON CONFLICT DO NOTHING
            """)
            created = cursor.rowcount
        if created < wanted:
            raise Refused(_("Somebody else is declaring the same rows at this moment; try again."), code="busy")
        return Counts(created, unchanged)

    def _match(self, faults: Faults) -> None:
        with connection.cursor() as cursor:
            cursor.execute("""
                UPDATE import_placement s SET existing = p.id FROM recycling_marketplacement p
                WHERE p.producer_id = s.producer_id AND p.source_key = s.source_key
            """)
        differs = ", ".join(
            f"CASE WHEN p.{name} IS DISTINCT FROM s.{name} THEN '{name.removesuffix('_id')}' END" for name in _COMPARED
        )
        bad = []
        for line, columns in _rows(f"""
            SELECT line, columns FROM (
                SELECT s.line, array_remove(ARRAY[{differs}], NULL) AS columns
                FROM import_placement s JOIN recycling_marketplacement p ON p.id = s.existing
            ) compared WHERE columns <> '{{}}' ORDER BY line
        """):  # noqa: S608 - our own column names
            message = _("A row with this key was declared with another value of: %(columns)s. Nothing is overwritten.")
            faults.add(line, columns[0], message % {"columns": ", ".join(columns)})
            bad.append(line)
        _drop(bad)


def _rows(sql: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        yield from cursor.fetchall()


def _drop(lines: list[int]) -> None:
    if lines:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM import_placement WHERE line = ANY(%s)", [lines])
