"""Declarations of one producer never count a battery twice: by each door, whatever they are divided by."""

from __future__ import annotations

import io
from datetime import date
from itertools import product
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import Error, connection, transaction
from django.db.models import Sum

from accounts.errors import Invalid, Refused
from accounts.models import Role
from collection.imports.engine import bring_in
from collection.models import BatteryModel
from recycling.imports.market_placements import MarketPlacementImporter
from recycling.models import EprReport, MarketPlacement, MarketStatistic
from recycling.queries.declarations import overlapping
from recycling.services import placements, reports
from tests.migrations import migration_named
from tests.recycling.filing import declared, drafted, filed, scheme, sealed, value
from tests.refusals import refused, state
from tests.world import World

YEAR = {"period_start": date(2025, 1, 1), "period_end": date(2025, 12, 31)}
SPRING = {"period_start": date(2025, 4, 1), "period_end": date(2025, 6, 30)}
NEXT = {"period_start": date(2026, 1, 1), "period_end": date(2026, 12, 31)}


def apart(world: World, *fields: dict[str, Any]) -> None:
    """The first stands; each that follows is refused, and nothing changed."""
    first = declared(world, "first", **{"model": None, **YEAR, **fields[0]})
    before = state("recycling")
    for number, other in enumerate(fields[1:]):
        error = refused(
            Refused, lambda n=number, o=other: declared(world, f"k{n}", **{"model": None, **YEAR, **o}), "period_start"
        )
        assert error.code == "overlaps"
        assert f"Declaration {first.pk} (“first”" in str(error.message), "it names the other"
    assert state("recycling") == before


def test_a_quarter_a_year_and_a_chemistry_are_not_added_up(world: World) -> None:
    """They were: 100 in a quarter, 400 in the year and a row of a chemistry made 600 of New Jersey."""
    apart(world, {"units": 100, **SPRING}, {"units": 400}, {"units": 100, "chemistry": world.nmc})
    report = drafted(world, scheme("units", world.nj), jurisdiction=None)
    assert value(report, "units_placed") == 100


def test_a_country_and_its_states_are_not_added_up(world: World) -> None:
    """They were: 5,000 in the country and 600 in a state made 5,600."""
    apart(world, {"jurisdiction": world.us, "units": 5000}, {"units": 600}, {"jurisdiction": world.nv})
    assert value(drafted(world, scheme("units", world.us), jurisdiction=None), "units_placed") == 5000


def test_a_state_is_apart_from_its_country_too(world: World) -> None:
    apart(world, {"units": 600}, {"jurisdiction": world.us, "units": 5000})
    declared(world, "another state", jurisdiction=world.nv, model=None, **YEAR)
    declared(world, "another country", jurisdiction=world.on, model=None, **YEAR)


def test_a_model_is_within_its_chemistry(world: World) -> None:
    apart(world, {"model": world.nmc_pack}, {"chemistry": world.nmc}, {}, {"model": world.nmc_pack, **SPRING})
    declared(world, "another chemistry", model=None, chemistry=world.lfp, **YEAR)
    declared(world, "another year", model=None, **NEXT)
    declared(world, "another model", model=BatteryModel.objects.create(
        code="nmc-2", name="2", producer=world.producer, chemistry=world.nmc), **YEAR)  # fmt: skip


def test_a_model_whose_chemistry_was_corrected(world: World) -> None:
    """Its two declarations have different chemistries, and are of the same batteries."""
    model = BatteryModel.objects.create(code="later", name="later", producer=world.producer, chemistry=world.nmc)
    apart(world, {"model": model}, {})
    model.chemistry = world.lfp
    model.save()
    error = refused(Refused, lambda: declared(world, "again", model=model, **YEAR), "period_start")
    assert "“first”" in str(error.message)


def granularities(world: World) -> list[dict[str, Any]]:
    subjects = [
        {},
        {"chemistry": world.nmc},
        {"chemistry": world.lfp},
        {"model": world.nmc_pack},
        {"model": world.lfp_pack},
    ]
    places = [{"jurisdiction": place} for place in (world.us, world.nj, world.nv, world.on)]
    return [
        {"model": None, "chemistry": None, **subject, **place, **days}
        for subject, place, days in product(subjects, places, (YEAR, SPRING, NEXT))
    ]


def test_all_doors_say_the_same_of_all_pairs(world: World) -> None:
    """The constraint, the query that names the other, and the importer, of any two of sixty."""
    rows = granularities(world)
    assert len(rows) == 60
    header = "key,jurisdiction,period_start,period_end,units,model,chemistry\n"
    importer = MarketPlacementImporter(actor=world.actor(world.producer), organization=world.producer)
    numbers = [0, 7, 13, 20, 26, 31, 37, 44, 51, 59]
    for first in numbers:
        with transaction.atomic():
            kept = declared(world, "first", **rows[first])
            named, by_file = set(), set()
            for number, fields in enumerate(rows):
                row = MarketPlacement(
                    producer=world.producer, source_key=f"k{number}", units=1,
                    **{**fields, "chemistry": fields["chemistry"] or (fields["model"] and fields["model"].chemistry)},
                )  # fmt: skip
                found = kept in overlapping(row)
                try:
                    with transaction.atomic():
                        row.save(force_insert=True)
                        transaction.set_rollback(True)
                    refused_by_database = False
                except Error as error:
                    refused_by_database = "placement_declared_once" in str(error)
                assert found == refused_by_database, (rows[first], fields)
                if found:
                    named.add(number)
            text = header + "".join(
                f"k{n},{r['jurisdiction'].pk},{r['period_start']},{r['period_end']},1,"
                f"{r['model'].code if r['model'] else ''},{r['chemistry'].pk if r['chemistry'] else ''}\n"
                for n, r in enumerate(rows)
            )
            outcome = bring_in(io.BytesIO(text.encode()), importer)
            by_file = {fault.line - 2 for fault in outcome.faults.kept if f"Declaration {kept.pk} (" in fault.message}
            assert by_file == named and first in named
            transaction.set_rollback(True)


def test_rows_of_one_file(world: World) -> None:
    text = (
        "key,jurisdiction,period_start,period_end,units\n"
        "a,US-NJ,2025-01-01,2025-03-31,100\nb,US,2025-01-01,2025-12-31,400\nc,US-NV,2025-01-01,2025-03-31,7\n"
    )
    importer = MarketPlacementImporter(actor=world.actor(world.producer), organization=world.producer)
    outcome = bring_in(io.BytesIO(text.encode()), importer)
    (fault,) = [fault for fault in outcome.faults.kept if fault.line == 3]
    assert fault.message == "Line 2 (“a”) counts some of the same batteries."
    assert not MarketPlacement.objects.exists()


def test_another_producer_declares_the_same(world: World) -> None:
    declared(world, "k")
    placements.declare(
        actor=world.actor(world.other_producer), producer=world.other_producer, jurisdiction=world.nj, units=1,
        source_key="k", **YEAR,
    )  # fmt: skip


@pytest.mark.parametrize(
    "rule", ["placement_declared_once", "placement_model_once", "placement_says_why_it_does_not_count"]
)
def test_the_database_refuses(world: World, rule: str) -> None:
    row = declared(world, "k")
    fields: dict[str, Any] = {
        "producer": world.producer,
        "jurisdiction": world.us,
        "units": 1,
        "source_key": "l",
        **YEAR,
    }
    writes = {
        "placement_declared_once": lambda: MarketPlacement.objects.create(**fields),
        "placement_model_once": lambda: MarketPlacement.objects.create(model=row.model, chemistry=world.lfp, **fields),
        "placement_says_why_it_does_not_count": lambda: MarketPlacement.objects.update(status="withdrawn"),
    }
    with pytest.raises(Error, match=rule), transaction.atomic():
        writes[rule]()


# Withdrawn


def test_what_is_withdrawn_counts_nowhere_and_makes_room(world: World) -> None:
    actor, row = world.actor(world.producer), declared(world, "quarter", **SPRING)
    refused(Invalid, placements.withdraw, "reason", actor=actor, placement=row, reason=" ")
    row.refresh_from_db()
    assert row.status == "declared"
    placements.withdraw(actor=actor, placement=row, reason="By the year instead.")
    assert value(drafted(world, scheme("units", world.nj), jurisdiction=None), "units_placed") == 0
    year = declared(world, "year", units=400, **YEAR)
    row.refresh_from_db()
    assert (row.status, row.status_note, year.status) == ("withdrawn", "By the year instead.", "declared")
    before = state("recycling")
    for do in (
        lambda: placements.withdraw(actor=actor, placement=row, reason="x"),
        lambda: placements.correct(actor=actor, placement=row, units=1),
        lambda: declared(world, "quarter", **SPRING),
    ):
        refused(Refused, do)
    assert state("recycling") == before
    with pytest.raises(Error), transaction.atomic():
        MarketPlacement.objects.filter(pk=row.pk).update(status="declared")


def test_a_file_does_not_declare_again_what_was_withdrawn(world: World) -> None:
    text = b"key,jurisdiction,period_start,period_end,units\na,US-NJ,2025-01-01,2025-03-31,100\n"
    importer = MarketPlacementImporter(actor=world.actor(world.producer), organization=world.producer)
    bring_in(io.BytesIO(text), importer)
    placements.withdraw(actor=world.actor(world.producer), placement=MarketPlacement.objects.get(), reason="x")
    outcome = bring_in(io.BytesIO(text), importer)
    assert [fault.field for fault in outcome.faults.kept] == ["key"]


# Reports


def test_filed_reports_do_not_overlap(world: World) -> None:
    of = scheme("units", world.nj)
    year = drafted(world, of, jurisdiction=None)
    spring = filed(world, of, jurisdiction=None, **SPRING)
    manager = world.actor(world.producer, Role.MANAGER)
    error = refused(Refused, reports.submit, actor=manager, report=year)
    assert error.code == "already_filed" and f"Report {spring.pk} (2025-04-01 to 2025-06-30)" in str(error.message)
    rows = EprReport.objects.filter(pk=year.pk)
    rows.update(status="submitting", submitted_at=spring.submitted_at, submitted_by=manager.user)
    rows.update(status="sealing")
    with pytest.raises(Error, match="epr_reports_in_force_apart"), transaction.atomic():
        rows.update(status="submitted", content_hash="x")
    rows.update(status="draft", submitted_at=None, submitted_by=None)
    reports.return_(actor=world.actor(world.federal, Role.MANAGER), report=spring, note="Report on the year.")
    year.refresh_from_db()
    assert sealed(reports.submit(actor=manager, report=year)).status == "submitted"
    later = drafted(world, of, jurisdiction=None, period_start=date(2024, 1, 1), period_end=date(2024, 12, 31))
    assert reports.submit(actor=manager, report=later).status == "submitting"  # the year before is apart


# What overlapped before


def before_the_rule() -> None:
    with connection.cursor() as cursor:
        for table, name in (
            ("recycling_marketplacement", "placement_declared_once"),
            ("recycling_marketplacement", "placement_model_once"),
            ("recycling_eprreport", "epr_reports_in_force_apart"),
        ):
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def test_the_migration_sets_aside_and_deletes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    before_the_rule()

    def row(key: str, units: int, **fields: Any) -> MarketPlacement:
        return MarketPlacement.objects.create(
            producer=world.producer, source_key=key, units=units, **{"jurisdiction": world.nj, **YEAR, **fields}
        )

    quarter, year, part = row("q", 100, **SPRING), row("y", 400), row("c", 100, chemistry=world.nmc)
    country = row("us", 5000, jurisdiction=world.us)
    elsewhere = row("on", 9, jurisdiction=world.on)
    count = row(
        "cec-zev/2025Q2/x", 230_000, source="California Energy Commission, New ZEV Sales in California", **SPRING
    )
    of = scheme("units", world.nj)
    spring = filed(world, of, jurisdiction=None, **SPRING)
    draft = drafted(world, of, jurisdiction=None)
    rows = EprReport.objects.filter(pk=draft.pk)
    rows.update(status="submitting", submitted_at=spring.submitted_at, submitted_by=world.user(world.producer))
    rows.update(status="sealing")
    rows.update(status="submitted", content_hash="x")
    migration = migration_named("market_statistics_and_duties", "recycling")

    editor = SimpleNamespace(connection=connection)
    migration.part(apps, editor)
    standing = {p.source_key: p.status for p in MarketPlacement.objects.all()}
    assert standing == {
        "q": "superseded", "y": "declared", "c": "superseded", "us": "superseded", "on": "declared",
        "cec-zev/2025Q2/x": "superseded",
    }  # fmt: skip
    for kept in (quarter, part, country):
        kept.refresh_from_db()
        assert f"declaration {year.pk} (US-NJ, 2025-01-01 to 2025-12-31, 400 units)" in kept.status_note
    statistic = MarketStatistic.objects.get()
    assert (statistic.units, statistic.producer, statistic.authority.name, statistic.source_key) == (
        230_000, world.producer, "California Energy Commission", count.source_key,
    )  # fmt: skip
    spring.refresh_from_db()
    draft.refresh_from_db()
    assert (spring.status, draft.status) == ("superseded", "submitted")
    assert spring.decision_note == f"Set aside: report {draft.pk} covers days of its period (2025-01-01 to 2025-12-31)."
    assert MarketPlacement.objects.aggregate(n=Sum("units"))["n"] == 100 + 400 + 100 + 5000 + 9 + 230_000
    said = capsys.readouterr().err
    assert f"market placement {quarter.pk} (100 units) overlaps {year.pk}" in said
    assert f"report {spring.pk} overlaps report {draft.pk}" in said and "1 market placements were counts" in said
    assert elsewhere.status == "declared"
    call_again = state("recycling")
    migration.part(apps, editor)
    assert state("recycling") == call_again
