"""Who works for an organization, and as what. A manager decides; an organization is never left without one."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Membership, Organization, Role, User
from accounts.verbs import verb


def lock(membership: Membership) -> Membership:
    """The membership as it is now, while no other of its organization changes."""
    _lock_members(membership.organization)
    found = Membership.objects.select_related("organization", "user").filter(pk=membership.pk).first()
    if found is None:
        raise Refused(_("This membership has ended."), code="gone")
    return found


def _lock_members(organization: Organization) -> Organization:
    """Changes of one organization's members wait for each other, else two managers could remove one another."""
    return Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


@verb(of="organization", role=Role.MANAGER)
def add(*, actor: Actor, organization: Organization, email: str, role: str = Role.VIEWER, name: str = "") -> Membership:
    """Make the person with `email` a member.

    Whoever is not known yet becomes a user without a password, so that the answer does not tell who is known.
    """
    organization = _lock_members(organization)
    _check_role(role)
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid(_("This is no email address."), field="email") from error
    email = rules.text(email, field="email", longest=254)
    name = rules.text(name, field="name", longest=150, shortest=0)
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, None, name=name or email.partition("@")[0][:150])
    if Membership.objects.filter(user=user, organization=organization).exists():
        raise Refused(_("%(email)s already is a member.") % {"email": email}, field="email", code="duplicate")
    return Membership.objects.create(user=user, organization=organization, role=role)


@verb(lock, of="membership__organization", role=Role.MANAGER)
def change_role(*, actor: Actor, membership: Membership, role: str) -> Membership:
    """Give a member another role."""
    _check_role(role)
    if role != Role.MANAGER:
        _require_another_manager(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    return membership


def _manages_or_is(actor: Actor, membership: Membership) -> None:
    """The role manager in the organization, or that the membership is the caller's own."""
    if membership.user_id != actor.user.pk:
        actor.require(membership.organization, role=Role.MANAGER)


@verb(lock, requires=_manages_or_is)
def remove(*, actor: Actor, membership: Membership) -> Membership:
    """End a membership: a manager's decision, or the member's own. What the member did stays in its name."""
    _require_another_manager(membership)
    removed = membership.pk
    membership.delete()
    membership.pk = removed
    return membership


def _require_another_manager(membership: Membership) -> None:
    others = Membership.objects.filter(
        organization=membership.organization, role=Role.MANAGER, user__is_active=True
    ).exclude(pk=membership.pk)
    if membership.role == Role.MANAGER and not others.exists():
        raise Refused(
            _("%(name)s needs another manager first.") % {"name": membership.organization},
            field="role",
            code="last_manager",
        )


def _check_role(role: str) -> None:
    if role not in Role.values:
        raise Invalid(_("“%(role)s” is no role.") % {"role": role}, field="role")
