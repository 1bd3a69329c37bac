"""Where the collection points of a file wait until all of them are known to be right (see `battery_stage`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from accounts.errors import Refused
from collection.imports.engine import Counts, Faults

COLUMNS = (
    ("line", "integer"),
    ("operator_id", "bigint"),
    ("source_key", "text"),
    ("name", "text"),
    ("kind", "text"),
    ("jurisdiction_id", "text"),
    ("address", "text"),
    ("locality", "text"),
    ("postal_code", "text"),
    ("latitude", "numeric"),
    ("longitude", "numeric"),
    ("time_zone", "text"),
    ("contact", "text"),
    ("notes", "text"),
    ("is_active", "boolean"),
    ("source", "text"),
    ("confidence", "text"),
)
_NAMES = ", ".join(name for name, _type in COLUMNS)
_OF_FACILITY = ("name", "jurisdiction_id", "address", "locality", "postal_code", "latitude", "longitude", "time_zone")
_OF_POINT = ("kind", "contact", "notes")


class PointStage:
    """The staging table of one import, and what leads out of it."""

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take in rows as `COLUMNS` has them. `source_key` must tell operators apart."""
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS import_point")
            columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS)
            cursor.execute(f"CREATE TEMPORARY TABLE import_point ({columns}, facility_id bigint) ON COMMIT DROP")
            with cursor.copy(f"COPY import_point ({_NAMES}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute("ANALYZE import_point")

    def check(self, faults: Faults) -> None:
        """Fault points that stand in the file twice, and those that exist already but not as the file says."""
        bad = []
        for line, column, value, first in _rows("""
            SELECT line, 'name', name, first FROM (
                SELECT *, min(line) OVER (PARTITION BY operator_id, name) AS first FROM import_point) n
            WHERE line > first
            UNION ALL
            SELECT line, 'key', name, first FROM (
                SELECT *, min(line) OVER (PARTITION BY source_key) AS first FROM import_point) k WHERE line > first
            ORDER BY 1
        """):
            faults.add(line, column, _("The same collection point stands on line %(line)d.") % {"line": first}, value)
            bad.append(line)
        _drop(bad)
        self._match(faults)

    def write(self, faults: Faults) -> Counts:
        """Make the facilities and collection points that are new."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM import_point WHERE facility_id IS NULL")
            (wanted,) = cursor.fetchone()
            cursor.execute("""
                INSERT INTO collection_facility (
                    operator_id, name, jurisdiction_id, address, locality, postal_code, latitude, longitude, time_zone,
                    source, confidence, is_simulated)
                SELECT s.operator_id, s.name, s.jurisdiction_id, s.address, s.locality, s.postal_code, s.latitude,
                    s.longitude, s.time_zone, s.source, s.confidence, o.is_simulated
                FROM import_point s JOIN accounts_organization o ON o.id = s.operator_id
                WHERE s.facility_id IS NULL ORDER BY s.line
                ON CONFLICT DO NOTHING
            """)
            if cursor.rowcount < wanted:
                raise Refused(
                    _("Somebody else is entering the same collection points at this moment; try again."), code="busy"
                )
            cursor.execute("""
                INSERT INTO collection_collectionpoint (facility_id, kind, contact, notes, is_active, source_key)
                SELECT f.id, s.kind, s.contact, s.notes, s.is_active, s.source_key
                FROM import_point s
                JOIN collection_facility f ON f.operator_id = s.operator_id AND f.name = s.name
                WHERE s.facility_id IS NULL ORDER BY s.line
            """)
            created = cursor.rowcount
            cursor.execute("SELECT count(*) FROM import_point WHERE facility_id IS NOT NULL")
            (unchanged,) = cursor.fetchone()
        return Counts(created, unchanged)

    def _match(self, faults: Faults) -> None:
        with connection.cursor() as cursor:
            cursor.execute("""
                UPDATE import_point s SET facility_id = f.id FROM collection_facility f
                LEFT JOIN collection_collectionpoint p ON p.facility_id = f.id
                WHERE p.source_key = s.source_key OR (f.operator_id = s.operator_id AND f.name = s.name)
            """)
        differs = ", ".join(
            f"CASE WHEN {table}.{name} IS DISTINCT FROM s.{name} THEN '{name.removesuffix('_id')}' END"
            for table, names in (("f", _OF_FACILITY), ("p", _OF_POINT))
            for name in names
        )
        bad = []
        for line, is_point, columns in _rows(f"""
            SELECT line, is_point, columns FROM (
                SELECT s.line, p.id IS NOT NULL AS is_point, array_remove(ARRAY[{differs}], NULL) AS columns
                FROM import_point s
                JOIN collection_facility f ON f.id = s.facility_id
                LEFT JOIN collection_collectionpoint p ON p.facility_id = f.id
            ) compared WHERE columns <> '{{}}' ORDER BY line
        """):  # noqa: S608 - our own column names
            if is_point:
                message = _("This collection point exists, with another value of: %(columns)s. Nothing is overwritten.")
                faults.add(line, columns[0], message % {"columns": ", ".join(columns)})
            else:
                faults.add(line, "name", _("A facility of this name exists that is no collection point."))
            bad.append(line)
        _drop(bad)


def _rows(sql: str) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        yield from cursor.fetchall()


def _drop(lines: list[int]) -> None:
    if lines:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM import_point WHERE line = ANY(%s)", [lines])
