"""Utilization and backlog through the API."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from recycling.models import UtilizationRun
from recycling.services import utilization
from tests.recycling.chain import at, process
from tests.world import World, batteries_at

API = "/api/v1/utilization/"


def api(world: World, organization: Any, role: str = "viewer") -> APIClient:
    made = APIClient()
    made.force_authenticate(world.user(organization, role))
    return made


@pytest.fixture
def charged(world: World) -> World:
    packs = batteries_at(world, world.plant_site, 20, at=at(2025, 3, 1))
    process(world, world.shredder, packs=packs, charged_at=at(2025, 4, 1))
    run = utilization.request(actor=world.actor(world.recycler), from_day=date(2025, 3, 30), to_day=date(2025, 4, 2))
    utilization.run(run.pk)
    return world


def test_how_full(charged: World) -> None:
    own = api(charged, charged.recycler)
    (april, march) = own.get(API, {"level": "plant", "period": "month"}).json()["results"]
    assert (april["start"], april["utilization"], april["stage"]) == ("2025-04-01", "0.400000", "preprocess")
    assert (march["utilization"], april["processed_kg"]) == (None, "8000.00000000000")
    assert (march["is_reported"], march["processed_kg"], march["coverage"]) == (False, None, "0.000000")
    assert (april["is_reported"], april["coverage"], april["is_simulated"]) == (True, "1.000000", False)
    (first,) = own.get(API, {"level": "line", "period": "day", "from": "2025-04-01", "to": "2025-04-01"}).json()[
        "results"
    ]
    assert first["utilization"] == "0.800000" and first["is_over"] is False
    assert own.get(API, {"stage": "hydro"}).json()["results"] == []
    assert len(own.get(API, {"jurisdiction": "US"}).json()["results"]) == 2
    assert own.get(API, {"jurisdiction": "MX"}).json()["results"] == []


def test_pages_meet_every_row_once(charged: World) -> None:
    own = api(charged, charged.recycler)
    address: str | None = f"{API}?level=line&period=day&page_size=1"
    days = []
    while address:
        page = own.get(address).json()
        days += [row["start"] for row in page["results"]]
        address = page["next"]
    assert days == ["2025-04-02", "2025-04-01", "2025-03-31", "2025-03-30"]


def test_whose_load_one_may_read(charged: World) -> None:
    for organization in (charged.regulator, charged.federal):
        assert api(charged, organization).get(API, {"level": "country"}).json()["results"]
    for organization in (charged.refiner, charged.producer, charged.stranger):
        rows = api(charged, organization).get(API, {"level": "country"}).json()["results"]
        assert not any(row["key"] == "US" for row in rows)
    assert APIClient().get(API).status_code == 401


@pytest.mark.parametrize(
    ("question", "field"),
    [
        ({"level": "galaxy"}, "level"),
        ({"period": "week"}, "period"),
        ({"stage": "magic"}, "stage"),
        ({"from": "yesterday"}, "from"),
        ({"to": "2025-02-30"}, "to"),
        ({"plant": "x"}, "plant"),
        ({"plant": str(10**30)}, "plant"),
        ({"jurisdiction": "US\x00"}, "jurisdiction"),
    ],
)
def test_questions_that_make_no_sense(world: World, question: dict[str, str], field: str) -> None:
    answer = api(world, world.recycler).get(API, question)
    assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == field


def test_backlog(world: World, django_assert_max_num_queries: Any) -> None:
    batteries_at(world, world.plant_site, 3)
    with django_assert_max_num_queries(4):
        rows = api(world, world.recycler).get("/api/v1/backlog/").json()["results"]
    batteries, lots = sorted(rows, key=lambda row: str(row["feed"]))
    assert (batteries["plant_name"], batteries["waiting_kg"], batteries["days"]) == (
        "Storey Plant", "1200.00000000000", "0.12"
    )  # fmt: skip
    assert (lots["feed"], lots["waiting_kg"], lots["days"]) == ("lots", "0.00000000000", None)
    assert api(world, world.regulator).get("/api/v1/backlog/").json()["results"] == rows
    assert api(world, world.producer).get("/api/v1/backlog/").json()["results"] == []


def test_on_demand(world: World, django_capture_on_commit_callbacks: Any) -> None:
    wanted = {"from_day": "2025-01-01", "to_day": "2025-01-31"}
    runs = "/api/v1/utilization-runs/"
    operator = api(world, world.recycler, "operator")
    with django_capture_on_commit_callbacks() as sent:
        made = operator.post(runs, wanted)
    assert (made.status_code, made.json()["status"], len(sent)) == (201, "queued", 1)
    assert operator.post(runs, wanted).json()["id"] == made.json()["id"]
    utilization.run(made.json()["id"])
    assert api(world, world.producer).get(f"{runs}{made.json()['id']}/").json()["status"] == "done"
    assert api(world, world.recycler).post(runs, wanted).status_code == 403
    assert api(world, world.producer, "manager").post(runs, wanted).status_code == 403
    for wrong, field in (
        ({"from_day": "2025-02-01", "to_day": "2025-01-01"}, "to_day"),
        ({"from_day": None, "to_day": "2025-01-01"}, "from_day"),
        ({"from_day": "2025-01-01"}, "to_day"),
    ):
        answer = operator.post(runs, wrong)
        assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == field
    assert UtilizationRun.objects.count() == 1


def test_in_the_admin(charged: World, client: Client) -> None:
    client.force_login(charged.user(charged.recycler))
    shown = client.get("/admin/recycling/utilizationsnapshot/").content.decode()
    assert "80.0 %" in shown and "start-fill" in shown
    assert client.get("/admin/recycling/backlogsnapshot/").status_code == 200
    assert client.get("/admin/recycling/utilizationrun/").status_code == 200
    made = client.post("/admin/recycling/utilizationrun/add/", {"from_day": "2025-01-01", "to_day": "2025-01-02"})
    assert made.status_code == 302 and UtilizationRun.objects.count() == 2
    wrong = client.post("/admin/recycling/utilizationrun/add/", {"from_day": "2025-02-01", "to_day": "2025-01-02"})
    assert wrong.status_code == 400 and UtilizationRun.objects.count() == 2
    client.force_login(charged.user(charged.producer))
    assert client.get("/admin/recycling/utilizationrun/add/").status_code == 403
    assert "80.0 %" not in client.get("/admin/recycling/utilizationsnapshot/").content.decode()
