"""Bodies that nobody means: each is answered by what is wrong with it and where, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from rest_framework import serializers
from rest_framework.test import APIClient

from accounts.models import Role, User
from tests import records
from tests.refusals import state
from tests.world import World, ago, requested_pickup, scheduled_pickup


def refused(user: User, address: str, body: bytes | dict[str, Any], field: str, status: int = 400) -> str:
    """What the problem says of `field`, after nothing was written."""
    client = APIClient()
    client.force_authenticate(user)
    before = state()
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(f"/api/v1/{address}/", text, content_type="application/json")
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    faults = {fault["field"]: fault["message"] for fault in answer.json()["errors"]}
    assert field in faults, faults
    assert state() == before
    return str(faults[field])


@pytest.mark.parametrize("text", ["\ud800", "x\udfff", "\0"])
def test_half_a_character_is_no_text(world: World, text: str) -> None:
    manager = world.user(world.yard_owner, Role.MANAGER)
    assert "cannot be stored" in refused(manager, "permits", {"kind": text}, "kind")
    collect = f"pickups/{scheduled_pickup(world).pk}/collect"
    for part in ("scheme", "unit"):
        body = {"batteries": [{"identifier": {"value": "1", part: text}}]}
        refused(world.user(world.carrier), collect, body, f"batteries.0.identifier.{part}")
    lot = f"lots/{records.lot(world).pk}/correct"
    refused(world.user(world.recycler), lot, {"assays": {text: "0.1"}}, "assays")
    refused(manager, "permits", {text: 1}, "")
    assert refused(manager, "permits", b'"\\ud800"', "")


@pytest.mark.parametrize("depth", [21, 900, 100_000])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}")])
def test_a_body_is_not_deep(world: World, depth: int, opens: str, closes: str) -> None:
    body = (opens * depth + "1" + closes * depth).encode()
    assert "more than 20 deep" in refused(world.user(world.yard_owner), "pickups", body, "")


def test_what_is_no_json_is_refused(world: World) -> None:
    for body in (b"[" * 100_000, b"[" * 5, b"{", b"\xed\xa0\x80", b"NaN"):
        refused(world.user(world.yard_owner), "pickups", body, "")


@pytest.mark.parametrize("value", [45.9, True, " 5 ", "1_0", "٣", "+1", [], {}, 10**30, "9" * 5000])
def test_what_is_no_id(world: World, value: Any) -> None:
    pickup = requested_pickup(world)
    user = world.user(world.collector)
    refused(user, f"pickups/{pickup.pk}/schedule", {"carrier": value}, "carrier")
    body = {"batteries": [value]}
    refused(world.user(world.yard_owner), "pickups", body, "batteries.0")
    refused(world.user(world.yard_owner, Role.MANAGER), "facilities", {"jurisdiction": value}, "jurisdiction")


def test_a_fraction_of_an_id_is_none(world: World) -> None:
    pickup = requested_pickup(world)
    body = {
        "carrier": world.carrier.pk + 0.9, "destination": world.plant_site.pk,
        "window_start": ago(days=2).isoformat(), "window_end": ago(days=1).isoformat(),
    }  # fmt: skip
    assert "float" in refused(world.user(world.collector), f"pickups/{pickup.pk}/schedule", body, "carrier")


def test_ids_are_sent_as_numbers_or_in_digits(world: World) -> None:
    pickup = requested_pickup(world)
    client = APIClient()
    client.force_authenticate(world.user(world.collector))
    body = {
        "carrier": str(world.carrier.pk), "destination": world.plant_site.pk,
        "window_start": ago(days=2).isoformat(), "window_end": ago(days=1).isoformat(),
    }  # fmt: skip
    answer = client.post(f"/api/v1/pickups/{pickup.pk}/schedule/", body)
    assert answer.status_code == 200 and answer.json()["carrier"] == world.carrier.pk


@pytest.mark.parametrize("key", ["1_0", "+1", "%201", "%D9%A1", "-1", "1.0", "%00", "x", "9" * 19, "9" * 5000])
@pytest.mark.parametrize("path", ["pickups/{}/", "pickups/{}/cancel/", "battery-traces/{}/", "nothing/{}/", "{}/"])
def test_an_address_that_leads_nowhere(world: World, path: str, key: str) -> None:
    client = APIClient()
    address = f"/api/v1/{path.format(key)}"
    assert client.get(address).status_code == 401
    client.force_authenticate(world.user(world.collector))
    for answer in (client.get(address), client.post(address, {})):
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["errors"][0]["code"] == "not_found"
    assert client.get("/api/v1/pickups").headers["Location"] == "/api/v1/pickups/"


@pytest.mark.parametrize("address", ["/api/", "/api/v2/batteries/", "/api/nothing/"])
def test_an_address_beside_the_api_leads_nowhere_either(world: World, address: str) -> None:
    """Below `/api/` no answer is a page."""
    client = APIClient()
    client.force_authenticate(world.user(world.collector))
    answer = client.get(address)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_a_body_that_is_too_large(world: World) -> None:
    body = json.dumps({"notes": "x" * 3_000_000}).encode()
    assert "too large" in refused(world.user(world.yard_owner), "pickups", body, "", status=413)


@pytest.mark.parametrize("number", [b"1e400", b"-1", b"1.5", b"42", b"true"])
def test_a_number_is_no_text(world: World, number: bytes) -> None:
    collector, yard = world.user(world.collector), world.user(world.yard_owner)
    pickup = requested_pickup(world)
    assert "string" in refused(collector, f"pickups/{pickup.pk}/cancel", b'{"reason": %s}' % number, "reason")
    body = b'{"identifiers": [{"scheme": "oem_serial", "value": %s}]}' % number
    refused(yard, "batteries", body, "identifiers.0.value")


def test_every_text_that_is_read_is_strict() -> None:
    """Serializers of input are called so."""
    import config.api_urls  # noqa: F401 - all of them

    def below(kind: type[Any]) -> Iterator[type[Any]]:
        for sub in kind.__subclasses__():
            yield sub
            yield from below(sub)

    read = [kind for kind in below(serializers.Serializer) if kind.__name__.endswith("In")]
    lenient = [
        f"{kind.__name__}.{name}"
        for kind in read
        for name, field in kind().fields.items()
        if type(field) is serializers.CharField and not field.read_only
    ]
    assert len(read) > 40 and lenient == []
