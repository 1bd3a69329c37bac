"""Tokens and being locked out: what ends with them, and whose hand it takes."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from knox.models import AuthToken

from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Membership, Role, User
from accounts.services import memberships, tokens, users
from accounts.services.platform import PLATFORM_EMAIL, platform_actor
from tests.refusals import refused
from tests.world import World


def token_of(user: User) -> AuthToken:
    return tokens.create(actor=Actor.of(user))


def test_who_is_locked_out_has_no_tokens_and_gets_none(world: World) -> None:
    user = world.user(world.recycler)
    token_of(user)
    users.deactivate(actor=platform_actor(), user=user)
    assert not AuthToken.objects.exists()
    refused(Forbidden, tokens.create, actor=Actor.of(User.objects.get(pk=user.pk)))


def test_nobody_is_locked_out_or_let_in_twice(world: World) -> None:
    platform, user = platform_actor(), world.user(world.recycler)
    assert refused(Refused, users.activate, "user", actor=platform, user=user).code == "wrong_status"
    users.deactivate(actor=platform, user=user)
    assert refused(Refused, users.deactivate, "user", actor=platform, user=user).code == "wrong_status"
    refused(Forbidden, users.activate, actor=world.actor(world.recycler, Role.MANAGER), user=user)


def test_a_token_is_revoked_by_whose_it_is(world: World) -> None:
    token = token_of(world.user(world.recycler))
    refused(Forbidden, tokens.revoke, actor=world.actor(world.recycler, Role.MANAGER), token=token)
    refused(Forbidden, tokens.revoke, actor=platform_actor(), token=token)
    tokens.revoke(actor=world.actor(world.recycler), token=token)
    assert not AuthToken.objects.exists()


@pytest.mark.parametrize(("days", "is_right"), [(0, False), (1, True), (366, True), (367, False)])
def test_how_long_a_token_lives(world: World, days: int, is_right: bool) -> None:
    arguments: dict[str, Any] = {"actor": world.actor(world.recycler), "expires_in_days": days}
    if is_right:
        token = tokens.create(**arguments)
        assert (token.expiry - token.created).days in (days - 1, days)
    else:
        refused(Invalid, tokens.create, "expires_in_days", **arguments)


def test_only_ones_own_tokens_count_and_one_waits_for_the_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_TOKENS", 1)
    token_of(world.user(world.carrier))
    with CaptureQueriesContext(connection) as queries:
        token_of(world.user(world.recycler))
    assert any("FOR NO KEY UPDATE" in query["sql"] for query in queries)
    assert refused(Refused, tokens.create, actor=world.actor(world.recycler)).code == "too_many"


def test_the_platform_is_made_once_and_logs_in_never(db: None) -> None:
    assert platform_actor().user == platform_actor().user
    platform = User.objects.get(email=PLATFORM_EMAIL)
    assert platform.is_superuser and not platform.has_usable_password()


def test_a_role_is_changed_to_one_that_there_is(world: World) -> None:
    manager = world.actor(world.recycler, Role.MANAGER)
    viewer = Membership.objects.get(organization=world.recycler, role=Role.VIEWER)
    refused(Invalid, memberships.change_role, "role", actor=manager, membership=viewer, role="king")
    own = Membership.objects.get(organization=world.recycler, role=Role.MANAGER)
    memberships.change_role(actor=manager, membership=own, role="manager")  # nothing is lost by it
    memberships.remove(actor=world.actor(world.recycler), membership=member_of(world, Role.OPERATOR))


def member_of(world: World, role: Role) -> Membership:
    return Membership.objects.get(organization=world.recycler, role=role)


def test_who_is_no_manager_may_go_whoever_is_left(world: World) -> None:
    User.objects.filter(pk=world.user(world.recycler, Role.MANAGER).pk).update(is_active=False)
    memberships.remove(actor=world.actor(world.recycler), membership=member_of(world, Role.OPERATOR))
    assert not Membership.objects.filter(organization=world.recycler, role=Role.OPERATOR).exists()
