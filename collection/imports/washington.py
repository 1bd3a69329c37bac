"""Registered electric vehicles of Washington State, as its Department of Licensing publishes them, as batteries in use.

What the list does not say stays empty: it has a model year and no day of sale, and ten characters of each VIN.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Invalid
from accounts.models import Organization
from collection.battery_numbers import normal
from collection.imports import columns
from collection.imports.batteries import BatteryStage
from collection.imports.columns import Column
from collection.imports.engine import Cells, Faults
from collection.imports.stage import StagedImporter
from collection.imports.vehicle_names import VehicleNames
from collection.models import Condition, Ground, Identifier, Jurisdiction

ISSUER = "WA DOL"
#: The file's names of what drives a vehicle, and ours.
DRIVES = {"Battery Electric Vehicle (BEV)": "BEV", "Plug-in Hybrid Electric Vehicle (PHEV)": "PHEV"}


class WashingtonImporter(StagedImporter):
    """Every vehicle of the list becomes a battery of its producer, registered by the department as `organization`. The
    authority's word is ground for the producer's credit.
    """

    passes_over: ClassVar[bool] = True

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        actor.require_platform()
        self.stage = BatteryStage(actor=actor, organization=organization, ground=Ground.REGISTRATION_FILE)
        self._names = VehicleNames("wa")
        self._places = _places()
        #: Vehicles by what is known of their battery, and those of which no model is known by their names.
        self.coverage: Counter[str] = Counter()
        self.unmapped: Counter[str] = Counter()

    @property
    def columns(self) -> Sequence[Column]:
        return (
            Column("DOL Vehicle ID", columns.text(20), required=True),
            Column("State", columns.text(2), required=True),
            Column("Model Year", columns.whole(least=1990, most=2100), required=True),
            Column("Make", columns.remembering(columns.text(60)), required=True),
            Column("Model", columns.remembering(columns.text(80)), required=True),
            Column("Electric Vehicle Type", columns.one_of(DRIVES, lambda: _("Neither BEV nor PHEV.")), required=True),
        )

    def staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        known: dict[tuple[Any, ...], tuple[tuple[Any, ...], tuple[str, ...]]] = {}
        intact = Condition.INTACT.value
        for line, (number, state, year, make, model, drive) in rows:
            try:
                vehicle = normal(Identifier.Scheme.INTERNAL, number, ISSUER).value
            except Invalid as error:
                faults.add(line, "DOL Vehicle ID", str(error.message), number)
                continue
            vehicle_kind = (make, model, drive, year)
            battery = known.get(vehicle_kind)
            if battery is None:
                battery = known[vehicle_kind] = self._battery(make, model, drive, year)
            (model_id, producer, chemistry, composition, energy, form), facts = battery
            place = self._places.get(state)
            if place is None:
                faults.note(
                    line, "State", _("No state, province or territory; where it was placed stays empty:"), state
                )
            self.coverage.update(facts)
            if model_id is None:
                self.unmapped[f"{make} {model} {year} {drive}"] += 1
            yield (
                line, "internal", ISSUER, vehicle, None, model_id, producer, chemistry, composition, None, energy, None,
                "kg", form, place, None, intact, None, None,
            )  # fmt: skip

    def _battery(self, make: Any, model: Any, drive: Any, year: Any) -> tuple[tuple[Any, ...], tuple[str, ...]]:
        """What is known of the battery of such a vehicle, and which facts that covers."""
        battery = self._names.model(make, model, drive, year)
        if battery is None:
            producer = self._names.producer(make)
            return (None, producer, None, None, None, "pack"), ("vehicles", *(["producer"] if producer else []))
        composition, energy = self.stage.content(battery, battery.chemistry_id)
        facts = ["vehicles", "producer", "battery model", "chemistry"]
        facts += ["rated energy (kWh)"] if battery.rated_kwh else []
        facts += ["mass (kg)"] if battery.mass_kg else []
        facts += ["contents computable"] if energy else []
        found = (battery.pk, battery.producer_id, battery.chemistry_id, composition, energy, battery.form)
        return found, tuple(facts)


def _places() -> dict[str, str]:
    """Codes of states and provinces without their country, as the list writes them. None of the US is one of Canada."""
    codes = Jurisdiction.objects.filter(parent__in=["CA", "US"]).order_by("parent").values_list("code", flat=True)
    return {code[3:]: code for code in codes}
