"""What a declared verb does by itself: which statuses it moves from, and that nothing is left of one that fails."""

from __future__ import annotations

import pytest

from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Organization, User
from accounts.verbs import verb
from collection.models import Pickup, PickupStatus

ACTOR = Actor(User(pk=1, email="p@b.example", is_superuser=True), ())
MOVES = [(PickupStatus.REQUESTED, PickupStatus.SCHEDULED), (PickupStatus.SCHEDULED, PickupStatus.COLLECTED)]


@verb(lambda pickup: pickup, requires=lambda actor, record: None, to=PickupStatus.COLLECTED, moves=MOVES)
def collect(*, actor: Actor, pickup: Pickup) -> str:
    return "collected"


@verb(requires=lambda actor, record: None)
def found(*, actor: Actor, name: str) -> None:
    Organization.objects.create(name=name)
    raise Invalid("no", field="name")


def test_a_move_starts_where_the_moves_lead_from(db: None) -> None:
    assert collect.when == (PickupStatus.SCHEDULED,)
    assert collect(actor=ACTOR, pickup=Pickup(pk=7, status=PickupStatus.SCHEDULED)) == "collected"
    for status in set(PickupStatus) - {PickupStatus.SCHEDULED}:
        with pytest.raises(Refused) as raised:
            collect(actor=ACTOR, pickup=Pickup(pk=7, status=status))
        assert (raised.value.code, raised.value.field) == ("wrong_status", "pickup")


def test_nothing_is_left_of_a_verb_that_failed(db: None) -> None:
    with pytest.raises(Invalid):
        found(actor=ACTOR, name="half")
    assert not Organization.objects.exists()
