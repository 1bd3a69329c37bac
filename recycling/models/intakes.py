from __future__ import annotations

from typing import ClassVar

import pghistory
import pgtrigger
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Viewer
from collection.models import Battery, Condition, Shipment
from collection.models.records import RecordQuerySet
from collection.units import entered_field, kg_field, unit_field, unit_known
from recycling.models.due_days import BY_INTAKES
from recycling.models.plants import Plant


class PlantRecordQuerySet[M: models.Model](RecordQuerySet[M]):
    """Records of a plant: its operator's, and readable by the regulators of the place."""

    to_plant = "plant"
    whose: ClassVar = {"facilities": ("plant.facility",)}

    def visible_to(self, user: Viewer) -> PlantRecordQuerySet[M]:
        if user.is_superuser:
            return self
        return self.seen_by(user, Q(**{f"{self.to_plant}__in": Plant.objects.reported_to(user).values("pk")}))


class IntakePartQuerySet[M: models.Model](PlantRecordQuerySet[M]):
    to_plant = "intake__plant"
    whose: ClassVar = {"facilities": ("intake__plant.facility",)}


@pghistory.track(pghistory.UpdateEvent(), model_name="IntakeHistory", fields=["gross_value", "tare_value", "unit"])
class Intake(models.Model):
    """A weighing at a plant's gate: gross and tare of the truck, and the received mass of each battery."""

    plant = models.ForeignKey(Plant, on_delete=models.PROTECT, related_name="intakes", verbose_name=_("plant"))
    shipment = models.OneToOneField(
        Shipment, on_delete=models.PROTECT, related_name="intake", verbose_name=_("shipment")
    )
    ticket = models.CharField(_("weighbridge ticket"), max_length=60)
    weighed_at = models.DateTimeField(_("weighed at"))
    gross_value = entered_field(_("gross"))
    tare_value = entered_field(_("tare"))
    unit = unit_field()
    gross_kg = kg_field("gross_value", "unit", _("gross (kg)"))
    tare_kg = kg_field("tare_value", "unit", _("tare (kg)"))
    net_value = models.GeneratedField(
        verbose_name=_("net"),
        expression=F("gross_value") - F("tare_value"),
        output_field=models.DecimalField(max_digits=13, decimal_places=3),
        db_persist=True,
    )
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="intakes", verbose_name=_("recorded by")
    )
    recorded_at = models.DateTimeField(_("recorded at"), auto_now_add=True)
    note = models.CharField(_("note"), max_length=500, blank=True)
    is_simulated = models.BooleanField(_("simulated"), default=False)

    objects = PlantRecordQuerySet["Intake"].as_manager()

    class Meta:
        ordering = ("-weighed_at", "-pk")
        verbose_name = _("intake")
        verbose_name_plural = _("intakes")
        constraints = (
            models.UniqueConstraint(fields=["plant", "ticket"], name="intake_ticket_once_per_plant"),
            models.CheckConstraint(condition=Q(tare_value__gt=0), name="intake_tare_positive"),
            unit_known("unit", "intake_unit_known"),
            models.CheckConstraint(condition=Q(gross_value__gt=F("tare_value")), name="intake_gross_above_tare"),
        )
        triggers = (BY_INTAKES,)

    def __str__(self) -> str:
        return f"{self.ticket} ({self.plant})"

    @property
    def net_kg(self):  # type: ignore[no-untyped-def]
        """Net mass in kilograms: gross less tare."""
        return self.gross_kg - self.tare_kg


class IntakeBattery(models.Model):
    """Declared against received mass of one battery."""

    intake = models.ForeignKey(
        Intake, on_delete=models.CASCADE, related_name="batteries", db_index=False, verbose_name=_("intake")
    )
    battery = models.ForeignKey(Battery, on_delete=models.PROTECT, related_name="intakes", verbose_name=_("battery"))
    declared_kg = models.DecimalField(_("declared mass (kg)"), max_digits=20, decimal_places=11, null=True, blank=True)
    received_value = entered_field(_("received mass"), null=True, blank=True)
    unit = unit_field()
    received_kg = kg_field("received_value", "unit", _("received mass (kg)"))

    objects = IntakePartQuerySet["IntakeBattery"].as_manager()

    class Meta:
        ordering = ("intake", "pk")
        verbose_name = _("battery at intake")
        verbose_name_plural = _("batteries at intake")
        constraints = (
            models.UniqueConstraint(fields=["intake", "battery"], name="intake_battery_once"),
            models.CheckConstraint(condition=Q(received_value__gt=0), name="intake_battery_mass_positive"),
            unit_known("unit", "intake_battery_unit_known"),
        )

    def __str__(self) -> str:
        return f"{self.intake_id}/{self.battery_id}"


class DiscrepancyStatus(models.TextChoices):
    OPEN = "open", _("open")
    SETTLED = "settled", _("settled")


DISCREPANCY_MOVES: list[tuple[str, str]] = [(DiscrepancyStatus.OPEN, DiscrepancyStatus.SETTLED)]


@pghistory.track(pghistory.UpdateEvent(), model_name="DiscrepancyHistory", fields=["status", "settlement"])
class Discrepancy(models.Model):
    """A difference between what was declared and what was received that is beyond tolerance, to be settled by a day."""

    class Kind(models.TextChoices):
        BATTERY_MASS = "battery_mass", _("mass of a battery")
        NET_MASS = "net_mass", _("net mass of the load")
        MISSING = "missing", _("declared but not received")

    intake = models.ForeignKey(Intake, on_delete=models.CASCADE, related_name="discrepancies", verbose_name=_("intake"))
    battery = models.ForeignKey(
        Battery,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="discrepancies",
        verbose_name=_("battery"),
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    declared_kg = models.DecimalField(_("declared mass (kg)"), max_digits=20, decimal_places=11, null=True)
    received_kg = models.DecimalField(_("received mass (kg)"), max_digits=20, decimal_places=11, null=True)
    due_on = models.DateField(_("to be settled by"))
    status = models.CharField(
        _("status"), max_length=7, choices=DiscrepancyStatus.choices, default=DiscrepancyStatus.OPEN, editable=False
    )
    settlement = models.CharField(_("settlement"), max_length=500, blank=True, editable=False)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="settled_discrepancies",
        verbose_name=_("settled by"),
    )
    settled_at = models.DateTimeField(_("settled at"), null=True, editable=False)

    objects = IntakePartQuerySet["Discrepancy"].as_manager()

    class Meta:
        ordering = ("due_on", "pk")
        verbose_name = _("discrepancy")
        verbose_name_plural = _("discrepancies")
        constraints = (
            models.CheckConstraint(
                condition=Q(status="open", settled_at__isnull=True)
                | (Q(status="settled", settled_at__isnull=False, settled_by__isnull=False) & ~Q(settlement="")),
                name="discrepancy_settled_is_signed",
            ),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=DISCREPANCY_MOVES),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.intake})"


class Decision(models.TextChoices):
    """Triage: what becomes of a battery. Definitions follow Regulation (EU) 2023/1542 Art. 3."""

    REUSE = "reuse", _("reuse")
    REPURPOSE = "repurpose", _("repurpose")
    REMANUFACTURE = "remanufacture", _("remanufacture")
    RECYCLE = "recycle", _("recycle")


class Inspection(models.Model):
    """A triage of one battery. The newest one holds; earlier ones stay."""

    plant = models.ForeignKey(Plant, on_delete=models.PROTECT, related_name="inspections", verbose_name=_("plant"))
    battery = models.ForeignKey(
        Battery, on_delete=models.PROTECT, related_name="inspections", db_index=False, verbose_name=_("battery")
    )
    inspected_at = models.DateTimeField(_("inspected at"))
    state_of_health = models.DecimalField(
        _("state of health"),
        max_digits=4,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
    )
    condition = models.CharField(_("condition"), max_length=9, choices=Condition.choices)
    decision = models.CharField(_("decision"), max_length=13, choices=Decision.choices)
    note = models.CharField(_("note"), max_length=500, blank=True)
    inspector = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="inspections", verbose_name=_("inspector")
    )

    objects = PlantRecordQuerySet["Inspection"].as_manager()

    class Meta:
        ordering = ("-inspected_at", "-pk")
        verbose_name = _("inspection")
        verbose_name_plural = _("inspections")
        indexes = (models.Index(fields=["battery", "-inspected_at", "-id"], name="inspection_newest"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(state_of_health__gte=0, state_of_health__lte=1), name="inspection_state_of_health_share"
            ),
            models.CheckConstraint(condition=Q(decision__in=Decision.values), name="inspection_decision_known"),
        )
        triggers = (pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),)

    def __str__(self) -> str:
        return f"{self.battery} – {self.get_decision_display()}"
