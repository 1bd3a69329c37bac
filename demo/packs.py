"""The packs of the example world: models of the reference list, of fictional producers, as old as cars get."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from random import Random

from accounts.models import Organization
from collection.models import BatteryModel, Composition, Condition, Jurisdiction
from collection.services.batteries import NewBattery
from collection.services.identifiers import NewIdentifier
from demo.world import PRODUCERS, World

#: Which models of the reference list a fictional producer sells. The models are real; that it is theirs is not.
MODELS = {
    "producer": ["bolt-60", "bolt-66", "tesla-3-lfp60", "equinox-ev", "volt-18.4", "spark-ev-a123"],
    "producer-2": ["leaf-40", "leaf-62", "leaf-24", "kona-64", "ioniq5-77.4", "ariya-91"],
    "producer-3": ["tesla-3-lr82", "tesla-y-lr82", "tesla-s-85", "mach-e-sr", "mach-e-lfp"],
    "producer-4": ["id4-82", "i3-120ah", "etron-95", "prius-prime-8.8", "rav4-hybrid-nimh", "pacifica-phev"],
}

CONDITIONS = [Condition.INTACT] * 90 + [Condition.DAMAGED] * 6 + [Condition.DEFECTIVE] * 3 + [Condition.RECALLED]

#: Of how many packs nobody knows who made them, or of what.
ORPHANS = 0.01


@dataclass
class Shelf:
    """What can come back, drawn by the world's own dice."""

    rng: Random
    producers: dict[str, Organization]
    models: dict[str, list[BatteryModel]]
    usual_kg: dict[int, Decimal]
    places: dict[str, Jurisdiction]
    serials: count[int]

    @classmethod
    def of(cls, world: World) -> Shelf:
        """The models of the reference list with what a pack of each usually weighs."""
        known = {m.code: m for m in BatteryModel.objects.filter(code__in=[c for cs in MODELS.values() for c in cs])}
        models = {key: [known[code] for code in codes if code in known] for key, codes in MODELS.items()}
        per_kwh = dict(
            Composition.objects.filter(is_default=True, pack_kg_per_kwh__isnull=False).values_list(
                "chemistry", "pack_kg_per_kwh"
            )
        )
        usual = {
            model.pk: model.mass_kg
            or (model.rated_kwh or Decimal(50)) * (per_kwh.get(model.chemistry_id) or Decimal(6))
            for model in known.values()
        }
        producers = {key: world.organizations[key] for key in PRODUCERS}
        places = {place.pk: place for place in Jurisdiction.objects.all()}
        return cls(world.rng, producers, models, usual, places, count(1))

    def draw(self, number: int, place: str, day: date) -> list[NewBattery]:
        """Packs that come back at `place` on `day`; most were sold there."""
        return [self._pack(place, day) for _ in range(number)]

    def _pack(self, place: str, day: date) -> NewBattery:
        rng = self.rng
        serial = NewIdentifier("oem_serial", f"SIM-{next(self.serials):06}", "simulated")
        condition = rng.choice(CONDITIONS)
        if rng.random() < ORPHANS:
            return NewBattery(
                identifiers=[serial], mass_value=Decimal(rng.randint(2500, 4800)) / 10, condition=condition
            )
        key = rng.choices(PRODUCERS, weights=[35, 28, 22, 15])[0]
        model = rng.choice(self.models[key])
        country = place[:2]
        elsewhere = [code for code in self.places if code.startswith(f"{country}-")]
        sold_in = place if rng.random() < 0.8 else rng.choice(elsewhere)
        oldest = date(model.year_from or 2018, 1, 1)
        years_back = timedelta(days=rng.randint(500, 3600))
        mass = (self.usual_kg[model.pk] * Decimal(rng.randint(985, 1020)) / 1000).quantize(Decimal("0.1"))
        return NewBattery(
            identifiers=[serial], model=model, producer=self.producers[key], mass_value=mass,
            placed_in=self.places[sold_in], placed_on=max(day - years_back, oldest), condition=condition,
        )  # fmt: skip


def sold_models(shelf: Shelf, key: str) -> Sequence[BatteryModel]:
    """The models of one producer."""
    return shelf.models[key]
