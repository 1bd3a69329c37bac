"""Cells of rows that were typed, pasted or scanned, each error with the number of its line."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from django import forms
from django.utils.translation import gettext as _

from accounts.numbers import whole_number


def mass_cell(text: str, line: int) -> Decimal | None:
    """A mass; nothing for an empty cell."""
    try:
        mass = Decimal(text) if text else None
        if mass is not None and (not mass.is_finite() or abs(mass) >= 10**9):
            raise InvalidOperation
    except InvalidOperation:
        raise forms.ValidationError(
            _("Line %(line)s: “%(value)s” is no mass.") % {"line": line, "value": text}
        ) from None
    return mass


def choice_cell(text: str, known: Iterable[str], line: int) -> str:
    """One of `known`."""
    if text not in known:
        raise forms.ValidationError(
            _("Line %(line)s: “%(value)s” is not one of %(known)s.")
            % {"line": line, "value": text, "known": ", ".join(known)}
        )
    return text


def number_cell(text: str, line: int) -> int:
    """The number of a record, with or without “#”."""
    number = whole_number(text.removeprefix("#"))
    if number is None:
        raise forms.ValidationError(_("Line %(line)s: “%(value)s” is no number.") % {"line": line, "value": text})
    return number
