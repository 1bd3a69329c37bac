"""Passwords: set by whose they are, who knew the one before or reads the mail of the account."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid
from accounts.models import Mail, Role, User
from accounts.services import passwords, tokens
from accounts.services.platform import PLATFORM_EMAIL, platform_actor
from tests.accounts import mailbox
from tests.refusals import refused, state
from tests.world import World

PASSWORD, OTHER = "a long and lovely password", "another long and lovely one"


@pytest.fixture
def user(world: World) -> User:
    user = world.user(world.recycler)
    user.set_password(PASSWORD)
    user.save()
    return user


def token_of(user: User) -> AuthToken:
    return tokens.create(actor=Actor.of(user))


def change(actor: Actor, user: User, old: str = PASSWORD, new: str = OTHER) -> User:
    return passwords.change_password(actor=actor, user=user, old_password=old, password=new)


def parts(link: str) -> dict[str, str]:
    _account, _password, key, token = link.strip("/").split("/")
    return {"key": key, "token": token}


def asked(user: User) -> dict[str, str]:
    passwords.ask_for_reset(email=user.email)
    return parts(mailbox.link(user.email))


def test_one_changes_ones_own_and_says_the_old_one(user: User, world: World) -> None:
    other = world.user(world.carrier)
    token_of(user), token_of(user), token_of(other)
    refused(Invalid, change, "old_password", actor=Actor.of(user), user=user, old="wrong")
    for weak in ("", "123", "password1", "operator@recycler.example"):
        refused(Invalid, change, "password", actor=Actor.of(user), user=user, new=weak)
    change(Actor.of(user), user)
    user.refresh_from_db()
    assert user.check_password(OTHER)
    assert [token.user for token in AuthToken.objects.all()] == [other]
    (told,) = mailbox.messages(user.email)
    assert told.subject == "Your password was changed" and OTHER not in str(told.body)


def test_nobody_sets_another_persons_password(user: User, world: World) -> None:
    """Neither managers nor the platform, and neither a first one."""
    root = User.objects.create_superuser("root@relode.example", PASSWORD, name="Root")
    unset = User.objects.create_user("new@person.example", None, name="New")
    for actor in (world.actor(world.recycler, Role.MANAGER), platform_actor(), Actor.of(root)):
        for target in (user, unset):
            refused(Forbidden, change, actor=actor, user=target)


def test_a_forgotten_password_is_set_by_a_link_that_is_good_once(user: User, world: World) -> None:
    token_of(user), token_of(world.user(world.carrier))
    link = asked(user)
    refused(Invalid, passwords.reset, "password", **link, password="123")
    passwords.reset(**link, password=OTHER)
    user.refresh_from_db()
    assert user.check_password(OTHER) and not AuthToken.objects.filter(user=user).exists()
    assert AuthToken.objects.count() == 1
    assert mailbox.messages(user.email)[-1].subject == "Your password was changed"
    refused(Invalid, passwords.reset, "token", **link, password=PASSWORD)


def test_a_link_ends(user: User, settings: Any) -> None:
    link = asked(user)
    settings.PASSWORD_RESET_TIMEOUT = -1
    refused(Invalid, passwords.reset, "token", **link, password=OTHER)
    settings.PASSWORD_RESET_TIMEOUT = 3600
    User.objects.filter(pk=user.pk).update(is_active=False)
    refused(Invalid, passwords.reset, "token", **link, password=OTHER)


@pytest.mark.parametrize(
    ("key", "token"), [("", ""), ("x", "y"), ("MQ", "a-b"), ("é", "é"), ("OTk5OTk5OTk5OTk5OTk5OTk5OTk5", "x")]
)
def test_a_link_that_was_not_made_here(user: User, client: Client, key: str, token: str) -> None:
    refused(Invalid, passwords.reset, "token", key=key, token=token, password=OTHER)
    assert client.get(f"/account/password/{key or '-'}/{token or '-'}/").status_code == 410
    body = {"key": key, "token": token, "password": OTHER}
    assert APIClient().post("/api/v1/auth/password/reset/", body).status_code == 400


def test_a_link_is_for_its_user_alone(user: User, world: World) -> None:
    link = asked(user)
    other = world.user(world.carrier)
    link["key"] = urlsafe_base64_encode(force_bytes(other.pk))
    refused(Invalid, passwords.reset, "token", **link, password=OTHER)
    assert not default_token_generator.check_token(other, link["token"])


def test_nothing_tells_who_is_known(user: User, world: World) -> None:
    """The same answer by the same statements; only the worker that sends mail looks for the user."""
    locked_out = world.user(world.carrier)
    User.objects.filter(pk=locked_out.pk).update(is_active=False)
    platform_actor()
    told = []
    for email in (user.email, "nobody@nowhere.example", locked_out.email, PLATFORM_EMAIL):
        with CaptureQueriesContext(connection) as queries:
            answer = APIClient().post("/api/v1/auth/password/forgotten/", {"email": email})
        told.append((answer.status_code, answer.content, len(queries)))
        page = Client().post("/account/password/", {"email": email}).content.decode()
        assert "If somebody here has this address" in page
    assert len(set(told)) == 1 and told[0][0] == 202
    assert {message.to[0] for message in mailbox.messages()} == {user.email}
    assert not Mail.objects.exists()


def test_links_are_mailed_a_few_times_only(user: User) -> None:
    ask = [APIClient().post("/api/v1/auth/password/forgotten/", {"email": user.email}) for _ in range(4)]
    ask += [Client().post("/account/password/", {"email": user.email.upper()}) for _ in range(2)]
    assert [answer.status_code for answer in ask] == [202] * 4 + [200, 429]
    assert Mail.objects.count() == 5


def test_through_the_api(user: User) -> None:
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user).plain}")
    address = "/api/v1/auth/password/"
    assert api.post(address, {"old_password": "x", "password": OTHER}).json()["errors"][0]["field"] == "old_password"
    assert api.post(address, {"old_password": PASSWORD, "password": OTHER}).status_code == 204
    assert api.get("/api/v1/me/").status_code == 401
    APIClient().post(address + "forgotten/", {"email": user.email})
    body = {**parts(mailbox.link(user.email)), "password": PASSWORD}
    assert APIClient().post(address + "reset/", body).status_code == 204
    assert APIClient().post(address + "reset/", body).status_code == 400
    assert APIClient().post("/api/v1/auth/login/", {"email": user.email, "password": PASSWORD}).status_code == 200


def test_the_old_password_is_not_guessed_with_a_stolen_token(user: User) -> None:
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {token_of(user).plain}")
    tries = [api.post("/api/v1/auth/password/", {"old_password": "x", "password": OTHER}) for _ in range(12)]
    assert [answer.status_code for answer in tries] == [400] * 10 + [429] * 2


@pytest.mark.parametrize("through", ["admin", "api"])
def test_other_sessions_end_and_this_one_goes_on(user: User, through: str) -> None:
    here, there = Client(), Client()
    for browser in (here, there):
        browser.force_login(user)
        assert browser.get("/admin/").status_code == 200
    if through == "admin":
        page = here.get("/admin/password_change/")
        assert page["Location"] == f"/admin/accounts/user/{user.pk}/verb/change-password/"
        form = {"old_password": PASSWORD, "password": OTHER, "again": OTHER}
        before = state()
        assert here.post(page["Location"], form | {"again": "x"}).status_code == 200
        assert here.post(page["Location"], form | {"old_password": "x"}).status_code == 400
        assert state() == before
        assert here.post(page["Location"], form).status_code == 302
    else:
        body = {"old_password": PASSWORD, "password": OTHER}
        assert here.post("/api/v1/auth/password/", body, content_type="application/json").status_code == 204
    assert here.get("/admin/").status_code == 200
    assert there.get("/admin/").status_code == 302


def test_on_the_pages(user: User, client: Client) -> None:
    there = Client()
    there.force_login(user)
    client.post("/account/password/", {"email": user.email})
    address = mailbox.link(user.email)
    assert user.email in client.get(address).content.decode()
    assert client.post(address, {"password": OTHER, "again": "x"}).status_code == 400
    assert client.post(address, {"password": "123", "again": "123"}).status_code == 400
    assert client.post(address, {"password": OTHER, "again": OTHER})["Location"] == "/admin/login/"
    assert client.get(address).status_code == 410
    assert there.get("/admin/").status_code == 302
    assert client.post("/admin/login/", {"login": user.email, "password": OTHER})["Location"] == "/admin/"
