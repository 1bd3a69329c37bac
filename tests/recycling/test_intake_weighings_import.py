"""Weighings from a file: as at the gate, whole tickets or none, the same file twice once."""

from __future__ import annotations

import io
from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from accounts.errors import Forbidden
from collection.imports import runs
from collection.models import Battery, BatteryStatus, ImportRun, ImportStatus, Shipment
from collection.services import imports
from recycling.models import Discrepancy, Intake, IntakeBattery
from tests.collection.sending import RUNS
from tests.refusals import state
from tests.world import World, ago, collected_pickup

HEADER = "ticket,shipment,weighed_at,gross,tare,unit,scheme,issuer,value,received_mass,mass_unit,rejected_because\n"


def load(world: World, number: int = 2) -> tuple[Shipment, list[str]]:
    """A shipment on its way to the plant, and its batteries as a file names them."""
    shipment = collected_pickup(world, number).shipment
    names = [line.battery.identifiers.get() for line in shipment.lines.order_by("pk")]
    return shipment, [f"{name.scheme},{name.issuer},{name.value}" for name in names]


def weighed() -> str:
    return ago(days=1).strftime("%Y-%m-%dT%H:%M:%SZ")


def asked_for(world: World, rows: str, organization=None, **more) -> ImportRun:
    organization = organization or world.recycler
    return imports.request(
        actor=world.actor(organization), organization=organization, kind="intake_weighings", filename="list.csv",
        content=io.BytesIO((HEADER + rows).encode()), **more,
    )  # fmt: skip


def do(world: World, rows: str, organization=None, **more) -> ImportRun:
    run = asked_for(world, rows, organization, **more)
    runs.execute(run.pk)
    run.refresh_from_db()
    return run


def faults(run: ImportRun):
    return list(run.errors.order_by("line", "pk").values_list("line", "field"))


def test_a_truck(world: World) -> None:
    shipment, (first, second) = load(world)
    when = weighed()
    shared = f"T-1,{shipment.pk},{when},9800,9000,kg"
    rows = f"{shared},{first},401.5,kg,\n{shared},{second},880,lb,\n"
    run = do(world, rows)
    assert (run.status, run.rows_created) == (ImportStatus.DONE, 2), list(run.errors.values())
    intake = Intake.objects.get()
    assert (intake.plant, intake.shipment, intake.ticket) == (world.plant, shipment, "T-1")
    assert (intake.net_value, intake.recorded_by) == (Decimal(800), world.user(world.recycler))
    assert {b.received_kg for b in intake.batteries.all()} == {Decimal("401.5"), 880 * Decimal("0.45359237")}
    assert set(Battery.objects.values_list("status", "facility")) == {(BatteryStatus.AT_FACILITY, world.plant_site.pk)}
    before = state(but=RUNS)
    again = do(world, rows)
    assert (again.status, again.rows_created, again.rows_unchanged) == (ImportStatus.DONE, 0, 2)
    assert state(but=RUNS) == before


def test_the_load_as_a_whole_and_a_time_of_the_plant(world: World) -> None:
    shipment, _names = load(world)
    local = ago(days=1).replace(hour=7, minute=30, second=0, microsecond=0)
    zone_time = local.astimezone(ZoneInfo(world.plant_site.time_zone))
    run = do(world, f"T-1,{shipment.pk},{zone_time:%Y-%m-%d %H:%M},9800,9000,,,,,,,\n")
    assert run.status == ImportStatus.DONE, list(run.errors.values())
    assert Intake.objects.get().weighed_at == local.astimezone(UTC)
    assert IntakeBattery.objects.count() == 2


def test_what_is_sent_back_and_what_is_missing(world: World) -> None:
    shipment, (first, second, _third) = load(world, 3)
    shared = f"T-1,{shipment.pk},{weighed()},9400,9000,kg"
    run = do(world, f"{shared},{first},400,kg,\n{shared},{second},,,leaking\n")
    assert run.status == ImportStatus.DONE, list(run.errors.values())
    assert Battery.objects.filter(facility=world.plant_site).count() == 1
    assert Discrepancy.objects.get().kind == "missing"
    assert shipment.returned_as.lines.count() == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"ticket": "x" * 61}, "ticket"),
        ({"shipment": "999999"}, "shipment"),
        ({"shipment": "first"}, "shipment"),
        ({"when": "yesterday"}, "weighed_at"),
        ({"when": "2999-01-01 00:00"}, "weighed_at"),
        ({"when": "2020-01-01 00:00"}, "weighed_at"),
        ({"gross": "NaN"}, "gross"),
        ({"gross": "-5"}, "gross"),
        ({"gross": "9000"}, "gross"),
        ({"gross": "1e400"}, "gross"),
        ({"tare": ""}, "tare"),
        ({"unit": "stone"}, "unit"),
        ({"name": "vin,,5YJ3E1EA7KF317000"}, "value"),
        ({"name": "oem_serial,,"}, "value"),
        ({"name": ",,X"}, "scheme"),
        ({"received": "0"}, "received_mass"),
        ({"because": "leaking"}, "received_mass"),
    ],
)
def test_a_bad_row_spoils_its_ticket(world: World, change: dict[str, str], field: str) -> None:
    shipment, names = load(world)
    good, (one, two) = load(world)
    cells = {
        "ticket": "T-1", "shipment": str(shipment.pk), "when": weighed(), "gross": "9800", "tare": "9000", "unit": "kg",
        "name": names[1], "received": "400", "because": "",
    }  # fmt: skip

    def row(cells: dict[str, str]) -> str:
        first = "{ticket},{shipment},{when},{gross},{tare},{unit},{name},{received},kg,{because}\n"
        return first.format(**cells)

    shared = f"T-2,{good.pk},{weighed()},9800,9000,kg"
    bad = row(cells | {"name": names[0]}) + row(cells | change)
    rows = f"{shared},{one},400,kg,\n{shared},{two},400,kg,\n{bad}"
    before = state(but=RUNS)
    run = do(world, rows)
    assert run.status == ImportStatus.REFUSED and state(but=RUNS) == before
    lines = {line for line, _column in faults(run)}
    assert field in [column for _line, column in faults(run)], faults(run)
    assert lines <= {4, 5}
    run = do(world, rows, skip_bad_rows=True)
    assert run.status == ImportStatus.DONE
    assert "T-2" in Intake.objects.values_list("ticket", flat=True)
    assert not Intake.objects.filter(shipment=shipment, ticket="T-1").exists()
    assert Shipment.objects.get(pk=shipment.pk).status == "in_transit"


def test_a_row_too_bad_to_be_read_spoils_its_neighbors(world: World) -> None:
    shipment, (one, two) = load(world)
    shared = f"T-1,{shipment.pk},{weighed()},9800,9000,kg"
    before = state("recycling")
    run = do(world, f"{shared},{one},400,kg,\n{shared},{two},400\n", skip_bad_rows=True)
    assert (run.status, run.rows_created, run.rows_bad) == (ImportStatus.DONE, 0, 2)
    assert state("recycling") == before


def test_rows_of_a_ticket_that_contradict_each_other(world: World) -> None:
    shipment, (one, two) = load(world)
    when = weighed()
    run = do(
        world,
        f"T-1,{shipment.pk},{when},9800,9000,kg,{one},400,kg,\nT-1,{shipment.pk},{when},9900,9000,kg,{two},400,kg,\n",
    )
    assert run.status == ImportStatus.REFUSED and (3, "gross") in faults(run)
    assert not Intake.objects.exists()


def test_a_ticket_that_was_recorded_otherwise(world: World) -> None:
    shipment, (one, two) = load(world)
    shared = f"T-1,{shipment.pk},{weighed()}"
    do(world, f"{shared},9800,9000,kg,{one},400,kg,\n{shared},9800,9000,kg,{two},400,kg,\n")
    before = state(but=RUNS)
    for rows in (
        f"{shared},9801,9000,kg,{one},400,kg,\n{shared},9801,9000,kg,{two},400,kg,\n",
        f"{shared},9800,9000,kg,{one},400,kg,\n{shared},9800,9000,kg,{two},401,kg,\n",
        f"{shared},9800,9000,kg,{one},400,kg,\n",
    ):
        run = do(world, rows)
        assert run.status == ImportStatus.REFUSED and (2, "ticket") in faults(run)
        assert state(but=RUNS) == before


def test_the_plant_and_the_shipment_of_others(world: World) -> None:
    shipment, _names = load(world)
    before = state(but=RUNS)
    with pytest.raises(Forbidden):
        imports.request(
            actor=world.actor(world.yard_owner), organization=world.yard_owner, kind="intake_weighings", filename="x",
            content=io.BytesIO(b"x"),
        )  # fmt: skip
    row = f"T-1,{shipment.pk},{weighed()},9800,9000,kg,,,,,,\n"
    run = do(world, row, organization=world.refiner)  # its own plant, a shipment that it cannot see
    assert run.status == ImportStatus.REFUSED and faults(run) == [(2, "shipment")]
    run = do(world, row, organization=world.stranger)
    assert run.status == ImportStatus.REFUSED and faults(run) == [(2, "plant")]
    assert state(but=RUNS) == before


def test_trucks_are_recorded_in_the_order_in_which_they_came(world: World) -> None:
    (early, _n), (late, _m) = load(world), load(world)
    rows = (
        f"B,{late.pk},{ago(hours=2).strftime('%Y-%m-%dT%H:%M:%SZ')},9800,9000,kg,,,,,,\n"
        f"A,{early.pk},{ago(hours=5).strftime('%Y-%m-%dT%H:%M:%SZ')},9800,9000,kg,,,,,,\n"
    )
    assert do(world, rows).status == ImportStatus.DONE
    assert list(Intake.objects.order_by("pk").values_list("ticket", flat=True)) == ["A", "B"]
