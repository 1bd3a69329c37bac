"""Registered electric vehicles of Washington State, as its Department of Licensing publishes them, as batteries in use.

What the list does not say stays empty: it has a model year and no day of sale, and ten characters of each VIN. Name, model
year and VIN are kept as the kind of vehicle (`VehicleKind`), and the pack concluded from them by patterns.
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
from collection.models import Condition, Ground, Identifier, Jurisdiction
from collection.services.patterns import Kind, Patterns, start_of

ISSUER = "WA DOL"
#: As patterns of names call the list.
LIST = "wa"
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
        self._patterns = Patterns()
        self._places = _places()
        #: Vehicles of which no model is known.
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
            Column("VIN (1-10)", columns.text(17)),
        )

    def staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        known: dict[Kind, tuple[Any, ...]] = {}
        intact = Condition.INTACT.value
        for line, (number, state, year, make, model, drive, vin) in rows:
            try:
                vehicle = normal(Identifier.Scheme.INTERNAL, number, ISSUER).value
            except Invalid as error:
                faults.add(line, "DOL Vehicle ID", str(error.message), number)
                continue
            kind = Kind(LIST, make, model, drive, year, start_of(vin or ""))
            if kind not in known:
                known[kind] = self._battery(kind)
            model_id, producer, chemistry, by, sure, pattern, kept, composition, energy, form = known[kind]
            place = self._places.get(state)
            if place is None:
                faults.note(
                    line, "State", _("No state, province or territory; where it was placed stays empty:"), state
                )
            if model_id is None:
                self.unmapped[f"{make} {model} {year} {drive}"] += 1
            yield (
                line, "internal", ISSUER, vehicle, None, model_id, producer, chemistry, by, sure, pattern, kept,
                composition, None, energy, None, "kg", form, place, None, intact, None, None,
            )  # fmt: skip

    def _battery(self, kind: Kind) -> tuple[Any, ...]:
        """What is known of the battery of such a vehicle."""
        assigned = self._patterns.resolve(kind)
        model = self._patterns.models.get(assigned.model_id or 0)
        contents = self.stage.content(model, assigned.chemistry_id)
        form = model.form if model else "pack"
        producer = self._patterns.maker(kind)
        model_id, *rests = assigned
        return model_id, producer, *rests, self.stage.vehicle(kind), *contents, form


def _places() -> dict[str, str]:
    """Codes of states and provinces without their country, as the list writes them. None of the US is one of Canada."""
    codes = Jurisdiction.objects.filter(parent__in=["CA", "US"]).order_by("parent").values_list("code", flat=True)
    return {code[3:]: code for code in codes}
