"""Who works for an organization, and as what. A manager decides; an organization is never left without one."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Membership, Organization, Role
from accounts.verbs import verb


def lock(membership: Membership) -> Membership:
    """The membership as it is now, while no other of its organization changes."""
    lock_members(membership.organization)
    found = Membership.objects.select_related("organization", "user").filter(pk=membership.pk).first()
    if found is None:
        raise Refused(_("This membership has ended."), code="gone")
    return found


def lock_members(organization: Organization) -> Organization:
    """Changes of one organization's members wait for each other, else two managers could remove one another."""
    return Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)


@verb(lock, of="membership__organization", role=Role.MANAGER)
def change_role(*, actor: Actor, membership: Membership, role: str) -> Membership:
    """Give a member another role."""
    check_role(role)
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


def check_role(role: str) -> None:
    """Raise `Invalid` unless there is such a role."""
    if role not in Role.values:
        raise Invalid(_("“%(role)s” is no role.") % {"role": role}, field="role")
