"""Shipments through the API and the admin."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.models import Organization, Role
from collection.models import Battery, Consent, CustodyEvent, Shipment, ShipmentStatus
from tests.world import World, ago, batteries_at, drafted_shipment


def api(world: World, organization: Organization, role: str = Role.OPERATOR) -> APIClient:
    client = APIClient()
    client.force_authenticate(world.user(organization, role))
    return client


def when(**delta: float) -> str:
    return ago(**delta).isoformat()


def ok(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_shipment_by_the_api(world: World) -> None:
    sound, broken, other = batteries_at(world, world.yard, 3)
    Battery.objects.filter(pk=broken.pk).update(condition="damaged")
    yard, carrier, plant = (api(world, o) for o in (world.yard_owner, world.carrier, world.recycler))
    body = {
        "origin": world.yard.pk, "destination": world.plant_site.pk, "carrier": world.carrier.pk,
        "packages": [{"label": "S"}, {"label": "D", "kind": "damaged", "packing_instruction": "P908"}],
        "lines": [
            {"battery": sound.pk, "package": "S", "declared_value": "900", "unit": "lb"},
            {"battery": broken.pk, "package": "S"},
        ],
    }  # fmt: skip
    refusal = yard.post("/api/v1/shipments/", body)
    assert refusal.status_code == 409
    assert refusal.json()["errors"][0] == {
        "field": "lines.1.package", "code": "damaged_apart", "message": refusal.json()["detail"],
    }  # fmt: skip
    assert not Shipment.objects.exists()
    body["lines"][1]["package"] = "D"  # type: ignore[index]
    shipment = ok(yard.post("/api/v1/shipments/", body), 201)
    assert shipment["lines"][0]["declared_kg"] == "408.23313300000"
    assert [line["package"] for line in shipment["lines"]] == ["S", "D"]
    at = f"/api/v1/shipments/{shipment['id']}/"
    packed = ok(yard.post(at + "pack/", {"lines": [{"battery": other.pk}]}))
    assert len(packed["lines"]) == 3
    ok(yard.post(at + "unpack/", {"lines": [packed["lines"][2]["id"]]}))
    ok(yard.post(at + "pack/", {"lines": [{"battery": other.pk, "package": "S"}]}))
    ok(yard.post(at + "change/", {"vehicle": "T9", "planned_at": when(days=4)}))
    for verb in ("make-ready/", "reopen/", "make-ready/"):
        ok(yard.post(at + verb))
    paper = {"kind": "bill_of_lading", "number": "BL", "issued_on": "2026-01-01"}
    documented = ok(carrier.post(at + "document/", paper))
    assert documented["documents"] == [paper]
    key = {"Idempotency-Key": "leave"}
    left = ok(carrier.post(at + "dispatch/", {"dispatched_at": when(days=3)}, headers=key))
    assert (
        ok(carrier.post(at + "dispatch/", {"dispatched_at": when(days=3)}), 409)["errors"][0]["code"] == "wrong_status"
    )
    line = left["lines"][0]["id"]
    correction = {"line": line, "declared_value": "410", "reason": "scale", "corrected_at": when(days=3)}
    assert ok(yard.post(at + "correct/", correction))["lines"][0]["declared_kg"] == "410.00000000000"
    ok(carrier.post(at + "arrive/", {"arrived_at": when(days=2)}))
    first, second, third = (row["id"] for row in left["lines"])
    answer = {
        "received_at": when(days=2), "accepted": [{"line": first, "received_value": "405"}, {"line": third}],
        "rejected": [{"line": second, "reason": "leaking"}],
    }  # fmt: skip
    assert carrier.post(at + "receive/", answer).status_code == 403
    twice = answer | {"rejected": [{"line": second, "reason": "x"}, {"line": second, "reason": "y"}]}
    assert ok(plant.post(at + "receive/", twice), 400)["errors"][0]["field"] == "rejected.1.line"
    received = ok(plant.post(at + "receive/", answer))
    assert (received["status"], received["reason"]) == ("partly_rejected", "leaking")
    assert [row["outcome"] for row in received["lines"]] == ["accepted", "rejected", "accepted"]
    (back,) = (s for s in ok(yard.get("/api/v1/shipments/"))["results"] if s["return_of"] == shipment["id"])
    assert back["status"] == "in_transit" and "lines" not in back
    assert plant.post(at + "close/").status_code == 403
    assert ok(api(world, world.recycler, Role.MANAGER).post(at + "close/"))["status"] == "closed"
    assert CustodyEvent.objects.filter(battery=sound).count() == 4
    assert api(world, world.stranger).get(at).status_code == 404
    assert api(world, world.regulator, Role.VIEWER).get(at).status_code == 200


def test_a_consent_by_the_api(world: World) -> None:
    manager = api(world, world.recycler, Role.MANAGER)
    body = {
        "exporter": world.recycler.pk, "importer": world.refiner.pk, "from_country": "US", "to_country": "CA",
        "number": "AOC-1", "authority": "EPA", "valid_from": "2026-01-01", "valid_until": "2026-12-31",
        "limit_kg": "1000.5",
    }  # fmt: skip
    made = ok(manager.post("/api/v1/consents/", body), 201)
    assert (made["valid_from"], made["valid_until"], made["limit_kg"]) == ("2026-01-01", "2026-12-31", "1000.500")
    assert ok(manager.post("/api/v1/consents/", body), 409)["errors"][0]["field"] == "number"
    for field, value in (("to_country", "US"), ("to_country", "US-NV"), ("valid_until", "2025-01-01"),
                         ("limit_kg", "-1"), ("limit_kg", "NaN"), ("exporter", 10**30), ("number", "")):  # fmt: skip
        answer = manager.post("/api/v1/consents/", body | {"number": "other", field: value})
        assert ok(answer, 400)["errors"][0]["field"] == field
    assert Consent.objects.count() == 1
    assert api(world, world.federal, Role.VIEWER).get(f"/api/v1/consents/{made['id']}/").status_code == 200
    assert api(world, world.regulator, Role.VIEWER).get(f"/api/v1/consents/{made['id']}/").status_code == 404


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("origin", 10**30), ("origin", "x"), ("origin", None), ("destination", -1), ("carrier", {}),
        ("planned_at", "x"), ("consent", 5), ("vehicle", "x" * 61), ("vehicle", "a\x00b"), ("lines", "x"),
        ("lines", [5]), ("lines", [{}]),
        ("lines", [{"battery": -1}]), ("lines", [{"battery": 10**30}]), ("lines", [{"battery": 1, "lot": 1}]),
        ("lines", [{"battery": 10**9, "declared_value": "NaN"}]), ("lines", [{"battery": 10**9, "unit": "zz"}]),
        ("packages", [{"label": ""}]), ("packages", [{"label": "a", "kind": "zz"}]),
        ("packages", [{"label": "a"}, {"label": "a"}]),
    ],
)  # fmt: skip
def test_bad_input_is_answered_with_the_field(world: World, field: str, value: Any) -> None:
    body = {
        "origin": world.yard.pk, "destination": world.plant_site.pk, "carrier": world.carrier.pk, field: value,
    }  # fmt: skip
    answer = api(world, world.yard_owner).post("/api/v1/shipments/", body)
    assert ok(answer, 400)["errors"][0]["field"].startswith(field)
    assert not Shipment.objects.exists()


def test_lists_filters_and_statements(world: World) -> None:
    client = api(world, world.yard_owner)
    shipment = drafted_shipment(world, batteries_at(world, world.yard, 2))
    at = f"/api/v1/shipments/{shipment.pk}/"

    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status_code == 200
        return len(queries)

    few = [statements(path) for path in (at, "/api/v1/shipments/")]
    big = drafted_shipment(world, batteries_at(world, world.yard, 260))
    assert [statements(path) for path in (f"/api/v1/shipments/{big.pk}/", "/api/v1/shipments/")] == few
    assert max(few) <= 8
    battery = shipment.lines.first().battery_id  # type: ignore[union-attr]
    for query, number in {
        "status=draft": 2, "status=ready": 0, f"battery={battery}": 1, f"origin={world.yard.pk}": 2,
        "to_jurisdiction=US-NV": 2, "to_jurisdiction=CA": 0, f"carrier={world.carrier.pk}": 2,
    }.items():  # fmt: skip
        assert len(ok(client.get(f"/api/v1/shipments/?{query}"))["results"]) == number, query


def moment(name: str, **delta: float) -> dict[str, str]:
    at = ago(**delta)
    return {f"{name}_0": f"{at:%Y-%m-%d}", f"{name}_1": f"{at:%H:%M:%S}"}


def test_a_shipment_in_the_admin(world: World, client: Client) -> None:
    first, second = batteries_at(world, world.yard, 2)
    names = [battery.identifiers.get().value for battery in (first, second)]
    client.force_login(world.user(world.yard_owner))
    draft = {
        "origin": world.yard.pk, "destination": world.plant_site.pk, "carrier": world.carrier.pk,
        "packages": "S, sound", "lines": f"{names[0]}, S, 900, lb\n#{second.pk}, S",
    }  # fmt: skip
    page = client.post("/admin/collection/shipment/add/", draft | {"lines": "nobody"})
    assert page.status_code == 200 and "nothing here goes by" in page.content.decode()
    page = client.post("/admin/collection/shipment/add/", draft | {"lines": f"{names[0]}, T"})
    assert page.status_code == 400 and "There is no package" in page.content.decode()
    answer = client.post("/admin/collection/shipment/add/", draft)
    assert answer.status_code == 302, answer.content.decode()
    shipment = Shipment.objects.get()
    at = f"/admin/collection/shipment/{shipment.pk}/verb/"
    assert client.post(at + "change/", {"carrier": world.carrier.pk, "vehicle": "T9"}).status_code == 302
    assert client.post(at + "make-ready/").status_code == 302
    client.force_login(world.user(world.carrier))
    assert client.post(at + "dispatch/", moment("dispatched_at", days=3)).status_code == 302
    assert client.post(at + "document/", {"kind": "manifest", "number": "M1"}).status_code == 302
    client.force_login(world.user(world.recycler))
    assert client.post(at + "arrive/", moment("arrived_at", days=2)).status_code == 302
    one, two = shipment.lines.order_by("pk").values_list("pk", flat=True)
    receive = {"weighed": f"{one}, 401", "rejected": f"{two}, leaking", **moment("received_at", days=1)}
    page = client.post(at + "receive/", receive | {"weighed": f"{one}, NaN"})
    assert page.status_code == 200 and "is no mass" in page.content.decode()
    page = client.post(at + "receive/", receive | {"rejected": f"{one}, leaking"})
    assert page.status_code == 400
    assert client.post(at + "receive/", receive).status_code == 302
    shipment.refresh_from_db()
    assert (shipment.status, shipment.vehicle) == (ShipmentStatus.PARTLY_REJECTED, "T9")
    first.refresh_from_db()
    assert first.mass_kg == 401
    page = client.get(f"/admin/collection/shipment/{shipment.pk}/change/").content.decode()
    assert "leaking" in page and "M1" in page and "verb/close/" not in page
    client.force_login(world.user(world.recycler, Role.MANAGER))
    assert client.post(at + "close/").status_code == 302
