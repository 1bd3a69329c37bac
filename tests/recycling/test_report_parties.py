"""Every verb of reports, market placements and utilization, for every organization that there is.

A table names who may, and with which role at least; every other organization may not, not even its managers: the
producer and another one, who runs plants and yards, and the regulators of the place, of its country, and of elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from accounts.actors import Actor
from accounts.errors import Forbidden
from accounts.models import Function, Membership, Organization, Role, User
from collection.models import Jurisdiction, Mandate
from recycling.models import EprReport
from recycling.services import placements, reports, utilization
from tests.recycling.filing import YEAR, asked, declared, drafted, filed, scheme, shared_batch
from tests.refusals import state
from tests.world import World

PARTIES = (
    "yard_owner", "collector", "carrier", "recycler", "refiner", "producer", "other_producer", "regulator", "federal",
    "stranger", "jersey", "canada",
)  # fmt: skip

#: Regulators beside Nevada's and the federal one of the United States.
REGULATORS = {"jersey": "US-NJ", "canada": "CA"}

type Act = Callable[[World, Actor, Any], Any]


@dataclass(frozen=True)
class Verb:
    """Who may do it, to which record, and how."""

    may: set[str]
    record: Callable[[World], Any]
    act: Act
    role: Role = Role.OPERATOR


def of_shared_batch(make: Callable[[World], EprReport]) -> Callable[[World], EprReport]:
    """A report on batteries that others had in their hands, too."""

    def made(w: World) -> EprReport:
        shared_batch(w)
        return make(w)

    return made


PRODUCER, OVERSEERS = {"producer"}, {"regulator", "federal"}

VERBS = {
    "report: request": Verb(
        PRODUCER, lambda w: scheme("eu_reference"),
        lambda w, a, r: reports.request(
            actor=a, scheme=r, producer=w.producer, jurisdiction=w.nv, period_start=YEAR[0], period_end=YEAR[1]
        ),
    ),
    "report: recompute": Verb(PRODUCER, drafted, lambda w, a, r: reports.recompute(actor=a, report=r)),
    "report: submit": Verb(
        PRODUCER, of_shared_batch(drafted), lambda w, a, r: reports.submit(actor=a, report=r), Role.MANAGER
    ),
    "report: accept": Verb(
        OVERSEERS, of_shared_batch(filed), lambda w, a, r: reports.accept(actor=a, report=r), Role.MANAGER
    ),
    "report: return": Verb(
        OVERSEERS, filed, lambda w, a, r: reports.return_(actor=a, report=r, note="Incomplete."), Role.MANAGER
    ),
    "report: correct": Verb(PRODUCER, filed, lambda w, a, r: reports.correct(actor=a, report=r)),
    "report: withdraw": Verb(PRODUCER, drafted, lambda w, a, r: reports.withdraw(actor=a, report=r)),
    "placement: declare": Verb(
        PRODUCER, lambda w: None,
        lambda w, a, r: placements.declare(
            actor=a, producer=w.producer, jurisdiction=w.nv, period_start=date(2025, 1, 1),
            period_end=date(2025, 3, 31), units=1, source_key="k",
        ),
    ),
    "placement: correct": Verb(
        PRODUCER, lambda w: declared(w, "q1", jurisdiction=w.nv),
        lambda w, a, r: placements.correct(actor=a, placement=r, units=1, mass_kg=Decimal(1)),
    ),
    "utilization: request": Verb(
        {"recycler", "refiner", "stranger", "regulator", "federal", "jersey", "canada"}, lambda w: None,
        lambda w, a, r: utilization.request(actor=a, from_day=date(2025, 1, 1), to_day=date(2025, 1, 2)),
    ),
}  # fmt: skip


def member(of: Organization, role: Role) -> Actor:
    user = User.objects.create(email=f"{role}@{of.pk}.example", name=of.name)
    Membership.objects.create(user=user, organization=of, role=role)
    return Actor.of(user)


def overseer(name: str) -> Organization:
    made = Organization.objects.create(name=name, functions=[Function.REGULATOR])
    Mandate.objects.create(organization=made, jurisdiction=Jurisdiction.objects.get(pk=REGULATORS[name]))
    return made


def forbids(act: Callable[[], Any]) -> bool:
    try:
        act()
    except Forbidden:
        return True
    return False


@pytest.mark.parametrize("name", VERBS)
def test_who_of_all_parties_may(world: World, name: str) -> None:
    verb = VERBS[name]
    record = verb.record(world)
    smaller = list(Role)[verb.role.rank - 1]
    others = {party: overseer(party) for party in REGULATORS}
    actors = {
        (party, role): member(others[party], role) if party in others else world.actor(getattr(world, party), role)
        for party in PARTIES
        for role in {verb.role, smaller, Role.MANAGER}
    }
    before = state("recycling")
    for party in PARTIES:
        actor = actors[party, smaller if party in verb.may else Role.MANAGER]
        assert forbids(lambda actor=actor: verb.act(world, actor, record)), party
    assert state("recycling") == before
    for party in verb.may:
        with transaction.atomic():
            verb.act(world, actors[party, verb.role], record)
            transaction.set_rollback(True)


def test_one_who_is_no_producer_any_more_asks_for_nothing(world: World) -> None:
    report = drafted(world)
    world.producer.functions = [Function.RECYCLER]
    world.producer.save()
    assert forbids(lambda: asked(world, report.scheme, jurisdiction=world.nj))
    assert forbids(lambda: declared(world, "q1"))


def test_one_who_is_no_regulator_any_more_decides_nothing(world: World) -> None:
    report = filed(world)
    world.regulator.functions = []
    world.regulator.save()
    actor = world.actor(world.regulator, Role.MANAGER)
    assert forbids(lambda: reports.accept(actor=actor, report=report))
    assert forbids(lambda: reports.return_(actor=actor, report=report, note="x"))


def test_who_belongs_to_a_recycler_asks_in_its_name_only(world: World) -> None:
    """An operator of some organization who only looks on at a recycler asks for no utilization."""
    user = world.user(world.producer)
    Membership.objects.create(user=user, organization=world.recycler, role=Role.VIEWER)
    assert forbids(
        lambda: utilization.request(actor=Actor.of(user), from_day=date(2025, 1, 1), to_day=date(2025, 1, 2))
    )
