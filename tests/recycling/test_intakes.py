"""Intakes: the weighbridge against the papers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import Battery, Facility
from collection.services.identifiers import NewIdentifier
from recycling.models import Discrepancy, Intake, IntakeBattery, Plant
from recycling.services import intakes
from recycling.services.intakes import ReceivedBattery, RejectedThing
from tests.refusals import refused, state
from tests.world import World, ago, batteries_at, collected_pickup

pytestmark = pytest.mark.django_db


def load(world: World, number: int = 2, **fields: Any) -> dict[str, Any]:
    """The weighing of a truck with packs of 400 kg each, as it should be."""
    shipment = collected_pickup(world, number, **fields).shipment
    return {
        "actor": world.actor(world.recycler), "plant": world.plant, "shipment": shipment, "ticket": "T-1",
        "weighed_at": ago(days=6), "gross_value": Decimal(90_000), "tare_value": Decimal(90_000 - 400 * number),
    }  # fmt: skip


def ids(good: dict[str, Any]) -> list[int]:
    return list(good["shipment"].lines.order_by("pk").values_list("battery", flat=True))


def test_a_load_as_declared(world: World) -> None:
    good = load(world)
    one, two = ids(good)
    intake = intakes.record(
        **good, batteries=[ReceivedBattery(one, received_value=Decimal("881.849"), unit="lb"), ReceivedBattery(two)]
    )
    assert (intake.net_kg, intake.net_value, intake.recorded_by) == (800, 800, world.user(world.recycler))
    assert not intake.discrepancies.exists()
    battery = Battery.objects.get(pk=one)
    assert (battery.status, battery.facility) == ("at_facility", world.plant_site)
    assert (battery.mass_value, battery.mass_unit) == (Decimal("881.849"), "lb")
    rows = {row.battery_id: row for row in intake.batteries.all()}
    assert rows[one].received_kg == Decimal("881.849") * Decimal("0.45359237") and rows[one].declared_kg == 400
    assert rows[two].received_kg is None
    good["shipment"].refresh_from_db()
    assert (good["shipment"].status, good["shipment"].arrived_at) == ("received", good["weighed_at"])


def test_a_received_mass_settles_the_content(world: World) -> None:
    """A pack of 60 kWh lists 2.31 kg/kWh, 138.6 kg in all; in one of 100 kg there is only room for 100."""
    good = load(world, 1)
    intakes.record(**good, batteries=[ReceivedBattery(ids(good)[0], received_value=Decimal(100))])
    battery = Battery.objects.get(pk=ids(good)[0])
    assert battery.content_kwh == (Decimal(100) / Decimal("2.31")).quantize(Decimal("0.000001"), rounding="ROUND_DOWN")


@pytest.mark.parametrize(("mass", "is_beyond"), [("408", False), ("408.001", True), ("392", False), ("391.999", True)])
def test_a_battery_beyond_tolerance(world: World, mass: str, is_beyond: bool) -> None:
    """400 kg declared, 2 % tolerance: 392 to 408 kg."""
    good = load(world, 1)
    (battery,) = ids(good)
    Plant.objects.update(discrepancy_days=10)
    good["gross_value"] = good["tare_value"] + Decimal(mass)
    intake = intakes.record(**good, batteries=[ReceivedBattery(battery, received_value=Decimal(mass))])
    found = list(intake.discrepancies.values_list("kind", "battery", "declared_kg", "received_kg", "status"))
    assert found == ([("battery_mass", battery, 400, Decimal(mass), "open")] if is_beyond else [])


def test_due_days_are_days_of_the_plant(world: World) -> None:
    """23:30 on 5 March in Nevada is 6 March in UTC: ten days later is 15 March."""
    good = load(world, 1)
    Plant.objects.update(discrepancy_days=10)
    for table in ("collection_custodyevent", "collection_shipment"):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            column = "occurred_at" if table.endswith("event") else "dispatched_at"
            cursor.execute(f"UPDATE {table} SET {column} = '2026-01-01T00:00Z'")
            cursor.execute("SET LOCAL session_replication_role = origin")
    good |= {"weighed_at": datetime(2026, 3, 6, 7, 30, tzinfo=UTC), "gross_value": Decimal(90_100)}
    intake = intakes.record(**good)
    assert intake.discrepancies.get().due_on.isoformat() == "2026-03-15"


def test_missing_and_rejected(world: World) -> None:
    good = load(world, 3)
    one, two, three = ids(good)
    good["gross_value"] = good["tare_value"] + 400
    intake = intakes.record(**good, batteries=[ReceivedBattery(one)], rejected=[RejectedThing("leaking", battery=two)])
    assert [(d.kind, d.battery_id) for d in intake.discrepancies.all()] == [("missing", three)]
    good["shipment"].refresh_from_db()
    assert good["shipment"].status == "partly_rejected"
    back = good["shipment"].returned_as
    assert sorted(back.lines.values_list("battery", flat=True)) == [two, three]
    assert [row.battery_id for row in intake.batteries.all()] == [one]


def test_net_mass_beyond_tolerance(world: World) -> None:
    good = load(world, 2)
    good["gross_value"] += 17
    found = intakes.record(**good).discrepancies.get()
    assert (found.kind, found.declared_kg, found.received_kg) == ("net_mass", 800, 817)


def test_what_is_not_weighed_in(world: World) -> None:
    good = load(world)
    one, two = ids(good)
    (stranger,) = batteries_at(world, world.hub)
    act = intakes.record
    refused(Invalid, act, "gross_value", **good | {"gross_value": good["tare_value"]})
    refused(Invalid, act, "gross_value", **good | {"gross_value": Decimal("NaN")})
    refused(Invalid, act, "tare_value", **good | {"tare_value": Decimal(0)})
    refused(Invalid, act, "unit", **good, unit="zz")
    refused(Invalid, act, "ticket", **good | {"ticket": " "})
    refused(Invalid, act, "weighed_at", **good | {"weighed_at": ago(days=8)})
    refused(Invalid, act, "weighed_at", **good | {"weighed_at": ago(days=-1)})
    refused(Refused, act, "shipment", **good | {"plant": world.refinery, "actor": world.actor(world.refiner)})
    for batteries, field in (
        ([ReceivedBattery(stranger.pk)], "batteries.0"),
        ([ReceivedBattery(one), ReceivedBattery(one)], "batteries.1"),
        ([ReceivedBattery()], "batteries.0"),
        ([ReceivedBattery(one, received_value=Decimal(-1))], "batteries.0.received_value"),
        ([ReceivedBattery(one), ReceivedBattery(two, received_value=Decimal(1), unit="zz")], "batteries.1.unit"),
    ):
        refused(Invalid, act, field, **good, batteries=batteries)
    refused(Invalid, act, "rejected.0.reason", **good, rejected=[RejectedThing(" ", battery=one)])
    refused(
        Invalid, act, "batteries.0", **good, batteries=[ReceivedBattery(one)],
        rejected=[RejectedThing("x", battery=one)],
    )  # fmt: skip
    for actor in (world.actor(world.carrier), world.actor(world.recycler, Role.VIEWER)):
        refused(Forbidden, act, **good | {"actor": actor})
    Facility.objects.update(storage_limit_kg=799)
    assert refused(Refused, act, **good).code == "storage_limit"
    Facility.objects.update(storage_limit_kg=None)
    act(**good)
    refused(Refused, act, "shipment", **good)
    other = load(world, 1)
    refused(Refused, act, "ticket", **other)


def test_by_identifier(world: World) -> None:
    good = load(world, 2)
    one, two = (Battery.objects.get(pk=pk) for pk in ids(good))
    name = one.identifiers.get()
    known = NewIdentifier(name.scheme, name.value, name.issuer)
    unknown = NewIdentifier(name.scheme, "NOBODY", name.issuer)
    refused(Invalid, intakes.record, "batteries.0", **good, batteries=[ReceivedBattery(identifier=unknown)])
    intake = intakes.record(**good, batteries=[ReceivedBattery(identifier=known), ReceivedBattery(two.pk)])
    assert {row.battery for row in intake.batteries.all()} == {one, two}


def test_statements_do_not_grow_with_the_load(world: World) -> None:
    counts = []
    for number in (3, 60):
        good = load(world, number) | {"ticket": f"T{number}"}
        rows = [ReceivedBattery(pk, received_value=Decimal(500)) for pk in ids(good)]
        with CaptureQueriesContext(connection) as queries:
            intakes.record(**good, batteries=rows[:-2], rejected=[RejectedThing("x", battery=rows[-1].battery)])
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_settling(world: World) -> None:
    good = load(world)
    good["gross_value"] += 500
    found = intakes.record(**good).discrepancies.get()
    act: dict[str, Any] = {"actor": world.actor(world.recycler), "discrepancy": found, "settlement": "packaging"}
    refused(Invalid, intakes.settle_discrepancy, "settlement", **act | {"settlement": " "})
    refused(Forbidden, intakes.settle_discrepancy, **act | {"actor": world.actor(world.carrier)})
    settled = intakes.settle_discrepancy(**act)
    assert (settled.status, settled.settlement, settled.settled_by) == (
        "settled", "packaging", world.user(world.recycler),
    )  # fmt: skip
    assert refused(Refused, intakes.settle_discrepancy, **act).code == "wrong_status"


def test_correcting_a_weighing(world: World) -> None:
    intake = intakes.record(**load(world))
    act: dict[str, Any] = {
        "actor": world.actor(world.recycler, Role.MANAGER), "intake": intake, "gross_value": Decimal(30),
        "tare_value": Decimal(20), "unit": "t", "reason": "typed wrongly",
    }  # fmt: skip
    refused(Invalid, intakes.correct_weighing, "gross_value", **act | {"gross_value": Decimal(20)})
    refused(Invalid, intakes.correct_weighing, "reason", **act | {"reason": ""})
    refused(Forbidden, intakes.correct_weighing, **act | {"actor": world.actor(world.recycler)})
    intakes.correct_weighing(**act)
    intake = Intake.objects.get(pk=intake.pk)
    assert (intake.net_kg, intake.net_value) == (10_000, 10)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE recycling_intake SET tare_value = gross_value",
        "UPDATE recycling_intake SET tare_value = 0",
        "UPDATE recycling_intakebattery SET received_value = 0",
        "UPDATE recycling_discrepancy SET status = 'settled'",
        (
            "INSERT INTO recycling_intakebattery (intake_id, battery_id, unit)"
            " SELECT intake_id, battery_id, 'kg' FROM recycling_intakebattery"
        ),
    ],
)
def test_the_database_refuses(world: World, sql: str) -> None:
    good = load(world)
    good["gross_value"] += 500
    intakes.record(**good)
    before = state()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert state() == before


def test_a_settled_discrepancy_stays_settled(world: World) -> None:
    good = load(world)
    good["gross_value"] += 500
    found = intakes.record(**good).discrepancies.get()
    intakes.settle_discrepancy(actor=world.actor(world.recycler), discrepancy=found, settlement="x")
    with pytest.raises(Exception, match="status"), transaction.atomic():
        Discrepancy.objects.update(status="open", settled_at=None)
    assert IntakeBattery.objects.count() == 2 and good["weighed_at"] + timedelta(days=1) < ago(days=0)
