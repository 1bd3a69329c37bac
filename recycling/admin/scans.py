"""Rows in which batteries and lots are named by what people read off them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.numbers import whole_number
from collection.admin.search import batteries_named, lots_numbered
from collection.models import Battery, Identifier, Lot


def battery_ids(rows: Sequence[dict[str, str]], user: User) -> list[int]:
    """The batteries that `rows` name by “#12” or by any identifier, of those that the user may see.

    Two statements: what goes by these names, and what of that the user may see.
    """
    names = [row["battery"] for row in rows]
    known = batteries_named(names, Identifier.objects.all())
    some = Battery.objects.filter(pk__in=set().union(*known.values()))
    visible = set(some.visible_to(user).values_list("pk", flat=True))
    return [_one(name, known[name] & visible, number) for number, name in enumerate(names, start=1)]


def lot_ids(rows: Sequence[dict[str, str]], user: User) -> list[int]:
    """As `battery_ids`, for lots by “#12” or their number."""
    names = [row["lot"] for row in rows]
    found = lots_numbered(names, Lot.objects.visible_to(user))
    return [_one(name, found[name], line) for line, name in enumerate(names, start=1)]


def _one(name: str, found: set[int], line: int) -> int:
    number = whole_number(name[1:]) if name.startswith("#") else None
    if number is not None:
        return number
    if len(found) != 1:
        message: Any = _("Line %(line)s: there is no “%(name)s”.")
        if found:
            message = _("Line %(line)s: there are several “%(name)s”; name it by “#” and its id.")
        raise forms.ValidationError(message % {"line": line, "name": name})
    return found.pop()
