"""What rests on patterns, and what of it would change: found and changed in sets, kind of vehicle by kind of vehicle.

Batteries do, and what the app above adds to `RESTING`. What must stay as it is (charged, in a report that was filed) stands in
`kept`, where each app says its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from collection.models import BY_PATTERN
from collection.services.contents import Contents
from collection.services.patterns import ASSIGNED, Assigned, Kind, Patterns, kinds_by_id

#: Rows that are changed in one transaction.
STEP = 1_000

_COLUMNS = ", ".join(ASSIGNED)


@dataclass(frozen=True)
class Change:
    """Rows of one kind of vehicle that are said to be `before` and would be `after`; `kept` of them stay as they are."""

    of: str
    vehicle: int
    before: Assigned
    after: Assigned
    rows: int
    units: int
    kept: int


@dataclass
class Resting:
    """A table with the columns of `AssignedChemistry`. The aliases of rows in `kept` and `units` are `r`."""

    name: str | Promise
    table: str
    units: str = "1"
    #: What holds for rows that stay as they are, whatever patterns say: SQL.
    kept: list[str] = field(default_factory=list)

    @property
    def is_kept(self) -> str:
        return " OR ".join(f"({rule})" for rule in self.kept) or "false"

    def changes(self, patterns: Patterns, kinds: Mapping[int, Kind], of: int | None) -> list[Change]:
        """What would change; `of`: only what rests on this pattern or would. One statement."""
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT vehicle_id, {_COLUMNS}, count(*), sum({self.units})::bigint, count(*) FILTER (WHERE {self.is_kept})
                FROM {self.table} r
                WHERE vehicle_id IS NOT NULL AND chemistry_by = ANY(%s)
                GROUP BY vehicle_id, {_COLUMNS} ORDER BY vehicle_id
                """,  # noqa: S608 - our own names
                [list(BY_PATTERN)],
            )
            found = cursor.fetchall()
        made = []
        for vehicle, *said, rows, units, kept in found:
            before, after = Assigned(*said), patterns.resolve(kinds[vehicle])
            if before != after and of in (None, before.pattern_id, after.pattern_id):
                made.append(Change(self.table, vehicle, before, after, rows, units, kept))
        return made

    def apply(self, wanted: Mapping[int, Assigned], patterns: Patterns) -> Iterator[int]:
        """Have the kinds of vehicles in `wanted` be what it says, in steps, each a transaction; tells the rows of each."""
        after: int | None = 0
        while after is not None:
            with transaction.atomic():
                after, number = self._step(wanted, patterns, after)
            yield number

    def _step(self, wanted: Mapping[int, Assigned], patterns: Patterns, after: int) -> tuple[int | None, int]:
        sides = [[assigned[n] for assigned in wanted.values()] for n in range(len(ASSIGNED))]
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                SELECT r.id, r.vehicle_id, {self._read} FROM {self.table} r
                JOIN unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::bigint[])
                    AS w(vehicle_id, {_COLUMNS}) USING (vehicle_id)
                WHERE r.id > %s AND r.chemistry_by = ANY(%s) AND NOT ({self.is_kept})
                    AND ({", ".join(f"r.{name}" for name in ASSIGNED)}) IS DISTINCT FROM ({", ".join(f"w.{name}" for name in ASSIGNED)})
                ORDER BY r.id LIMIT {STEP} FOR UPDATE OF r
                """,  # noqa: S608 - our own names
                [list(wanted), *sides, after, list(BY_PATTERN)],
            )
            rows = cursor.fetchall()
            if rows:
                self._write(cursor, [(row, wanted[row[1]]) for row in rows], patterns)
        return (rows[-1][0] if len(rows) == STEP else None), len(rows)

    #: What `_write` needs to know of a row.
    _read = "0"

    def _write(self, cursor: Any, rows: list[tuple[tuple[Any, ...], Assigned]], patterns: Patterns) -> None:
        by_outcome: dict[Assigned, list[int]] = defaultdict(list)
        for row, assigned in rows:
            by_outcome[assigned].append(row[0])
        values = [(key, *assigned) for assigned, keys in by_outcome.items() for key in keys]
        self._update(cursor, {name: _TYPES[name] for name in ASSIGNED}, values)

    def _update(self, cursor: Any, columns: Mapping[str, str], values: list[tuple[Any, ...]]) -> None:
        given = ", ".join(f"%s::{kind}[]" for kind in columns.values())
        cursor.execute(
            f"""
            UPDATE {self.table} t SET {", ".join(f"{name} = v.{name}" for name in columns)}
            FROM unnest(%s::bigint[], {given}) AS v(id, {", ".join(columns)}) WHERE t.id = v.id
            """,  # noqa: S608 - our own names
            [list(column) for column in zip(*values, strict=True)],
        )


_TYPES = {
    "model_id": "bigint", "chemistry_id": "text", "chemistry_by": "text", "chemistry_confidence": "text",
    "pattern_id": "bigint",
}  # fmt: skip


class RestingBatteries(Resting):
    """Batteries, whose contents follow their model and chemistry."""

    _read = "r.rated_kwh, r.mass_value, r.mass_unit, r.form"

    def _write(self, cursor: Any, rows: list[tuple[tuple[Any, ...], Assigned]], patterns: Patterns) -> None:
        contents, values = Contents(), []
        for (key, _vehicle, rated, mass, unit, form), assigned in rows:
            model = patterns.models.get(assigned.model_id or 0)
            content = contents.of(model, assigned.chemistry_id, rated, mass, unit)
            values.append((key, *assigned, *content, model.form if model else form))
        more = {"composition_id": "bigint", "content_kwh": "numeric", "form": "text"}
        self._update(cursor, {name: _TYPES[name] for name in ASSIGNED} | more, values)


BATTERIES = RestingBatteries(gettext_lazy("batteries"), "collection_battery", kept=["r.status = 'consumed'"])

#: All that rests on patterns; an app adds its own as Django starts.
RESTING: list[Resting] = [BATTERIES]


def changes(patterns: Patterns, of: int | None = None) -> list[Change]:
    """What would change if all were resolved anew."""
    kinds = kinds_by_id()
    return [change for resting in RESTING for change in resting.changes(patterns, kinds, of)]
