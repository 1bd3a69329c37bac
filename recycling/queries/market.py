"""What producers declared of a market beside what an authority counted there.

Each is the other's yardstick and neither corrects the other: an authority counts vehicles by their sale or registration,
a producer batteries by its own books, and the years may be cut otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from django.db.models import Q, Sum

from accounts.models import User, organizations_of
from collection.models import Jurisdiction
from recycling.models import MarketPlacement, MarketStatistic, PlacementStatus


@dataclass(frozen=True)
class Comparison:
    """What an authority counted of a producer, or of all of them together, in a place and a year, and what was declared."""

    jurisdiction: str
    year: int
    authority: int
    authority_name: str
    producer: int | None
    producer_name: str
    observed: int
    declared: int
    declared_across: int

    @property
    def difference(self) -> int:
        """Declared less observed."""
        return self.declared - self.observed

    @property
    def is_undeclared(self) -> bool:
        return self.observed > 0 and not self.declared + self.declared_across


def comparisons(user: User, year: int) -> list[Comparison]:
    """Of the places that the user oversees, of all producers; of its own producers everywhere: two statements.

    Only periods within the year are compared, and only the place itself: what was counted in a state with what was
    declared of that state. What was declared of periods that reach beyond the year stands beside it.
    """
    first, last = date(year, 1, 1), date(year, 12, 31)
    rows = MarketStatistic.objects.filter(period_start__gte=first, period_end__lte=last)
    placements = MarketPlacement.objects.visible_to(user).filter(
        status=PlacementStatus.DECLARED, period_start__lte=last, period_end__gte=first
    )
    if not user.is_superuser:
        seen = Q(jurisdiction__in=Jurisdiction.objects.overseen_by(user).values("pk"))
        own = Q(producer__in=organizations_of(user))
        rows, placements = rows.filter(seen | own), placements.filter(seen | own)
    declared: dict[tuple[str, int | None], int] = defaultdict(int)
    across: dict[tuple[str, int | None], int] = defaultdict(int)
    for place, producer, start, end, units in (
        placements.order_by()
        .values_list("jurisdiction", "producer", "period_start", "period_end")
        .annotate(total=Sum("units"))
    ):
        side = declared if first <= start and end <= last else across
        side[place, producer] += units
        side[place, None] += units  # of all: asked for by who oversees the place alone
    found = (
        rows.order_by()
        .values_list("jurisdiction", "authority", "authority__name", "producer", "producer__name")
        .annotate(total=Sum("units"))
    )
    return sorted(
        (
            Comparison(
                place,
                year,
                authority,
                by,
                producer,
                name or "",
                units,
                declared[place, producer],
                across[place, producer],
            )
            for place, authority, by, producer, name, units in found
        ),
        key=lambda row: (row.jurisdiction, row.authority_name, row.producer_name),
    )
