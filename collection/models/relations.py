from __future__ import annotations

from collections.abc import Iterable

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, Viewer, organizations_of
from collection.models.batteries import Condition
from collection.models.facilities import Facility
from collection.models.jurisdictions import Jurisdiction


class Means(models.TextChoices):
    """How somebody confirmed for one side of a hand-over."""

    RELATION = "relation", _("standing relation")
    PERSON = "person", _("word of a person")
    CODE = "code", _("one-time code")
    SIGNATURE = "signature", _("signature on the driver's device")
    OWN = "own", _("own act")
    DISPATCH = "dispatch", _("by the dispatch")
    EARLIER = "earlier", _("before hand-overs were kept")


class RelationStatus(models.TextChoices):
    OFFERED = "offered", _("offered")
    ACCEPTED = "accepted", _("accepted")
    REFUSED = "refused", _("refused")
    WITHDRAWN = "withdrawn", _("withdrawn")
    DECLARED = "declared", _("declared")
    ENDED = "ended", _("ended")


#: Every legal move of a relation's status; the database trigger is made from this list.
RELATION_MOVES: list[tuple[str, str]] = [
    (RelationStatus.OFFERED, RelationStatus.ACCEPTED),
    (RelationStatus.OFFERED, RelationStatus.REFUSED),
    (RelationStatus.OFFERED, RelationStatus.WITHDRAWN),
    (RelationStatus.ACCEPTED, RelationStatus.ENDED),
    (RelationStatus.DECLARED, RelationStatus.ENDED),
    (RelationStatus.DECLARED, RelationStatus.OFFERED),
]

#: In these a relation holds.
STANDING = (RelationStatus.ACCEPTED, RelationStatus.DECLARED)


def _all_conditions() -> list[str]:
    return list(Condition.values)


class RelationQuerySet(models.QuerySet["Relation"]):
    def visible_to(self, user: Viewer) -> RelationQuerySet:
        """Both sides; what one side alone ever declared, the regulators of the places, too."""
        if user.is_superuser:
            return self
        mine = organizations_of(user)
        places = Facility.objects.filter(jurisdiction__in=Jurisdiction.objects.overseen_by(user))
        of_giver = Exists(places.filter(operator=OuterRef("giver")))
        named = Relation.facilities.through.objects.filter(relation=OuterRef("pk"))
        overseen = Exists(named.filter(facility__in=places.values("pk"))) | (~Exists(named) & of_giver)
        return self.filter(Q(giver__in=mine) | Q(taker__in=mine) | (Q(declared_at__isnull=False) & overseen))

    def standing(self, kind: str, giver: Organization, taker: Organization) -> RelationQuerySet:
        return self.filter(kind=kind, giver=giver, taker=taker, status__in=STANDING)


@pghistory.track(pghistory.UpdateEvent(), model_name="RelationHistory", fields=["status", "reason", "offered_by"])
class Relation(models.Model):
    """A standing agreement that `taker` may take batteries into custody from `giver`, or carry them for it.

    Either side offers it, the other accepts. Where the other is unclaimed, one side declares it alone; what it declared
    becomes an offer once the other has people of its own, by the trigger of `ClaimedOrganization`.
    """

    class Kind(models.TextChoices):
        COLLECT = "collect", _("collects from its facilities")
        CARRY = "carry", _("carries for it")

    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    giver = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="relations_given", verbose_name=_("who gives")
    )
    taker = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="relations_taken", verbose_name=_("who takes or carries")
    )
    facilities = models.ManyToManyField(
        Facility,
        blank=True,
        related_name="relations",
        verbose_name=_("facilities"),
        help_text=_("Where it holds. Empty: at all facilities of who gives."),
    )
    conditions = ArrayField(
        models.CharField(max_length=9, choices=Condition.choices), verbose_name=_("conditions"), default=_all_conditions
    )
    unannounced = models.BooleanField(
        _("unannounced, too"),
        default=False,
        help_text=_("Whether what was not announced may be loaded, up to the packs expected."),
    )
    status = models.CharField(
        _("status"), max_length=9, choices=RelationStatus.choices, default=RelationStatus.OFFERED, editable=False
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True, editable=False)
    offered_by = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="+", editable=False, verbose_name=_("offered by")
    )
    offered_at = models.DateTimeField(_("offered at"), auto_now_add=True)
    declared_at = models.DateTimeField(_("declared at"), null=True, blank=True, editable=False)
    is_simulated = models.BooleanField(_("simulated"), default=False)

    objects = RelationQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("relation")
        verbose_name_plural = _("relations")
        constraints = (
            models.CheckConstraint(condition=~Q(giver=F("taker")), name="relation_of_two"),
            models.CheckConstraint(
                condition=Q(offered_by=F("giver")) | Q(offered_by=F("taker")), name="relation_offered_by_one_of_both"
            ),
            models.CheckConstraint(condition=Q(kind__in=["collect", "carry"]), name="relation_kind_known"),
            models.CheckConstraint(
                condition=Q(conditions__contained_by=Condition.values) & ~Q(conditions=[]),
                name="relation_conditions_known",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["refused", "ended"]) | ~Q(reason=""), name="relation_end_has_reason"
            ),
            models.CheckConstraint(
                condition=~Q(status="declared") | Q(declared_at__isnull=False), name="relation_declared_at_some_time"
            ),
            models.UniqueConstraint(
                fields=["kind", "giver", "taker"], condition=Q(status="offered"), name="relation_one_offer"
            ),
            models.UniqueConstraint(
                fields=["kind", "giver", "taker"],
                condition=Q(status__in=["accepted", "declared"]),
                name="relation_one_stands",
            ),
        )
        triggers = (
            pgtrigger.FSM(name="status_moves", field="status", transitions=RELATION_MOVES),
            pgtrigger.Trigger(
                name="pickups_lapse",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("status"),
                condition=pgtrigger.Q(old__status__in=["accepted", "declared"])
                & ~pgtrigger.Q(new__status__in=["accepted", "declared"]),
                func="""
                    UPDATE collection_pickup SET giver_means = '', giver_relation_id = NULL
                    WHERE giver_relation_id = NEW.id AND status IN ('requested', 'scheduled', 'failed');
                    UPDATE collection_pickup SET carrier_means = '', carrier_relation_id = NULL
                    WHERE carrier_relation_id = NEW.id AND status IN ('requested', 'scheduled', 'failed');
                    RETURN NULL;
                """,
            ),
        )

    def __str__(self) -> str:
        return f"{self.taker} {self.get_kind_display()}: {self.giver}"

    @property
    def other(self) -> int:
        """The organization, by its key, that has to answer the offer."""
        return self.taker_id if self.offered_by_id == self.giver_id else self.giver_id

    def covers(self, conditions: Iterable[str]) -> bool:
        """Whether it holds for batteries in all of these conditions."""
        return set(conditions) <= set(self.conditions)

    def holds_at(self, facility: Facility) -> bool:
        """Whether it holds for what stands at a facility."""
        named = {place.pk for place in self.facilities.all()}
        return not named or facility.pk in named


class ClaimedOrganization(Organization):
    """An organization as its relations see it: once it is claimed, what was declared of it waits for its own word."""

    class Meta:
        proxy = True
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        triggers = (
            pgtrigger.Trigger(
                name="declarations_become_offers",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("claimed_at"),
                condition=pgtrigger.Q(old__claimed_at__isnull=True) & pgtrigger.Q(new__claimed_at__isnull=False),
                func="""
                    UPDATE collection_relation SET status = 'offered'
                    WHERE status = 'declared' AND NEW.id IN (giver_id, taker_id) AND offered_by_id <> NEW.id;
                    RETURN NULL;
                """,
            ),
        )
