from __future__ import annotations

import pgtrigger
from django.core import signing
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.organizations import Organization, Role, organizations_of
from accounts.models.users import Viewer


class InvitationStatus(models.TextChoices):
    OPEN = "open", _("open")
    ACCEPTED = "accepted", _("accepted")
    WITHDRAWN = "withdrawn", _("withdrawn")


#: Every legal move of an invitation's status; the database trigger is made from this list.
INVITATION_MOVES: list[tuple[str, str]] = [
    (InvitationStatus.OPEN, InvitationStatus.ACCEPTED),
    (InvitationStatus.OPEN, InvitationStatus.WITHDRAWN),
]

_SALT = "accounts.invitation"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def visible_to(self, user: Viewer) -> InvitationQuerySet:
        """Members see who is invited to their organizations, and whom these vouched for."""
        if user.is_superuser:
            return self
        mine = organizations_of(user)
        return self.filter(Q(organization__in=mine) | Q(vouched_by__in=mine))

    def of_link(self, link: str) -> InvitationQuerySet:
        """The invitation that a link leads to; none, if the link was not made here."""
        try:
            return self.filter(pk=signing.loads(link, salt=_SALT))
        except signing.BadSignature:
            return self.none()


class Invitation(models.Model):
    """That an organization wants somebody as a member, known by nothing but an address. Whoever reads its mail accepts."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="invitations", verbose_name=_("organization")
    )
    email = models.EmailField(_("email"))
    role = models.CharField(_("role"), max_length=8, choices=Role.choices, default=Role.VIEWER)
    invited_by = models.ForeignKey(
        "accounts.User", on_delete=models.CASCADE, related_name="invitations_made", verbose_name=_("invited by")
    )
    vouched_by = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="vouched_for",
        verbose_name=_("vouched for by"),
        help_text=_("A regulator who says that this person speaks for an organization that nobody has claimed yet."),
    )
    status = models.CharField(
        _("status"), max_length=9, choices=InvitationStatus.choices, default=InvitationStatus.OPEN, editable=False
    )
    invited_at = models.DateTimeField(_("invited at"), default=timezone.now)
    mailed_at = models.DateTimeField(_("mailed at"), default=timezone.now)
    expires_at = models.DateTimeField(_("expires at"))
    accepted_by = models.ForeignKey(
        "accounts.User",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="invitations_accepted",
        editable=False,
        verbose_name=_("accepted by"),
    )

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = (
            models.UniqueConstraint(
                fields=["organization", "email"], condition=Q(status="open"), name="invitation_one_open_per_email"
            ),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="invitation_email_lower_case"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role_known"),
            models.CheckConstraint(condition=Q(expires_at__gt=F("mailed_at")), name="invitation_expires_later"),
            models.CheckConstraint(
                condition=Q(status="accepted", accepted_by__isnull=False)
                | (~Q(status="accepted") & Q(accepted_by__isnull=True)),
                name="invitation_accepted_by_somebody",
            ),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=INVITATION_MOVES),)

    def __str__(self) -> str:
        return f"{self.email} – {self.organization} ({self.get_role_display()})"

    @property
    def link(self) -> str:
        """What stands in the address that is mailed. It is stored nowhere: only who reads that mail can have it."""
        return signing.dumps(self.pk, salt=_SALT)

    @property
    def is_expired(self) -> bool:
        """Whether its time is over; it can be sent again."""
        return self.status == InvitationStatus.OPEN and self.expires_at <= timezone.now()
