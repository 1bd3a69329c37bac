"""A figure of a report: what it is of, and its value."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from decimal import Decimal
from typing import Any

from recycling.models import Breakdown
from recycling.queries.report_sums import PLACES

STEP = Decimal(1).scaleb(-PLACES)

HUNDRED = Decimal(100)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a figure is of. A dimension that does not apply, or is not known, is empty."""

    metric: str
    breakdown: str = Breakdown.TOTAL
    family: str = ""
    chemistry: str | None = None
    method: str = ""
    decision: str = ""
    facility: int | None = None
    country: str = ""
    element: str = ""
    origin: str = ""
    basis: str = ""


@dataclass(frozen=True, kw_only=True)
class Figure(Subject):
    """A line of a report before it has a position.

    The stored line, its canonical form, the table and the API take their fields from here, in this order. A field that
    is added or moved changes the hash of what was filed before.
    """

    value: Decimal | None = None
    unit: str
    numerator: Decimal | None = None
    denominator: Decimal | None = None
    rows: int = 0
    without_mass: int = 0
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def subject(self) -> tuple[Any, ...]:
        """What it is of; the same in a report and in its correction."""
        return tuple(getattr(self, name) for name in SUBJECT_FIELDS)

    def with_note(self, *notes: str) -> Figure:
        return replace(self, notes=(*self.notes, *notes))


SUBJECT_FIELDS = tuple(part.name for part in fields(Subject))

#: Without the notes: a line keeps them as one text, and they are not compared.
FIGURE_FIELDS = tuple(part.name for part in fields(Figure) if part.compare)
