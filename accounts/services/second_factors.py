"""The second factor: who has to have one, and has none. The factors themselves are allauth's."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Forbidden
from accounts.models import Membership, Organization, Role, User
from accounts.verbs import verb

#: What counts; recovery codes only stand in for them.
FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def lacking(user: str) -> Q:
    """That the user at this path has none, and an organization of it requires one."""
    required = Membership.objects.filter(user=OuterRef(user), organization__requires_second_factor=True)
    return Q(Exists(required)) & ~Q(Exists(Authenticator.objects.filter(user=OuterRef(user), type__in=FACTORS)))


def lacks(user: User) -> bool:
    """Whether the user has to set one up before anything else."""
    return bool(User.objects.filter(lacking("pk"), pk=user.pk).exists())


def has(user: User) -> bool:
    """Whether the user is asked for one when it logs in."""
    return bool(Authenticator.objects.filter(user=user, type__in=FACTORS).exists())


def refusal() -> Forbidden:
    """What is said to who lacks one."""
    return Forbidden(
        _("Your organization requires a second factor: log in to the admin and set one up."),
        code="second_factor_required",
    )


def lock(organization: Organization) -> Organization:
    """The organization as it is now, locked."""
    return Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


@verb(lock, of="organization", role=Role.MANAGER, field="requires_second_factor", when=[False])
def require_second_factor(*, actor: Actor, organization: Organization) -> Organization:
    """Have every member log in with a second factor. Who has none sets one up first; its tokens do nothing until then."""
    organization.requires_second_factor = True
    organization.save(update_fields=["requires_second_factor"])
    return organization


@verb(lock, of="organization", role=Role.MANAGER, field="requires_second_factor", when=[True])
def waive_second_factor(*, actor: Actor, organization: Organization) -> Organization:
    """Leave it to the members whether they have a second factor."""
    organization.requires_second_factor = False
    organization.save(update_fields=["requires_second_factor"])
    return organization
