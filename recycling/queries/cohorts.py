"""What a forecast of returns starts from: how many vehicles of a kind were placed where, in each year."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from recycling.models import (
    Inputs,
    MarketPlacement,
    MarketStatistic,
    PlacementStatus,
    ReturnForecast,
    VehicleKind,
    VehicleSales,
)

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


def cohorts(forecast: ReturnForecast) -> list[Cohort]:
    """What a forecast starts from, in order; at most two statements. All inputs describe the same vehicles, so it is one of
    them and never their sum.
    """
    if forecast.inputs == Inputs.PLACEMENTS:
        parts = _placed()
    elif forecast.inputs == Inputs.STATISTICS:
        parts = _counted(forecast.authority_id)
    else:
        parts = _sold(forecast.inputs)
    found: dict[tuple[Any, ...], Cohort] = {}
    for key, units, kg, is_assumed, producer in parts:
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
    """Market placements that stand. A period of several years is spread over them by its days. A mass that was not declared
    is that of the model, else that of an average car's pack in the country and year.
    """
    masses = _Masses()
    rows = (
        MarketPlacement.objects.filter(status=PlacementStatus.DECLARED)
        .order_by("pk")
        .values_list(
            "jurisdiction_id",
            "period_start",
            "period_end",
            "units",
            "mass_kg",
            "model__mass_kg",
            "is_simulated",
            "producer",
        )
    )
    for place, start, end, units, declared_kg, model_kg, is_simulated, producer in rows.iterator():
        if not units:
            continue
        known_kg = declared_kg / units if declared_kg is not None else model_kg
        for year, share in _years(start, end):
            part = (units * share).quantize(_EXACT)
            kg, is_assumed = masses.of(part, known_kg, place, start.year)
            yield (place, VehicleKind.UNKNOWN.value, year, is_simulated), part, kg, is_assumed, producer


class _Count(NamedTuple):
    """What a market statistic counts in one calendar year."""

    place: str
    year: int
    producer: int | None
    is_whole_year: bool
    units: Decimal
    pack_kg: Decimal | None


def _counted(authority: int | None) -> Iterator[_Part]:
    """Market statistics of one authority, who may count the same vehicles in rows that hold each other. In each year states go
    before their country, producers before all of them together, and rows of the year before those of parts of it.
    """
    masses = _Masses()
    rows = MarketStatistic.objects.filter(authority=authority, units__gt=0).order_by("pk")
    counts = [
        _Count(place, year, producer, (start, end) == (date(year, 1, 1), date(year, 12, 31)), units * share, pack_kg)
        for place, start, end, producer, units, pack_kg in rows.values_list(
            "jurisdiction_id", "period_start", "period_end", "producer", "units", "model__mass_kg"
        )
        for year, share in _years(start, end)
    ]
    counts = _preferred(counts, lambda row: len(row.place) > 2, lambda row: (row.place[:2], row.year))
    counts = _preferred(counts, lambda row: row.producer is not None, lambda row: (row.place, row.year))
    counts = _preferred(counts, lambda row: row.is_whole_year, lambda row: (row.place, row.year, row.producer))
    for row in counts:
        part = row.units.quantize(_EXACT)
        kg, is_assumed = masses.of(part, row.pack_kg, row.place, row.year)
        yield (row.place, VehicleKind.UNKNOWN.value, row.year, False), part, kg, is_assumed, None


def _preferred(
    counts: list[_Count], is_preferred: Callable[[_Count], bool], among: Callable[[_Count], Hashable]
) -> list[_Count]:
    """Those preferred, and of what has none of them all."""
    has = {among(row) for row in counts if is_preferred(row)}
    return [row for row in counts if is_preferred(row) or among(row) not in has]


def _years(start: date, end: date) -> Iterator[tuple[int, Decimal]]:
    whole = (end - start).days + 1
    for year in range(start.year, end.year + 1):
        first, last = max(start, date(year, 1, 1)), min(end, date(year, 12, 31))
        yield year, Decimal((last - first + timedelta(days=1)).days) / whole


class _Masses:
    """What packs weigh: what is known of them, else what an average car's does in the country and year, by a source."""

    def __init__(self) -> None:
        self._averages = {
            (row.jurisdiction_id, row.year): row.pack_kg
            for row in VehicleSales.objects.filter(kind=VehicleKind.CAR).order_by("scenario")
        }

    def of(self, units: Decimal, known_kg: Decimal | None, place: str, year: int) -> tuple[Decimal | None, bool]:
        """Of so many units, and whether it is an average's."""
        each_kg = self._averages.get((place[:2], year)) if known_kg is None else known_kg
        return None if each_kg is None else (units * each_kg).quantize(_EXACT), known_kg is None
