"""Public lists of vehicle salvage yards as collection points of their operators, one list per country."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Function, Organization
from collection.imports import columns
from collection.imports.collection_points import PointStage
from collection.imports.columns import Column
from collection.imports.engine import Cells, Faults
from collection.imports.stage import StagedImporter
from collection.imports.zip_codes import STATE_OF, ZONE_OF
from collection.models import CollectionPoint, Confidence, Jurisdiction
from collection.services.reference import organizations

SOURCE = "public yard list; coordinates are those of the postal code"
_COORDINATE = columns.decimal(digits=18, places=15, least=Decimal(-180), most=Decimal(180))
_PREFIX = re.compile(r"([A-Z]{2}) - ").match
#: Sales channels of an operator that are listed like yards but where no vehicle stands.
_NO_PLACE = re.compile(r"virtual lane|online.exclusive", re.IGNORECASE).search


class _YardImporter(StagedImporter):
    """What the lists of both countries have in common."""

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        actor.require_platform()
        self.stage = PointStage()
        self._places = {place.code: place for place in Jurisdiction.objects.all()}
        self._operators: dict[str, int] = {}

    def take(self, rows: Iterator[Cells], faults: Faults) -> None:
        staged = list(self.staged(rows, faults))  # a few hundred; their operators must exist before they are copied
        found, _tally = organizations([row[1] for row in staged], Function.COLLECTOR)
        self.stage.fill((line, found[name].pk, *rest) for line, name, *rest in staged)

    def _row(
        self,
        line: int,
        operator: str,
        yard: str,
        place: Jurisdiction,
        zone: str,
        address: str,
        locality: str,
        postal_code: str,
        coordinates: tuple[Decimal | None, Decimal | None],
        faults: Faults,
    ) -> tuple[Any, ...]:
        latitude, longitude = (round(value, 5) if value is not None else None for value in coordinates)
        if latitude is None:
            faults.note(line, "lat", _("The list has no coordinates; they stay empty."), yard)
        notes = ""
        if _NO_PLACE(yard):
            notes = _("A sales channel rather than a place, going by its name.")
            faults.note(line, "yard", _("A sales channel rather than a place, going by its name: not active."), yard)
        return (
            line, operator, f"yards/{place.country}/{operator}/{yard}"[:200], yard,
            CollectionPoint.Kind.SALVAGE_YARD.value, place.code, address, locality, postal_code, latitude, longitude,
            zone, "", notes, not notes, SOURCE, Confidence.WEAK.value,
        )  # fmt: skip


class UsYardImporter(_YardImporter):
    """The list of the United States: operator, yard, city, ZIP, coordinates. The ZIP code tells the state."""

    @property
    def columns(self) -> Sequence[Column]:
        return (
            Column("operator", columns.text(100), required=True),
            Column("yard", columns.text(150), required=True),
            Column("city", columns.text(100), required=True),
            Column("zip", columns.text(10), required=True),
            Column("lat", _COORDINATE),
            Column("lon", _COORDINATE),
        )

    def staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        for line, values in rows:
            operator, yard, city, zip_code, latitude, longitude = values
            code = str(zip_code)
            if not (code.isascii() and code.isdigit() and 3 <= len(code) <= 5):
                faults.add(line, "zip", _("Not a ZIP code."), code)
                continue
            if len(code) < 5:
                code = code.zfill(5)
                faults.note(
                    line, "zip", _("The leading zero was lost, and put back:"), f"{zip_code} -> {code} ({yard})"
                )
            state = STATE_OF.get(code[:3])
            place = self._places.get(f"US-{state}")
            if place is None:
                faults.add(line, "zip", _("This ZIP code lies in no state known here."), code)
                continue
            named = _PREFIX(str(yard))
            if named and named[1] != state:
                faults.note(
                    line, "yard", _("Its name says another state than its ZIP code, which was believed:"),
                    f"{yard} -> {city}, {state} {code}",
                )  # fmt: skip
            zone = ZONE_OF.get(code[:3], place.time_zone)
            yield self._row(
                line, str(operator), str(yard), place, zone, "", str(city), code, (latitude, longitude), faults
            )


class CanadianYardImporter(_YardImporter):
    """The list of Canada: operator, province, yard, street, postal code, coordinates of its first half."""

    @property
    def columns(self) -> Sequence[Column]:
        return (
            Column("operator", columns.text(100), required=True),
            Column("province", columns.text(2), required=True),
            Column("yard", columns.text(150), required=True),
            Column("street", columns.text(200), default=""),
            Column("postal_code", columns.text(7), required=True),
            Column("fsa_lat", _COORDINATE),
            Column("fsa_lon", _COORDINATE),
        )

    def staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        for line, values in rows:
            operator, province, yard, street, postal_code, latitude, longitude = values
            place = self._places.get(f"CA-{province}")
            if place is None:
                faults.add(line, "province", _("No province or territory of Canada."), province)
                continue
            yield self._row(
                line, str(operator), str(yard), place, place.time_zone, str(street), "", str(postal_code),
                (latitude, longitude), faults,
            )  # fmt: skip
