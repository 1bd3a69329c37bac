from __future__ import annotations

from typing import ClassVar

import pghistory
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import PartQuerySet
from collection.models import Element
from recycling.models.batches import Batch, BatchPartQuerySet
from recycling.models.seals import stale_with_parts


class InputAnalysisQuerySet(BatchPartQuerySet["InputAnalysis"]):
    pass


@pghistory.track()
class InputAnalysis(models.Model):
    """How it was determined what the batteries charged into a batch consist of: one of the methods of Delegated Regulation
    (EU) 2025/606, Annex, 2(3). Without one, what the literature gives for their chemistries is assumed, which is none of them.
    """

    class Method(models.TextChoices):
        PRODUCERS = "producers", _("information of the producers")
        OUTPUTS = "outputs", _("all outputs, emissions and waste")
        SAMPLING = "sampling", _("sampling and analysis of the input")

    batch = models.OneToOneField(
        Batch, on_delete=models.CASCADE, related_name="input_analysis", verbose_name=_("batch")
    )
    method = models.CharField(_("method"), max_length=9, choices=Method.choices)
    laboratory = models.CharField(_("laboratory"), max_length=200, blank=True)
    analyzed_on = models.DateField(_("analyzed on"))
    is_measured = models.BooleanField(_("measured"), help_text=_("No: estimated by that method."))
    moisture = models.DecimalField(
        _("water"),
        max_digits=5,
        decimal_places=4,
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("Share of water, such as coolant, in the mass of the batteries as charged."),
    )
    note = models.CharField(_("note"), max_length=500, blank=True)

    objects = InputAnalysisQuerySet.as_manager()

    class Meta:
        verbose_name = _("analysis of an input")
        verbose_name_plural = _("analyses of inputs")
        constraints = (
            models.CheckConstraint(
                condition=Q(method__in=["producers", "outputs", "sampling"]), name="input_method_known"
            ),
            models.CheckConstraint(condition=Q(moisture__gte=0, moisture__lt=1), name="input_moisture_is_share"),
            models.CheckConstraint(
                condition=~Q(method="sampling") | ~Q(laboratory=""), name="input_sample_has_laboratory"
            ),
        )
        triggers = stale_with_parts()

    def __str__(self) -> str:
        return f"{self.batch_id} {self.get_method_display()}"


class InputShareQuerySet(PartQuerySet["InputShare"]):
    whole = "analysis"


class InputShare(models.Model):
    """Mass fraction of an element in the dry mass of the batteries charged into a batch, by its analysis."""

    analysis = models.ForeignKey(
        InputAnalysis, on_delete=models.CASCADE, related_name="shares", verbose_name=_("analysis")
    )
    element = models.CharField(_("element"), max_length=8, choices=Element.choices)
    fraction = models.DecimalField(_("mass fraction"), max_digits=9, decimal_places=8)

    objects = InputShareQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ("analysis", "element")
        verbose_name = _("element of an input")
        verbose_name_plural = _("elements of an input")
        constraints = (
            models.UniqueConstraint(fields=["analysis", "element"], name="input_share_once"),
            models.CheckConstraint(condition=Q(fraction__gte=0, fraction__lte=1), name="input_share_is_fraction"),
            models.CheckConstraint(condition=Q(element__in=Element.values), name="input_share_element_known"),
        )
        triggers = stale_with_parts(
            "SELECT a.batch_id FROM recycling_inputanalysis a JOIN {rows} r ON r.analysis_id = a.id"
        )

    def __str__(self) -> str:
        return f"{self.element} {self.fraction}"
