"""Collection points from a file: facilities of the organization that give up batteries.

A row is recognized by its key, or without one by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Organization
from collection.imports import columns
from collection.imports.columns import Column
from collection.imports.engine import Cells, Counts, Faults
from collection.imports.point_stage import PointStage
from collection.models import CollectionPoint, Jurisdiction


class CollectionPointImporter:
    """See the module."""

    passes_over: ClassVar[bool] = False

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        actor.require(organization)
        self._organization = organization
        self._places = {j.code: j for j in Jurisdiction.objects.all()}
        self._zones = {name: name for name in available_timezones()}
        self.stage = PointStage()

    @property
    def columns(self) -> Sequence[Column]:
        return (
            Column("key", columns.text(150), default=""),
            Column("name", columns.text(200), required=True),
            Column("kind", columns.choice(CollectionPoint.Kind.values), required=True),
            Column(
                "jurisdiction",
                columns.one_of(self._places, lambda: _("Not an ISO 3166 code known here, such as US-NV.")),
                required=True,
            ),
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

    def take(self, rows: Iterator[Cells], faults: Faults) -> None:
        self.stage.fill(self._staged(rows, faults))

    def check(self, faults: Faults) -> None:
        self.stage.check(faults)

    def write(self, faults: Faults) -> Counts:
        return self.stage.write(faults)

    def _staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
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
