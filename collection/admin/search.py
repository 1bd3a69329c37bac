"""What people type into a search box to name one battery or lot."""

from __future__ import annotations

from collections.abc import Iterable

from django import forms
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.errors import Invalid
from accounts.numbers import whole_number
from accounts.written import compared, same
from collection.battery_numbers import guess_scheme, searched
from collection.models import Identifier, Lot
from collection.models.batteries import IdentifierQuerySet
from collection.models.lots import LotQuerySet, lot_form
from collection.services.identifiers import NewIdentifier


def read_off(name: str, scheme: str, issuer: str, line: int) -> NewIdentifier:
    """An identifier in a typed or scanned row; without a scheme it is guessed. Raises `ValidationError` with the line."""
    try:
        read = NewIdentifier(scheme or guess_scheme(name), name, issuer)
        read.normal  # noqa: B018 - asked for what it raises
    except Invalid as error:
        raise forms.ValidationError(
            _("Line %(line)s: %(message)s") % {"line": line, "message": error.message}
        ) from error
    return read


def batteries_named(names: Iterable[str], rows: IdentifierQuerySet) -> dict[str, set[int]]:
    """Which batteries go by which of `names` by an identifier of `rows`, however it is written; one look into an index."""
    forms_of = {name: searched(name) for name in names}
    by_form: dict[str, set[int]] = {}
    for value, battery in rows.reading(*forms_of).values_list("value", "battery"):
        by_form.setdefault(compared(value), set()).add(battery)
    return {name: set().union(*(by_form.get(form, set()) for form in written)) for name, written in forms_of.items()}


def lots_numbered(names: Iterable[str], rows: LotQuerySet) -> dict[str, set[int]]:
    """As `batteries_named`, for lots of `rows` by their numbers."""
    names = list(names)
    by_form: dict[str, set[int]] = {}
    for number, pk in rows.numbered(*names).values_list("number", "pk"):
        by_form.setdefault(same(number), set()).add(pk)
    return {name: by_form.get(lot_form(name), set()) for name in names}


def battery_named(term: str, *, path: str = "pk") -> Q:
    """Batteries by their number or any identifier, however it is written; `path` leads from what is listed to them.

    The ids are looked up first: one look into an index, where a join would tempt the planner to walk through all rows.
    """
    ids = list(Identifier.objects.reading(term).values_list("battery", flat=True))
    number = whole_number(term.removeprefix("#"))
    if number is not None:
        ids.append(number)
    return Q(**{f"{path}__in": ids})


def lot_named(term: str, *, path: str = "pk") -> Q:
    """As `battery_named`, for lots by their number."""
    return Q(**{f"{path}__in": list(Lot.objects.numbered(term).values_list("pk", flat=True))})
