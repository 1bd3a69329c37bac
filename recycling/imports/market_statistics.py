"""What an authority counted on a market, from a file: the sales, registrations or shipments that it publishes.

The file is written in these columns from what Statistics Canada, INEGI or another authority publishes; California's list
is read as it comes (`california`). A row is recognized by its key. Only the platform imports: an authority's figures are
public, and nobody's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Refused
from accounts.models import Organization
from collection.imports import columns, reference
from collection.imports.columns import Column
from collection.imports.engine import Cells, Counts, Faults
from collection.imports.stage import Finding, select, unequal
from collection.imports.vehicles import VehicleStage
from collection.services.patterns import said
from recycling.imports.market_rows import MarketImporter
from recycling.services.placements import MOST_UNITS

_COMPARED = (
    "jurisdiction_id",
    "period_start",
    "period_end",
    "producer_id",
    "units",
    "description",
)
#: What the row says itself, unless it was concluded from the vehicle's name.
_SAID = ("model_id", "chemistry_id")


class StatisticStage(VehicleStage):
    """Market statistics on their way in, all of one authority."""

    table = "import_statistic"
    target = "recycling_marketstatistic"
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
        ("description", "text"),
        ("source", "text"),
        ("source_key", "text"),
    )
    known = "existing"

    def __init__(self, authority: Organization) -> None:
        super().__init__()
        self._authority = authority.pk

    def repeated(self) -> Iterator[Finding]:
        for line, key, first in select("""
            SELECT line, source_key, first FROM (
                SELECT *, min(line) OVER (PARTITION BY source_key) AS first FROM import_statistic) k
            WHERE line > first ORDER BY line
        """):
            yield line, "key", _("The same key stands on line %(line)d.") % {"line": first}, key

    def match(self, faults: Faults) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                """
                UPDATE import_statistic s SET existing = m.id FROM recycling_marketstatistic m
                WHERE m.authority_id = %s AND m.source_key = s.source_key
                """,
                [self._authority],
            )
        known = "JOIN recycling_marketstatistic m ON m.id = s.existing"
        message = _("A row with this key is known with another value of: %(columns)s. Nothing is overwritten.")
        compared = [*unequal("m", _COMPARED), *unequal("m", _SAID, when="s.vehicle IS NULL")]
        self.fault(faults, self.differing(compared, known, message))

    def write(self, faults: Faults) -> Counts:
        """Keep what is new."""
        wanted, unchanged = self.counts()
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO recycling_marketstatistic (
                    authority_id, producer_id, jurisdiction_id, period_start, period_end, model_id, chemistry_id, chemistry_by,
                    chemistry_confidence, pattern_id, vehicle_id, units, description, source, source_key)
                SELECT %s, s.producer_id, s.jurisdiction_id, s.period_start, s.period_end, s.model_id, s.chemistry_id,
                    s.chemistry_by, s.chemistry_confidence, s.pattern_id, v.id, s.units, s.description, s.source, s.source_key
                FROM import_statistic s LEFT JOIN import_vehicle v ON v.number = s.vehicle
                WHERE s.existing IS NULL ORDER BY s.line
                ON CONFLICT DO NOTHING
                """,
                [self._authority],
            )
            created = cursor.rowcount
        self.remember()
        if created < wanted:
            raise Refused(_("Somebody else is importing the same rows at this moment; try again."), code="busy")
        return Counts(created, unchanged)


class MarketStatisticImporter(MarketImporter):
    """See the module."""

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        actor.require_platform()
        super().__init__()
        self.stage = StatisticStage(organization)
        self._producer = reference.producer()

    @property
    def columns(self) -> Sequence[Column]:
        return (
            Column("key", columns.text(200), required=True),
            Column("jurisdiction", self._jurisdiction, required=True),
            Column("period_start", columns.day(), required=True),
            Column("period_end", columns.day(), required=True),
            Column("units", columns.whole(most=MOST_UNITS), required=True),
            Column("source", columns.text(300), required=True),
            Column("producer", self._producer),
            Column("model", self._model),
            Column("chemistry", self._chemistry),
            Column("description", columns.text(200), default=""),
        )

    def staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        place: Any
        start: Any
        end: Any
        model: Any
        chemistry: Any
        for line, values in rows:
            key, place, start, end, units, source, producer, model, chemistry, description = values
            if self._contradicts(line, faults, start, end, model, chemistry):
                continue
            yield (
                line, producer, place.pk, start, end, *said(model, chemistry, is_producer=False), None, units, description, source,
                key,
            )  # fmt: skip
