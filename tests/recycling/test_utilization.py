"""Capacity utilization: line-days by hand, roll-ups that never mix, backlog, runs that are repeated and killed."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import Forbidden, Invalid
from accounts.models import Role
from recycling.models import (
    BacklogSnapshot,
    Nameplate,
    Outage,
    ProcessLine,
    Stage,
    UtilizationRun,
    UtilizationSnapshot,
)
from recycling.queries.utilization import Level, Period, backlog, loads
from recycling.services import utilization
from tests.recycling.chain import at, process
from tests.world import World, batteries_at, collected_pickup, scheduled_pickup


def computed(world: World, start: date, end: date) -> None:
    run = utilization.request(actor=world.actor(world.recycler), from_day=start, to_day=end)
    assert utilization.run(run.pk)


def day(line: ProcessLine, when: date) -> UtilizationSnapshot:
    return UtilizationSnapshot.objects.get(line=line, day=when)


def test_a_day_of_a_line(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 20, at=at(2025, 3, 1))
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1))
    computed(world, date(2025, 3, 31), date(2025, 4, 2))
    row = day(world.shredder, date(2025, 4, 1))
    assert (row.processed_kg, row.nameplate_kg, row.available_kg) == (8000, 10_000, 10_000)  # 3650 t in 365 days
    assert day(world.shredder, date(2025, 4, 2)).processed_kg == 0
    (load,) = [
        load
        for load in loads(UtilizationSnapshot.objects.filter(line=world.shredder), level=Level.LINE, period=Period.DAY)
        if load.start == date(2025, 4, 1)
    ]
    assert load.utilization == Decimal("0.8") and not load.is_over


def test_a_day_belongs_to_the_plant(world: World) -> None:
    """31 December, 23:30 in Nevada is next year in UTC; the last day of March 2025 there has 23 hours in no way."""
    packs = batteries_at(world, world.plant_site, 2, at=at(2025, 3, 1))
    process(world, world.shredder, packs=packs[:1], charged_at=at(2026, 1, 1, 7, 30))
    process(world, world.shredder, packs=packs[1:], charged_at=at(2025, 3, 9, 10, 30))  # 03:30, the hour after the gap
    computed(world, date(2025, 3, 1), date(2026, 1, 2))
    assert day(world.shredder, date(2025, 12, 31)).processed_kg == 400
    assert day(world.shredder, date(2026, 1, 1)).processed_kg == 0
    assert day(world.shredder, date(2025, 3, 9)).processed_kg == 400
    by_year = loads(UtilizationSnapshot.objects.filter(line=world.shredder), level=Level.PLANT, period=Period.YEAR)
    assert {load.start.year: load.processed_kg for load in by_year} == {2025: 800, 2026: 0}


def test_outages_and_leap_years(world: World) -> None:
    Outage.objects.create(line=world.shredder, days=(date(2024, 2, 28), date(2024, 3, 1)), share=1, kind="planned")
    Outage.objects.create(
        line=world.shredder, days=(date(2024, 3, 1), date(2024, 3, 2)), share=Decimal("0.25"), kind="unplanned"
    )
    packs = batteries_at(world, world.plant_site, 1, at=at(2024, 2, 1))
    process(world, world.shredder, packs=packs, charged_at=at(2024, 2, 29))
    computed(world, date(2024, 2, 27), date(2024, 3, 2))
    full = (Decimal(3_650_000) / 366).quantize(Decimal("0.000001"))
    assert day(world.shredder, date(2024, 2, 27)).available_kg == full
    assert day(world.shredder, date(2024, 2, 29)).available_kg == 0
    assert day(world.shredder, date(2024, 3, 1)).available_kg == (full * 3 / 4).quantize(Decimal("0.000001"))
    rows = UtilizationSnapshot.objects.filter(line=world.shredder)
    by_day = {load.start: load for load in loads(rows, level=Level.LINE, period=Period.DAY)}
    on_outage = by_day[date(2024, 2, 29)]
    assert on_outage.utilization is None and on_outage.is_over  # more was done than could have been


def test_above_capacity_is_flagged_not_clipped(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 30, at=at(2025, 3, 1))
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1))
    computed(world, date(2025, 4, 1), date(2025, 4, 1))
    (load,) = loads(UtilizationSnapshot.objects.filter(line=world.shredder), level=Level.PLANT, period=Period.MONTH)
    assert load.utilization == Decimal("1.2") and load.is_over


def test_without_a_nameplate_nothing_is_guessed(world: World) -> None:
    Nameplate.objects.filter(line=world.shredder).delete()
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1))
    computed(world, date(2025, 4, 1), date(2025, 4, 1))
    (load,) = loads(UtilizationSnapshot.objects.filter(line=world.shredder), level=Level.PLANT, period=Period.DAY)
    assert (load.processed_kg, load.nameplate_kg, load.utilization) == (400, None, None)
    assert load.lines_without_nameplate == 1 and not load.is_over


def test_a_nameplate_of_products_counts_products(world: World) -> None:
    Nameplate.objects.filter(line=world.shredder).update(basis="output", t_per_year=73)  # 200 kg a day
    packs = batteries_at(world, world.plant_site, 2, at=at(2025, 3, 1))
    process(
        world, world.shredder, packs=packs, charged_at=at(2025, 4, 1),
        makes=[("copper", "40", {}), ("black_mass", "300", {"Ni": "0.1"}), ("slag", "100", {})],
    )  # fmt: skip
    computed(world, date(2025, 4, 1), date(2025, 4, 1))
    row = day(world.shredder, date(2025, 4, 1))
    assert (row.basis, row.processed_kg, row.nameplate_kg) == ("output", 40, 200)


def test_stages_and_bases_are_never_added(world: World) -> None:
    second = ProcessLine.objects.create(plant=world.plant, name="Leach", stage=Stage.HYDRO)
    third = ProcessLine.objects.create(plant=world.plant, name="Shredder 2", stage=Stage.PREPROCESS)
    for line, basis in ((second, "input"), (third, "output")):
        Nameplate.objects.create(line=line, t_per_year=365, basis=basis, valid=(date(2020, 1, 1), None), source="test")
    computed(world, date(2025, 4, 1), date(2025, 4, 1))
    for level in (Level.PLANT, Level.JURISDICTION, Level.COUNTRY):
        rows = loads(UtilizationSnapshot.objects.filter(line__plant=world.plant), level=level, period=Period.YEAR)
        assert [(r.stage, r.basis, r.nameplate_kg) for r in rows] == [
            ("hydro", "input", 1000), ("preprocess", "input", 10_000), ("preprocess", "output", 1000),
        ]  # fmt: skip


def test_a_corrected_day_is_written_again(world: World) -> None:
    packs = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    computed(world, date(2025, 4, 1), date(2025, 4, 1))
    assert day(world.shredder, date(2025, 4, 1)).processed_kg is None  # the plant did not report yet
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1))
    computed(world, date(2025, 4, 1), date(2025, 4, 1))
    first = UtilizationSnapshot.objects.order_by("pk").values("line", "day", "processed_kg", "available_kg")
    before = list(first)
    computed(world, date(2025, 4, 1), date(2025, 4, 1))
    assert list(first.all()) == before
    assert day(world.shredder, date(2025, 4, 1)).processed_kg == 400


def test_days_that_have_not_begun_are_left_out(world: World) -> None:
    today = timezone.now().date()
    computed(world, today - timedelta(days=1), today + timedelta(days=30))
    newest = UtilizationSnapshot.objects.order_by("-day").values_list("day", flat=True)[0]
    assert newest <= today + timedelta(days=1)
    assert UtilizationSnapshot.objects.filter(line=world.shredder).exists()


def test_backlog(world: World) -> None:
    batteries_at(world, world.plant_site, 3)
    batteries_at(world, world.plant_site, 1, mass_value=None)
    collected_pickup(world, 2)  # on the road to the plant
    scheduled_pickup(world, packs_expected=2)  # none of them announced
    computed(world, timezone.now().date() - timedelta(days=1), timezone.now().date())
    (row,) = [row for row in backlog([world.plant.pk]) if row.feed == "batteries"]
    assert (row.waiting_kg, row.in_transit_kg, row.scheduled_kg, row.unweighed) == (1200, 800, 0, 3)
    assert (row.stage, row.days) == ("preprocess", Decimal("0.12"))  # 1200 kg at 10 t a day
    stored = BacklogSnapshot.objects.get(plant=world.plant, feed="batteries")
    assert (stored.waiting_kg, stored.in_transit_kg, stored.unweighed) == (1200, 800, 3)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tonnes=st.decimals("0.001", "99999", places=3),
    share=st.decimals("0.001", "1", places=3),
    when=st.dates(date(2021, 1, 1), date(2025, 12, 31)),
)
def test_available_against_an_oracle(world: World, tonnes: Decimal, share: Decimal, when: date) -> None:
    """Nameplate / days of the year x (1 - share that is out), to a milligram."""
    Nameplate.objects.filter(line=world.shredder).update(t_per_year=tonnes)
    Outage.objects.update_or_create(
        line=world.shredder, defaults={"days": (when, when + timedelta(days=1)), "share": share, "kind": "planned"}
    )
    computed(world, when, when)
    row = day(world.shredder, when)
    exact = Fraction(tonnes) * 1000 / (date(when.year + 1, 1, 1) - date(when.year, 1, 1)).days
    milligram = Fraction(1, 10**6)
    assert row.nameplate_kg is not None and row.available_kg is not None
    assert abs(Fraction(row.nameplate_kg) - exact) <= milligram
    assert abs(Fraction(row.available_kg) - exact * (1 - Fraction(share))) <= 2 * milligram


# Runs


def test_who_may_ask(world: World) -> None:
    period = {"from_day": date(2025, 1, 1), "to_day": date(2025, 1, 2)}
    for organization, role in ((world.producer, Role.MANAGER), (world.recycler, Role.VIEWER)):
        with pytest.raises(Forbidden):
            utilization.request(actor=world.actor(organization, role), **period)
    assert not UtilizationRun.objects.exists()
    run = utilization.request(actor=world.actor(world.regulator), **period)
    assert utilization.request(actor=world.actor(world.recycler), **period) == run


@pytest.mark.parametrize(
    ("start", "end", "field"),
    [
        (date(2025, 1, 2), date(2025, 1, 1), "to_day"),
        (date(1925, 1, 1), date(2025, 1, 1), "to_day"),
        (date(2199, 1, 1), date(2199, 1, 2), "from_day"),
    ],
)
def test_days_that_make_no_sense(world: World, start: date, end: date, field: str) -> None:
    with pytest.raises(Invalid) as raised:
        utilization.request(actor=world.actor(world.recycler), from_day=start, to_day=end)
    assert raised.value.field == field and not UtilizationRun.objects.exists()


def test_a_run_is_carried_out_once(world: World) -> None:
    run = utilization.schedule()
    assert utilization.schedule() == run
    assert utilization.run(run.pk)
    assert not utilization.run(run.pk)
    run.refresh_from_db()
    assert (run.status, run.progress) == ("done", 100)
    assert utilization.schedule() != run


def test_a_dead_worker_s_run_is_taken_up(world: World) -> None:
    run = utilization.schedule()
    UtilizationRun.objects.filter(pk=run.pk).update(status="running", heartbeat_at=timezone.now())
    assert utilization.take_up_silent() == []
    UtilizationRun.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=2))
    assert utilization.take_up_silent() == [run.pk]
    assert utilization.take_up_silent() == []  # sent; not again at once
    assert utilization.run(run.pk)


@pytest.mark.django_db(transaction=True)
def test_runs_at_the_same_time_take_turns(world: World) -> None:
    runs = [
        utilization.request(actor=world.actor(world.recycler), from_day=date(2025, 1, start), to_day=date(2025, 4, 30))
        for start in (1, 2, 3)
    ]
    failures: list[BaseException] = []

    def carry_out(run: UtilizationRun) -> None:
        try:
            assert utilization.run(run.pk)
        except BaseException as error:  # noqa: BLE001 - shown in the test's own thread
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=carry_out, args=[run]) for run in runs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert UtilizationSnapshot.objects.filter(line=world.shredder).count() == 120
    assert set(UtilizationRun.objects.values_list("status", flat=True)) == {"done"}


def test_statements_do_not_grow(world: World) -> None:
    def statements(number: int, when: datetime) -> int:
        packs = batteries_at(world, world.plant_site, number, at=at(2025, 1, 1))
        process(world, world.shredder, packs=packs, charged_at=when)
        run = utilization.request(actor=world.actor(world.recycler), from_day=when.date(), to_day=when.date())
        with CaptureQueriesContext(connection) as queries, transaction.atomic():
            utilization.run(run.pk)
            backlog()
            loads(UtilizationSnapshot.objects.all(), level=Level.COUNTRY, period=Period.YEAR)
        return len(queries)

    assert statements(2, datetime(2025, 4, 1, 18, tzinfo=UTC)) == statements(30, datetime(2025, 5, 1, 18, tzinfo=UTC))
