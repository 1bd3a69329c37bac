"""How full lines, plants, jurisdictions and countries are, and what is coming to them.

Stages and bases (mass charged, mass of products made) are dimensions of every answer: capacities of different stages,
or counted by different bases, are never added together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import connection, models
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Left, TruncMonth, TruncYear

from recycling.models import RUNNING, OperatingStatus, Stage, UtilizationDue, UtilizationSnapshot
from recycling.models.due_days import BRIDGED_DAYS, REPORTS_FOR_DAYS

#: The operating status of a line on a day: its own, else its plant's, else null.
STATUS_OF_DAY = """
    SELECT s.status FROM recycling_plantstatus s
    WHERE s.plant_id = {plant} AND (s.line_id IS NULL OR s.line_id = {line}) AND s.valid @> {day}
    ORDER BY s.line_id NULLS LAST LIMIT 1
"""

#: Days of a range of days for lines (`%(lines)s`; all, if it is null): what was processed, what could have been. `%(from)s` and
#: `%(to)s` are dates.
#:
#: A charge belongs to the day of its plant's time zone. A nameplate is per year, so a day's share is by the days of
#: that year. Of lots that were split only the whole counts, as it was made. Days that have not begun at the plant are
#: left out.
#:
#: A plant reports on a day if it opened a batch or weighed a shipment in then or in the month before, or before and after it
#: within a quarter, or said of a line that it stood still; what is not reported is not known, and not nothing. Whether a line
#: runs is what `PlantStatus` says; else it runs from its start-up on, and while it reports. What is planned, being built or closed
#: is no capacity; of what is paused nothing is available.
LINE_DAYS = f"""
    WITH site AS (
        SELECT l.id AS line_id, l.plant_id, f.time_zone, (now() AT TIME ZONE f.time_zone)::date AS today
        FROM recycling_processline l
        JOIN recycling_plant p ON p.id = l.plant_id
        JOIN collection_facility f ON f.id = p.facility_id
        WHERE %(lines)s::bigint[] IS NULL OR l.id = ANY (%(lines)s)
    ), line_day AS (
        SELECT s.line_id, s.plant_id, s.time_zone, d.day::date AS day
        FROM site s
        CROSS JOIN LATERAL generate_series(
            %(from)s::date, least(%(to)s::date, s.today), interval '1 day'
        ) AS d (day)
    ), charged AS (
        SELECT s.line_id, (c.charged_at AT TIME ZONE s.time_zone)::date AS day, sum(c.mass_kg) AS kg
        FROM recycling_charge c
        JOIN recycling_batch b ON b.id = c.batch_id AND b.status <> 'void'
        JOIN site s ON s.line_id = b.line_id
        WHERE c.charged_at >= %(from)s::date - 2 AND c.charged_at < %(to)s::date + 3
        GROUP BY 1, 2
    ), made AS (
        SELECT s.line_id, (t.made_at AT TIME ZONE s.time_zone)::date AS day, sum(t.mass_kg) AS kg
        FROM recycling_output o
        JOIN recycling_batch b ON b.id = o.batch_id AND b.status <> 'void'
        JOIN site s ON s.line_id = b.line_id
        JOIN collection_lot t ON t.id = o.lot_id AND t.split_from_id IS NULL AND t.status <> 'void'
        JOIN collection_material m ON m.code = t.material_id AND m.kind = 'product'
        WHERE t.made_at >= %(from)s::date - 2 AND t.made_at < %(to)s::date + 3
        GROUP BY 1, 2
    ), record AS (
        SELECT s.plant_id, (x.at AT TIME ZONE s.time_zone)::date AS day
        FROM (SELECT DISTINCT plant_id, time_zone FROM site) s
        CROSS JOIN LATERAL (
            SELECT b.started_at AS at
            FROM recycling_processline l JOIN recycling_batch b ON b.line_id = l.id WHERE l.plant_id = s.plant_id
            UNION ALL
            SELECT i.weighed_at FROM recycling_intake i WHERE i.plant_id = s.plant_id
        ) x
        WHERE x.at >= %(from)s::date - {BRIDGED_DAYS + 2} AND x.at < %(to)s::date + {BRIDGED_DAYS + 3}
    ), heard AS (
        SELECT x.plant_id, range_agg(daterange(x.day, CASE
            WHEN x.next <= x.day + {BRIDGED_DAYS} THEN x.next ELSE x.day + {REPORTS_FOR_DAYS} END)) AS days
        FROM (SELECT r.*, lead(r.day) OVER (PARTITION BY r.plant_id ORDER BY r.day) AS next FROM record r) x
        GROUP BY 1
    ), rated AS (
        SELECT d.line_id, d.day, coalesce(n.basis, 'input') AS basis, n.kg, coalesce(o.share, 0) AS out, w.did_report,
            coalesce(s.status, CASE WHEN n.began OR w.did_report THEN 'operating' ELSE '' END) AS status, w.kg AS processed
        FROM line_day d
        LEFT JOIN LATERAL (
            SELECT n.basis, lower(n.valid) IS NOT NULL AS began, round(n.t_per_year * 1000 / (
                make_date(extract(year FROM d.day)::int + 1, 1, 1) - make_date(extract(year FROM d.day)::int, 1, 1)
            ), 6) AS kg
            FROM recycling_nameplate n WHERE n.line_id = d.line_id AND n.valid @> d.day
        ) n ON true
        LEFT JOIN recycling_outage o ON o.line_id = d.line_id AND o.days @> d.day
        LEFT JOIN LATERAL ({STATUS_OF_DAY.format(plant="d.plant_id", line="d.line_id", day="d.day")}) s ON true
        LEFT JOIN charged c ON c.line_id = d.line_id AND c.day = d.day
        LEFT JOIN made m ON m.line_id = d.line_id AND m.day = d.day
        LEFT JOIN heard h ON h.plant_id = d.plant_id
        CROSS JOIN LATERAL (
            SELECT CASE n.basis WHEN 'output' THEN m.kg ELSE c.kg END AS kg,
                o.id IS NOT NULL OR c.kg IS NOT NULL OR m.kg IS NOT NULL OR coalesce(h.days @> d.day, false) AS did_report
        ) w
    )
    SELECT r.line_id, r.day, r.basis, r.status,
        CASE WHEN r.did_report THEN coalesce(r.processed, 0) END AS processed_kg,
        CASE WHEN r.status IN ('planned', 'building', 'closed') THEN 0 * r.kg ELSE r.kg END AS nameplate_kg,
        CASE WHEN r.status IN ('operating', 'curtailed') THEN round(r.kg * (1 - r.out), 6) WHEN r.status <> '' THEN 0 * r.kg END
            AS available_kg
    FROM rated r
"""  # noqa: S608 - composed of constants


class Level(StrEnum):
    """What utilization is added up to."""

    LINE = "line"
    PLANT = "plant"
    JURISDICTION = "jurisdiction"
    COUNTRY = "country"


class Period(StrEnum):
    """Over what time."""

    DAY = "day"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True)
class Load:
    """How full something was in a period, in one stage and counted by one basis, simulated or real.

    `nameplate_kg` is the capacity that is known to have run (operating or curtailed, of which `curtailed_kg`);
    `paused_kg` and `unknown_kg` (of which nobody says whether it ran) stand beside it. `reporting_kg` is the part of it of plants that
    reported, `coverage` its share: of all else it is not known how full it was. `processed_kg` is empty where none did.

    `utilization` is the mass processed on reported days with a known capacity / the capacity available on them (nameplate
    less outages); empty where none is known or none was available. Above 1 it is flagged, never clipped.
    """

    level: str
    key: str
    name: str
    stage: str
    basis: str
    is_simulated: bool
    period: str
    start: date
    processed_kg: Decimal | None
    rated_processed_kg: Decimal
    nameplate_kg: Decimal | None
    curtailed_kg: Decimal
    paused_kg: Decimal
    unknown_kg: Decimal
    reporting_kg: Decimal
    available_kg: Decimal | None
    lines: int
    lines_reporting: int
    lines_without_nameplate: int
    lines_due: int
    days: int

    @property
    def is_reported(self) -> bool:
        return self.processed_kg is not None

    @property
    def coverage(self) -> Decimal | None:
        """Which share of the capacity that is known to have run is of plants that reported."""
        if not self.nameplate_kg:
            return None
        return (self.reporting_kg / self.nameplate_kg).quantize(Decimal("0.000001"))

    @property
    def utilization(self) -> Decimal | None:
        if not self.available_kg:
            return None
        return (self.rated_processed_kg / self.available_kg).quantize(Decimal("0.000001"))

    @property
    def is_over(self) -> bool:
        """Whether more was processed than could have been."""
        return self.available_kg is not None and self.rated_processed_kg > self.available_kg


_KEYS: dict[Level, tuple[Any, Any]] = {
    Level.LINE: ("line_id", "line__name"),
    Level.PLANT: ("line__plant_id", "line__plant__facility__name"),
    Level.JURISDICTION: ("line__plant__facility__jurisdiction_id", "line__plant__facility__jurisdiction__name"),
    Level.COUNTRY: (
        Left("line__plant__facility__jurisdiction_id", 2),
        Left("line__plant__facility__jurisdiction_id", 2),
    ),
}
_STARTS: dict[Period, Any] = {
    Period.DAY: models.F("day"),
    Period.MONTH: TruncMonth("day"),
    Period.YEAR: TruncYear("day"),
}


_SIMULATED = "line__plant__facility__is_simulated"


def rolled_up(rows: QuerySet[UtilizationSnapshot], *, level: Level, period: Period) -> QuerySet[Any, Any]:
    """`rows` added up by level, stage, basis and period, simulated and real apart; in no order yet. `load_of` reads a row
    of it.
    """
    key, name = _KEYS[level]
    reported, runs = Q(processed_kg__isnull=False), Q(status__in=RUNNING)
    rated = reported & Q(available_kg__isnull=False)
    due = UtilizationDue.objects.filter(line=OuterRef("line"), month=OuterRef("in_month"))
    return (
        rows.order_by()
        .alias(in_month=TruncMonth("day"))
        .annotate(
            of=models.F(key) if isinstance(key, str) else key,
            called=models.F(name) if isinstance(name, str) else name,
            stage=models.F("line__stage"),
            simulated=models.F(_SIMULATED),
            start=_STARTS[period],
        )
        .values("of", "called", "stage", "basis", "simulated", "start")
        .annotate(
            processed=Sum("processed_kg"),
            rated_processed=Sum("processed_kg", filter=rated, default=Decimal(0)),
            nameplate=Sum("nameplate_kg", filter=runs),
            curtailed=Sum("nameplate_kg", filter=Q(status=OperatingStatus.CURTAILED), default=Decimal(0)),
            paused=Sum("nameplate_kg", filter=Q(status=OperatingStatus.PAUSED), default=Decimal(0)),
            unknown=Sum("nameplate_kg", filter=Q(status=""), default=Decimal(0)),
            reporting=Sum("nameplate_kg", filter=runs & reported, default=Decimal(0)),
            available=Sum("available_kg", filter=reported),
            lines=Count("line", distinct=True),
            reporters=Count("line", distinct=True, filter=reported),
            unrated=Count("line", distinct=True, filter=Q(nameplate_kg__isnull=True)),
            due=Count("line", distinct=True, filter=Exists(due)),
            days=Count("day", distinct=True),
        )
    )


def load_of(row: dict[str, Any], *, level: Level, period: Period) -> Load:
    """A row of `rolled_up`."""
    return Load(
        level=level,
        key=str(row["of"]),
        name=str(row["called"]),
        stage=row["stage"],
        basis=row["basis"],
        is_simulated=row["simulated"],
        period=period,
        start=row["start"],
        processed_kg=row["processed"],
        rated_processed_kg=row["rated_processed"],
        nameplate_kg=row["nameplate"],
        curtailed_kg=row["curtailed"],
        paused_kg=row["paused"],
        unknown_kg=row["unknown"],
        reporting_kg=row["reporting"],
        available_kg=row["available"],
        lines=row["lines"],
        lines_reporting=row["reporters"],
        lines_without_nameplate=row["unrated"],
        lines_due=row["due"],
        days=row["days"],
    )


def loads(rows: QuerySet[UtilizationSnapshot], *, level: Level, period: Period) -> list[Load]:
    """`rows` added up, in one statement: newest period first, then by name and stage."""
    together = rolled_up(rows, level=level, period=period).order_by(
        "-start", "called", "of", "stage", "basis", "simulated"
    )
    return [load_of(row, level=level, period=period) for row in together]


def newest_day(rows: QuerySet[UtilizationSnapshot]) -> date | None:
    """The last day that utilization is known for."""
    newest: date | None = rows.aggregate(newest=Max("day"))["newest"]
    return newest


#: What is on site and waiting, on its way, and scheduled, for every plant, in batteries and in lots of intermediates.
#: Kilograms are of what has a mass; what has none is counted in `unweighed`.
BACKLOG = """
    WITH coming AS (
        SELECT b.facility_id, 'batteries' AS feed, 'waiting' AS state, b.mass_kg AS kg
        FROM collection_battery b WHERE b.status = 'at_facility'
        UNION ALL
        SELECT t.facility_id, 'lots', 'waiting', t.mass_kg
        FROM collection_lot t
        JOIN collection_material m ON m.code = t.material_id AND m.kind = 'intermediate'
        WHERE t.status = 'in_stock'
        UNION ALL
        SELECT s.destination_id, CASE WHEN n.lot_id IS NULL THEN 'batteries' ELSE 'lots' END,
            CASE s.status WHEN 'ready' THEN 'scheduled' ELSE 'in_transit' END,
            coalesce(n.declared_kg, b.mass_kg, t.mass_kg)
        FROM collection_shipment s
        JOIN collection_shipmentline n ON n.shipment_id = s.id AND n.outcome = 'open'
        LEFT JOIN collection_battery b ON b.id = n.battery_id
        LEFT JOIN collection_lot t ON t.id = n.lot_id
        LEFT JOIN collection_material m ON m.code = t.material_id
        WHERE s.status IN ('ready', 'in_transit', 'arrived') AND (n.lot_id IS NULL OR m.kind = 'intermediate')
        UNION ALL
        SELECT k.destination_id, 'batteries', 'scheduled', b.mass_kg
        FROM collection_pickup k
        JOIN collection_pickupbattery n ON n.pickup_id = k.id AND n.is_open
        JOIN collection_battery b ON b.id = n.battery_id
        WHERE k.status = 'scheduled'
        UNION ALL
        SELECT k.destination_id, 'batteries', 'scheduled', NULL
        FROM collection_pickup k
        CROSS JOIN LATERAL generate_series(1, k.packs_expected - (
            SELECT count(*) FROM collection_pickupbattery n WHERE n.pickup_id = k.id AND n.is_open
        )) unannounced
        WHERE k.status = 'scheduled'
    )
    SELECT p.id AS plant_id, (now() AT TIME ZONE f.time_zone)::date AS day, feeds.feed,
        coalesce(sum(c.kg) FILTER (WHERE c.state = 'waiting'), 0) AS waiting_kg,
        coalesce(sum(c.kg) FILTER (WHERE c.state = 'in_transit'), 0) AS in_transit_kg,
        coalesce(sum(c.kg) FILTER (WHERE c.state = 'scheduled'), 0) AS scheduled_kg,
        count(c.state) FILTER (WHERE c.kg IS NULL) AS unweighed
    FROM recycling_plant p
    JOIN collection_facility f ON f.id = p.facility_id
    CROSS JOIN (VALUES ('batteries'), ('lots')) AS feeds (feed)
    LEFT JOIN coming c ON c.facility_id = p.facility_id AND c.feed = feeds.feed
    WHERE %(plants)s::bigint[] IS NULL OR p.id = ANY (%(plants)s)
    GROUP BY 1, 2, 3
"""


class Daily(NamedTuple):
    """The nameplate of one stage of a plant as it is today, per day."""

    plant: int
    stage: str
    kg: Decimal


_DAILY = f"""
    SELECT l.plant_id, l.stage, sum(n.t_per_year * 1000 / (
        make_date(extract(year FROM t.day)::int + 1, 1, 1) - make_date(extract(year FROM t.day)::int, 1, 1)))
    FROM recycling_processline l
    JOIN recycling_plant p ON p.id = l.plant_id
    JOIN collection_facility f ON f.id = p.facility_id
    CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE f.time_zone)::date AS day) t
    JOIN recycling_nameplate n ON n.line_id = l.id AND n.basis = 'input' AND n.valid @> t.day
    LEFT JOIN LATERAL ({STATUS_OF_DAY.format(plant="p.id", line="l.id", day="t.day")}) s ON true
    WHERE l.is_active AND coalesce(s.status, 'operating') IN ('operating', 'curtailed')
        AND (%(plants)s::bigint[] IS NULL OR l.plant_id = ANY (%(plants)s))
    GROUP BY 1, 2
"""  # noqa: S608 - composed of constants

#: Which stage takes what comes in, first choice first: a pack goes through the earliest step that a plant has.
_TAKES = {
    "batteries": (Stage.DISCHARGE, Stage.DISMANTLE, Stage.PREPROCESS, Stage.PYRO, Stage.DIRECT),
    "lots": (Stage.HYDRO, Stage.REFINE, Stage.PYRO, Stage.DIRECT),
}


@dataclass(frozen=True)
class Backlog:
    """What is waiting at a plant and coming to it.

    `days` is the waiting mass / the daily nameplate of the stage that takes it (`stage`); empty where it is not known.
    """

    plant: int
    day: date
    feed: str
    waiting_kg: Decimal
    in_transit_kg: Decimal
    scheduled_kg: Decimal
    unweighed: int
    stage: str
    daily_kg: Decimal | None

    @property
    def days(self) -> Decimal | None:
        if not self.daily_kg:
            return None
        return (self.waiting_kg / self.daily_kg).quantize(Decimal("0.01"))


def backlog(plants: Sequence[int] | None = None) -> list[Backlog]:
    """The backlog of `plants` (of all, if `None`) as it is now: two statements."""
    values = {"plants": None if plants is None else list(plants)}
    with connection.cursor() as cursor:
        cursor.execute(_DAILY, values)
        daily = {(row.plant, row.stage): row.kg for row in map(Daily._make, cursor.fetchall())}
        cursor.execute(f"{BACKLOG} ORDER BY 1, 3", values)
        rows = cursor.fetchall()
    found = []
    for plant, day, feed, waiting, in_transit, scheduled, unweighed in rows:
        stage = next((stage for stage in _TAKES[feed] if (plant, stage) in daily), "")
        found.append(
            Backlog(plant, day, feed, waiting, in_transit, scheduled, unweighed, stage, daily.get((plant, stage)))
        )
    return found
