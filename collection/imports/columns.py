"""What a column holds: from the text of a cell to a value, or a `ValueError` that tells the user what is wrong.

A parser is made once per import and called once per row, so all that can be settled beforehand is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from collection.csv_out import restore
from collection.units import Unit

type Parser = Callable[[str], Any]

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_BREAK = re.compile("[\x00-\x1f\x7f\u2028\u2029]")
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?").fullmatch
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
).fullmatch
#: How many different texts of a column are remembered with their values.
_MEMORY = 50_000


@dataclass(frozen=True)
class Column:
    """A column of a file: its name, how its cells are read, whether the column must be there (and each of its cells,
    unless `blank`), and what an empty cell means.
    """

    name: str
    parse: Parser
    required: bool = False
    default: Any = None
    blank: bool = False


def remembering(parse: Parser) -> Parser:
    """`parse` for a column whose texts repeat: each is read once."""
    known: dict[str, Any] = {}

    def recall(cell: str) -> Any:
        try:
            return known[cell]
        except KeyError:
            value = parse(cell)
            if len(known) < _MEMORY:
                known[cell] = value
            return value

    return recall


def text(longest: int, *, lines: bool = False) -> Parser:
    """Text of at most `longest` characters, without control characters; on one line unless `lines`."""
    forbidden = _CONTROL if lines else _LINE_BREAK

    def parse(cell: str) -> str:
        cell = restore(cell)
        if len(cell) > longest:
            raise ValueError(_("More than %(longest)d characters.") % {"longest": longest})
        if forbidden.search(cell):
            raise ValueError(_("A control character stands here."))
        return cell

    return parse


def decimal(
    *, digits: int, places: int, least: Decimal | None = None, most: Decimal | None = None, above: Decimal | None = None
) -> Parser:
    """A number in plain decimal notation, of at most `digits` digits, `places` of them behind the point."""
    bound = Decimal(10) ** (digits - places)

    def parse(cell: str) -> Decimal:
        if not _NUMBER(cell):
            raise ValueError(_("Not a number such as 412.5 (no thousands separators, no exponent)."))
        value = Decimal(cell)
        if abs(value) >= bound:
            raise ValueError(_("Too large."))
        if value != round(value, places):
            raise ValueError(_("More than %(places)d decimals.") % {"places": places})
        if above is not None and value <= above:
            raise ValueError(_("Must be more than %(bound)s.") % {"bound": above})
        if least is not None and value < least:
            raise ValueError(_("Must be at least %(bound)s.") % {"bound": least})
        if most is not None and value > most:
            raise ValueError(_("Must be at most %(bound)s.") % {"bound": most})
        return round(value, places)

    return remembering(parse)


def whole(*, least: int = 0, most: int = 2_147_483_647) -> Parser:
    """A whole number."""

    def parse(cell: str) -> int:
        if not (cell.isascii() and cell.isdigit()):
            raise ValueError(_("Not a whole number."))
        if len(cell) > 12 or not least <= int(cell) <= most:
            raise ValueError(_("Must be between %(least)d and %(most)d.") % {"least": least, "most": most})
        return int(cell)

    return remembering(parse)


def mass() -> Parser:
    """A mass as entered (`collection.units.entered_field`): more than zero, at most three decimals."""
    return decimal(digits=12, places=3, above=Decimal(0))


def choice(values: Iterable[str]) -> Parser:
    """One of a few codes."""
    known = {value: value for value in values}

    def parse(cell: str) -> str:
        try:
            return known[cell]
        except KeyError:
            raise ValueError(_("Must be one of: %(values)s.") % {"values": ", ".join(known)}) from None

    return parse


def unit() -> Parser:
    """A unit of mass: g, kg, t, lb or short_ton."""
    return choice(Unit.values)


def one_of(known: Mapping[str, Any], fault: Callable[[], str]) -> Parser:
    """Something that is looked up by its name or code in what was loaded beforehand."""

    def parse(cell: str) -> Any:
        try:
            return known[cell]
        except KeyError:
            raise ValueError(fault()) from None

    return parse


def day(*, future: bool = False) -> Parser:
    """A day as ISO 8601 writes it; not in the future unless `future` (the last day on earth counts as today)."""
    latest = date.max if future else (timezone.now() + timedelta(hours=14)).date()

    def parse(cell: str) -> date:
        if not _DATE(cell):
            raise ValueError(_("Not a day such as 2026-11-22."))
        try:
            value = date.fromisoformat(cell)
        except ValueError:
            raise ValueError(_("There is no such day.")) from None
        if value.year < 1900:
            raise ValueError(_("Before the year 1900."))
        if value > latest:
            raise ValueError(_("This day lies in the future."))
        return value

    return remembering(parse)


def instant(cell: str, zone: ZoneInfo) -> datetime:
    """An instant as ISO 8601 writes it, in UTC. Without an offset it is a local time of `zone`; one that the change to
    or from daylight saving makes doubtful is refused.
    """
    if not _INSTANT(cell):
        raise ValueError(_("Not a time such as 2026-11-22 23:30 or 2026-11-22T23:30:00-08:00."))
    try:
        value = datetime.fromisoformat(cell)
    except ValueError:
        raise ValueError(_("There is no such time.")) from None
    if value.year < 1900 or value.year > 9998:
        raise ValueError(_("There is no such time."))
    if value.tzinfo is None:
        early, late = value.replace(tzinfo=zone, fold=0), value.replace(tzinfo=zone, fold=1)
        if early.utcoffset() != late.utcoffset():
            raise ValueError(
                _("The clocks of %(zone)s are changed at this time: add the offset, such as -08:00.")
                % {"zone": zone.key}
            )
        value = early
    return value.astimezone(UTC)
