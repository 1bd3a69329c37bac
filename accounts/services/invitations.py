"""How one becomes a member: a manager invites an address, and whoever reads its mail accepts."""

from __future__ import annotations

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.acting import as_platform
from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import INVITATION_MOVES, Invitation, InvitationStatus, Mail, Membership, Organization, Role, User
from accounts.services import mail
from accounts.services.memberships import check_role, lock_members
from accounts.services.passwords import check_password
from accounts.verbs import by_anybody, verb

#: How long an invitation can be accepted, and how long the next mail about it has to wait.
LASTS = timedelta(days=7)
BETWEEN_MAILS = timedelta(minutes=15)


def lock(invitation: Invitation) -> Invitation:
    """The invitation as it is now, locked, while nothing else changes who belongs to its organization. One that nobody
    accepted may have been deleted meanwhile.
    """
    lock_members(invitation.organization)
    rows = Invitation.objects.select_for_update(of=("self",)).select_related("organization", "invited_by", "vouched_by")
    found = rows.filter(pk=invitation.pk).first()
    if found is None:
        raise Refused(_("This invitation is there no more: invite anew."), field="invitation", code="gone")
    return found


@verb(of="organization", role=Role.MANAGER)
def invite(*, actor: Actor, organization: Organization, email: str, role: str = Role.VIEWER) -> Invitation:
    """Invite whoever reads the mail of an address.

    The answer is the same whether that person is known here or not: nobody is looked for until the invitation is accepted.
    """
    organization = lock_members(organization)
    check_role(role)
    if not organization.is_claimed and role != Role.MANAGER:
        raise Invalid(
            _("Nobody speaks for %(name)s yet: the first member is a manager.") % {"name": organization}, field="role"
        )
    return _invite(actor, organization, email, role)


def vouch(*, actor: Actor, organization: Organization, email: str, vouched_by: Organization) -> Invitation:
    """Invite the first manager of an organization that nobody has claimed. Whether `vouched_by` may say who speaks for it
    was checked by the caller.
    """
    organization = lock_members(organization)
    if organization.is_claimed:
        raise Refused(
            _("%(name)s has people of its own; they invite.") % {"name": organization}, field="email", code="claimed"
        )
    return _invite(actor, organization, email, Role.MANAGER, vouched_by=vouched_by)


def _invite(
    actor: Actor, organization: Organization, email: str, role: str, vouched_by: Organization | None = None
) -> Invitation:
    """Write the invitation, for whoever holds the lock on the organization's members."""
    email = rules.text(email, field="email", longest=254).lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise Invalid(_("This is no email address."), field="email") from error
    if Membership.objects.filter(organization=organization, user__email=email).exists():
        raise Refused(_("%(email)s already is a member.") % {"email": email}, field="email", code="duplicate")
    if Invitation.objects.filter(organization=organization, email=email, status=InvitationStatus.OPEN).exists():
        raise Refused(
            _("%(email)s is invited already; send that invitation again, or withdraw it.") % {"email": email},
            field="email",
            code="duplicate",
        )
    now = timezone.now()
    made = Invitation.objects.create(
        organization=organization, email=email, role=role, invited_by=actor.user, invited_at=now, mailed_at=now,
        expires_at=now + LASTS, vouched_by=vouched_by,
    )  # fmt: skip
    mail.post(Mail.Kind.INVITATION, email, invitation=made.pk)
    return made


_WHOSE = ("invitation__organization", "invitation__vouched_by")


@verb(lock, of=_WHOSE, role=Role.MANAGER, when=[InvitationStatus.OPEN])
def resend(*, actor: Actor, invitation: Invitation) -> Invitation:
    """Mail an invitation again, with all its time before it. Whoever sends it answers for it from now on."""
    now = timezone.now()
    if now < invitation.mailed_at + BETWEEN_MAILS:
        raise Refused(
            _("It was mailed only now; wait %(minutes)s minutes.") % {"minutes": BETWEEN_MAILS.seconds // 60},
            field="invitation",
            code="too_soon",
        )
    invitation.invited_by, invitation.mailed_at, invitation.expires_at = actor.user, now, now + LASTS
    if actor.may(invitation.organization, role=Role.MANAGER):
        invitation.vouched_by = None
    invitation.save(update_fields=["invited_by", "mailed_at", "expires_at", "vouched_by"])
    mail.post(Mail.Kind.INVITATION, invitation.email, invitation=invitation.pk)
    return invitation


@verb(lock, of=_WHOSE, role=Role.MANAGER, to=InvitationStatus.WITHDRAWN, moves=INVITATION_MOVES)
def withdraw(*, actor: Actor, invitation: Invitation) -> Invitation:
    """Take an invitation back: its link leads nowhere any more."""
    invitation.status = InvitationStatus.WITHDRAWN
    invitation.save(update_fields=["status"])
    return invitation


@verb(requires=by_anybody)
def accept(*, actor: Actor, link: str) -> Invitation:
    """Become a member by the link that was mailed. Only the user with the invited address may."""
    invitation = _locked(link)
    if actor.user.email != invitation.email:
        raise Forbidden(_("This invitation is for %(email)s.") % {"email": invitation.email})
    return _become_member(invitation, actor.user)


@as_platform()  # the link says who may
@transaction.atomic
def join(*, link: str, name: str, password: str) -> User:
    """Become a user and a member by the link that was mailed, and set the password to log in with.

    The mailbox is proven by the link, so it is for those, too, who are known here and never had a password. Whoever has
    one logs in and accepts.
    """
    invitation = _locked(link)
    user = User.objects.select_for_update(no_key=True).filter(email=invitation.email).first()
    if user is not None and not (user.is_active and not user.has_usable_password()):
        raise Forbidden(_("Log in as %(email)s to accept.") % {"email": invitation.email})
    name = rules.text(name, field="name", longest=150)
    user = user or User(email=invitation.email)
    user.name = name
    check_password(password, user)
    user.set_password(password)
    user.save()
    _become_member(invitation, user)
    return user


def open_by(link: str) -> Invitation:
    """The invitation that the link leads to. Raises `Invalid` if it leads nowhere, `Refused` if it is too late."""
    invitation = Invitation.objects.of_link(link).select_related("organization", "invited_by", "vouched_by").first()
    if invitation is None:
        raise Invalid(_("This link is not complete, or not one of ours."), field="link", code="no_link")
    if invitation.status == InvitationStatus.ACCEPTED:
        raise Refused(_("This invitation was accepted already."), field="link", code="accepted")
    if invitation.status != InvitationStatus.OPEN:
        raise Refused(_("This invitation was withdrawn."), field="link", code="withdrawn")
    if invitation.is_expired:
        raise Refused(_("This invitation has expired. Ask for it to be sent again."), field="link", code="expired")
    if not _may_still_invite(invitation):
        raise Refused(
            _("Who invited you does not manage %(organization)s any more. Ask another manager to send it again.")
            % {"organization": invitation.organization},
            field="link",
            code="void",
        )
    return invitation


def _may_still_invite(invitation: Invitation) -> bool:
    """Whether who sent it last may: for its organization, or, until somebody has claimed that, by vouching for it."""
    inviter = Actor.of(invitation.invited_by)
    if inviter.may(invitation.organization, role=Role.MANAGER):
        return True
    return not invitation.organization.is_claimed and inviter.may(invitation.vouched_by_id, role=Role.MANAGER)


def _locked(link: str) -> Invitation:
    """The invitation of the link, still open while it is locked."""
    lock_members(open_by(link).organization)
    return open_by(link)


def _become_member(invitation: Invitation, user: User) -> Invitation:
    if Membership.objects.filter(user=user, organization=invitation.organization).exists():
        raise Refused(_("You already are a member."), field="link", code="duplicate")
    Membership.objects.create(user=user, organization=invitation.organization, role=invitation.role)
    invitation.status, invitation.accepted_by = InvitationStatus.ACCEPTED, user
    invitation.save(update_fields=["status", "accepted_by"])
    return invitation
