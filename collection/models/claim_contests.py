from __future__ import annotations

from datetime import date, timedelta
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, Viewer, organizations_of
from collection.models.batteries import Battery
from collection.models.jurisdictions import Jurisdiction
from collection.models.records import RecordQuerySet

#: How long who claimed has to answer, and a regulator to decide after that. Relode's own terms: no law names any.
ANSWER_WITHIN = timedelta(days=30)
DECISION_WITHIN = timedelta(days=60)


class ClaimContestStatus(models.TextChoices):
    OPEN = "open", _("awaits an answer")
    ANSWERED = "answered", _("awaits a decision")
    CONCEDED = "conceded", _("conceded")
    UPHELD = "upheld", _("upheld")
    DISMISSED = "dismissed", _("dismissed")
    WITHDRAWN = "withdrawn", _("withdrawn")


#: Every legal move of a contest's status; the database trigger is made from this list.
CLAIM_CONTEST_MOVES: list[tuple[str, str]] = [
    (ClaimContestStatus.OPEN, ClaimContestStatus.ANSWERED),
    *[
        (before, after)
        for before in (ClaimContestStatus.OPEN, ClaimContestStatus.ANSWERED)
        for after in (
            ClaimContestStatus.CONCEDED,
            ClaimContestStatus.UPHELD,
            ClaimContestStatus.DISMISSED,
            ClaimContestStatus.WITHDRAWN,
        )
    ],
]

#: In these a contest is undecided.
UNDECIDED = (ClaimContestStatus.OPEN, ClaimContestStatus.ANSWERED)

#: In these the battery is known not to be of the producer that contested.
DISOWNED = (ClaimContestStatus.CONCEDED, ClaimContestStatus.UPHELD)


class ClaimContestQuerySet(RecordQuerySet["ClaimContest"]):
    whose: ClassVar = {"organizations": ("contested_by", "claimed_by"), "places": ("jurisdiction",)}

    def visible_to(self, user: Viewer) -> ClaimContestQuerySet:
        """The producer, who claimed, and the regulators of where it is decided."""
        if user.is_superuser:
            return self
        mine = organizations_of(user)
        return self.seen_by(
            user,
            Q(contested_by__in=mine)
            | Q(claimed_by__in=mine)
            | Q(jurisdiction__in=Jurisdiction.objects.overseen_by(user)),
        )

    def undecided(self) -> ClaimContestQuerySet:
        return self.filter(status__in=UNDECIDED)

    def overdue(self, today: date) -> ClaimContestQuerySet:
        """Those whose next step was due before `today`."""
        return self.undecided().filter(due_on__lt=today)


class ClaimContest(models.Model):
    """That a producer says of a battery which others claim to be its: it is not.

    Who claimed it answers or concedes until a day; then, or once it answered, a regulator decides. Until then the battery
    stays claimed. What is conceded or upheld leaves the battery without a producer; what is dismissed confirms it.
    """

    battery = models.ForeignKey(
        Battery, on_delete=models.PROTECT, related_name="claim_contests", verbose_name=_("battery")
    )
    contested_by = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="claims_contested", verbose_name=_("contested by")
    )
    claimed_by = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="claims_defended", verbose_name=_("claimed by")
    )
    jurisdiction = models.ForeignKey(
        Jurisdiction,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="claim_contests",
        verbose_name=_("decided in"),
        help_text=_("Where it was placed on the market, else where it was collected. Empty: the platform decides."),
    )
    statement = models.TextField(_("why it is not"), max_length=2000)
    opened_at = models.DateTimeField(_("opened at"), db_default=Now(), editable=False)
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("opened by")
    )
    status = models.CharField(
        _("status"),
        max_length=9,
        choices=ClaimContestStatus.choices,
        default=ClaimContestStatus.OPEN,
        editable=False,
    )
    due_on = models.DateField(
        _("due on"), editable=False, help_text=_("Until when it is to be answered; once it is, to be decided.")
    )
    answer = models.TextField(_("answer"), max_length=2000, blank=True, editable=False)
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True, editable=False)
    reason = models.CharField(_("reason"), max_length=500, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("closed by"),
    )
    decided_at = models.DateTimeField(_("closed at"), null=True, blank=True, editable=False)

    objects = ClaimContestQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("contest of a claim")
        verbose_name_plural = _("contests of claims")
        indexes = (
            models.Index(fields=["due_on"], condition=Q(status__in=["open", "answered"]), name="claim_contest_due"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["battery"], condition=Q(status__in=["open", "answered"]), name="claim_contest_one_undecided"
            ),
            models.CheckConstraint(condition=~Q(contested_by=F("claimed_by")), name="claim_contest_between_two"),
            models.CheckConstraint(condition=~Q(statement=""), name="claim_contest_says_why"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True, answer="") | (Q(answered_at__isnull=False) & ~Q(answer="")),
                name="claim_contest_answer_complete",
            ),
            models.CheckConstraint(
                condition=(
                    Q(status="open", answered_at__isnull=True, decided_at__isnull=True, decided_by__isnull=True)
                    | Q(status="answered", answered_at__isnull=False, decided_at__isnull=True, decided_by__isnull=True)
                    | Q(
                        status__in=["conceded", "upheld", "dismissed", "withdrawn"],
                        decided_at__isnull=False,
                        decided_by__isnull=False,
                    )
                ),
                name="claim_contest_status_complete",
            ),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=CLAIM_CONTEST_MOVES),)

    def __str__(self) -> str:
        return _("Contest of claim %(id)s") % {"id": self.pk}

    @property
    def is_overdue(self) -> bool:
        """Whether its next step was due before today."""
        return self.status in UNDECIDED and self.due_on < timezone.localdate()
