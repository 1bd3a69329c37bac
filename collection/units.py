"""Masses as people enter them, and the exact kilograms that follow.

1 lb = 0.45359237 kg exactly (international yard and pound agreement, 1959); a short ton is 2,000 lb, so 907.18474 kg.
"""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Case, CharField, DecimalField, F, GeneratedField, Value, When
from django.utils.translation import gettext_lazy as _


class Unit(models.TextChoices):
    """Units a weighing may be entered in."""

    G = "g", _("g")
    KG = "kg", _("kg")
    T = "t", _("t")
    LB = "lb", _("lb")
    SHORT_TON = "short_ton", _("short ton")


KG_PER_UNIT: dict[str, Decimal] = {
    Unit.G: Decimal("0.001"),
    Unit.KG: Decimal(1),
    Unit.T: Decimal(1000),
    Unit.LB: Decimal("0.45359237"),
    Unit.SHORT_TON: Decimal("907.18474"),
}

#: Decimals of an entered value, and of the kilograms derived from it: 3 + the 8 of the pound, so nothing is rounded.
ENTERED_PLACES = 3
KG_PLACES = 11


def to_kg(value: Decimal, unit: str) -> Decimal:
    """`value` in `unit`, in kilograms, exactly. Raises `KeyError` for an unknown unit."""
    return value * KG_PER_UNIT[unit]


def entered_field(label: Any, **options: Any) -> DecimalField:  # type: ignore[type-arg]
    """A mass as entered, up to 999,999,999.999 of its unit."""
    return DecimalField(label, max_digits=12, decimal_places=ENTERED_PLACES, **options)


def unit_field(**options: Any) -> CharField:  # type: ignore[type-arg]
    """The unit that one or several entered masses of a row share."""
    return CharField(_("unit"), max_length=9, choices=Unit.choices, default=Unit.KG, **options)


def kg_field(value: str, unit: str, label: Any) -> GeneratedField:
    """Kilograms derived by the database from the entered fields named `value` and `unit`."""
    whens = [When(**{unit: name}, then=F(value) * Value(factor)) for name, factor in KG_PER_UNIT.items()]
    return GeneratedField(
        verbose_name=label,
        expression=Case(*whens),
        output_field=DecimalField(max_digits=20, decimal_places=KG_PLACES),
        db_persist=True,
    )
