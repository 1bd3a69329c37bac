"""Triage, and release to a further use."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import Battery
from recycling.models import Inspection
from recycling.services import inspections
from recycling.services.inspections import Triage
from tests.refusals import refused
from tests.world import World, ago, batteries_at, drafted_shipment

pytestmark = pytest.mark.django_db


def inspect(world: World, *rows: Triage, **fields: Any) -> list[Inspection]:
    return inspections.inspect_many(
        **{
            "actor": world.actor(world.recycler), "plant": world.plant, "inspected_at": ago(days=5),
            "inspections": list(rows), **fields,
        }
    )  # fmt: skip


def test_the_newest_inspection_holds(world: World) -> None:
    one, two = batteries_at(world, world.plant_site, 2)
    inspect(world, Triage(one.pk, "reuse", "intact", Decimal("0.9")), Triage(two.pk, "recycle", "damaged", note="leak"))
    inspect(world, Triage(one.pk, "repurpose", "intact"), inspected_at=ago(days=4))
    for battery in (one, two):
        battery.refresh_from_db()
    assert (one.condition, one.state_of_health, two.condition) == ("intact", Decimal("0.9"), "damaged")
    newest = inspections.newest_inspections([one.pk, two.pk])
    assert {pk: row.decision for pk, row in newest.items()} == {one.pk: "repurpose", two.pk: "recycle"}
    assert [(e.kind, e.note) for e in one.events.order_by("sequence")][1:] == [
        ("inspected", "reuse"), ("inspected", "repurpose"),
    ]  # fmt: skip
    assert one.events.latest("sequence").to_facility == world.plant_site


def test_what_is_not_inspected(world: World) -> None:
    (here,) = batteries_at(world, world.plant_site)
    (elsewhere,) = batteries_at(world, world.hub)
    good = Triage(here.pk, "recycle")
    for rows, kind, field in (
        ([good, Triage(elsewhere.pk, "recycle")], Refused, "inspections.1.battery"),
        ([good, Triage(10**12, "recycle")], Refused, "inspections.1.battery"),
        ([good, good], Invalid, "inspections.1.battery"),
        ([Triage(here.pk, "melt")], Invalid, "inspections.0.decision"),
        ([Triage(here.pk, "recycle", "wet")], Invalid, "inspections.0.condition"),
        ([Triage(here.pk, "recycle", "intact", Decimal("1.1"))], Invalid, "inspections.0.state_of_health"),
        ([Triage(here.pk, "recycle", "intact", Decimal("NaN"))], Invalid, "inspections.0.state_of_health"),
    ):
        refused(kind, inspections.inspect_many, field, actor=world.actor(world.recycler), plant=world.plant,
                inspected_at=ago(days=5), inspections=rows)  # fmt: skip
    for kind, at in ((Invalid, ago(days=-1)), (Refused, ago(days=40))):
        refused(kind, inspect_one, "inspected_at", world=world, row=good, inspected_at=at)
    for actor in (world.actor(world.recycler, Role.VIEWER), world.actor(world.refiner)):
        refused(Forbidden, inspect_one, world=world, row=good, actor=actor)


def inspect_one(world: World, row: Triage, **fields: Any) -> None:
    inspect(world, row, **fields)


def release(world: World, *batteries: Battery, **fields: Any) -> list[Battery]:
    return inspections.release_many(
        **{
            "actor": world.actor(world.recycler), "plant": world.plant, "batteries": [b.pk for b in batteries],
            "released_at": ago(days=3), "recipient": "Storage Inc.", **fields,
        }
    )  # fmt: skip


def test_released(world: World) -> None:
    one, two = batteries_at(world, world.plant_site, 2)
    inspect(world, Triage(one.pk, "repurpose"), Triage(two.pk, "reuse"))
    release(world, two, one)
    for battery in (one, two):
        battery.refresh_from_db()
        assert (battery.status, battery.facility) == ("second_life", None)
        assert battery.events.latest("sequence").kind == "released"


def test_what_is_not_released(world: World) -> None:
    ready, scrap, unseen = batteries_at(world, world.plant_site, 3)
    inspect(world, Triage(ready.pk, "reuse"), Triage(scrap.pk, "recycle"))
    for other in (scrap, unseen):
        error = refused(Refused, release_all, "batteries.1", world=world, batteries=[ready, other])
        assert error.code == "not_released"
    (elsewhere,) = batteries_at(world, world.hub)
    refused(Refused, release_all, "batteries.1", world=world, batteries=[ready, elsewhere])
    refused(Invalid, release_all, "recipient", world=world, batteries=[ready], recipient=" ")
    refused(Forbidden, release_all, world=world, batteries=[ready], actor=world.actor(world.carrier))
    drafted_shipment(world, [ready], world.plant_site, world.hub)
    assert refused(Refused, release_all, "batteries.0", world=world, batteries=[ready]).code == "on_shipment"


def release_all(world: World, batteries: list[Battery], **fields: Any) -> None:
    release(world, *batteries, **fields)


def test_statements_do_not_grow_with_the_batteries(world: World) -> None:
    counts = []
    for number in (4, 60):
        found = batteries_at(world, world.plant_site, number)
        with CaptureQueriesContext(connection) as queries:
            inspect(world, *(Triage(b.pk, "reuse") for b in found))
            release(world, *found)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_an_inspection_is_never_changed(world: World) -> None:
    (battery,) = batteries_at(world, world.plant_site)
    (made,) = inspect(world, Triage(battery.pk, "reuse"))
    for write in (
        lambda: Inspection.objects.update(decision="recycle"),
        lambda: Inspection.objects.filter(pk=made.pk).delete(),
    ):
        with pytest.raises(Exception, match="append_only"), transaction.atomic():
            write()
    assert Inspection.objects.get().decision == "reuse"
