"""A recycler's day through the API and the admin: weigh in, inspect, charge, close, refine, trace."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Role
from collection.models import Battery, Lot, Shipment
from recycling.models import Batch, Intake, ProcessLine
from recycling.services import factors, outputs
from tests.recycling.chains import charged, closed, opened, output, packs
from tests.world import World, ago, batteries_at, collected_pickup


def api(world: World, organization: Any, role: str = Role.OPERATOR) -> APIClient:
    client = APIClient()
    client.force_authenticate(world.user(organization, role))
    return client


def when(**delta: float) -> str:
    return ago(**delta).isoformat()


def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_day_by_the_api(world: World) -> None:
    client, manager = api(world, world.recycler), api(world, world.recycler, Role.MANAGER)
    pickup = collected_pickup(world, 2)
    batteries = list(pickup.shipment.lines.values_list("battery", flat=True))
    intake = ok(
        client.post(
            "/api/v1/intakes/",
            {
                "plant": world.plant.pk, "shipment": pickup.shipment.pk, "ticket": "T-1", "weighed_at": when(days=6),
                "gross_value": "10.8", "tare_value": "10", "unit": "t",
                "batteries": [
                    {"battery": batteries[0], "received_value": "400"},
                    {"battery": batteries[1], "received_value": "450"},
                ],
            },
            format="json",
        ),
        201,
    )  # fmt: skip
    assert [row["kind"] for row in intake["discrepancies"]] == ["battery_mass", "net_mass"]
    address = f"/api/v1/discrepancies/{intake['discrepancies'][0]['id']}/settle/"
    assert ok(client.post(address, {"settlement": "scale of the yard was off"}))["status"] == "settled"
    assert client.post(address, {"settlement": "again"}).status_code == 409

    inspected = ok(
        client.post(
            "/api/v1/inspections/",
            {
                "plant": world.plant.pk, "inspected_at": when(days=5),
                "inspections": [{"battery": pk, "decision": "recycle", "state_of_health": "0.7"} for pk in batteries],
            },
            format="json",
        ),
        201,
    )  # fmt: skip
    assert len(inspected) == 2

    batch = ok(
        client.post(
            "/api/v1/batches/", {"line": world.shredder.pk, "number": "B-1", "started_at": when(days=5)}, format="json"
        ),
        201,
    )
    at = f"/api/v1/batches/{batch['id']}/"
    ok(client.post(at + "charge/", {"charged_at": when(days=5), "batteries": batteries}, format="json"))
    ok(client.post(at + "add-reagent/", {"name": "water", "mass_value": "10"}, format="json"))
    shown = ok(
        client.post(
            at + "record-output/",
            {
                "number": "BM-1", "material": "black_mass", "mass_value": "240", "made_at": when(days=4),
                "assays": {"Ni": "0.2", "Li": "0.04"},
            },
            format="json",
        )
    )  # fmt: skip
    lot = shown["outputs"][0]["lot"]
    balance = ok(client.get(at + "balance/"))
    assert (balance["charged_kg"], balance["holds"]) == ("850.00000000000", True)
    assert ok(client.post(at + "close/", {"closed_at": when(days=3)}))["status"] == "closed"
    factors.refresh()
    nickel = ok(client.get("/api/v1/factors/", {"batch": batch["id"], "element": "Ni"}))["results"][0]
    assert nickel["pending"].startswith("0.7272")

    assert client.post(f"/api/v1/batches/{batch['id']}/reopen/", {"reason": "x"}).status_code == 403
    ok(
        client.post(
            f"/api/v1/lots/{lot}/split/", {"split_at": when(days=2), "parts": [{"mass_value": "40"}]}, format="json"
        )
    )
    parts = ok(client.get("/api/v1/lots/", {"split_from": lot}))["results"]
    assert sorted(part["mass_kg"] for part in parts) == ["200.00000000000", "40.00000000000"]
    first = parts[0]["id"]
    ok(
        client.post(
            f"/api/v1/lots/{first}/dispose/", {"disposition": "sold", "note": "Asia", "disposed_at": when(days=1)}
        )
    )
    assert client.post(f"/api/v1/lots/{first}/reinstate/", {"reinstated_at": when(), "reason": "x"}).status_code == 403
    ok(manager.post(f"/api/v1/lots/{first}/reinstate/", {"reinstated_at": when(), "reason": "x"}))

    trace = ok(client.get(f"/api/v1/battery-traces/{batteries[0]}/"))
    assert {row["element"] for row in trace["elements"]} >= {"Ni", "Li"} and len(trace["lots"]) == 2
    back = ok(client.get(f"/api/v1/lot-traces/{first}/", {"page_size": 1}))
    assert len(back["sources"]) == 1 and back["next_after"] and back["others"] == {}
    again = ok(client.get(f"/api/v1/lot-traces/{first}/", {"after": back["next_after"]}))
    assert len(again["sources"]) == 1 and again["next_after"] is None


def test_who_sees_what_of_the_trace(world: World) -> None:
    """A producer sees the figures of its battery, but neither the batch nor the lot; strangers see nothing."""
    batch, lot = closed(world)
    battery = batch.charges.get().battery_id
    trace = ok(api(world, world.producer).get(f"/api/v1/battery-traces/{battery}/"))
    assert trace["batch"] is None and trace["is_charged"]
    share = trace["lots"][0]
    assert (share["lot"], share["number"], share["country"]) == (None, None, "US")
    assert {row["element"]: row["pending_kg"] for row in trace["elements"]}["Ni"].startswith("24.0")
    for organization in (world.stranger, world.other_producer):
        assert api(world, organization).get(f"/api/v1/battery-traces/{battery}/").status_code == 404
    assert api(world, world.producer).get(f"/api/v1/lot-traces/{lot.pk}/").status_code == 404
    assert api(world, world.producer).get(f"/api/v1/batches/{batch.pk}/").status_code == 404
    assert ok(api(world, world.regulator).get(f"/api/v1/batches/{batch.pk}/"))["number"] == "B1"
    for bad in ({"page_size": 0}, {"page_size": 10**6}, {"after": -1}, {"after": "x"}):
        assert api(world, world.recycler).get(f"/api/v1/lot-traces/{lot.pk}/", bad).status_code == 400


BODIES: dict[str, tuple[str, dict[str, Any], dict[str, list[Any]]]] = {
    "lot": (
        "/api/v1/lots/",
        {
            "facility": "plant_site",
            "number": "E1",
            "material": "black_mass",
            "mass_value": "5",
            "origin": "x",
            "brought_at": when(days=1),
        },
        {
            "mass_value": ["-1", "0", "NaN", "1e30", None, "x"],
            "mass_unit": ["zz", None],
            "material": ["nope", 3, "a\x00b"],
            "facility": [10**30, "x", None],
            "assays": [{"Xx": "0.1"}, {"Li": "2"}, {"Li": "NaN"}, [], "x"],
            "moisture": ["1.5", "-0.1", "1"],
            "brought_at": ["yesterday", when(days=-3)],
            "number": ["", "x" * 61],
        },
    ),
    "batch": (
        "/api/v1/batches/",
        {"line": "shredder", "number": "B1", "started_at": when(days=1)},
        {"line": [10**30, "x", -1], "number": ["", None, "x" * 61], "started_at": ["x", when(days=-1)]},
    ),
    "nameplate": (
        "/api/v1/nameplates/",
        {
            "line": "shredder",
            "t_per_year": "10",
            "valid_from": "1995-01-01",
            "valid_until": "1996-01-01",
            "source": "x",
        },
        {
            "t_per_year": ["0", "-1", "NaN", "1e12"],
            "basis": ["zz"],
            "valid_from": ["1066-01-01", "x", "1999-01-01"],
            "valid_until": ["9999-12-31"],
            "source": ["", " "],
        },
    ),
    "outage": (
        "/api/v1/outages/",
        {"line": "shredder", "first_day": "2026-01-01", "kind": "planned"},
        {"share": ["0", "1.1", "-1"], "kind": ["zz"], "last_day": ["2025-12-31", "9999-12-31"]},
    ),
    "line": (
        "/api/v1/lines/",
        {"plant": "plant", "name": "L", "stage": "hydro"},
        {"stage": ["zz"], "name": ["", "x" * 101], "forms": [["zz"], "x"], "chemistries": [["nope"], "x"]},
    ),
    "intake": (
        "/api/v1/intakes/",
        {
            "plant": "plant",
            "shipment": "shipment",
            "ticket": "T",
            "weighed_at": when(days=6),
            "gross_value": "20000",
            "tare_value": "19200",
        },
        {
            "gross_value": ["19200", "-1", "NaN"],
            "tare_value": ["0"],
            "unit": ["zz"],
            "ticket": ["", "x" * 61],
            "weighed_at": [when(days=-1), when(days=8)],
            "shipment": [10**30],
            "plant": ["x"],
            "batteries": [
                [{"battery": 10**17}],
                [{}],
                [{"battery": -1}],
                "x",
                [{"battery": 1, "received_value": "-1"}],
            ],
            "rejected": [[{"battery": 10**17, "reason": "x"}], [{"battery": 1}]],
        },
    ),
    "inspections": (
        "/api/v1/inspections/",
        {"plant": "plant", "inspected_at": when(days=5), "inspections": [{"battery": 10**9, "decision": "recycle"}]},
        {"inspections": [[], "x", [{"battery": 1}], [{"battery": 1, "decision": "zz"}]], "inspected_at": ["x"]},
    ),
}


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        pytest.param(name, field, value, id=f"{name}-{field}-{number}")  # an instant in an id differs by process
        for name, (_at, _body, bad) in BODIES.items()
        for field, values in bad.items()
        for number, value in enumerate(values)
    ],
)
def test_bad_input_is_answered_with_the_field(world: World, name: str, field: str, value: Any) -> None:
    address, body, _bad = BODIES[name]
    pickup = collected_pickup(world) if name == "intake" else None
    known = {
        "plant_site": world.plant_site.pk, "shredder": world.shredder.pk, "plant": world.plant.pk,
        "shipment": pickup.shipment.pk if pickup else 0,
    }  # fmt: skip
    body = {key: known.get(given, given) if isinstance(given, str) else given for key, given in body.items()}
    answer = api(world, world.recycler, Role.MANAGER).post(address, body | {field: value}, format="json")
    assert answer.status_code in (400, 409), answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    named = field.split("_", maxsplit=1)[0] if name == "nameplate" else field
    assert answer.json()["errors"][0]["field"].startswith(named)
    assert not Intake.objects.exists() and not Lot.objects.exists() and not Batch.objects.exists()


@pytest.mark.parametrize(
    "path",
    [
        "collection/lot", "recycling/plant", "recycling/processline", "recycling/nameplate", "recycling/outage",
        "recycling/intake", "recycling/discrepancy", "recycling/inspection", "recycling/batch",
    ],
)  # fmt: skip
def test_admin_lists_and_forms(world: World, client: Client, path: str) -> None:
    closed(world)
    for organization in (world.recycler, world.regulator, world.stranger):
        client.force_login(world.user(organization, Role.MANAGER))
        assert client.get(f"/admin/{path}/").status_code == 200
        assert client.get(f"/admin/{path}/add/").status_code in (200, 403)


def moment(name: str, **delta: float) -> dict[str, str]:
    at = ago(**delta)
    return {f"{name}_0": f"{at:%Y-%m-%d}", f"{name}_1": f"{at:%H:%M:%S}"}


def test_a_day_in_the_admin(world: World, client: Client) -> None:
    client.force_login(world.user(world.recycler, Role.MANAGER))
    pickup = collected_pickup(world, 2)
    batteries = list(pickup.shipment.lines.values_list("battery", flat=True))
    form = {
        "plant": world.plant.pk, "shipment": pickup.shipment.pk, "ticket": "T1", "gross_value": "1600", "unit": "kg",
        "tare_value": "800", "batteries": "".join(f"#{pk}, 400\n" for pk in batteries), "rejected": "", "note": "",
        **moment("weighed_at", days=6),
    }  # fmt: skip
    answer = client.post("/admin/recycling/intake/add/", form | {"batteries": f"#{batteries[0]}, x"})
    assert answer.status_code == 200 and "is no mass" in answer.content.decode()
    answer = client.post("/admin/recycling/intake/add/", form | {"tare_value": "1600"})
    assert answer.status_code == 400 and "Gross must be more than tare" in answer.content.decode()
    assert client.post("/admin/recycling/intake/add/", form).status_code == 302
    page = client.get(f"/admin/recycling/intake/{Intake.objects.get().pk}/change/")
    assert page.status_code == 200 and b"verb/correct-weighing/" in page.content

    rows = "".join(f"#{pk}, recycle, intact, 0.7\n" for pk in batteries)
    inspect = f"/admin/recycling/plant/{world.plant.pk}/verb/inspect-many/"
    assert client.post(inspect, {"inspections": rows, **moment("inspected_at", days=5)}).status_code == 302
    opening = {"line": world.shredder.pk, "number": "B1", **moment("started_at", days=5)}
    assert client.post("/admin/recycling/batch/add/", opening).status_code == 302
    batch = Batch.objects.get()
    at = f"/admin/recycling/batch/{batch.pk}/"
    charge = {"batteries": "".join(f"#{pk}\n" for pk in batteries), "lots": "", **moment("charged_at", days=4)}
    assert client.post(at + "verb/charge/", charge).status_code == 302
    made = {
        "number": "BM", "material": "black_mass", "mass_value": "240", "mass_unit": "kg", "moisture": "",
        "assays": "Ni, 0.2\nLi, 0.04", **moment("made_at", days=3),
    }  # fmt: skip
    bad = client.post(at + "verb/record-output/", made | {"assays": "Ni, 2"})
    assert bad.status_code == 200 and "no share" in bad.content.decode()
    assert client.post(at + "verb/record-output/", made).status_code == 302
    page = client.get(at + "change/")
    assert b"Within the balance" in page.content and b"verb/close/" in page.content
    assert client.post(at + "verb/close/", {"explanation": "", **moment("closed_at", days=2)}).status_code == 302
    batch.refresh_from_db()
    assert batch.status == "closed"
    factors.refresh()
    assert client.get(at + "change/").status_code == 200
    lot = Lot.objects.get()
    page = client.get(f"/admin/collection/lot/{lot.pk}/change/").content.decode()
    assert 'data-trace="backward"' in page and f"Battery {batteries[0]}" in page and "verb/split/" in page
    page = client.get(f"/admin/collection/battery/{batteries[0]}/change/").content.decode()
    assert 'data-trace="forward"' in page and "24.000" in page
    split = {"parts": "40", **moment("split_at", days=1)}
    assert client.post(f"/admin/collection/lot/{lot.pk}/verb/split/", split).status_code == 302
    part = lot.parts.first()
    dispose = {"disposition": "sold", "note": "x", **moment("disposed_at", hours=5)}
    assert client.post(f"/admin/collection/lot/{part.pk}/verb/dispose/", dispose).status_code == 302
    part.refresh_from_db()
    assert part.status == "sold"


def test_every_verb_shows_its_form(world: World, client: Client) -> None:
    client.force_login(world.user(world.recycler, Role.MANAGER))
    batch = charged(world)
    output(world, batch, "copper", 1)
    outputs.add_reagent(actor=world.actor(world.recycler), batch=batch, name="lime", mass_value=Decimal(1))
    pages = [
        *(f"recycling/batch/{batch.pk}/verb/{verb}/" for verb in (
            "charge", "record-output", "add-reagent", "close", "uncharge", "remove-output", "remove-reagent", "void",
        )),
        *(f"recycling/plant/{world.plant.pk}/verb/{verb}/" for verb in ("inspect-many", "release-many", "add-line", "configure")),
        *(f"recycling/processline/{world.shredder.pk}/verb/{verb}/" for verb in (
            "add-outage", "add-nameplate", "change-line", "deactivate-line",
        )),
        *(f"collection/lot/{Lot.objects.get().pk}/verb/{verb}/" for verb in (
            "split", "dispose", "correct",
        )),
    ]  # fmt: skip
    for page in pages:
        assert client.get(f"/admin/{page}").status_code == 200, page
    change = {"chemistries": ["NMC622"], "forms": ["pack", "cell"]}
    assert client.post(f"/admin/recycling/processline/{world.shredder.pk}/verb/change-line/", change).status_code == 302
    line = ProcessLine.objects.get(pk=world.shredder.pk)
    assert line.forms == ["pack", "cell"] and [c.pk for c in line.chemistries.all()] == ["NMC622"]
    outage = {"first_day": "2026-02-01", "last_day": "", "share": "1", "kind": "planned", "reason": ""}
    assert client.post(f"/admin/recycling/processline/{line.pk}/verb/add-outage/", outage).status_code == 302
    again = client.post(f"/admin/recycling/processline/{line.pk}/verb/add-outage/", outage)
    assert again.status_code == 409 and "overlaps" in again.content.decode()


def test_statements_for_lists_do_not_grow(world: World) -> None:
    client = api(world, world.recycler)
    lists = ("lots", "batches", "plants", "lines", "charges", "inspections", "intakes", "factors")

    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/api/v1/{path}/").status_code == 200
        return len(queries)

    closed(world, number="C0")
    few = {path: statements(path) for path in lists}
    for number in range(1, 4):
        closed(world, number=f"C{number}")
    assert {path: statements(path) for path in lists} == few
    assert max(few.values()) <= 9


def test_batteries_stay_elsewhere(world: World) -> None:
    """Ids of things that are not at the plant are refused in one sentence, whether they exist or not."""
    client = api(world, world.recycler)
    (elsewhere,) = batteries_at(world, world.stranger_site)
    batch = opened(world)
    here = packs(world)
    for pk in (elsewhere.pk, 10**12):
        answer = client.post(
            f"/api/v1/batches/{batch.pk}/charge/",
            {"charged_at": when(days=1), "batteries": [here[0].pk, pk]},
            format="json",
        )
        assert answer.status_code == 409
        assert answer.json()["errors"][0] == {
            "field": "batteries.1", "code": "not_here", "message": "There is no such battery at Storey Plant.",
        }  # fmt: skip
    assert Battery.objects.get(pk=here[0].pk).status == "at_facility"
    assert Shipment.objects.count() == 0
