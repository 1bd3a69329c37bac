from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Viewer
from recycling.models.intakes import PlantRecordQuerySet
from recycling.models.plants import Basis, OperatingStatus, Plant, ProcessLine


class UtilizationQuerySet(PlantRecordQuerySet["UtilizationSnapshot"]):
    to_plant = "line__plant"
    whose: ClassVar = {"facilities": ("line.plant__facility",)}


class UtilizationSnapshot(models.Model):
    """How full one line was on one day of its plant's time zone.

    Only days of lines are stored; months, years, plants, jurisdictions and countries are sums of them within one
    stage. `processed_kg` is what the nameplate's basis counts: mass charged, or mass of products made.
    """

    line = models.ForeignKey(
        ProcessLine, on_delete=models.CASCADE, related_name="utilization", verbose_name=_("process line")
    )
    day = models.DateField(_("day"))
    basis = models.CharField(_("basis"), max_length=6, choices=Basis.choices, default=Basis.INPUT)
    processed_kg = models.DecimalField(
        _("processed (kg)"),
        max_digits=20,
        decimal_places=11,
        null=True,
        help_text=_("Empty: the plant did not report."),
    )
    status = models.CharField(
        _("operating status"),
        max_length=9,
        choices=OperatingStatus.choices,
        blank=True,
        default="",
        db_default="",
        help_text=_("Of the day. Empty: it is not known whether the line ran."),
    )
    nameplate_kg = models.DecimalField(
        _("nameplate (kg)"),
        max_digits=20,
        decimal_places=6,
        null=True,
        help_text=_("Nameplate capacity of the day, if it was built. Empty: none is known."),
    )
    available_kg = models.DecimalField(
        _("available (kg)"),
        max_digits=20,
        decimal_places=6,
        null=True,
        help_text=_("Nameplate less outages; nothing while it is paused. Empty: not known."),
    )
    computed_at = models.DateTimeField(_("computed at"))

    objects = UtilizationQuerySet.as_manager()

    class Meta:
        ordering = ("line", "-day")
        verbose_name = _("utilization")
        verbose_name_plural = _("utilization")
        constraints = (
            models.UniqueConstraint(fields=["line", "day"], name="utilization_once_per_day"),
            models.CheckConstraint(
                condition=Q(processed_kg__gte=0) & (Q(nameplate_kg__isnull=True) | Q(nameplate_kg__gte=0)),
                name="utilization_not_negative",
            ),
        )
        indexes = (models.Index(fields=["day"], name="utilization_day"),)

    def __str__(self) -> str:
        return f"{self.line_id} {self.day}"


class UtilizationDueQuerySet(PlantRecordQuerySet["UtilizationDue"]):
    to_plant = "line__plant"
    whose: ClassVar = {"facilities": ("line.plant__facility",)}


class UtilizationDue(models.Model):
    """That something changed in a month of a line since it was computed. Only ever added by the database, so that no two
    changes wait for each other.
    """

    line = models.ForeignKey(
        ProcessLine, on_delete=models.CASCADE, related_name="due_months", db_index=False, verbose_name=_("process line")
    )
    month = models.DateField(_("month"))
    noted_at = models.DateTimeField(_("noted at"))

    objects = UtilizationDueQuerySet.as_manager()

    class Meta:
        verbose_name = _("due utilization")
        verbose_name_plural = _("due utilization")
        indexes = (models.Index(fields=["line", "month"], name="utilization_due_line"),)

    def __str__(self) -> str:
        return f"{self.line_id} {self.month:%Y-%m}"


class BacklogSnapshot(models.Model):
    """What was coming to a plant at the end of a day: on site and waiting, in transit, and scheduled."""

    class Feed(models.TextChoices):
        BATTERIES = "batteries", _("batteries")
        LOTS = "lots", _("lots")

    plant = models.ForeignKey(Plant, on_delete=models.CASCADE, related_name="backlog", verbose_name=_("plant"))
    day = models.DateField(_("day"))
    feed = models.CharField(_("feed"), max_length=9, choices=Feed.choices)
    waiting_kg = models.DecimalField(_("waiting on site (kg)"), max_digits=20, decimal_places=11)
    in_transit_kg = models.DecimalField(_("in transit (kg)"), max_digits=20, decimal_places=11)
    scheduled_kg = models.DecimalField(_("scheduled (kg)"), max_digits=20, decimal_places=11)
    unweighed = models.PositiveIntegerField(
        _("without a mass"), default=0, help_text=_("Batteries waiting or coming whose mass is not known.")
    )
    computed_at = models.DateTimeField(_("computed at"))

    objects = PlantRecordQuerySet["BacklogSnapshot"].as_manager()

    class Meta:
        ordering = ("plant", "-day")
        verbose_name = _("backlog")
        verbose_name_plural = _("backlogs")
        constraints = (models.UniqueConstraint(fields=["plant", "day", "feed"], name="backlog_once_per_day"),)

    def __str__(self) -> str:
        return f"{self.plant_id} {self.day}"


class UtilizationStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


#: Every legal move of a run's status; the database trigger is made from this list.
UTILIZATION_MOVES: list[tuple[str, str]] = [
    (UtilizationStatus.QUEUED, UtilizationStatus.RUNNING),
    (UtilizationStatus.RUNNING, UtilizationStatus.QUEUED),
    (UtilizationStatus.RUNNING, UtilizationStatus.DONE),
    (UtilizationStatus.RUNNING, UtilizationStatus.FAILED),
    (UtilizationStatus.QUEUED, UtilizationStatus.CANCELLED),
    (UtilizationStatus.RUNNING, UtilizationStatus.CANCELLED),
]


class UtilizationRunQuerySet(models.QuerySet["UtilizationRun"]):
    def visible_to(self, user: Viewer) -> UtilizationRunQuerySet:
        """Runs carry no figures; every logged-in user may see whether the figures are fresh."""
        return self if user.is_authenticated else self.none()


class UtilizationRun(models.Model):
    """A computation of utilization that was asked for: the pending work, its progress and its end."""

    from_day = models.DateField(_("from day"))
    to_day = models.DateField(_("to day"))
    status = models.CharField(
        _("status"), max_length=9, choices=UtilizationStatus.choices, default=UtilizationStatus.QUEUED, editable=False
    )
    progress = models.PositiveSmallIntegerField(_("progress (%)"), default=0, editable=False)
    message = models.TextField(_("message"), blank=True, editable=False)
    requested_by = models.ForeignKey(
        "accounts.User",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("requested by"),
        help_text=_("Empty: by the daily schedule."),
    )
    requested_at = models.DateTimeField(_("requested at"), auto_now_add=True)
    claimed_at = models.DateTimeField(_("taken up at"), null=True, editable=False)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)

    objects = UtilizationRunQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("utilization run")
        verbose_name_plural = _("utilization runs")
        constraints = (
            models.CheckConstraint(condition=Q(to_day__gte=models.F("from_day")), name="utilization_run_is_a_period"),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=UTILIZATION_MOVES),)

    def __str__(self) -> str:
        return f"{self.from_day} – {self.to_day}"
