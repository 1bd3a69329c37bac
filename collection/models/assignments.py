"""Which pack is in a vehicle: how a chemistry was assigned, and the patterns of names and VINs that assign it (ADR 28)."""

from __future__ import annotations

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import IntegerRangeField, RangeOperators
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Func, Q, Value
from django.utils.translation import gettext_lazy as _

from accounts.models import Viewer
from collection.models.chemistries import Chemistry, ReferenceQuerySet
from collection.models.sources import Confidence


class Assignment(models.TextChoices):
    """How a chemistry was assigned, the surest first."""

    MEASURED = "measured", _("measured")
    PRODUCER = "producer", _("said by the producer")
    STATED = "stated", _("said by who registered or corrected it")
    VIN = "vin", _("by the VIN")
    NAME = "name", _("by the vehicle's name")
    ASSUMED = "assumed", _("assumed: several packs go by this, the most common one")
    UNKNOWN = "unknown", _("unknown")


#: What patterns assigned, or found nothing for: it is resolved anew when a pattern changes. The others somebody said.
BY_PATTERN = (Assignment.VIN, Assignment.NAME, Assignment.ASSUMED, Assignment.UNKNOWN)

#: What a VIN pattern consists of: positions 1 to 3 (the manufacturer), then 4 to 8, `?` for any character.
POSITIONS = r"^[A-HJ-NPR-Z0-9]{3}[A-HJ-NPR-Z0-9?]{5}$"

#: Model years that are stored.
EARLIEST, LATEST = 1980, 2100


class VehicleKind(models.Model):
    """Vehicles of which a list, or a VIN, says the same: what their pack is concluded from."""

    listed_in = models.CharField(
        _("list"), max_length=10, blank=True, help_text=_("Whose names these are; empty: nothing but a VIN is known.")
    )
    make = models.CharField(_("make"), max_length=60, blank=True)
    name = models.CharField(_("model as named in the list"), max_length=80, blank=True)
    fuel = models.CharField(_("drive as named in the list"), max_length=10, blank=True)
    year = models.PositiveSmallIntegerField(
        _("year"), null=True, blank=True, help_text=_("Model year, or of the sale.")
    )
    vin = models.CharField(
        _("VIN, positions 1 to 8 and 10"), max_length=10, blank=True, help_text=_("? where the check digit stands.")
    )

    objects = ReferenceQuerySet["VehicleKind"].as_manager()

    class Meta:
        ordering = ("pk",)
        verbose_name = _("kind of vehicle")
        verbose_name_plural = _("kinds of vehicles")
        constraints = (
            models.UniqueConstraint(
                fields=["make", "name", "fuel", "year", "vin", "listed_in"],
                name="vehicle_kind_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(vin="") | Q(vin__regex=r"^[A-HJ-NPR-Z0-9]{8}\?[A-HJ-NPR-Z0-9]$"),
                name="vehicle_kind_vin_form",
            ),
        )

    def __str__(self) -> str:
        said = (self.make, self.name, self.year, self.fuel, self.vin)
        return " ".join(str(part) for part in said if part)


class _Years(Func):
    function = "int4range"
    output_field = IntegerRangeField()

    def __init__(self, first: str, last: str) -> None:
        super().__init__(first, last, Value("[]"))


@pghistory.track()
class VehiclePattern(models.Model):
    """What a vehicle's name or VIN says of its battery. A VIN's pattern goes before a name's; of VIN patterns the one with
    more positions. One without model and chemistry says that neither can be known from it.
    """

    class By(models.TextChoices):
        VIN = "vin", _("VIN")
        NAME = "name", _("name")

    code = models.CharField(
        _("code"), max_length=200, unique=True, null=True, blank=True, editable=False,
        help_text=_("Of those that come with the program."),
    )  # fmt: skip
    by = models.CharField(_("reads the"), max_length=4, choices=By.choices)
    make = models.CharField(_("make"), max_length=60, help_text=_("As the list writes it."))
    listed_in = models.CharField(
        _("list"), max_length=10, blank=True, help_text=_("Of a name: wa (Washington State) or cec (California).")
    )
    name = models.CharField(_("model as named in the list"), max_length=80, blank=True)
    fuel = models.CharField(_("drive as named in the list"), max_length=10, blank=True)
    positions = models.CharField(
        _("VIN, positions 1 to 8"),
        max_length=8,
        blank=True,
        help_text=_(
            "The manufacturer's three characters, then positions 4 to 8, ? for any: 5YJ3???B. Position 10 is the year."
        ),
    )
    year_from = models.PositiveSmallIntegerField(_("year from"), null=True, blank=True)
    year_to = models.PositiveSmallIntegerField(_("year to"), null=True, blank=True)
    model = models.ForeignKey(
        "collection.BatteryModel", on_delete=models.PROTECT, null=True, blank=True, related_name="patterns",
        verbose_name=_("battery model"),
    )  # fmt: skip
    chemistry = models.ForeignKey(
        Chemistry, on_delete=models.PROTECT, null=True, blank=True, related_name="patterns", verbose_name=_("chemistry"),
        help_text=_("Where the pack is not known but its chemistry is; a battery model says its own."),
    )  # fmt: skip
    is_assumed = models.BooleanField(
        _("assumed"), default=False, help_text=_("Several packs go by it, and this is the most common one.")
    )
    is_active = models.BooleanField(_("in force"), default=True, help_text=_("Instead of deleting it."))
    source = models.CharField(_("source"), max_length=300)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices)
    note = models.CharField(_("note"), max_length=300, blank=True)

    objects = ReferenceQuerySet["VehiclePattern"].as_manager()

    class Meta:
        ordering = ("make", "by", "name", "positions", "year_from", "pk")
        verbose_name = _("pattern of vehicles")
        verbose_name_plural = _("patterns of vehicles")
        constraints = (
            ExclusionConstraint(
                name="vehicle_pattern_years_apart",
                expressions=[
                    *(
                        (name, RangeOperators.EQUAL)
                        for name in ("make", "by", "listed_in", "name", "fuel", "positions")
                    ),
                    (_Years("year_from", "year_to"), RangeOperators.OVERLAPS),
                ],
                condition=Q(is_active=True),
            ),
            models.CheckConstraint(
                condition=Q(by="vin", positions__regex=POSITIONS, listed_in="", name="", fuel="")
                | (Q(by="name", positions="") & ~Q(name="") & ~Q(listed_in="")),
                name="vehicle_pattern_reads_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(model__isnull=True) | Q(chemistry__isnull=True), name="vehicle_pattern_says_it_once"
            ),
            models.CheckConstraint(
                condition=Q(is_assumed=False) | Q(model__isnull=False) | Q(chemistry__isnull=False),
                name="vehicle_pattern_assumes_something",
            ),
            models.CheckConstraint(
                condition=Q(year_from__isnull=True) | Q(year_to__isnull=True) | Q(year_to__gte=models.F("year_from")),
                name="vehicle_pattern_is_a_period",
            ),
            models.CheckConstraint(condition=~Q(source=""), name="vehicle_pattern_names_its_source"),
        )

    def __str__(self) -> str:
        years = "–".join(str(year or "…") for year in (self.year_from, self.year_to)) if self.has_years else ""
        return " ".join(part for part in (self.make, self.name or self.positions, self.fuel, years) if part)

    def save(self, *args: object, **options: object) -> None:
        self.positions = self.positions.upper()
        super().save(*args, **options)  # type: ignore[arg-type]

    @property
    def has_years(self) -> bool:
        return self.year_from is not None or self.year_to is not None

    def clean(self) -> None:
        """As the constraints have it, for forms."""
        self.positions = self.positions.upper()
        if self.model_id is not None and self.chemistry_id is not None:
            raise ValidationError({"chemistry": _("The battery model says its own chemistry.")})


class AssignedChemistry(models.Model):
    """Something with a chemistry, how that was assigned, how sure it is, and what it rests on."""

    chemistry_by = models.CharField(
        _("chemistry assigned"),
        max_length=8,
        choices=Assignment.choices,
        default=Assignment.UNKNOWN,
        db_default=Assignment.UNKNOWN,
        editable=False,
    )
    chemistry_confidence = models.CharField(
        _("how sure its chemistry is"),
        max_length=6,
        choices=Confidence.choices,
        blank=True,
        default="",
        db_default="",
        editable=False,
    )
    vehicle = models.ForeignKey(
        VehicleKind, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        verbose_name=_("kind of vehicle"),
    )  # fmt: skip
    pattern = models.ForeignKey(
        VehiclePattern, on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="+", db_index=False,
        verbose_name=_("pattern it rests on"),
    )  # fmt: skip

    class Meta:
        abstract = True


def assignment_known(name: str) -> models.CheckConstraint:
    """How a chemistry was assigned, if there is one."""
    return models.CheckConstraint(
        condition=Q(chemistry_by="unknown")
        | (Q(chemistry__isnull=False) & Q(chemistry_by__in=[kind.value for kind in Assignment])),
        name=name,
    )


class AssignmentStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


#: Every legal move of a run's status; the database trigger is made from this list.
ASSIGNMENT_MOVES: list[tuple[str, str]] = [
    (AssignmentStatus.QUEUED, AssignmentStatus.RUNNING),
    (AssignmentStatus.RUNNING, AssignmentStatus.QUEUED),
    (AssignmentStatus.RUNNING, AssignmentStatus.DONE),
    (AssignmentStatus.RUNNING, AssignmentStatus.FAILED),
    (AssignmentStatus.QUEUED, AssignmentStatus.CANCELLED),
    (AssignmentStatus.RUNNING, AssignmentStatus.CANCELLED),
]


class AssignmentRunQuerySet(models.QuerySet["AssignmentRun"]):
    def visible_to(self, user: Viewer) -> AssignmentRunQuerySet:
        """Every logged-in user may know that packs are being resolved anew."""
        return self if user.is_authenticated else self.none()


class AssignmentRun(models.Model):
    """Resolving anew what rests on patterns: the pending work, its progress and its end."""

    pattern = models.ForeignKey(
        VehiclePattern, on_delete=models.PROTECT, null=True, blank=True, related_name="runs", verbose_name=_("pattern"),
        help_text=_("Only what rests on it, or would. Empty: all."),
    )  # fmt: skip
    status = models.CharField(
        _("status"), max_length=9, choices=AssignmentStatus.choices, default=AssignmentStatus.QUEUED, editable=False
    )
    rows_total = models.PositiveIntegerField(_("to change"), null=True, editable=False)
    rows_done = models.PositiveIntegerField(_("changed"), default=0, editable=False)
    rows_kept = models.PositiveIntegerField(
        _("kept"), default=0, editable=False, help_text=_("Charged, or in a report that was filed.")
    )
    message = models.TextField(_("message"), blank=True, editable=False)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("requested by")
    )
    requested_at = models.DateTimeField(_("requested at"), auto_now_add=True)
    claimed_at = models.DateTimeField(_("taken up at"), null=True, editable=False)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)

    objects = AssignmentRunQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("resolution of packs")
        verbose_name_plural = _("resolutions of packs")
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=ASSIGNMENT_MOVES),)

    def __str__(self) -> str:
        return str(self.pattern) if self.pattern_id else str(_("all patterns"))

    @property
    def progress(self) -> int:
        """In percent."""
        if self.status == AssignmentStatus.DONE:
            return 100
        return min(99, 100 * self.rows_done // self.rows_total) if self.rows_total else 0
