"""Market placements from files: a producer's own, and California's sales."""

from __future__ import annotations

import io
from datetime import date
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Sum
from django.test.utils import CaptureQueriesContext

from accounts.errors import Forbidden, Invalid
from accounts.services.platform import platform_actor
from collection.imports import runs
from collection.imports.engine import bring_in
from collection.models import ImportRun, ImportStatus
from collection.services import imports, reference
from recycling.imports.market_placements import MarketPlacementImporter
from recycling.models import MarketPlacement
from recycling.services import placements
from tests.refusals import state
from tests.shared import real_file
from tests.world import World

HEADER = "key,jurisdiction,period_start,period_end,units,model,chemistry,mass_kg,description\n"
GOOD = "2025/nv/nmc,US-NV,2025-01-01,2025-03-31,1200,nmc-60,,480000,Sedan\n"


def do(world: World, rows: str, organization=None, **more) -> ImportRun:
    organization = organization or world.producer
    run = imports.request(
        actor=world.actor(organization), organization=organization, kind="market_placements", filename="list.csv",
        content=io.BytesIO((HEADER + rows).encode()), **more,
    )  # fmt: skip
    runs.execute(run.pk)
    run.refresh_from_db()
    return run


def test_placements(world: World) -> None:
    run = do(world, GOOD + "2025/on,CA-ON,2025-01-01,2025-03-31,7,,LFP,,\n2025/nj,US-NJ,2025-01-01,2025-03-31,0,,,,\n")
    assert (run.status, run.rows_created) == (ImportStatus.DONE, 3), list(run.errors.all())
    first, second, third = MarketPlacement.objects.order_by("pk")
    assert (first.producer, first.jurisdiction, first.model, first.chemistry) == (
        world.producer,
        world.nv,
        world.nmc_pack,
        world.nmc,
    )
    assert (first.units, first.mass_kg, first.period_end) == (1200, Decimal(480000), date(2025, 3, 31))
    assert (second.model, second.chemistry, second.mass_kg) == (None, world.lfp, None)
    assert (third.units, third.chemistry) == (0, None)


def test_the_same_file_twice_and_the_service_after_it(world: World) -> None:
    do(world, GOOD)
    before = state("recycling")
    assert do(world, GOOD).rows_unchanged == 1
    declared = placements.declare(
        actor=world.actor(world.producer), producer=world.producer, jurisdiction=world.nv,
        period_start=date(2025, 1, 1), period_end=date(2025, 3, 31), units=1200, source_key="2025/nv/nmc",
        model=world.nmc_pack, mass_kg=Decimal(480000), description="Sedan",
    )  # fmt: skip
    assert declared == MarketPlacement.objects.get() and state("recycling") == before
    assert do(world, GOOD, organization=world.other_producer).rows_created == 1  # keys are a producer's own


@pytest.mark.parametrize(
    ("row", "field"),
    [
        (",US-NV,2025-01-01,2025-03-31,1,,,,", "key"),
        ("k,US-ZZ,2025-01-01,2025-03-31,1,,,,", "jurisdiction"),
        ("k,US-NV,2025-03-31,2025-01-01,1,,,,", "period_end"),
        ("k,US-NV,2999-01-01,2999-03-31,1,,,,", "period_start"),
        ("k,US-NV,2025-01-01,2025-03-31,-1,,,,", "units"),
        ("k,US-NV,2025-01-01,2025-03-31,1.5,,,,", "units"),
        ("k,US-NV,2025-01-01,2025-03-31,99999999999999999999,,,,", "units"),
        ("k,US-NV,2025-01-01,2025-03-31,1,none,,,", "model"),
        ("k,US-NV,2025-01-01,2025-03-31,1,nmc-60,LFP,,", "chemistry"),
        ("k,US-NV,2025-01-01,2025-03-31,1,,,NaN,", "mass_kg"),
        ("k,US-NV,2025-01-01,2025-03-31,1,,,1e400,", "mass_kg"),
        ("2025/nv/nmc,US-NV,2025-01-01,2025-03-31,1,,,,", "key"),
    ],
)
def test_a_bad_row(world: World, row: str, field: str) -> None:
    run = do(world, GOOD + row + "\n")
    fault = run.errors.get()
    assert (run.status, fault.line, fault.field) == (ImportStatus.REFUSED, 3, field)
    assert not MarketPlacement.objects.exists()
    assert do(world, GOOD + row + "\n", skip_bad_rows=True).rows_created == 1


def test_what_was_declared_is_not_overwritten(world: World) -> None:
    do(world, GOOD)
    before = state("recycling")
    run = do(world, GOOD.replace("1200", "1300"))
    assert (run.status, run.errors.get().field) == (ImportStatus.REFUSED, "units")
    assert state("recycling") == before


def test_only_a_producer_declares(world: World) -> None:
    for organization in (world.recycler, world.regulator):
        with pytest.raises(Forbidden):
            imports.request(
                actor=world.actor(organization), organization=organization, kind="market_placements", filename="x",
                content=io.BytesIO(b"x"),
            )  # fmt: skip
    with pytest.raises(Invalid):
        MarketPlacementImporter(actor=world.actor(world.recycler), organization=world.recycler)


def test_the_number_of_statements_is_that_of_a_file(world: World) -> None:
    def statements(name: str, number: int) -> int:
        rows = "".join(f"{name}{n},US-NV,2025-01-01,2025-03-31,{n},nmc-60,,,\n" for n in range(number))
        importer = MarketPlacementImporter(actor=world.actor(world.producer), organization=world.producer)
        with CaptureQueriesContext(connection) as queries:
            bring_in(io.BytesIO((HEADER + rows).encode()), importer)
        return len(queries)

    assert statements("a", 3) == statements("b", 300) < 30


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
        for p in MarketPlacement.objects.select_related("producer", "model__producer")
    }
    inside = rows["Tesla Model Y (Electric)", "US-CA"]
    assert (inside.units, inside.producer.name) == (107, "Tesla, Inc.")
    assert (inside.period_start, inside.period_end) == (date(2021, 1, 1), date(2021, 3, 31))
    assert inside.model is not None and inside.mass_kg is None
    (outside,) = [row for row in rows.values() if row.jurisdiction_id == "US"]
    assert outside.units == 3 and "out of state" in outside.description
    assert {
        (row.chemistry_by, row.vehicle.name) for row in rows.values() if row.model and "Model" in row.description
    } == {("assumed", "Model Y"), ("assumed", "Model 3")}
    told = [line.split() for line in said.splitlines()]  # what is the most common of several is not known
    assert ["chemistry", "0", "0.00", "%"] in told
    assert ["assumed", "119", "98.35", "%"] in told and ["unknown", "2", "1.65", "%"] in told
    later = rows["Tesla Model 3 (Electric)", "US-CA"]
    assert (later.period_start, later.period_end) == (date(2023, 10, 1), date(2023, 12, 31))
    unmapped = rows["Tesla Roadster of the Future (Electric)", "US-CA"]
    assert unmapped.model is None and unmapped.producer == inside.producer and unmapped.units == 2
    assert "Roadster of the Future" in said and "Vehicles of two makes" in said
    assert "Vehicles placed now: 121" in said
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
    assert not MarketPlacement.objects.exists()


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
        assert "Vehicles placed now: 966,106" in out.getvalue()
    placed = MarketPlacement.objects.all()
    assert placed.aggregate(units=Sum("units"))["units"] == 966_106
    assert placed.filter(jurisdiction="US").aggregate(units=Sum("units"))["units"] == 12_444
    assert not placed.filter(model=None).exists()
