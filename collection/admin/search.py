"""What people type into a search box to name one battery or lot."""

from __future__ import annotations

from django.db.models import Q

from accounts.numbers import whole_number
from collection.models import Identifier, Lot


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
    return Q(**{f"{path}__in": list(Lot.objects.filter(number=term).values_list("pk", flat=True))})
