from __future__ import annotations

import pghistory
import pgtrigger
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.errors import Invalid
from accounts.models import Organization, PartQuerySet
from accounts.written import plain, same
from collection.models import written
from collection.models.chemistries import Element
from collection.models.facilities import Facility
from collection.models.materials import Material
from collection.models.sight import LOTS, SeenQuerySet
from collection.units import entered_field, kg_field, unit_field, unit_known


class LotStatus(models.TextChoices):
    """Where a lot is, or what became of it."""

    IN_STOCK = "in_stock", _("in stock")
    IN_TRANSIT = "in_transit", _("in transit")
    CONSUMED = "consumed", _("charged into a batch")
    SPLIT = "split", _("split into other lots")
    SOLD = "sold", _("sold")
    LANDFILLED = "landfilled", _("landfilled")
    MINERALIZED = "mineralized", _("carbon mineralization")
    ENERGY_RECOVERED = "energy_recovered", _("energy recovery")
    LOST = "lost", _("lost or destroyed")
    VOID = "void", _("void")


#: What became of a lot that left the trace.
DISPOSITIONS = (LotStatus.SOLD, LotStatus.LANDFILLED, LotStatus.MINERALIZED, LotStatus.ENERGY_RECOVERED, LotStatus.LOST)

#: Every legal move of a lot's status; the database trigger is made from this list.
LOT_MOVES: list[tuple[str, str]] = [
    (LotStatus.IN_STOCK, LotStatus.IN_TRANSIT),
    (LotStatus.IN_TRANSIT, LotStatus.IN_STOCK),
    (LotStatus.IN_STOCK, LotStatus.CONSUMED),
    (LotStatus.CONSUMED, LotStatus.IN_STOCK),
    (LotStatus.IN_STOCK, LotStatus.SPLIT),
    (LotStatus.IN_STOCK, LotStatus.VOID),
    *((LotStatus.IN_STOCK, disposition) for disposition in DISPOSITIONS),
    *((disposition, LotStatus.IN_STOCK) for disposition in DISPOSITIONS),
    (LotStatus.IN_TRANSIT, LotStatus.LOST),
]


#: What lots are recognized by (`accounts.written.same`).
LOT_FORM = written.same("number")


def lot_form(number: str) -> str:
    """What a lot is recognized by that has this number; empty where none can have it."""
    try:
        return same(plain(number))
    except Invalid:
        return ""


class AssayBasis(models.TextChoices):
    """Where the assay of a lot is from."""

    NONE = "none", _("no assay")
    MEASURED = "measured", _("measured")
    PURE = "pure", _("assumed pure")
    DIFFERENCE = "difference", _("what went in less what else came out")


class LotQuerySet(SeenQuerySet["Lot"]):
    sight = LOTS

    def numbered(self, *numbers: str) -> LotQuerySet:
        """Those with one of these numbers, however that is written; one look into an index."""
        return self.alias(form=LOT_FORM).filter(form__in=set(map(lot_form, numbers)) - {""})

    def held_at(self, facility: Facility) -> LotQuerySet:
        return self.filter(status=LotStatus.IN_STOCK, facility=facility)


@pghistory.track(
    pghistory.UpdateEvent(), model_name="LotHistory", fields=["status", "mass_value", "mass_unit", "moisture"]
)
class Lot(models.Model):
    """A mass of one material with one assay, always whole in one place: who needs a part of it splits it.

    It lives in `collection` since it travels like a battery; the batch that made it points to it from `recycling`.
    """

    number = models.CharField(_("lot number"), max_length=60)
    owner = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="lots", verbose_name=_("owner"))
    material = models.ForeignKey(Material, on_delete=models.PROTECT, related_name="lots", verbose_name=_("material"))
    mass_value = entered_field(_("mass"))
    mass_unit = unit_field()
    mass_kg = kg_field("mass_value", "mass_unit", _("mass (kg)"))
    moisture = models.DecimalField(
        _("moisture"),
        max_digits=5,
        decimal_places=4,
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("Mass fraction of water, 0 to 1. Assays are of the dry mass."),
    )
    assay_basis = models.CharField(
        _("basis of the assay"),
        max_length=10,
        choices=AssayBasis.choices,
        default=AssayBasis.NONE,
        db_default=AssayBasis.NONE,
        editable=False,
    )
    status = models.CharField(
        _("status"), max_length=16, choices=LotStatus.choices, default=LotStatus.IN_STOCK, editable=False
    )
    facility = models.ForeignKey(
        Facility,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="lots",
        editable=False,
        verbose_name=_("at"),
    )
    shipment = models.ForeignKey(
        "collection.Shipment",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="lots",
        editable=False,
        verbose_name=_("on shipment"),
    )
    split_from = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="parts",
        editable=False,
        verbose_name=_("split from"),
    )
    origin = models.CharField(
        _("origin"),
        max_length=200,
        blank=True,
        help_text=_("Where it came from, if not from a batch: a supplier of scrap or black mass from outside."),
    )
    made_at = models.DateTimeField(_("made at"))
    is_simulated = models.BooleanField(_("simulated"), default=False)

    objects = LotQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("lot")
        verbose_name_plural = _("lots")
        constraints = (
            models.UniqueConstraint(LOT_FORM, "owner", name="lot_number_once_per_owner"),
            models.CheckConstraint(
                condition=Q(number=written.normalized("number"))
                & ~Q(number__regex=r"^\s|\s$|\s\s|[\x01-\x1f\x7f-\x9f]"),
                name="lot_number_normal",
            ),
            models.CheckConstraint(condition=Q(mass_value__gt=0), name="lot_mass_positive"),
            unit_known("mass_unit", "lot_unit_known"),
            models.CheckConstraint(condition=Q(moisture__gte=0, moisture__lt=1), name="lot_moisture_is_fraction"),
            models.CheckConstraint(
                condition=(
                    Q(status="in_stock", facility__isnull=False, shipment__isnull=True)
                    | Q(status="in_transit", facility__isnull=True, shipment__isnull=False)
                    | (~Q(status__in=["in_stock", "in_transit"]) & Q(facility__isnull=True, shipment__isnull=True))
                ),
                name="lot_in_one_place",
            ),
            models.CheckConstraint(condition=~Q(split_from=F("pk")), name="lot_not_split_from_itself"),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=LOT_MOVES),)

    def __str__(self) -> str:
        return f"{self.number} ({self.material_id})"


class AssayQuerySet(PartQuerySet["Assay"]):
    whole = "lot"


@pghistory.track()
class Assay(models.Model):
    """Mass fraction of an element in the dry mass of a lot."""

    lot = models.ForeignKey(Lot, on_delete=models.CASCADE, related_name="assays", verbose_name=_("lot"))
    element = models.CharField(_("element"), max_length=8, choices=Element.choices)
    fraction = models.DecimalField(
        _("mass fraction"), max_digits=9, decimal_places=8, validators=[MinValueValidator(0), MaxValueValidator(1)]
    )
    from_batteries = models.DecimalField(
        _("from batteries"),
        max_digits=5,
        decimal_places=4,
        default=1,
        db_default=1,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("Share of it that came from what was charged, and not from reagents or the air."),
    )

    objects = AssayQuerySet.as_manager()

    class Meta:
        ordering = ("lot", "element")
        verbose_name = _("assay")
        verbose_name_plural = _("assays")
        constraints = (
            models.UniqueConstraint(fields=["lot", "element"], name="assay_once_per_element"),
            models.CheckConstraint(condition=Q(fraction__gte=0, fraction__lte=1), name="assay_is_fraction"),
            models.CheckConstraint(condition=Q(element__in=Element.values), name="assay_element_known"),
            models.CheckConstraint(
                condition=Q(from_batteries__gte=0, from_batteries__lte=1), name="assay_from_batteries_is_share"
            ),
        )

    def __str__(self) -> str:
        return f"{self.element} {self.fraction}"


class Use(models.TextChoices):
    """What a lot that left the trace is used for."""

    ORIGINAL = "original", _("as material, substance or product, for its original purpose")
    OTHER = "other", _("as material, substance or product, for another purpose")
    LANDFILL_CONSTRUCTION = "landfill_construction", _("to build a landfill")
    BACKFILLING = "backfilling", _("backfilling")
    FUEL = "fuel", _("as fuel")
    ENERGY = "energy", _("energy recovery")
    DISPOSAL = "disposal", _("none: disposal")


#: Uses that make an output of recycling of it, by Delegated Regulation (EU) 2025/606, Annex, 1(4).
USED_AS_SUCH = (Use.ORIGINAL, Use.OTHER)


class DestinationQuerySet(PartQuerySet["Destination"]):
    whole = "lot"


@pghistory.track()
class Destination(models.Model):
    """Where a lot went that left the trace, and what it is used for there."""

    lot = models.OneToOneField(Lot, on_delete=models.CASCADE, related_name="destination", verbose_name=_("lot"))
    use = models.CharField(_("use"), max_length=21, choices=Use.choices)
    ended_waste = models.BooleanField(_("ended being waste"), default=False)
    recipient = models.CharField(_("recipient"), max_length=200)
    country = models.CharField(_("country"), max_length=2, blank=True, help_text=_("ISO 3166-1, where it is known."))

    objects = DestinationQuerySet.as_manager()

    class Meta:
        verbose_name = _("destination of a lot")
        verbose_name_plural = _("destinations of lots")
        constraints = (
            models.CheckConstraint(condition=Q(use__in=Use.values), name="destination_use_known"),
            models.CheckConstraint(condition=~Q(recipient=""), name="destination_has_recipient"),
            models.CheckConstraint(
                condition=Q(country="") | Q(country__regex="^[A-Z]{2}$"), name="destination_country_is_code"
            ),
            models.CheckConstraint(
                condition=Q(use__in=["original", "other"]) | Q(ended_waste=False), name="destination_of_waste_is_waste"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_use_display()}, {self.recipient}"
