"""The second factor: asked for where there is one, and required where an organization says so."""

from __future__ import annotations

import time
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.test import Client
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.actors import Actor
from accounts.errors import Forbidden, Refused
from accounts.models import Organization, Role, User
from accounts.services import second_factors, tokens, users
from accounts.services.platform import platform_actor
from tests.accounts import mailbox
from tests.refusals import refused
from tests.world import World

PASSWORD = "a long and lovely password"


@pytest.fixture
def user(world: World) -> User:
    user = world.user(world.recycler)
    user.set_password(PASSWORD)
    user.save()
    return user


def code_of(secret: str) -> str:
    """What the app on the phone shows now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def app_of(user: User) -> str:
    """Give the user an authenticator app. Returns its secret."""
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    return secret


def strict(organization: Organization) -> None:
    Organization.objects.filter(pk=organization.pk).update(requires_second_factor=True)


def ask_for_token(user: User, **more: str) -> Any:
    return APIClient().post("/api/v1/auth/login/", {"email": user.email, "password": PASSWORD, **more})


def fault(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["code"]


def test_a_token_takes_the_code_too(user: User) -> None:
    secret = app_of(user)
    assert fault(ask_for_token(user)) == (401, "second_factor")
    assert fault(ask_for_token(user, code="000000" if code_of(secret) != "000000" else "111111")) == (401, "wrong_code")
    assert not AuthToken.objects.exists()
    code = code_of(secret)
    assert ask_for_token(user, code=code).status_code == 200
    assert fault(ask_for_token(user, code=code)) == (401, "wrong_code")  # good once


def test_a_recovery_code_stands_in_for_it_once(user: User) -> None:
    app_of(user)
    code = RecoveryCodes.activate(user).get_unused_codes()[0]
    assert ask_for_token(user, code=code).status_code == 200
    assert fault(ask_for_token(user, code=code)) == (401, "wrong_code")


def test_codes_are_not_guessed(user: User) -> None:
    secret = app_of(user)
    for _try in range(5):
        ask_for_token(user, code="x")
    assert fault(ask_for_token(user, code=code_of(secret))) == (401, "wrong_code")
    assert not AuthToken.objects.exists()


def test_the_admin_asks_for_the_code(user: User) -> None:
    secret = app_of(user)
    browser = Client()
    answer = browser.post("/admin/login/", {"login": user.email, "password": PASSWORD})
    assert answer["Location"] == "/account/second-factor/authenticate/"
    assert browser.get("/admin/").status_code == 302  # not in yet
    page = answer["Location"]
    assert "Two-Factor" in browser.get(page).content.decode()
    browser.post(page, {"code": "x"})
    assert browser.get("/admin/").status_code == 302
    assert browser.post(page, {"code": code_of(secret)})["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200


def test_codes_are_not_tried_while_nobody_counts(user: User, settings: Any) -> None:
    secret = app_of(user)
    browser = Client()
    page = browser.post("/admin/login/", {"login": user.email, "password": PASSWORD})["Location"]
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    assert browser.post(page, {"code": code_of(secret)}).status_code == 503
    assert browser.get("/admin/").status_code == 302


def test_members_are_led_to_set_one_up(user: User, world: World, django_capture_on_commit_callbacks: Any) -> None:
    browser = Client()
    browser.post("/admin/login/", {"login": user.email, "password": PASSWORD})
    assert browser.get("/admin/").status_code == 200
    token = tokens.create(actor=Actor.of(user))
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION=f"Token {token.plain}")
    assert api.get("/api/v1/me/").status_code == 200

    strict(world.recycler)
    for path in ("/admin/", "/admin/accounts/user/", "/admin/knox/authtoken/add/"):
        assert browser.get(path)["Location"] == "/account/second-factor/", path
    assert fault(api.get("/api/v1/me/")) == (403, "second_factor_required")
    assert fault(browser.get("/api/v1/me/")) == (403, "second_factor_required")
    assert fault(ask_for_token(user)) == (403, "second_factor_required")
    refused(Forbidden, tokens.create, actor=Actor.of(user))

    setup = "/account/second-factor/totp/activate/"
    asked = browser.get(setup)
    assert asked["Location"].startswith("/account/confirm/")
    assert browser.post(asked["Location"], {"password": "x"}).status_code == 200
    assert browser.get(setup).status_code == 302  # the password is asked for first
    assert browser.post(asked["Location"], {"password": PASSWORD})["Location"] == setup
    secret = browser.get(setup).context["form"].secret
    with django_capture_on_commit_callbacks(execute=True):
        browser.post(setup, {"code": code_of(secret)})
    assert browser.get("/admin/").status_code == 200
    assert api.get("/api/v1/me/").status_code == 200 and browser.get("/api/v1/me/").status_code == 200
    assert "Authenticator" in mailbox.messages(user.email)[-1].subject

    Authenticator.objects.filter(type="totp").delete()  # recovery codes alone are no factor
    assert browser.get("/admin/").status_code == 302


def test_others_are_left_alone(user: User, world: World) -> None:
    strict(world.carrier)
    assert ask_for_token(user).status_code == 200
    assert not second_factors.lacks(user) and second_factors.lacks(world.user(world.carrier))


def test_managers_require_it(world: World) -> None:
    for actor in (world.actor(world.recycler), world.actor(world.carrier, Role.MANAGER)):
        refused(Forbidden, second_factors.require_second_factor, actor=actor, organization=world.recycler)
    manager = world.actor(world.recycler, Role.MANAGER)
    second_factors.require_second_factor(actor=manager, organization=world.recycler)
    refused(Refused, second_factors.require_second_factor, actor=manager, organization=world.recycler)
    assert second_factors.lacks(manager.user)
    second_factors.waive_second_factor(actor=manager, organization=world.recycler)
    assert not second_factors.lacks(manager.user)


def test_the_platform_takes_a_lost_one_away(user: User, world: World) -> None:
    app_of(user)
    refused(Forbidden, users.remove_second_factor, actor=world.actor(world.recycler, Role.MANAGER), user=user)
    refused(Forbidden, users.remove_second_factor, actor=Actor.of(user), user=user)
    users.remove_second_factor(actor=platform_actor(), user=user)
    assert ask_for_token(user).status_code == 200
    assert "removed" in mailbox.messages(user.email)[-1].subject


def test_the_operators_still_keep_organizations(world: World, client: Client) -> None:
    client.force_login(User.objects.create_superuser("root@relode.example", None, name="Root"))
    form = {"name": "Made", "functions": "recycler", "memberships-TOTAL_FORMS": 0, "memberships-INITIAL_FORMS": 0}
    assert client.get("/admin/accounts/organization/add/").status_code == 200
    assert client.post("/admin/accounts/organization/add/", form).status_code == 302
    made = Organization.objects.get(name="Made")
    address = f"/admin/accounts/organization/{made.pk}/change/"
    assert client.post(address, form | {"name": "Renamed"}).status_code == 302
    assert Organization.objects.get(pk=made.pk).name == "Renamed"
