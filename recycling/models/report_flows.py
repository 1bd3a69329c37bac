"""What a recycler's documentation is computed from, kept with the report: what entered, the steps, and all that left them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from collection.models import Facility, Lot
from recycling.models.batches import Batch
from recycling.models.plants import Stage
from recycling.models.reports import EprReport, ReportPartQuerySet, frozen_with_report


class EprStep(models.Model):
    """A batch that the recycler's input passed, or that what was charged with it came from."""

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="steps", db_index=False, verbose_name=_("report")
    )
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+", verbose_name=_("batch"))
    facility = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="+", verbose_name=_("facility"))
    country = models.CharField(_("country"), max_length=2)
    stage = models.CharField(_("stage"), max_length=10, choices=Stage.choices)
    is_first = models.BooleanField(_("first recycling"), help_text=_("Cells or modules enter recycling here."))
    is_proven = models.BooleanField(
        _("conditions proven"), help_text=_("Abroad: a permit says that they are equal to those at home.")
    )

    objects = ReportPartQuerySet["EprStep"].as_manager()

    class Meta:
        ordering = ("report", "batch")
        verbose_name = _("step of a report")
        verbose_name_plural = _("steps of a report")
        constraints = (models.UniqueConstraint(fields=["report", "batch"], name="epr_step_once"),)
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id} {self.batch_id}"


class EprFeed(models.Model):
    """Batteries of one place, year and composition that were charged into a step; `content` is kilograms by element."""

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="feeds", db_index=False, verbose_name=_("report")
    )
    number = models.PositiveIntegerField(_("number"))
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+", verbose_name=_("batch"))
    year = models.PositiveSmallIntegerField(_("year"))
    origin = models.CharField(_("collected in"), max_length=6, blank=True)
    family = models.CharField(_("chemistry family"), max_length=7, blank=True)
    chemistry = models.CharField(_("chemistry"), max_length=20, blank=True)
    basis = models.CharField(_("basis"), max_length=9)
    source = models.CharField(_("source"), max_length=400, blank=True)
    batteries = models.PositiveIntegerField(_("batteries"))
    mass_kg = models.DecimalField(_("mass as charged (kg)"), max_digits=24, decimal_places=11)
    dry_kg = models.DecimalField(_("dry mass (kg)"), max_digits=30, decimal_places=15)
    content = models.JSONField(_("content (kg)"), default=dict)

    objects = ReportPartQuerySet["EprFeed"].as_manager()

    class Meta:
        ordering = ("report", "number")
        verbose_name = _("input of a report")
        verbose_name_plural = _("inputs of a report")
        constraints = (models.UniqueConstraint(fields=["report", "number"], name="epr_feed_once"),)
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id}/{self.number}"


class EprLot(models.Model):
    """A lot that a step made or was charged with; `content` is kilograms by element that are from batteries."""

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="lots", db_index=False, verbose_name=_("report")
    )
    lot = models.ForeignKey(Lot, on_delete=models.PROTECT, related_name="+", verbose_name=_("lot"))
    batch = models.ForeignKey(
        Batch, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("made by")
    )
    into = models.ForeignKey(
        Batch, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("charged into")
    )
    year = models.PositiveSmallIntegerField(_("made in"))
    into_year = models.PositiveSmallIntegerField(_("charged in"), default=0)
    material = models.CharField(_("material"), max_length=40)
    is_intermediate = models.BooleanField(_("intermediate"))
    is_slag = models.BooleanField(_("slag"))
    is_substitute = models.BooleanField(_("replaces primary material"))
    is_battery = models.BooleanField(_("cells or modules"))
    is_known = models.BooleanField(_("content is known"))
    assay_basis = models.CharField(_("basis of the assay"), max_length=10)
    fate = models.CharField(_("counts as"), max_length=9)
    destination = models.CharField(_("destination"), max_length=300, blank=True)
    mass_kg = models.DecimalField(_("mass (kg)"), max_digits=20, decimal_places=11)
    dry_kg = models.DecimalField(_("dry mass (kg)"), max_digits=30, decimal_places=15)
    content = models.JSONField(_("content (kg)"), default=dict)

    objects = ReportPartQuerySet["EprLot"].as_manager()

    class Meta:
        ordering = ("report", "lot")
        verbose_name = _("lot of a report")
        verbose_name_plural = _("lots of a report")
        constraints = (models.UniqueConstraint(fields=["report", "lot"], name="epr_lot_once"),)
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id} {self.lot_id}"
