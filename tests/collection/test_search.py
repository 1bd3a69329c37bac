"""What is searched by: whole names, by an index, however they are written; and how far lists are counted."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib import admin as site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.admin import pages
from accounts.admin.scoped import ReferenceAdmin, ScopedAdmin
from accounts.models import User
from collection.models import Battery, BatteryStatus, CustodyEvent, Identifier
from collection.services.identifiers import NewIdentifier, find_to_collect, registered
from recycling.admin.scans import battery_ids
from tests import records
from tests.world import World, batteries_at, serial

WRITTEN = ("Pk-00 17/x", "pk0017/X", "PK 0017-/x")


@pytest.fixture
def root(world: World) -> User:
    return User.objects.create_superuser("root@relode.example", "a long and lovely password", name="Root")


def named(battery: Battery, value: str, issuer: str = "Maker") -> Battery:
    battery.identifiers.create(scheme="oem_serial", issuer=issuer, value=value)
    return battery


def listed(user: User, page: str) -> list[Any]:
    client = Client()
    client.force_login(user)
    return list(client.get(f"/admin/{page}").context["cl"].result_list)


@pytest.mark.parametrize("written", WRITTEN)
def test_a_battery_is_found_however_its_name_is_written(world: World, written: str) -> None:
    battery = named(batteries_at(world, world.yard)[0], WRITTEN[0])
    named(batteries_at(world, world.yard)[0], "PK0017/Y")
    api = APIClient()
    api.force_authenticate(world.user(world.yard_owner))
    rows = api.get("/api/v1/batteries/", {"identifier": written}).json()["results"]
    assert [row["id"] for row in rows] == [battery.pk]
    assert api.get("/api/v1/batteries/", {"identifier": written[:-1]}).json()["results"] == []
    api.force_authenticate(world.user(world.stranger))
    assert api.get("/api/v1/batteries/", {"identifier": written}).json()["results"] == []


def test_recognizing_asks_for_scheme_and_issuer(world: World) -> None:
    battery = named(batteries_at(world, world.yard)[0], "AB-1")
    other = named(batteries_at(world, world.yard)[0], "ab2")
    read = {"0": NewIdentifier("oem_serial", "ab 1", "MAKER"), "1": NewIdentifier("oem_serial", "ab2", "Other"),
            "2": NewIdentifier("internal", "AB1", "Maker")}  # fmt: skip
    assert registered(read, {battery.pk, other.pk}) == {("oem_serial", "MAKER", "AB1"): battery.pk}
    assert registered(read, {other.pk}) == {}
    user = world.user(world.yard_owner)
    assert battery_ids([{"battery": "AB2"}, {"battery": "AB1"}], user) == [other.pk, battery.pk]


def test_scans_name_only_what_may_be_seen(world: World) -> None:
    named(batteries_at(world, world.yard)[0], "AB-1")
    with pytest.raises(Exception, match="AB-1"):
        battery_ids([{"battery": "AB-1"}], world.user(world.stranger))


@pytest.mark.parametrize("number", [1, 30])
def test_recognizing_takes_two_statements(world: World, number: int, django_assert_num_queries: Any) -> None:
    names = [serial() for _ in range(number)]
    for name in names:
        (battery,) = batteries_at(world, world.yard)
        battery.identifiers.create(scheme=name.scheme, issuer=name.issuer, value=name.value)
    with django_assert_num_queries(2):
        assert len(find_to_collect(world.yard, {str(n): name for n, name in enumerate(names)})) == number
    user = world.user(world.yard_owner)
    with django_assert_num_queries(2):
        assert len(battery_ids([{"battery": name.value} for name in names], user)) == number
    Battery.objects.update(status=BatteryStatus.AT_FACILITY)
    assert find_to_collect(world.hub, {"": NewIdentifier("oem_serial", "none")}) == {}


def test_names_are_looked_up_by_an_index(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for rows in (
            Identifier.objects.reading("a", "b"),
            CustodyEvent.objects.filter(reference="shipment 12"),
            CustodyEvent.objects.filter(kind="lost"),
            Battery.objects.filter(condition="damaged"),
        ):
            assert "Seq Scan" not in rows.order_by().explain(), rows.query


def test_the_lists_of_the_admin_are_searched_by_whole_names(world: World, root: User) -> None:
    battery = named(batteries_at(world, world.yard)[0], WRITTEN[0])
    batteries_at(world, world.yard)
    sent = records.on_the_road(world)
    for written in (*WRITTEN, f"#{battery.pk}", str(battery.pk)):
        assert listed(root, f"collection/battery/?q={written.replace('#', '%23')}") == [battery]
        entries = listed(root, f"collection/custodyevent/?q={written.replace('#', '%23')}")
        assert [entry.battery for entry in entries] == [battery]
    assert listed(root, "collection/battery/?q=PK00") == []
    entries = listed(root, f"collection/custodyevent/?q=shipment+{sent.pk}")
    assert [entry.reference for entry in entries] == [f"shipment {sent.pk}"]
    assert listed(world.user(world.stranger), f"collection/battery/?q={WRITTEN[1]}") == []


def test_lists_are_counted_no_further_than_pages_go(
    world: World, root: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "COUNTED", 60)
    client.force_login(root)
    for made, told in ((60, "- 60 batteries"), (1, "- more than 60 batteries – search or filter")):
        for _ in range(made):
            batteries_at(world, world.yard)
        page = client.get("/admin/collection/battery/")
        assert told in " ".join(page.content.decode().split())
        assert page.context["cl"].paginator.num_pages == 2
        assert len(client.get("/admin/collection/battery/?p=2").context["cl"].result_list) == 10
    assert client.get("/admin/collection/battery/?p=3").status_code == 302


def test_who_does_not_see_everything_is_counted_less_far(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "COUNTED_IF_SEEN", 60)
    batteries_at(world, world.stranger_site, 10)
    client.force_login(world.user(world.yard_owner))
    for made, told in ((60, "- 60 batteries"), (1, "- more than 60 batteries – search or filter")):
        batteries_at(world, world.yard, made)
        page = client.get("/admin/collection/battery/").content.decode()
        assert told in " ".join(page.split()) and "60 results" not in page
    newest = client.get("/admin/collection/battery/").context["cl"].result_list[0]
    assert newest.facility == world.yard
    assert len(client.get("/admin/collection/battery/?p=2").context["cl"].result_list) == 10


def test_every_list_is_capped_and_walks_by_no_dates_that_grow_with_packs() -> None:
    for model, page in site.site._registry.items():
        if isinstance(page, ScopedAdmin | ReferenceAdmin):
            assert page.paginator is pages.CappedPaginator and not page.show_full_result_count, model
    for name in ("battery", "custodyevent", "pickup", "shipment"):
        (page,) = (p for m, p in site.site._registry.items() if m._meta.label_lower == f"collection.{name}")
        assert page.date_hierarchy is None
    for name in ("inspection", "intake", "discrepancy"):
        (page,) = (p for m, p in site.site._registry.items() if m._meta.label_lower == f"recycling.{name}")
        assert page.date_hierarchy is None


@pytest.mark.parametrize("page", ["collection/battery", "collection/custodyevent"])
def test_a_list_takes_the_same_number_of_statements_for_any_number(world: World, root: User, page: str) -> None:
    client = Client()
    client.force_login(root)

    def statements() -> int:
        batteries_at(world, world.yard)
        batteries_at(world, world.hub, model=world.lfp_pack)
        with CaptureQueriesContext(connection) as queries:
            assert client.get(f"/admin/{page}/").status_code == 200
        return len(queries)

    statements()
    assert statements() == statements()
