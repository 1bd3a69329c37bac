from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from collection.models import Confidence, Jurisdiction
from collection.models.chemistries import ReferenceQuerySet
from recycling.models.plants import Basis, Plant, Stage


class Standing(models.TextChoices):
    """What a source says of capacity that is no nameplate."""

    RUNNING = "running", _("running")
    ANNOUNCED = "announced", _("announced")
    BUILDING = "building", _("being built")
    STARTED = "started", _("started: in the nameplates")
    PAUSED = "paused", _("paused")
    WITHDRAWN = "withdrawn", _("withdrawn")


class CapacityStatement(models.Model):
    """What a source says of capacity beyond the nameplates: what was announced, and totals for whole countries.

    Of a site it is what would be added to what is there. Totals (`is_total`) are by others, to compare with: never added
    to anything. What the source does not say (tonnes, stage, year) is empty, and shown as not said.
    """

    key = models.CharField(_("key"), max_length=60, unique=True)
    name = models.CharField(_("name"), max_length=200)
    plant = models.ForeignKey(
        Plant,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="statements",
        verbose_name=_("plant"),
        help_text=_("Empty: of a site that is no plant here yet, or a total."),
    )
    jurisdiction = models.ForeignKey(
        Jurisdiction,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("jurisdiction"),
        help_text=_("Empty: all of North America."),
    )
    is_total = models.BooleanField(_("total"), default=False)
    standing = models.CharField(_("standing"), max_length=9, choices=Standing.choices)
    stage = models.CharField(_("stage"), max_length=10, choices=Stage.choices, blank=True)
    t_per_year = models.DecimalField(
        _("capacity (t per year)"),
        max_digits=10,
        decimal_places=3,
        null=True,
        blank=True,
        help_text=_("Empty: not said."),
    )
    basis = models.CharField(_("basis"), max_length=6, choices=Basis.choices, blank=True)
    year = models.PositiveSmallIntegerField(
        _("year"),
        null=True,
        blank=True,
        help_text=_("In which it is to start, or for which the total is. Empty: not said."),
    )
    said_on = models.CharField(_("said on"), max_length=10, blank=True, help_text=_("A year, a month or a day."))
    source = models.CharField(_("source"), max_length=300)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices)
    note = models.CharField(_("note"), max_length=300, blank=True)

    objects = ReferenceQuerySet["CapacityStatement"].as_manager()

    class Meta:
        ordering = ("jurisdiction", "name", "year")
        verbose_name = _("capacity statement")
        verbose_name_plural = _("capacity statements")
        constraints = (
            models.CheckConstraint(
                condition=Q(t_per_year__isnull=True) | Q(t_per_year__gt=0), name="capacity_statement_positive"
            ),
            models.CheckConstraint(
                condition=Q(is_total=True, plant__isnull=True) | Q(is_total=False, jurisdiction__isnull=False),
                name="capacity_statement_of_site_or_total",
            ),
            models.CheckConstraint(
                condition=Q(is_total=True) | ~Q(standing="running"), name="capacity_statement_no_nameplate"
            ),
        )

    def __str__(self) -> str:
        return self.name
