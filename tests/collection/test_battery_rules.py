"""Edges of batteries: what a corrected model says, and what it does not."""

from __future__ import annotations

from collection.services import batteries
from tests.world import World, serial


def test_a_corrected_model_says_only_what_nobody_said_otherwise(world: World) -> None:
    actor = world.actor(world.yard_owner)
    said, unsaid = (
        batteries.register(
            actor=actor, organization=world.yard_owner, model=world.nmc_pack, identifiers=[serial()], **fields
        )
        for fields in ({"producer": world.stranger, "chemistry": world.lfp}, {})
    )
    for battery, producer in ((said, world.stranger), (unsaid, world.other_producer)):
        done = batteries.correct(actor=actor, battery=battery, reason="wrong label", model=world.lfp_pack)
        assert (done.model, done.producer, done.chemistry) == (world.lfp_pack, producer, world.lfp)


def test_a_chemistry_that_was_said_stays(world: World) -> None:
    actor = world.actor(world.yard_owner)
    battery = batteries.register(
        actor=actor, organization=world.yard_owner, model=world.lfp_pack, chemistry=world.nmc, identifiers=[serial()]
    )
    world.lfp_pack.pk, world.lfp_pack.code = None, "lfp-51"
    world.lfp_pack.save()
    done = batteries.correct(actor=actor, battery=battery, reason="wrong label", model=world.lfp_pack)
    assert done.chemistry == world.nmc
