from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.conf import settings
from django.core import signing
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, PartQuerySet, Viewer, organizations_of
from collection.models.facilities import Facility
from collection.models.jurisdictions import Jurisdiction
from collection.models.pickups import Pickup
from collection.models.records import RecordQuerySet
from collection.models.relations import Means, Relation
from collection.models.shipments import Shipment

_SALT = "collection.receipt"


class ReceiptQuerySet(RecordQuerySet["Receipt"]):
    whose: ClassVar = {"organizations": ("collector", "carrier"), "facilities": ("facility",)}

    def visible_to(self, user: Viewer) -> ReceiptQuerySet:
        """Who had it signed, the place's people and its regulators."""
        if user.is_superuser:
            return self
        mine = organizations_of(user)
        return self.seen_by(
            user,
            Q(collector__in=mine)
            | Q(carrier__in=mine)
            | Q(facility__operator__in=mine)
            | Q(facility__jurisdiction__in=Jurisdiction.objects.overseen_by(user)),
        )

    def of_link(self, link: str) -> ReceiptQuerySet:
        """The receipt that a link leads to; none, if the link was not made here."""
        try:
            return self.filter(pk=signing.loads(link, salt=_SALT))
        except signing.BadSignature:
            return self.none()


class Receipt(models.Model):
    """That a person at an unclaimed place signed, on the driver's device, for what is taken away. Never changed."""

    pickup = models.ForeignKey(Pickup, on_delete=models.PROTECT, related_name="receipts", verbose_name=_("pickup"))
    facility = models.ForeignKey(
        Facility, on_delete=models.PROTECT, related_name="receipts", verbose_name=_("facility")
    )
    collector = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="receipts", verbose_name=_("collector")
    )
    carrier = models.ForeignKey(
        Organization, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("carrier")
    )
    name = models.CharField(_("name"), max_length=150)
    role = models.CharField(_("role"), max_length=100)
    signature = models.TextField(_("signature"), help_text=_("What was drawn, as the path of an SVG of 400 by 160."))
    email = models.EmailField(_("email"), blank=True)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="receipts", verbose_name=_("taken by")
    )
    signed_at = models.DateTimeField(_("signed at"), db_default=Now(), editable=False)

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("receipt")
        verbose_name_plural = _("receipts")
        constraints = (
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(role="") & ~Q(signature=""), name="receipt_says_who_signed"
            ),
        )
        triggers = (pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),)

    def __str__(self) -> str:
        return _("Receipt %(id)s") % {"id": self.pk}

    @property
    def link(self) -> str:
        """What stands in the address of its page. It is stored nowhere."""
        return signing.dumps(self.pk, salt=_SALT)


class HandoverQuerySet(RecordQuerySet["Handover"]):
    whose: ClassVar = {"organizations": ("giver", "taker"), "facilities": ("facility",)}

    def visible_to(self, user: Viewer) -> HandoverQuerySet:
        """Both sides, and the people and regulators of the place."""
        if user.is_superuser:
            return self
        mine = organizations_of(user)
        return self.seen_by(
            user,
            Q(giver__in=mine)
            | Q(taker__in=mine)
            | Q(facility__operator__in=mine)
            | Q(facility__jurisdiction__in=Jurisdiction.objects.overseen_by(user)),
        )


def _side(side: str) -> Q:
    """What has to be known of one side, by its means."""
    means, by, relation = f"{side}_means", f"{side}_by__isnull", f"{side}_relation__isnull"
    return (
        Q(**{means: Means.RELATION, relation: False})
        | Q(**{f"{means}__in": [Means.PERSON, Means.CODE, Means.OWN], by: False})
        | Q(**{f"{means}__in": [Means.SIGNATURE, Means.DISPATCH, Means.EARLIER]})
    )


class Handover(models.Model):
    """That custody of a truckload passed from one organization to another, and who confirmed it for each, and how.

    One for a load, however many things are on it; the entries of the ledger refer to it. Never changed.
    """

    giver = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="handovers_given", verbose_name=_("who gave")
    )
    taker = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="handovers_taken", verbose_name=_("who took")
    )
    facility = models.ForeignKey(
        Facility, on_delete=models.PROTECT, related_name="handovers", verbose_name=_("facility")
    )
    shipment = models.ForeignKey(
        Shipment, on_delete=models.PROTECT, related_name="handovers", verbose_name=_("shipment")
    )
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now(), editable=False)
    giver_means = models.CharField(_("the giver confirmed by"), max_length=9, choices=Means.choices)
    giver_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("for the giver"),
    )
    giver_relation = models.ForeignKey(
        Relation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="handovers_given",
        verbose_name=_("relation of the giver"),
    )
    receipt = models.ForeignKey(
        Receipt, on_delete=models.PROTECT, null=True, blank=True, related_name="handovers", verbose_name=_("receipt")
    )
    taker_means = models.CharField(_("the taker confirmed by"), max_length=9, choices=Means.choices)
    taker_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("for the taker"),
    )
    taker_relation = models.ForeignKey(
        Relation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="handovers_taken",
        verbose_name=_("relation of the taker"),
    )

    objects = HandoverQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("hand-over")
        verbose_name_plural = _("hand-overs")
        constraints = (
            models.CheckConstraint(condition=~Q(giver=F("taker")), name="handover_between_two"),
            models.CheckConstraint(condition=_side("giver"), name="handover_giver_confirmed"),
            models.CheckConstraint(
                condition=_side("taker") & ~Q(taker_means__in=["dispatch", "signature", "code"]),
                name="handover_taker_confirmed",
            ),
            models.CheckConstraint(
                condition=Q(giver_means="signature", receipt__isnull=False)
                | (~Q(giver_means="signature") & Q(receipt__isnull=True)),
                name="handover_signed_has_receipt",
            ),
        )
        triggers = (pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),)

    def __str__(self) -> str:
        return _("Hand-over %(id)s") % {"id": self.pk}

    @property
    def for_giver(self) -> str:
        """Who confirmed for the giver, for people to read."""
        return self._who(self.giver_means, self.receipt or self.giver_by or self.giver_relation_id)

    @property
    def for_taker(self) -> str:
        """Who confirmed for the taker, for people to read."""
        return self._who(self.taker_means, self.taker_by or self.taker_relation_id)

    def _who(self, means: str, who: Any) -> str:
        label = str(Means(means).label)
        if isinstance(who, Receipt):
            return f"{who.role} ({label}, {who})"
        if isinstance(who, int):
            return f"{label} {who}"
        return f"{who.name} ({label})" if who is not None else label


class ContestStatus(models.TextChoices):
    OPEN = "open", _("open")
    UPHELD = "upheld", _("upheld")
    DISMISSED = "dismissed", _("dismissed")


#: Every legal move of a contest's status; the database trigger is made from this list.
CONTEST_MOVES: list[tuple[str, str]] = [
    (ContestStatus.OPEN, ContestStatus.UPHELD),
    (ContestStatus.OPEN, ContestStatus.DISMISSED),
]


class ContestQuerySet(PartQuerySet["Contest"]):
    whole = "receipt"


class Contest(models.Model):
    """That somebody who has the link of a receipt says that the hand-over was not as it says. A regulator decides."""

    receipt = models.ForeignKey(Receipt, on_delete=models.PROTECT, related_name="contests", verbose_name=_("receipt"))
    name = models.CharField(_("name"), max_length=150)
    statement = models.TextField(_("what is contested"), max_length=2000)
    opened_at = models.DateTimeField(_("opened at"), db_default=Now(), editable=False)
    status = models.CharField(
        _("status"), max_length=9, choices=ContestStatus.choices, default=ContestStatus.OPEN, editable=False
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="contests_decided",
        editable=False,
        verbose_name=_("decided by"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True, editable=False)

    objects = ContestQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("contest")
        verbose_name_plural = _("contests")
        constraints = (
            models.UniqueConstraint(
                fields=["receipt"], condition=Q(status="open"), name="contest_one_open_per_receipt"
            ),
            models.CheckConstraint(
                condition=Q(status="open", decided_by__isnull=True, decided_at__isnull=True, reason="")
                | (~Q(status="open") & Q(decided_by__isnull=False, decided_at__isnull=False) & ~Q(reason="")),
                name="contest_decision_complete",
            ),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=CONTEST_MOVES),)

    def __str__(self) -> str:
        return _("Contest %(id)s") % {"id": self.pk}
