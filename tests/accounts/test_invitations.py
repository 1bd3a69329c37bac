"""How one becomes a member: a manager invites an address, and whoever reads its mail accepts."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.core import signing
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Invitation, Mail, Membership, Organization, Role, User
from accounts.services import invitations, memberships
from tests.accounts import mailbox
from tests.refusals import refused, state
from tests.world import World, ago, build, now

PASSWORD = "a long and lovely password"
NEW = "new@person.example"


def manager(world: World) -> Actor:
    return world.actor(world.recycler, Role.MANAGER)


def invited(world: World, email: str = NEW, role: str = Role.OPERATOR) -> Invitation:
    return invitations.invite(actor=manager(world), organization=world.recycler, email=email, role=role)


def join(link: str, **other: Any) -> User:
    return invitations.join(link=link, **{"name": "New Person", "password": PASSWORD, **other})


def is_member(world: World, email: str) -> bool:
    return Membership.objects.filter(organization=world.recycler, user__email=email).exists()


def test_who_is_invited_is_nobody_until_it_accepts(world: World) -> None:
    made = invited(world, f" {NEW.upper()} ")
    assert (made.email, made.role, made.status) == (NEW, "operator", "open")
    assert not User.objects.filter(email=NEW).exists()
    user = join(made.link)
    assert user.check_password(PASSWORD) and user.name == "New Person"
    assert Membership.objects.get(user=user).role == "operator"
    made.refresh_from_db()
    assert (made.status, made.accepted_by) == ("accepted", user)


def test_a_manager_cannot_set_the_password_of_an_address_that_is_not_its_own(world: World) -> None:
    """What was tried: register an address, set its first password, and inherit what that person is given later."""
    api = APIClient()
    api.force_authenticate(world.user(world.recycler, Role.MANAGER))
    victim = {"organization": world.recycler.pk, "email": NEW}
    api.post("/api/v1/memberships/", victim)
    answer = api.post("/api/v1/invitations/", victim)
    assert answer.status_code == 201 and Invitation.objects.get().link not in answer.content.decode()
    admin = Client()
    admin.force_login(world.user(world.recycler, Role.MANAGER))
    admin.post("/admin/accounts/membership/add/", victim | {"role": "viewer"})
    page = admin.get(f"/admin/accounts/invitation/{answer.json()['id']}/change/").content.decode()
    assert Invitation.objects.get().link not in page
    assert not User.objects.filter(email=NEW).exists()


def test_the_mail_says_who_invites_to_what_and_its_link_is_stored_nowhere(world: World) -> None:
    made = invited(world)
    (message,) = mailbox.messages(NEW)
    assert message.subject == "Invitation to Recycler"
    address = mailbox.link(NEW)
    for said in ("invites you to Recycler on Relode, as operator", address, world.user(world.recycler, "manager").name):
        assert said in str(message.body)
    link = address.removeprefix("/account/invitations/").removesuffix("/")
    of, _time, _signature = link.split(":")
    assert of == made.link.split(":")[0]  # it is signed with the second in which it is made
    assert link not in str(state()) and not Mail.objects.exists()


def test_nothing_tells_who_is_known(world: World) -> None:
    """The same answer by the same statements, whether the address is a user's or nobody's."""
    api = APIClient()
    api.force_authenticate(world.user(world.recycler, Role.MANAGER))
    told = []
    for email in (world.user(world.carrier).email, NEW):
        with CaptureQueriesContext(connection) as queries:
            answer = api.post("/api/v1/invitations/", {"organization": world.recycler.pk, "email": email})
        own = ("id", "email", "invited_at", "mailed_at", "expires_at", "verbs")
        shown = {name: value for name, value in answer.json().items() if name not in own}
        told.append((answer.status_code, shown, len(queries)))
    assert told[0] == told[1]


def test_who_is_known_logs_in_and_accepts(world: World) -> None:
    known = world.user(world.carrier)
    known.set_password(PASSWORD)
    known.save()
    made = invited(world, known.email)
    refused(Forbidden, join, link=made.link, password="another long password")
    known.refresh_from_db()
    assert known.check_password(PASSWORD)
    refused(Forbidden, invitations.accept, actor=world.actor(world.producer), link=made.link)
    invitations.accept(actor=Actor.of(known), link=made.link)
    assert is_member(world, known.email)


def test_who_never_had_a_password_sets_it_now_and_who_is_locked_out_does_not(world: World) -> None:
    known = world.user(world.carrier)
    known.set_unusable_password()
    known.save()
    made = invited(world, known.email)
    User.objects.filter(pk=known.pk).update(is_active=False)
    refused(Forbidden, join, link=made.link)
    User.objects.filter(pk=known.pk).update(is_active=True)
    assert join(made.link) == known


def test_an_invitation_is_good_once(world: World) -> None:
    made = invited(world)
    join(made.link)
    assert refused(Refused, join, link=made.link).code == "accepted"
    memberships.remove(actor=manager(world), membership=Membership.objects.get(user__email=NEW))
    assert refused(Refused, invitations.accept, actor=Actor.of(User.objects.get(email=NEW)), link=made.link).code == (
        "accepted"
    )


def test_an_invitation_ends_with_its_time_or_is_taken_back(world: World) -> None:
    made = invited(world)
    Invitation.objects.update(mailed_at=ago(days=8), expires_at=ago(seconds=1))
    assert refused(Refused, join, link=made.link).code == "expired"
    invitations.resend(actor=manager(world), invitation=made)
    invitations.withdraw(actor=manager(world), invitation=made)
    assert refused(Refused, join, link=made.link).code == "withdrawn"
    assert refused(Refused, invitations.resend, actor=manager(world), invitation=made).code == "wrong_status"
    invited(world)  # what was withdrawn does not stand in the way


def test_an_invitation_is_void_when_who_made_it_may_not_invite_any_more(world: World) -> None:
    made = invited(world)
    inviter = world.user(world.recycler, Role.MANAGER)
    User.objects.filter(pk=inviter.pk).update(is_active=False)
    assert refused(Refused, join, link=made.link).code == "void"
    User.objects.filter(pk=inviter.pk).update(is_active=True)
    Membership.objects.filter(user=inviter).update(role=Role.OPERATOR)
    assert refused(Refused, join, link=made.link).code == "void"
    other = Membership.objects.get(organization=world.recycler, role=Role.VIEWER)
    Membership.objects.filter(pk=other.pk).update(role=Role.MANAGER)
    Invitation.objects.update(mailed_at=ago(hours=1))
    invitations.resend(actor=Actor.of(other.user), invitation=made)  # who answers for it from now on
    join(made.link)


def test_an_invitation_goes_with_its_organization(world: World) -> None:
    idle = Organization.objects.create(name="Idle")
    user = world.user(world.recycler)
    Membership.objects.create(user=user, organization=idle, role=Role.MANAGER)
    made = invitations.invite(actor=Actor.of(user), organization=idle, email=NEW)
    idle.delete()
    assert refused(Invalid, join, link=made.link).code == "no_link"
    assert mailbox.messages() == []


@pytest.mark.parametrize(
    "link", ["", "x", "a:b:c", "é", "x" * 500, signing.Signer().sign("1"), signing.Signer(salt="x").sign("1:1")]
)
def test_a_link_that_was_not_made_here_leads_nowhere(world: World, client: Client, link: str) -> None:
    invited(world)
    refused(Invalid, join, "link", link=link)
    refused(Invalid, invitations.accept, "link", actor=world.actor(world.carrier), link=link)
    assert client.get(f"/account/invitations/{link or '-'}/").status_code == 410


def test_only_managers_invite_send_again_and_withdraw(world: World) -> None:
    ask: dict[str, Any] = {"organization": world.recycler, "email": NEW}
    for actor in (world.actor(world.recycler), world.actor(world.carrier, Role.MANAGER)):
        refused(Forbidden, invitations.invite, actor=actor, **ask)
    made = invited(world)
    for actor in (world.actor(world.recycler), world.actor(world.carrier, Role.MANAGER)):
        refused(Forbidden, invitations.resend, actor=actor, invitation=made)
        refused(Forbidden, invitations.withdraw, actor=actor, invitation=made)


def test_what_is_no_address_or_role_or_there_already(world: World) -> None:
    ask: dict[str, Any] = {"actor": manager(world), "organization": world.recycler}
    for email in ("nobody", "", f"a@{'b.' * 125}example"):
        refused(Invalid, invitations.invite, "email", **ask, email=email)
    refused(Invalid, invitations.invite, "role", **ask, email=NEW, role="king")
    refused(Refused, invitations.invite, "email", **ask, email=world.user(world.recycler).email)
    invited(world)
    refused(Refused, invitations.invite, "email", **ask, email=NEW.upper())


def test_who_became_a_member_meanwhile(world: World) -> None:
    known = world.user(world.carrier)
    made = invited(world, known.email)
    Membership.objects.create(user=known, organization=world.recycler)
    assert refused(Refused, invitations.accept, actor=Actor.of(known), link=made.link).code == "duplicate"


def test_a_password_of_who_joins_is_hard_to_guess(world: World) -> None:
    made = invited(world)
    for weak in ("", "123", "password1", NEW):
        refused(Invalid, join, "password", link=made.link, password=weak)
    refused(Invalid, join, "name", link=made.link, name=" ")
    refused(Invalid, join, "name", link=made.link, name="x" * 151)


def test_mail_about_an_invitation_is_not_sent_all_the_time(world: World) -> None:
    made = invited(world)
    assert refused(Refused, invitations.resend, actor=manager(world), invitation=made).code == "too_soon"
    Invitation.objects.update(mailed_at=ago(minutes=16), expires_at=now() + timedelta(hours=1))
    again = invitations.resend(actor=manager(world), invitation=made)
    assert again.expires_at > now() + timedelta(days=6)
    assert len(mailbox.messages(NEW)) == 2
    refused(Refused, invitations.resend, actor=manager(world), invitation=made)


def test_what_was_withdrawn_before_it_was_mailed_is_not_mailed(world: World) -> None:
    invitations.withdraw(actor=manager(world), invitation=invited(world))
    assert mailbox.messages() == [] and not Mail.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_browsers_accept_once(transactional_db: None) -> None:
    made = invited(build())
    start = threading.Barrier(2)
    outcomes: list[str] = []

    def accept() -> None:
        try:
            start.wait()
            join(made.link)
            outcomes.append("joined")
        except (Refused, Forbidden) as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=accept) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted", "joined"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE accounts_invitation SET email = upper(email)",
        "UPDATE accounts_invitation SET role = 'king'",
        "UPDATE accounts_invitation SET expires_at = mailed_at",
        "UPDATE accounts_invitation SET status = 'accepted'",
        "UPDATE accounts_invitation SET accepted_by_id = invited_by_id",
        "UPDATE accounts_invitation SET status = 'withdrawn'; UPDATE accounts_invitation SET status = 'open'",
        (
            "INSERT INTO accounts_invitation (email, role, status, invited_at, mailed_at, expires_at, invited_by_id,"
            " organization_id) SELECT email, 'viewer', 'open', invited_at, mailed_at, expires_at, invited_by_id,"
            " organization_id FROM accounts_invitation"
        ),
    ],
)
def test_the_database_refuses(world: World, sql: str) -> None:
    invited(world)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


# The pages


def test_a_new_person_accepts_on_the_page(world: World, client: Client) -> None:
    invited(world)
    address = mailbox.link(NEW)
    page = client.get(address).content.decode()
    for said in ("Recycler", "operator", NEW, world.user(world.recycler, Role.MANAGER).name):
        assert said in page
    assert not is_member(world, NEW)  # a mail scanner that follows links accepts nothing
    form = {"name": "New", "password": PASSWORD, "again": PASSWORD}
    for wrong in ({"again": "x"}, {"password": "x", "again": "x"}, {"name": ""}):
        assert client.post(address, form | wrong).status_code == 400
    assert not is_member(world, NEW)
    assert "Log in" in client.post(address, form, follow=True).content.decode()
    assert is_member(world, NEW)
    assert client.get(address).status_code == 410 and client.post(address, form).status_code == 410


def test_a_known_person_logs_in_and_accepts_on_the_page(world: World, client: Client) -> None:
    known = world.user(world.carrier)
    known.set_password(PASSWORD)
    known.save()
    address = f"/account/invitations/{invited(world, known.email).link}/"
    assert f"/admin/login/?next={quote(address)}" in client.get(address).content.decode()
    client.post(address, {"name": "x", "password": "another long password", "again": "another long password"})
    known.refresh_from_db()
    assert known.check_password(PASSWORD) and not is_member(world, known.email)
    answer = client.post(f"/admin/login/?next={address}", {"login": known.email, "password": PASSWORD})
    assert answer["Location"] == address
    client.get(address)
    assert not is_member(world, known.email)
    assert client.post(address)["Location"] == "/admin/"
    assert is_member(world, known.email)


def test_another_account_cannot_accept(world: World, client: Client) -> None:
    address = f"/account/invitations/{invited(world).link}/"
    client.force_login(world.user(world.carrier))
    assert "Log out" in client.get(address).content.decode()
    before = state()
    assert client.post(address).status_code == 403
    assert state() == before


def test_tries_on_the_page_are_counted(world: World, client: Client) -> None:
    address = f"/account/invitations/{invited(world).link}/"
    weak = {"name": "New", "password": "x", "again": "x"}
    assert [client.post(address, weak).status_code for _ in range(12)] == [400] * 10 + [429] * 2


def test_managers_work_in_the_admin(world: World, client: Client) -> None:
    client.force_login(world.user(world.recycler, Role.MANAGER))
    form = {"organization": world.recycler.pk, "email": NEW, "role": "viewer"}
    assert client.post("/admin/accounts/invitation/add/", form).status_code == 302
    made = Invitation.objects.get()
    address = f"/admin/accounts/invitation/{made.pk}/verb/"
    assert client.post(address + "resend/").status_code == 409
    Invitation.objects.update(mailed_at=ago(hours=1))
    assert client.post(address + "resend/").status_code == 302
    assert client.post(address + "withdraw/").status_code == 302
    assert client.post(address + "withdraw/").status_code == 409
    assert "withdrawn" in client.get("/admin/accounts/invitation/").content.decode()


def test_through_the_api(world: World) -> None:
    api = APIClient()
    api.force_authenticate(world.user(world.recycler, Role.MANAGER))
    made = api.post(
        "/api/v1/invitations/", {"organization": world.recycler.pk, "email": NEW, "role": "operator"}
    ).json()
    assert {verb["name"] for verb in made["verbs"]} == {"resend", "withdraw"}
    assert (made["status"], made["is_expired"]) == ("open", False)
    address = f"/api/v1/invitations/{made['id']}/"
    assert api.post(address + "resend/").status_code == 409
    assert api.post(address + "withdraw/").json()["status"] == "withdrawn"
    known = world.user(world.carrier)
    link = invited(world, known.email).link
    assert api.post("/api/v1/invitations/accept/", {"link": link}).status_code == 403
    api.force_authenticate(known)
    assert api.get("/api/v1/invitations/").json()["results"] == []
    assert api.post("/api/v1/invitations/accept/", {"link": "x"}).status_code == 400
    assert api.post("/api/v1/invitations/accept/", {"link": link}).json()["status"] == "accepted"
    assert api.post("/api/v1/invitations/accept/", {"link": link}).status_code == 409
