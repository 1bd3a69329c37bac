"""From a vehicle's name in somebody's list to the battery in it (`collection/reference/vehicle_names.csv`)."""

from __future__ import annotations

from collections import defaultdict

from collection.models import BatteryModel
from collection.services import reference


class VehicleNames:
    """The names that one source uses. Years are model years or years of sale, as the source has them."""

    def __init__(self, source: str) -> None:
        models = {model.code: model for model in BatteryModel.objects.all()}
        self._models: dict[tuple[str, str, str], list[tuple[int, int, BatteryModel]]] = defaultdict(list)
        producers: dict[str, set[int]] = defaultdict(set)
        for row in reference.read(reference.FOLDER, "vehicle_names"):
            model = models.get(row["battery_model_code"])
            if row["source"] != source or model is None:
                continue
            years = int(row["year_from"] or 0), int(row["year_to"] or 9999)
            self._models[row["make"], row["model"], row["fuel"]].append((*years, model))
            producers[row["make"]].add(model.producer_id)
        self._producers = {make: next(iter(ids)) for make, ids in producers.items() if len(ids) == 1}

    def model(self, make: str, model: str, fuel: str, year: int) -> BatteryModel | None:
        """The battery that such a vehicle has, or most have; `None` where nothing is known for that year."""
        return next(
            (battery for first, last, battery in self._models.get((make, model, fuel), ()) if first <= year <= last),
            None,
        )

    def producer(self, make: str) -> int | None:
        """Whose vehicles have this make, where it is one producer only."""
        return self._producers.get(make)
