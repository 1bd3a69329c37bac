from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from collection.models import AssignedChemistry, BatteryModel, Chemistry, Jurisdiction, assignment_known
from collection.models.chemistries import ReferenceQuerySet


@pghistory.track()
class MarketStatistic(AssignedChemistry):
    """How many vehicles or batteries an authority counted on a market in a period: published, and nobody's declaration.

    What producers declare is compared with it. It obliges nobody to report, and no figure of a report contains it.
    """

    authority = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="market_statistics", verbose_name=_("authority")
    )
    jurisdiction = models.ForeignKey(
        Jurisdiction, on_delete=models.PROTECT, related_name="market_statistics", verbose_name=_("jurisdiction")
    )
    period_start = models.DateField(_("from"))
    period_end = models.DateField(_("until"), help_text=_("Last day of the period."))
    producer = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("producer"),
        help_text=_("Empty: of all producers together."),
    )
    model = models.ForeignKey(
        BatteryModel, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("battery model")
    )
    chemistry = models.ForeignKey(
        Chemistry, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("chemistry")
    )
    units = models.PositiveIntegerField(_("units"))
    description = models.CharField(_("as named in the source"), max_length=200, blank=True)
    source = models.CharField(_("source"), max_length=300)
    source_key = models.CharField(
        _("key in the source"), max_length=200, help_text=_("Recognizes the row when it is sent again.")
    )

    objects = ReferenceQuerySet["MarketStatistic"].as_manager()

    class Meta:
        ordering = ("-period_start", "-pk")
        verbose_name = _("market statistic")
        verbose_name_plural = _("market statistics")
        indexes = (models.Index(fields=["jurisdiction", "period_start"], name="market_statistic_of_place"),)
        constraints = (
            models.UniqueConstraint(fields=["authority", "source_key"], name="market_statistic_key_once"),
            models.CheckConstraint(condition=Q(period_end__gte=F("period_start")), name="market_statistic_is_a_period"),
            models.CheckConstraint(condition=~Q(source=""), name="market_statistic_has_source"),
            assignment_known("market_statistic_assignment_known"),
        )

    def __str__(self) -> str:
        return f"{self.authority} {self.jurisdiction_id} {self.period_start}: {self.units}"
