"""Market placements from a producer's files."""

from __future__ import annotations

import io
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.errors import Forbidden, Invalid
from collection.imports import runs
from collection.imports.engine import bring_in
from collection.models import ImportRun, ImportStatus
from collection.services import imports
from recycling.imports.market_placements import MarketPlacementImporter
from recycling.models import MarketPlacement
from recycling.services import placements
from tests.refusals import state
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
        days = [date(2020 if name == "a" else 2022, 1, 1) + timedelta(days=n) for n in range(number)]
        rows = "".join(f"{name}{n},US-NV,{day},{day},{n},nmc-60,,,\n" for n, day in enumerate(days))
        importer = MarketPlacementImporter(actor=world.actor(world.producer), organization=world.producer)
        with CaptureQueriesContext(connection) as queries:
            bring_in(io.BytesIO((HEADER + rows).encode()), importer)
        return len(queries)

    assert statements("a", 3) == statements("b", 300) < 30
