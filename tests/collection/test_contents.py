"""From what a battery's content follows, by hand: 5 kg of pack and 2.5 kg of listed elements per kilowatt-hour."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from collection.models import Battery, BatteryModel, Composition
from collection.services.contents import Intensities, Intensity, settle_content, weigh
from tests.world import World, batteries_at

MODEL = {"rated_kwh": Decimal(60), "mass_kg": Decimal(400)}


def content(model: dict[str, Any] | None = None, chemistry: str = "X", **fields: Any) -> Decimal | None:
    intensities = Intensities.__new__(Intensities)
    composition = Composition(pk=1, chemistry_id="X", pack_kg_per_kwh=Decimal(5), is_default=True)
    intensities.by_id = {1: Intensity(composition, Decimal("2.5"))}
    intensities.defaults = {"X": intensities.by_id[1]}
    of = None if model is None else BatteryModel(chemistry_id="X", **model)
    battery = Battery(model=of, chemistry_id=chemistry, composition=composition, content_kwh=Decimal(1), **fields)
    settle_content(battery, intensities)
    assert (battery.composition is None) == (chemistry != "X")
    return battery.content_kwh


@pytest.mark.parametrize(
    ("expected", "model", "fields"),
    [
        ("60", MODEL, {}),
        ("50", MODEL, {"rated_kwh": Decimal(50)}),
        ("40", MODEL, {"mass_value": Decimal(100)}),  # 60 kWh would list 150 kg
        ("40", {**MODEL, "mass_kg": Decimal(100)}, {}),
        ("60", {**MODEL, "mass_kg": Decimal(100)}, {"mass_value": Decimal(400)}),
        ("20", None, {"mass_value": Decimal(100)}),  # by the pack's mass
        ("0.066666", None, {"mass_value": Decimal("0.333333")}),
        (None, None, {"mass_value": Decimal("0.000001")}),  # less than is kept
        (None, None, {}),
        (None, MODEL, {"chemistry": "Y"}),
    ],
)
def test_the_content(expected: str | None, model: dict[str, Any] | None, fields: dict[str, Any]) -> None:
    assert content(model, **fields) == (None if expected is None else Decimal(expected))


def test_only_a_default_goes_for_a_chemistry(world: World) -> None:
    default = world.nmc.compositions.get()
    for version in ("a", "z"):  # whatever the order they are read in
        Composition.objects.create(chemistry=world.nmc, version=version, source="x", confidence="S")
    assert Intensities().defaults["NMC622"].composition == default


def test_only_what_was_weighed_is_noted_and_settled(world: World) -> None:
    first, second = batteries_at(world, world.yard, 2)
    weigh([first, second], {first.pk: (Decimal(100), "lb")})
    noted, kept = Battery.objects.order_by("pk")
    assert (noted.mass_kg, noted.content_kwh) == (Decimal("45.359237"), Decimal("19.636033"))
    assert (kept.mass_kg, kept.content_kwh) == (400, 60)
