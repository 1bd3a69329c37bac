"""Bodies that nobody means: each is answered by what is wrong with it and where, and changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import Role, User
from tests import records
from tests.refusals import state
from tests.world import World, scheduled_pickup


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
