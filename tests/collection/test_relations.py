"""Standing agreements: offered by one side and accepted by the other, declared of who is not here, and ended."""

from __future__ import annotations

from typing import Any

import pgtrigger
import pytest
from django.db import IntegrityError, connection, transaction

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Membership, Organization, Role, User
from collection.models import RELATION_MOVES, Condition, Pickup, Relation, RelationStatus
from collection.services import pickups, relations
from collection.services.findings import Scan
from tests import records
from tests.refusals import refused, state
from tests.world import World, ago, batteries_at, requested_pickup, scheduled_pickup

MANAGER = Role.MANAGER


def offered(w: World, **fields: Any) -> Relation:
    """From the stranger, who collects and carries, to the yard."""
    return relations.offer(
        **{
            "actor": w.actor(w.stranger, MANAGER), "kind": "collect", "giver": w.yard_owner, "taker": w.stranger, **fields,
        }
    )  # fmt: skip


def accepted(w: World, **fields: Any) -> Relation:
    return relations.accept(actor=w.actor(w.yard_owner, MANAGER), relation=offered(w, **fields))


def asked(w: World, **fields: Any) -> Pickup:
    """By the stranger, who collects, for itself."""
    return requested_pickup(w, actor=w.actor(w.stranger), collector=w.stranger, **fields)


def test_one_side_offers_and_the_other_accepts(world: World) -> None:
    relation = offered(world)
    assert (relation.status, relation.offered_by, relation.other) == ("offered", world.stranger, world.yard_owner.pk)
    refused(Refused, asked, "collector", w=world)
    stranger, yard = world.actor(world.stranger, MANAGER), world.actor(world.yard_owner, MANAGER)
    refused(Forbidden, relations.accept, actor=stranger, relation=relation)
    refused(Forbidden, relations.accept, actor=world.actor(world.yard_owner), relation=relation)
    refused(Forbidden, relations.withdraw, actor=yard, relation=relation)
    relations.accept(actor=yard, relation=relation)
    pickup = asked(world)
    assert (pickup.giver_means, pickup.giver_relation) == ("relation", relation)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "sell"}, "kind"),
        ({"giver": "stranger"}, "taker"),
        ({"taker": "recycler", "giver": "stranger"}, "taker"),
        ({"conditions": []}, "conditions"),
        ({"conditions": ["burning"]}, "conditions"),
        ({"facilities": ["hub"]}, "facilities.0"),
    ],
)
def test_an_offer_that_makes_no_sense(world: World, change: dict[str, Any], field: str) -> None:
    made = {
        key: [getattr(world, name) for name in value] if key == "facilities" else getattr(world, value)
        if key in ("giver", "taker") else value
        for key, value in change.items()
    }  # fmt: skip
    refused(Invalid, offered, field, w=world, **made)


def test_an_offer_waits_once_and_a_relation_stands_once(world: World) -> None:
    first = accepted(world)
    second = offered(world, conditions=[Condition.INTACT])
    refused(Refused, offered, "kind", w=world)
    resting, damaged = asked(world), asked(world, condition="damaged")
    relations.accept(actor=world.actor(world.yard_owner, MANAGER), relation=second)
    first.refresh_from_db()
    assert first.status == "ended" and str(second.pk) in first.reason
    resting.refresh_from_db()
    damaged.refresh_from_db()
    assert (resting.giver_relation, damaged.giver_relation, damaged.giver_means) == (second, None, "")


def test_it_holds_for_the_places_and_conditions_that_it_names(world: World) -> None:
    accepted(world, facilities=[world.yard], conditions=["intact"])
    (sound,), (burnt,) = batteries_at(world, world.yard), batteries_at(world, world.yard, condition="damaged")
    asked(world, batteries=[sound.pk])
    refused(Refused, asked, "collector", w=world, condition="damaged")
    refused(Refused, asked, "batteries.0", w=world, batteries=[burnt.pk])
    Relation.objects.get(taker=world.stranger).facilities.set([world.hub])
    refused(Refused, asked, "collector", w=world)


def test_a_truck_does_not_take_what_the_relation_does_not_cover(world: World) -> None:
    accepted(world, conditions=["intact"])
    (pack,) = batteries_at(world, world.yard)
    pickup = asked(world, batteries=[pack.pk])
    driver = world.actor(world.stranger)
    pickups.schedule(
        actor=driver, pickup=pickup, carrier=world.stranger, destination=world.plant_site, window_start=ago(days=8),
        window_end=ago(days=7),
    )  # fmt: skip
    collect: dict[str, Any] = {"actor": driver, "pickup": pickup, "collected_at": ago(days=7)}
    leaking = [Scan(battery=pack.pk, condition="damaged")]
    assert refused(Refused, pickups.collect, "batteries", **collect, batteries=leaking).code == "not_covered"
    pickups.confirm(actor=world.actor(world.yard_owner), pickup=pickup)
    pickups.collect(**collect, batteries=leaking)


def test_what_rests_on_a_relation_lapses_with_it(world: World) -> None:
    relation = accepted(world)
    (pack,) = batteries_at(world, world.yard)
    pickup = asked(world, batteries=[pack.pk])
    assert "stranger" in who_reads(world, pack)
    relations.end(actor=world.actor(world.yard_owner, MANAGER), relation=relation, reason="sold")
    pickup.refresh_from_db()
    assert (pickup.giver_means, pickup.giver_relation, pickup.status) == ("", None, "requested")
    assert "stranger" not in who_reads(world, pack)
    refused(Refused, asked, "collector", w=world)


def who_reads(w: World, pack: Any) -> set[str]:
    names = ("yard_owner", "collector", "carrier", "recycler", "stranger")
    return {n for n in names if type(pack).objects.visible_to(w.user(getattr(w, n))).filter(pk=pack.pk).exists()}


def test_a_carrier_reads_an_outline_until_it_agrees(world: World) -> None:
    (pack,) = batteries_at(world, world.yard)
    pickup = scheduled_pickup(world, batteries=[pack.pk])
    assert who_reads(world, pack) == {"yard_owner", "collector", "carrier", "recycler"}
    relation = Relation.objects.get(giver=world.collector, taker=world.carrier)
    relations.end(actor=world.actor(world.carrier, MANAGER), relation=relation, reason="too far")
    assert who_reads(world, pack) == {"yard_owner", "collector", "recycler"}
    assert not pickup.batteries.visible_to(world.user(world.carrier)).exists()
    pickups.accept(actor=world.actor(world.carrier), pickup=pickup)
    assert "carrier" in who_reads(world, pack)


def test_what_is_declared_holds_until_a_regulator_ends_it(world: World) -> None:
    relation = records.declared_relation(world)
    assert relation.status == "declared" and relation.declared_at is not None
    for name, sees in (("regulator", True), ("federal", True), ("stranger", False), ("producer", False)):
        user = world.user(getattr(world, name), Role.VIEWER)
        assert Relation.objects.visible_to(user).filter(pk=relation.pk).exists() is sees, name
    refused(Forbidden, relations.end, actor=world.actor(world.stranger, MANAGER), relation=relation, reason="x")
    refused(Forbidden, relations.end, actor=world.actor(world.regulator), relation=relation, reason="x")
    refused(
        Invalid, relations.end, "reason", actor=world.actor(world.regulator, MANAGER), relation=relation, reason=" "
    )
    relations.end(actor=world.actor(world.regulator, MANAGER), relation=relation, reason="nobody there knows them")
    standing = records.standing_relation(world)
    refused(Forbidden, relations.end, actor=world.actor(world.regulator, MANAGER), relation=standing, reason="x")


def test_what_is_declared_lets_nothing_unannounced_be_taken(world: World) -> None:
    owner = Organization.objects.create(name="Nobody")
    actor = world.actor(world.collector, MANAGER)
    offer = {"actor": actor, "kind": "collect", "giver": owner, "taker": world.collector}
    refused(Invalid, relations.offer, "unannounced", **offer, unannounced=True)
    relations.offer(**offer)
    refused(Refused, relations.offer, "kind", **offer)


def test_who_is_claimed_is_asked(world: World) -> None:
    relation = records.declared_relation(world)
    pickup = requested_pickup(
        world, actor=world.actor(world.collector), collection_point=world.point, collector=world.collector
    )
    Pickup.objects.filter(pk=pickup.pk).update(giver_relation=relation)
    owner = relation.giver
    user = User.objects.create(email="ann@yard.example", name="Ann")
    Membership.objects.create(user=user, organization=owner, role=MANAGER)
    relation.refresh_from_db()
    owner.refresh_from_db()
    pickup.refresh_from_db()
    assert owner.is_claimed and (relation.status, relation.offered_by) == ("offered", world.collector)
    assert pickup.giver_means == ""
    Membership.objects.all().delete()
    owner.refresh_from_db()
    assert owner.is_claimed


@pytest.mark.parametrize("wanted", RelationStatus.values)
@pytest.mark.parametrize("old", RelationStatus.values)
def test_the_trigger_knows_the_moves(world: World, old: str, wanted: str) -> None:
    relation = records.standing_relation(world)

    def put(status: str) -> None:
        Relation.objects.filter(pk=relation.pk).update(status=status, reason="x", declared_at=ago(days=1))

    with pgtrigger.ignore("collection.Relation:status_moves"):
        put(old)
    if old == wanted or (old, wanted) in RELATION_MOVES:
        put(wanted)
    else:
        with pytest.raises(Exception, match="status"), transaction.atomic():
            put(wanted)


def test_an_organization_stays_claimed(world: World) -> None:
    before = state("accounts")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_organization SET claimed_at = NULL")
        cursor.execute("UPDATE accounts_organization SET claimed_at = now() + interval '1 day'")
    assert state("accounts") == before


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE collection_relation SET taker_id = giver_id, offered_by_id = giver_id",
        "UPDATE collection_relation SET offered_by_id = (SELECT max(id) FROM accounts_organization)",
        "UPDATE collection_relation SET kind = 'sell'",
        "UPDATE collection_relation SET conditions = '{}'",
        "UPDATE collection_relation SET conditions = '{burning}'",
        "UPDATE collection_relation SET status = 'ended'",
        (
            "INSERT INTO collection_relation (kind, giver_id, taker_id, conditions, unannounced, status, reason, offered_by_id,"
            " offered_at, is_simulated) SELECT kind, giver_id, taker_id, conditions, false, status, '', giver_id, now(), false"
            " FROM collection_relation LIMIT 1"
        ),
    ],
)
def test_the_database_refuses(world: World, sql: str) -> None:
    before = state()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert state() == before
