"""Two commands on the same thing: the second waits for the first, sees what it did, and is told so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.errors import DomainError
from accounts.models import Membership, Role, User
from collection.models import Facility, Handover, Pickup, Receipt, Relation, Shipment
from collection.services import consents, facilities, pickups, receipts, relations, shipments
from collection.services.findings import Scan
from tests import records
from tests.world import (
    ago,
    batteries_at,
    build,
    drafted_shipment,
    requested_pickup,
    scheduled_pickup,
)

pytestmark = pytest.mark.django_db(transaction=True)


def meanwhile(first: Callable[[], Any], second: Callable[[], Any]) -> str:
    """What came of `second`, which starts when `first` has acted but not committed: `done`, or why not.

    `first` commits once the other waits for it, or has ended without: no sleeping, no luck.
    """
    came: list[str] = []

    def run() -> None:
        try:
            second()
            came.append("done")
        except DomainError as error:
            came.append(error.code)
        finally:
            connection.close()

    thread = Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        while thread.is_alive() and not _somebody_waits_for_us():
            thread.join(0.01)
    thread.join()
    return came[0]


def _somebody_waits_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def test_two_trucks_do_not_carry_out_one_pickup() -> None:
    w = build()
    pickup = scheduled_pickup(w)
    first, second = batteries_at(w, w.yard, 2)

    def collect(pk: int) -> Pickup:
        return pickups.collect(
            actor=w.actor(w.carrier), pickup=pickup, collected_at=ago(days=7), batteries=[Scan(battery=pk)]
        )

    assert meanwhile(lambda: collect(first.pk), lambda: collect(second.pk)) == "wrong_status"
    assert Shipment.objects.get() == Pickup.objects.get().shipment
    second.refresh_from_db()
    assert second.facility == w.yard


def test_two_trucks_do_not_unload_more_than_may_be_stored() -> None:
    w = build()
    actor, receiver = w.actor(w.yard_owner), w.actor(w.recycler)
    sent = []
    for battery in batteries_at(w, w.yard, 2):
        shipment = drafted_shipment(w, [battery])
        shipments.make_ready(actor=actor, shipment=shipment)
        shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=ago(days=6))
        sent.append(shipments.arrive(actor=receiver, shipment=shipment, arrived_at=ago(days=5)))
    Facility.objects.filter(pk=w.plant_site.pk).update(storage_limit_kg=Decimal(799))

    def receive(shipment: Shipment) -> Shipment:
        return shipments.receive(actor=receiver, shipment=shipment, received_at=ago(days=4))

    assert meanwhile(lambda: receive(sent[0]), lambda: receive(sent[1])) == "storage_limit"
    assert w.plant_site.batteries.count() == 1


def test_no_pickup_is_requested_of_a_point_that_closes() -> None:
    w = build()
    manager = w.actor(w.yard_owner, Role.MANAGER)
    came = meanwhile(
        lambda: facilities.deactivate(actor=manager, collection_point=w.point), lambda: requested_pickup(w)
    )
    assert came == "inactive" and not Pickup.objects.exists()


def test_two_trucks_do_not_both_take_the_rest_of_a_consent() -> None:
    w = build()
    consent = consents.record(
        actor=w.actor(w.yard_owner, Role.MANAGER), exporter=w.yard_owner, importer=w.refiner, from_country=w.us,
        to_country=w.ca, number="A-1", authority="EPA", valid_from=date(2020, 1, 1), valid_until=date(2099, 12, 31),
        limit_kg=Decimal(799),
    )  # fmt: skip
    actor = w.actor(w.yard_owner)
    first, second = (
        shipments.make_ready(
            actor=actor, shipment=drafted_shipment(w, [battery], destination=w.refinery_site, consent=consent)
        )
        for battery in batteries_at(w, w.yard, 2)
    )

    def leave(shipment: Shipment) -> Shipment:
        return shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=ago(days=3))

    assert meanwhile(lambda: leave(first), lambda: leave(second)) == "no_consent"
    assert Shipment.objects.get(status="in_transit") == first


def test_a_code_is_typed_once() -> None:
    w = build()
    pickup = records.with_code(w)
    driver, came = w.actor(w.carrier), []

    def enter() -> None:
        done: Any = pickups.enter_code(actor=driver, pickup=pickup, code=pickup.plain_code)  # type: ignore[attr-defined]
        came.append(done.refusal and done.refusal.code)

    assert meanwhile(enter, enter) == "done"
    assert came == [None, "no_code"]


def test_a_relation_ends_before_or_after_what_is_collected_by_it() -> None:
    w = build()
    relation = records.standing_relation(w)
    manager, collector, driver = w.actor(w.yard_owner, Role.MANAGER), w.actor(w.collector), w.actor(w.carrier)

    def collect(pickup: Pickup, pk: int) -> Pickup:
        return pickups.collect(actor=driver, pickup=pickup, collected_at=ago(days=7), batteries=[Scan(battery=pk)])

    def end() -> Any:
        return relations.end(actor=manager, relation=relation, reason="sold")

    first, second = batteries_at(w, w.yard, 2)
    of_first, of_second = (scheduled_pickup(w, actor=collector, batteries=[pack.pk]) for pack in (first, second))
    assert of_first.giver_relation == relation
    assert meanwhile(lambda: collect(of_first, first.pk), end) == "done"
    assert Handover.objects.get().giver_relation == relation
    relation.refresh_from_db()
    assert relation.status == "ended"
    of_second.refresh_from_db()
    assert of_second.giver_means == ""


def test_nothing_is_collected_by_a_relation_that_ends() -> None:
    w = build()
    (pack,) = batteries_at(w, w.yard)
    pickup = scheduled_pickup(w, actor=w.actor(w.collector), batteries=[pack.pk])
    came = meanwhile(
        lambda: relations.end(
            actor=w.actor(w.yard_owner, Role.MANAGER), relation=records.standing_relation(w), reason="sold"
        ),
        lambda: pickups.collect(
            actor=w.actor(w.carrier), pickup=pickup, collected_at=ago(days=7), batteries=[Scan(battery=pack.pk)]
        ),
    )
    assert came == "unconfirmed" and not Handover.objects.exists()


def test_a_place_is_claimed_before_or_after_it_is_signed_for() -> None:
    w = build()
    pickup = records.unclaimed_pickup(w)
    owner = pickup.collection_point.facility.operator
    user = User.objects.create(email="ann@yard.example", name="Ann")
    came = meanwhile(
        lambda: Membership.objects.create(user=user, organization=owner, role=Role.MANAGER),
        lambda: pickups.sign(actor=w.actor(w.carrier), pickup=pickup, **records.SIGNED),
    )
    assert came == "claimed" and not Receipt.objects.exists()


def test_an_offer_is_made_once() -> None:
    w = build()

    def offer() -> Any:
        return relations.offer(
            actor=w.actor(w.stranger, Role.MANAGER), kind="collect", giver=w.yard_owner, taker=w.stranger
        )

    assert meanwhile(offer, offer) == "duplicate"


def test_of_two_relations_that_are_accepted_one_stands() -> None:
    """An offer takes the place of the relation that stands, while that is ended."""
    w = build()
    offered, standing = records.offered_relation(w), records.standing_relation(w)
    came = meanwhile(
        lambda: relations.accept(actor=w.actor(w.collector, Role.MANAGER), relation=offered),
        lambda: relations.end(actor=w.actor(w.collector, Role.MANAGER), relation=standing, reason="x"),
    )
    assert came == "wrong_status"
    assert Relation.objects.filter(status="accepted", kind="collect").get() == offered


def test_a_hand_over_is_contested_once() -> None:
    w = build()
    link = records.receipt(w).link

    def contest() -> Any:
        return receipts.contest(link=link, name="Ann", statement="x")

    assert meanwhile(contest, contest) == "duplicate"


def test_who_ends_a_relation_and_who_collects_by_it_do_not_wait_for_each_other() -> None:
    """A pickup is locked after the relations that it rests on: the other way round, each would wait for the other."""
    w = build()
    relation = records.standing_relation(w)
    pickup = scheduled_pickup(w, actor=w.actor(w.collector))
    came: list[str] = []

    def end() -> None:
        try:
            relations.end(actor=w.actor(w.yard_owner, Role.MANAGER), relation=relation, reason="sold")
            came.append("done")
        finally:
            connection.close()

    thread = Thread(target=end)
    with transaction.atomic():
        pickups.lock(pickup)
        thread.start()
        while thread.is_alive() and not _somebody_waits_for_us():
            thread.join(0.01)
        relations.hold([relation.pk])
    thread.join()
    assert came == ["done"]
