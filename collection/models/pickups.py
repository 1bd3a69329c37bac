from __future__ import annotations

from typing import ClassVar

import pghistory
import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, PartQuerySet, Viewer, organizations_of
from collection.models.batteries import Battery, Condition
from collection.models.facilities import CollectionPoint, Facility
from collection.models.jurisdictions import Jurisdiction
from collection.models.records import RecordQuerySet
from collection.models.shipments import Shipment


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
        """The collection point's operator, the collector, the carrier, the destination, and the place's regulators."""
        if user.is_superuser:
            return self
        mine = organizations_of(user)
        return self.seen_by(
            user,
            Q(collection_point__facility__operator__in=mine)
            | Q(collector__in=mine)
            | Q(carrier__in=mine)
            | Q(destination__operator__in=mine)
            | Q(collection_point__facility__jurisdiction__in=Jurisdiction.objects.overseen_by(user)),
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
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=PICKUP_MOVES),)

    def __str__(self) -> str:
        return _("Pickup %(id)s") % {"id": self.pk}


class PickupBatteryQuerySet(PartQuerySet["PickupBattery"]):
    whole = "pickup"


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
