"""What a report's figures are computed from, kept with the report: whatever is corrected later, they can be recomputed."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from collection.models import Battery, BatteryModel, Chemistry, Composition, Element, Facility
from recycling.models.batches import Batch
from recycling.models.intakes import Decision
from recycling.models.plants import Stage
from recycling.models.reports import CHAIN_LENGTH, EprReport, ReportPartQuerySet, frozen_with_report
from recycling.models.schemes import MarketPlacement


class EprEvidence(models.Model):
    """One battery behind the figures of a report, with all that they were computed from, as known then.

    Written by the hundred thousand, so only what is searched by has an index, and the database checks only the
    reference to the report: the others are copied from the ledger and the charges, which keep what they refer to.
    """

    class Fate(models.TextChoices):
        COLLECTED = "collected", _("collected")
        SECOND_LIFE = "second_life", _("reused, repurposed or remanufactured")
        RECYCLED = "recycled", _("recycled")
        CLAIMED_COLLECTED = "claimed_collected", _("collected; claimed, not confirmed")
        CLAIMED_SECOND_LIFE = "claimed_second_life", _("reused, repurposed or remanufactured; claimed, not confirmed")
        CLAIMED_RECYCLED = "claimed_recycled", _("recycled; claimed, not confirmed")
        RETURNED = "returned", _("back from a further use")
        LOST = "lost", _("lost or destroyed")
        AWAY_COLLECTED = "away_collected", _("collected; counts elsewhere")
        AWAY_SECOND_LIFE = "away_second_life", _("reused, repurposed or remanufactured; counts elsewhere")
        AWAY_RECYCLED = "away_recycled", _("recycled; counts elsewhere")
        CLAIMED_AWAY = "claimed_away", _("collected; counts elsewhere; claimed, not confirmed")

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="evidence", db_index=False, verbose_name=_("report")
    )
    battery = models.ForeignKey(
        Battery, on_delete=models.PROTECT, related_name="+", db_constraint=False, verbose_name=_("battery")
    )
    fate = models.CharField(_("fate"), max_length=19, choices=Fate.choices)
    occurred_on = models.DateField(_("on"), help_text=_("Day in the time zone of the facility."))
    facility = models.ForeignKey(
        Facility,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("facility"),
    )
    country = models.CharField(_("country"), max_length=2, blank=True)
    placed_in = models.CharField(_("placed on the market in"), max_length=6, blank=True, db_default="")
    collected_in = models.CharField(_("collected in"), max_length=6, blank=True, db_default="")
    identifier = models.CharField(
        _("identifier"),
        max_length=120,
        blank=True,
        db_default="",
        help_text=_("What it was known by, with its scheme."),
    )
    batch = models.ForeignKey(
        Batch,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("batch"),
    )
    method = models.CharField(
        _("method"),
        max_length=CHAIN_LENGTH,
        blank=True,
        help_text=_("Stage of the line it was charged to, then the stages that what came of it went through since."),
    )
    decision = models.CharField(_("decision"), max_length=13, choices=Decision.choices, blank=True)
    chemistry = models.ForeignKey(
        Chemistry,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("chemistry"),
    )
    family = models.CharField(_("chemistry family"), max_length=7, choices=Chemistry.Family.choices, blank=True)
    composition = models.ForeignKey(
        Composition,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        verbose_name=_("composition"),
    )
    content_kwh = models.DecimalField(
        _("energy that contents are computed from (kWh)"), max_digits=12, decimal_places=6, null=True, blank=True
    )
    mass_kg = models.DecimalField(_("mass (kg)"), max_digits=20, decimal_places=11, null=True, blank=True)
    basis = models.CharField(
        _("basis"),
        max_length=9,
        blank=True,
        db_default="",
        help_text=_("What it rests on, what the battery consists of."),
    )

    objects = ReportPartQuerySet["EprEvidence"].as_manager()

    class Meta:
        ordering = ("report", "fate", "battery")
        verbose_name = _("evidence")
        verbose_name_plural = _("evidence")
        constraints = (
            models.UniqueConstraint(fields=["report", "fate", "battery"], name="epr_evidence_once_per_fate"),
        )
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id} {self.fate} {self.battery_id}"


class EprPlacement(models.Model):
    """A market placement that a report counted, as it was then."""

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="placements", db_index=False, verbose_name=_("report")
    )
    placement = models.ForeignKey(
        MarketPlacement, on_delete=models.PROTECT, related_name="+", verbose_name=_("market placement")
    )
    period_start = models.DateField(_("from"))
    period_end = models.DateField(_("until"))
    model = models.ForeignKey(
        BatteryModel, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("battery model")
    )
    chemistry = models.ForeignKey(
        Chemistry, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("chemistry")
    )
    family = models.CharField(_("chemistry family"), max_length=7, choices=Chemistry.Family.choices, blank=True)
    units = models.PositiveIntegerField(_("units"))
    mass_kg = models.DecimalField(_("mass (kg)"), max_digits=16, decimal_places=3, null=True, blank=True)
    is_counted = models.BooleanField(
        _("counted"), default=True, help_text=_("No: it only overlaps the period, so its units are not in the figures.")
    )

    objects = ReportPartQuerySet["EprPlacement"].as_manager()

    class Meta:
        ordering = ("report", "placement")
        verbose_name = _("market placement of a report")
        verbose_name_plural = _("market placements of a report")
        constraints = (models.UniqueConstraint(fields=["report", "placement"], name="epr_placement_once"),)
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id} {self.placement_id}"


class EprFactor(models.Model):
    """The recovery factors that a report was computed with, as they were then."""

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="factors", db_index=False, verbose_name=_("report")
    )
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+", verbose_name=_("batch"))
    element = models.CharField(_("element"), max_length=8, choices=Element.choices)
    recovered = models.DecimalField(_("recovered share"), max_digits=30, decimal_places=18)
    pending = models.DecimalField(_("pending share"), max_digits=30, decimal_places=18)
    residue = models.DecimalField(_("share in residue"), max_digits=30, decimal_places=18)

    objects = ReportPartQuerySet["EprFactor"].as_manager()

    class Meta:
        ordering = ("report", "batch", "element")
        verbose_name = _("factor of a report")
        verbose_name_plural = _("factors of a report")
        constraints = (models.UniqueConstraint(fields=["report", "batch", "element"], name="epr_factor_once"),)
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id} {self.batch_id} {self.element}"


class EprIntensity(models.Model):
    """The element intensities that a report was computed with, as they were then."""

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="intensities", db_index=False, verbose_name=_("report")
    )
    composition = models.ForeignKey(
        Composition, on_delete=models.PROTECT, related_name="+", verbose_name=_("composition")
    )
    element = models.CharField(_("element"), max_length=8, choices=Element.choices)
    kg_per_kwh = models.DecimalField(_("kg per kWh"), max_digits=9, decimal_places=6)

    objects = ReportPartQuerySet["EprIntensity"].as_manager()

    class Meta:
        ordering = ("report", "composition", "element")
        verbose_name = _("intensity of a report")
        verbose_name_plural = _("intensities of a report")
        constraints = (models.UniqueConstraint(fields=["report", "composition", "element"], name="epr_intensity_once"),)
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id} {self.composition_id} {self.element}"


class EprSite(models.Model):
    """A facility that processed a report's batteries, or what came out of them at any later stage."""

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="sites", db_index=False, verbose_name=_("report")
    )
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="+", verbose_name=_("facility"))
    method = models.CharField(_("method"), max_length=10, choices=Stage.choices)
    country = models.CharField(_("country"), max_length=2)
    is_proven = models.BooleanField(
        _("conditions proven"),
        default=False,
        db_default=False,
        help_text=_("Abroad: a permit says that they are equal to those at home."),
    )

    objects = ReportPartQuerySet["EprSite"].as_manager()

    class Meta:
        ordering = ("report", "facility", "method")
        verbose_name = _("facility of a report")
        verbose_name_plural = _("facilities of a report")
        constraints = (models.UniqueConstraint(fields=["report", "facility", "method"], name="epr_site_once"),)
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id} {self.facility_id} {self.method}"
