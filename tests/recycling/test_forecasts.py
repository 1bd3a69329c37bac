"""What comes back: judged by an independent computation, computed once however often it is sent, told without one's own."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from math import exp, gamma, log, pi, sqrt
from typing import Any

import pytest
from django.db import Error, IntegrityError, OperationalError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.errors import Forbidden, Invalid
from accounts.models import Role
from collection.models import Facility
from recycling.models import (
    CapacityStatement,
    ForecastStatus,
    Inputs,
    MarketPlacement,
    Nameplate,
    Plant,
    ProcessLine,
    ReturnForecast,
    ReturnForecastLine,
    VehicleSales,
)
from recycling.queries.capacity import gaps
from recycling.services import forecasts, placements
from tests.recycling.filing import counted, declared
from tests.refusals import refused
from tests.world import World


def sold(world: World, year: int = 2015, units: int = 100_000, **fields: Any) -> VehicleSales:
    """Packs of 400 kg."""
    given = {
        "jurisdiction": world.us, "kind": "car", "scenario": "momentum", "kwh_per_vehicle": Decimal(80),
        "kwh_per_kg": Decimal("0.2"), "is_modeled": False, "source": "x", "confidence": "S", **fields,
    }  # fmt: skip
    return VehicleSales.objects.create(year=year, units=units, **given)


def asked(world: World, **fields: Any) -> ReturnForecast:
    given = {"first_year": 2015, "last_year": 2055, "inputs": Inputs.MOMENTUM, **fields}
    return forecasts.request(actor=world.actor(world.recycler), **given)


def computed(world: World, **fields: Any) -> ReturnForecast:
    forecast = asked(world, **fields)
    assert forecasts.run(forecast.pk)
    forecast.refresh_from_db()
    return forecast


def density(distribution: str, mean: float, sd: float) -> Any:
    """That of the lifetimes, written down from a textbook; the shape of Weibull by Newton's way, not by halving."""
    if distribution == "normal":
        return lambda t: exp(-(((t - mean) / sd) ** 2) / 2) / (sd * sqrt(2 * pi))
    shape = (sd / mean) ** -1.086
    for _step in range(60):

        def off(k: float) -> float:
            return log(gamma(1 + 2 / k)) - 2 * log(gamma(1 + 1 / k)) - log(1 + (sd / mean) ** 2)

        shape -= off(shape) / ((off(shape + 1e-5) - off(shape - 1e-5)) / 2e-5)
    scale = mean / gamma(1 + 1 / shape)
    return lambda t: shape / scale * (t / scale) ** (shape - 1) * exp(-((t / scale) ** shape)) if t > 0 else 0.0


def area(f: Any, start: float, end: float, steps: int = 400) -> float:
    """By Simpson's rule over the root of the time, since some densities rise with no end to their slope at 0."""
    low, h = sqrt(start), (sqrt(end) - sqrt(start)) / steps

    def g(n: int) -> float:
        u = low + n * h
        return f(u * u) * 2 * u

    inner = sum((4 if n % 2 else 2) * g(n) for n in range(1, steps))
    return (g(0) + inner + g(steps)) * h / 3


@pytest.mark.parametrize("distribution", ["normal", "weibull"])
@pytest.mark.parametrize(("kind", "mean"), [("car", 15), ("heavy_truck", 8)])
def test_every_year_is_that_of_an_independent_integral(world: World, distribution: str, kind: str, mean: int) -> None:
    sold(world, kind=kind)
    forecast = computed(world, distribution=distribution)
    lines = {line.year: line for line in forecast.lines.all()}
    assert set(lines) == set(range(2015, 2056))
    for name, by in (("long", 2), ("", 0), ("short", -2)):
        f = density(distribution, mean + by, 4)
        whole = area(f, 0, 120, 4000)
        for year, line in lines.items():
            age = year - 2015
            share = area(f, max(0, age - 0.5), age + 0.5) / whole
            units = getattr(line, f"units_{name}".rstrip("_"))
            assert float(units) == pytest.approx(100_000 * share, abs=0.02), (name, year)
            kg = getattr(line, f"kg_{name}".rstrip("_")) or 0
            assert float(kg) == pytest.approx(float(units) * 400, abs=0.3), (name, year)
    assert {line.assumed_share for line in lines.values() if line.units} == {1}


def test_it_says_what_it_was_computed_from(world: World) -> None:
    sold(world)
    sold(world, 2016, 50)
    first = computed(world)
    assert (first.input_rows, first.input_units, len(first.inputs_sha256)) == (2, 100_050, 64)
    assert computed(world).inputs_sha256 == first.inputs_sha256
    VehicleSales.objects.filter(year=2016).update(units=51)
    assert computed(world).inputs_sha256 != first.inputs_sha256


def test_without_a_mass_there_is_none(world: World) -> None:
    sold(world, kwh_per_kg=None)
    line = computed(world).lines.get(year=2030)
    assert line.kg is None and line.unknown_share == 1 and line.units > 0


def test_sent_twice_it_is_computed_once(world: World) -> None:
    sold(world)
    forecast = asked(world)
    assert asked(world) == forecast
    assert [forecasts.run(forecast.pk), forecasts.run(forecast.pk)] == [True, None]
    assert forecast.lines.count() == 41


def test_a_worker_killed_before_the_end_leaves_no_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """Nothing catches it, as nothing catches a kill."""

    def die(*_arguments: Any) -> Any:
        raise Killed

    sold(world)
    forecast = asked(world)
    with monkeypatch.context() as patch:
        patch.setattr(forecasts, "_finish", die)
        with pytest.raises(Killed):
            forecasts.run(forecast.pk)
    forecast.refresh_from_db()
    assert forecast.status == ForecastStatus.RUNNING and not forecast.lines.exists()
    assert forecasts.run(forecast.pk) is None
    ReturnForecast.objects.update(heartbeat_at=timezone.now() - forecasts.SILENCE - timedelta(seconds=1))
    assert forecasts.take_up_silent() == [forecast.pk]
    assert forecasts.run(forecast.pk) and forecast.lines.count() == 41


def test_one_cancelled_at_work_writes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sold(world)
    forecast, whole = asked(world), forecasts._lines

    def cancelled_meanwhile(*arguments: Any) -> Any:
        forecasts.cancel(actor=world.actor(world.recycler), forecast=forecast)
        return whole(*arguments)

    monkeypatch.setattr(forecasts, "_lines", cancelled_meanwhile)
    assert not forecasts.run(forecast.pk)
    forecast.refresh_from_db()
    assert forecast.status == ForecastStatus.CANCELLED and not forecast.lines.exists()


@pytest.mark.parametrize(
    ("error", "status"), [(OperationalError, ForecastStatus.QUEUED), (ValueError, ForecastStatus.FAILED)]
)
def test_one_that_breaks(world: World, monkeypatch: pytest.MonkeyPatch, error: type[Exception], status: str) -> None:
    def fail(*_arguments: Any) -> Any:
        raise error

    forecast = asked(world)
    monkeypatch.setattr(forecasts, "cohorts", fail)
    assert forecasts.run(forecast.pk) is False
    forecast.refresh_from_db()
    assert forecast.status == status and forecast.message and not forecast.lines.exists()


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("inputs", {"inputs": "tea leaves"}),
        ("distribution", {"distribution": "flat"}),
        ("first_year", {"first_year": 1989}),
        ("last_year", {"last_year": 2014}),
        ("last_year", {"last_year": 2075}),
        ("sd_years", {"sd_years": Decimal(0)}),
        ("mean_years", {"mean_years": Decimal("NaN")}),
        ("band_years", {"band_years": Decimal(9)}),
    ],
)
def test_what_cannot_be_asked(world: World, field: str, fields: dict[str, Any]) -> None:
    refused(Invalid, asked, field, world=world, **fields)


def test_lines_are_narrowed_and_nonsense_is_refused(world: World) -> None:
    sold(world)
    forecast = computed(world, first_year=2030, last_year=2032)
    api = APIClient()
    api.force_authenticate(world.user(world.collector))

    def read(**asked: Any) -> Any:
        return api.get(f"/api/v1/return-forecasts/{forecast.pk}/lines/", asked)

    assert [row["year"] for row in read(year=2031, place="US", kind="car").json()["results"]] == [2031]
    assert not read(place="CA").json()["results"]
    for name, value in (("year", "x"), ("year", 10**30), ("place", "\0"), ("kind", "boat")):
        answer = read(**{name: value})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, name)


def test_who_may_ask_and_cancel(world: World) -> None:
    for who in (world.actor(world.producer), world.actor(world.recycler, Role.VIEWER)):
        refused(Forbidden, forecasts.request, actor=who, first_year=2025, last_year=2030)
    refused(Forbidden, forecasts.cancel, actor=world.actor(world.collector), forecast=asked(world))


YEAR = {"period_start": date(2015, 1, 1), "period_end": date(2015, 12, 31)}


def placed(world: World, producers: list[Any], *, key: str = "p", **fields: Any) -> None:
    """Each producer declares the same; the first is the world's own."""
    made = declared(world, key, **{**YEAR, "jurisdiction": world.nv, **fields})
    for producer in producers[1:]:
        made.pk, made.producer, made._state.adding = None, producer, True
        made.save()


def test_fewer_than_three_producers_are_not_told(world: World) -> None:
    placed(world, [world.producer, world.other_producer])
    two = computed(world, inputs=Inputs.PLACEMENTS)
    assert {line.producers for line in two.lines.all()} == {2}
    lines = two.lines.all()
    assert not lines.visible_to(world.user(world.recycler)).exists()
    assert lines.visible_to(world.user(world.regulator)).count() == 41
    MarketPlacement.objects.all().delete()
    placed(world, [world.producer, world.other_producer, world.stranger])
    three = computed(world, inputs=Inputs.PLACEMENTS)
    assert three.lines.visible_to(world.user(world.recycler)).count() == 41


def test_a_line_rests_on_those_who_had_placed_by_then(world: World) -> None:
    """Two that place ten years later say nothing of the years before, in which the line is the first one's alone."""
    placed(world, [world.producer])
    later = {"period_start": date(2025, 1, 1), "period_end": date(2025, 12, 31)}
    placed(world, [world.producer, world.other_producer, world.stranger], key="later", **later)
    told = {line.year: line.producers for line in computed(world, inputs=Inputs.PLACEMENTS).lines.all()}
    assert (told[2020], told[2024], told[2025]) == (1, 1, 3)


def test_what_rests_on_few_producers_says_neither_how_many_nor_a_hash(world: World) -> None:
    """Everybody reads a forecast itself: its units would be the one producer's, and a hash of them can be guessed."""
    placed(world, [world.producer, world.other_producer])
    two = computed(world, inputs=Inputs.PLACEMENTS)
    assert (two.input_rows, two.input_units, two.inputs_sha256) == (1, None, "")
    MarketPlacement.objects.all().delete()
    placed(world, [world.producer, world.other_producer, world.stranger])
    three = computed(world, inputs=Inputs.PLACEMENTS)
    assert three.input_units == 300 and len(three.inputs_sha256) == 64


def test_a_declaration_that_was_withdrawn_comes_back_once(world: World) -> None:
    """Declared, withdrawn, declared otherwise: the same batteries."""
    year = {"jurisdiction": world.nv, **YEAR}
    wrong = declared(world, "wrong", **year, units=900)
    placements.withdraw(actor=world.actor(world.producer), placement=wrong, reason="Was of the year before.")
    declared(world, "right", **year, units=100)
    forecast = computed(world, inputs=Inputs.PLACEMENTS)
    assert float(sum(line.units for line in forecast.lines.all())) == pytest.approx(100, abs=0.5)


QUARTER = {"period_start": date(2015, 4, 1), "period_end": date(2015, 6, 30)}


@pytest.mark.parametrize(
    ("rows", "units"),
    [
        ([{"units": 90}, {"units": 10, "producer": None}], 90),
        ([{"units": 90}, {"units": 5, **QUARTER}], 90),
        ([{"units": 7, **QUARTER}], 7),
        ([{"units": 90, "jurisdiction": "US"}, {"units": 40, "jurisdiction": "US-NV"}], 40),
        ([{"units": 90, "jurisdiction": "US"}, {"units": 40, "jurisdiction": "US-NV", "period_start": date(2014, 1, 1),
           "period_end": date(2014, 12, 31)}], 130),
        ([{"units": 90}, {"units": 80, "producer": "other"}], 170),
        ([{"units": 90}, {"units": 80, "authority": "federal"}], 90),
    ],
    ids=["all producers", "a quarter", "a quarter alone", "a country", "another year", "producers", "authorities"],
)  # fmt: skip
def test_no_vehicle_that_an_authority_counted_counts_twice(
    world: World, rows: list[dict[str, Any]], units: int
) -> None:
    named = {"other": world.other_producer, "federal": world.federal, "US": world.us, "US-NV": world.nv}
    for number, row in enumerate(rows):
        given = {name: named.get(value, value) if isinstance(value, str) else value for name, value in row.items()}
        counted(world, f"s{number}", **{"model": world.nmc_pack, **YEAR, **given})
    forecast = computed(world, inputs=Inputs.STATISTICS, authority=world.regulator)
    assert forecast.input_units == units
    assert {line.producers for line in forecast.lines.all()} == {None}


def test_statistics_are_of_an_authority_that_counted(world: World) -> None:
    for inputs, authority in (
        (Inputs.STATISTICS, None),
        (Inputs.STATISTICS, world.regulator),
        (Inputs.MOMENTUM, world.regulator),
    ):
        refused(Invalid, asked, "authority", world=world, inputs=inputs, authority=authority)
    counted(world, "s")
    waiting = asked(world, inputs=Inputs.STATISTICS, authority=world.regulator)
    assert str(world.regulator) in str(waiting)
    with pytest.raises(IntegrityError, match="return_forecast_names_authority"):
        raw(f"UPDATE recycling_returnforecast SET authority_id = NULL WHERE id = {waiting.pk}")


def test_a_period_of_two_years_is_spread_by_its_days(world: World) -> None:
    placed(world, [world.producer], period_start=date(2015, 7, 1), period_end=date(2016, 6, 30), units=366)
    forecast = computed(world, inputs=Inputs.PLACEMENTS)
    assert forecast.input_rows == 2
    f = density("normal", 15, 4)
    whole = area(f, 0, 120, 4000)
    units = [184 * area(f, 14.5, 15.5) / whole, 182 * area(f, 13.5, 14.5) / whole]
    assert float(forecast.lines.get(year=2030).units) == pytest.approx(sum(units), abs=0.01)


def test_gaps_never_add_simulated_to_real(world: World) -> None:
    sold(world)
    for name, is_simulated, tonnes in (("Real", False, 1000), ("Simulated", True, 7000)):
        site = Facility.objects.create(
            operator=world.refiner, name=name, jurisdiction=world.nv, time_zone=world.nv.time_zone, is_simulated=is_simulated
        )  # fmt: skip
        line = ProcessLine.objects.create(plant=Plant.objects.create(facility=site), name="Line", stage="preprocess")
        Nameplate.objects.create(line=line, t_per_year=tonnes, valid=(date(2020, 1, 1), None), source="x")
    CapacityStatement.objects.create(
        key="x", name="Later", jurisdiction=world.nv, standing="announced", stage="preprocess", basis="input",
        t_per_year=300, year=2032, source="x", confidence="S2",
    )  # fmt: skip
    forecast = computed(world, first_year=2030, last_year=2032)
    before, _between, after = gaps(forecast.lines.all())
    assert {gap.is_simulated for gap in (before, after)} == {False}
    own = Nameplate.objects.filter(line=world.shredder).values_list("t_per_year", flat=True)
    real = 1000 + (0 if world.plant_site.is_simulated else sum(own))
    assert before.running_t + before.unknown_t == pytest.approx(real)
    assert (before.announced_t, after.announced_t) == (0, 300)
    assert before.beyond_known_t == before.returns_t - before.running_t
    assert after.beyond_announced_t == after.returns_t - after.running_t - 300
    assert before.low_t <= before.returns_t <= before.high_t


def raw(sql: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    ("table", "change", "constraint"),
    [
        ("vehiclesales", "kwh_per_kg = 0", "vehicle_sales_positive"),
        ("vehiclesales", "year = 2015", "vehicle_sales_once"),
        ("returnforecast", "last_year = first_year - 1", "return_forecast_is_a_period"),
        ("returnforecast", "band_years = mean_years", "return_forecast_lives"),
        ("returnforecastline", "units = -1", "return_forecast_line_not_negative"),
        ("returnforecastline", "unknown_share = 0.5, assumed_share = 0.6", "return_forecast_line_shares"),
        ("returnforecastline", "year = 2030", "return_forecast_line_once"),
    ],
)
def test_the_database_refuses(world: World, table: str, change: str, constraint: str) -> None:
    sold(world)
    sold(world, 2016)
    done = computed(world)
    waiting = asked(world)
    ids = {"returnforecast": waiting.pk, "vehiclesales": VehicleSales.objects.get(year=2016).pk}
    pk = ids.get(table) or done.lines.get(year=2031).pk
    with pytest.raises(IntegrityError, match=constraint):
        raw(f"UPDATE recycling_{table} SET {change} WHERE id = {pk}")


def test_what_was_computed_stays_and_says_from_what(world: World) -> None:
    done = computed(world)
    with pytest.raises(IntegrityError, match="stays as it is"):
        raw(f"UPDATE recycling_returnforecast SET first_year = 2016 WHERE id = {done.pk}")
    waiting = asked(world)
    with pytest.raises(Error, match="Invalid transition"):
        raw(f"UPDATE recycling_returnforecast SET status = 'done' WHERE id = {waiting.pk}")
    ReturnForecast.objects.filter(pk=waiting.pk).update(status=ForecastStatus.RUNNING)
    with pytest.raises(IntegrityError, match="return_forecast_says_from_what"):
        raw(f"UPDATE recycling_returnforecast SET status = 'done' WHERE id = {waiting.pk}")


def test_the_statements_do_not_grow(world: World) -> None:
    counts = []
    for years in (range(2000, 2002), range(2002, 2020)):
        for year in years:
            sold(world, year)
        forecast = asked(world)
        with CaptureQueriesContext(connection) as run:
            assert forecasts.run(forecast.pk)
        with CaptureQueriesContext(connection) as read:
            assert gaps(ReturnForecastLine.objects.filter(forecast=forecast))
        counts.append((len(run), len(read)))
    assert counts[0] == counts[1]
