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

    objects = AssayQuerySet.as_manager()

    class Meta:
        ordering = ("lot", "element")
        verbose_name = _("assay")
        verbose_name_plural = _("assays")
        constraints = (
            models.UniqueConstraint(fields=["lot", "element"], name="assay_once_per_element"),
            models.CheckConstraint(condition=Q(fraction__gte=0, fraction__lte=1), name="assay_is_fraction"),
            models.CheckConstraint(condition=Q(element__in=Element.values), name="assay_element_known"),
        )

    def __str__(self) -> str:
        return f"{self.element} {self.fraction}"
