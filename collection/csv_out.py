"""CSV on its way out. A spreadsheet runs what looks like a formula, so no text leaves that does.

Every export uses `stream` (HTTP) or `lines` (files, commands); `restore` undoes it when such a file is imported.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from django.http import StreamingHttpResponse
from django.utils.functional import Promise

#: What makes a spreadsheet take a cell for a formula when it stands first (OWASP, “CSV Injection”), also behind the
#: apostrophes with which we hide it. Full-width forms count: some spreadsheets fold them.
_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")
_HIDDEN = re.compile("'+[=+\\-@\t\r\n＝＋－＠]")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def safe_cell(value: object) -> str:
    """`value` as the text of a cell. Text that a spreadsheet could run gets an apostrophe in front; a number, even a
    negative one, stays a number; nothing is an empty cell. Instants are written in ISO 8601.
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Decimal():
            return f"{value:f}"
        case int() | float():
            return str(value)
        case datetime() | date():
            return value.isoformat()
        case str() | Promise():
            text = str(value)
            return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
        case _:
            return safe_cell(str(value))


def restore(text: str) -> str:
    """What `safe_cell` was given for the text that it made of it."""
    return text[1:] if _HIDDEN.match(text) else text


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def lines(header: Sequence[object], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """The lines of a CSV file (RFC 4180), one by one."""
    writer = csv.writer(_Echo())
    yield writer.writerow([safe_cell(name) for name in header])
    for row in rows:
        yield writer.writerow([safe_cell(value) for value in row])


def stream(filename: str, header: Sequence[object], rows: Iterable[Sequence[object]]) -> StreamingHttpResponse:
    """An answer that downloads as the CSV file `filename`, written while it is read; rows are never all in memory."""
    return StreamingHttpResponse(
        lines(header, rows),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{re.sub(r"[^A-Za-z0-9._-]", "_", filename)}"',
            "X-Content-Type-Options": "nosniff",
        },
    )
