"""How the API shows records: settled once per class, and the same as REST framework shows them."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import Any

from knox.models import AuthToken
from rest_framework import serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.test import APIClient

from accounts.api.records import RecordSerializer
from accounts.models import Organization, User
from recycling.models import EprReport
from tests import records
from tests.recycling import filing
from tests.world import World, batteries_at


def client_of(world: World, organization: Organization) -> APIClient:
    client = APIClient()
    client.force_authenticate(world.user(organization))
    return client


def kinds(base: type[Any]) -> list[type[Any]]:
    found = [kind for below in base.__subclasses__() for kind in (below, *kinds(below))]
    return [kind for kind in found if hasattr(kind, "Meta")]


def test_a_record_is_shown_to_the_byte_as_rest_framework_shows_it(world: World) -> None:
    import_module("config.api_urls")  # whatever the API shows
    filing.filed(world)
    records.intake(world)
    records.draft(world)
    records.lost_pack(world)
    assert EprReport.objects.exists()
    view = SimpleNamespace(doors=[("open", SimpleNamespace(offers=lambda actor, record: True))], actor=None)
    view.address_of = lambda name, record: f"/{record.pk}/{name}/"
    shown: set[type[Any]] = set()
    for kind in kinds(RecordSerializer):
        for record in kind.Meta.model._default_manager.all()[:3]:
            serializer = kind(context={"view": view, "request": None})
            plain = serializers.ModelSerializer.to_representation(serializer, record)
            assert JSONRenderer().render(serializer.to_representation(record)) == JSONRenderer().render(plain), kind
            shown.add(kind)
    assert len(shown) > 20, {kind.__name__ for kind in shown}


def test_filters_are_for_lists(world: World) -> None:
    (battery,) = batteries_at(world, world.yard)
    api = client_of(world, world.yard_owner)
    assert api.get("/api/v1/batteries/?status=lost").json()["results"] == []
    one = api.get(f"/api/v1/batteries/{battery.pk}/?status=lost&ordering=nonsense")
    assert one.status_code == 200 and one.json()["id"] == battery.pk


def test_names_stand_beside_ids(world: World) -> None:
    (known,) = batteries_at(world, world.yard)
    unknown = records.pack_in_use(world)
    type(unknown).objects.filter(pk=unknown.pk).update(model=None, producer=None)
    api = client_of(world, world.yard_owner)
    rows = {row["id"]: row for row in api.get("/api/v1/batteries/").json()["results"]}
    names = [[rows[b.pk][f"{of}_name"] for of in ("model", "producer", "facility")] for b in (known, unknown)]
    assert names == [[world.nmc_pack.name, world.producer.name, world.yard.name], ["", "", ""]]
    assert api.get(f"/api/v1/batteries/{known.pk}/").json() == rows[known.pk]


def test_a_light_request_takes_few_statements(world: World, django_assert_num_queries: Any) -> None:
    (battery,) = batteries_at(world, world.yard)
    user = User.objects.create_superuser("root@relode.example", "a long and lovely password", name="Root")
    for _other in range(3):
        _token, text = AuthToken.objects.create(user)
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {text}")
    with django_assert_num_queries(4):  # token with user, memberships, battery, identifiers
        assert api.get(f"/api/v1/batteries/{battery.pk}/").status_code == 200
