"""Where the rows of a file wait until all of them are known to be right: a temporary table, filled by COPY.

From there on everything is done to all of them at once; the number of statements does not depend on their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from django.db import connection

from collection.imports.engine import Cells, Counts, Faults

#: A row that is wrong: its line, the column, what is wrong, and the value.
type Finding = tuple[int, str, str, object]


class Stage:
    """The staging table of one import, and what leads out of it. A kind of import says what its rows consist of, which
    of them are the same (`repeated`), what is there already (`match`), and how the others come to be (`write`).
    """

    table: ClassVar[str]
    #: What a staged row consists of, in the order of `fill`: names and types of columns. The first is `line`.
    columns: ClassVar[tuple[tuple[str, str], ...]]
    #: A column beside these: the id of what a row was recognized as. Null: it is new.
    known: ClassVar[str]

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take in rows as `columns` has them."""
        names = ", ".join(name for name, _type in self.columns)
        columns = ", ".join(f"{name} {kind}" for name, kind in self.columns)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS {self.table}")
            cursor.execute(f"CREATE TEMPORARY TABLE {self.table} ({columns}, {self.known} bigint) ON COMMIT DROP")
            with cursor.copy(f"COPY {self.table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(f"ANALYZE {self.table}")

    def check(self, faults: Faults) -> None:
        """Fault what stands in the file twice, and what is there already but not as the file says."""
        self.fault(faults, self.repeated())
        self.match(faults)

    def repeated(self) -> Iterator[Finding]:
        """The rows that say again what a row before them says."""
        raise NotImplementedError

    def match(self, faults: Faults) -> None:
        """Recognize the rows of what is there already, and fault those that describe it otherwise."""
        raise NotImplementedError

    def write(self, faults: Faults) -> Counts:
        """Make what is new."""
        raise NotImplementedError

    def fault(self, faults: Faults, findings: Iterable[Finding]) -> None:
        """Fault the rows that were found to be wrong. They leave the stage."""
        lines = []
        for line, column, message, value in findings:
            faults.add(line, column, message, value)
            lines.append(line)
        if lines:
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {self.table} WHERE line = ANY(%s)", [lines])  # noqa: S608 - our own name

    def differing(self, compared: Iterable[str], joined: str, message: str) -> Iterator[Finding]:
        """The staged rows `s` that say otherwise than what they are `joined` with. `compared` is made by `unequal`."""
        for line, columns in select(f"""
            SELECT line, columns FROM (
                SELECT s.line, array_remove(ARRAY[{", ".join(compared)}], NULL) AS columns FROM {self.table} s {joined}
            ) compared WHERE columns <> '{{}}' ORDER BY line
        """):  # noqa: S608 - our own names
            yield line, columns[0], message % {"columns": ", ".join(columns)}, ""

    def counts(self) -> tuple[int, int]:
        """How many rows are new, and how many are there already."""
        ((new, known),) = select(f"SELECT count(*) - count({self.known}), count({self.known}) FROM {self.table}")  # noqa: S608
        return new, known


class StagedImporter:
    """What importers have in common whose rows go through a stage (see `engine.Importer`)."""

    passes_over: ClassVar[bool] = False
    stage: Stage

    def staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        """The rows as the stage has them; those that cannot be right are faulted instead."""
        raise NotImplementedError

    def take(self, rows: Iterator[Cells], faults: Faults) -> None:
        self.stage.fill(self.staged(rows, faults))

    def check(self, faults: Faults) -> None:
        self.stage.check(faults)

    def write(self, faults: Faults) -> Counts:
        return self.stage.write(faults)


def select(sql: str, parameters: list[object] | None = None) -> list[tuple[Any, ...]]:
    """What a query finds."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def unequal(
    alias: str, names: Iterable[str], *, when: str = "true", in_file: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """For each column what a file calls it, where `alias` and the stage `s` disagree about it, else null: as SQL."""
    return [
        f"CASE WHEN {when} AND {alias}.{name} IS DISTINCT FROM s.{name} "
        f"THEN '{in_file.get(name, name.removesuffix('_id'))}' END"
        for name in names
    ]
