"""Which plants within a distance can take a chemistry and condition in a week, and how much they could still take.

How much is free in a week: of what the line can take from today to the end of that week, what is left once all that waits on
site, is in transit and scheduled today was worked off; no more than the week's own capacity. It is known of plants that report,
and told of those that show it, one's own, and those that one regulates.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.models import User
from recycling.models import Plant
from recycling.models.due_days import REPORTS_FOR_DAYS
from recycling.queries.capacity import TAKES_BATTERIES
from recycling.queries.utilization import STATUS_OF_DAY, backlog

#: Mean radius of the earth (IUGG), km. Distances are great circles, not roads.
EARTH_KM = 6371.0088

#: Lines that take batteries and accept these, at plants within the distance, with what each can take from today on to the
#: end of the week and within the week, by nameplates (counted by input), outages and statuses.
_LINES = f"""
    WITH here AS (
        SELECT p.id AS plant_id, f.id AS facility_id, f.name, f.is_simulated, f.jurisdiction_id,
            (now() AT TIME ZONE f.time_zone)::date AS today, EXISTS (
                SELECT FROM recycling_processline k JOIN recycling_batch b ON b.line_id = k.id
                WHERE k.plant_id = p.id AND b.started_at > now() - interval '{REPORTS_FOR_DAYS} days'
                UNION ALL
                SELECT FROM recycling_intake i
                WHERE i.plant_id = p.id AND i.weighed_at > now() - interval '{REPORTS_FOR_DAYS} days'
            ) AS reports, 2 * {EARTH_KM} * asin(least(1, sqrt(
                power(sin(radians(f.latitude - %(latitude)s) / 2), 2)
                + cos(radians(f.latitude)) * cos(radians(%(latitude)s)) * power(sin(radians(f.longitude - %(longitude)s) / 2), 2)
            ))) AS km
        FROM recycling_plant p JOIN collection_facility f ON f.id = p.facility_id
        WHERE f.latitude IS NOT NULL
    ), line AS (
        SELECT h.*, l.id AS line_id, l.name AS line_name, l.stage, cardinality(l.conditions) > 0 AS says_conditions,
            EXISTS (SELECT FROM recycling_processline_chemistries c WHERE c.processline_id = l.id) AS says_chemistries
        FROM here h JOIN recycling_processline l ON l.plant_id = h.plant_id
        WHERE h.km <= %(km)s AND l.is_active AND l.stage = ANY (%(stages)s)
            AND (cardinality(l.conditions) = 0 OR %(condition)s = ANY (l.conditions))
            AND (NOT EXISTS (SELECT FROM recycling_processline_chemistries c WHERE c.processline_id = l.id)
                OR EXISTS (
                    SELECT FROM recycling_processline_chemistries c
                    WHERE c.processline_id = l.id AND c.chemistry_id = %(chemistry)s
                ))
    ), line_day AS (
        SELECT l.line_id, d.day::date AS day, coalesce(
                s.status, CASE WHEN lower(n.valid) IS NOT NULL OR l.reports THEN 'operating' ELSE '' END
            ) AS status,
            n.t_per_year * 1000 / (
                make_date(extract(year FROM d.day)::int + 1, 1, 1) - make_date(extract(year FROM d.day)::int, 1, 1)
            ) * (1 - coalesce(o.share, 0)) AS kg
        FROM line l
        CROSS JOIN LATERAL generate_series(l.today, %(monday)s::date + 6, interval '1 day') d (day)
        LEFT JOIN recycling_nameplate n ON n.line_id = l.line_id AND n.basis = 'input' AND n.valid @> d.day::date
        LEFT JOIN recycling_outage o ON o.line_id = l.line_id AND o.days @> d.day::date
        LEFT JOIN LATERAL ({STATUS_OF_DAY.format(plant="l.plant_id", line="l.line_id", day="d.day::date")}) s ON true
    )
    SELECT l.plant_id, l.facility_id, l.name, l.jurisdiction_id, l.is_simulated, l.km::float8, l.line_id, l.line_name, l.stage,
        l.says_chemistries, l.says_conditions, max(d.status) FILTER (WHERE d.day = %(monday)s::date + 6),
        sum(d.kg) FILTER (WHERE d.status IN ('operating', 'curtailed')),
        sum(d.kg) FILTER (WHERE d.status IN ('operating', 'curtailed') AND d.day >= %(monday)s::date), l.reports
    FROM line l LEFT JOIN line_day d ON d.line_id = l.line_id
    GROUP BY l.plant_id, l.facility_id, l.name, l.jurisdiction_id, l.is_simulated, l.km, l.line_id, l.line_name, l.stage,
        l.says_chemistries, l.says_conditions, l.reports
    ORDER BY l.km, l.line_id
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class Free:
    """A stage of a plant that could take it. `free_kg` is empty where it is not known or not told: `why` says which.

    `week_kg` is less outages, which are the operator's own: it is told as `free_kg` is.
    """

    plant: int
    plant_name: str
    facility: int
    jurisdiction: str
    is_simulated: bool
    km: float
    stage: str
    status: str
    lines: list[str]
    says_chemistries: bool
    says_conditions: bool
    week_kg: Decimal | None
    backlog_kg: Decimal | None
    unweighed: int | None
    free_kg: Decimal | None
    why: str

    def can_take(self, kg: Decimal) -> bool | None:
        """Whether it could take so much; `None` where that is not known."""
        return None if self.free_kg is None else self.free_kg >= kg


#: Why it is not told how much is free.
NOT_SHOWN, NOT_REPORTED, NO_NAMEPLATE, NOT_RUNNING, RUN_UNKNOWN = (
    "not_shown", "not_reported", "no_nameplate", "not_running", "run_unknown",
)  # fmt: skip


def free_capacity(
    user: User,
    *,
    latitude: Decimal,
    longitude: Decimal,
    within_km: Decimal,
    chemistry: str,
    condition: str,
    monday: date,
) -> list[Free]:
    """The stages of plants that take batteries of this chemistry and condition, by how much they could still take in the week
    of `monday` (those of which that is known first), then by distance: four statements.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _LINES,
            {
                "latitude": latitude, "longitude": longitude, "km": within_km, "chemistry": chemistry,
                "condition": condition, "monday": monday, "stages": [str(stage) for stage in TAKES_BATTERIES],
            },
        )  # fmt: skip
        rows = cursor.fetchall()
    plants = {row[0] for row in rows}
    told = set(Plant.objects.reported_to(user).filter(pk__in=plants).values_list("pk", flat=True))
    told |= set(Plant.objects.filter(pk__in=plants, shows_free_capacity=True).values_list("pk", flat=True))
    waits = {row.plant: row for row in backlog(sorted(plants)) if row.feed == "batteries"} if plants else {}
    by_stage: dict[tuple[int, str], list[Any]] = {}
    for row in rows:
        by_stage.setdefault((row[0], row[8]), []).append(row)
    found = [_free(lines, waits.get(plant), plant in told) for (plant, _stage), lines in by_stage.items()]
    return sorted(found, key=lambda row: (row.free_kg is None, -(row.free_kg or 0), row.km, row.plant, row.stage))


def _free(lines: list[Any], waiting: Any, is_told: bool) -> Free:
    plant, facility, name, place, is_simulated, km, _line, _name, stage, *_rest = lines[0]
    until = [row[12] for row in lines if row[12] is not None]
    in_week = [row[13] for row in lines if row[13] is not None]
    week = sum(in_week, Decimal(0)).quantize(Decimal("0.001")) if in_week else None
    statuses = {row[11] or "" for row in lines}
    status = "operating" if "operating" in statuses else max(statuses)
    why, free, waits = "", None, None
    if week is None:
        why = (
            RUN_UNKNOWN if statuses == {""} else NO_NAMEPLATE if statuses & {"operating", "curtailed"} else NOT_RUNNING
        )
    elif not is_told:
        why = NOT_SHOWN
    elif not any(row[14] for row in lines):
        why = NOT_REPORTED
    else:
        # All that comes is taken to go through the first stage that takes batteries, as in the backlog.
        is_first = waiting.stage in ("", stage)
        waits = waiting.waiting_kg + waiting.in_transit_kg + waiting.scheduled_kg if is_first else Decimal(0)
        left = max(Decimal(0), sum(until, Decimal(0)) - waits).quantize(Decimal("0.001"))
        free = min(week, left)
    return Free(
        plant=plant, plant_name=name, facility=facility, jurisdiction=place, is_simulated=is_simulated, km=round(km, 1),
        stage=stage, status=status, lines=[row[7] for row in lines], says_chemistries=all(row[9] for row in lines),
        says_conditions=all(row[10] for row in lines), week_kg=week if is_told else None,
        backlog_kg=waits, unweighed=waiting.unweighed if waits is not None else None, free_kg=free, why=why,
    )  # fmt: skip


def monday_of(day: date) -> date:
    """The first day of the ISO week of `day`."""
    return day - timedelta(days=day.weekday())
