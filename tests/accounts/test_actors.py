"""Who may: by role, by function, by organization, and not at all once locked out. Nothing of it needs a database."""

from __future__ import annotations

import pytest

from accounts.actors import Actor
from accounts.errors import Forbidden
from accounts.models import Function, Membership, Organization, Role, User

YARD = Organization(pk=1, name="Yard", functions=[Function.COLLECTOR])
PLANT = Organization(pk=2, name="Plant", functions=[Function.RECYCLER])


def member(role: Role, organization: Organization = YARD, **user: bool) -> Actor:
    someone = User(pk=1, email="a@b.example", **user)
    return Actor(someone, (Membership(user=someone, organization=organization, role=role),))


@pytest.mark.parametrize("role", Role)
def test_a_role_has_all_that_is_smaller(role: Role) -> None:
    assert [member(role).may(YARD, role=wanted) for wanted in Role] == [wanted.rank <= role.rank for wanted in Role]


def test_an_operator_is_wanted_unless_said_otherwise() -> None:
    assert member(Role.OPERATOR).may(YARD) and not member(Role.VIEWER).may(YARD)


def test_one_may_in_ones_own_organization() -> None:
    manager = member(Role.MANAGER)
    assert not manager.may(PLANT) and not manager.may() and not manager.may(None)
    assert manager.may(None, PLANT, YARD)  # one of them is enough


def test_the_organization_has_the_function() -> None:
    manager = member(Role.MANAGER)
    assert manager.may(YARD, function=Function.COLLECTOR) and not manager.may(YARD, function=Function.RECYCLER)


def test_the_function_is_that_of_the_organization_where_one_has_the_role() -> None:
    """Not that of another in which one only looks."""
    user = User(pk=1, email="a@b.example")
    roles = ((YARD, Role.MANAGER), (PLANT, Role.VIEWER))
    both = Actor(user, tuple(Membership(user=user, organization=o, role=role) for o, role in roles))
    assert not both.may(YARD, PLANT, function=Function.RECYCLER)
    assert both.organization_for([None, PLANT, YARD]) == YARD
    assert both.organization_for([PLANT, YARD], role=Role.VIEWER) == PLANT
    assert both.organization_for([PLANT]) is None


@pytest.mark.parametrize("runs_platform", [False, True])
def test_who_is_locked_out_may_nothing(runs_platform: bool) -> None:
    locked = member(Role.MANAGER, is_active=False, is_superuser=runs_platform)
    assert not locked.may(YARD, role=Role.VIEWER)
    with pytest.raises(Forbidden):
        locked.require_platform()


def test_the_platform_may_everything_and_nobody_else_what_is_its_own() -> None:
    platform = Actor(User(pk=2, email="p@b.example", is_superuser=True), ())
    assert platform.may(YARD, role=Role.MANAGER, function=Function.REGULATOR)
    platform.require_platform()
    with pytest.raises(Forbidden):
        member(Role.MANAGER).require_platform()


def test_a_refusal_says_what_it_would_take() -> None:
    with pytest.raises(Forbidden, match="the role manager in: Plant, Yard"):
        member(Role.OPERATOR).require(YARD, PLANT, None, role=Role.MANAGER)
    with pytest.raises(Forbidden, match="the role operator in a recycler organization: Yard"):
        member(Role.OPERATOR).require(YARD, function=Function.RECYCLER)
    with pytest.raises(Forbidden, match="nobody"):
        member(Role.OPERATOR).require(None)
