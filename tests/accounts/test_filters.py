"""What lists are asked for: filters, order and size of page. What cannot be is refused, naming what was asked."""

from __future__ import annotations

from typing import Any

import django_filters
import pytest
from django_filters import rest_framework as library
from rest_framework.test import APIClient

from accounts.api.filters import Filters
from config.api_urls import router
from tests import records
from tests.world import World

VIEWS = {name: view for name, view, _base in router.registry}


@pytest.fixture
def client(world: World) -> APIClient:
    client = APIClient()
    client.force_authenticate(world.user(world.collector))
    return client


@pytest.mark.parametrize("name", VIEWS)
def test_no_list_reads_numbers_or_truth_as_the_library_does(name: str) -> None:
    view = VIEWS[name]()
    backends = view.filter_backends
    assert not any(issubclass(b, library.DjangoFilterBackend) and not issubclass(b, Filters) for b in backends)
    filterset = Filters().get_filterset_class(view, getattr(view, "queryset", None)) if backends else None
    lenient = (django_filters.NumberFilter, django_filters.BooleanFilter, library.BooleanFilter)
    asked = filterset.base_filters if filterset else {}
    assert [name for name, filter_ in asked.items() if type(filter_) in lenient] == []


@pytest.mark.parametrize("name", VIEWS)
def test_no_filter_looks_a_record_up(name: str) -> None:
    """It would tell a key that is hidden from its reader from one that does not exist."""
    view = VIEWS[name]()
    filterset = Filters().get_filterset_class(view, getattr(view, "queryset", None)) if view.filter_backends else None
    asked = filterset.base_filters if filterset else {}
    assert [name for name, filter_ in asked.items() if isinstance(filter_, django_filters.ModelChoiceFilter)] == []


def test_a_hidden_key_and_an_unknown_one_are_answered_alike(world: World, client: APIClient) -> None:
    hidden = records.lot(world)
    answers = [
        client.get(f"/api/v1/{name}/", {key: value})
        for name, key in (("charges", "lot"), ("charges", "batch"), ("factors", "batch"), ("lines", "plant"))
        for value in (hidden.pk, hidden.pk + 10**6)
    ]
    assert {answer.status_code for answer in answers} == {200}
    assert all(answer.json()["results"] == [] for answer in answers[:-2])


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"year": "-1e300000"}, "year"),
        ({"year": "1e300000"}, "year"),
        ({"year": "9" * 5000}, "year"),
        ({"year": "2_020"}, "year"),
        ({"year": "-1"}, "year"),
        ({"producer": "-1e300000"}, "producer"),
        ({"ordering": "verbs"}, "ordering"),
        ({"ordering": "-name,--id"}, "ordering"),
        ({"ordering": "\0"}, "ordering"),
        ({"page_size": "-1"}, "page_size"),
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "x"}, "page_size"),
        ({"page_size": "9" * 5000}, "page_size"),
    ],
)
def test_what_no_list_can_be_asked_for(client: APIClient, asked: dict[str, str], field: str) -> None:
    answer = client.get("/api/v1/battery-models/", asked)
    assert answer.status_code == 400, answer.content
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert "\0" not in answer.content.decode()


def test_what_a_list_can_be_asked_for(client: APIClient, world: World) -> None:
    def codes(**asked: Any) -> list[str]:
        return [row["code"] for row in client.get("/api/v1/battery-models/", asked).json()["results"]]

    assert codes(ordering="-name", page_size=1000) == ["nmc-60", "lfp-50"]
    assert codes(ordering="name", page_size=1) == ["lfp-50"]
    assert codes(producer=world.producer.pk, unheard_of="ignored") == ["nmc-60"]
    assert codes(year="999999999999999999") == codes(year="1900") == []


@pytest.mark.parametrize("path", ["pickups/?is_simulated=", "batches/?is_explained="])
def test_true_or_false(client: APIClient, path: str) -> None:
    for asked, status in (("true", 200), ("False", 200), ("", 200), ("maybe", 400), ("1", 400)):
        answer = client.get(f"/api/v1/{path}{asked}")
        assert answer.status_code == status, (asked, answer.content)
    assert "true or false" in answer.json()["detail"]
