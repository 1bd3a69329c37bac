from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from collection.models.chemistries import Element, ReferenceQuerySet
from collection.models.sources import Confidence


class Material(models.Model):
    """What a lot is made of. Its kind decides what a lot of it counts as in the trace."""

    class Kind(models.TextChoices):
        PRODUCT = "product", _("product")
        INTERMEDIATE = "intermediate", _("intermediate")
        RESIDUE = "residue", _("residue")
        ENERGY = "energy", _("energy")

    code = models.CharField(_("code"), max_length=40, primary_key=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    is_converted = models.BooleanField(
        _("is converted"),
        default=False,
        help_text=_(
            "A lot of it is waste no more as it is made: it is used as it is. Of others, where they went says so."
        ),
    )
    is_substitute = models.BooleanField(
        _("replaces primary material"),
        default=False,
        help_text=_("It can replace primary material in manufacturing: recovery of its metals is measured at it."),
    )
    source = models.CharField(_("source"), max_length=300, blank=True)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices, default=Confidence.READ)

    objects = ReferenceQuerySet["Material"].as_manager()

    class Meta:
        ordering = ("kind", "name")
        verbose_name = _("material")
        verbose_name_plural = _("materials")
        constraints = (
            models.CheckConstraint(
                condition=Q(kind__in=["product", "intermediate", "residue", "energy"]), name="material_kind_known"
            ),
        )

    def __str__(self) -> str:
        return self.name


class MaterialElement(models.Model):
    """Stoichiometry: the mass fraction of an element in a pure material (Li2CO3 is 18.8 % Li)."""

    material = models.ForeignKey(
        Material, on_delete=models.CASCADE, related_name="elements", verbose_name=_("material")
    )
    element = models.CharField(_("element"), max_length=8, choices=Element.choices)
    fraction = models.DecimalField(_("mass fraction"), max_digits=9, decimal_places=8)

    objects = ReferenceQuerySet["MaterialElement"].as_manager()

    class Meta:
        ordering = ("material", "element")
        verbose_name = _("element of a material")
        verbose_name_plural = _("elements of a material")
        constraints = (
            models.UniqueConstraint(fields=["material", "element"], name="material_element_once"),
            models.CheckConstraint(condition=Q(fraction__gt=0, fraction__lte=1), name="material_element_is_fraction"),
        )

    def __str__(self) -> str:
        return f"{self.material_id} {self.element}"
