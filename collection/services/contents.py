"""What a battery's contents are computed from (DESIGN.md section 3, “Content”)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Q, Sum

from collection.models import PARTS, Battery, BatteryModel, Composition
from collection.units import to_kg

#: Contents are kept to a millionth of a kilowatt-hour.
CONTENT_STEP = Decimal("0.000001")


@dataclass(frozen=True)
class Intensity:
    """A composition with the sum of what it lists, in kg per kWh."""

    composition: Composition
    listed_kg_per_kwh: Decimal


class Intensities:
    """Every composition, read once (one query): they are a few dozen rows."""

    def __init__(self) -> None:
        rows = Composition.objects.annotate(listed=Sum("elements__kg_per_kwh", filter=~Q(elements__element__in=PARTS)))
        self.by_id = {row.pk: Intensity(row, row.listed or Decimal(0)) for row in rows}
        self.defaults = {i.composition.chemistry_id: i for i in self.by_id.values() if i.composition.is_default}

    def of(self, battery: Battery | _Battery) -> Intensity | None:
        """A model's own composition goes before the chemistry's default, unless the battery has another chemistry."""
        model = battery.model
        if model is not None and model.composition_id and battery.chemistry_id in (None, model.chemistry_id):
            return self.by_id[model.composition_id]
        return self.defaults.get(battery.chemistry_id or "")


def settle_content(battery: Battery | _Battery, intensities: Intensities) -> None:
    """Set composition and `content_kwh` of `battery`; saves nothing.

    Energy is the battery's own or its model's rated energy; without one it is mass / pack kg per kWh. It is lowered
    until the listed contents fit into the mass, and rounded down, so that they never exceed it.
    """
    model = battery.model
    intensity = intensities.of(battery)
    if intensity is None:
        battery.composition, battery.content_kwh = None, None
        return
    mass = to_kg(battery.mass_value, battery.mass_unit) if battery.mass_value is not None else None
    if mass is None and model is not None and not model.mass_is_assumed:
        mass = model.mass_kg
    energy = battery.rated_kwh or (model.rated_kwh if model is not None else None)
    if energy is None and mass is not None and intensity.composition.pack_kg_per_kwh:
        energy = mass / intensity.composition.pack_kg_per_kwh
    if energy is not None and mass is not None and energy * intensity.listed_kg_per_kwh > mass:
        energy = mass / intensity.listed_kg_per_kwh
    if energy is not None:
        energy = energy.quantize(CONTENT_STEP, rounding="ROUND_DOWN")
    battery.composition = intensity.composition
    battery.content_kwh = energy or None


@dataclass(slots=True)
class _Battery:
    """As much of a battery as its contents follow from. A whole `Battery` for each mass takes ten times as long."""

    model: BatteryModel | None
    chemistry_id: str | None
    rated_kwh: Decimal | None
    mass_value: Decimal | None
    mass_unit: str
    composition: Composition | None = None
    content_kwh: Decimal | None = None


class Contents:
    """Contents of very many batteries, most of which are alike."""

    def __init__(self) -> None:
        self._intensities = Intensities()
        self._known: dict[tuple[object, ...], tuple[int | None, Decimal | None]] = {}

    def of(
        self,
        model: BatteryModel | None,
        chemistry: str | None,
        rated_kwh: Decimal | None = None,
        mass_value: Decimal | None = None,
        mass_unit: str = "kg",
    ) -> tuple[int | None, Decimal | None]:
        """The composition that holds for such a battery, and the energy its contents are computed from."""
        key = (model.pk if model else None, chemistry, rated_kwh, mass_value, mass_unit)
        if key not in self._known:
            battery = _Battery(model, chemistry, rated_kwh, mass_value, mass_unit)
            settle_content(battery, self._intensities)
            if len(self._known) > 100_000:
                self._known.clear()
            composition = battery.composition.pk if battery.composition is not None else None
            self._known[key] = (composition, battery.content_kwh)
        return self._known[key]


def weigh(batteries: Sequence[Battery], masses: Mapping[int, tuple[Decimal, str]]) -> None:
    """Note new masses (value and unit, by id) on locked batteries, and settle their contents again. Two statements."""
    intensities = Intensities()
    changed = []
    for battery in batteries:
        if battery.pk in masses:
            battery.mass_value, battery.mass_unit = masses[battery.pk]
            settle_content(battery, intensities)
            changed.append(battery)
    Battery.objects.bulk_update(changed, ["mass_value", "mass_unit", "composition", "content_kwh"], batch_size=10_000)
