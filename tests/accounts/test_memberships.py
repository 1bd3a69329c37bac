"""Who works for whom: managers decide, and an organization is never without one."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from rest_framework.test import APIClient

from accounts.actors import Actor
from accounts.errors import Forbidden, Refused
from accounts.models import Mail, Membership, Organization, Role, User
from accounts.services import memberships, users
from tests.refusals import refused
from tests.world import World, build

PASSWORD = "a long and lovely password"


def manager(world: World) -> Actor:
    return world.actor(world.recycler, Role.MANAGER)


def membership(world: World, role: str, organization: Organization | None = None) -> Membership:
    return Membership.objects.get(organization=organization or world.recycler, role=role)


def test_a_manager_changes_and_removes(world: World) -> None:
    viewer = membership(world, Role.VIEWER)
    assert memberships.change_role(actor=manager(world), membership=viewer, role="manager").role == "manager"
    memberships.remove(actor=manager(world), membership=viewer)
    refused(Refused, memberships.remove, actor=manager(world), membership=viewer)
    assert not Membership.objects.filter(pk=viewer.pk).exists()


def test_the_last_manager_stays(world: World) -> None:
    own = membership(world, Role.MANAGER)
    refused(Refused, memberships.remove, "role", actor=manager(world), membership=own)
    refused(Refused, memberships.change_role, "role", actor=manager(world), membership=own, role="viewer")
    other = memberships.change_role(actor=manager(world), membership=membership(world, Role.OPERATOR), role="manager")
    User.objects.filter(pk=other.user_id).update(is_active=False)  # who cannot log in does not count
    refused(Refused, memberships.remove, "role", actor=manager(world), membership=own)
    User.objects.filter(pk=other.user_id).update(is_active=True)
    memberships.remove(actor=manager(world), membership=own)


def test_who_may_not(world: World) -> None:
    viewer = membership(world, Role.VIEWER)
    for actor in (world.actor(world.recycler), world.actor(world.carrier, Role.MANAGER)):
        refused(Forbidden, memberships.change_role, actor=actor, membership=viewer, role="manager")
        refused(Forbidden, memberships.remove, actor=actor, membership=viewer)
    memberships.remove(actor=world.actor(world.recycler, Role.VIEWER), membership=viewer)  # one may leave


@pytest.mark.django_db(transaction=True)
def test_two_managers_cannot_remove_each_other(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    world = build()
    asked = memberships._require_another_manager

    def asked_slowly(one: Membership) -> None:
        asked(one)
        time.sleep(0.2)  # so that whoever does not wait asks meanwhile

    monkeypatch.setattr(memberships, "_require_another_manager", asked_slowly)
    first = membership(world, Role.MANAGER)
    second = memberships.change_role(actor=manager(world), membership=membership(world, Role.OPERATOR), role="manager")
    start = threading.Barrier(2)
    outcomes: list[str] = []

    def remove(by: Membership, whom: Membership) -> None:
        try:
            actor = Actor.of(by.user)
            start.wait()
            memberships.remove(actor=actor, membership=whom)
            outcomes.append("removed")
        except Refused as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=remove, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["last_manager", "removed"]


def test_the_platform_registers_and_locks_out(world: World) -> None:
    platform = Actor.of(User.objects.create_superuser("root@relode.example", PASSWORD, name="Root"))
    refused(Forbidden, users.register, actor=manager(world), email="a@b.example", name="A")
    user = users.register(actor=platform, email=" A@B.example ", name="A")
    assert Mail.objects.get().recipient == "a@b.example" and not user.has_usable_password()
    refused(Refused, users.register, "email", actor=platform, email="a@b.example", name="A")
    refused(Forbidden, users.deactivate, actor=manager(world), user=user)
    refused(Refused, users.deactivate, "user", actor=platform, user=platform.user)
    assert not users.deactivate(actor=platform, user=user).is_active
    assert users.activate(actor=platform, user=user).is_active


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE accounts_user SET email = upper(email)",
        "UPDATE accounts_user SET email = 'same@x.example'",
        "UPDATE accounts_membership SET role = 'king'",
        "INSERT INTO accounts_mail (kind, recipient, language, about, due_at, tries) VALUES ('x', '', '', '{}', now(), 0)",
        "UPDATE accounts_organization SET functions = '{wizard}'",
        "UPDATE accounts_organization SET name = 'same'",
        (
            "INSERT INTO accounts_membership (user_id, organization_id, role)"
            " SELECT user_id, organization_id, 'viewer' FROM accounts_membership"
        ),
        (
            "INSERT INTO accounts_command (user_id, key, fingerprint, created_at)"
            " SELECT user_id, 'k', '', now() FROM accounts_membership, generate_series(1, 2)"
        ),
    ],
)
def test_the_database_refuses(world: World, sql: str) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


def test_through_the_api(world: World) -> None:
    api = APIClient()
    api.force_authenticate(world.user(world.recycler, Role.MANAGER))
    address = f"/api/v1/memberships/{membership(world, Role.VIEWER).pk}/"
    body = {"organization": world.recycler.pk, "email": "new@person.example", "role": "operator"}
    assert api.post("/api/v1/memberships/", body).status_code == 405  # one is invited, and accepts
    assert api.post(address + "change-role/", {"role": "operator"}).json()["role"] == "operator"
    assert api.post(address + "change-role/", {"role": "king"}).status_code == 400
    assert {m["organization"] for m in api.get("/api/v1/memberships/").json()["results"]} == {world.recycler.pk}
    assert api.delete(address, headers={"Idempotency-Key": "d"}).status_code == 204
    assert api.delete(address, headers={"Idempotency-Key": "d"}).status_code == 204
    assert api.delete(address).status_code == 404
    functions = api.get("/api/v1/organizations/?function=regulator&ordering=name").json()["results"]
    assert [o["name"] for o in functions] == ["Federal Regulator", "Nevada Regulator"]


def test_in_the_admin(world: World, client: Client) -> None:
    client.force_login(world.user(world.recycler, Role.MANAGER))
    viewer = membership(world, Role.VIEWER)
    address = f"/admin/accounts/membership/{viewer.pk}/verb/"
    assert client.get("/admin/accounts/membership/add/").status_code == 403
    assert client.post(address + "change-role/", {"role": "operator"}).status_code == 302
    assert client.post(address + "remove/").status_code == 302
    assert not Membership.objects.filter(pk=viewer.pk).exists()
    colleague = world.user(world.recycler)
    Membership.objects.create(user=colleague, organization=world.carrier)
    page = client.get(f"/admin/accounts/user/{colleague.pk}/change/").content.decode()
    assert "Carrier" not in page  # where else a colleague works is not the manager's to see
    assert client.get(f"/admin/accounts/user/{world.user(world.carrier).pk}/change/").status_code == 404
    own = client.get("/admin/accounts/user/").content.decode()
    assert "recycler.example" in own and "carrier.example" not in own
