from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, Viewer, organizations_of
from collection.models.batteries import Battery
from collection.models.facilities import Facility
from collection.models.records import RecordQuerySet


class ProposalStatus(models.TextChoices):
    OPEN = "open", _("open")
    ACCEPTED = "accepted", _("accepted")
    REFUSED = "refused", _("refused")
    WITHDRAWN = "withdrawn", _("withdrawn")


#: Every legal move of a proposal's status; the database trigger is made from this list.
PROPOSAL_MOVES: list[tuple[str, str]] = [
    (ProposalStatus.OPEN, ProposalStatus.ACCEPTED),
    (ProposalStatus.OPEN, ProposalStatus.REFUSED),
    (ProposalStatus.OPEN, ProposalStatus.WITHDRAWN),
]


class ProposalQuerySet(RecordQuerySet["Proposal"]):
    whose: ClassVar = {
        "organizations": ("proposed_for", "addressed_to", "battery__shipment__carrier"),
        "operated": ("battery__facility",),
    }

    def visible_to(self, user: Viewer) -> ProposalQuerySet:
        """Whoever proposes, whoever was asked first, and whoever has the battery now."""
        if user.is_superuser:
            return self
        mine = organizations_of(user)
        return self.seen_by(
            user,
            Q(proposed_for__in=mine)
            | Q(addressed_to__in=mine)
            | Q(battery__shipment__carrier__in=mine)
            | Q(battery__facility__operator__in=mine),
        )


class Proposal(models.Model):
    """What somebody says of a battery that it has in custody no more: that something of it is wrong, or that it was found.

    Nothing changes until the one who has the battery accepts; of a lost one, who had it last.
    """

    class Kind(models.TextChoices):
        CORRECTION = "correction", _("correction")
        FOUND = "found", _("found again")
        TAKEN_IN = "taken_in", _("taken in from use")

    battery = models.ForeignKey(Battery, on_delete=models.PROTECT, related_name="proposals", verbose_name=_("battery"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    proposed_for = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="proposals", verbose_name=_("in the name of")
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("proposed by")
    )
    addressed_to = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        null=True,
        related_name="proposals_received",
        verbose_name=_("addressed to"),
        help_text=_("Who had the battery when it was proposed; who has it now decides."),
    )
    proposed_at = models.DateTimeField(_("proposed at"), auto_now_add=True)
    reason = models.CharField(_("reason"), max_length=500)
    changes = models.JSONField(_("changes"), default=dict, encoder=DjangoJSONEncoder)
    facility = models.ForeignKey(
        Facility,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("where it is"),
    )
    occurred_at = models.DateTimeField(_("since when"), null=True, blank=True)
    status = models.CharField(
        _("status"), max_length=9, choices=ProposalStatus.choices, default=ProposalStatus.OPEN, editable=False
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True, editable=False)
    answer = models.CharField(_("answer"), max_length=500, blank=True, editable=False)

    objects = ProposalQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("proposal")
        verbose_name_plural = _("proposals")
        constraints = (
            models.UniqueConstraint(
                fields=["battery", "proposed_for", "kind"], condition=Q(status="open"), name="proposal_one_open"
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["found", "taken_in"], facility__isnull=False, occurred_at__isnull=False, changes={}
                )
                | (Q(kind="correction", facility__isnull=True, occurred_at__isnull=True) & ~Q(changes={})),
                name="proposal_says_what_its_kind_needs",
            ),
            models.CheckConstraint(
                condition=Q(status="open", decided_by__isnull=True, decided_at__isnull=True)
                | (~Q(status="open") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="proposal_decided_by_somebody",
            ),
            models.CheckConstraint(condition=~Q(status="refused") | ~Q(answer=""), name="proposal_refusal_has_reason"),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=PROPOSAL_MOVES),)

    def __str__(self) -> str:
        return _("Proposal %(id)s") % {"id": self.pk}
