"""A collection operator, a recycler and a regulator do their main task by HTTP, each with a token of its own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Role, User
from collection.models import Battery
from recycling.models import BatchStatus, ReportStatus
from recycling.services import factors
from tests.filings import submitted_report
from tests.world import World, ago, batteries_at, collected_pickup, requested_pickup

pytestmark = pytest.mark.django_db

PASSWORD = "a-password-of-the-tests"
type Caller = Callable[..., Any]


@pytest.fixture
def token() -> Callable[[User], Caller]:
    """Log in as a user; what comes back calls the API with the token and answers with the JSON."""

    def log_in(user: User) -> Caller:
        user.set_password(PASSWORD)
        user.save()
        client = Client()
        answer = client.post("/api/v1/auth/login/", {"email": user.email, "password": PASSWORD}, "application/json")
        assert answer.status_code == 200, answer.content
        authorization = {"Authorization": f"Token {answer.json()['token']}"}

        def call(path: str, expected: int = 200, **body: Any) -> Any:
            address = f"/api/v1/{path}"
            if body:
                answer = client.post(address, body, "application/json", headers=authorization)
            else:
                answer = client.get(address, headers=authorization)
            assert answer.status_code == expected, answer.content
            return answer.json()

        return call

    return log_in


def at(instant: datetime) -> str:
    return instant.isoformat()


def test_a_collection_operator_schedules_and_collects_a_pickup(token: Callable[[User], Caller], world: World) -> None:
    packs = batteries_at(world, world.yard, 2)
    requested_pickup(world, batteries=[pack.pk for pack in packs])
    call = token(world.user(world.collector))
    (found,) = call("pickups/?status=requested")["results"]
    address = f"pickups/{found['id']}"
    scheduled = call(
        f"{address}/schedule/", carrier=world.carrier.pk, destination=world.plant_site.pk, vehicle="NV 123",
        window_start=at(ago(hours=2)), window_end=at(timezone.now() + timedelta(hours=1)),
    )  # fmt: skip
    assert scheduled["status"] == "scheduled"
    scans = [
        {"battery": packs[0].pk, "mass_value": "880.5", "unit": "lb"},
        {"battery": packs[1].pk, "mass_value": "401", "condition": "damaged"},
    ]
    collected = call(f"{address}/collect/", collected_at=at(ago(minutes=5)), batteries=scans)
    assert collected["status"] == "collected"
    assert call(f"shipments/{collected['shipment']}/")["status"] == "in_transit"


def test_a_recycler_weighs_in_inspects_and_closes_a_batch(token: Callable[[User], Caller], world: World) -> None:
    shipment = collected_pickup(world, 2).shipment
    first, second = Battery.objects.order_by("pk")
    call = token(world.user(world.recycler))
    assert [row["id"] for row in call(f"shipments/?destination={world.plant_site.pk}")["results"]] == [shipment.pk]
    intake = call(
        "intakes/", 201, plant=world.plant.pk, shipment=shipment.pk, ticket="T-1", weighed_at=at(ago(days=5)),
        gross_value="15770", tare_value="15000",
        batteries=[{"battery": first.pk, "received_value": "400"}, {"battery": second.pk, "received_value": "370"}],
    )  # fmt: skip
    (discrepancy,) = call("discrepancies/?status=open")["results"]
    assert (discrepancy["intake"], discrepancy["battery"], discrepancy["kind"]) == (
        intake["id"], second.pk, "battery_mass",
    )  # fmt: skip
    triage = [
        {"battery": first.pk, "decision": "recycle", "state_of_health": "0.610"},
        {"battery": second.pk, "decision": "recycle", "condition": "damaged"},
    ]
    call("inspections/", 201, plant=world.plant.pk, inspected_at=at(ago(days=4)), inspections=triage)
    batch = call("batches/", 201, line=world.shredder.pk, number="B-1", started_at=at(ago(days=3)))
    address = f"batches/{batch['id']}"
    call(f"{address}/charge/", charged_at=at(ago(days=2)), batteries=[first.pk, second.pk])
    call(
        f"{address}/record-output/", number="BM-1", material="black_mass", mass_value="300", made_at=at(ago(days=1)),
        assays={"Li": "0.03", "Ni": "0.18"},
    )  # fmt: skip
    refused = call(f"{address}/close/", 400, closed_at=at(ago(days=2)))
    assert "closed_at" in str(refused)
    closed = call(f"{address}/close/", closed_at=at(ago(hours=1)))
    assert closed["status"] == BatchStatus.CLOSED
    factors.refresh()
    shares = {row["element"]: row for row in call(f"factors/?batch={batch['id']}")["results"]}
    # Two packs of 60 kWh with 0.11 kg lithium per kWh; the black mass is still to be refined.
    expected = Decimal(300) * Decimal("0.03") / (2 * 60 * Decimal("0.11"))
    assert Decimal(shares["Li"]["pending"]) == round(expected, 18)


def test_a_regulator_drills_down_and_accepts_a_report(token: Callable[[User], Caller], world: World) -> None:
    report = submitted_report(world)
    call = token(world.user(world.regulator, Role.MANAGER))
    (found,) = call("epr-reports/?status=submitted")["results"]
    assert found["id"] == report.pk
    address = f"epr-reports/{report.pk}"
    placed = next(
        line for line in call(f"{address}/lines/") if line["metric"] == "units_placed" and not line["breakdown"]
    )
    (row,) = call(f"{address}/placements/?line={placed['position']}")["results"]
    assert (row["units"], Decimal(placed["value"])) == (120, 120)
    assert call(f"{address}/verify/")["figures_agree"] is True
    accepted = call(f"{address}/accept/", note="complete")
    assert accepted["status"] == ReportStatus.ACCEPTED
    call(f"{address}/accept/", 409, note="again")
