"""What is asked wrongly is answered by a refusal that the documentation names, whatever the list or filter."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from config.api_urls import router
from tests.world import World

#: What people and programs write into filters: right for some, wrong for others.
VALUES = ("1", "9" * 30, "maybe", "US-NV", "2026-01-01", "NaN", "%", "open")


def filters() -> dict[str, list[str]]:
    """The filters of each list."""
    found = {}
    for prefix, viewset, _base in router.registry:
        kind = getattr(viewset, "filterset_class", None)
        names = list(kind.base_filters) if kind else list(getattr(viewset, "filterset_fields", ()))
        if names:
            found[prefix] = names
    return found


@pytest.mark.parametrize(("prefix", "names"), filters().items(), ids=str)
def test_a_filter_answers_whatever_is_asked(world: World, prefix: str, names: list[str]) -> None:
    client = APIClient()
    client.raise_request_exception = False
    client.force_authenticate(world.user(world.recycler))
    for name in names:
        answers = {value: client.get(f"/api/v1/{prefix}/", {name: value}).status_code for value in VALUES}
        assert set(answers.values()) <= {200, 400}, (name, answers)
