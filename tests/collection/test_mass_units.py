"""Masses as they are entered: what a unit weighs, what no scale shows, and what can be shown in a unit at all."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.errors import Invalid
from collection.units import LARGEST_ENTERED, check_mass, entered_as, to_kg


@pytest.mark.parametrize(
    ("unit", "kilograms"),
    [("g", "0.001"), ("kg", "1"), ("t", "1000"), ("lb", "0.45359237"), ("short_ton", "907.18474")],
)
def test_what_a_unit_weighs(unit: str, kilograms: str) -> None:
    assert to_kg(Decimal(1), unit) == check_mass(Decimal(1), unit, field="mass") == Decimal(kilograms)


def test_the_largest_mass_that_is_kept() -> None:
    assert check_mass(LARGEST_ENTERED, "g", field="mass") == LARGEST_ENTERED / 1000
    with pytest.raises(Invalid) as raised:
        check_mass(LARGEST_ENTERED + Decimal("0.001"), "g", field="mass")
    assert raised.value.field == "mass"


def test_a_mass_is_shown_in_the_first_unit_that_shows_it_exactly() -> None:
    pound = Decimal("0.45359237")
    assert entered_as(pound, ["kg", "lb"]) == (1, "lb")
    assert entered_as(pound, ["kg", "t"]) is None
    assert entered_as(LARGEST_ENTERED * 1000, ["kg", "t"]) == (LARGEST_ENTERED, "t")
    assert entered_as(Decimal(0), ["kg"]) is None
