"""What authorities count on markets: from California's list and from files, and beside what producers declared."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import Error, transaction
from django.db.models import Sum
from django.test import Client

from accounts.errors import Forbidden
from accounts.models import Function, Organization
from accounts.services.platform import platform_actor
from collection.services import imports, reference
from recycling.models import MarketPlacement, MarketStatistic
from recycling.queries import duties, market
from recycling.queries.overview import overview
from recycling.services import report_job, reports
from tests.recycling.filing import counted, declared, scheme, value
from tests.recycling.test_report_doors import api
from tests.refusals import state
from tests.shared import real_file
from tests.world import World

# California

CEC = (
    "Data_Year,Quarter,County,FUEL_TYPE,MAKE,MODEL,Number of Vehicles\n"
    "2021,Q1,Alameda,Electric,Tesla,Model Y,100\n"
    "2021,Q1,Kern,Electric,Tesla,Model Y,7\n"
    "2021,Q1,Out Of State,Electric,Tesla,Model Y,3\n"
    "2023,Q4,Kern,Electric,Tesla,Model 3,5\n"
    "2023,Q4,Kern,Electric,Tesla,Roadster of the Future,2\n"
    "2022,Q2,Kern,Electric,Toyota/Subaru,bZ4X/Solterra,4\n"
)


def cec(tmp_path, text: str, *more: str) -> str:
    path = tmp_path / "cec.csv"
    path.write_text(text, encoding="utf-8")
    out = io.StringIO()
    call_command("import_cec_sales", str(path), *more, stdout=out)
    return out.getvalue()


@pytest.fixture
def loaded(db: None) -> None:
    reference.load(platform_actor())


def test_california(loaded: None, tmp_path) -> None:
    said = cec(tmp_path, CEC)
    rows = {
        (p.description, p.jurisdiction_id): p
        for p in MarketStatistic.objects.select_related("producer", "model__producer")
    }
    inside = rows["Tesla Model Y (Electric)", "US-CA"]
    assert (inside.units, inside.producer.name) == (107, "Tesla, Inc.")
    assert (inside.period_start, inside.period_end) == (date(2021, 1, 1), date(2021, 3, 31))
    assert inside.model is not None and inside.authority.name == "California Energy Commission"
    assert not MarketPlacement.objects.exists(), "nobody declared them"
    (outside,) = [row for row in rows.values() if row.jurisdiction_id == "US"]
    assert outside.units == 3 and "out of state" in outside.description
    later = rows["Tesla Model 3 (Electric)", "US-CA"]
    assert (later.period_start, later.period_end) == (date(2023, 10, 1), date(2023, 12, 31))
    unmapped = rows["Tesla Roadster of the Future (Electric)", "US-CA"]
    assert unmapped.model is None and unmapped.producer == inside.producer and unmapped.units == 2
    assert "Roadster of the Future" in said and "Vehicles of two makes" in said
    assert "Vehicles counted now: 121" in said
    before = state("recycling")
    assert "created              0" in cec(tmp_path, CEC)
    assert state("recycling") == before


@pytest.mark.parametrize(
    "row",
    [
        "2021,Q5,Kern,Electric,Tesla,Model Y,1",
        "2021,Q1,Kern,Electric,Tesla,Model Y,1",
        "2021,Q1,Kern,Electric,Unheard Of,Model Y,1",
        "2021,Q1,Inyo,Steam,Tesla,Model Y,1",
        "2021,Q1,Inyo,Electric,Tesla,Model Y,-1",
        "2021,Q1,Inyo,Electric,Tesla,Model Y,",
    ],
)
def test_a_wrong_sale(loaded: None, tmp_path, row: str) -> None:
    with pytest.raises(CommandError):
        cec(tmp_path, CEC + row + "\n")
    assert not MarketStatistic.objects.exists()


def test_a_sale_that_changed_is_not_overwritten(loaded: None, tmp_path) -> None:
    cec(tmp_path, CEC)
    before = state("recycling")
    with pytest.raises(CommandError):
        cec(tmp_path, CEC.replace("Kern,Electric,Tesla,Model Y,7", "Kern,Electric,Tesla,Model Y,8"))
    assert state("recycling") == before


def test_the_real_sales(loaded: None) -> None:
    path = real_file("cec_new_zev_sales_2021_2023.csv")
    for _time in range(2):
        out = io.StringIO()
        call_command("import_cec_sales", path, stdout=out)
        assert "Vehicles counted now: 966,106" in out.getvalue()
    placed = MarketStatistic.objects.all()
    assert placed.aggregate(units=Sum("units"))["units"] == 966_106
    assert placed.filter(jurisdiction="US").aggregate(units=Sum("units"))["units"] == 12_444
    assert not placed.filter(model=None).exists()


# Beside what producers declared


def test_what_was_counted_is_not_declared_too(loaded: None, tmp_path: Any) -> None:
    """It was: after the import a producer's own 230,000 units read 455,296, in its report, the overview and its duty."""
    maker = Organization.objects.get(name="Tesla, Inc.")
    assert maker.has_function(Function.PRODUCER)
    MarketPlacement.objects.create(
        producer=maker, jurisdiction_id="US-CA", units=230_000, source_key="own", period_start=date(2021, 1, 1),
        period_end=date(2021, 12, 31),
    )  # fmt: skip
    cec(tmp_path, CEC)
    report = reports.request(
        actor=platform_actor(), scheme=scheme("units", MarketPlacement.objects.get().jurisdiction), producer=maker,
        period_start=date(2021, 1, 1), period_end=date(2021, 12, 31),
    )  # fmt: skip
    assert report_job.compute(report.pk)
    assert value(report, "units_placed") == 230_000
    (standing,) = overview(date(2021, 1, 1), date(2021, 12, 31)).standings
    assert standing.units_placed == 230_000
    (row,) = [row for row in market.comparisons(platform_actor().user, 2021) if row.jurisdiction == "US-CA"]
    assert (row.producer, row.authority_name, row.observed, row.declared, row.difference) == (
        maker.pk, "California Energy Commission", 107, 230_000, 230_000 - 107,
    )  # fmt: skip


def test_what_was_counted_obliges_nobody(world: World) -> None:
    counted(world, "a")
    of = scheme("units", world.nj, first_period_start=date(2025, 1, 1), first_due_on=date(2026, 1, 8), due_source="x",
        due_confidence="S")  # fmt: skip
    of.legal_status = "binding"
    of.save()
    assert duties.duties(world.user(world.federal), 2025) == []


def compared(rows: list[market.Comparison]) -> list[tuple[Any, ...]]:
    return [(row.jurisdiction, row.producer_name, row.observed, row.declared, row.declared_across) for row in rows]


def test_each_compares_what_it_may_know(world: World) -> None:
    counted(world, "own")
    counted(world, "theirs", producer=world.other_producer, units=5)
    counted(world, "all", producer=None, units=200)
    counted(world, "elsewhere", jurisdiction=world.on, units=3)
    declared(world, "spring")
    declared(world, "winter", period_start=date(2025, 12, 1), period_end=date(2026, 1, 31), units=30)
    mine = [("CA-ON", "Producer", 3, 0, 0), ("US-NJ", "Producer", 90, 100, 30)]
    assert compared(market.comparisons(world.user(world.producer), 2025)) == mine
    assert compared(market.comparisons(world.user(world.federal), 2025)) == [
        ("US-NJ", "", 200, 100, 30), ("US-NJ", "Other Producer", 5, 0, 0), ("US-NJ", "Producer", 90, 100, 30),
    ]  # fmt: skip
    assert market.comparisons(world.user(world.stranger), 2025) == []
    (row,) = [row for row in market.comparisons(world.user(world.federal), 2025) if row.is_undeclared]
    assert row.producer == world.other_producer.pk
    assert market.comparisons(world.user(world.producer), 2024) == []


def test_it_is_shown_to_the_regulator_and_the_producer(world: World) -> None:
    year = date.today().year - 1  # noqa: DTZ011 - any year that is over
    counted(world, "own", units=4321, period_start=date(year, 1, 1), period_end=date(year, 3, 31))
    for organization in (world.producer, world.federal):
        client = Client()
        client.force_login(world.user(organization))
        page = client.get("/admin/").content.decode()
        assert "Declared against observed" in page and "4,321" in page and "nothing declared" in page
        answer = api(world, organization, "viewer").get("/api/v1/market-statistics/comparison/", {"year": year})
        assert [row["observed"] for row in answer.json()] == [4321]
    assert api(world, world.producer, "viewer").get("/api/v1/market-statistics/comparison/").status_code == 400


# Other authorities

FILE = (
    "key,jurisdiction,period_start,period_end,units,source,producer,model,chemistry,description\n"
    "2025/on,CA-ON,2025-01-01,2025-03-31,1200,Table 20-10-0024-01,,,,Battery electric\n"
    "2025/on/p,CA-ON,2025-01-01,2025-03-31,7,Table 20-10-0024-01,Producer,nmc-60,,\n"
)


def bring(tmp_path: Any, text: str, authority: str = "Statistics Canada") -> str:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8")
    out = io.StringIO()
    call_command("import_market_statistics", str(path), "--authority", authority, stdout=out)
    return out.getvalue()


def test_a_file_of_an_authority(world: World, tmp_path: Any) -> None:
    bring(tmp_path, FILE)
    of_all, of_one = MarketStatistic.objects.order_by("pk")
    assert (of_all.authority.name, of_all.units, of_all.producer, of_all.jurisdiction) == (
        "Statistics Canada", 1200, None, world.on,
    )  # fmt: skip
    assert (of_one.producer, of_one.model, of_one.chemistry) == (world.producer, world.nmc_pack, world.nmc)
    before = state("recycling")
    bring(tmp_path, FILE)
    assert state("recycling") == before
    bring(tmp_path, FILE, "INEGI")  # keys are an authority's own
    assert MarketStatistic.objects.count() == 4


@pytest.mark.parametrize(
    "row",
    [
        "2025/on,CA-ON,2025-01-01,2025-03-31,1,x,,,,", "k,CA-ZZ,2025-01-01,2025-03-31,1,x,,,,",
        "k,CA-ON,2025-03-31,2025-01-01,1,x,,,,", "k,CA-ON,2025-01-01,2025-03-31,-1,x,,,,",
        "k,CA-ON,2025-01-01,2025-03-31,1,,,,,", "k,CA-ON,2025-01-01,2025-03-31,1,x,Recycler,,,",
        "k,CA-ON,2025-01-01,2025-03-31,1,x,,nmc-60,LFP,", "k,CA-ON,2999-01-01,2999-03-31,1,x,,,,",
    ],
)  # fmt: skip
def test_a_wrong_row(world: World, tmp_path: Any, row: str) -> None:
    with pytest.raises(CommandError):
        bring(tmp_path, FILE + row + "\n")
    assert not MarketStatistic.objects.exists()


def test_what_is_known_is_not_overwritten(world: World, tmp_path: Any) -> None:
    bring(tmp_path, FILE)
    before = state("recycling")
    with pytest.raises(CommandError):
        bring(tmp_path, FILE.replace(",1200,", ",1300,"))
    assert state("recycling") == before


def test_only_the_platform_brings_them_in(world: World) -> None:
    for organization in (world.producer, world.regulator):
        with pytest.raises(Forbidden):
            imports.request(
                actor=world.actor(organization), organization=organization, kind="market_statistics", filename="x",
                content=io.BytesIO(b"x"),
            )  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("market_statistic_key_once", {}), ("market_statistic_has_source", {"source": "", "source_key": "b"}),
        ("market_statistic_is_a_period", {"period_end": date(2024, 12, 31), "source_key": "b"}),
    ],
)  # fmt: skip
def test_the_database_refuses(world: World, rule: str, fields: dict[str, Any]) -> None:
    counted(world, "a")
    with pytest.raises(Error, match=rule), transaction.atomic():
        counted(world, **{"key": "a", **{("key" if k == "source_key" else k): v for k, v in fields.items()}})
    assert MarketStatistic.objects.count() == 1
