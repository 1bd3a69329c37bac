"""Batteries from a file: registered in the name of an organization, with their identifiers, and given up at one of its
facilities where the file says so. A row is recognized by scheme, issuer and value of its identifier.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Function, Organization
from collection.imports import columns
from collection.imports.battery_stage import BatteryStage
from collection.imports.columns import Column
from collection.imports.engine import Cells, Counts, Faults
from collection.models import BatteryModel, Chemistry, Condition, Facility, Identifier, Jurisdiction
from collection.services.custody import CLOCK_SKEW
from collection.units import Unit
from collection.validators import is_vin


class BatteryImporter:
    """See the module."""

    passes_over: ClassVar[bool] = False

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        actor.require(organization)
        self.stage = BatteryStage(actor=actor, organization=organization)
        self._models = {m.code: m for m in BatteryModel.objects.all()}
        self._producers = {o.name: o.pk for o in Organization.objects.with_function(Function.PRODUCER)}
        self._chemistries = {c.code: c.code for c in Chemistry.objects.all()}
        self._places = {j: j for j in Jurisdiction.objects.values_list("code", flat=True)}
        self._facilities = {
            f.name: (f.pk, ZoneInfo(f.time_zone)) for f in Facility.objects.filter(operator=organization)
        }
        self._latest = timezone.now() + CLOCK_SKEW

    @property
    def columns(self) -> Sequence[Column]:
        return (
            Column("scheme", columns.choice(Identifier.Scheme.values), required=True),
            Column("value", columns.text(100), required=True),
            Column("issuer", columns.text(100), default=""),
            Column("vin", columns.text(17)),
            Column("model", columns.one_of(self._models, lambda: _("There is no battery model with this code."))),
            Column("producer", columns.one_of(self._producers, lambda: _("There is no producer of this name."))),
            Column("chemistry", columns.one_of(self._chemistries, lambda: _("There is no chemistry with this code."))),
            Column("rated_kwh", columns.decimal(digits=8, places=3, above=Decimal(0))),
            Column("mass", columns.mass()),
            Column("mass_unit", columns.unit(), default=Unit.KG.value),
            Column("form", columns.choice(BatteryModel.Form.values), default=BatteryModel.Form.PACK.value),
            Column(
                "placed_in", columns.one_of(self._places, lambda: _("Not an ISO 3166 code known here, such as US-NV."))
            ),
            Column("placed_on", columns.day()),
            Column("condition", columns.choice(Condition.values), default=Condition.INTACT.value),
            Column(
                "facility",
                columns.one_of(self._facilities, lambda: _("Your organization has no facility of this name.")),
            ),
            Column("given_up_at", columns.text(40)),
        )

    def take(self, rows: Iterator[Cells], faults: Faults) -> None:
        self.stage.fill(self._staged(rows, faults))

    def check(self, faults: Faults) -> None:
        self.stage.check(faults)

    def write(self, faults: Faults) -> Counts:
        return self.stage.write(faults)

    def _staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        content = self.stage.content
        for line, values in rows:
            (scheme, value, issuer, vin, model, producer, chemistry, kwh, mass, unit, form, placed_in, placed_on,
             condition, facility, given_up) = values  # fmt: skip
            identity = self._identity(scheme, value, issuer, vin)
            if isinstance(identity, str):
                faults.add(line, "value" if scheme == Identifier.Scheme.VIN else "vin", identity, value)
                continue
            when = self._when(line, facility, given_up, faults)
            if when is False:
                continue
            if isinstance(model, BatteryModel):
                producer = producer or model.producer_id
                chemistry = chemistry or model.chemistry_id
                form = model.form
            composition, energy = content(model, chemistry, kwh, mass, unit)
            yield (
                line, *identity, model.pk if model else None, producer, chemistry, composition, kwh, energy, mass, unit,
                form, placed_in, placed_on, condition, facility[0] if facility else None, when,
            )  # fmt: skip

    def _identity(self, scheme: Any, value: Any, issuer: Any, vin: Any) -> tuple[str, str, str, str | None] | str:
        """Scheme, issuer, value and VIN, or what is wrong with them."""
        vin = vin.upper() if vin else None
        if scheme == Identifier.Scheme.VIN:
            value = value.upper()
            if issuer:
                return _("A VIN has no issuer.")
            if vin not in (None, value):
                return _("The row names two VINs.")
            vin = None
        for number in (vin, value if scheme == Identifier.Scheme.VIN else None):
            if number is not None and not is_vin(number):
                return _("Not a valid VIN: 17 characters, no I, O or Q, and a right check digit.")
        return scheme, issuer, value, vin

    def _when(self, line: int, facility: Any, given_up: Any, faults: Faults) -> datetime | bool | None:
        """When the battery was given up; `False` where that is not said as it must be."""
        if not facility and not given_up:
            return None
        if not facility or not given_up:
            missing = "given_up_at" if facility else "facility"
            faults.add(line, missing, _("Where and when a battery was given up must both be said, or neither."))
            return False
        try:
            instant = columns.instant(given_up, facility[1])
            if instant > self._latest:
                raise ValueError(_("This time lies in the future."))
        except ValueError as error:
            faults.add(line, "given_up_at", str(error), given_up)
            return False
        return instant
