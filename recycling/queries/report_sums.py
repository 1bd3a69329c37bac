"""The sums that the figures of a report are made of: what is kept with it, added up in the database, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from recycling.models import EprEvidence, EprReport

#: Decimals of a group and of a figure: micrograms where it is kilograms.
PLACES = 9


class MassGroup(NamedTuple):
    """Evidence of one kind: how many batteries, how many of them without a mass, and kilograms."""

    fate: str
    chemistry: str | None
    family: str
    method: str
    decision: str
    facility: int | None
    country: str
    basis: str
    placed_in: str
    collected_in: str
    rows: int
    without_mass: int
    mass: Decimal


class ElementGroup(NamedTuple):
    """Kilograms of one element in the recycled batteries of one family, and what became of them."""

    family: str
    element: str
    rows: int
    content: Decimal
    recovered: Decimal
    pending: Decimal
    residue: Decimal

    @property
    def lost(self) -> Decimal:
        """What is neither recovered nor pending nor in residue; negative where more came out than went in."""
        return self.content - self.recovered - self.pending - self.residue


class PlacedGroup(NamedTuple):
    """Market placements of one chemistry."""

    chemistry: str | None
    family: str
    rows: int
    without_mass: int
    units: int
    mass: Decimal


class Site(NamedTuple):
    """A facility that processed the batteries, or what came out of them."""

    facility: int
    method: str
    country: str


@dataclass(frozen=True)
class Kept:
    """All that the figures of one report follow from, added up in the database (seven statements at most)."""

    masses: list[MassGroup]
    elements: list[ElementGroup]
    claimed_elements: list[ElementGroup]
    placed: list[PlacedGroup]
    across: list[PlacedGroup]
    sites: list[Site]
    without_content: int


_MASSES = f"""
    SELECT fate, chemistry_id, family, method, decision, facility_id, country, basis, placed_in, collected_in,
        count(*), count(*) - count(mass_kg), round(coalesce(sum(mass_kg), 0), {PLACES})
    FROM recycling_eprevidence WHERE report_id = %(report)s
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
"""  # noqa: S608 - composed of constants

#: Batteries of one batch and one composition share all factors, so their energies are added up first. Factors are looked
#: up one by one (`OFFSET 0`): the planner takes rows just written for none, and would read them all for each energy.
_ELEMENTS = f"""
    WITH charged AS MATERIALIZED (
        SELECT family, batch_id, composition_id, count(*) AS batteries, sum(content_kwh) AS kwh
        FROM recycling_eprevidence
        WHERE report_id = %(report)s AND fate = %(fate)s AND content_kwh IS NOT NULL
        GROUP BY 1, 2, 3
    )
    SELECT c.family, i.element, sum(c.batteries)::bigint,
        round(sum(c.kwh * i.kg_per_kwh), {PLACES}),
        round(sum(c.kwh * i.kg_per_kwh * f.recovered), {PLACES}),
        round(sum(c.kwh * i.kg_per_kwh * f.pending), {PLACES}),
        round(sum(c.kwh * i.kg_per_kwh * f.residue), {PLACES})
    FROM charged c
    JOIN recycling_eprintensity i
        ON i.report_id = %(report)s AND i.composition_id = c.composition_id AND i.kg_per_kwh > 0
    CROSS JOIN LATERAL (
        SELECT recovered, pending, residue FROM recycling_eprfactor f
        WHERE f.report_id = %(report)s AND f.batch_id = c.batch_id AND f.element = i.element
        OFFSET 0
    ) f
    GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - composed of constants

_PLACED = f"""
    SELECT chemistry_id, family, count(*), count(*) - count(mass_kg), sum(units)::bigint,
        round(coalesce(sum(mass_kg), 0), {PLACES})
    FROM recycling_eprplacement WHERE report_id = %(report)s AND {{}}
    GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - composed of constants

_SITES = """
    SELECT facility_id, method, country FROM recycling_eprsite
    WHERE report_id = %(report)s ORDER BY country, facility_id, method
"""

_COUNTS = """
    SELECT
        (SELECT count(*) FROM recycling_eprevidence
            WHERE report_id = %(report)s AND fate = 'recycled' AND content_kwh IS NULL)
"""


def kept(report: EprReport, *, by_factors: bool) -> Kept:
    """Add up what the report keeps; its elements only where it keeps factors of them."""
    with connection.cursor() as cursor:

        def rows[Row: tuple[Any, ...]](
            sql: str, row: Callable[[Iterable[Any]], Row], fate: str = EprEvidence.Fate.RECYCLED
        ) -> list[Row]:
            cursor.execute(sql, {"report": report.pk, "fate": fate})
            return [row(values) for values in cursor.fetchall()]

        masses = rows(_MASSES, MassGroup._make)
        elements = rows(_ELEMENTS, ElementGroup._make) if by_factors else []
        claimed = rows(_ELEMENTS, ElementGroup._make, EprEvidence.Fate.CLAIMED_RECYCLED) if by_factors else []
        placed = rows(_PLACED.format("is_counted"), PlacedGroup._make)
        across = rows(_PLACED.format("NOT is_counted"), PlacedGroup._make)
        sites = rows(_SITES, Site._make)
        ((without_content,),) = rows(_COUNTS, tuple)
    return Kept(masses, elements, claimed, placed, across, sites, without_content)
