"""What a forecast of returns starts from: how many vehicles of a kind were placed where, in each year."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from recycling.models import Inputs, MarketPlacement, VehicleKind, VehicleSales

_EXACT = Decimal("0.000001")


@dataclass
class Cohort:
    """Vehicles of one kind placed in one place and year, simulated or real.

    `kg` is the mass of the packs of all of them whose mass is known or assumed; `assumed_units` have that of an average,
    `unknown_units` none.
    """

    jurisdiction: str
    kind: str
    year: int
    is_simulated: bool
    units: Decimal = Decimal(0)
    kg: Decimal | None = None
    assumed_units: Decimal = Decimal(0)
    unknown_units: Decimal = Decimal(0)
    producers: set[int] = field(default_factory=set)

    def told(self) -> list[Any]:
        """All that the forecast follows from, as it is hashed."""
        return [
            self.jurisdiction, self.kind, self.year, self.is_simulated, str(self.units),
            None if self.kg is None else str(self.kg), str(self.assumed_units), str(self.unknown_units),
            sorted(self.producers),
        ]  # fmt: skip

    def add(self, units: Decimal, kg: Decimal | None, *, is_assumed: bool) -> None:
        self.units += units
        if kg is None:
            self.unknown_units += units
            return
        self.kg = (self.kg or Decimal(0)) + kg
        if is_assumed:
            self.assumed_units += units


def cohorts(inputs: Inputs) -> list[Cohort]:
    """The cohorts of a kind of inputs, in order; two statements."""
    found: dict[tuple[Any, ...], Cohort] = {}
    for key, units, kg, is_assumed, producer in _placed() if inputs == Inputs.PLACEMENTS else _sold(inputs):
        cohort = found.setdefault(key, Cohort(*key))
        cohort.add(units, kg, is_assumed=is_assumed)
        if producer is not None:
            cohort.producers.add(producer)
    return [found[key] for key in sorted(found)]


type _Part = tuple[tuple[Any, ...], Decimal, Decimal | None, bool, int | None]


def _sold(scenario: str) -> Iterator[_Part]:
    for row in VehicleSales.objects.filter(scenario=scenario, units__gt=0):
        kg = row.pack_kg
        key = (row.jurisdiction_id, row.kind, row.year, False)
        yield key, Decimal(row.units), None if kg is None else row.units * kg, True, None


def _placed() -> Iterator[_Part]:
    """Market placements. A period of several years is spread over them by its days. A mass that was not declared is that of
    the model, else that of an average car's pack in the country and year.
    """
    averages = _average_packs()
    rows = MarketPlacement.objects.order_by("pk").values_list(
        "jurisdiction_id",
        "period_start",
        "period_end",
        "units",
        "mass_kg",
        "model__mass_kg",
        "is_simulated",
        "producer",
    )
    for place, start, end, units, declared_kg, model_kg, is_simulated, producer in rows.iterator():
        if not units:
            continue
        average = averages.get((place[:2], start.year))
        each_kg = declared_kg / units if declared_kg is not None else model_kg if model_kg is not None else average
        is_assumed = declared_kg is None and model_kg is None
        for year, share in _years(start, end):
            part = (units * share).quantize(_EXACT)
            kg = None if each_kg is None else (part * each_kg).quantize(_EXACT)
            yield (place, VehicleKind.UNKNOWN.value, year, is_simulated), part, kg, is_assumed, producer


def _years(start: date, end: date) -> Iterator[tuple[int, Decimal]]:
    whole = (end - start).days + 1
    for year in range(start.year, end.year + 1):
        first, last = max(start, date(year, 1, 1)), min(end, date(year, 12, 31))
        yield year, Decimal((last - first + timedelta(days=1)).days) / whole


def _average_packs() -> dict[tuple[str, int], Decimal]:
    found: dict[tuple[str, int], Decimal] = {}
    for row in VehicleSales.objects.filter(kind=VehicleKind.CAR).order_by("scenario"):
        kg = row.pack_kg
        if kg is not None:
            found[row.jurisdiction_id, row.year] = kg
    return found
