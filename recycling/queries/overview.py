"""How all producers stand in a period: of whole months what was tallied, of the days at its ends what there is now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import chain
from math import inf
from typing import Any, NamedTuple, TypedDict

from django.db.models import Min, Q, QuerySet, Sum

from accounts.models import Organization
from accounts.replicas import moment_of
from recycling.models import MarketPlacement, PlacementStatus, TallyDue, TallyElement, TallyUnits
from recycling.queries.contents import EXACT
from recycling.queries.epr import (
    NOBODY,
    Total,
    totals_by_producer_and_jurisdiction,
    units_by_producer_and_jurisdiction,
)


class Standing(NamedTuple):
    """How one producer stands in one jurisdiction: units placed, collected and recycled in a period; beside them, never
    among them, what is only claimed to be its.
    """

    producer: int
    producer_name: str
    jurisdiction: str
    units_placed: int
    units_collected: int
    units_recycled: int
    kg_recycled: Decimal
    claimed_collected: int
    claimed_recycled: int
    claimed_kg_recycled: Decimal


@dataclass(frozen=True)
class Overview:
    """Standings, and what became of each element. All that happened until `as_of` is in it; of later changes, some."""

    as_of: datetime
    standings: list[Standing]
    elements: list[Total]
    claimed_elements: list[Total]


class _Scope(TypedDict):
    jurisdictions: Sequence[str] | None
    producers: Sequence[int] | None


class _Months(NamedTuple):
    """The whole months of a period, `first` to before `beyond`, and the days that are left of it: at most two spans."""

    first: date
    beyond: date
    rest: list[tuple[date, date]]


def overview(
    start: date,
    end: date,
    *,
    jurisdictions: Sequence[str] | None = None,
    producers: Sequence[int] | None = None,
) -> Overview:
    """Every producer's units, recycled mass and elements per jurisdiction of placement.

    A fixed number of statements, which may go to a replica. `jurisdictions` and `producers` restrict it; `None` is all, and
    `NOBODY` among producers asks for what no producer is known of.
    """
    now = moment_of(TallyUnits)
    months = _months(start, end)
    scope = _Scope(jurisdictions=jurisdictions, producers=producers)
    due = TallyDue.objects.filter(month__gte=months.first, month__lt=months.beyond)
    as_of = due.aggregate(first=Min("noted_at"))["first"] or now
    standings = _standings(start, end, months, scope)
    return Overview(as_of, standings, *(_elements(months, scope, claimed=claimed) for claimed in (False, True)))


def _months(start: date, end: date) -> _Months:
    after = end + timedelta(days=1)
    first = start if start.day == 1 else _next_month(start)
    beyond = after.replace(day=1)
    if first >= beyond:
        return _Months(start, start, [(start, end)])
    rest = [(start, first - timedelta(days=1)), (beyond, end)]
    return _Months(first, beyond, [(begins, ends) for begins, ends in rest if begins <= ends])


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)


def _standings(start: date, end: date, months: _Months, scope: _Scope) -> list[Standing]:
    placed = (
        _within(
            MarketPlacement.objects.filter(
                status=PlacementStatus.DECLARED, period_start__gte=start, period_end__lte=end
            ),
            scope,
        )
        .values_list("producer", "jurisdiction")
        .annotate(Sum("units"))
    )
    counted = (
        _tallied(TallyUnits, months, scope)
        .values_list("is_claimed", "producer", "jurisdiction")
        .annotate(Sum("units_collected"), Sum("units_recycled"), Sum("kg_recycled"))
    )
    lately = (
        (claimed, *row)
        for days in months.rest
        for claimed in (False, True)
        for row in units_by_producer_and_jurisdiction(*days, **scope, claimed=claimed)
    )
    nothing = (0, 0, Decimal(0))
    rows = _added(
        chain(
            ((producer, place, units, *nothing, *nothing) for producer, place, units in placed),
            (
                (producer, place, 0, *(nothing if claimed else units), *(units if claimed else nothing))
                for claimed, producer, place, *units in chain(counted, lately)
            ),
        ),
        keys=2,
    )
    names = dict(Organization.objects.filter(pk__in={row[0] for row in rows}).values_list("pk", "name"))
    standings = (Standing(producer, names[producer], *rest) for producer, *rest in rows)
    return sorted(standings, key=lambda row: (row.producer_name, row.producer, row.jurisdiction))


def _elements(months: _Months, scope: _Scope, *, claimed: bool) -> list[Total]:
    added = (
        _tallied(TallyElement, months, scope)
        .filter(is_claimed=claimed)
        .values_list("producer", "jurisdiction", "element")
        .annotate(Sum("content_kg"), Sum("recovered_kg"), Sum("pending_kg"), Sum("residue_kg"))
    )
    lately = (
        row for days in months.rest for row in totals_by_producer_and_jurisdiction(*days, **scope, claimed=claimed)
    )
    totals = (Total(*row) for row in _added(chain(added, lately), keys=3))
    return sorted(totals, key=_place_of)


def _place_of(row: Total) -> tuple[float, bool, str, str]:
    """By producer, jurisdiction and element, what is not known last: as the database sorts the sums of days."""
    return row.producer or inf, row.jurisdiction is None, row.jurisdiction or "", row.element


def _tallied(tally: type[TallyUnits | TallyElement], months: _Months, scope: _Scope) -> QuerySet[Any, Any]:
    return _within(tally._default_manager.filter(month__gte=months.first, month__lt=months.beyond), scope)


def _within(rows: QuerySet[Any, Any], scope: _Scope) -> QuerySet[Any, Any]:
    """Of `rows`, those of the producers and places asked for; in no order, to be grouped."""
    if scope["producers"] is not None:
        orphans = Q(producer__isnull=True) if NOBODY in scope["producers"] else Q()
        rows = rows.filter(Q(producer__in=scope["producers"]) | orphans)
    if scope["jurisdictions"] is not None:
        rows = rows.filter(jurisdiction__in=scope["jurisdictions"])
    return rows.order_by()


def _added(rows: Iterable[Sequence[Any]], *, keys: int) -> list[tuple[Any, ...]]:
    """The rows whose first `keys` values are the same, added up to one."""
    sums: dict[tuple[Any, ...], Sequence[Any]] = {}
    with localcontext(EXACT):
        for row in rows:
            key, values = tuple(row[:keys]), row[keys:]
            known = sums.get(key)
            sums[key] = values if known is None else [a + b for a, b in zip(known, values, strict=True)]
    return [(*key, *values) for key, values in sums.items()]
