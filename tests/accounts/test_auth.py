"""Logging in and out: tokens, sessions, and what an answer must not tell."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.models import Role, User
from accounts.services import tokens
from tests.world import World

PASSWORD = "a long and lovely password"


@pytest.fixture
def user(world: World) -> User:
    user = world.user(world.recycler)
    user.set_password(PASSWORD)
    user.save()
    return user


def login(email: Any, password: Any = PASSWORD) -> Any:
    return APIClient().post("/api/v1/auth/login/", {"email": email, "password": password})


def with_token(text: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {text}")
    return client


def test_in_and_out(user: User) -> None:
    answer = login(f" {user.email.upper()} ")
    assert answer.status_code == 200, answer.content
    text = answer.json()["token"]
    assert not AuthToken.objects.filter(digest__contains=text).exists()
    api = with_token(text)
    me = api.get("/api/v1/me/").json()
    assert (me["email"], me["runs_platform"]) == (user.email, False)
    (membership,) = me["memberships"]
    assert (membership["organization_name"], membership["functions"], membership["role"]) == (
        "Recycler", ["recycler"], "operator",
    )  # fmt: skip
    assert api.post("/api/v1/auth/logout/").status_code == 204
    assert api.get("/api/v1/me/").status_code == 401


def test_a_failed_login_does_not_tell_why(user: User, world: World) -> None:
    inactive = world.user(world.producer)
    inactive.set_password(PASSWORD)
    inactive.is_active = False
    inactive.save()
    answers = [
        login(user.email, "wrong"), login("nobody@nowhere.example"), login(inactive.email),
        login(world.user(world.carrier).email, ""),
    ]  # fmt: skip
    told = [{k: v for k, v in a.json().items() if k != "request_id"} for a in answers[:3]]
    assert [a.status_code for a in answers] == [401, 401, 401, 400]
    assert told[0] == told[1] == told[2]
    assert not AuthToken.objects.exists()


@pytest.mark.parametrize("email", [None, 5, [], {}, "x" * 300, "a\x00b"])
def test_bad_input_to_the_login(user: User, email: Any) -> None:
    assert login(email).status_code in (400, 401)
    surrogate = b'{"email": "\\ud800", "password": "x"}'
    answer = APIClient().post("/api/v1/auth/login/", surrogate, content_type="application/json")
    assert answer.status_code in (400, 401)
    assert APIClient().post("/api/v1/auth/login/", []).status_code == 400


def test_logins_are_throttled_by_email_and_by_address(user: User) -> None:
    statuses = [
        APIClient().post(
            "/api/v1/auth/login/", {"email": user.email, "password": "x"}, REMOTE_ADDR=f"10.0.0.{n}",
            HTTP_X_FORWARDED_FOR=f"10.1.1.{n}",
        ).status_code
        for n in range(12)
    ]  # fmt: skip
    assert statuses == [401] * 10 + [429] * 2
    statuses = [
        APIClient()
        .post(
            "/api/v1/auth/login/",
            {"email": f"{n}@x.example", "password": "x"},
            REMOTE_ADDR="10.9.9.9",
            HTTP_X_FORWARDED_FOR=f"10.1.1.{n}",
        )
        .status_code
        for n in range(12)
    ]
    assert statuses == [401] * 10 + [429] * 2


def test_an_inactive_user_is_refused_with_a_token_that_was_good(user: User) -> None:
    api = with_token(login(user.email).json()["token"])
    assert api.get("/api/v1/me/").status_code == 200
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert api.get("/api/v1/me/").status_code == 401


def test_a_token_expires(user: User) -> None:
    api = with_token(login(user.email).json()["token"])
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert api.get("/api/v1/me/").status_code == 401


@pytest.mark.parametrize("text", ["", "x", "x y", "é", "0" * 500])
def test_no_token_at_all(db: None, text: str) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {text}".encode("latin-1"))
    answer = client.get("/api/v1/me/")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"


def test_tokens_are_ones_own(user: User, world: World) -> None:
    api = with_token(login(user.email).json()["token"])
    made = api.post("/api/v1/auth/tokens/", {"expires_in_days": 30})
    assert made.status_code == 201
    second = made.json()
    rows = api.get("/api/v1/auth/tokens/").json()
    assert [row["is_current"] for row in rows] == [False, True] and "token" not in rows[0]
    other = APIClient()
    other.force_authenticate(world.user(world.recycler, Role.MANAGER))
    assert other.get("/api/v1/auth/tokens/").json() == []
    assert other.delete(f"/api/v1/auth/tokens/{second['id']}/").status_code == 404
    assert api.delete(f"/api/v1/auth/tokens/{second['id']}/").status_code == 204
    assert with_token(second["token"]).get("/api/v1/me/").status_code == 401
    for days in (0, -1, 367, "x", 10**30):
        assert api.post("/api/v1/auth/tokens/", {"expires_in_days": days}).status_code == 400
    assert api.post("/api/v1/auth/logout-all/").status_code == 204
    assert not AuthToken.objects.exists()


def test_there_is_an_end_to_tokens(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_TOKENS", 2)
    assert [login(user.email).status_code for _ in range(3)] == [200, 200, 409]


def test_expired_tokens_do_not_count(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_TOKENS", 2)
    for _time in range(2):
        assert [login(user.email).status_code for _ in range(2)] == [200, 200]
        AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert AuthToken.objects.count() == 2  # the last two; those before are gone
    api = with_token(login(user.email).json()["token"])
    assert [row["is_current"] for row in api.get("/api/v1/auth/tokens/").json()] == [True]


def test_an_expired_token_is_not_there_though_it_is_stored(user: User) -> None:
    api = with_token(login(user.email).json()["token"])
    AuthToken.objects.create(user, expiry=timedelta(seconds=-1))
    assert len(api.get("/api/v1/auth/tokens/").json()) == 1
    forever, text = AuthToken.objects.create(user, expiry=None)
    assert with_token(text).get("/api/v1/me/").status_code == 200
    assert with_token(text[:15] + "0" * 49).get("/api/v1/me/").status_code == 401
    assert len(api.get("/api/v1/auth/tokens/").json()) == 2 and forever.expiry is None


def test_a_session_needs_the_csrf_token(user: User, world: World) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(user)
    assert browser.get("/api/v1/me/").status_code == 200
    refused = browser.post("/api/v1/auth/tokens/", {}, content_type="application/json")
    assert refused.status_code == 403 and not AuthToken.objects.exists()
    browser.get("/admin/")
    csrf = browser.get("/admin/knox/authtoken/add/").context["csrf_token"]
    answer = browser.post(
        "/api/v1/auth/tokens/", {}, content_type="application/json", headers={"X-CSRFToken": str(csrf)}
    )
    assert answer.status_code == 201


def test_a_token_in_the_admin(user: User, client: Client) -> None:
    client.force_login(user)
    page = client.post("/admin/knox/authtoken/add/", {"expires_in_days": 5}, follow=True).content.decode()
    token = AuthToken.objects.get()
    assert "note it now" in page and token.token_key in page
    client.post(f"/admin/knox/authtoken/{token.pk}/verb/revoke/")
    assert not AuthToken.objects.exists()


def test_staff_is_asked_of_the_database_once(user: User, django_assert_num_queries: Any) -> None:
    fresh = User.objects.get(pk=user.pk)
    with django_assert_num_queries(1):
        assert fresh.is_staff and fresh.is_staff
