"""Market placements from a file: what a producer put on the market, row by row. A row is recognized by its key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function, Organization
from collection.imports import columns
from collection.imports.columns import Column
from collection.imports.engine import Cells, Counts, Faults
from collection.imports.stage import Finding, StagedImporter, select, unequal
from collection.imports.vehicles import VehicleStage
from collection.models import BatteryModel, Chemistry, Jurisdiction
from collection.services.patterns import said
from recycling.services.placements import MOST_UNITS

_COMPARED = (
    "jurisdiction_id",
    "period_start",
    "period_end",
    "units",
    "mass_kg",
    "description",
)
#: What the row says itself, unless it was concluded from the vehicle's name.
_SAID = ("model_id", "chemistry_id")


class PlacementStage(VehicleStage):
    """Market placements on their way to being declared."""

    table = "import_placement"
    target = "recycling_marketplacement"
    columns = (
        ("line", "integer"),
        ("producer_id", "bigint"),
        ("jurisdiction_id", "text"),
        ("period_start", "date"),
        ("period_end", "date"),
        ("model_id", "bigint"),
        ("chemistry_id", "text"),
        ("chemistry_by", "text"),
        ("chemistry_confidence", "text"),
        ("pattern_id", "bigint"),
        ("vehicle", "integer"),
        ("units", "integer"),
        ("mass_kg", "numeric"),
        ("description", "text"),
        ("source", "text"),
        ("source_key", "text"),
    )
    known = "existing"

    def repeated(self) -> Iterator[Finding]:
        for line, key, first in select("""
            SELECT line, source_key, first FROM (
                SELECT *, min(line) OVER (PARTITION BY producer_id, source_key) AS first FROM import_placement) k
            WHERE line > first ORDER BY line
        """):
            yield line, "key", _("The same key stands on line %(line)d.") % {"line": first}, key

    def match(self, faults: Faults) -> None:
        with connection.cursor() as cursor:
            cursor.execute("""
                UPDATE import_placement s SET existing = p.id FROM recycling_marketplacement p
                WHERE p.producer_id = s.producer_id AND p.source_key = s.source_key
            """)
        known = "JOIN recycling_marketplacement p ON p.id = s.existing"
        compared = [*unequal("p", _COMPARED), *unequal("p", _SAID, when="s.vehicle IS NULL")]
        message = _("A row with this key was declared with another value of: %(columns)s. Nothing is overwritten.")
        self.fault(faults, self.differing(compared, known, message))

    def write(self, faults: Faults) -> Counts:
        """Declare what is new."""
        wanted, unchanged = self.counts()
        with connection.cursor() as cursor:
            cursor.execute("""
                INSERT INTO recycling_marketplacement (
                    producer_id, jurisdiction_id, period_start, period_end, model_id, chemistry_id, chemistry_by,
                    chemistry_confidence, pattern_id, vehicle_id, units, mass_kg, description, source, source_key,
                    is_simulated)
                SELECT s.producer_id, s.jurisdiction_id, s.period_start, s.period_end, s.model_id, s.chemistry_id,
                    s.chemistry_by, s.chemistry_confidence, s.pattern_id, v.id,
                    s.units, s.mass_kg, s.description, s.source, s.source_key, o.is_simulated
                FROM import_placement s JOIN accounts_organization o ON o.id = s.producer_id
                LEFT JOIN import_vehicle v ON v.number = s.vehicle
                WHERE s.existing IS NULL ORDER BY s.line
                ON CONFLICT DO NOTHING
            """)
            created = cursor.rowcount
        self.remember()
        if created < wanted:
            raise Refused(_("Somebody else is declaring the same rows at this moment; try again."), code="busy")
        return Counts(created, unchanged)


class MarketPlacementImporter(StagedImporter):
    """See the module."""

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

    def staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
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
                line, self._producer.pk, place, start, end, *said(model, chemistry, is_producer=True), None,
                units, mass, description, source, key,
            )  # fmt: skip
