"""Cursors come from anybody: what is none is not found, and nothing breaks."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import urlencode

import pytest
from rest_framework.test import APIClient

from tests.world import World, batteries_at


@pytest.mark.parametrize("is_superuser", [False, True])
@pytest.mark.parametrize(
    ("cursor", "ordering", "status"),
    [
        ({"p": "abc"}, "id", 400),
        ({"p": "1.5"}, "-id", 400),
        ({"p": ""}, "id", 400),
        ({"p": "\0"}, "id", 400),
        ({"p": "abc", "r": "1"}, "id", 400),
        ({"p": "9" * 30}, "id", 200),
        ({"p": "-" + "9" * 30, "r": "1"}, "-id", 200),
        ({"p": "5", "o": "999"}, "id", 200),
    ],
)
def test_a_cursor_is_one(world: World, cursor: dict[str, str], ordering: str, status: int, is_superuser: bool) -> None:
    batteries_at(world, world.yard, 3)
    batteries_at(world, world.stranger_site, 40)
    user = world.user(world.yard_owner)
    user.is_superuser = is_superuser
    client = APIClient()
    client.force_authenticate(user)
    asked = {"cursor": b64encode(urlencode(cursor).encode()).decode(), "ordering": ordering, "page_size": "2"}
    answer = client.get("/api/v1/batteries/", asked)
    assert answer.status_code == status, answer.content


@pytest.mark.parametrize("position", ["soon", "\0", "2026-13-01"])
def test_a_cursor_of_another_order(world: World, position: str) -> None:
    client = APIClient()
    client.force_authenticate(world.user(world.collector))
    asked = {"cursor": b64encode(urlencode({"p": position}).encode()).decode(), "ordering": "window_start"}
    assert client.get("/api/v1/pickups/", asked).status_code == 400
