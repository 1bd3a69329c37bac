"""Logging in to the admin: counted as at the API, and closed while nobody counts."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import Organization, User
from tests.refusals import state
from tests.world import World

PASSWORD = "a long and lovely password"
NOBODY_LISTENS = "redis://127.0.0.1:1/0"


@pytest.fixture
def user(world: World) -> User:
    user = world.user(world.recycler)
    user.set_password(PASSWORD)
    user.save()
    return user


def log_in(email: str, password: str = PASSWORD, **options: Any) -> Any:
    return Client().post("/admin/login/?next=/admin/accounts/user/", {"login": email, "password": password}, **options)


def is_in(answer: Any) -> bool:
    return bool(answer.status_code == 302 and answer["Location"] == "/admin/accounts/user/")


def test_in_and_out(user: User) -> None:
    browser = Client()
    assert browser.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    answer = browser.post("/admin/login/", {"login": user.email.upper(), "password": PASSWORD})
    assert answer["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200
    browser.post("/admin/logout/")
    assert browser.get("/admin/").status_code == 302


def test_a_failed_log_in_does_not_tell_why(user: User, world: World) -> None:
    locked_out = world.user(world.carrier)
    locked_out.set_password(PASSWORD)
    locked_out.is_active = False
    locked_out.save()
    for email, password in ((user.email, "x"), ("nobody@nowhere.example", PASSWORD), (locked_out.email, PASSWORD)):
        assert "Email and password do not match." in log_in(email, password).content.decode()


def test_tries_are_counted_by_account_wherever_they_come_from(user: User) -> None:
    """40 wrong guesses passed."""
    for number in range(10):
        assert "do not match" in log_in(user.email, "x", REMOTE_ADDR=f"10.0.0.{number}").content.decode()
    assert "Too many tries" in log_in(user.email, REMOTE_ADDR="10.0.0.99").content.decode()
    answer = APIClient().post("/api/v1/auth/login/", {"email": user.email, "password": PASSWORD})
    assert answer.status_code == 429  # one count for both doors


def test_tries_are_counted_by_address_whomever_they_are_for(user: User) -> None:
    for number in range(10):
        log_in(f"{number}@x.example", "x", REMOTE_ADDR="10.9.9.9")
    assert not is_in(log_in(user.email, REMOTE_ADDR="10.9.9.9"))
    assert is_in(log_in(user.email, REMOTE_ADDR="10.9.9.8"))


def test_nobody_logs_in_while_nobody_counts(user: User, settings: Any) -> None:
    settings.REDIS_URL = NOBODY_LISTENS
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": NOBODY_LISTENS}}
    before = state()
    answer = log_in(user.email)
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert Client().post("/account/password/", {"email": user.email}).status_code == 503
    assert state() == before


def test_who_is_no_member_is_told_so(world: World) -> None:
    stranger = User.objects.create_user("new@person.example", PASSWORD, name="New")
    Organization.objects.create(name="Idle")
    browser = Client()
    browser.force_login(stranger)
    page = browser.get("/admin/", follow=True)
    assert "who is no member of an organization here" in page.content.decode()


@pytest.mark.parametrize("address", ["//evil.example/", "https://evil.example/", "javascript:alert(1)"])
def test_the_log_in_leads_to_nobody_elses_site(user: User, address: str) -> None:
    answer = Client().post("/admin/login/", {"login": user.email, "password": PASSWORD, "next": address})
    assert answer["Location"] == "/admin/"


def test_nobody_signs_up(db: None) -> None:
    for path in ("/account/signup/", "/accounts/signup/", "/account/email/"):
        assert Client().get(path).status_code == 404
