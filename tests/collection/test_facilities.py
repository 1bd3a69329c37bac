"""Facilities, permits, collection points, and the reference data behind them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.test import Client
from rest_framework.test import APIClient

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import CollectionPoint, Facility, Permit
from collection.services import facilities, pickups
from tests.refusals import refused
from tests.world import World, ago, batteries_at


def register(world: World, **fields: Any) -> Facility:
    return facilities.register(
        **{
            "actor": world.actor(world.recycler, Role.MANAGER), "operator": world.recycler, "name": "Annex",
            "jurisdiction": world.nv, **fields,
        }
    )  # fmt: skip


def test_a_facility_has_its_jurisdictions_time_zone_unless_it_names_one(world: World) -> None:
    assert register(world).time_zone == "America/Los_Angeles"
    assert register(world, name="West Wendover", time_zone="America/Denver").time_zone == "America/Denver"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "  "}, "name"), ({"name": "x" * 201}, "name"), ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"latitude": Decimal(91), "longitude": Decimal(0)}, "latitude"), ({"latitude": Decimal(1)}, "longitude"),
        ({"longitude": Decimal(1)}, "latitude"), ({"storage_limit_kg": Decimal(0)}, "storage_limit_kg"),
        ({"latitude": Decimal("NaN"), "longitude": Decimal(0)}, "latitude"),
        ({"storage_limit_kg": Decimal("NaN")}, "storage_limit_kg"), ({"postal_code": "x" * 11}, "postal_code"),
    ],
)  # fmt: skip
def test_a_facility_that_cannot_be(world: World, fields: dict[str, Any], field: str) -> None:
    refused(Invalid, lambda: register(world, **fields), field)


def test_managers_of_the_operator_register_and_change(world: World) -> None:
    refused(Forbidden, lambda: register(world, actor=world.actor(world.recycler)))
    refused(Forbidden, lambda: register(world, actor=world.actor(world.stranger, Role.MANAGER)))
    facility = register(world)
    refused(Refused, lambda: register(world), "name")
    manager = world.actor(world.recycler, Role.MANAGER)
    refused(Forbidden, facilities.change, actor=world.actor(world.recycler), facility=facility, name="x")
    changed = facilities.change(
        actor=manager, facility=facility, locality="Fernley", latitude=Decimal("39.6"), longitude=Decimal("-119.2"),
        storage_limit_kg=Decimal(5000), jurisdiction=world.nj, time_zone="America/New_York",
    )  # fmt: skip
    assert (changed.name, changed.locality, changed.jurisdiction) == ("Annex", "Fernley", world.nj)


def test_a_place_with_a_history_stays_where_it_is(world: World) -> None:
    batteries_at(world, world.yard)
    manager = world.actor(world.yard_owner, Role.MANAGER)
    change: dict[str, Any] = {"actor": manager, "facility": world.yard}
    refused(Refused, facilities.change, "jurisdiction", **change, jurisdiction=world.nj)
    refused(Refused, facilities.change, "time_zone", **change, time_zone="America/Denver")
    facilities.change(**change, jurisdiction=world.nv, time_zone="America/Los_Angeles", name="New name")


def permit(world: World, **fields: Any) -> Permit:
    return facilities.add_permit(
        **{
            "actor": world.actor(world.recycler, Role.MANAGER), "facility": world.plant_site, "kind": "storage",
            "number": "P-1", "valid_from": date(2025, 1, 1), "valid_until": date(2025, 12, 31), **fields,
        }
    )  # fmt: skip


def test_permits_of_a_kind_never_overlap(world: World) -> None:
    first = permit(world)
    assert first.valid.upper == date(2026, 1, 1)
    refused(Refused, lambda: permit(world, valid_from=date(2025, 12, 31), valid_until=date(2026, 1, 1)), "valid_from")
    permit(world, valid_from=date(2026, 1, 1), valid_until=date(2026, 1, 1))
    permit(world, kind="transport")
    refused(Invalid, lambda: permit(world, kind="fishing"), "kind")
    refused(Invalid, lambda: permit(world, number=" "), "number")
    refused(Invalid, lambda: permit(world, valid_until=date(2024, 1, 1)), "valid_until")
    refused(Invalid, lambda: permit(world, valid_until=date.max), "valid_until")
    refused(Forbidden, lambda: permit(world, actor=world.actor(world.recycler)))
    with pytest.raises(IntegrityError, match="permit_periods_apart"), transaction.atomic():
        Permit.objects.create(facility=world.plant_site, kind="storage", number="x", valid=first.valid)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE collection_facility SET latitude = 91, longitude = 0",
        "UPDATE collection_facility SET latitude = 1, longitude = NULL",
        "UPDATE collection_facility SET storage_limit_kg = 0",
        "UPDATE collection_facility SET name = 'same', operator_id = (SELECT min(id) FROM accounts_organization)",
        "UPDATE collection_jurisdiction SET code = 'us' WHERE code = 'US'",
        "UPDATE collection_jurisdiction SET kind = 'state' WHERE code = 'US'",
        "UPDATE collection_jurisdiction SET parent_id = 'CA' WHERE code = 'US-NV'",
        "UPDATE collection_composition SET is_default = true, chemistry_id = 'LFP'",
        "UPDATE collection_composition SET pack_kg_per_kwh = 0",
        "UPDATE collection_compositionelement SET kg_per_kwh = -1",
        "UPDATE collection_compositionelement SET element = 'Xx'",
        "UPDATE collection_material SET kind = 'wish'",
        "UPDATE collection_materialelement SET fraction = 1.1",
        "UPDATE collection_batterymodel SET rated_kwh = 0",
        "UPDATE collection_batterymodel SET mass_kg = -1",
    ],
)
def test_the_database_refuses(world: World, sql: str) -> None:
    with pytest.raises((IntegrityError, DataError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; {sql}")


def test_a_collection_point_from_its_start_to_its_end(world: World) -> None:
    manager, operator = world.actor(world.collector, Role.MANAGER), world.actor(world.collector)
    new: dict[str, Any] = {"facility": world.hub, "kind": "fleet"}
    refused(Forbidden, facilities.register_collection_point, actor=operator, **new)
    refused(Invalid, facilities.register_collection_point, "kind", actor=manager, **new | {"kind": "zoo"})
    point = facilities.register_collection_point(actor=manager, **new)
    refused(Refused, facilities.register_collection_point, "facility", actor=manager, **new)
    facilities.change_collection_point(actor=operator, collection_point=point, contact="Ann", notes="ring twice")
    refused(Invalid, facilities.change_collection_point, "kind", actor=operator, collection_point=point, kind="zoo")
    refused(Forbidden, facilities.deactivate, actor=operator, collection_point=point)
    refused(Refused, facilities.activate, actor=manager, collection_point=point)
    facilities.deactivate(actor=manager, collection_point=point)
    refused(Refused, facilities.deactivate, actor=manager, collection_point=point)
    refused(
        Refused, pickups.request, "collection_point", actor=operator, collection_point=point,
        collector=world.collector, packs_expected=1, convenient_from=ago(days=2), convenient_until=ago(days=1),
    )  # fmt: skip
    assert facilities.activate(actor=manager, collection_point=point).is_active
    assert CollectionPoint.objects.get(pk=point.pk).contact == "Ann"


def test_through_the_api(world: World) -> None:
    api = APIClient()
    api.force_authenticate(world.user(world.recycler, Role.MANAGER))
    body = {"operator": world.recycler.pk, "name": "Annex", "jurisdiction": "US-NV", "latitude": "39.5",
            "longitude": "-119.5"}  # fmt: skip
    made = api.post("/api/v1/facilities/", body)
    assert made.status_code == 201, made.content
    facility = made.json()
    assert (facility["time_zone"], facility["operator_name"]) == ("America/Los_Angeles", "Recycler")
    assert facility["is_unverified"] is True and facility["source"] == ""
    address = f"/api/v1/facilities/{facility['id']}/"
    assert api.post(address + "change/", {"storage_limit_kg": "1000"}).json()["storage_limit_kg"] == "1000.000"
    assert api.post(address + "change/", {"latitude": "x"}).status_code == 400
    period = {"valid_from": "2025-01-01", "valid_until": "2025-12-31"}
    noted = api.post("/api/v1/permits/", {"facility": facility["id"], "kind": "storage", "number": "1", **period})
    assert noted.status_code == 201 and {k: noted.json()[k] for k in period} == period
    point = api.post("/api/v1/collection-points/", {"facility": facility["id"], "kind": "dealer"}).json()
    address = f"/api/v1/collection-points/{point['id']}/"
    assert api.post(address + "change/", {"contact": "Bo"}).json()["contact"] == "Bo"
    assert api.post(address + "deactivate/").json()["is_active"] is False
    assert api.post(address + "activate/").json()["is_active"] is True
    assert [f["name"] for f in api.get("/api/v1/facilities/?name=annex").json()["results"]] == ["Annex"]
    assert len(api.get("/api/v1/facilities/?jurisdiction=US").json()["results"]) == 5
    stranger = APIClient()
    stranger.force_authenticate(world.user(world.producer))
    assert stranger.get(address).status_code == 404
    assert stranger.get(f"/api/v1/permits/{noted.json()['id']}/").status_code == 404


def test_reference_data_come_with_their_source(world: World) -> None:
    world.lfp_pack.confidence, world.lfp_pack.source = "B-lo", "hearsay"
    world.lfp_pack.save()
    api = APIClient()
    api.force_authenticate(world.user(world.stranger, Role.VIEWER))
    models = {m["code"]: m for m in api.get("/api/v1/battery-models/").json()["results"]}
    assert models["nmc-60"]["is_unverified"] is False
    assert (models["lfp-50"]["is_unverified"], models["lfp-50"]["source"]) == (True, "hearsay")
    chemistry = api.get("/api/v1/chemistries/LFP/").json()
    (composition,) = chemistry["compositions"]
    assert {"element": "Fe", "kg_per_kwh": "0.700000"} in composition["elements"]
    assert (composition["source"], composition["is_unverified"]) == ("test world", False)
    assert chemistry["is_unverified"] is True
    material = api.get("/api/v1/materials/li2co3/").json()
    assert material["elements"] == [{"element": "Li", "fraction": "0.18787000"}]
    assert [j["code"] for j in api.get("/api/v1/jurisdictions/?parent=US&ordering=code").json()["results"]] == [
        "US-NJ", "US-NV",
    ]  # fmt: skip
    assert api.get("/api/v1/jurisdictions/ZZ/").status_code == 404
    for path in ("battery-models", "chemistries", "materials", "jurisdictions"):
        assert api.post(f"/api/v1/{path}/", {}).status_code == 405
        assert APIClient().get(f"/api/v1/{path}/").status_code == 401


def test_in_the_admin(world: World, client: Client) -> None:
    client.force_login(world.user(world.recycler, Role.MANAGER))
    form = {"operator": world.recycler.pk, "name": "Annex", "jurisdiction": "US-NV"}
    assert client.post("/admin/collection/facility/add/", form | {"operator": world.collector.pk}).status_code == 200
    assert client.post("/admin/collection/facility/add/", form).status_code == 302
    facility = Facility.objects.get(name="Annex")
    address = f"/admin/collection/facility/{facility.pk}/verb/"
    permit = {"kind": "storage", "number": "1", "valid_from": "2025-01-01", "valid_until": "2025-12-31"}
    assert client.post(address + "add-permit/", permit).status_code == 302
    assert "already is the permit" in client.post(address + "add-permit/", permit).content.decode()
    assert client.post(address + "register-collection-point/", {"kind": "dealer"}).status_code == 302
    change = {"name": "Annex 2", "jurisdiction": "US-NV", "time_zone": "America/Denver"}
    assert client.post(address + "change/", change).status_code == 302
    facility.refresh_from_db()
    assert (facility.name, facility.time_zone) == ("Annex 2", "America/Denver")
    assert client.get("/admin/collection/batterymodel/").status_code == 200
    assert client.get("/admin/collection/batterymodel/add/").status_code == 403
