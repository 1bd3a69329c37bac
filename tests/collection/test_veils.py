"""What a past custodian learns ends where it passed the thing on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from accounts.admin.scoped import ScopedAdmin
from accounts.models import Organization, User
from collection.models import Battery, Lot, Proposal
from collection.queries.veils import known_to
from collection.services import batteries
from recycling.queries.sightings import battery_as_seen
from tests import records
from tests.collection.shipping import black_mass
from tests.recycling import chains
from tests.recycling.chain import carry
from tests.world import World, ago, drafted_shipment


def api(w: World, organization: Organization) -> APIClient:
    client = APIClient()
    client.force_authenticate(w.user(organization))
    return client


def read(w: World, organization: Organization, path: str) -> Any:
    answer = api(w, organization).get(f"/api/v1/{path}")
    return answer.status_code if answer.status_code != 200 else answer.json()


def pack_at_the_plant(w: World) -> Battery:
    """Of the producer, given up by the yard, brought by the carrier."""
    return Battery.objects.get(shipment_lines__shipment=records.received(w))


def test_a_carrier_reads_where_it_brought_a_battery_and_no_more(world: World) -> None:
    w, battery = world, pack_at_the_plant(world)
    for organization in (w.producer, w.yard_owner, w.recycler, w.regulator):
        shown = read(w, organization, f"batteries/{battery.pk}/")
        assert (shown["facility"], shown["facility_name"]) == (w.plant_site.pk, "Storey Plant"), organization
        assert len(read(w, organization, f"batteries/{battery.pk}/life/")) == 3
    shown = read(w, w.carrier, f"batteries/{battery.pk}/")
    assert (shown["facility"], shown["facility_name"], shown["shipment"]) == (None, "", None)
    (row,) = read(w, w.carrier, "batteries/")["results"]
    assert row == shown
    life = read(w, w.carrier, f"batteries/{battery.pk}/life/")
    assert [entry["kind"] for entry in life] == ["given_up", "dispatched", "received"], "its own part it knows"

    for asked in (f"facility={w.plant_site.pk}", "at_jurisdiction=US-NV"):
        assert read(w, w.carrier, f"batteries/?{asked}")["results"] == [], (
            "a filter tells nothing that the page does not"
        )
        assert len(read(w, w.yard_owner, f"batteries/?{asked}")["results"]) == 1

    on = drafted_shipment(w, [battery], origin=w.plant_site, destination=w.hub)
    assert on.lines.count() == 1
    assert read(w, w.collector, f"batteries/{battery.pk}/")["facility"] == w.plant_site.pk, "it is to come"


def test_the_number_of_a_batch_is_its_plants(world: World) -> None:
    w, battery = world, records.charged_pack(world)
    batch = battery.charge.batch
    for organization, is_read in ((w.recycler, True), (w.regulator, True), (w.producer, False)):
        (charged,) = [e for e in read(w, organization, f"batteries/{battery.pk}/life/") if e["kind"] == "charged"]
        assert (charged["reference"] == f"batch {batch.pk}") is is_read, organization


@pytest.mark.parametrize("door", ["api", "admin"])
def test_a_carrier_of_a_lot_reads_neither_assay_nor_place_nor_trace(world: World, door: str) -> None:
    w = world
    _batch, lot = chains.closed(w)
    site = w.hub
    on_the_way = Lot.objects.filter(pk=lot.pk)
    assert read(w, w.carrier, f"lots/{lot.pk}/") == 404
    (there,) = carry(w, [lot], site, arrived_at=ago(hours=1))
    assert on_the_way.get().facility == site == there.facility
    if door == "admin":
        browser = Client()
        browser.force_login(w.user(w.carrier))
        page = browser.get(f"/admin/collection/lot/{lot.pk}/change/").content.decode()
        assert "It was passed on" in page and 'id="assays-group"' not in page
        assert "Sparks Hub" not in browser.get("/admin/collection/lot/").content.decode()
        asked = browser.get(f"/admin/collection/lot/?facility__id__exact={site.pk}")
        assert asked.status_code in (302, 400) and f"/{lot.pk}/change/" not in asked.content.decode()
        browser.force_login(w.user(w.recycler))
        assert 'id="assays-group"' in browser.get(f"/admin/collection/lot/{lot.pk}/change/").content.decode()
        return
    assert read(w, w.carrier, f"lots/?facility={site.pk}")["results"] == []
    assert [row["id"] for row in read(w, w.recycler, f"lots/?facility={site.pk}")["results"]] == [lot.pk]
    shown = read(w, w.carrier, f"lots/{lot.pk}/")
    assert (shown["assays"], shown["moisture"], shown["facility"], shown["shipment"]) == ([], None, None, None)
    assert read(w, w.carrier, f"lot-traces/{lot.pk}/") == 403
    for organization in (w.recycler, w.collector, w.regulator):
        shown = read(w, organization, f"lots/{lot.pk}/")
        assert shown["assays"] and shown["facility"] == site.pk, organization
        assert read(w, organization, f"lot-traces/{lot.pk}/")["lot"] == lot.pk
    Lot.objects.filter(pk=lot.pk).update(owner=w.collector)  # who made it knows what it made, whoever owns it
    assert read(w, w.recycler, f"lots/{lot.pk}/")["assays"] and not read(w, w.carrier, f"lots/{lot.pk}/")["assays"]


def test_the_ledger_is_not_searched_by_what_it_does_not_show(world: World) -> None:
    w = world
    batch, lot = chains.closed(w)
    carry(w, [lot], w.hub, arrived_at=ago(hours=1))
    browser, address = Client(), f"/admin/collection/custodyevent/?q=batch+{batch.pk}"
    for organization, number in ((w.recycler, 2), (w.carrier, 0), (w.producer, 0)):
        browser.force_login(w.user(organization))
        found = browser.get(address).content.decode()
        assert found.count('name="action-toggle"') == 0 and (f"batch {batch.pk}</td>" in found) is bool(number), (
            organization
        )


def scoped_admins() -> list[ScopedAdmin]:
    return [page for page in admin.site._registry.values() if isinstance(page, ScopedAdmin)]


@pytest.mark.parametrize("page", scoped_admins(), ids=lambda page: page.opts.model_name)
def test_an_address_asks_a_list_for_what_it_offers(world: World, page: ScopedAdmin, rf: RequestFactory) -> None:
    request, operator = rf.get("/"), rf.get("/")
    request.user, operator.user = world.user(world.carrier), User(is_superuser=True)
    offered = {str(name).split("__", maxsplit=1)[0] for name in (*page.list_filter, page.date_hierarchy)}
    for field in page.opts.get_fields():
        if field.name not in offered:
            assert not page.lookup_allowed(field.name, "1", request), field
            assert not page.lookup_allowed(f"{field.name}__isnull", "1", request), field
    assert page.lookup_allowed("pk", "1", operator)


def test_values_that_the_database_cannot_read(world: World) -> None:
    browser = Client()
    browser.force_login(world.user(world.recycler))
    for asked in ("material__id__exact=" + "9" * 30, "material__id__exact=x", "status__exact=%00"):
        answer = browser.get(f"/admin/collection/lot/?{asked}")
        assert answer.status_code == 302 and answer["Location"].endswith("?e=1"), asked
    assert browser.get("/admin/collection/lot/?to_facility__id__exact=1").status_code == 400


def test_a_veiled_entry_does_not_say_who_made_or_what_it_corrects(world: World) -> None:
    w, battery = world, pack_at_the_plant(world)
    batteries.correct(
        actor=w.actor(w.recycler), battery=battery, reason="weighed again", mass_value=Decimal(377), mass_unit="kg"
    )
    entry = battery.events.latest("pk")
    assert entry.kind == "corrected" and entry.actor == w.user(w.recycler) and entry.corrects is not None
    browser = Client()
    for organization, is_told in ((w.recycler, True), (w.carrier, False)):
        browser.force_login(w.user(organization))
        page = browser.get(f"/admin/collection/custodyevent/{entry.pk}/change/").content.decode()
        assert (str(w.user(w.recycler)) in page.split("</header>")[-1]) is is_told, organization
        assert ("377" in page) is is_told


@pytest.mark.parametrize("door", ["api", "admin"])
def test_whom_a_proposal_is_addressed_to_is_known_where_the_battery_is(world: World, door: str) -> None:
    w = world
    proposal = records.proposal(w)
    Proposal.objects.filter(pk=proposal.pk).update(proposed_for=w.carrier)
    for organization, is_told in ((w.recycler, True), (w.carrier, False)):
        if door == "api":
            shown = read(w, organization, f"proposals/{proposal.pk}/")
            assert shown["addressed_to"] == (w.recycler.pk if is_told else None), organization
            assert read(w, organization, "proposals/")["results"] == [shown]
            continue
        browser = Client()
        browser.force_login(w.user(organization))
        for address in ("", f"{proposal.pk}/change/"):
            page = browser.get(f"/admin/collection/proposal/{address}").content.decode()
            assert is_told or w.recycler.name not in page, address
        found = browser.get("/admin/collection/proposal/", {"q": w.recycler.name}).content.decode()
        assert f"/{proposal.pk}/change/" not in found


def test_a_trace_is_for_those_who_have_to_do_with_the_battery(world: World) -> None:
    w, battery = world, pack_at_the_plant(world)
    assert read(w, w.carrier, f"battery-traces/{battery.pk}/") == 403
    for organization in (w.producer, w.yard_owner, w.recycler, w.regulator):
        assert battery_as_seen(battery, w.user(organization)).elements, organization


def test_statements_do_not_grow(world: World, django_assert_num_queries: Any) -> None:
    things = [black_mass(world, world.plant_site, f"BM-{n}") for n in range(12)]
    for some in (things[:2], things):
        with django_assert_num_queries(2):
            assert known_to(world.user(world.recycler), some) == {lot.pk for lot in some}
    with django_assert_num_queries(2):
        assert known_to(world.user(world.stranger), things) == set()
