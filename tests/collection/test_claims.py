"""How an organization that nobody spoke for gets people of its own: the platform or a regulator of a place vouches."""

from __future__ import annotations

import pytest

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Invitation, Membership, Organization, Role, User
from accounts.services import invitations
from accounts.services.platform import platform_actor
from collection.services import facilities
from tests import records
from tests.refusals import refused
from tests.world import World

MANAGER = Role.MANAGER


def vouched(w: World, email: str = "ann@yard.example") -> Invitation:
    return facilities.vouch(actor=w.actor(w.regulator, MANAGER), facility=records.unclaimed_site(w), email=email)


def test_a_regulator_vouches_and_the_first_manager_comes(world: World) -> None:
    invitation = vouched(world)
    owner = invitation.organization
    assert (invitation.role, invitation.vouched_by, owner.is_claimed) == (MANAGER, world.regulator, False)
    invitations.join(link=invitation.link, name="Ann", password="a long enough passphrase")
    owner.refresh_from_db()
    assert owner.is_claimed and Membership.objects.get(organization=owner).role == MANAGER
    site = owner.facilities.get()
    again = {"actor": world.actor(world.federal, MANAGER), "facility": site, "email": "eve@yard.example"}
    assert refused(Refused, facilities.vouch, "email", **again).code == "claimed"


def test_of_two_who_were_vouched_for_the_first_decides(world: World) -> None:
    first = vouched(world)
    owner = first.organization
    second = facilities.vouch(
        actor=world.actor(world.federal, MANAGER), facility=owner.facilities.get(), email="eve@yard.example"
    )
    invitations.join(link=first.link, name="Ann", password="a long enough passphrase")
    error = refused(
        Refused, invitations.join, "link", link=second.link, name="Eve", password="a long enough passphrase"
    )
    assert error.code == "void"
    ann = Membership.objects.get(organization=owner).user
    resent = Invitation.objects.get(pk=second.pk)
    Invitation.objects.filter(pk=second.pk).update(mailed_at=resent.mailed_at - invitations.BETWEEN_MAILS)
    invitations.resend(actor=invitations.Actor.of(ann), invitation=resent)
    invitations.join(link=second.link, name="Eve", password="a long enough passphrase")


@pytest.mark.parametrize(
    ("who", "role"),
    [("regulator", Role.OPERATOR), ("stranger", MANAGER), ("recycler", MANAGER), ("collector", MANAGER)],
)
def test_nobody_else_vouches(world: World, who: str, role: Role) -> None:
    site = records.unclaimed_site(world)
    actor = world.actor(getattr(world, who), role)
    refused(Forbidden, facilities.vouch, actor=actor, facility=site, email="a@b.example")


def test_a_regulator_of_elsewhere_does_not_vouch(world: World) -> None:
    site = records.unclaimed_site(world)
    type(site).objects.filter(pk=site.pk).update(jurisdiction=world.on)
    site.refresh_from_db()
    refused(
        Forbidden, facilities.vouch, actor=world.actor(world.regulator, MANAGER), facility=site, email="a@b.example"
    )


def test_the_platform_vouches_and_makes_the_first_member_a_manager(world: World) -> None:
    owner = Organization.objects.create(name="Nobody")
    platform = platform_actor()
    refused(Invalid, invitations.invite, "role", actor=platform, organization=owner, email="a@b.example")
    site = records.unclaimed_site(world)
    made = facilities.vouch(actor=platform, facility=site, email="a@b.example")
    assert (made.role, made.vouched_by) == (MANAGER, None)
    claimed = {"actor": platform, "facility": world.yard, "email": "a@b.example"}
    assert refused(Refused, facilities.vouch, "email", **claimed).code == "claimed"


def test_a_regulator_takes_its_word_back(world: World) -> None:
    invitation = vouched(world)
    assert Invitation.objects.visible_to(world.user(world.regulator)).get() == invitation
    assert not Invitation.objects.visible_to(world.user(world.stranger)).exists()
    refused(Forbidden, invitations.withdraw, actor=world.actor(world.stranger, MANAGER), invitation=invitation)
    invitations.withdraw(actor=world.actor(world.regulator, MANAGER), invitation=invitation)
    assert not User.objects.filter(email="ann@yard.example").exists()


def test_a_regulator_that_dismissed_who_vouched_stands_for_it_no_more(world: World) -> None:
    invitation = vouched(world)
    Membership.objects.filter(user=world.user(world.regulator, MANAGER)).update(role=Role.VIEWER)
    error = refused(
        Refused, invitations.join, "link", link=invitation.link, name="Ann", password="a long enough passphrase"
    )
    assert error.code == "void"
