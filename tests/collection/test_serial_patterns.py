"""A producer says how it numbers what it makes: ground for its credit, in advance."""

from __future__ import annotations

import pytest
from django.db import Error, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import Battery, Ground, Identifier, SerialPattern
from collection.services import batteries, claim_contests, serial_patterns
from collection.services.identifiers import NewIdentifier
from tests.refusals import refused
from tests.world import World, ago, claimed_at

MANAGER = Role.MANAGER


def filed(w: World, pattern: str = "SN-0*", scheme: str = "oem_serial") -> SerialPattern:
    return serial_patterns.file(actor=w.actor(w.producer, MANAGER), producer=w.producer, scheme=scheme, pattern=pattern)


def registered(w: World, value: str, scheme: str = "oem_serial", **fields: object) -> Battery:
    (made,) = batteries.register_many(
        actor=w.actor(w.yard_owner), organization=w.yard_owner, facility=w.yard, occurred_at=ago(days=3),
        batteries=[
            batteries.NewBattery(identifiers=[NewIdentifier(scheme, value)], **{"model": w.nmc_pack, **fields})  # type: ignore[arg-type]
        ],
    )  # fmt: skip
    return made


def ground(battery: Battery) -> str:
    return Battery.objects.get(pk=battery.pk).producer_ground


def test_what_fits_is_confirmed_however_it_is_written(world: World) -> None:
    filed(world, "ab-1?*")
    fits = [registered(world, value) for value in ("AB-1X", "ab 12-99", "AB1234")]
    others = [registered(world, value) for value in ("AB-1", "XAB-12", "AB-22")]
    of_another = registered(world, "AB-19", model=world.lfp_pack)
    in_another_scheme = registered(world, "AB-18", "internal")
    assert [b.producer_ground for b in fits] == [Ground.SERIAL_PATTERN] * 3 == [ground(b) for b in fits]
    assert {ground(b) for b in (*others, of_another, in_another_scheme)} == {Ground.CLAIMED}


def test_filing_confirms_what_waits_but_not_what_is_contested(world: World) -> None:
    waiting, disputed = claimed_at(world, world.yard, 2)
    claim_contests.contest_claims(
        actor=world.actor(world.producer, MANAGER), organization=world.producer, batteries=[disputed.pk], statement="no"
    )
    filed(world)
    assert (ground(waiting), ground(disputed)) == (Ground.SERIAL_PATTERN, Ground.CLAIMED)


def test_a_pattern_that_fits_too_much_is_contested(world: World) -> None:
    filed(world)
    (battery,) = claimed_at(world, world.yard)
    assert ground(battery) == Ground.SERIAL_PATTERN
    claim_contests.contest_claims(
        actor=world.actor(world.producer, MANAGER),
        organization=world.producer,
        batteries=[battery.pk],
        statement="fake",
    )
    assert ground(battery) == Ground.CLAIMED
    batteries.identify(actor=world.actor(world.yard_owner), battery=battery, scheme="oem_serial", value="SN-0X")
    assert ground(battery) == Ground.CLAIMED, "what is contested is confirmed by nothing but a word"


def test_a_number_or_a_producer_that_is_named_later_confirms(world: World) -> None:
    filed(world)
    late = registered(world, "12", "internal")
    corrected = registered(world, "SN-077", model=world.lfp_pack)
    owner = world.actor(world.yard_owner)
    batteries.identify(actor=owner, battery=late, scheme="oem_serial", value="SN-078")
    batteries.correct(actor=owner, battery=corrected, reason="label", producer=world.producer)
    assert {ground(late), ground(corrected)} == {Ground.SERIAL_PATTERN}


def test_an_ended_pattern_confirms_nothing_new(world: World) -> None:
    pattern = filed(world)
    (before,) = claimed_at(world, world.yard)
    manager = world.actor(world.producer, MANAGER)
    serial_patterns.end(actor=manager, pattern=pattern, reason="new numbers")
    (after,) = claimed_at(world, world.yard)
    assert (ground(before), ground(after)) == (Ground.SERIAL_PATTERN, Ground.CLAIMED)
    refused(Refused, serial_patterns.end, "pattern", actor=manager, pattern=pattern, reason="again")
    filed(world)  # it may be filed anew


@pytest.mark.parametrize("pattern", ["", "*", "AB", "AB*", "?BC", "A*C1", "A%C1", "A_C1", "ABC\\", "ÄBC", "A" * 101])
def test_a_pattern_begins_with_what_stands_for_itself(world: World, pattern: str) -> None:
    refused(
        Invalid, serial_patterns.file, "pattern", actor=world.actor(world.producer, MANAGER), producer=world.producer,
        scheme="oem_serial", pattern=pattern,
    )  # fmt: skip


def test_who_files_and_what_stands_once(world: World) -> None:
    w = world
    pattern = filed(w)
    file = {"producer": w.producer, "scheme": "oem_serial", "pattern": "s n0*"}
    refused(Refused, serial_patterns.file, "pattern", actor=w.actor(w.producer, MANAGER), **file)
    refused(Invalid, serial_patterns.file, "scheme", actor=w.actor(w.producer, MANAGER), **file | {"scheme": "nothing"})
    for actor in (w.actor(w.producer), w.actor(w.other_producer, MANAGER), w.actor(w.regulator, MANAGER)):
        refused(Forbidden, serial_patterns.file, actor=actor, **file | {"pattern": "ABC*"})
        refused(Forbidden, serial_patterns.end, actor=actor, pattern=pattern, reason="me")
    yard = {"producer": w.yard_owner, "pattern": "ABC*"}
    refused(Forbidden, serial_patterns.file, actor=w.actor(w.yard_owner, MANAGER), **file | yard)
    seen_by = {
        organization
        for organization in (w.producer, w.other_producer, w.regulator, w.federal, w.yard_owner, w.recycler, w.stranger)
        if SerialPattern.objects.visible_to(w.user(organization)).exists()
    }
    assert seen_by == {w.producer, w.regulator, w.federal}


@pytest.mark.parametrize(
    "change", [{"pattern": "*"}, {"scheme": "x"}, {"ended_at": timezone.now()}, {"reason": "x"}, {"pattern": "XYZ*"}]
)
def test_the_database_keeps_patterns_as_they_were_filed(world: World, change: dict[str, object]) -> None:
    pattern = filed(world)
    with pytest.raises(Error), transaction.atomic():
        SerialPattern.objects.filter(pk=pattern.pk).update(**change)
    with pytest.raises(Error), transaction.atomic():
        SerialPattern.objects.create(
            producer=pattern.producer, scheme=pattern.scheme, pattern=pattern.pattern, filed_by=pattern.filed_by
        )
    assert SerialPattern.objects.get().pattern == "SN0*"


def fits(value: str, pattern: str) -> bool:
    """Independently of the database: whether `value` fits, one character after the other."""
    if not pattern:
        return not value
    if pattern[0] == "*":
        return any(fits(value[n:], pattern[1:]) for n in range(len(value) + 1))
    return bool(value) and pattern[0] in ("?", value[0]) and fits(value[1:], pattern[1:])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.text("AB12", max_size=6).map(lambda rest: f"SN1{rest}"),
    pattern=st.text("AB12?*", max_size=5).map(lambda rest: f"SN1{rest}"),
)
def test_patterns_fit_as_they_are_read(world: World, value: str, pattern: str) -> None:
    battery = registered(world, value)
    try:
        filed(world, pattern)
        assert (ground(battery) == Ground.SERIAL_PATTERN) is fits(value, pattern)
    finally:
        SerialPattern.objects.all().delete()
        Identifier.objects.filter(battery=battery).delete()
