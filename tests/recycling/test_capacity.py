"""Sums of capacity, judged day by day; and which plants can take what, where and when."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from collection.models import Facility
from recycling.models import (
    CapacityStatement,
    Nameplate,
    Outage,
    Plant,
    PlantStatus,
    ProcessLine,
    Stage,
    UtilizationSnapshot,
)
from recycling.queries.capacity import Capacity, capacities
from recycling.queries.free_capacity import free_capacity, monday_of
from tests.world import World

YEARS = range(2024, 2028)
COLUMN = {
    "operating": "operating_t", "curtailed": "curtailed_t", "paused": "paused_t", "planned": "planned_t",
    "building": "planned_t", "": "unknown_t",
}  # fmt: skip


def plant_of(world: World, name: str, **fields: Any) -> Plant:
    site = Facility.objects.create(
        operator=world.refiner, name=name, **{"jurisdiction": world.nv, "time_zone": world.nv.time_zone, **fields}
    )
    return Plant.objects.create(facility=site)


def line_of(plant: Plant, name: str = "Line", stage: str = Stage.PREPROCESS, **fields: Any) -> ProcessLine:
    return ProcessLine.objects.create(plant=plant, name=name, stage=stage, **fields)


def rated(line: ProcessLine, tonnes: int = 3650, start: date | None = date(2020, 1, 1), **fields: Any) -> Nameplate:
    return Nameplate.objects.create(
        line=line, t_per_year=tonnes, valid=(start, None), **{"source": "x", "confidence": "S", **fields}
    )


def said(world: World, **fields: Any) -> CapacityStatement:
    given = {
        "key": f"k{CapacityStatement.objects.count()}", "name": "Somewhere", "jurisdiction": world.nj, "stage": "preprocess",
        "standing": "announced", "basis": "input", "t_per_year": 100, "year": 2026, "source": "x", "confidence": "S", **fields,
    }  # fmt: skip
    return CapacityStatement.objects.create(**given)


def by_hand() -> dict[tuple[Any, ...], dict[str, Decimal]]:
    """Every nameplate on every day, one after the other."""
    sums: dict[tuple[Any, ...], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for plate in Nameplate.objects.select_related("line__plant__facility"):
        line = plate.line
        statuses = PlantStatus.objects.filter(plant=line.plant)
        spans = [*statuses.filter(line=line), *statuses.filter(line=None)]
        for year in YEARS:
            days = (date(year + 1, 1, 1) - date(year, 1, 1)).days
            for day in (date(year, 1, 1) + timedelta(days=n) for n in range(days)):
                if not _holds(plate.valid, day):
                    continue
                status = next((span.status for span in spans if _holds(span.valid, day)), None)
                if status is None:
                    status = "" if plate.valid.lower is None else "operating"
                if status != "closed":
                    place = line.plant.facility.jurisdiction_id[:2]
                    key = (place, line.stage, plate.basis, line.plant.facility.is_simulated, year)
                    sums[key][COLUMN[status]] += Decimal(plate.t_per_year) / days
                    if status in ("operating", "curtailed") and plate.confidence != "S":
                        sums[key]["unverified_t"] += Decimal(plate.t_per_year) / days
    return sums


def _holds(span: Any, day: date) -> bool:
    return (span.lower is None or span.lower <= day) and (span.upper is None or day < span.upper)


@pytest.mark.parametrize("seed", range(4))
def test_sums_are_those_of_every_day(world: World, seed: int) -> None:
    dice = random.Random(seed)
    for number in range(6):
        plant = plant_of(world, f"P{number}", is_simulated=dice.random() < 0.3)
        for name in ("A", "B"):
            line = line_of(plant, name, dice.choice([Stage.PREPROCESS, Stage.HYDRO]))
            start = dice.choice([None, date(2024, 1, 1) + timedelta(days=dice.randrange(1200))])
            rated(line, dice.randrange(1, 9000), start, confidence=dice.choice(["S", "S2"]))
        for of in (None, line):
            day = date(2024, 1, 1) + timedelta(days=dice.randrange(300))
            for _span in range(3):
                end = day + timedelta(days=dice.randrange(1, 400))
                PlantStatus.objects.create(
                    plant=plant, line=of, status=dice.choice([*filter(None, COLUMN), "closed"]), valid=(day, end), source="x"
                )  # fmt: skip
                day = end + timedelta(days=dice.choice([0, 40]))
    wanted = by_hand()
    found = {
        (row.place, row.stage, row.basis, row.is_simulated, row.year): row for row in capacities(YEARS[0], YEARS[-1])
    }
    assert {key for key, row in found.items() if not row.lines_without_nameplate} <= set(wanted) <= set(found)
    for key, row in found.items():
        for name in {*COLUMN.values(), "unverified_t"}:
            assert float(getattr(row, name)) == pytest.approx(float(wanted[key][name]), abs=1e-6), (key, name)


def in_new_jersey(first: int, last: int) -> list[Capacity]:
    return [row for row in capacities(first, last, by_country=False) if row.place == "US-NJ"]


def test_what_was_announced_counts_from_its_year(world: World) -> None:
    said(world)
    said(world, t_per_year=40, year=2027, standing="building", confidence="S2")
    said(world, t_per_year=None)
    said(world, t_per_year=9, standing="withdrawn")
    said(world, t_per_year=9, standing="paused")
    said(world, t_per_year=9, standing="started")
    said(world, is_total=True, t_per_year=99_999)
    rows = in_new_jersey(2025, 2027)
    assert [row.announced_t for row in rows] == [0, 100, 140]
    assert [row.announced_unverified_t for row in rows] == [0, 0, 40]
    assert [row.is_unverified for row in rows] == [False, False, True]
    assert {row.announced_without_figure for row in rows} == {1} and {row.running_t for row in rows} == {0}


@pytest.mark.parametrize(("confidence", "unverified"), [("S", 0), ("S2", 100)])
def test_undated_tonnes_are_in_no_year_and_flagged(world: World, confidence: str, unverified: int) -> None:
    said(world, year=None, confidence=confidence)
    (row,) = in_new_jersey(2030, 2030)
    assert (row.announced_t, row.undated_t, row.undated_unverified_t) == (0, 100, unverified)
    assert row.is_unverified is bool(unverified)


def test_no_more_reports_than_runs(world: World) -> None:
    """A plant of which no start-up and no status is known runs on the days that it reports; a line out of use does not."""
    plant = plant_of(world, "P", jurisdiction=world.nj)
    known, second = line_of(plant, "A"), line_of(plant, "B")
    rated(known, start=None)
    rated(second, start=None)
    for line in (known, second):
        for day in (date(2025, 4, 1), date(2025, 4, 2)):
            UtilizationSnapshot.objects.create(
                line=line, day=day, processed_kg=1, nameplate_kg=10_000, status="operating", computed_at=timezone.now()
            )
    (row,) = in_new_jersey(2025, 2025)
    assert (row.operating_t, row.unknown_t) == (40, 7260) and row.coverage == 1
    PlantStatus.objects.create(plant=plant, line=second, status="paused", valid=(date(2025, 1, 1), None), source="x")
    UtilizationSnapshot.objects.filter(line=second).update(status="paused")
    (row,) = in_new_jersey(2025, 2025)
    assert (row.operating_t, row.paused_t, row.reporting_t) == (20, 3650, 20)


def test_lines_without_a_nameplate_are_counted(world: World) -> None:
    plant = plant_of(world, "P", jurisdiction=world.nj)
    rated(line_of(plant, "A"))
    line_of(plant, "B")
    line_of(plant, "C", Stage.PYRO)
    row, pyro = in_new_jersey(2025, 2025)
    assert (row.operating_t, row.at_end_t, row.lines_without_nameplate, row.coverage) == (3650, 3650, 1, 0)
    assert (pyro.stage, pyro.basis, pyro.running_t, pyro.lines_without_nameplate) == (Stage.PYRO, "input", 0, 1)


def test_the_statements_do_not_grow(world: World) -> None:
    counts = []
    for start, end in ((0, 2), (2, 20)):
        for number in range(start, end):
            rated(line_of(near(world, f"P{number}")))
            said(world)
        with CaptureQueriesContext(connection) as sums:
            capacities(2025, 2030)
        with CaptureQueriesContext(connection) as free:
            asked(world)
        counts.append((len(sums), len(free)))
    assert counts[0] == counts[1]


def near(world: World, name: str, latitude: str = "39.5", **fields: Any) -> Plant:
    return plant_of(world, name, latitude=Decimal(latitude), longitude=Decimal(-119), **fields)


def asked(world: World, **fields: Any) -> dict[str, Any]:
    given = {
        "latitude": Decimal("39.5"), "longitude": Decimal(-119), "within_km": Decimal(100), "chemistry": world.nmc.pk,
        "condition": "intact", "monday": monday_of(timezone.now().date()) + timedelta(days=7), **fields,
    }  # fmt: skip
    return {row.plant_name: row for row in free_capacity(world.user(world.refiner), **given)}


def test_plants_beyond_the_distance_are_left_out(world: World) -> None:
    for name, latitude in (("Near", "40.3"), ("Far", "40.5")):
        line_of(near(world, name, latitude))
    assert set(asked(world)) & {"Near", "Far"} == {"Near"}
    # A degree of latitude is the earth's mean circumference / 360.
    assert asked(world)["Near"].km == pytest.approx(0.8 * 40030.2 / 360, abs=0.1)
    assert set(asked(world, within_km=Decimal(112))) >= {"Near", "Far"}


def test_lines_take_what_they_say(world: World) -> None:
    line_of(near(world, "Any"))
    line_of(near(world, "LFP")).chemistries.set([world.lfp])
    line_of(near(world, "Intact"), conditions=["intact"])
    line_of(near(world, "Hydro"), stage=Stage.HYDRO)
    line_of(near(world, "Idle"), is_active=False)
    ours = {"Any", "LFP", "Intact", "Hydro", "Idle"}
    assert set(asked(world)) & ours == {"Any", "Intact"}
    assert set(asked(world, chemistry=world.lfp.pk)) & ours == {"Any", "LFP", "Intact"}
    assert set(asked(world, condition="damaged")) & ours == {"Any"}
    assert not asked(world)["Any"].says_chemistries and asked(world, chemistry=world.lfp.pk)["LFP"].says_chemistries


def test_a_week_is_that_of_the_days_it_runs(world: World) -> None:
    plant = near(world, "P")
    monday = monday_of(timezone.now().date()) + timedelta(days=7)
    rated(line_of(plant), 365 if monday.year % 4 else 366)
    if (monday + timedelta(days=6)).year == monday.year:
        assert asked(world)["P"].week_kg == 7000
    PlantStatus.objects.create(
        plant=plant, status="paused", valid=(monday, monday + timedelta(days=3)), source="x", confidence="S"
    )
    if (monday + timedelta(days=6)).year == monday.year:
        assert asked(world)["P"].week_kg == 4000
    assert (asked(world)["P"].free_kg, asked(world)["P"].why) == (None, "not_reported")
    line_of(near(world, "Unrated"))
    assert asked(world)["Unrated"].free_kg is None


def test_outages_are_told_by_what_is_free_to_those_alone_who_may_read_them(world: World) -> None:
    plant = near(world, "P")
    line = line_of(plant)
    rated(line)
    monday = monday_of(timezone.now().date()) + timedelta(days=7)
    Outage.objects.create(line=line, days=(monday, monday + timedelta(days=7)), kind="planned")
    assert asked(world)["P"].week_kg == 0

    def read_by_a_stranger() -> Any:
        found = free_capacity(
            world.user(world.collector), latitude=Decimal("39.5"), longitude=Decimal(-119), within_km=Decimal(100),
            chemistry=world.nmc.pk, condition="intact", monday=monday,
        )  # fmt: skip
        return next(row for row in found if row.plant_name == "P")

    row = read_by_a_stranger()
    assert (row.week_kg, row.free_kg, row.why) == (None, None, "not_shown")
    Plant.objects.filter(pk=plant.pk).update(shows_free_capacity=True)
    assert read_by_a_stranger().week_kg == 0


def raw(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("t_per_year = 0", "capacity_statement_positive"),
        ("jurisdiction_id = NULL", "capacity_statement_of_site_or_total"),
        ("standing = 'running'", "capacity_statement_no_nameplate"),
    ],
)
def test_the_database_refuses_a_statement(world: World, change: str, constraint: str) -> None:
    said(world)
    with pytest.raises(IntegrityError, match=constraint):
        raw(f"UPDATE recycling_capacitystatement SET {change}")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("status = 'asleep'", "plant_status_known"),
        ("valid = daterange(NULL, '2030-01-01')", "plant_status_begins"),
        ("valid = daterange('2025-06-01', NULL)", "plant_statuses_apart"),
        ("line_id = (SELECT max(id) FROM recycling_processline)", "status of its own plant"),
    ],
)
def test_the_database_refuses_a_status(world: World, change: str, constraint: str) -> None:
    plant = plant_of(world, "P")
    line_of(plant_of(world, "Another"))
    for start, end in ((date(2024, 1, 1), date(2025, 1, 1)), (date(2026, 1, 1), None)):
        status = PlantStatus.objects.create(plant=plant, status="paused", valid=(start, end), source="x")
    pk = PlantStatus.objects.exclude(pk=status.pk).get(plant=plant).pk
    with pytest.raises(IntegrityError, match=constraint):
        raw(f"UPDATE recycling_plantstatus SET {change} WHERE id = {pk}")
