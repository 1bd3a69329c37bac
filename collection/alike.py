"""Bringing identifiers and numbers of lots that are stored into the form that is kept since ADR 23. Migrations call it.

Nothing is lost: where two rows become alike, the earlier keeps its name. What the later one says of the same battery is said already
and goes; of another battery it stays, as an internal number whose issuer says what it was and whose number it looks like.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from accounts.errors import Invalid
from accounts.written import compared, plain
from collection.battery_numbers import GS1, LONGEST, WORLDWIDE, normal

LONGEST_LOT = 60
#: The issuer of a number that was another battery's, too.
LOOKS_LIKE = "as of battery {other}: {scheme} {issuer}"
_PRINTABLE = "".join(map(chr, range(33, 127))).replace("%", "") + " "


def normalize(identifiers: Any, tell: Callable[[str], object]) -> None:
    """Normalize the rows of the model `identifiers`, while nothing of the database forbids two alike. `tell` is given a line for
    each row that does not simply keep its name.
    """
    changed = identifiers.objects.exclude(value__regex=r"^[!-~]+( [!-~]+)*$", issuer__regex=r"^([!-~]+( [!-~]+)*)?$")
    odd = changed | identifiers.objects.filter(scheme__in=WORLDWIDE).exclude(issuer="")
    odd = odd | identifiers.objects.filter(scheme__in=GS1) | identifiers.objects.filter(value__regex="^[ -]*$")
    for row in odd.order_by("pk").iterator(chunk_size=2000):
        before = f"{row.scheme} “{row.value}” of “{row.issuer}”"
        _tidy(row)
        if f"{row.scheme} “{row.value}” of “{row.issuer}”" != before:
            row.save(update_fields=["scheme", "issuer", "value"])
            tell(f"battery {row.battery_id}: {before} is now {row.scheme} “{row.value}” of “{row.issuer}”")


def _tidy(row: Any) -> None:
    """Give a row the form that is kept. What cannot have it becomes an internal number, written so that nothing of it is lost."""
    issuer = "" if row.scheme in WORLDWIDE else row.issuer
    try:
        row.scheme, row.issuer, row.value = normal(row.scheme, row.value, issuer)
    except Invalid:
        try:
            maker = plain(row.issuer)[:LONGEST]
        except Invalid:
            maker = quote(row.issuer, safe=_PRINTABLE)[:LONGEST].strip()
        if row.scheme != "internal":
            row.scheme, maker = "internal", f"{row.scheme} {maker}".strip()[:LONGEST]
        value = " ".join(quote(row.value, safe=_PRINTABLE).split())
        value = value if compared(value) else quote(row.value, safe="").replace("-", "%2D")
        if len(value) > LONGEST:
            raise ValueError(
                f"identifier {row.pk} is too long to be written in plain letters: shorten it first"
            ) from None
        row.issuer, row.value = maker, value


def part(identifiers: Any, alike: Callable[[], list[tuple[int, int]]], tell: Callable[[str], object]) -> None:
    """Part the rows that are `alike`: pairs of a row and the earlier one that keeps the name."""
    for later, earlier in alike():
        row, first = identifiers.objects.get(pk=later), identifiers.objects.get(pk=earlier)
        name = f"battery {row.battery_id}: {row.scheme} “{row.value}” of “{row.issuer}”"
        if row.battery_id == first.battery_id:
            row.delete()
            tell(f"{name} is left out: the battery goes by “{first.value}” already")
            continue
        row.issuer = (
            LOOKS_LIKE.format(other=first.battery_id, scheme=row.scheme, issuer=row.issuer).strip()[:LONGEST].strip()
        )
        row.scheme, row.named_by_id = "internal", None
        row.save(update_fields=["scheme", "issuer", "named_by"])
        tell(f"{name} looks like “{first.value}” of battery {first.battery_id}, and is now internal of “{row.issuer}”")


def normalize_lots(lots: Any, alike: Callable[[], list[tuple[int, int]]], tell: Callable[[str], object]) -> None:
    """Normalize the numbers of the model `lots`; of two that are `alike`, of one owner, the later one gets its id behind it."""
    for lot in lots.objects.exclude(number__regex=r"^[!-~]+( [!-~]+)*$").order_by("pk").iterator(chunk_size=2000):
        try:
            number = plain(lot.number)
        except Invalid:
            number = quote(lot.number, safe=_PRINTABLE).strip()
        if number and number != lot.number and len(number) <= LONGEST_LOT:
            _renumber(lot, number, tell)
    for later, _earlier in alike():
        lot = lots.objects.get(pk=later)
        behind = f" ({later})"
        _renumber(lot, lot.number[: LONGEST_LOT - len(behind)].rstrip() + behind, tell)


def _renumber(lot: Any, number: str, tell: Callable[[str], object]) -> None:
    tell(f"lot {lot.pk}: number “{lot.number}” is now “{number}”")
    lot.number = number
    lot.save(update_fields=["number"])
