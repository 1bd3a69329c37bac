"""Loading what a public source says of vehicles sold, and will be by its model (`recycling/reference/vehicle_sales.csv`)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.actors import Actor
from collection.models import Confidence
from collection.services.reference import Tally, read, settle
from recycling.models import VehicleSales

FOLDER = Path(__file__).resolve().parent.parent / "reference"

SOURCE = "github.com/pmbusch/EoL-LIB-NorthAmerica (MIT), Inputs: EV_Sales, batterySize, battery_weight"

#: The last year that the source counted; later ones are of its model.
LAST_COUNTED = 2024


@transaction.atomic
def load_reference(actor: Actor, *, folder: Path = FOLDER) -> dict[str, Tally]:
    """Bring vehicle sales to what the file of `folder` says. Only the platform may. Idempotent."""
    actor.require_platform()
    wanted: dict[tuple[object, ...], dict[str, Any]] = {
        (row["country"], row["kind"], int(row["year"]), scenario): {
            "units": int(row[f"units_{scenario}"]),
            "kwh_per_vehicle": _number(row["kwh_per_vehicle"]),
            "kwh_per_kg": _number(row["kwh_per_kg"]),
            "is_modeled": int(row["year"]) > LAST_COUNTED,
            "source": SOURCE,
            "confidence": Confidence.READ,
        }
        for row in read(folder, "vehicle_sales")
        for scenario in VehicleSales.Scenario.values
    }
    return {"vehicle sales": settle(VehicleSales, ("jurisdiction_id", "kind", "year", "scenario"), wanted)}


def _number(text: str) -> Decimal | None:
    return Decimal(text) if text else None
