"""A producer contests what others claim to be its; who claimed answers, and a regulator decides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import Battery, ClaimContest, Ground
from collection.services import batteries, claim_contests, credit
from tests.refusals import refused, state
from tests.world import World, batteries_at, claimed_at, serial

MANAGER = Role.MANAGER


def contested(w: World, *packs: Battery) -> ClaimContest:
    """The first of the contests of `packs`, or of one pack at the yard."""
    first, *_others = claim_contests.contest_claims(
        actor=w.actor(w.producer, MANAGER), organization=w.producer,
        batteries=[pack.pk for pack in packs or claimed_at(w, w.yard)], statement="We never made this serial.",
    )  # fmt: skip
    return first


def answered(w: World) -> ClaimContest:
    return claim_contests.answer(
        actor=w.actor(w.yard_owner), contest=contested(w), statement="The label is on the photo."
    )


def overdue(contest: ClaimContest) -> ClaimContest:
    ClaimContest.objects.filter(pk=contest.pk).update(due_on=timezone.localdate() - timedelta(days=1))
    return ClaimContest.objects.get(pk=contest.pk)


def whose(contest: ClaimContest) -> tuple[Any, str]:
    battery = Battery.objects.get(pk=contest.battery_id)
    return battery.producer, battery.producer_ground


def test_who_claimed_has_a_month_to_answer_and_the_battery_stays_claimed(world: World) -> None:
    contest = contested(world)
    assert (contest.status, contest.claimed_by, contest.jurisdiction) == ("open", world.yard_owner, world.nv)
    assert contest.due_on == timezone.localdate() + timedelta(days=30)
    assert whose(contest) == (world.producer, Ground.CLAIMED)


def test_upheld_it_is_nobodys_and_cannot_be_claimed_again(world: World) -> None:
    contest = answered(world)
    assert contest.due_on == timezone.localdate() + timedelta(days=60)
    claim_contests.uphold(
        actor=world.actor(world.regulator, MANAGER), contest=contest, reason="the serial is not theirs"
    )
    assert whose(contest) == (None, Ground.CLAIMED)
    last = contest.battery.events.order_by("sequence").last()
    assert last is not None and (last.kind, last.note) == ("corrected", "the serial is not theirs")
    battery = Battery.objects.get(pk=contest.battery_id)
    owner = world.actor(world.yard_owner)
    refused(
        Refused, batteries.correct, "producer", actor=owner, battery=battery, reason="again", producer=world.producer
    )
    batteries.correct(actor=owner, battery=battery, reason="the label", producer=world.other_producer)


def test_dismissed_it_counts_as_decided(world: World) -> None:
    contest = answered(world)
    claim_contests.dismiss(actor=world.actor(world.federal, MANAGER), contest=contest, reason="the label is clear")
    assert whose(contest) == (world.producer, Ground.DECIDED)
    refused(
        Refused, claim_contests.contest_claims, "batteries", actor=world.actor(world.producer, MANAGER),
        organization=world.producer, batteries=[contest.battery_id], statement="still not",
    )  # fmt: skip


def test_nobody_decides_before_who_claimed_was_heard(world: World) -> None:
    contest = contested(world)
    regulator = world.actor(world.regulator, MANAGER)
    for decide in (claim_contests.uphold, claim_contests.dismiss):
        error = refused(Refused, decide, "contest", actor=regulator, contest=contest, reason="at once")
        assert error.code == "not_heard"
    ClaimContest.objects.filter(pk=contest.pk).update(due_on=timezone.localdate())  # its last day
    refused(Refused, claim_contests.uphold, actor=regulator, contest=contest, reason="at once")
    claim_contests.uphold(actor=regulator, contest=overdue(contest), reason="no word for a month")
    assert whose(contest) == (None, Ground.CLAIMED)


def test_conceded_and_withdrawn(world: World) -> None:
    conceded, withdrawn = contested(world), contested(world)
    claim_contests.concede(actor=world.actor(world.yard_owner), contest=conceded, reason="misread")
    claim_contests.withdraw(actor=world.actor(world.producer, MANAGER), contest=withdrawn)
    assert (whose(conceded), whose(withdrawn)) == ((None, Ground.CLAIMED), (world.producer, Ground.CLAIMED))
    for contest in (conceded, withdrawn):
        for verb, actor in (
            (claim_contests.concede, world.actor(world.yard_owner)),
            (claim_contests.uphold, world.actor(world.regulator, MANAGER)),
        ):
            refused(Refused, verb, actor=actor, contest=contest, reason="late")
    contested(world, Battery.objects.get(pk=withdrawn.battery_id))  # what was withdrawn can be contested again


def test_accepting_takes_back_and_correcting_concedes(world: World) -> None:
    manager = world.actor(world.producer, MANAGER)
    one, two, three = (contested(world) for _ in range(3))
    credit.accept_claim(actor=manager, battery=one.battery)
    credit.accept_claims(actor=manager, organization=world.producer, batteries=[two.battery_id])
    batteries.correct(
        actor=world.actor(world.yard_owner), battery=three.battery, reason="read again", producer=world.other_producer
    )
    assert [ClaimContest.objects.get(pk=c.pk).status for c in (one, two, three)] == [
        "withdrawn", "withdrawn", "conceded",
    ]  # fmt: skip
    assert [whose(c)[1] for c in (one, two, three)] == [Ground.ACCEPTED, Ground.ACCEPTED, Ground.CLAIMED]


def test_what_can_be_contested(world: World) -> None:
    """All or nothing: no confirmed battery, none of another, none twice."""
    w, manager = world, world.actor(world.producer, MANAGER)
    (claimed,), (accepted,) = claimed_at(w, w.yard), batteries_at(w, w.yard)
    (others,) = claimed_at(w, w.yard, model=w.lfp_pack)
    own = batteries.register(
        actor=w.actor(w.producer), organization=w.producer, identifiers=[serial()], model=w.nmc_pack
    )
    twice = contested(w).battery
    contest = {"actor": manager, "organization": w.producer, "statement": "no"}
    for other in (accepted, others, own, twice):
        refused(Refused, claim_contests.contest_claims, "batteries", **contest, batteries=[claimed.pk, other.pk])
    for statement in ("", "  ", "x" * 2001):
        refused(
            Invalid, claim_contests.contest_claims, "statement", **contest | {"statement": statement},
            batteries=[claimed.pk],
        )  # fmt: skip
    for actor in (w.actor(w.producer), w.actor(w.yard_owner, MANAGER), w.actor(w.other_producer, MANAGER)):
        refused(Forbidden, claim_contests.contest_claims, **contest | {"actor": actor}, batteries=[claimed.pk])


def test_who_decides_where(world: World) -> None:
    """A manager of a regulator of where it was placed, or of the country; else of where it was collected."""
    w, contest = world, answered(world)
    for actor in (
        w.actor(w.regulator), w.actor(w.producer, MANAGER), w.actor(w.yard_owner, MANAGER), w.actor(w.stranger, MANAGER),
    ):  # fmt: skip
        refused(Forbidden, claim_contests.dismiss, actor=actor, contest=contest, reason="me")
    (elsewhere,) = claimed_at(w, w.yard, placed_in=w.nj)
    away = contested(w, elsewhere)
    refused(Forbidden, claim_contests.uphold, actor=w.actor(w.regulator, MANAGER), contest=overdue(away), reason="me")
    (unplaced,) = claimed_at(w, w.yard, placed_in=None)
    assert contested(w, unplaced).jurisdiction == w.nv, "where it was collected"
    in_use = batteries.register(
        actor=w.actor(w.yard_owner), organization=w.yard_owner, identifiers=[serial()], model=w.nmc_pack
    )
    nowhere = contested(w, in_use)
    assert nowhere.jurisdiction is None
    for regulator in (w.regulator, w.federal):
        actor = w.actor(regulator, MANAGER)
        refused(Forbidden, claim_contests.uphold, actor=actor, contest=overdue(nowhere), reason="me")


def test_who_sees_a_contest(world: World) -> None:
    w, contest = world, contested(world)
    seen_by = {
        organization
        for organization in (w.producer, w.yard_owner, w.regulator, w.federal, w.other_producer, w.stranger, w.recycler)
        if ClaimContest.objects.visible_to(w.user(organization)).filter(pk=contest.pk).exists()
    }
    assert seen_by == {w.producer, w.yard_owner, w.regulator, w.federal}


@pytest.mark.parametrize(
    "change",
    [
        {"status": "upheld"},  # decided by nobody
        {"status": "answered"},  # with no answer
        {"answer": "x"},  # at no time
        {"statement": ""},
        {"contested_by": "claimed_by"},
        {"decided_at": timezone.now()},
    ],
)
def test_the_database_refuses_half_a_contest(world: World, change: dict[str, Any]) -> None:
    contest = contested(world)
    if change.get("contested_by"):
        change = {"contested_by": contest.claimed_by}
    before = state()
    with pytest.raises(Error), transaction.atomic():
        ClaimContest.objects.filter(pk=contest.pk).update(**change)
    assert state() == before


def test_the_database_keeps_one_undecided_and_no_way_back(world: World) -> None:
    contest = contested(world)
    copied = {
        field.attname: getattr(contest, field.attname) for field in ClaimContest._meta.fields if field.name != "id"
    }
    with pytest.raises(Error), transaction.atomic():
        ClaimContest.objects.create(**copied | {"opened_at": timezone.now()})
    claim_contests.withdraw(actor=world.actor(world.producer, MANAGER), contest=contest)
    with pytest.raises(Error), transaction.atomic():
        ClaimContest.objects.filter(pk=contest.pk).update(status="open", decided_at=None, decided_by=None)
    assert ClaimContest.objects.get().status == "withdrawn"


def test_a_hundred_cost_as_many_statements_as_two(world: World) -> None:
    def statements(number: int) -> int:
        packs = claimed_at(world, world.yard, number)
        before = len(connection.queries_log)
        connection.force_debug_cursor = True
        try:
            contested(world, *packs)
        finally:
            connection.force_debug_cursor = False
        return len(connection.queries_log) - before

    assert statements(2) == statements(100)


def test_ticked_in_the_admin(world: World) -> None:
    """A producer's manager ticks claims in the list of batteries, and accepts or contests them at once."""
    w = world
    packs = claimed_at(w, w.yard, 3)
    browser = Client()
    browser.force_login(w.user(w.producer, MANAGER))
    address = "/admin/collection/battery/"
    assert 'value="contest-claims"' in browser.get(address).content.decode()
    ticked = {"action": "contest-claims", "_selected_action": [pack.pk for pack in packs[:2]]}
    page = browser.post(address, ticked)
    assert page.status_code == 200 and "For 2 records that are ticked." in page.content.decode()
    assert not ClaimContest.objects.exists()
    sent = ticked | {"sent": "1", "organization": w.producer.pk, "statement": "not ours"}
    assert browser.post(address, sent | {"statement": " "}).status_code == 200
    assert browser.post(address, sent).status_code == 302
    assert set(ClaimContest.objects.values_list("battery", flat=True)) == {pack.pk for pack in packs[:2]}
    assert browser.post(address, sent).status_code == 409, "all or none: two are contested already"
    accept = {"action": "accept-claims", "_selected_action": [packs[2].pk], "sent": "1", "organization": w.producer.pk}
    assert browser.post(address, accept | {"organization": w.other_producer.pk}).status_code == 200  # none of its own
    assert ground(packs[2]) == Ground.CLAIMED
    browser.post(address, accept)
    assert ground(packs[2]) == Ground.ACCEPTED
    other = Client()
    other.force_login(w.user(w.yard_owner, MANAGER))
    assert "accept-claims" not in other.get(address).content.decode()
    other.post(address, accept | {"_selected_action": [packs[0].pk]})
    assert ground(packs[0]) == Ground.CLAIMED


def ground(battery: Battery) -> str:
    return Battery.objects.get(pk=battery.pk).producer_ground
