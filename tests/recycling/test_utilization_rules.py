"""Edges of utilization runs: which days are computed, which may be asked for, and what the database refuses."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.utils import timezone

from accounts.errors import Invalid
from recycling.models import UtilizationRun, UtilizationSnapshot
from recycling.services import utilization
from tests.world import World


@pytest.mark.parametrize("days", [1, 2, 91, 92, 93, 184, 185, 3660])
def test_each_day_is_in_one_chunk(days: int) -> None:
    first = date(2024, 2, 1)
    last = first + timedelta(days=days - 1)
    chunks = list(utilization._chunks(first, last))
    covered = [start + timedelta(days=n) for start, end in chunks for n in range((end - start).days + 1)]
    assert covered == [first + timedelta(days=n) for n in range(days)]
    assert all(0 <= (end - start).days < utilization.CHUNK_DAYS for start, end in chunks)


def test_a_long_run_leaves_no_day_out(world: World) -> None:
    run = utilization.request(actor=world.actor(world.recycler), from_day=date(2024, 12, 1), to_day=date(2025, 3, 10))
    assert utilization.run(run.pk)
    days = UtilizationSnapshot.objects.filter(line=world.shredder)
    assert (days.count(), days.earliest("day").day, days.latest("day").day) == (100, run.from_day, run.to_day)


def asked(world: World, from_day: date, to_day: date) -> UtilizationRun:
    return utilization.request(actor=world.actor(world.recycler), from_day=from_day, to_day=to_day)


def test_which_days_may_be_asked_for(world: World) -> None:
    """Ten years at most; days that have begun, of which the east has one more."""
    first, longest = date(2015, 1, 1), timedelta(days=utilization.LONGEST_DAYS)
    tomorrow = timezone.now().date() + timedelta(days=1)
    for start, end, field in (
        (first, first + longest + timedelta(days=1), "to_day"),
        (tomorrow + timedelta(days=1), tomorrow + timedelta(days=2), "from_day"),
        (first, first - timedelta(days=1), "to_day"),
    ):
        with pytest.raises(Invalid) as raised:
            asked(world, start, end)
        assert raised.value.field == field and not UtilizationRun.objects.exists()
    for start, end in ((first, first + longest), (tomorrow, tomorrow + timedelta(days=1)), (first, first)):
        run = asked(world, start, end)
        assert (run.from_day, run.to_day, run.status) == (start, end, "queued")
        assert run.requested_by == world.user(world.recycler)


def test_an_equal_run_that_waits_is_not_asked_for_again(world: World) -> None:
    days = (date(2025, 1, 1), date(2025, 1, 2))
    run = asked(world, *days)
    assert asked(world, *days) == run
    assert asked(world, days[0], days[0]) != run and asked(world, days[1], days[1]) != run
    assert utilization.take_up_silent() == []  # each was heard of when it was asked for
    assert utilization.run(run.pk)
    assert asked(world, *days) != run  # figures may have changed since


def test_the_daily_run_looks_back(world: World) -> None:
    """Tomorrow, which has begun somewhere, and the weeks before it; not mixed up with what a person asked for."""
    tomorrow = timezone.now().date() + timedelta(days=1)
    by_hand = asked(world, tomorrow - timedelta(days=utilization.DAILY_DAYS), tomorrow)
    run = utilization.schedule()
    assert run != by_hand and utilization.schedule() == run
    assert (run.from_day, run.to_day, run.requested_by) == (by_hand.from_day, tomorrow, None)
    assert utilization.take_up_silent() == []


_SNAPSHOT = (
    "INSERT INTO recycling_utilizationsnapshot (line_id, day, basis, processed_kg, nameplate_kg, computed_at)"
    " VALUES ({line}, '2025-01-01', 'input', {processed}, {nameplate}, now())"
)
_BACKLOG = (
    "INSERT INTO recycling_backlogsnapshot (plant_id, day, feed, waiting_kg, in_transit_kg, scheduled_kg, unweighed,"
    " computed_at) VALUES ({plant}, '2025-01-01', 'lots', 0, 0, 0, 0, now())"
)

_RUN = (
    "INSERT INTO recycling_utilizationrun (from_day, to_day, status, progress, message, requested_at)"
    " VALUES ('2025-01-02', '2025-01-01', 'queued', 0, '', now())"
)

REFUSED: dict[str, tuple[str, dict[str, Any], int]] = {
    "utilization_once_per_day": (_SNAPSHOT, {"processed": 0, "nameplate": 1}, 2),
    "utilization_not_negative": (_SNAPSHOT, {"processed": -1, "nameplate": 1}, 1),
    "utilization_not_negative, nameplate": (_SNAPSHOT, {"processed": 0, "nameplate": -1}, 1),
    "backlog_once_per_day": (_BACKLOG, {}, 2),
    "utilization_run_is_a_period": (_RUN, {}, 1),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_the_database_refuses(world: World, rule: str) -> None:
    sql, values, times = REFUSED[rule]
    statement = sql.format(line=world.shredder.pk, plant=world.plant.pk, **values)
    with connection.cursor() as cursor:
        for _time in range(times - 1):
            cursor.execute(statement)
        with pytest.raises(Error, match=rule.partition(",")[0]), transaction.atomic():
            cursor.execute(statement)
