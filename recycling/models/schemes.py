from __future__ import annotations

from typing import ClassVar

import pghistory
import pgtrigger
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateRangeField, RangeOperators
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, Viewer, organizations_of
from collection.models import (
    AssignedChemistry,
    BatteryModel,
    Chemistry,
    Confidence,
    Element,
    Jurisdiction,
    assignment_known,
)
from collection.models.chemistries import ReferenceQuerySet
from collection.models.records import RecordQuerySet
from recycling.models.spans import declarations_apart


class LegalStatus(models.TextChoices):
    """Whether a number binds. A reference is shown beside the figures and never as law of the place."""

    BINDING = "binding", _("binding")
    REFERENCE = "reference", _("reference only")
    UNVERIFIED = "unverified", _("unverified")


class Metric(models.TextChoices):
    """What a line of a report measures."""

    UNITS_PLACED = "units_placed", _("units placed on the market")
    MASS_PLACED = "mass_placed", _("mass placed on the market")
    UNITS_ACROSS = "units_across", _("units placed in periods that reach beyond the report's; in no other figure")
    MASS_ACROSS = "mass_across", _("mass placed in periods that reach beyond the report's; in no other figure")
    UNITS_COLLECTED = "units_collected", _("units collected")
    MASS_COLLECTED = "mass_collected", _("mass collected")
    UNITS_SECOND_LIFE = "units_second_life", _("units reused, repurposed or remanufactured")
    MASS_SECOND_LIFE = "mass_second_life", _("mass reused, repurposed or remanufactured")
    UNITS_CHARGED = "units_charged", _("units charged for recycling")
    MASS_CHARGED = "mass_charged", _("mass charged for recycling")
    UNITS_RECYCLED = "units_recycled", _("units recycled")
    MASS_RECYCLED = "mass_recycled", _("mass recycled")
    MASS_USED_AGAIN = "mass_used_again", _("of what was charged: cells and modules used again")
    MASS_ENERGY = "mass_energy", _("of what was charged: fuel or energy")
    MASS_LANDFILLED = "mass_landfilled", _("of what was charged: disposed of, landfilled or backfilled")
    MASS_PASSED_ON = "mass_passed_on", _("of what was charged: left the trace as an intermediate or as waste")
    MASS_PENDING = "mass_pending", _("of what was charged: pending")
    MASS_LOST = "mass_lost", _("of what was charged: lost, or not accounted for")
    MASS_EXPORTED = "mass_exported", _("mass sent to another country for recycling")
    ELEMENT_CONTENT = "element_content", _("element mass in recycled batteries")
    ELEMENT_RECOVERED = "element_recovered", _("element mass recovered")
    ELEMENT_PENDING = "element_pending", _("element mass pending in intermediates")
    ELEMENT_RESIDUE = "element_residue", _("element mass in residue")
    ELEMENT_PASSED_ON = (
        "element_passed_on",
        _("element mass that left the trace, or is used again in cells and modules"),
    )
    ELEMENT_LOST = "element_lost", _("element mass lost")
    RECYCLING_EFFICIENCY = "recycling_efficiency", _("recycling efficiency (%)")
    MATERIAL_RECOVERY = "material_recovery", _("material recovery (%)")
    FACILITY = "facility", _("facility used")
    ENTERED = "entered", _("mass that entered recycling, as charged")
    ENTERED_OUTSIDE = "entered_outside", _("cells and modules from outside of the trace that entered")
    RESTS_ON = "rests_on", _("what the input rests on (% of its mass)")
    INPUT_FRACTION = "input_fraction", _("input fraction")
    OUTPUT_HOME = "output_home", _("output fraction made at home")
    OUTPUT_ABROAD = "output_abroad", _("output fraction made abroad")
    OUTPUT_FRACTION = "output_fraction", _("output fraction")
    STEP_INPUT = "step_input", _("input fraction that entered at the facility")
    STEP_PASSED_ON = "step_passed_on", _("intermediates passed on, dry")
    STEP_OUTPUT = "step_output", _("output fraction made at the facility")
    CLAIMED_COLLECTED = "claimed_collected", _("units collected; claimed, not confirmed")
    CLAIMED_COLLECTED_KG = "claimed_collected_kg", _("mass collected; claimed, not confirmed")
    CLAIMED_REUSED = "claimed_reused", _("units reused, repurposed or remanufactured; claimed, not confirmed")
    CLAIMED_REUSED_KG = "claimed_reused_kg", _("mass reused, repurposed or remanufactured; claimed, not confirmed")
    CLAIMED_RECYCLED = "claimed_recycled", _("units recycled; claimed, not confirmed")
    CLAIMED_RECYCLED_KG = "claimed_recycled_kg", _("mass recycled; claimed, not confirmed")
    CLAIMED_CONTENT = "claimed_content", _("element mass in recycled batteries; claimed, not confirmed")
    CLAIMED_RECOVERED = "claimed_recovered", _("element mass recovered; claimed, not confirmed")
    RETURNED_UNITS = "returned_units", _("units back from a further use; not collected anew")
    RETURNED_KG = "returned_kg", _("mass back from a further use; not collected anew")
    LOST_UNITS = "lost_units", _("units lost or destroyed, not found again")
    LOST_KG = "lost_kg", _("mass lost or destroyed, not found again")
    AWAY_COLLECTED = "away_collected", _("units collected that count elsewhere; in no other figure")
    AWAY_COLLECTED_KG = "away_collected_kg", _("mass collected that counts elsewhere; in no other figure")
    AWAY_REUSED = (
        "away_reused",
        _("units reused, repurposed or remanufactured that count elsewhere; in no other figure"),
    )
    AWAY_REUSED_KG = (
        "away_reused_kg",
        _("mass reused, repurposed or remanufactured that counts elsewhere; in no other figure"),
    )
    AWAY_RECYCLED = "away_recycled", _("units charged for recycling that count elsewhere; in no other figure")
    AWAY_RECYCLED_KG = "away_recycled_kg", _("mass charged for recycling that counts elsewhere; in no other figure")
    CLAIMED_AWAY = "claimed_away", _("units collected that count elsewhere; claimed, not confirmed")
    CLAIMED_AWAY_KG = "claimed_away_kg", _("mass collected that counts elsewhere; claimed, not confirmed")


class SchemeQuerySet(ReferenceQuerySet["EprScheme"]):
    def valid_on(self, day: object) -> SchemeQuerySet:
        return self.filter(valid__contains=day)


@pghistory.track()
class EprScheme(models.Model):
    """A version of an extended-producer-responsibility scheme, as data: where and when it holds, and the shape of its
    report.
    """

    class Shape(models.TextChoices):
        UNITS = "units", _("units placed on the market (New Jersey)")
        MASS = "mass", _("mass, method, efficiency, facilities (Colorado)")
        EU_REFERENCE = "eu_reference", _("EU reference method")
        RECYCLER = "recycler", _("documentation of a first recycler")

    class Counts(models.TextChoices):
        PLACED = "placed", _("where it was placed on the market")
        COLLECTED = "collected", _("where it was collected")

    code = models.CharField(_("code"), max_length=40)
    version = models.CharField(_("version"), max_length=40)
    name = models.CharField(_("name"), max_length=200)
    jurisdiction = models.ForeignKey(
        Jurisdiction,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="epr_schemes",
        verbose_name=_("jurisdiction"),
        help_text=_("Empty: a reference method that holds nowhere here."),
    )
    shape = models.CharField(_("shape of the report"), max_length=12, choices=Shape.choices)
    families = ArrayField(
        models.CharField(max_length=7, choices=Chemistry.Family.choices),
        default=list,
        blank=True,
        verbose_name=_("stream"),
        help_text=_("Of a recycler's documentation: the chemistry families that it is of."),
    )
    counts_by = models.CharField(
        _("a battery counts"),
        max_length=9,
        choices=Counts.choices,
        default=Counts.COLLECTED,
        db_default=Counts.COLLECTED,
        help_text=_("Which place decides whether it is in the figures; the other is shown in lines of its own."),
    )
    counts_source = models.CharField(
        _("source of where it counts"), max_length=300, blank=True, default="", db_default=""
    )
    counts_confidence = models.CharField(
        _("confidence of where it counts"),
        max_length=6,
        choices=Confidence.choices,
        blank=True,
        default="",
        db_default="",
    )
    valid = DateRangeField(_("valid"))
    legal_status = models.CharField(_("legal status"), max_length=10, choices=LegalStatus.choices)
    citation = models.CharField(_("citation"), max_length=300)
    source = models.CharField(_("source"), max_length=300)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices)
    note = models.TextField(_("note"), blank=True)
    first_period_start = models.DateField(
        _("first reported from"),
        null=True,
        blank=True,
        help_text=_(
            "First day of the first year to be reported on; a year begins on this day. Empty: no report is known to be due."
        ),
    )
    first_due_on = models.DateField(
        _("first report due"), null=True, blank=True, help_text=_("From then on, every year on this day.")
    )
    due_source = models.CharField(_("source of what is due"), max_length=300, blank=True)
    due_confidence = models.CharField(
        _("confidence of what is due"), max_length=6, choices=Confidence.choices, blank=True
    )

    objects = SchemeQuerySet.as_manager()

    class Meta:
        ordering = ("code", "version")
        verbose_name = _("EPR scheme")
        verbose_name_plural = _("EPR schemes")
        constraints = (
            models.UniqueConstraint(fields=["code", "version"], name="epr_scheme_once_per_version"),
            ExclusionConstraint(
                name="epr_scheme_versions_apart",
                expressions=[("code", RangeOperators.EQUAL), ("valid", RangeOperators.OVERLAPS)],
            ),
            models.CheckConstraint(
                condition=Q(first_period_start__isnull=True, first_due_on__isnull=True)
                | (
                    Q(first_period_start__isnull=False, first_due_on__isnull=False)
                    & Q(first_due_on__gt=models.F("first_period_start"))
                    & ~Q(due_source="")
                    & ~Q(due_confidence="")
                ),
                name="epr_scheme_says_what_is_due",
            ),
            models.CheckConstraint(
                condition=Q(counts_by__in=["placed", "collected"]), name="epr_scheme_counts_by_a_place"
            ),
            models.CheckConstraint(
                condition=Q(counts_source="", counts_confidence="") | (~Q(counts_source="") & ~Q(counts_confidence="")),
                name="epr_scheme_says_how_sure_where_is",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.version})"


@pghistory.track()
class EprTarget(models.Model):
    """A number that a scheme asks for, from a day on, with its source and whether it binds."""

    scheme = models.ForeignKey(EprScheme, on_delete=models.CASCADE, related_name="targets", verbose_name=_("scheme"))
    metric = models.CharField(_("metric"), max_length=20, choices=Metric.choices)
    family = models.CharField(_("chemistry family"), max_length=7, choices=Chemistry.Family.choices, blank=True)
    element = models.CharField(_("element"), max_length=8, choices=Element.choices, blank=True)
    percent = models.DecimalField(_("target (%)"), max_digits=6, decimal_places=3)
    applies_from = models.DateField(_("applies from"))
    legal_status = models.CharField(_("legal status"), max_length=10, choices=LegalStatus.choices)
    source = models.CharField(_("source"), max_length=300)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices)

    objects = ReferenceQuerySet["EprTarget"].as_manager()

    class Meta:
        ordering = ("scheme", "metric", "element", "applies_from")
        verbose_name = _("EPR target")
        verbose_name_plural = _("EPR targets")
        constraints = (
            models.UniqueConstraint(
                fields=["scheme", "metric", "family", "element", "applies_from"], name="epr_target_once"
            ),
            models.CheckConstraint(condition=Q(percent__gte=0, percent__lte=100), name="epr_target_is_percent"),
        )

    def __str__(self) -> str:
        return f"{self.get_metric_display()} {self.percent} %"


class PlacementStatus(models.TextChoices):
    DECLARED = "declared", _("declared")
    WITHDRAWN = "withdrawn", _("withdrawn")
    SUPERSEDED = "superseded", _("superseded")


#: Every legal move of a declaration's status; the database trigger is made from this list. Only the migration that parted
#: those that overlapped supersedes.
PLACEMENT_MOVES: list[tuple[str, str]] = [
    (PlacementStatus.DECLARED, PlacementStatus.WITHDRAWN),
    (PlacementStatus.DECLARED, PlacementStatus.SUPERSEDED),
]


class MarketPlacementQuerySet(RecordQuerySet["MarketPlacement"]):
    whose: ClassVar = {"organizations": ("producer",), "places": ("jurisdiction",)}

    def visible_to(self, user: Viewer) -> MarketPlacementQuerySet:
        """The producer's own, and the regulators of the place."""
        if user.is_superuser:
            return self
        return self.seen_by(
            user, Q(producer__in=organizations_of(user)) | Q(jurisdiction__in=Jurisdiction.objects.overseen_by(user))
        )


@pghistory.track()
class MarketPlacement(AssignedChemistry):
    """How many batteries a producer declares that it put on the market of a jurisdiction in a period.

    Declarations that stand never overlap (`spans`); what does not stand is kept, and counts nowhere.
    """

    producer = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="placements", verbose_name=_("producer")
    )
    jurisdiction = models.ForeignKey(
        Jurisdiction, on_delete=models.PROTECT, related_name="placements", verbose_name=_("jurisdiction")
    )
    period_start = models.DateField(_("from"))
    period_end = models.DateField(_("until"), help_text=_("Last day of the period."))
    model = models.ForeignKey(
        BatteryModel,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="placements",
        verbose_name=_("battery model"),
    )
    chemistry = models.ForeignKey(
        Chemistry,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="placements",
        verbose_name=_("chemistry"),
    )
    units = models.PositiveIntegerField(_("units"))
    mass_kg = models.DecimalField(
        _("mass (kg)"), max_digits=16, decimal_places=3, null=True, blank=True, help_text=_("Empty: not known.")
    )
    description = models.CharField(_("as named in the source"), max_length=200, blank=True)
    source = models.CharField(_("source"), max_length=300, blank=True)
    source_key = models.CharField(
        _("key in the source"), max_length=200, help_text=_("Recognizes the row when it is sent again.")
    )
    is_simulated = models.BooleanField(_("simulated"), default=False)
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=PlacementStatus.choices,
        default=PlacementStatus.DECLARED,
        db_default=PlacementStatus.DECLARED,
        editable=False,
        help_text=_("Only what is declared counts."),
    )
    status_note = models.CharField(
        _("why it does not count"), max_length=500, blank=True, db_default="", editable=False
    )

    objects = MarketPlacementQuerySet.as_manager()

    class Meta:
        ordering = ("-period_start", "-pk")
        verbose_name = _("market placement")
        verbose_name_plural = _("market placements")
        indexes = (models.Index(fields=["producer", "jurisdiction", "period_start"], name="placement_of_producer"),)
        constraints = (
            models.UniqueConstraint(fields=["producer", "source_key"], name="placement_source_key_once"),
            models.CheckConstraint(condition=Q(period_end__gte=models.F("period_start")), name="placement_is_a_period"),
            models.CheckConstraint(condition=Q(mass_kg__gte=0), name="placement_mass_not_negative"),
            assignment_known("placement_assignment_known"),
            models.CheckConstraint(
                condition=Q(status="declared") | ~Q(status_note=""), name="placement_says_why_it_does_not_count"
            ),
            *declarations_apart(),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=PLACEMENT_MOVES),)

    def __str__(self) -> str:
        return f"{self.producer} {self.jurisdiction_id} {self.period_start}: {self.units}"
