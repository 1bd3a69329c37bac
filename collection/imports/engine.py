"""What every import has in common: cells become values, faults are gathered, and it all happens or none of it does.

A kind of import is a class of the shape `Importer`. `collection` and `recycling` enter theirs in `IMPORTERS` when
Django starts, so that the doors and the task in `collection` lead to both without knowing either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, ClassVar, Protocol

from django.db import connection, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Organization
from collection.imports.columns import Column
from collection.imports.files import Gauge, Sheet, check_header, gauge
from collection.services.imports import Superseded

#: Faults beyond this many are counted, not kept.
MAX_FAULTS = 10_000
#: How often the counter of rows moves on.
STEP = 500

type Cells = tuple[int, list[object]]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a row, or worth knowing about it."""

    line: int
    field: str
    message: str
    value: str = ""


@dataclass
class Faults:
    """The faults found so far. A row with one is bad, however many it has."""

    kept: list[Fault] = field(default_factory=list)
    bad_lines: set[int] = field(default_factory=set)
    #: Rows that are imported all the same, with what the user should know about them.
    notes: list[Fault] = field(default_factory=list)

    def add(self, line: int, column: str, message: str, value: object = "") -> None:
        self.bad_lines.add(line)
        if len(self.kept) < MAX_FAULTS:
            self.kept.append(Fault(line, column, message, str(value)))

    def note(self, line: int, column: str, message: str, value: object = "") -> None:
        if len(self.notes) < MAX_FAULTS:
            self.notes.append(Fault(line, column, message, str(value)))

    def __bool__(self) -> bool:
        return bool(self.bad_lines)


class BadRows(Exception):
    """Undoes an import in which rows are bad."""


@dataclass
class Progress:
    """How far an import is. Written by the import, read by whoever shows it."""

    rows_read: int = 0
    phase: str = ""
    gauge: Gauge | None = None
    #: Whether nobody wants it any more.
    is_over: Callable[[], bool] = bool

    @property
    def rows_expected(self) -> int | None:
        """Estimated from the share of the file that has been read."""
        share = self.gauge.share if self.gauge is not None else 0.0
        return max(self.rows_read, round(self.rows_read / share)) if share > 0 and self.rows_read else None


@dataclass(frozen=True)
class Counts:
    """What an import came to, in rows."""

    created: int = 0
    unchanged: int = 0


class Importer(Protocol):
    """A kind of import. Made for one import; the constructor checks that the actor may and loads what is looked up."""

    #: Whether columns that are not listed are passed over rather than refused.
    passes_over: ClassVar[bool]

    def __init__(self, *, actor: Actor, organization: Organization) -> None: ...

    @property
    def columns(self) -> Sequence[Column]:
        """The columns of the file; `take` gets the values of all of them, in this order."""

    def take(self, rows: Iterator[Cells], faults: Faults) -> None:
        """Take in all rows that can be read; fault those that cannot be right."""

    def check(self, faults: Faults) -> None:
        """Fault the rows that contradict each other or what is known already."""

    def write(self, faults: Faults) -> Counts:
        """Write every row without a fault. May find further faults, and then does not write those rows."""


IMPORTERS: dict[str, type[Importer]] = {}


@dataclass(frozen=True)
class Outcome:
    """What came of an import. Where rows were bad and not to be skipped, nothing was written."""

    counts: Counts
    rows_read: int
    faults: Faults


def bring_in(
    source: IO[bytes],
    importer: Importer,
    *,
    skip_bad_rows: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Import a file in one transaction: every row, or with `skip_bad_rows` every good one.

    Raises `BadFile` where the file as a whole cannot be read.
    """
    progress = progress or Progress()
    faults = Faults()
    progress.gauge = gauge(source)
    try:
        with transaction.atomic():
            progress.phase = _("reading")
            importer.take(read(Sheet(source), importer, faults, progress), faults)
            progress.phase = _("checking")
            importer.check(faults)
            if faults and not skip_bad_rows:
                raise BadRows
            progress.phase = _("writing")
            counts = importer.write(faults)
            if faults and not skip_bad_rows:
                raise BadRows
            connection.check_constraints()  # foreign keys, now and not unseen at the commit: it takes half of the time
    except BadRows:
        counts = Counts()
    return Outcome(counts, progress.rows_read, faults)


def read(sheet: Sheet, importer: Importer, faults: Faults, progress: Progress) -> Iterator[Cells]:
    """The rows of `sheet` as values, in the order of the importer's columns. Bad rows become faults."""
    header = sheet.header
    columns = list(importer.columns)
    check_header(
        header,
        [c.name.lower() for c in columns if c.required],
        [c.name.lower() for c in columns if not c.required],
        others=importer.passes_over,
    )
    # For each column where it stands, how it is read, whether a cell may be empty, and what an empty one means.
    places = {name: place for place, name in enumerate(header)}
    plan = [
        (
            c.name,
            places.get(c.name.lower(), -1),
            c.parse,
            c.required and not c.blank,
            c.default,
        )
        for c in columns
    ]
    width = len(header)
    count = 0
    try:
        for line, row in sheet:
            count += 1
            if not count % STEP:
                progress.rows_read = count
                if progress.is_over():
                    raise Superseded
            if len(row) != width:
                message = _("The row has %(fields)d fields, the header has %(columns)d.")
                faults.add(line, "", message % {"fields": len(row), "columns": width}, ",".join(row)[:200])
                continue
            values: list[object] = []
            good = True
            for name, index, parse, required, default in plan:
                cell = row[index].strip() if index >= 0 else ""
                if cell:
                    try:
                        values.append(parse(cell))
                    except ValueError as error:
                        good = False
                        faults.add(line, name, str(error), cell)
                elif required:
                    good = False
                    faults.add(line, name, _("Must not be empty."))
                else:
                    values.append(default)
            if good:
                yield line, values
    finally:
        progress.rows_read = count
