"""Masses as people enter them, and the exact kilograms that follow.

1 lb = 0.45359237 kg exactly (international yard and pound agreement, 1959); a short ton is 2,000 lb, so 907.18474 kg.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Case, CharField, DecimalField, F, GeneratedField, Value, When
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.errors import Invalid


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


#: The largest value that an entered field holds.
LARGEST_ENTERED = Decimal("999999999.999")


def check_mass(value: Decimal, unit: str, *, field: str, unit_field: str | None = None) -> Decimal:
    """Kilograms of an entered mass. Raises `Invalid`, naming `field`, for one that no scale could show."""
    if unit not in KG_PER_UNIT:
        raise Invalid(gettext("“%(unit)s” is no unit of mass.") % {"unit": unit}, field=unit_field or field)
    if not value.is_finite() or value <= 0:
        raise Invalid(gettext("A mass is more than nothing."), field=field)
    if value > LARGEST_ENTERED:
        raise Invalid(gettext("No mass is larger than %(limit)s.") % {"limit": LARGEST_ENTERED}, field=field)
    if value != round(value, ENTERED_PLACES):
        raise Invalid(gettext("A mass has at most three decimals; use a smaller unit."), field=field)
    return to_kg(value, unit)


def entered_as(kilograms: Decimal, units: Iterable[str]) -> tuple[Decimal, str] | None:
    """`kilograms` as a value in the first of `units` that shows it exactly; `None` if none does."""
    for unit in units:
        value = round(kilograms / KG_PER_UNIT[unit], ENTERED_PLACES)
        if 0 < value <= LARGEST_ENTERED and to_kg(value, unit) == kilograms:
            return value, unit
    return None


def entered_field(label: Any, **options: Any) -> DecimalField:  # type: ignore[type-arg]
    """A mass as entered, up to 999,999,999.999 of its unit."""
    return DecimalField(label, max_digits=12, decimal_places=ENTERED_PLACES, **options)


def unit_field(**options: Any) -> CharField:  # type: ignore[type-arg]
    """The unit that one or several entered masses of a row share."""
    return CharField(_("unit"), max_length=9, choices=Unit.choices, default=Unit.KG, **options)


def unit_known(field: str, name: str) -> models.CheckConstraint:
    """A constraint that `field` names a unit that kilograms can be derived from."""
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": Unit.values}), name=name)


def kg_field(value: str, unit: str, label: Any) -> GeneratedField:
    """Kilograms derived by the database from the entered fields named `value` and `unit`."""
    whens = [When(**{unit: name}, then=F(value) * Value(factor)) for name, factor in KG_PER_UNIT.items()]
    return GeneratedField(
        verbose_name=label,
        expression=Case(*whens),
        output_field=DecimalField(max_digits=20, decimal_places=KG_PLACES),
        db_persist=True,
    )
