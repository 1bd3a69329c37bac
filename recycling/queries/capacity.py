"""How much capacity there is: running, paused, planned and announced, by place, stage and year; and what comes back against it.

Stages and bases are dimensions, and so is whether it is simulated: none of these is ever added to another. Each sum says
how much of it rests on facts that nobody verified, and how much of it reports here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Count, DecimalField, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import ExtractYear, Left, Now, TruncDate

from collection.models import Confidence
from recycling.models import (
    RUNNING,
    Basis,
    CapacityStatement,
    OperatingStatus,
    Plant,
    PlantStatus,
    ProcessLine,
    Stage,
    Standing,
    UtilizationSnapshot,
)

#: The last year that plans are known for, and how many years may be asked for at once.
LAST_YEAR, MOST_YEARS = 2030, 60

#: Stages that take batteries as they come back; the others take what these make, which is no measure for returns.
TAKES_BATTERIES = (Stage.DISCHARGE, Stage.DISMANTLE, Stage.PREPROCESS, Stage.PYRO, Stage.DIRECT)


def with_status_today(plants: QuerySet[Plant]) -> QuerySet[Plant]:
    """`plants` with the operating status of each as a whole today; `None`, where it is not known."""
    today = TruncDate(Now())
    holds = PlantStatus.objects.filter(
        Q(valid__endswith__isnull=True) | Q(valid__endswith__gt=today),
        plant=OuterRef("pk"), line=None, valid__startswith__lte=today,
    )  # fmt: skip
    return plants.annotate(status_today=Subquery(holds.order_by("-valid").values("status")[:1]))


#: Of each nameplate, in which of the years it had which status, for how many days. The days that no status covers count as
#: running if the nameplate begins with a start-up or the plant reported, else as not known; so they do in `LINE_DAYS`.
_NAMEPLATES = """
    WITH span AS (
        SELECT y AS year, daterange(make_date(y, 1, 1), make_date(y + 1, 1, 1)) AS days
        FROM generate_series(%(from)s::int, %(to)s::int) y
    ), own AS (
        SELECT line_id, range_agg(valid) AS days FROM recycling_plantstatus WHERE line_id IS NOT NULL GROUP BY 1
    ), status AS (
        SELECT line_id, status, range_agg(valid) AS days FROM recycling_plantstatus WHERE line_id IS NOT NULL GROUP BY 1, 2
        UNION ALL
        SELECT l.id, s.status, range_agg(s.valid) - coalesce(o.days, '{}')
        FROM recycling_processline l
        JOIN recycling_plantstatus s ON s.plant_id = l.plant_id AND s.line_id IS NULL
        LEFT JOIN own o ON o.line_id = l.id
        GROUP BY l.id, s.status, o.days
    ), told AS (
        SELECT line_id, range_agg(days) AS days FROM status GROUP BY 1
    ), silent AS (
        SELECT n.line_id, n.t_per_year, n.basis, n.confidence, lower(n.valid) IS NOT NULL AS began,
            datemultirange(n.valid) - coalesce(t.days, '{}') AS days
        FROM recycling_nameplate n LEFT JOIN told t ON t.line_id = n.line_id
    ), reported AS (
        SELECT line_id, range_agg(daterange(day, day + 1)) AS days FROM recycling_utilizationsnapshot
        WHERE processed_kg IS NOT NULL AND line_id IN (SELECT line_id FROM silent WHERE NOT began)
        GROUP BY 1
    ), state AS (
        SELECT n.line_id, n.t_per_year, n.basis, n.confidence, s.status, datemultirange(n.valid) * s.days AS days
        FROM recycling_nameplate n JOIN status s ON s.line_id = n.line_id
        UNION ALL
        SELECT line_id, t_per_year, basis, confidence, 'operating', days FROM silent WHERE began
        UNION ALL
        SELECT s.line_id, s.t_per_year, s.basis, s.confidence, x.status, x.days
        FROM silent s LEFT JOIN reported r ON r.line_id = s.line_id
        CROSS JOIN LATERAL (VALUES
            ('operating', s.days * coalesce(r.days, '{}')), ('', s.days - coalesce(r.days, '{}'))
        ) x (status, days)
        WHERE NOT s.began
    ), part AS (
        SELECT s.*, y.year, s.days * datemultirange(y.days) AS in_year, upper(y.days) - lower(y.days) AS whole,
            s.days @> upper(y.days) - 1 AS at_end
        FROM state s JOIN span y ON NOT isempty(s.days * datemultirange(y.days))
    )
    SELECT left(f.jurisdiction_id, %(length)s), l.stage, p.basis, f.is_simulated, p.year,
        p.status, p.confidence = 'S',
        sum(p.t_per_year * (SELECT sum(upper(r) - lower(r)) FROM unnest(p.in_year) r) / p.whole),
        coalesce(sum(p.t_per_year) FILTER (WHERE p.at_end), 0)
    FROM part p
    JOIN recycling_processline l ON l.id = p.line_id
    JOIN recycling_plant k ON k.id = l.plant_id
    JOIN collection_facility f ON f.id = k.facility_id
    GROUP BY 1, 2, 3, 4, 5, 6, 7
"""

_COLUMN = {
    "": "unknown_t",
    OperatingStatus.OPERATING: "operating_t",
    OperatingStatus.CURTAILED: "curtailed_t",
    OperatingStatus.PAUSED: "paused_t",
    OperatingStatus.PLANNED: "planned_t",
    OperatingStatus.BUILDING: "planned_t",
}


class Key(NamedTuple):
    """What capacity is added up by."""

    place: str
    stage: str
    basis: str
    is_simulated: bool
    year: int


@dataclass
class Capacity:
    """Tonnes that one stage of a place could take in (or make, as `basis` says) in a year, by what is known of them.

    `operating_t` and `curtailed_t` ran, or will if nothing changes; `at_end_t` is the yearly rate of both on the last day.
    `paused_t`, `planned_t` (nameplates of what is planned or being built) and `unknown_t` (of which nobody says whether it runs)
    stand beside them. `announced_t` was announced to start by then; what was announced without a year, `undated_t`, is
    in none. `unverified_t` is the part of all that ran, `announced_unverified_t` of what was announced and `undated_unverified_t` of
    what was announced without a year, that was not read in its source.

    `reporting_t` is the part of what ran of plants that reported here.
    """

    place: str
    stage: str
    basis: str
    is_simulated: bool
    year: int
    operating_t: Decimal = Decimal(0)
    curtailed_t: Decimal = Decimal(0)
    at_end_t: Decimal = Decimal(0)
    paused_t: Decimal = Decimal(0)
    planned_t: Decimal = Decimal(0)
    unknown_t: Decimal = Decimal(0)
    unverified_t: Decimal = Decimal(0)
    reporting_t: Decimal = Decimal(0)
    announced_t: Decimal = Decimal(0)
    undated_t: Decimal = Decimal(0)
    announced_unverified_t: Decimal = Decimal(0)
    undated_unverified_t: Decimal = Decimal(0)
    announced_without_figure: int = 0
    lines_without_nameplate: int = 0
    sources: list[str] = field(default_factory=list)

    @property
    def running_t(self) -> Decimal:
        return self.operating_t + self.curtailed_t

    @property
    def coverage(self) -> Decimal | None:
        """Which share of the capacity that ran is of plants that reported."""
        if not self.running_t:
            return None
        return (self.reporting_t / self.running_t).quantize(Decimal("0.000001"))

    @property
    def is_unverified(self) -> bool:
        return bool(self.unverified_t or self.announced_unverified_t or self.undated_unverified_t)


def capacities(first: int, last: int, *, by_country: bool = True) -> list[Capacity]:
    """Capacity of each place, stage and basis in the years from `first` to `last`: five statements."""
    length = 2 if by_country else 6
    found: dict[Key, Capacity] = {}

    def at(key: Key) -> Capacity:
        return found.setdefault(key, Capacity(*key))

    with connection.cursor() as cursor:
        cursor.execute(_NAMEPLATES, {"from": first, "to": last, "length": length})
        rows = cursor.fetchall()
    for place, stage, basis, is_simulated, year, status, is_verified, tonnes, at_end in rows:
        if status not in _COLUMN:  # closed
            continue
        row = at(Key(place, stage, basis, is_simulated, year))
        setattr(row, _COLUMN[status], getattr(row, _COLUMN[status]) + tonnes)
        if status in RUNNING:
            row.at_end_t += at_end
            row.unverified_t += 0 if is_verified else tonnes
    _add_reporting(found, first, last, length)
    for said in _announced():
        for year in range(first, last + 1):
            _add_announced(at(Key((said.jurisdiction_id or "")[:length], said.stage, said.basis, False, year)), said)
    for (place, stage, is_simulated), number in _unrated(length):
        for year in range(first, last + 1):
            at(Key(place, stage, Basis.INPUT, is_simulated, year)).lines_without_nameplate = number
    return sorted(found.values(), key=lambda row: (row.place, row.stage, row.basis, row.is_simulated, row.year))


def _add_reporting(found: dict[Key, Capacity], first: int, last: int, length: int) -> None:
    rows = (
        UtilizationSnapshot.objects.filter(
            day__year__gte=first, day__year__lte=last, processed_kg__isnull=False, status__in=RUNNING
        )
        .order_by()
        .annotate(place=Left("line__plant__facility__jurisdiction_id", length), year=ExtractYear("day"))
        .values_list("place", "line__stage", "basis", "line__plant__facility__is_simulated", "year")
        .annotate(kg=Sum("nameplate_kg"))
    )
    for *key, kg in rows:
        if kg and Key(*key) in found:
            found[Key(*key)].reporting_t += kg / 1000


def _announced() -> QuerySet[CapacityStatement]:
    return CapacityStatement.objects.filter(
        is_total=False, standing__in=(Standing.ANNOUNCED, Standing.BUILDING)
    ).order_by("pk")


def _add_announced(row: Capacity, said: CapacityStatement) -> None:
    if said.source not in row.sources:
        row.sources.append(said.source)
    unverified_t = Decimal(0) if Confidence(said.confidence).is_verified else said.t_per_year or Decimal(0)
    if said.t_per_year is None:
        row.announced_without_figure += 1
    elif said.year is None:
        row.undated_t += said.t_per_year
        row.undated_unverified_t += unverified_t
    elif said.year <= row.year:
        row.announced_t += said.t_per_year
        row.announced_unverified_t += unverified_t


def _unrated(length: int) -> Iterable[tuple[tuple[str, str, bool], int]]:
    """By place, stage, and whether it is simulated, how many lines have no nameplate: there is more than is known."""
    rows = (
        ProcessLine.objects.filter(nameplates=None)
        .order_by()
        .annotate(place=Left("plant__facility__jurisdiction_id", length))
        .values_list("place", "stage", "plant__facility__is_simulated")
        .annotate(n=Count("pk"))
    )
    return [((place, stage, is_simulated), number) for place, stage, is_simulated, number in rows]


@dataclass(frozen=True)
class Gap:
    """What comes back in a place and year, in tonnes, against what one stage there can take; simulated and real apart.

    `beyond_known_t` is what the middle of the forecast has beyond the capacity that is known to run, and with what was
    announced; below nothing, there is room. It says nothing of plants whose capacity nobody knows.
    """

    place: str
    stage: str
    year: int
    is_simulated: bool
    units: Decimal
    returns_t_long: Decimal
    returns_t: Decimal
    returns_t_short: Decimal
    assumed_share: Decimal
    unknown_share: Decimal
    running_t: Decimal
    announced_t: Decimal
    unknown_t: Decimal
    reporting_t: Decimal
    lines_without_nameplate: int
    is_unverified: bool

    @property
    def low_t(self) -> Decimal:
        return min(self.returns_t_long, self.returns_t, self.returns_t_short)

    @property
    def high_t(self) -> Decimal:
        return max(self.returns_t_long, self.returns_t, self.returns_t_short)

    @property
    def beyond_known_t(self) -> Decimal:
        return self.returns_t - self.running_t

    @property
    def beyond_announced_t(self) -> Decimal:
        return self.beyond_known_t - self.announced_t

    @property
    def coverage(self) -> Decimal | None:
        if not self.running_t:
            return None
        return (self.reporting_t / self.running_t).quantize(Decimal("0.000001"))


_SUMS = ("units", "kg_long", "kg", "kg_short")


def gaps(lines: QuerySet[Any], *, by_country: bool = True, stages: Iterable[str] = (Stage.PREPROCESS,)) -> list[Gap]:
    """What a forecast's `lines` say comes back, against the capacity of `stages` in the same place and year."""
    length = 2 if by_country else 6
    rows = list(
        lines.order_by()
        .annotate(place=Left("jurisdiction_id", length))
        .values("place", "year", "is_simulated")
        .annotate(
            *(Sum(name, default=Decimal(0)) for name in _SUMS),
            assumed=Sum(_times("assumed_share"), default=Decimal(0)),
            unknown=Sum(_times("unknown_share"), default=Decimal(0)),
        )
        .order_by("place", "is_simulated", "year")
    )
    if not rows:
        return []
    years = [row["year"] for row in rows]
    known: dict[tuple[Any, ...], Capacity] = {}
    for row in capacities(min(years), max(years), by_country=by_country):
        if row.basis == Basis.INPUT:
            known[row.place, row.stage, row.is_simulated, row.year] = row
    return [_gap(row, stage, known) for row in rows for stage in stages]


def _times(share: str) -> Any:
    return ExpressionWrapper(F(share) * F("units"), DecimalField(max_digits=24, decimal_places=9))


def _gap(row: dict[str, Any], stage: str, known: dict[tuple[Any, ...], Capacity]) -> Gap:
    key = Key(row["place"], stage, Basis.INPUT, row["is_simulated"], row["year"])
    there = known.get((key.place, key.stage, key.is_simulated, key.year)) or Capacity(*key)
    units = row["units__sum"]
    share = defaultdict(Decimal, {name: row[name] / units for name in ("assumed", "unknown")} if units else {})
    return Gap(
        place=key.place,
        stage=stage,
        year=key.year,
        is_simulated=key.is_simulated,
        units=units,
        returns_t_long=row["kg_long__sum"] / 1000,
        returns_t=row["kg__sum"] / 1000,
        returns_t_short=row["kg_short__sum"] / 1000,
        assumed_share=share["assumed"].quantize(Decimal("0.000001")),
        unknown_share=share["unknown"].quantize(Decimal("0.000001")),
        running_t=there.running_t,
        announced_t=there.announced_t,
        unknown_t=there.unknown_t,
        reporting_t=there.reporting_t,
        lines_without_nameplate=there.lines_without_nameplate,
        is_unverified=there.is_unverified,
    )
