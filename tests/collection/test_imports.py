"""Importing files: all or nothing, once however often, and nobody touches what is not theirs."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.errors import Forbidden, Invalid
from accounts.models import Role
from collection.imports import runs
from collection.imports.batteries import BatteryImporter, BatteryStage
from collection.imports.collection_points import CollectionPointImporter
from collection.imports.engine import Counts, Faults, bring_in
from collection.models import (
    Battery,
    BatteryStatus,
    CollectionPoint,
    Identifier,
    ImportRun,
    ImportStatus,
)
from collection.services import batteries, imports
from collection.services.identifiers import NewIdentifier
from tests.collection.sending import HEADER, POINTS, RUNS, battery_file, do, file_refused, plain, request
from tests.refusals import state
from tests.world import World, ago, batteries_at

# What comes of a good file


def test_batteries(world: World) -> None:
    run = do(
        world,
        battery_file(
            "oem_serial,A1,GM,nmc-60,880,lb,US-NV,2021-05-06,,,",
            "vin,1m8gdm9axkp042788,,lfp-50,,,,,damaged,Reno Yard,2026-03-01 23:30",
            "internal,X,me,,,,,,,,",
        ),
    )
    assert (run.status, run.rows_read, run.rows_created, run.rows_bad) == (ImportStatus.DONE, 3, 3, 0)
    first, second, third = Battery.objects.order_by("pk")
    assert first.mass_kg == Decimal(880) * Decimal("0.45359237") and first.mass_unit == "lb"
    assert (first.producer, first.chemistry, first.placed_in) == (world.producer, world.nmc, world.nv)
    assert first.content_kwh == 60 and first.composition == world.nmc.compositions.get()
    assert first.registered_by == world.yard_owner and first.status == BatteryStatus.IN_USE
    assert second.identifiers.get().value == "1M8GDM9AXKP042788"
    assert (second.status, second.facility, second.condition) == (BatteryStatus.AT_FACILITY, world.yard, "damaged")
    event = second.events.get()
    assert (event.kind, event.sequence, event.to_facility, event.to_organization) == (
        "given_up",
        1,
        world.yard,
        world.yard_owner,
    )
    assert event.occurred_at == datetime(2026, 3, 2, 7, 30, tzinfo=UTC)
    assert event.actor == world.user(world.yard_owner)
    assert (third.model, third.content_kwh, third.events.count()) == (None, None, 0)
    assert not run.has_file and not run.parts.exists() and len(run.sha256) == 64


def test_the_same_as_one_by_one(world: World) -> None:
    """The file and the service make the same battery, contents included."""
    do(world, battery_file("oem_serial,F,t,,150,kg,US-NV,2020-01-01,recalled,,", header=HEADER))
    do(world, b"scheme,value,issuer,chemistry,mass,rated_kwh\noem_serial,G,t,NMC622,150.5,60\n")
    made = [
        batteries.register(
            actor=world.actor(world.yard_owner), organization=world.yard_owner,
            identifiers=[NewIdentifier("oem_serial", "F2", "t")], mass_value=Decimal(150), placed_in=world.nv,
            placed_on=datetime(2020, 1, 1, tzinfo=UTC).date(), condition="recalled",
        ),
        batteries.register(
            actor=world.actor(world.yard_owner), organization=world.yard_owner,
            identifiers=[NewIdentifier("oem_serial", "G2", "t")], mass_value=Decimal("150.5"), chemistry=world.nmc,
            rated_kwh=Decimal(60),
        ),
    ]  # fmt: skip
    for theirs, name in zip(made, "FG", strict=True):
        ours = Battery.objects.get(identifiers__value=name)
        differing = {
            field.name
            for field in Battery._meta.fields
            if field.name not in ("id", "registered_at")
            and getattr(ours, field.attname) != getattr(Battery.objects.get(pk=theirs.pk), field.attname)
        }
        assert not differing


def test_collection_points(world: World) -> None:
    content = (POINTS + 'Álamo "East",salvage_yard,US-NV,39.5,-119.8,k1\nB,dealer,CA-ON,,,\n').encode()
    run = do(world, gzip.compress(content), "collection_points")
    assert (run.status, run.rows_created) == (ImportStatus.DONE, 2), list(run.errors.all())
    point = CollectionPoint.objects.get(facility__name='Álamo "East"')
    assert (point.kind, point.facility.operator, point.facility.time_zone) == (
        "salvage_yard",
        world.yard_owner,
        "America/Los_Angeles",
    )
    assert (point.facility.latitude, point.is_active) == (Decimal("39.5"), True)
    assert do(world, content, "collection_points").rows_unchanged == 2
    other = do(world, content, "collection_points", organization=world.stranger)
    assert other.rows_created == 2  # another organization may use the same names and keys


def test_the_same_file_twice_changes_nothing(world: World) -> None:
    content = battery_file(
        "oem_serial,A1,GM,nmc-60,880,lb,US-NV,2021-05-06,,,",
        "vin,1M8GDM9AXKP042788,,lfp-50,,,,,damaged,Reno Yard,2026-03-01 23:30",
    )
    do(world, content)
    before = state(but=RUNS)
    run = do(world, content)
    assert (run.status, run.rows_created, run.rows_unchanged) == (ImportStatus.DONE, 0, 2)
    assert state(but=RUNS) == before


def test_the_same_file_after_a_battery_went_on(world: World) -> None:
    """What scales and inspectors found since is not held against the file."""
    content = battery_file("oem_serial,A1,GM,nmc-60,400,kg,,,,,")
    do(world, content)
    battery = Battery.objects.get()
    batteries.give_up(
        actor=world.actor(world.yard_owner), battery=battery, facility=world.yard, occurred_at=ago(days=1)
    )
    Battery.objects.update(mass_value=Decimal(390))
    assert do(world, content).rows_unchanged == 1
    assert Battery.objects.get().mass_value == 390


# What makes a row bad


GOOD = "oem_serial,GOOD,test,,,,,,,,"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("oem_serial,A", ""),
        ("oem_serial,A,t,,,,,,,,,", ""),
        (",A,t,,,,,,,,", "scheme"),
        ("barcode,A,t,,,,,,,,", "scheme"),
        ("oem_serial,,t,,,,,,,,", "value"),
        ("oem_serial,a\0b,t,,,,,,,,", "value"),
        ("vin,1M8GDM9AXKP042789,,,,,,,,,", "value"),
        ("vin,1M8GDM9AXKP042788,t,,,,,,,,", "issuer"),
        ("oem_serial,A,t,no-such,,,,,,,", "model"),
        ("oem_serial,A,t,,-1,,,,,,", "mass"),
        ("oem_serial,A,t,,0,,,,,,", "mass"),
        ("oem_serial,A,t,,NaN,,,,,,", "mass"),
        ("oem_serial,A,t,,Infinity,,,,,,", "mass"),
        ("oem_serial,A,t,,1e400,,,,,,", "mass"),
        ('oem_serial,A,t,,"1,000",,,,,,', "mass"),
        ("oem_serial,A,t,,10000000000,,,,,,", "mass"),
        ("oem_serial,A,t,,1,stone,,,,,", "mass_unit"),
        ("oem_serial,A,t,,,,XX-YY,,,,", "placed_in"),
        ("oem_serial,A,t,,,,,2026-13-01,,,", "placed_on"),
        ("oem_serial,A,t,,,,,2999-01-01,,,", "placed_on"),
        ("oem_serial,A,t,,,,,,fine,,", "condition"),
        ("oem_serial,A,t,,,,,,,Elsewhere,2026-01-01 00:00", "facility"),  # another organization's
        ("oem_serial,A,t,,,,,,,Reno Yard,", "given_up_at"),
        ("oem_serial,A,t,,,,,,,,2026-01-01 00:00", "facility"),
        ("oem_serial,A,t,,,,,,,Reno Yard,2025-11-02 01:30", "given_up_at"),
        ("oem_serial,A,t,,,,,,,Reno Yard,2999-01-01 00:00", "given_up_at"),
        ("oem_serial,GOOD,test,,,,,,,,", "value"),
    ],
)
def test_one_bad_row_and_nothing_happens(world: World, row: str, field: str) -> None:
    content = battery_file(GOOD, row)
    fault = file_refused(world, content, 3, field)
    assert fault.message
    run = do(world, content, skip_bad_rows=True)
    assert (run.status, run.rows_created, run.rows_bad) == (ImportStatus.DONE, 1, 1)
    assert Identifier.objects.get().value == "GOOD" and run.errors.get().line == 3


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("A,salvage_yard,US-NV,91,0,", "latitude"),
        ("A,salvage_yard,US-NV,39.5,,", "longitude"),
        ("A,shop,US-NV,,,", "kind"),
        ("A,dealer,US-ZZ,,,", "jurisdiction"),
        (",dealer,US-NV,,,", "name"),
        ("Good,dealer,US-NV,,,", "name"),
        ("Sparks,dealer,US-NV,,,good", "key"),
        ("Reno Yard,dealer,US-NV,,,", "kind"),
    ],
)
def test_a_bad_collection_point(world: World, row: str, field: str) -> None:
    file_refused(world, f"{POINTS}Good,dealer,US-NV,,,good\n{row}\n".encode(), 3, field, kind="collection_points")


def test_a_facility_that_is_no_collection_point(world: World) -> None:
    content = f"{POINTS}Sparks Hub,dealer,US-NV,,,\n".encode()
    file_refused(world, content, 2, "name", kind="collection_points", organization=world.collector)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("oem_serial,A1,GM,lfp-50,,,,,,,", "model"),
        ("oem_serial,A1,GM,nmc-60,401,,,,,,", "mass"),
        ("oem_serial,A1,GM,nmc-60,400,,US-NV,,,,", "placed_in"),
        ("oem_serial,A1,GM,nmc-60,400,,,,damaged,,", "condition"),
        ("oem_serial,A1,GM,nmc-60,400,,,,,Reno Yard,2026-01-01 00:00", "facility"),
    ],
)
def test_nothing_that_exists_is_overwritten(world: World, row: str, field: str) -> None:
    do(world, battery_file("oem_serial,A1,GM,nmc-60,400,,,,,,"))
    assert "overwritten" in file_refused(world, battery_file(row), 2, field).message


def test_a_battery_of_somebody_else_is_named_only_to_who_may_see_it(world: World) -> None:
    (theirs,) = batteries_at(world, world.stranger_site)
    name = theirs.identifiers.get()
    content = battery_file(f"{name.scheme},{name.value},{name.issuer},,,,,,,,")
    assert str(theirs.pk) not in file_refused(world, content, 2, "value").message
    Battery.objects.filter(pk=theirs.pk).update(producer=world.yard_owner)
    assert str(theirs.pk) in file_refused(world, content, 2, "value").message


def test_a_second_identifier_that_another_battery_has(world: World) -> None:
    header = "scheme,value,issuer,vin"
    do(world, battery_file("vin,1M8GDM9AXKP042788,,", header=header))
    file_refused(world, battery_file("oem_serial,B,t,1M8GDM9AXKP042788", header=header), 2, "vin")
    both = battery_file("oem_serial,B,t,5YJ3E1EA7KF317000", "oem_serial,C,t,5YJ3E1EA7KF317000", header=header)
    fault = file_refused(world, both)
    assert fault.line in (2, 3)


def test_somebody_registers_one_of_them_after_the_check(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then it is looked at again, and is one that is there already."""

    def late(stage: BatteryStage, faults: Faults) -> Counts:
        batteries.register(
            actor=world.actor(world.yard_owner), organization=world.yard_owner,
            identifiers=[NewIdentifier("oem_serial", "A", "test")],
        )  # fmt: skip
        return write(stage, faults)

    write = BatteryStage.write
    monkeypatch.setattr(BatteryStage, "write", late)
    run = do(world, plain("A", "B"))
    assert (run.status, run.rows_created, run.rows_unchanged) == ("done", 1, 1), run.message
    assert Battery.objects.count() == 2


def test_many_errors_are_all_counted(world: World) -> None:
    run = do(world, battery_file(*(f"oem_serial,{n},t,,-1,stone,,,,," for n in range(40))))
    assert (run.rows_bad, run.errors.count(), run.rows_read) == (40, 80, 40)


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        ("scheme,value\nvin,Montréal\n".encode("latin-1"), 2, "UTF-8"),
        (gzip.compress(plain("A", "B") * 100)[:-30], None, "cut off"),
        (b"scheme,worth\n", 1, "value"),
        (b"scheme,value,value\n", 1, "twice"),
        (b"PK\x03\x04", 0, "zip"),
    ],
)
@pytest.mark.parametrize("skip", [False, True])
def test_a_file_that_cannot_be_read(world: World, content: bytes, line: int | None, says: str, skip: bool) -> None:
    fault = file_refused(world, content, skip_bad_rows=skip)
    assert says in fault.message
    assert line is None or fault.line == line


def test_the_number_of_statements_is_that_of_a_file_not_of_its_rows(world: World) -> None:
    def statements(name: str, number: int) -> int:
        rows = [f"oem_serial,{name}{n},t,nmc-60,{400 + n},kg,,,,Reno Yard,2026-01-01 00:00" for n in range(number)]
        importer = BatteryImporter(actor=world.actor(world.yard_owner), organization=world.yard_owner)
        with CaptureQueriesContext(connection) as queries:
            bring_in(io.BytesIO(battery_file(*rows)), importer)
        return len(queries)

    assert statements("a", 3) == statements("b", 300) < 40

    def point_statements(name: str, number: int) -> int:
        rows = "".join(f"{name}{n},dealer,US-NV,,,\n" for n in range(number))
        importer = CollectionPointImporter(actor=world.actor(world.yard_owner), organization=world.yard_owner)
        with CaptureQueriesContext(connection) as queries:
            bring_in(io.BytesIO((POINTS + rows).encode()), importer)
        return len(queries)

    assert point_statements("a", 3) == point_statements("b", 300) < 30


# Who may


def test_who_may_import(world: World) -> None:
    before = state()
    for organization, role in ((world.yard_owner, Role.VIEWER), (world.stranger, Role.MANAGER)):
        with pytest.raises(Forbidden):
            imports.request(
                actor=world.actor(organization, role), organization=world.yard_owner, kind="batteries", filename="x",
                content=io.BytesIO(plain("A")),
            )  # fmt: skip
    with pytest.raises(Forbidden):
        request(world, plain("A"), organization=world.regulator)
    for change in ({"content": b""}, {"kind": "elephants"}, {"content": b"x" * (imports.MAX_UPLOAD + 1)}):
        with pytest.raises(Invalid):
            request(world, **{"content": plain("A"), **change})
    assert not ImportRun.objects.exists() and state() == before


def test_who_lost_the_right_while_waiting_imports_nothing(world: World) -> None:
    run = request(world, plain("A"))
    world.user(world.yard_owner).memberships.all().delete()
    runs.execute(run.pk)
    run.refresh_from_db()
    assert run.status == ImportStatus.REFUSED and not Battery.objects.exists()
