from __future__ import annotations

from typing import ClassVar

import pghistory
import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, PartQuerySet, Viewer, organizations_of
from collection.models.batteries import Battery, BatteryModel, Condition, Identifier
from collection.models.facilities import CollectionPoint, Facility
from collection.models.jurisdictions import Jurisdiction
from collection.models.records import RecordQuerySet
from collection.models.relations import Means, Relation
from collection.models.shipments import Shipment
from collection.models.sight import BATTERIES, Sees
from collection.units import entered_field, unit_field, unit_known


class PickupStatus(models.TextChoices):
    REQUESTED = "requested", _("requested")
    SCHEDULED = "scheduled", _("scheduled")
    COLLECTED = "collected", _("collected")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


#: Every legal move of a pickup's status; the database trigger is made from this list.
PICKUP_MOVES: list[tuple[str, str]] = [
    (PickupStatus.REQUESTED, PickupStatus.SCHEDULED),
    (PickupStatus.REQUESTED, PickupStatus.CANCELLED),
    (PickupStatus.SCHEDULED, PickupStatus.COLLECTED),
    (PickupStatus.SCHEDULED, PickupStatus.FAILED),
    (PickupStatus.SCHEDULED, PickupStatus.CANCELLED),
    (PickupStatus.FAILED, PickupStatus.SCHEDULED),
    (PickupStatus.FAILED, PickupStatus.CANCELLED),
]

#: A pickup that may still be carried out; a battery is in one such at most.
OPEN_PICKUPS = (PickupStatus.REQUESTED, PickupStatus.SCHEDULED, PickupStatus.FAILED)


class PickupQuerySet(RecordQuerySet["Pickup"]):
    whose: ClassVar = {
        "organizations": ("collector", "carrier"),
        "facilities": ("collection_point.facility",),
        "operated": ("destination",),
    }

    def visible_to(self, user: Viewer) -> PickupQuerySet:
        """The collection point's operator, the collector, the carrier, the place's regulators, and, once the collection
        point's side agreed, the destination.
        """
        if user.is_superuser:
            return self
        return self.seen_by(user, _parties(user) | Q(carrier__in=organizations_of(user)))

    def readable_by(self, user: Viewer) -> PickupQuerySet:
        """Those that are more to `user` than an outline: a carrier reads where, when and how many packs before both sides
        agreed.
        """
        if user.is_superuser:
            return self
        drives = Q(carrier__in=organizations_of(user)) & ~Q(giver_means="") & ~Q(carrier_means="")
        return self.filter(_parties(user) | drives)


def _parties(user: Viewer) -> Q:
    """Whose pickup it is to read, but for the carrier."""
    mine = organizations_of(user)
    return (
        Q(collection_point__facility__operator__in=mine)
        | Q(collector__in=mine)
        | (Q(destination__operator__in=mine) & ~Q(giver_means=""))
        | Q(collection_point__facility__jurisdiction__in=Jurisdiction.objects.overseen_by(user))
    )


@pghistory.track(
    pghistory.UpdateEvent(),
    model_name="PickupHistory",
    fields=[
        "status",
        "reason",
        "collector",
        "carrier",
        "vehicle",
        "destination",
        "window_start",
        "window_end",
    ],
)
class Pickup(models.Model):
    """That a collector fetches batteries from a collection point."""

    collection_point = models.ForeignKey(
        CollectionPoint, on_delete=models.PROTECT, related_name="pickups", verbose_name=_("collection point")
    )
    collector = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="pickups", verbose_name=_("collector")
    )
    packs_expected = models.PositiveIntegerField(_("packs expected"))
    condition = models.CharField(
        _("worst condition"), max_length=9, choices=Condition.choices, default=Condition.INTACT
    )
    convenient_from = models.DateTimeField(_("convenient from"))
    convenient_until = models.DateTimeField(_("convenient until"))
    notes = models.TextField(_("notes"), blank=True)

    carrier = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="pickups_carried",
        verbose_name=_("carrier"),
    )
    vehicle = models.CharField(_("vehicle"), max_length=60, blank=True)
    destination = models.ForeignKey(
        Facility,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="pickups_in",
        verbose_name=_("destination"),
    )
    window_start = models.DateTimeField(_("window from"), null=True, blank=True)
    window_end = models.DateTimeField(_("window until"), null=True, blank=True)

    giver_means = models.CharField(
        _("the collection point agreed by"), max_length=9, choices=Means.choices, blank=True, editable=False
    )
    giver_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        editable=False,
        verbose_name=_("for the collection point"),
    )
    giver_relation = models.ForeignKey(
        Relation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="pickups",
        editable=False,
        verbose_name=_("relation of the collection point"),
    )
    carrier_means = models.CharField(
        _("the carrier agreed by"), max_length=9, choices=Means.choices, blank=True, editable=False
    )
    carrier_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        editable=False,
        verbose_name=_("for the carrier"),
    )
    carrier_relation = models.ForeignKey(
        Relation,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="pickups_carried",
        editable=False,
        verbose_name=_("relation of the carrier"),
    )

    status = models.CharField(
        _("status"), max_length=9, choices=PickupStatus.choices, default=PickupStatus.REQUESTED, editable=False
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True, editable=False)
    collected_at = models.DateTimeField(_("collected at"), null=True, blank=True, editable=False)
    shipment = models.OneToOneField(
        Shipment,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="pickup",
        editable=False,
        verbose_name=_("shipment"),
    )
    requested_at = models.DateTimeField(_("requested at"), auto_now_add=True)
    is_simulated = models.BooleanField(_("simulated"), default=False)

    objects = PickupQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("pickup")
        verbose_name_plural = _("pickups")
        indexes = (models.Index(fields=["status", "window_start"], name="pickup_agenda"),)
        constraints = (
            models.CheckConstraint(condition=Q(packs_expected__gte=1), name="pickup_of_something"),
            models.CheckConstraint(
                condition=Q(convenient_until__gt=F("convenient_from")), name="pickup_convenience_is_a_period"
            ),
            models.CheckConstraint(
                condition=Q(window_start__isnull=True, window_end__isnull=True)
                | Q(window_start__isnull=False, window_end__isnull=False, window_end__gt=F("window_start")),
                name="pickup_window_is_a_period",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["scheduled", "collected"])
                | Q(carrier__isnull=False, destination__isnull=False, window_start__isnull=False),
                name="pickup_schedule_complete",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["failed", "cancelled"]) | ~Q(reason=""), name="pickup_refusal_has_reason"
            ),
            models.CheckConstraint(
                condition=Q(status="collected", shipment__isnull=False, collected_at__isnull=False)
                | (~Q(status="collected") & Q(shipment__isnull=True, collected_at__isnull=True)),
                name="pickup_collected_has_shipment",
            ),
            models.CheckConstraint(
                condition=~Q(status="collected") | (~Q(giver_means="") & ~Q(carrier_means="")),
                name="pickup_collected_by_agreement",
            ),
            models.CheckConstraint(
                condition=(~Q(giver_means__in=["relation", "signature"]) | Q(giver_relation__isnull=False))
                & (~Q(giver_means__in=["person", "code"]) | Q(giver_by__isnull=False))
                & (~Q(carrier_means="relation") | Q(carrier_relation__isnull=False))
                & (~Q(carrier_means__in=["person", "own"]) | Q(carrier_by__isnull=False)),
                name="pickup_agreement_says_whose",
            ),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=PICKUP_MOVES),)

    def __str__(self) -> str:
        return _("Pickup %(id)s") % {"id": self.pk}


class PickupBatteryQuerySet(PartQuerySet["PickupBattery"]):
    is_as_whole = False
    whole = "pickup"

    def visible_to(self, user: Viewer) -> PickupBatteryQuerySet:
        """As the pickup and the battery: what it announces is not told before both sides agreed."""
        return self if user.is_superuser else super().visible_to(user).filter(Sees(BATTERIES, user, "battery_id"))


class PickupBattery(models.Model):
    """A battery that is announced for a pickup. No battery is in two open pickups."""

    pickup = models.ForeignKey(
        Pickup, on_delete=models.CASCADE, related_name="batteries", db_index=False, verbose_name=_("pickup")
    )
    battery = models.ForeignKey(
        Battery, on_delete=models.PROTECT, related_name="pickup_entries", verbose_name=_("battery")
    )
    is_open = models.BooleanField(_("open"), default=True, editable=False)

    objects = PickupBatteryQuerySet.as_manager()

    class Meta:
        verbose_name = _("battery of a pickup")
        verbose_name_plural = _("batteries of a pickup")
        constraints = (
            models.UniqueConstraint(fields=["pickup", "battery"], name="pickup_battery_once"),
            models.UniqueConstraint(
                fields=["battery"], condition=Q(is_open=True), name="pickup_battery_one_open_per_battery"
            ),
        )

    def __str__(self) -> str:
        return f"{self.pickup_id}/{self.battery_id}"


class FindingStatus(models.TextChoices):
    WAITING = "waiting", _("waiting")
    CONFIRMED = "confirmed", _("confirmed")
    REFUSED = "refused", _("refused")


#: Every legal move of a finding's status; the database trigger is made from this list.
FINDING_MOVES: list[tuple[str, str]] = [
    (FindingStatus.WAITING, FindingStatus.CONFIRMED),
    (FindingStatus.WAITING, FindingStatus.REFUSED),
]


class PickupFindingQuerySet(models.QuerySet["PickupFinding"]):
    def visible_to(self, user: Viewer) -> PickupFindingQuerySet:
        """As the pickup, by whoever reads all of that."""
        return self if user.is_superuser else self.filter(pickup__in=Pickup.objects.readable_by(user).values("pk"))


class PickupFinding(models.Model):
    """A battery that the driver found beyond what was announced. It moves, and is registered, if the yard confirms it."""

    pickup = models.ForeignKey(
        Pickup, on_delete=models.CASCADE, related_name="findings", db_index=False, verbose_name=_("pickup")
    )
    battery = models.ForeignKey(
        Battery,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="findings",
        verbose_name=_("battery"),
        help_text=_("Empty while it is not registered."),
    )
    scheme = models.CharField(_("scheme"), max_length=10, choices=Identifier.Scheme.choices, blank=True)
    issuer = models.CharField(_("issuer"), max_length=100, blank=True)
    value = models.CharField(_("identifier"), max_length=100, blank=True)
    model = models.ForeignKey(
        BatteryModel, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("battery model")
    )
    condition = models.CharField(_("condition"), max_length=9, choices=Condition.choices, blank=True)
    mass_value = entered_field(_("mass"), null=True, blank=True)
    mass_unit = unit_field()
    status = models.CharField(
        _("status"), max_length=9, choices=FindingStatus.choices, default=FindingStatus.WAITING, editable=False
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True, editable=False)
    found_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False, verbose_name=_("found by")
    )
    found_at = models.DateTimeField(_("found at"), auto_now_add=True)
    means = models.CharField(_("answered by"), max_length=9, choices=Means.choices, blank=True, editable=False)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        editable=False,
        verbose_name=_("who answered"),
    )
    answered_at = models.DateTimeField(_("answered at"), null=True, blank=True, editable=False)

    objects = PickupFindingQuerySet.as_manager()

    class Meta:
        ordering = ("pickup", "pk")
        verbose_name = _("finding")
        verbose_name_plural = _("findings")
        constraints = (
            models.UniqueConstraint(
                fields=["pickup", "scheme", "issuer", "value"], condition=~Q(value=""), name="finding_once"
            ),
            models.UniqueConstraint(fields=["pickup", "battery"], name="finding_once_per_battery"),
            models.CheckConstraint(condition=Q(battery__isnull=False) | ~Q(value=""), name="finding_of_something"),
            models.CheckConstraint(condition=Q(mass_value__gt=0), name="finding_mass_positive"),
            unit_known("mass_unit", "finding_unit_known"),
            models.CheckConstraint(
                condition=Q(status="waiting", means="", answered_at__isnull=True)
                | Q(status="confirmed", means__in=Means.values, answered_at__isnull=False)
                | (Q(status="refused", means="person", answered_at__isnull=False) & ~Q(reason="")),
                name="finding_answer_complete",
            ),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=FINDING_MOVES),)

    def __str__(self) -> str:
        return self.value or str(self.battery)


class PickupCodeQuerySet(models.QuerySet["PickupCode"]):
    def visible_to(self, user: Viewer) -> PickupCodeQuerySet:
        """Nobody: it was shown once, to whoever asked for it."""
        return self.none()


class PickupCode(models.Model):
    """A code that a person of the yard shows and the driver types. It is kept as a digest, for minutes and a few tries."""

    pickup = models.OneToOneField(Pickup, on_delete=models.CASCADE, related_name="code", verbose_name=_("pickup"))
    digest = models.CharField(_("digest"), max_length=64)
    shown_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("shown by")
    )
    expires_at = models.DateTimeField(_("expires at"))
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)

    objects = PickupCodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("code of a pickup")
        verbose_name_plural = _("codes of pickups")

    def __str__(self) -> str:
        return str(self.pickup_id)
