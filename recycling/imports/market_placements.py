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
from collection.imports.stage import Finding, Stage, select, unequal
from collection.services.patterns import said
from recycling.imports.market_rows import MarketImporter
from recycling.services.placements import MOST_UNITS

_COMPARED = (
    "jurisdiction_id",
    "period_start",
    "period_end",
    "model_id",
    "chemistry_id",
    "units",
    "mass_kg",
    "description",
)

#: What a row covers, as the constraints of `MarketPlacement` have it.
_COVERED = """
    s.producer_id, s.model_id, daterange(s.period_start, s.period_end, '[]') AS period,
    textspan(s.jurisdiction_id, s.jurisdiction_id || '~', '[]') AS place,
    textspan(
        nullif(coalesce(s.chemistry_id, '') || '/' || coalesce(s.model_id::text, ''), '/'),
        nullif(coalesce(s.chemistry_id, '') || '/' || coalesce(s.model_id::text, '~'), '/~'), '[]'
    ) AS subject
"""

#: The rows of the file that cover what one `before` them covers, each with the first such.
_OVERLAPS = """
    SELECT c.line, other.* FROM import_covered c
    JOIN import_placement s ON s.line = c.line
    CROSS JOIN LATERAL (
        SELECT o.{column}, o.source_key FROM import_covered o
        WHERE o.producer_id = c.producer_id AND o.period && c.period AND o.place && c.place
            AND (o.subject && c.subject OR o.model_id = c.model_id)
            AND {before} AND (o.line = 0 OR EXISTS (SELECT FROM import_placement t WHERE t.line = o.line))
        ORDER BY o.line, o.id LIMIT 1
    ) other
    WHERE c.line > 0 ORDER BY c.line
"""


class PlacementStage(Stage):
    """Market placements on their way to being declared."""

    table = "import_placement"
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
        message = _("A row with this key was declared with another value of: %(columns)s. Nothing is overwritten.")
        self.fault(faults, self.differing(unequal("p", _COMPARED), known, message))
        self.fault(faults, self._standing_no_more())
        self._spread()
        self.fault(faults, self._overlapping_declared())
        self.fault(faults, self._overlapping_in_file())

    def _standing_no_more(self) -> Iterator[Finding]:
        message = _("The row with this key is withdrawn or superseded; declare it anew under another key.")
        for line, key in select("""
            SELECT s.line, s.source_key FROM import_placement s JOIN recycling_marketplacement p ON p.id = s.existing
            WHERE p.status <> 'declared' ORDER BY s.line
        """):
            yield line, "key", message, key

    def _spread(self) -> None:
        """Spread out what the file and what stands already covers (`recycling.models.spans`), so that it is found by index."""
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS import_covered")
            cursor.execute(f"""
                CREATE TEMPORARY TABLE import_covered ON COMMIT DROP AS
                SELECT s.line, NULL::bigint AS id, s.source_key, {_COVERED} FROM import_placement s WHERE s.existing IS NULL
                UNION ALL
                SELECT 0, s.id, s.source_key, {_COVERED} FROM recycling_marketplacement s
                WHERE s.status = 'declared' AND s.producer_id IN (SELECT producer_id FROM import_placement)
            """)  # noqa: S608 - composed of constants
            cursor.execute("CREATE INDEX ON import_covered USING gist (producer_id, place, period)")
            cursor.execute("ANALYZE import_covered")

    def _overlapping_declared(self) -> Iterator[Finding]:
        message = _("Declaration %(id)s (“%(key)s”) counts some of the same batteries: correct or withdraw it first.")
        for line, other, key in select(_OVERLAPS.format(column="id", before="o.line = 0")):
            yield line, "period_start", message % {"id": other, "key": key}, ""

    def _overlapping_in_file(self) -> Iterator[Finding]:
        message = _("Line %(line)s (“%(key)s”) counts some of the same batteries.")
        for line, other, key in select(_OVERLAPS.format(column="line", before="o.line > 0 AND o.line < c.line")):
            yield line, "period_start", message % {"line": other, "key": key}, ""

    def write(self, faults: Faults) -> Counts:
        """Declare what is new."""
        wanted, unchanged = self.counts()
        with connection.cursor() as cursor:
            cursor.execute("""
                INSERT INTO recycling_marketplacement (
                    producer_id, jurisdiction_id, period_start, period_end, model_id, chemistry_id, chemistry_by,
                    chemistry_confidence, pattern_id, units, mass_kg, description, source, source_key,
                    is_simulated)
                SELECT s.producer_id, s.jurisdiction_id, s.period_start, s.period_end, s.model_id, s.chemistry_id,
                    s.chemistry_by, s.chemistry_confidence, s.pattern_id, s.units, s.mass_kg,
                    s.description, s.source, s.source_key, o.is_simulated
                FROM import_placement s JOIN accounts_organization o ON o.id = s.producer_id
                WHERE s.existing IS NULL ORDER BY s.line
                ON CONFLICT DO NOTHING
            """)
            created = cursor.rowcount
        if created < wanted:
            raise Refused(_("Somebody else is declaring the same rows at this moment; try again."), code="busy")
        return Counts(created, unchanged)


class MarketPlacementImporter(MarketImporter):
    """See the module."""

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        actor.require(organization)
        if not organization.has_function(Function.PRODUCER):
            raise Invalid(_("%(name)s is no producer.") % {"name": organization}, field="organization")
        super().__init__()
        self._producer = organization
        self.stage = PlacementStage()

    @property
    def columns(self) -> Sequence[Column]:
        return (
            Column("key", columns.text(200), required=True),
            Column("jurisdiction", self._jurisdiction, required=True),
            Column("period_start", columns.day(), required=True),
            Column("period_end", columns.day(future=True), required=True),
            Column("units", columns.whole(most=MOST_UNITS), required=True),
            Column("model", self._model),
            Column("chemistry", self._chemistry),
            Column("mass_kg", columns.decimal(digits=15, places=3, least=Decimal(0))),
            Column("description", columns.text(200), default=""),
            Column("source", columns.text(300), default=""),
        )

    def staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        place: Any
        start: Any
        end: Any
        model: Any
        chemistry: Any
        for line, values in rows:
            key, place, start, end, units, model, chemistry, mass, description, source = values
            if self._contradicts(line, faults, start, end, model, chemistry):
                continue
            yield (
                line, self._producer.pk, place.pk, start, end, *said(model, chemistry, is_producer=True), units, mass,
                description, source, key,
            )  # fmt: skip
