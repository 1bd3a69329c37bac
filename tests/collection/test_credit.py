"""On what ground a battery counts for its producer, and who says so."""

from __future__ import annotations

from decimal import Decimal

import pytest

from accounts.errors import Forbidden, Refused
from accounts.models import Role
from collection.models import Battery, Ground
from collection.services import batteries, credit
from tests.refusals import refused
from tests.world import World, claimed_at, serial


def ground(battery: Battery) -> str:
    return Battery.objects.get(pk=battery.pk).producer_ground


def test_what_others_say_of_a_producer_is_a_claim(world: World) -> None:
    (theirs,) = claimed_at(world, world.yard)
    own = batteries.register(
        actor=world.actor(world.producer), organization=world.producer, identifiers=[serial()], model=world.nmc_pack
    )
    of_another = batteries.register(
        actor=world.actor(world.producer), organization=world.producer, identifiers=[serial()], model=world.lfp_pack
    )
    assert [ground(b) for b in (theirs, own, of_another)] == [
        Ground.CLAIMED, Ground.REGISTERED_BY_PRODUCER, Ground.CLAIMED,
    ]  # fmt: skip


def test_a_corrected_producer_is_a_claim_again(world: World) -> None:
    (battery,) = claimed_at(world, world.yard)
    credit.accept_claim(actor=world.actor(world.producer, Role.MANAGER), battery=battery)
    owner = world.actor(world.yard_owner)
    batteries.correct(actor=owner, battery=battery, reason="weighed", mass_value=Decimal(401))
    assert ground(battery) == Ground.ACCEPTED
    batteries.correct(actor=owner, battery=battery, reason="label", producer=world.other_producer)
    assert ground(battery) == Ground.CLAIMED


def test_only_the_producers_manager_accepts_and_once(world: World) -> None:
    first, second, others = claimed_at(world, world.yard, 2) + claimed_at(world, world.yard, model=world.lfp_pack)
    manager = world.actor(world.producer, Role.MANAGER)
    for actor in (world.actor(world.producer), world.actor(world.yard_owner, Role.MANAGER)):
        with pytest.raises(Forbidden):
            credit.accept_claim(actor=actor, battery=first)
        with pytest.raises(Forbidden):
            credit.accept_claims(actor=actor, organization=world.producer, batteries=[first.pk])
    refused(Refused, credit.accept_claims, "batteries", actor=manager, organization=world.producer,
            batteries=[first.pk, others.pk])  # fmt: skip
    assert {ground(b) for b in (first, second, others)} == {Ground.CLAIMED}
    assert credit.accept_claims(actor=manager, organization=world.producer, batteries=[first.pk, second.pk]) == sorted(
        [first.pk, second.pk]
    )
    assert {ground(b) for b in (first, second)} == {Ground.ACCEPTED} and ground(others) == Ground.CLAIMED
    refused(Refused, credit.accept_claim, "battery", actor=manager, battery=first)
