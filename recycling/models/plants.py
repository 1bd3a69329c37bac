from __future__ import annotations

from decimal import Decimal

import pghistory
import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts.models import Viewer, organizations_of
from collection.models import Chemistry, Condition, Confidence, Facility, Jurisdiction
from collection.models.batteries import BatteryModel
from recycling.models.due_days import OF_A_LINE, OF_A_PLANT, by_period


class Stage(models.TextChoices):
    """A step of recycling. Capacities of different stages are never added together."""

    DISCHARGE = "discharge", _("discharge")
    DISMANTLE = "dismantle", _("dismantling")
    PREPROCESS = "preprocess", _("pre-processing to black mass")
    PYRO = "pyro", _("pyrometallurgy")
    HYDRO = "hydro", _("hydrometallurgy")
    DIRECT = "direct", _("direct recycling")
    REFINE = "refine", _("refining")


class Basis(models.TextChoices):
    """What a nameplate counts: what goes in, or what comes out (some operators only publish the latter)."""

    INPUT = "input", _("mass charged")
    OUTPUT = "output", _("mass of products made")


class PlantQuerySet(models.QuerySet["Plant"]):
    def visible_to(self, user: Viewer) -> PlantQuerySet:
        """That a plant exists, with its published facts, is known to every logged-in user."""
        return self if user.is_authenticated else self.none()

    def run_by(self, user: Viewer) -> PlantQuerySet:
        """The plants of the user's own organizations."""
        return self if user.is_superuser else self.filter(facility__operator__in=organizations_of(user))

    def reported_to(self, user: Viewer) -> PlantQuerySet:
        """The plants whose load the user may read: its own, and those that it regulates."""
        if user.is_superuser:
            return self
        return self.filter(
            Q(facility__operator__in=organizations_of(user))
            | Q(facility__jurisdiction__in=Jurisdiction.objects.overseen_by(user))
        )


@pghistory.track()
class Plant(models.Model):
    """A facility that recycles."""

    facility = models.OneToOneField(
        Facility, on_delete=models.PROTECT, related_name="plant", verbose_name=_("facility")
    )
    mass_tolerance = models.DecimalField(
        _("weighing tolerance"),
        max_digits=5,
        decimal_places=4,
        default=Decimal("0.02"),
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("Share by which a received mass may differ from the declared one. The plant's own setting."),
    )
    assay_tolerance = models.DecimalField(
        _("assay tolerance"),
        max_digits=5,
        decimal_places=4,
        default=Decimal("0.05"),
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("Share by which outputs of a batch may contain more of an element than its inputs."),
    )
    discrepancy_days = models.PositiveSmallIntegerField(
        _("days to settle a discrepancy"), default=15, help_text=_("The plant's own setting, not a legal period.")
    )
    shows_free_capacity = models.BooleanField(
        _("shows free capacity"),
        default=False,
        help_text=_("Whether every logged-in user may read how much the plant could still take in a week."),
    )

    objects = PlantQuerySet.as_manager()

    class Meta:
        ordering = ("facility__name", "pk")
        verbose_name = _("plant")
        verbose_name_plural = _("plants")
        constraints = (
            models.CheckConstraint(
                condition=Q(mass_tolerance__range=(0, 1), assay_tolerance__range=(0, 1)),
                name="plant_tolerances_are_shares",
            ),
        )

    def __str__(self) -> str:
        return str(self.facility)


class PlantPartQuerySet[M: models.Model](models.QuerySet[M]):
    """Lines, nameplates and outages. Lines and nameplates are public facts; outages are the operator's own."""

    def visible_to(self, user: Viewer) -> PlantPartQuerySet[M]:
        return self if user.is_authenticated else self.none()


@pghistory.track()
class ProcessLine(models.Model):
    """Equipment of a plant that does one stage."""

    plant = models.ForeignKey(Plant, on_delete=models.PROTECT, related_name="lines", verbose_name=_("plant"))
    name = models.CharField(_("name"), max_length=100)
    stage = models.CharField(_("stage"), max_length=10, choices=Stage.choices)
    chemistries = models.ManyToManyField(
        Chemistry,
        blank=True,
        related_name="process_lines",
        verbose_name=_("accepted chemistries"),
        help_text=_("Empty: all."),
    )
    forms = ArrayField(
        models.CharField(max_length=6, choices=BatteryModel.Form.choices),
        default=list,
        blank=True,
        verbose_name=_("accepted forms"),
        help_text=_("Empty: all."),
    )
    conditions = ArrayField(
        models.CharField(max_length=9, choices=Condition.choices),
        default=list,
        blank=True,
        verbose_name=_("accepted conditions"),
        help_text=_("Empty: all."),
    )
    is_active = models.BooleanField(_("active"), default=True)

    objects = PlantPartQuerySet["ProcessLine"].as_manager()

    class Meta:
        ordering = ("plant", "name")
        verbose_name = _("process line")
        verbose_name_plural = _("process lines")
        constraints = (
            models.UniqueConstraint(fields=["plant", "name"], name="process_line_name_once"),
            models.CheckConstraint(condition=Q(stage__in=Stage.values), name="process_line_stage_known"),
        )

    def __str__(self) -> str:
        return f"{self.plant} – {self.name}"


class OperatingStatus(models.TextChoices):
    """Whether capacity is there. `RUNNING` is what may be called capacity; the others are told apart from it."""

    PLANNED = "planned", _("planned")
    BUILDING = "building", _("being built")
    OPERATING = "operating", _("operating")
    CURTAILED = "curtailed", _("curtailed")
    PAUSED = "paused", _("paused")
    CLOSED = "closed", _("closed")


#: Capacity that takes material in; curtailed is shown apart, since nobody says by how much.
RUNNING = (OperatingStatus.OPERATING, OperatingStatus.CURTAILED)


@pghistory.track()
class PlantStatus(models.Model):
    """That a plant, or one line of it, was planned, built, run, curtailed, paused or closed in a period, by a source.

    Periods of one plant never overlap, nor do those of one line; a line's own go before its plant's. A day that none covers
    is not known. A period begins with the first day that the source vouches for, which need not be the first that was so.
    """

    plant = models.ForeignKey(Plant, on_delete=models.PROTECT, related_name="statuses", verbose_name=_("plant"))
    line = models.ForeignKey(
        ProcessLine,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="statuses",
        verbose_name=_("process line"),
        help_text=_("Empty: the whole plant."),
    )
    status = models.CharField(_("status"), max_length=9, choices=OperatingStatus.choices)
    valid = DateRangeField(_("valid"))
    source = models.CharField(_("source"), max_length=300)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices, default=Confidence.WEAK)

    objects = PlantPartQuerySet["PlantStatus"].as_manager()

    class Meta:
        ordering = ("plant", "line", "valid")
        verbose_name = _("operating status")
        verbose_name_plural = _("operating statuses")
        constraints = (
            models.CheckConstraint(condition=Q(status__in=OperatingStatus.values), name="plant_status_known"),
            models.CheckConstraint(condition=Q(valid__startswith__isnull=False), name="plant_status_begins"),
            ExclusionConstraint(
                name="plant_statuses_apart",
                expressions=[
                    ("plant", RangeOperators.EQUAL),
                    (Coalesce("line", 0), RangeOperators.EQUAL),
                    ("valid", RangeOperators.OVERLAPS),
                ],
            ),
        )
        triggers = (
            pgtrigger.Trigger(
                name="of_its_plant",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__line__isnull=False),
                func="""
                    IF NOT EXISTS (
                        SELECT 1 FROM recycling_processline l WHERE l.id = NEW.line_id AND l.plant_id = NEW.plant_id
                    ) THEN
                        RAISE EXCEPTION 'a line has the status of its own plant'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'plant_status_of_its_plant';
                    END IF;
                    RETURN NEW;
                """,
            ),
            by_period(OF_A_PLANT, "valid"),
        )

    def __str__(self) -> str:
        return f"{self.line or self.plant}: {self.get_status_display()}"


@pghistory.track()
class Nameplate(models.Model):
    """What a line is built to handle in a year, for a period, by a source. Periods of one line never overlap.

    A period begins with the start-up. Where no day of start-up is known it has no first day: it then counts on days on
    which the plant is known to have run (`PlantStatus`), and on others as not known.
    """

    line = models.ForeignKey(
        ProcessLine, on_delete=models.PROTECT, related_name="nameplates", verbose_name=_("process line")
    )
    t_per_year = models.DecimalField(_("nameplate capacity (t per year)"), max_digits=10, decimal_places=3)
    basis = models.CharField(_("basis"), max_length=6, choices=Basis.choices, default=Basis.INPUT)
    valid = DateRangeField(_("valid"))
    source = models.CharField(_("source"), max_length=300)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices, default=Confidence.WEAK)

    objects = PlantPartQuerySet["Nameplate"].as_manager()

    class Meta:
        ordering = ("line", "valid")
        verbose_name = _("nameplate capacity")
        verbose_name_plural = _("nameplate capacities")
        constraints = (
            models.CheckConstraint(condition=Q(t_per_year__gt=0), name="nameplate_positive"),
            ExclusionConstraint(
                name="nameplate_periods_apart",
                expressions=[("line", RangeOperators.EQUAL), ("valid", RangeOperators.OVERLAPS)],
            ),
        )
        triggers = (by_period(OF_A_LINE, "valid"),)

    def __str__(self) -> str:
        return f"{self.t_per_year} t"


class OutageQuerySet(models.QuerySet["Outage"]):
    def visible_to(self, user: Viewer) -> OutageQuerySet:
        """The operator's, and the regulators of the place."""
        if user.is_superuser:
            return self
        return self.filter(line__plant__in=Plant.objects.reported_to(user).values("pk"))


@pghistory.track()
class Outage(models.Model):
    """Days on which a line does not, or not fully, run. Outages of one line never overlap."""

    class Kind(models.TextChoices):
        PLANNED = "planned", _("planned")
        UNPLANNED = "unplanned", _("unplanned")

    line = models.ForeignKey(
        ProcessLine, on_delete=models.PROTECT, related_name="outages", verbose_name=_("process line")
    )
    days = DateRangeField(_("days"))
    share = models.DecimalField(
        _("share of the capacity that is out"),
        max_digits=4,
        decimal_places=3,
        default=1,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
    )
    kind = models.CharField(_("kind"), max_length=9, choices=Kind.choices)
    reason = models.CharField(_("reason"), max_length=300, blank=True)

    objects = OutageQuerySet.as_manager()

    class Meta:
        ordering = ("line", "days")
        verbose_name = _("outage")
        verbose_name_plural = _("outages")
        constraints = (
            models.CheckConstraint(condition=Q(share__gt=0, share__lte=1), name="outage_share"),
            ExclusionConstraint(
                name="outages_apart",
                expressions=[("line", RangeOperators.EQUAL), ("days", RangeOperators.OVERLAPS)],
            ),
        )
        triggers = (by_period(OF_A_LINE, "days"),)

    def __str__(self) -> str:
        return f"{self.line_id} {self.days}"
