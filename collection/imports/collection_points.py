"""Collection points from a file: facilities of the organization that give up batteries.

A row is recognized by its key, or without one by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import available_timezones

from django.db import connection
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Refused
from accounts.models import Organization
from collection.imports import columns, reference
from collection.imports.columns import Column
from collection.imports.engine import Cells, Counts, Faults
from collection.imports.stage import Finding, Stage, StagedImporter, select, unequal
from collection.models import CollectionPoint

_OF_FACILITY = ("name", "jurisdiction_id", "address", "locality", "postal_code", "latitude", "longitude", "time_zone")
_OF_POINT = ("kind", "contact", "notes")


class PointStage(Stage):
    """Collection points on their way to being entered. `source_key` must tell operators apart."""

    table = "import_point"
    columns = (
        ("line", "integer"),
        ("operator_id", "bigint"),
        ("source_key", "text"),
        ("name", "text"),
        ("kind", "text"),
        ("jurisdiction_id", "text"),
        ("address", "text"),
        ("locality", "text"),
        ("postal_code", "text"),
        ("latitude", "numeric"),
        ("longitude", "numeric"),
        ("time_zone", "text"),
        ("contact", "text"),
        ("notes", "text"),
        ("is_active", "boolean"),
        ("source", "text"),
        ("confidence", "text"),
    )
    known = "facility_id"

    def repeated(self) -> Iterator[Finding]:
        for line, column, value, first in select("""
            SELECT line, 'name', name, first FROM (
                SELECT *, min(line) OVER (PARTITION BY operator_id, name) AS first FROM import_point) n
            WHERE line > first
            UNION ALL
            SELECT line, 'key', name, first FROM (
                SELECT *, min(line) OVER (PARTITION BY source_key) AS first FROM import_point) k WHERE line > first
            ORDER BY 1
        """):
            yield line, column, _("The same collection point stands on line %(line)d.") % {"line": first}, value

    def match(self, faults: Faults) -> None:
        with connection.cursor() as cursor:
            cursor.execute("""
                UPDATE import_point s SET facility_id = f.id FROM collection_facility f
                LEFT JOIN collection_collectionpoint p ON p.facility_id = f.id
                WHERE p.source_key = s.source_key OR (f.operator_id = s.operator_id AND f.name = s.name)
            """)
        self.fault(faults, self._no_points())
        known = """
            JOIN collection_facility f ON f.id = s.facility_id
            JOIN collection_collectionpoint p ON p.facility_id = f.id
        """
        message = _("This collection point exists, with another value of: %(columns)s. Nothing is overwritten.")
        self.fault(faults, self.differing([*unequal("f", _OF_FACILITY), *unequal("p", _OF_POINT)], known, message))

    def write(self, faults: Faults) -> Counts:
        """Make the facilities and collection points that are new."""
        wanted, unchanged = self.counts()
        with connection.cursor() as cursor:
            cursor.execute("""
                INSERT INTO collection_facility (
                    operator_id, name, jurisdiction_id, address, locality, postal_code, latitude, longitude, time_zone,
                    source, confidence, is_simulated)
                SELECT s.operator_id, s.name, s.jurisdiction_id, s.address, s.locality, s.postal_code, s.latitude,
                    s.longitude, s.time_zone, s.source, s.confidence, o.is_simulated
                FROM import_point s JOIN accounts_organization o ON o.id = s.operator_id
                WHERE s.facility_id IS NULL ORDER BY s.line
                ON CONFLICT DO NOTHING
            """)
            if cursor.rowcount < wanted:
                raise Refused(
                    _("Somebody else is entering the same collection points at this moment; try again."), code="busy"
                )
            cursor.execute("""
                INSERT INTO collection_collectionpoint (facility_id, kind, contact, notes, is_active, source_key)
                SELECT f.id, s.kind, s.contact, s.notes, s.is_active, s.source_key
                FROM import_point s
                JOIN collection_facility f ON f.operator_id = s.operator_id AND f.name = s.name
                WHERE s.facility_id IS NULL ORDER BY s.line
            """)
            created = cursor.rowcount
        return Counts(created, unchanged)

    def _no_points(self) -> Iterator[Finding]:
        for (line,) in select("""
            SELECT s.line FROM import_point s
            WHERE s.facility_id IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM collection_collectionpoint p WHERE p.facility_id = s.facility_id)
            ORDER BY s.line
        """):
            yield line, "name", _("A facility of this name exists that is no collection point."), ""


class CollectionPointImporter(StagedImporter):
    """See the module."""

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        actor.require(organization)
        self._organization = organization
        self._jurisdiction = reference.jurisdiction()
        self._zones = {name: name for name in available_timezones()}
        self.stage = PointStage()

    @property
    def columns(self) -> Sequence[Column]:
        return (
            Column("key", columns.text(150), default=""),
            Column("name", columns.text(200), required=True),
            Column("kind", columns.choice(CollectionPoint.Kind.values), required=True),
            Column("jurisdiction", self._jurisdiction, required=True),
            Column("address", columns.text(200), default=""),
            Column("locality", columns.text(100), default=""),
            Column("postal_code", columns.text(10), default=""),
            Column("latitude", columns.decimal(digits=8, places=5, least=Decimal(-90), most=Decimal(90))),
            Column("longitude", columns.decimal(digits=8, places=5, least=Decimal(-180), most=Decimal(180))),
            Column(
                "time_zone", columns.one_of(self._zones, lambda: _("Not an IANA time zone such as America/Denver."))
            ),
            Column("contact", columns.text(200), default=""),
            Column("notes", columns.text(4000, lines=True), default=""),
        )

    def staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        operator = self._organization.pk
        place: Any
        for line, values in rows:
            (key, name, kind, place, address, locality, postal_code, latitude, longitude, zone, contact, notes) = values
            if (latitude is None) != (longitude is None):
                missing = "latitude" if latitude is None else "longitude"
                faults.add(line, missing, _("Latitude and longitude must both be there, or neither."))
                continue
            yield (
                line, operator, f"{operator}:{key or name}"[:200], name, kind, place.code, address, locality,
                postal_code, latitude, longitude, zone or place.time_zone, contact, notes, True, "", "",
            )  # fmt: skip
