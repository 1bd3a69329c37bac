"""Market placements from a file: what a producer put on the market, row by row. A row is recognized by its key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Invalid
from accounts.models import Function, Organization
from collection.imports import columns
from collection.imports.columns import Column
from collection.imports.engine import Cells, Counts, Faults
from collection.models import BatteryModel, Chemistry, Jurisdiction
from recycling.imports.placement_stage import PlacementStage
from recycling.services.placements import MOST_UNITS


class MarketPlacementImporter:
    """See the module."""

    passes_over: ClassVar[bool] = False

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        actor.require(organization)
        if not organization.has_function(Function.PRODUCER):
            raise Invalid(_("%(name)s is no producer.") % {"name": organization}, field="organization")
        self._producer = organization
        self._places = {code: code for code in Jurisdiction.objects.values_list("code", flat=True)}
        self._models = {model.code: model for model in BatteryModel.objects.all()}
        self._chemistries = {code: code for code in Chemistry.objects.values_list("code", flat=True)}
        self.stage = PlacementStage()

    @property
    def columns(self) -> Sequence[Column]:
        return (
            Column("key", columns.text(200), required=True),
            Column(
                "jurisdiction",
                columns.one_of(self._places, lambda: _("Not an ISO 3166 code known here, such as US-NV.")),
                required=True,
            ),
            Column("period_start", columns.day(), required=True),
            Column("period_end", columns.day(future=True), required=True),
            Column("units", columns.whole(most=MOST_UNITS), required=True),
            Column("model", columns.one_of(self._models, lambda: _("There is no battery model with this code."))),
            Column("chemistry", columns.one_of(self._chemistries, lambda: _("There is no chemistry with this code."))),
            Column("mass_kg", columns.decimal(digits=15, places=3, least=Decimal(0))),
            Column("description", columns.text(200), default=""),
            Column("source", columns.text(300), default=""),
        )

    def take(self, rows: Iterator[Cells], faults: Faults) -> None:
        self.stage.fill(self._staged(rows, faults))

    def check(self, faults: Faults) -> None:
        self.stage.check(faults)

    def write(self, faults: Faults) -> Counts:
        return self.stage.write(faults)

    def _staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        start: Any
        end: Any
        model: Any
        for line, values in rows:
            key, place, start, end, units, model, chemistry, mass, description, source = values
            if end < start:
                faults.add(line, "period_end", _("The period ends before it begins."), end)
                continue
            if model is not None and chemistry not in (None, model.chemistry_id):
                message = _("%(model)s is %(chemistry)s.") % {"model": model, "chemistry": model.chemistry_id}
                faults.add(line, "chemistry", message, chemistry)
                continue
            yield (
                line, self._producer.pk, place, start, end, model.pk if model else None,
                chemistry or (model.chemistry_id if model else None), units, mass, description, source, key,
            )  # fmt: skip
