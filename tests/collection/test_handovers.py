"""Custody needs two: who gives and who takes confirm each hand-over, and the ledger keeps who, and how."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail as outbox
from django.db import IntegrityError, InternalError, connection, transaction
from django.db.utils import ProgrammingError
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Mail, Membership, Organization, Role, User
from accounts.services import mail
from collection.models import (
    Battery,
    Contest,
    CustodyEvent,
    Handover,
    PickupCode,
    PickupFinding,
    Receipt,
    Relation,
)
from collection.queries import reconcile
from collection.services import codes, pickups, receipts, relations, shipments
from collection.services.findings import Scan
from tests import records
from tests.refusals import refused, state
from tests.world import (
    World,
    ago,
    batteries_at,
    collected_pickup,
    drafted_shipment,
    handed_over,
    requested_pickup,
    scheduled_pickup,
    serial,
)

MANAGER = Role.MANAGER


def client_of(w: World, organization: Organization, role: Role = Role.MANAGER) -> APIClient:
    client = APIClient()
    client.force_authenticate(w.user(organization, role))
    return client


def code_of(answer: Any) -> str:
    return str(answer.json()["errors"][0]["code"])


def test_a_collector_that_nobody_asked_gets_nothing(world: World) -> None:
    """The hostile case, step by step: each of these went through."""
    (pack,) = batteries_at(world, world.yard)
    hostile, carrier = client_of(world, world.stranger), client_of(world, world.carrier)
    address = f"/api/v1/batteries/{pack.pk}/"
    request = {
        "collection_point": world.point.pk, "collector": world.stranger.pk, "packs_expected": 5,
        "convenient_from": ago(days=9).isoformat(), "convenient_until": ago(days=8).isoformat(),
    }  # fmt: skip
    before = state()
    # It names itself on a pickup, with a battery of the yard or without, and reads that battery.
    for body in (request | {"batteries": [pack.pk]}, request):
        answer = hostile.post("/api/v1/pickups/", body, format="json")
        assert (answer.status_code, code_of(answer)) == (409, "no_relation")
    assert hostile.get(address).status_code == 404
    assert state() == before

    # The yard asks it for one battery. It names a carrier that never agreed, who reads nothing.
    announced, kept = batteries_at(world, world.yard, 2)
    made = client_of(world, world.yard_owner).post(
        "/api/v1/pickups/", request | {"batteries": [announced.pk], "notes": "key under the mat"}, format="json"
    )
    assert made.status_code == 201 and made.json()["giver_means"] == "person"
    pickup = f"/api/v1/pickups/{made.json()['id']}/"
    plan = {
        "carrier": world.carrier.pk, "destination": world.stranger_site.pk, "window_start": ago(days=8).isoformat(),
        "window_end": ago(days=7).isoformat(),
    }  # fmt: skip
    assert hostile.post(pickup + "schedule/", plan, format="json").json()["carrier_means"] == ""
    outline = carrier.get(pickup).json()
    assert outline["notes"] is None and outline["packs_expected"] == 5 and outline["window_start"]
    assert carrier.get(f"/api/v1/batteries/{announced.pk}/").status_code == 404

    # It puts that carrier in custody, takes what nobody announced, and registers what it made up in the yard's name.
    before = state()
    made_up = {"identifier": {"scheme": "internal", "value": "made up"}, "model": "nmc-60"}
    for scan, code in (
        ({"battery": announced.pk}, "unconfirmed"),
        ({"battery": kept.pk}, "unconfirmed"),
        (made_up, "unconfirmed"),
    ):
        body = {"collected_at": ago(days=7).isoformat(), "batteries": [scan]}
        answer = hostile.post(pickup + "collect/", body, format="json")
        assert (answer.status_code, code_of(answer)) == (409, code), answer.content
    assert state() == before
    assert carrier.post(pickup + "accept/").json()["notes"] == "key under the mat"
    before = state()
    read = kept.identifiers.get()
    named = {"identifier": {"scheme": read.scheme, "value": read.value, "issuer": read.issuer}}
    for scan, code in (({"battery": kept.pk}, "not_here"), (named, "unconfirmed"), (made_up, "unconfirmed")):
        body = {"collected_at": ago(days=7).isoformat(), "batteries": [{"battery": announced.pk}, scan]}
        answer = hostile.post(pickup + "collect/", body, format="json")
        assert code_of(answer) == code and answer.json()["errors"][0]["field"] == "batteries.1"
    assert state() == before

    # What was announced goes, and the ledger says who agreed.
    body = {"collected_at": ago(days=7).isoformat(), "batteries": [{"battery": announced.pk}]}
    assert hostile.post(pickup + "collect/", body, format="json").status_code == 200
    handover = Handover.objects.get()
    assert (handover.giver, handover.giver_means, handover.giver_by) == (
        world.yard_owner, "person", world.user(world.yard_owner, MANAGER),
    )  # fmt: skip
    assert (handover.taker, handover.taker_means, handover.taker_by) == (
        world.carrier, "person", world.user(world.carrier, MANAGER),
    )  # fmt: skip
    life = client_of(world, world.yard_owner).get(f"/api/v1/batteries/{announced.pk}/life/").json()
    assert "Yard Owner manager" in life[-1]["for_giver"] and "Carrier manager" in life[-1]["for_taker"]
    assert list(reconcile.findings()) == []


# Findings


def test_what_is_found_waits_for_the_yard(world: World) -> None:
    Relation.objects.filter(giver=world.yard_owner).update(unannounced=False)
    pickup, scans = scheduled_pickup(world), [Scan(identifier=serial()) for _ in range(3)]
    driver, yard = world.actor(world.carrier), world.actor(world.yard_owner)
    collect: dict[str, Any] = {"actor": driver, "pickup": pickup, "collected_at": ago(days=7)}
    assert refused(Refused, pickups.collect, "batteries.0", **collect, batteries=scans).code == "unconfirmed"
    pickups.find(actor=driver, pickup=pickup, batteries=scans)
    refused(Refused, pickups.find, "batteries.0", actor=driver, pickup=pickup, batteries=scans[:1])
    assert not Battery.objects.exists()
    first, second, third = PickupFinding.objects.order_by("pk")
    refused(Refused, pickups.collect, "batteries.0", **collect, batteries=scans)
    refused(Forbidden, pickups.confirm_findings, actor=driver, pickup=pickup, findings=[first.pk])
    refused(Invalid, pickups.confirm_findings, "findings.1", actor=yard, pickup=pickup, findings=[first.pk, 10**9])
    refused(Invalid, pickups.refuse_findings, "reason", actor=yard, pickup=pickup, findings=[third.pk], reason="")
    pickups.confirm_findings(actor=yard, pickup=pickup, findings=[first.pk, second.pk])
    pickups.refuse_findings(actor=yard, pickup=pickup, findings=[third.pk], reason="sold already")
    refused(Invalid, pickups.confirm_findings, "findings.0", actor=yard, pickup=pickup, findings=[third.pk])
    error = refused(Refused, pickups.collect, "batteries.2", **collect, batteries=scans)
    assert "sold already" in str(error.message)
    pickups.collect(**collect, batteries=scans[:2])
    assert {b.registered_by for b in Battery.objects.all()} == {world.yard_owner}
    assert set(PickupFinding.objects.values_list("status", "means")) == {("confirmed", "person"), ("refused", "person")}
    assert list(reconcile.findings()) == []


def test_a_confirmed_name_does_not_stand_for_another_battery(world: World) -> None:
    Relation.objects.filter(giver=world.yard_owner).update(unannounced=False)
    pickup, name = scheduled_pickup(world), serial()
    (kept,) = batteries_at(world, world.yard)
    driver = world.actor(world.carrier)
    pickups.find(actor=driver, pickup=pickup, batteries=[Scan(identifier=name)])
    finding = PickupFinding.objects.get()
    pickups.confirm_findings(actor=world.actor(world.yard_owner), pickup=pickup, findings=[finding.pk])
    both = [Scan(battery=kept.pk, identifier=name)]
    refused(
        Invalid, pickups.collect, "batteries.0", actor=driver, pickup=pickup, collected_at=ago(days=7), batteries=both
    )


def test_a_relation_lets_unannounced_batteries_go_up_to_the_packs_expected(world: World) -> None:
    pickup = scheduled_pickup(world, packs_expected=2)
    scans = [Scan(identifier=serial()) for _ in range(3)]
    collect: dict[str, Any] = {"actor": world.actor(world.carrier), "pickup": pickup, "collected_at": ago(days=7)}
    refused(Refused, pickups.collect, "batteries", **collect, batteries=scans)
    pickups.find(actor=collect["actor"], pickup=pickup, batteries=scans[2:])
    finding = PickupFinding.objects.get()
    pickups.confirm_findings(actor=world.actor(world.yard_owner), pickup=pickup, findings=[finding.pk])
    pickups.collect(**collect, batteries=scans)
    assert sorted(PickupFinding.objects.values_list("means", flat=True)) == ["person", "relation", "relation"]


def test_findings_are_written_in_as_many_statements_for_any_number(world: World) -> None:
    def statements(number: int) -> int:
        pickup = scheduled_pickup(world)
        scans = [Scan(identifier=serial()) for _ in range(number)]
        with CaptureQueriesContext(connection) as queries:
            pickups.find(actor=world.actor(world.carrier), pickup=pickup, batteries=scans)
        return len(queries)

    assert statements(2) == statements(40)


def test_one_hand_over_for_a_load(world: World) -> None:
    collected_pickup(world, 30)
    assert Handover.objects.count() == 1
    assert CustodyEvent.objects.filter(handover=Handover.objects.get()).count() == 30


# Codes


def test_a_code_confirms_what_the_screen_shows(world: World) -> None:
    Relation.objects.filter(giver=world.yard_owner).update(unannounced=False)
    driver = world.actor(world.carrier)
    pickup = records.found(world)
    pickup = pickups.show_code(actor=world.actor(world.yard_owner), pickup=pickup)
    code = pickup.plain_code  # type: ignore[attr-defined]
    assert len(code) == 8 and code not in PickupCode.objects.get().digest
    pickup = pickups.enter_code(actor=driver, pickup=pickup, code=f" {code} ")
    assert (pickup.refusal, pickup.giver_means) == (None, "code")  # type: ignore[attr-defined]
    assert pickup.giver_by == world.user(world.yard_owner)
    assert PickupFinding.objects.get().means == "code"
    again = pickups.enter_code(actor=driver, pickup=pickup, code=code)
    assert again.refusal.code == "no_code"  # type: ignore[attr-defined]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
def test_tries_are_counted_whatever_they_are_sent_with(world: World, headers: dict[str, str]) -> None:
    pickup = records.with_code(world)
    driver = client_of(world, world.carrier)
    address = f"/api/v1/pickups/{pickup.pk}/enter-code/"
    wrong = "0" * 8 if pickup.plain_code != "0" * 8 else "1" * 8
    for number in range(codes.MOST_TRIES):
        sent = {name: f"{value}{number}" for name, value in headers.items()}
        answer = driver.post(address, {"code": wrong}, format="json", headers=sent)
        assert (answer.status_code, code_of(answer)) == (409, "wrong_code")
    if headers:  # the same once more is answered as it was
        answer = driver.post(address, {"code": wrong}, format="json", headers=sent)
        assert (answer.status_code, code_of(answer)) == (409, "wrong_code")
    assert code_of(driver.post(address, {"code": pickup.plain_code}, format="json")) == "no_code"
    pickup.refresh_from_db()
    assert pickup.giver_means == "person"  # as it was


def test_a_code_is_good_for_minutes_and_while_who_showed_it_works_there(world: World) -> None:
    driver = world.actor(world.carrier)
    pickup = records.with_code(world)
    code = pickup.plain_code  # type: ignore[attr-defined]
    PickupCode.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert pickups.enter_code(actor=driver, pickup=pickup, code=code).refusal.code == "no_code"  # type: ignore[attr-defined]
    PickupCode.objects.update(expires_at=timezone.now() + timedelta(minutes=1))
    membership = Membership.objects.get(user=world.user(world.yard_owner))
    membership.delete()
    assert pickups.enter_code(actor=driver, pickup=pickup, code=code).refusal.code == "no_code"  # type: ignore[attr-defined]


def test_the_code_is_shown_to_the_yard_alone(world: World) -> None:
    pickup = scheduled_pickup(world)
    answer = client_of(world, world.yard_owner).post(f"/api/v1/pickups/{pickup.pk}/show-code/")
    assert answer.status_code == 200 and len(answer.json()["code"]) == 8
    refused(Forbidden, pickups.show_code, actor=world.actor(world.carrier), pickup=pickup)
    refused(Forbidden, pickups.show_code, actor=world.actor(world.collector), pickup=pickup)


# Unclaimed places


def test_a_person_at_an_unclaimed_place_signs(world: World) -> None:
    pickup, scans = records.unclaimed_pickup(world), [Scan(identifier=serial()) for _ in range(2)]
    driver = world.actor(world.carrier)
    collect: dict[str, Any] = {"actor": driver, "pickup": pickup, "collected_at": ago(days=7), "batteries": scans}
    assert refused(Refused, pickups.collect, "pickup", **collect).code == "unconfirmed"
    pickups.find(actor=driver, pickup=pickup, batteries=scans)
    pickups.sign(actor=driver, pickup=pickup, **records.SIGNED)
    pickups.collect(**collect)
    handover, receipt = Handover.objects.get(), Receipt.objects.get()
    assert (handover.giver_means, handover.receipt, handover.taker_means) == ("signature", receipt, "own")
    assert (receipt.name, receipt.collector, receipt.carrier) == ("Ann Owen", world.collector, world.carrier)
    mail.send_due()
    (sent,) = outbox.outbox
    assert sent.to == ["ann@yard.example"] and f"/receipts/{receipt.link}/" in sent.body
    assert list(reconcile.findings()) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"role": ""}, "role"),
        ({"signature": "M10 10"}, "signature"),
        ({"signature": "<svg onload=alert(1)>"}, "signature"),
        ({"signature": "M1 1L" + "9 " * 20_000}, "signature"),
        ({"email": "ann"}, "email"),
    ],
)
def test_a_signature_that_is_none(world: World, change: dict[str, str], field: str) -> None:
    about = {"actor": world.actor(world.carrier), "pickup": records.unclaimed_pickup(world)}
    refused(Invalid, pickups.sign, field, **about, **(records.SIGNED | change))


def test_nobody_signs_where_people_are_or_no_relation_stands(world: World) -> None:
    driver = world.actor(world.carrier)
    refused(Refused, pickups.sign, "pickup", actor=driver, pickup=scheduled_pickup(world), **records.SIGNED)
    pickup = records.unclaimed_pickup(world)
    pickups.sign(actor=driver, pickup=pickup, **records.SIGNED)
    (relation,) = Relation.objects.filter(status="declared")
    relations.end(actor=world.actor(world.regulator, MANAGER), relation=relation, reason="unknown there")
    pickup.refresh_from_db()
    assert pickup.giver_means == ""
    refused(Refused, pickups.sign, "pickup", actor=driver, pickup=pickup, **records.SIGNED)
    collect = {"collected_at": ago(days=7), "batteries": [Scan(identifier=serial())]}
    refused(Refused, pickups.collect, "pickup", actor=driver, pickup=pickup, **collect)


def test_once_a_place_is_claimed_only_its_people_confirm(world: World) -> None:
    pickup = records.unclaimed_pickup(world)
    driver, owner = world.actor(world.carrier), pickup.collection_point.facility.operator
    pickups.sign(actor=driver, pickup=pickup, **records.SIGNED)
    Membership.objects.create(
        user=User.objects.create(email="own@yard.example", name="Own"), organization=owner, role=MANAGER
    )
    assert refused(Refused, pickups.sign, "pickup", actor=driver, pickup=pickup, **records.SIGNED).code == "claimed"
    collect = {"collected_at": ago(days=7), "batteries": [Scan(identifier=serial())]}
    refused(Refused, pickups.collect, "pickup", actor=driver, pickup=pickup, **collect)


def test_a_declared_relation_tells_nothing_of_what_stands_there(world: World) -> None:
    site = records.declared_relation(world).facilities.get()
    point = records.CollectionPoint.objects.create(facility=site, kind="other")
    (pack,) = batteries_at(world, world.yard, model=None)
    sent = drafted_shipment(world, [], destination=site, carrier=world.stranger)
    Battery.objects.filter(pk=pack.pk).update(facility=site)
    assert sent.destination == site
    error = refused(
        Invalid, requested_pickup, "batteries.0", world=world, actor=world.actor(world.collector),
        collection_point=point, batteries=[pack.pk],
    )  # fmt: skip
    assert error.code == "not_here"


# Receipts and contests


def test_a_receipt_is_read_and_contested_by_its_link(world: World, client: Client) -> None:
    receipt = records.receipt(world)
    address = f"/receipts/{receipt.link}/"
    page = client.get(address)
    assert page.status_code == 200 and b"Ely Yard" in page.content and b"SN-" in page.content
    assert page["Referrer-Policy"] == "no-referrer"
    before = state()
    assert client.post(address, {"name": "", "statement": "x"}).status_code == 400
    assert client.get(address[:-3] + "xx/").status_code == 410
    assert state() == before
    assert client.post(address, {"name": "Ann", "statement": "There were two."}).status_code == 200
    assert client.post(address, {"name": "Ann", "statement": "Again."}).status_code == 409
    assert b"There were two." in client.get(address).content and Contest.objects.count() == 1

    for again in (2, 3):  # the carrier has the link, too, and could have been the first to contest it
        receipts.dismiss(
            actor=world.actor(world.regulator, Role.MANAGER), contest=Contest.objects.latest("pk"), reason="one"
        )
        page = client.get(address)
        assert page.content.count(b"There were two.") == again - 1 and b"<form" in page.content
        assert client.post(address, {"name": "Bo", "statement": "There were two."}).status_code == 200
    receipts.dismiss(
        actor=world.actor(world.regulator, Role.MANAGER), contest=Contest.objects.latest("pk"), reason="one"
    )
    assert client.post(address, {"name": "Bo", "statement": "x"}).status_code == 409 and Contest.objects.count() == 3
    first, second = Contest.objects.values_list("pk", flat=True)[:2]
    with pytest.raises(IntegrityError, match="contest_one_open_per_receipt"), transaction.atomic():
        Contest.objects.bulk_create(Contest(receipt=receipt, name="Bo", statement="x") for _ in (first, second))


def test_links_of_receipts_are_not_tried_by_the_thousand(world: World, client: Client) -> None:
    receipt = records.receipt(world)
    tries = [client.get("/receipts/x/", REMOTE_ADDR="192.0.2.77").status_code for _ in range(62)]
    assert tries == [410] * 60 + [429] * 2
    contest = {"name": "Ann", "statement": "There were two."}
    refused = client.post(f"/receipts/{receipt.link}/", contest, REMOTE_ADDR="192.0.2.77")
    assert refused.status_code == 429 and int(refused["Retry-After"]) > 0 and not Contest.objects.exists()
    assert client.post(f"/receipts/{receipt.link}/", contest, REMOTE_ADDR="192.0.2.78").status_code == 200


def test_nothing_is_contested_before_it_was_handed_over(world: World) -> None:
    pickup = records.unclaimed_pickup(world)
    pickups.sign(actor=world.actor(world.carrier), pickup=pickup, **records.SIGNED)
    link = Receipt.objects.get().link
    assert refused(Refused, receipts.contest, link=link, name="Ann", statement="x").code == "not_yet"
    refused(Invalid, receipts.contest, link=f"{link}x", name="Ann", statement="x")


@pytest.mark.parametrize(("verb", "status"), [(receipts.uphold, "upheld"), (receipts.dismiss, "dismissed")])
def test_a_regulator_of_the_place_decides(world: World, verb: Any, status: str) -> None:
    contest = records.contest(world)
    for organization, role in ((world.collector, MANAGER), (world.regulator, Role.OPERATOR)):
        refused(Forbidden, verb, actor=world.actor(organization, role), contest=contest, reason="x")
    regulator = world.actor(world.regulator, MANAGER)
    refused(Invalid, verb, "reason", actor=regulator, contest=contest, reason=" ")
    done = verb(actor=regulator, contest=contest, reason="The driver was there.")
    assert (done.status, done.decided_by) == (status, regulator.user)
    refused(Refused, verb, actor=regulator, contest=contest, reason="x")


# Shipments


def test_a_carrier_that_did_not_agree_gets_no_custody(world: World) -> None:
    Relation.objects.filter(kind="carry").delete()
    shipper = world.actor(world.yard_owner)
    shipment = drafted_shipment(world, batteries_at(world, world.yard))
    shipments.make_ready(actor=shipper, shipment=shipment)
    leave = {"actor": shipper, "shipment": shipment, "dispatched_at": ago(days=3)}
    assert refused(Refused, shipments.dispatch, "carrier", **leave).code == "unconfirmed"
    refused(Forbidden, shipments.accept, actor=shipper, shipment=shipment)
    shipments.accept(actor=world.actor(world.carrier), shipment=shipment)
    shipments.reopen(actor=shipper, shipment=shipment)
    shipments.change(actor=shipper, shipment=shipment, carrier=world.stranger)
    shipments.make_ready(actor=shipper, shipment=shipment)
    refused(Refused, shipments.dispatch, "carrier", **leave)
    shipments.dispatch(**leave | {"actor": world.actor(world.stranger)})
    handover = Handover.objects.get()
    assert (handover.giver_means, handover.giver_by) == ("person", shipper.user)
    assert (handover.taker_means, handover.taker_by) == ("own", world.user(world.stranger))


def test_what_is_received_was_brought_by_who_took_it(world: World) -> None:
    shipment = records.received(world)
    sent, brought = Handover.objects.order_by("pk")
    assert (sent.giver_means, sent.taker_means, sent.taker_relation.kind) == ("own", "relation", "carry")  # type: ignore[union-attr]
    assert (brought.giver, brought.giver_means, brought.giver_by) == (
        world.carrier, "dispatch", world.user(world.yard_owner),
    )  # fmt: skip
    assert (brought.taker, brought.taker_means, brought.taker_by) == (
        world.recycler, "own", world.user(world.recycler),
    )  # fmt: skip
    assert brought.shipment == shipment and list(reconcile.findings()) == []


def test_within_one_organization_nothing_is_handed_over(world: World) -> None:
    (pack,) = batteries_at(world, world.stranger_site)
    shipment = drafted_shipment(world, [pack], origin=world.stranger_site, carrier=world.stranger)
    actor = world.actor(world.stranger)
    shipments.make_ready(actor=actor, shipment=shipment)
    shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=ago(days=3))
    assert not Handover.objects.exists()


# What the database refuses


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE collection_handover SET giver_means = 'code'",
        "DELETE FROM collection_handover",
        "UPDATE collection_receipt SET name = 'Eve'",
        "DELETE FROM collection_receipt",
    ],
)
def test_what_was_handed_over_does_not_change(world: World, sql: str) -> None:
    records.receipt(world)
    before = state()
    with (
        pytest.raises((InternalError, ProgrammingError, IntegrityError)),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    assert state() == before


@pytest.mark.parametrize(
    "fields",
    [
        {"taker": "yard_owner"},
        {"giver_means": "person"},
        {"giver_means": "relation"},
        {"giver_means": "signature"},
        {"taker_means": "own"},
        {"taker_means": "relation"},
        {"taker_means": "dispatch"},
    ],
)
def test_a_hand_over_says_who_confirmed(world: World, fields: dict[str, str]) -> None:
    made = {name: getattr(world, value) if name == "taker" else value for name, value in fields.items()}
    shipment = records.draft(world)
    with pytest.raises(IntegrityError), transaction.atomic():
        handed_over(world, shipment, **made)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE collection_pickup SET giver_means = ''",
        "UPDATE collection_pickup SET carrier_means = ''",
        "UPDATE collection_pickup SET giver_means = 'relation', giver_relation_id = NULL",
        "UPDATE collection_pickup SET giver_means = 'code', giver_by_id = NULL",
        "UPDATE collection_pickup SET carrier_means = 'own', carrier_by_id = NULL",
        "UPDATE collection_pickupfinding SET status = 'waiting'",
        "UPDATE collection_pickupfinding SET means = ''",
        "UPDATE collection_pickupfinding SET battery_id = NULL, value = ''",
        "UPDATE collection_pickupfinding SET mass_value = 0",
        "UPDATE collection_pickupfinding SET mass_unit = 'stone'",
        (
            "INSERT INTO collection_custodyevent (battery_id, sequence, kind, occurred_at, from_shipment_id, from_organization_id,"
            " to_facility_id, to_organization_id, to_status, reference, note, actor_id)"
            " SELECT e.battery_id, e.sequence + 1, 'received', now(), e.to_shipment_id, e.to_organization_id, s.destination_id,"
            " f.operator_id, 'at_facility', '', '', e.actor_id FROM collection_custodyevent e"
            " JOIN collection_shipment s ON s.id = e.to_shipment_id JOIN collection_facility f ON f.id = s.destination_id"
        ),
    ],
)
def test_the_database_refuses(world: World, sql: str) -> None:
    Relation.objects.filter(kind="collect").update(unannounced=True)
    pickup = scheduled_pickup(world)
    scans = [Scan(identifier=serial())]
    pickups.collect(actor=world.actor(world.carrier), pickup=pickup, collected_at=ago(days=7), batteries=scans)
    before = state("collection")
    with pytest.raises((IntegrityError, ProgrammingError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert state("collection") == before


def test_reconcile_sees_what_no_constraint_shows(world: World) -> None:
    pickup = collected_pickup(world, 1)
    PickupFinding.objects.all().delete()
    found = {finding.rule for finding in reconcile.findings()}
    assert found == {"what_a_pickup_took_was_announced_or_confirmed"} and pickup.shipment is not None


def test_mail_about_a_receipt_that_is_gone_is_not_sent(world: World) -> None:
    mail.post(Mail.Kind.RECEIPT, "a@b.example", receipt=0)
    mail.send_due()
    assert not outbox.outbox and not Mail.objects.exists()
