"""What a report calls things, kept with it: whatever is renamed or moved later, it says what it said."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from recycling.models.reports import EprReport, ReportPartQuerySet, frozen_with_report


class EprName(models.Model):
    """A thing that a report speaks of by its key, with its name and what else was said of it when it was computed."""

    class Kind(models.TextChoices):
        SCHEME = "scheme", _("scheme")
        PRODUCER = "producer", _("producer")
        JURISDICTION = "jurisdiction", _("jurisdiction")
        FACILITY = "facility", _("facility")
        CHEMISTRY = "chemistry", _("chemistry")
        MODEL = "model", _("battery model")
        COMPOSITION = "composition", _("composition")
        MATERIAL = "material", _("material")

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="names", db_index=False, verbose_name=_("report")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    key = models.CharField(_("key"), max_length=40)
    name = models.CharField(_("name"), max_length=300)
    details = models.JSONField(
        _("details"), default=dict, blank=True, help_text=_("Of a facility: address, country and its class, operator.")
    )

    objects = ReportPartQuerySet["EprName"].as_manager()

    class Meta:
        ordering = ("report", "kind", "key")
        verbose_name = _("name in a report")
        verbose_name_plural = _("names in a report")
        constraints = (models.UniqueConstraint(fields=["report", "kind", "key"], name="epr_name_once"),)
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id} {self.kind} {self.name}"
