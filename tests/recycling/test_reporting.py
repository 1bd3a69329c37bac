"""No data is not zero, capacity that does not run is none, and simulated is never added to real."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import Battery, Facility
from recycling.models import (
    Intake,
    Nameplate,
    Outage,
    Plant,
    PlantStatus,
    ProcessLine,
    Stage,
    UtilizationDue,
    UtilizationSnapshot,
)
from recycling.queries.utilization import Level, Load, Period, backlog, loads
from recycling.services import charges, plants, utilization
from tests import records
from tests.recycling import chains
from tests.recycling.chain import at, process
from tests.refusals import refused
from tests.world import World, batteries_at

APRIL = date(2025, 4, 1)


def computed(world: World, start: date = APRIL, end: date = APRIL) -> None:
    run = utilization.request(actor=world.actor(world.recycler), from_day=start, to_day=end)
    assert utilization.run(run.pk)


def line_of(world: World, name: str, tonnes: int = 3650, *, is_simulated: bool = False, **fields: Any) -> ProcessLine:
    """A line for shredding 10 t a day at a plant of its own in Nevada."""
    site = Facility.objects.create(
        operator=world.refiner,
        name=name,
        jurisdiction=world.nv,
        time_zone=world.nv.time_zone,
        is_simulated=is_simulated,
    )
    line = ProcessLine.objects.create(
        plant=Plant.objects.create(facility=site), name="Line", stage=Stage.PREPROCESS, **fields
    )
    Nameplate.objects.create(line=line, t_per_year=tonnes, valid=(date(2020, 1, 1), None), source="x")
    return line


def shredded(world: World, packs: int = 10, when: Any = None) -> None:
    process(
        world, world.shredder, packs=batteries_at(world, world.plant_site, packs, at=at(2025, 3, 1)),
        charged_at=when or at(2025, 4, 1),
    )  # fmt: skip


def of_country(is_simulated: bool = False) -> Load:
    (load,) = [
        load
        for load in loads(UtilizationSnapshot.objects.all(), level=Level.COUNTRY, period=Period.YEAR)
        if (load.key, load.stage, load.is_simulated) == ("US", "preprocess", is_simulated)
    ]
    return load


def said(plant: Plant, status: str, *valid: date | None, line: ProcessLine | None = None) -> PlantStatus:
    return PlantStatus.objects.create(plant=plant, line=line, status=status, valid=valid, source="x", confidence="S")


# Not reported


def test_a_plant_that_does_not_report_is_not_idle(world: World) -> None:
    """Two plants of 10 t a day; one shreds 4 t, of the other nothing is known: 40 % of the half that is known, not 20 %."""
    silent = line_of(world, "Silent")
    shredded(world)
    computed(world)
    row = UtilizationSnapshot.objects.get(line=silent)
    assert (row.processed_kg, row.nameplate_kg) == (None, 10_000)
    load = of_country()
    assert (load.processed_kg, load.available_kg, load.utilization) == (4000, 10_000, Decimal("0.4"))
    assert (load.nameplate_kg, load.reporting_kg, load.coverage) == (20_000, 10_000, Decimal("0.5"))
    assert (load.lines, load.lines_reporting) == (2, 1)


def test_where_nobody_reports_nothing_is_said(world: World) -> None:
    computed(world)
    load = of_country()
    assert (load.processed_kg, load.utilization, load.coverage, load.is_reported) == (None, None, 0, False)
    assert not load.is_over


def test_how_long_a_plant_reports(world: World) -> None:
    """For the day of a batch and thirty more, and while the operator says that a line stands still."""
    shredded(world)
    Outage.objects.create(line=world.shredder, days=(date(2025, 7, 1), date(2025, 7, 3)), kind="planned")
    computed(world, date(2025, 3, 1), date(2025, 7, 31))
    days = UtilizationSnapshot.objects.filter(line=world.shredder, processed_kg__isnull=False).order_by("day")
    found = [row.day for row in days]
    assert found[0] == APRIL and found[30] == date(2025, 5, 1)
    assert found[31:] == [date(2025, 7, 1), date(2025, 7, 2)]


@pytest.mark.parametrize(("next_batch", "reported"), [(date(2025, 7, 2), 93), (date(2025, 7, 3), 32)])
def test_between_two_batches_of_a_quarter_a_plant_reports(world: World, next_batch: date, reported: int) -> None:
    """It kept its books and did nothing; after a longer silence nothing is known of the time between."""
    shredded(world, 1)
    shredded(world, 1, at(next_batch.year, next_batch.month, next_batch.day))
    computed(world, APRIL, next_batch)
    days = UtilizationSnapshot.objects.filter(line=world.shredder, processed_kg__isnull=False)
    assert days.count() == reported


def test_a_plant_that_weighs_in_reports(world: World) -> None:
    """Between two campaigns a plant opens no batch for months, and is no plant of which nothing is known."""
    weighed = records.intake(world)
    first = weighed.weighed_at.astimezone(ZoneInfo(world.plant_site.time_zone)).date()

    def reported() -> list[date]:
        rows = UtilizationSnapshot.objects.filter(line=world.shredder, processed_kg=0).order_by("day")
        return list(rows.values_list("day", flat=True))

    computed(world, first - timedelta(days=3), first + timedelta(days=2))
    assert reported() == [first + timedelta(days=n) for n in range(3)]
    UtilizationDue.objects.all().delete()
    Intake.objects.filter(pk=weighed.pk).update(weighed_at=weighed.weighed_at - timedelta(days=1))
    utilization.refresh_due()
    assert reported()[0] == first - timedelta(days=1)


def test_a_batch_of_months_reports_while_it_is_charged(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    shredded(world, 1)
    batch = world.shredder.batches.get()
    from recycling.services import inspections
    from recycling.services.inspections import Triage

    inspections.inspect_many(
        actor=world.actor(world.recycler), plant=world.plant, inspected_at=at(2025, 3, 2),
        inspections=[Triage(battery=packs[0].pk, decision="recycle")],
    )  # fmt: skip
    charges.charge(actor=world.actor(world.recycler), batch=batch, charged_at=at(2025, 8, 1), batteries=[packs[0].pk])
    computed(world, date(2025, 7, 31), date(2025, 8, 2))
    kg = UtilizationSnapshot.objects.filter(line=world.shredder).order_by("day").values_list("processed_kg", flat=True)
    assert list(kg) == [None, 400, None]


def test_the_pages_say_that_it_was_not_reported(world: World, client: Client) -> None:
    computed(world)
    client.force_login(world.user(world.recycler))
    page = client.get("/admin/recycling/utilizationsnapshot/").content.decode()
    assert "not reported" in page and "0.0 %" not in page
    assert "not reported" in client.get("/admin/").content.decode()


def test_the_export_says_what_it_rests_on(world: World) -> None:
    line_of(world, "Silent")
    line_of(world, "Model plant", is_simulated=True)
    shredded(world)
    computed(world)
    api = APIClient()
    api.force_authenticate(world.user(world.federal))
    answer = api.get("/api/v1/utilization/csv/", {"level": "country", "period": "year"})
    header, *rows = b"".join(answer.streaming_content).decode().splitlines()
    found = [dict(zip(header.split(","), row.split(","), strict=True)) for row in rows]
    real = next(row for row in found if row["stage"] == "preprocess" and row["is_simulated"] == "false")
    simulated = next(row for row in found if row["is_simulated"] == "true")
    assert (real["coverage"], real["utilization"], real["is_reported"]) == ("0.500000", "0.400000", "true")
    assert (simulated["processed_kg"], simulated["is_reported"]) == ("", "false")
    assert 'filename="simulated-utilization.csv"' in answer["Content-Disposition"]


# Simulated and real


def test_simulated_and_real_capacity_are_never_added(world: World) -> None:
    line_of(world, "Model plant", 7300, is_simulated=True)
    shredded(world)
    computed(world)
    assert (of_country().nameplate_kg, of_country(is_simulated=True).nameplate_kg) == (10_000, 20_000)
    api = APIClient()
    api.force_authenticate(world.user(world.federal))
    rows = api.get("/api/v1/utilization/", {"level": "country", "stage": "preprocess"}).json()["results"]
    assert {(row["is_simulated"], row["nameplate_kg"]) for row in rows} == {
        (False, "10000.000000"), (True, "20000.000000"),
    }  # fmt: skip


# Whether capacity runs


@pytest.mark.parametrize(
    ("status", "nameplate", "available", "column"),
    [
        ("operating", 10_000, 10_000, "nameplate_kg"),
        ("curtailed", 10_000, 10_000, "curtailed_kg"),
        ("paused", 10_000, 0, "paused_kg"),
        ("planned", 0, 0, None),
        ("building", 0, 0, None),
        ("closed", 0, 0, None),
    ],
)
def test_capacity_is_told_apart_by_status(
    world: World, status: str, nameplate: int, available: int, column: str | None
) -> None:
    line = line_of(world, "Told")
    said(line.plant, status, APRIL, None)
    computed(world)
    row = UtilizationSnapshot.objects.get(line=line)
    assert (row.status, row.nameplate_kg, row.available_kg) == (status, nameplate, available)
    (load,) = loads(UtilizationSnapshot.objects.filter(line=line), level=Level.PLANT, period=Period.YEAR)
    kinds = {"nameplate_kg": load.nameplate_kg or 0, "paused_kg": load.paused_kg, "curtailed_kg": load.curtailed_kg}
    runs = status in ("operating", "curtailed")
    expected = {"nameplate_kg": 10_000 if runs else 0, "paused_kg": 0, "curtailed_kg": 0}
    assert kinds == expected | ({column: 10_000} if column else {})


def test_a_line_s_own_status_goes_before_its_plant_s(world: World) -> None:
    line = line_of(world, "Told")
    second = ProcessLine.objects.create(plant=line.plant, name="Second", stage=Stage.HYDRO)
    Nameplate.objects.create(line=second, t_per_year=365, valid=(date(2020, 1, 1), None), source="x")
    said(line.plant, "operating", date(2025, 1, 1), None)
    said(line.plant, "building", date(2025, 1, 1), date(2026, 1, 1), line=second)
    computed(world)
    assert {row.line_id: row.status for row in UtilizationSnapshot.objects.filter(line__plant=line.plant)} == {
        line.pk: "operating", second.pk: "building",
    }  # fmt: skip


def test_without_a_start_up_capacity_is_unknown_until_it_is_known_to_run(world: World) -> None:
    """A press item of April says that it runs, and 3,650 t: of March it says nothing."""
    line = line_of(world, "Told")
    Nameplate.objects.filter(line=line).update(valid=(None, None))
    said(line.plant, "operating", APRIL, None)
    computed(world, date(2025, 3, 31), APRIL)
    march, april = UtilizationSnapshot.objects.filter(line=line).order_by("day")
    assert (march.status, march.nameplate_kg, march.available_kg) == ("", 10_000, None)
    assert (april.status, april.nameplate_kg, april.available_kg) == ("operating", 10_000, 10_000)
    (load,) = loads(UtilizationSnapshot.objects.filter(line=line), level=Level.PLANT, period=Period.YEAR)
    assert (load.nameplate_kg, load.unknown_kg) == (10_000, 10_000)


def test_a_nameplate_begins_with_its_start_up(world: World) -> None:
    line = line_of(world, "Told")
    Nameplate.objects.filter(line=line).update(valid=(APRIL, None))
    computed(world, date(2025, 3, 31), APRIL)
    march, april = UtilizationSnapshot.objects.filter(line=line).order_by("day")
    assert (march.nameplate_kg, march.available_kg, april.available_kg) == (None, None, 10_000)


def test_a_plant_that_reports_runs(world: World) -> None:
    Nameplate.objects.filter(line=world.shredder).update(valid=(None, None))
    shredded(world)
    computed(world)
    row = UtilizationSnapshot.objects.get(line=world.shredder)
    assert (row.status, row.available_kg) == ("operating", 10_000)


def test_what_is_paused_works_nothing_off(world: World) -> None:
    batteries_at(world, world.plant_site, 3)
    said(world.plant, "paused", date(2025, 1, 1), None)
    (row,) = [row for row in backlog([world.plant.pk]) if row.feed == "batteries"]
    assert (row.waiting_kg, row.stage, row.days) == (1200, "", None)


# Saying so


def test_saying_whether_a_plant_runs(world: World) -> None:
    manager = world.actor(world.recycler, Role.MANAGER)
    good: dict[str, Any] = {
        "actor": manager, "plant": world.plant, "status": "operating", "valid_from": date(2024, 1, 1), "source": "us",
    }  # fmt: skip
    first = plants.add_status(**good)
    paused = plants.add_status(**good | {"status": "paused", "valid_from": date(2025, 1, 1)})
    first.refresh_from_db()
    assert (first.valid.upper, paused.valid.lower, paused.valid.upper) == (date(2025, 1, 1), date(2025, 1, 1), None)
    own = plants.add_status(**good | {"line": world.shredder, "status": "curtailed"})
    assert own.line == world.shredder
    refused(Refused, plants.add_status, "valid_from", **good)
    refused(Invalid, plants.add_status, "status", **good | {"status": "humming"})
    refused(Invalid, plants.add_status, "line", **good | {"line": world.hydro})
    refused(Invalid, plants.add_status, "source", **good | {"source": " "})
    refused(Invalid, plants.add_status, "confidence", **good | {"confidence": "sure"})
    refused(Invalid, plants.add_status, "valid_until", **good | {"valid_until": date(2023, 1, 1)})
    refused(Forbidden, plants.add_status, **good | {"actor": world.actor(world.recycler)})
    refused(Forbidden, plants.add_status, **good | {"actor": world.actor(world.refiner, Role.MANAGER)})
    ended = plants.end_status(actor=manager, period=paused, last_day=date(2025, 6, 30))
    assert ended.valid.upper == date(2025, 7, 1)
    refused(Invalid, plants.end_status, "last_day", actor=manager, period=paused, last_day=date(2024, 1, 1))
    refused(Forbidden, plants.end_status, actor=world.actor(world.recycler), period=own, last_day=date(2026, 1, 1))


def test_a_line_out_of_use_is_paused_from_today_on(world: World) -> None:
    """Before, a line out of use stayed in what could have been done, and dragged the load of its plant down."""
    manager, line = world.actor(world.recycler, Role.MANAGER), world.shredder
    today = timezone.localdate(timezone=ZoneInfo(world.plant_site.time_zone))
    in_nine_days = today + timedelta(days=9)
    said(world.plant, "closed", in_nine_days, None, line=line)

    def told() -> list[tuple[str, date, date | None]]:
        rows = PlantStatus.objects.filter(line=line).order_by("valid")
        return [(row.status, row.valid.lower, row.valid.upper) for row in rows]

    plants.deactivate_line(actor=manager, line=line)
    assert told() == [("paused", today, in_nine_days), ("closed", in_nine_days, None)]
    computed(world, today, today)
    row = UtilizationSnapshot.objects.get(line=line, day=today)
    assert (row.status, row.available_kg) == ("paused", 0)
    line.refresh_from_db()
    plants.activate_line(actor=manager, line=line)
    assert told()[0] == ("operating", today, in_nine_days)
    PlantStatus.objects.filter(line=line, status="operating").update(valid=(date(2025, 1, 1), in_nine_days))
    line.refresh_from_db()
    plants.deactivate_line(actor=manager, line=line)
    assert told()[:2] == [("operating", date(2025, 1, 1), today), ("paused", today, in_nine_days)]


def test_the_database_refuses_statuses_that_contradict(world: World) -> None:
    def raw(**fields: Any) -> PlantStatus:
        values = {"plant": world.plant, "status": "paused", "valid": (APRIL, None), "source": "x", "confidence": "S"}
        return PlantStatus.objects.create(**values | fields)

    raw()
    raw(line=world.shredder)
    for rule, fields in (
        ("plant_statuses_apart", {"status": "closed"}),
        ("plant_statuses_apart", {"line": world.shredder, "status": "closed"}),
        ("plant_status_known", {"status": "humming", "plant": world.refinery}),
        ("plant_status_begins", {"valid": (None, date(2020, 1, 1))}),
        ("line has the status of its own plant", {"line": world.hydro}),
    ):
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            raw(**fields)
    assert PlantStatus.objects.count() == 2


def test_a_line_takes_only_conditions_that_it_accepts(world: World) -> None:
    manager = world.actor(world.recycler, Role.MANAGER)
    refused(
        Invalid, plants.change_line, "conditions.0", actor=manager, line=world.shredder, conditions=["wet"]
    )  # fmt: skip
    line = plants.change_line(actor=manager, line=world.shredder, conditions=["intact"])
    assert line.conditions == ["intact"]
    batch = chains.opened(world)
    (damaged,) = chains.packs(world)
    Battery.objects.filter(pk=damaged.pk).update(condition="damaged")  # as found after it was inspected
    (sound,) = chains.packs(world)
    given = {"actor": world.actor(world.recycler), "batch": batch, "charged_at": batch.started_at}
    refused(Refused, charges.charge, "batteries.0", **given, batteries=[damaged.pk])
    assert charges.charge(**given, batteries=[sound.pk]).charges.count() == 1
