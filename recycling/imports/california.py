"""New zero-emission vehicles sold in California, as its Energy Commission counts them, as market placements.

The list counts by quarter, county, make and model; counties are added up. Its bucket “Out Of State” holds vehicles
sold in California and registered elsewhere: they were placed on the market of the United States, in a state that is not
known.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.models import Organization
from collection.imports import columns
from collection.imports.columns import Column
from collection.imports.engine import Cells, Faults
from collection.imports.stage import StagedImporter
from collection.services.patterns import Kind, Patterns
from recycling.imports.market_placements import PlacementStage

SOURCE = "California Energy Commission, New ZEV Sales in California"
#: As patterns of names call the list.
LIST = "cec"
ELSEWHERE = "Out Of State"
_QUARTERS = {"Q1": 1, "Q2": 4, "Q3": 7, "Q4": 10}


@dataclass
class _Sum:
    """The vehicles of one name, sold in one quarter, inside or outside of California."""

    line: int
    units: int = 0


class CaliforniaImporter(StagedImporter):
    """See the module."""

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        actor.require_platform()
        self.stage = PlacementStage()
        self._patterns = Patterns()
        #: Vehicles of which no model is known.
        self.unmapped: Counter[str] = Counter()

    @property
    def columns(self) -> Sequence[Column]:
        return (
            Column("Data_Year", columns.whole(least=1990, most=2100), required=True),
            Column("Quarter", columns.one_of(_QUARTERS, lambda: _("Must be Q1, Q2, Q3 or Q4.")), required=True),
            Column("County", columns.text(60), required=True),
            Column("FUEL_TYPE", columns.choice(["Electric", "PHEV", "Hydrogen"]), required=True),
            Column("MAKE", columns.text(60), required=True),
            Column("MODEL", columns.text(80), required=True),
            Column("Number of Vehicles", columns.whole(most=1_000_000), required=True),
        )

    def staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        for (year, month, fuel, make, model, elsewhere), total in self._summed(rows, faults).items():
            kind = Kind(LIST, make, model, fuel, year)
            assigned, producer = self._patterns.resolve(kind), self._patterns.maker(kind)
            if producer is None:
                faults.add(total.line, "MAKE", _("The producer of this make is not known."), make)
                continue
            name = f"{make} {model} ({fuel})"
            if "/" in make:
                message = _("Vehicles of two makes, counted together and entered under one producer:")
                faults.note(total.line, "MAKE", message, f"{name} {year} Q{month // 3 + 1}: {total.units}")
            if assigned.model_id is None:
                self.unmapped[f"{name} {year}"] += total.units
            start = date(year, month, 1)
            end = (start + timedelta(days=100)).replace(day=1) - timedelta(days=1)
            yield (
                total.line, producer, "US" if elsewhere else "US-CA", start, end, *assigned, self.stage.vehicle(kind),
                total.units, None,
                f"{name}, {_ELSEWHERE_NOTE}" if elsewhere else name, SOURCE,
                f"cec-zev/{year}Q{month // 3 + 1}/{fuel}/{make}/{model}/{'out-of-state' if elsewhere else 'in-state'}",
            )  # fmt: skip

    def _summed(self, rows: Iterator[Cells], faults: Faults) -> dict[tuple[Any, ...], _Sum]:
        sums: dict[tuple[Any, ...], _Sum] = {}
        seen: dict[tuple[Any, ...], int] = {}
        for line, (year, month, county, fuel, make, model, units) in rows:
            cell = (year, month, county, fuel, make, model)
            first = seen.setdefault(cell, line)
            if first != line:
                message = _("The same quarter, county and vehicle stand on line %(line)d.") % {"line": first}
                faults.add(line, "MODEL", message, model)
                continue
            key = (year, month, fuel, make, model, county == ELSEWHERE)
            sums.setdefault(key, _Sum(line)).units += units  # type: ignore[operator]
        return sums


#: Part of what is compared when the file is sent again, so the same in every language.
_ELSEWHERE_NOTE = "sold in California, registered out of state"
