from __future__ import annotations

import pghistory
import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, PartQuerySet, Viewer
from collection import battery_numbers
from collection.models.assignments import AssignedChemistry, assignment_known
from collection.models.chemistries import Chemistry, Composition, ReferenceQuerySet
from collection.models.facilities import Facility
from collection.models.jurisdictions import Jurisdiction
from collection.models.sight import BATTERIES, SeenQuerySet, Sees
from collection.models.sources import Confidence
from collection.models.written import compared, normalized
from collection.units import entered_field, kg_field, unit_field, unit_known


class Condition(models.TextChoices):
    """The safety state of a battery. All but `intact` travel as damaged, defective or recalled (49 CFR 173.185(f))."""

    INTACT = "intact", _("intact")
    DAMAGED = "damaged", _("damaged")
    DEFECTIVE = "defective", _("defective")
    RECALLED = "recalled", _("recalled")


class BatteryStatus(models.TextChoices):
    IN_USE = "in_use", _("in use")
    AT_FACILITY = "at_facility", _("at a facility")
    IN_TRANSIT = "in_transit", _("in transit")
    CONSUMED = "consumed", _("charged into a batch")
    SECOND_LIFE = "second_life", _("released to a further use")
    LOST = "lost", _("lost or destroyed")


#: With whoever uses it, the first time or again: nobody in the chain has it in custody.
IN_USE = (BatteryStatus.IN_USE, BatteryStatus.SECOND_LIFE)


class Ground(models.TextChoices):
    """On what ground a battery counts for its producer (docs/adr/0017). `services.credit` alone decides it, no client."""

    REGISTERED_BY_PRODUCER = "registered_by_producer", _("the producer registered it")
    REGISTRATION_FILE = "registration_file", _("an authority's registrations name the vehicle")
    SERIAL_PATTERN = "serial_pattern", _("its number fits a pattern of the producer")
    ACCEPTED = "accepted", _("the producer accepted the claim")
    DECIDED = "decided", _("a regulator decided that it is the producer's")
    CLAIMED = "claimed", _("claimed, not confirmed")


#: Every legal move of a battery's status; the database trigger is made from this list.
BATTERY_MOVES: list[tuple[str, str]] = [
    (BatteryStatus.IN_USE, BatteryStatus.AT_FACILITY),
    (BatteryStatus.AT_FACILITY, BatteryStatus.IN_TRANSIT),
    (BatteryStatus.IN_TRANSIT, BatteryStatus.AT_FACILITY),
    (BatteryStatus.AT_FACILITY, BatteryStatus.CONSUMED),
    (BatteryStatus.CONSUMED, BatteryStatus.AT_FACILITY),
    (BatteryStatus.AT_FACILITY, BatteryStatus.SECOND_LIFE),
    (BatteryStatus.SECOND_LIFE, BatteryStatus.AT_FACILITY),
    (BatteryStatus.AT_FACILITY, BatteryStatus.LOST),
    (BatteryStatus.IN_TRANSIT, BatteryStatus.LOST),
    (BatteryStatus.LOST, BatteryStatus.AT_FACILITY),
]


class BatteryModel(models.Model):
    """A battery as a producer puts it on the market: its chemistry, rated energy and mass. Reference data."""

    class Form(models.TextChoices):
        PACK = "pack", _("pack")
        MODULE = "module", _("module")
        CELL = "cell", _("cell")

    class Drive(models.TextChoices):
        BEV = "BEV", _("battery electric")
        PHEV = "PHEV", _("plug-in hybrid")
        HEV = "HEV", _("hybrid")
        FCEV = "FCEV", _("fuel cell")

    code = models.CharField(_("code"), max_length=80, unique=True)
    name = models.CharField(_("name"), max_length=150)
    producer = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="battery_models", verbose_name=_("producer")
    )
    chemistry = models.ForeignKey(
        Chemistry, on_delete=models.PROTECT, related_name="battery_models", verbose_name=_("chemistry")
    )
    composition = models.ForeignKey(
        Composition,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="battery_models",
        verbose_name=_("own composition"),
        help_text=_("Overrides the default composition of the chemistry."),
    )
    rated_kwh = models.DecimalField(_("rated energy (kWh)"), max_digits=8, decimal_places=3, null=True, blank=True)
    mass_kg = models.DecimalField(_("mass (kg)"), max_digits=9, decimal_places=3, null=True, blank=True)
    mass_is_assumed = models.BooleanField(
        _("mass is assumed"),
        default=False,
        db_default=False,
        help_text=_("From its energy; contents do not rest on it."),
    )
    mass_source = models.CharField(
        _("source of the mass, if another"), max_length=300, blank=True, default="", db_default=""
    )
    form = models.CharField(_("form"), max_length=6, choices=Form.choices, default=Form.PACK)
    drive = models.CharField(_("drive"), max_length=4, choices=Drive.choices, default=Drive.BEV)
    year_from = models.PositiveSmallIntegerField(_("model year from"), null=True, blank=True)
    year_to = models.PositiveSmallIntegerField(_("model year to"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=300, blank=True)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices)

    objects = ReferenceQuerySet["BatteryModel"].as_manager()

    class Meta:
        ordering = ("name", "pk")
        verbose_name = _("battery model")
        verbose_name_plural = _("battery models")
        constraints = (
            models.CheckConstraint(condition=Q(rated_kwh__gt=0), name="battery_model_energy_positive"),
            models.CheckConstraint(condition=Q(mass_kg__gt=0), name="battery_model_mass_positive"),
            models.CheckConstraint(
                condition=Q(mass_is_assumed=False) | (Q(mass_kg__isnull=False) & ~Q(mass_source="")),
                name="battery_model_assumed_mass_has_source",
            ),
        )

    def __str__(self) -> str:
        return self.name


class BatteryQuerySet(SeenQuerySet["Battery"]):
    sight = BATTERIES

    def held_at(self, facility: Facility) -> BatteryQuerySet:
        return self.filter(status=BatteryStatus.AT_FACILITY, facility=facility)


@pghistory.track(
    pghistory.UpdateEvent(
        "corrected",
        condition=pghistory.AnyChange(
            "model",
            "producer",
            "producer_ground",
            "chemistry",
            "chemistry_by",
            "chemistry_confidence",
            "pattern",
            "composition",
            "placed_in",
            "placed_on",
            "rated_kwh",
            "content_kwh",
            "mass_value",
            "mass_unit",
        ),
    ),
    model_name="BatteryHistory",
    fields=[
        "model",
        "producer",
        "producer_ground",
        "chemistry",
        "chemistry_by",
        "chemistry_confidence",
        "pattern",
        "composition",
        "placed_in",
        "placed_on",
        "rated_kwh",
        "content_kwh",
        "mass_value",
        "mass_unit",
    ],
)
class Battery(AssignedChemistry):
    """One physical battery. `status`, `facility` and `shipment` are written by `services.custody` alone.

    Its content of an element is `content_kwh` times the intensity of its composition; `content_kwh` is its rated energy,
    or mass / pack kg per kWh without one, and never so much that contents would exceed its mass.
    """

    model = models.ForeignKey(
        BatteryModel,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="batteries",
        verbose_name=_("battery model"),
    )
    producer = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="produced_batteries",
        db_index=False,
        verbose_name=_("producer"),
        help_text=_("Empty: an orphan, whose producer is not known."),
    )
    producer_ground = models.CharField(
        _("counts for its producer because"),
        max_length=22,
        choices=Ground.choices,
        default=Ground.CLAIMED,
        db_default=Ground.CLAIMED,
        editable=False,
        help_text=_("What is claimed and not confirmed is reported apart."),
    )
    chemistry = models.ForeignKey(
        Chemistry,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="batteries",
        verbose_name=_("chemistry"),
    )
    composition = models.ForeignKey(
        Composition,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="batteries",
        editable=False,
        verbose_name=_("composition"),
    )
    rated_kwh = models.DecimalField(_("rated energy (kWh)"), max_digits=8, decimal_places=3, null=True, blank=True)
    content_kwh = models.DecimalField(
        _("energy that contents are computed from (kWh)"),
        max_digits=12,
        decimal_places=6,
        null=True,
        blank=True,
        editable=False,
    )
    mass_value = entered_field(_("mass"), null=True, blank=True)
    mass_unit = unit_field()
    mass_kg = kg_field("mass_value", "mass_unit", _("mass (kg)"))
    form = models.CharField(_("form"), max_length=6, choices=BatteryModel.Form.choices, default=BatteryModel.Form.PACK)
    placed_in = models.ForeignKey(
        Jurisdiction,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="batteries",
        db_index=False,
        verbose_name=_("placed on the market in"),
    )
    placed_on = models.DateField(_("placed on the market on"), null=True, blank=True)
    condition = models.CharField(_("condition"), max_length=9, choices=Condition.choices, default=Condition.INTACT)
    state_of_health = models.DecimalField(
        _("state of health"),
        max_digits=4,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("Share of the rated capacity that is left, 0 to 1."),
    )
    status = models.CharField(
        _("status"), max_length=11, choices=BatteryStatus.choices, default=BatteryStatus.IN_USE, editable=False
    )
    facility = models.ForeignKey(
        Facility,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="batteries",
        editable=False,
        db_index=False,
        verbose_name=_("at"),
    )
    shipment = models.ForeignKey(
        "collection.Shipment",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="batteries",
        editable=False,
        verbose_name=_("on shipment"),
    )
    registered_by = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        related_name="registered_batteries",
        db_index=False,
        verbose_name=_("registered by"),
    )
    registered_at = models.DateTimeField(_("registered at"), auto_now_add=True)
    is_simulated = models.BooleanField(_("simulated"), default=False)

    objects = BatteryQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("battery")
        verbose_name_plural = _("batteries")
        indexes = (
            models.Index(fields=["facility", "status"], name="battery_at"),
            models.Index(fields=["producer", "placed_in"], name="battery_placed"),
            # what `sight` begins at, and what lists are filtered by, each in the order of a list
            models.Index(fields=["producer", "id"], name="battery_of_producer"),
            models.Index(fields=["registered_by", "id"], name="battery_registered_by"),
            models.Index(fields=["placed_in", "id"], name="battery_placed_in"),
            models.Index(fields=["status", "id"], name="battery_in_status"),
            models.Index(
                fields=["producer", "id"], condition=Q(producer_ground="claimed"), name="battery_claimed_of_producer"
            ),
            models.Index(fields=["chemistry_by", "id"], name="battery_assigned_by"),
            models.Index(fields=["condition", "id"], condition=~Q(condition="intact"), name="battery_not_intact"),
        )
        constraints = (
            models.CheckConstraint(
                condition=(
                    Q(status="at_facility", facility__isnull=False, shipment__isnull=True)
                    | Q(status="in_transit", facility__isnull=True, shipment__isnull=False)
                    | (
                        Q(status__in=["in_use", "consumed", "second_life", "lost"])
                        & Q(facility__isnull=True, shipment__isnull=True)
                    )
                ),
                name="battery_in_one_place",
            ),
            models.CheckConstraint(condition=Q(mass_value__gt=0), name="battery_mass_positive"),
            unit_known("mass_unit", "battery_unit_known"),
            models.CheckConstraint(condition=Q(rated_kwh__gt=0), name="battery_energy_positive"),
            models.CheckConstraint(
                condition=Q(content_kwh__isnull=True) | Q(content_kwh__gt=0, composition__isnull=False),
                name="battery_content_has_composition",
            ),
            models.CheckConstraint(
                condition=Q(state_of_health__gte=0, state_of_health__lte=1), name="battery_state_of_health_share"
            ),
            models.CheckConstraint(condition=Q(condition__in=Condition.values), name="battery_condition_known"),
            models.CheckConstraint(condition=Q(producer_ground__in=Ground.values), name="battery_ground_known"),
            assignment_known("battery_assignment_known"),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=BATTERY_MOVES),)

    def __str__(self) -> str:
        return _("Battery %(id)s") % {"id": self.pk}

    @property
    def travels_as_damaged(self) -> bool:
        return self.condition != Condition.INTACT


#: What identifiers are recognized and searched by.
SEARCHED = compared("value")
ISSUED_BY = compared("issuer")


class IdentifierQuerySet(PartQuerySet["Identifier"]):
    whole = "battery"

    def visible_to(self, user: Viewer) -> IdentifierQuerySet:
        """As the battery, which need not be read for it."""
        return self if user.is_superuser else self.filter(Sees(BATTERIES, user, "battery_id"))

    def reading(self, *values: str) -> IdentifierQuerySet:
        """Those that read like one of `values`, however that is written: one look into an index."""
        forms = {form for value in values for form in battery_numbers.searched(value)}
        return self.alias(searched=SEARCHED).filter(searched__in=forms)


class Identifier(models.Model):
    """A name that a battery goes by in some scheme; unique per scheme and issuer, however it is written. One whose issuer is
    not known names a battery for `named_by`, whose word it is, and for nobody else.
    """

    class Scheme(models.TextChoices):
        VIN = "vin", _("vehicle identification number")
        OEM_SERIAL = "oem_serial", _("manufacturer's serial number")
        SGTIN = "sgtin", _("GS1 SGTIN")
        GIAI = "giai", _("GS1 GIAI")
        GBT34014 = "gbt34014", _("GB/T 34014 code")
        CARB = "carb", _("CARB digital identifier")
        INTERNAL = "internal", _("internal number")

    battery = models.ForeignKey(
        Battery, on_delete=models.CASCADE, related_name="identifiers", verbose_name=_("battery")
    )
    scheme = models.CharField(_("scheme"), max_length=10, choices=Scheme.choices)
    issuer = models.CharField(
        _("issuer"), max_length=100, blank=True, help_text=_("Who gave the number; empty for a VIN.")
    )
    value = models.CharField(_("value"), max_length=100)
    named_by = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        db_index=False,
        verbose_name=_("entered by"),
        help_text=_("Where the issuer is not known."),
    )

    objects = IdentifierQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        verbose_name = _("identifier")
        verbose_name_plural = _("identifiers")
        constraints = (
            # begins with what is searched by, and so is the index of searches, too
            models.UniqueConstraint(
                SEARCHED, "scheme", ISSUED_BY, "named_by", name="identifier_once", nulls_distinct=False
            ),
            models.CheckConstraint(
                condition=Q(value__regex=r"^[!-~]+( [!-~]+)*$") & ~Q(value__regex=r"^[ -]*$"),
                name="identifier_in_letters",
            ),
            models.CheckConstraint(
                condition=Q(issuer=normalized("issuer")) & ~Q(issuer__regex=r"^\s|\s$|[\x01-\x1f\x7f-\x9f]"),
                name="identifier_issuer_normal",
            ),
            models.CheckConstraint(
                condition=~Q(scheme__in=battery_numbers.WORLDWIDE) | Q(issuer=""), name="identifier_worldwide"
            ),
            models.CheckConstraint(
                condition=Q(named_by__isnull=False, issuer="") & ~Q(scheme__in=battery_numbers.WORLDWIDE)
                | Q(named_by__isnull=True) & (~Q(issuer="") | Q(scheme__in=battery_numbers.WORLDWIDE)),
                name="identifier_whose",
            ),
            models.CheckConstraint(
                condition=~Q(scheme="vin") | Q(issuer="", value__regex=r"^[A-HJ-NPR-Z0-9]{17}$"),
                name="identifier_vin_form",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_scheme_display()} {self.value}"

    def read_as(self) -> set[battery_numbers.Key]:
        """What the battery is recognized by: the number with its issuer, and without."""
        scheme, issuer, value = battery_numbers.Normal(self.scheme, self.issuer, self.value).key
        return {(scheme, issuer, value), (scheme, "", value)}
