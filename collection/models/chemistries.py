from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Viewer
from collection.models.sources import Confidence


class Element(models.TextChoices):
    """What is followed from the pack to the metal. `graphite` is carbon as graphite; iron includes steel.

    Some are parts of others (`PARTS`): no sum over elements contains them.
    """

    LI = "Li", _("lithium")
    NI = "Ni", _("nickel")
    CO = "Co", _("cobalt")
    MN = "Mn", _("manganese")
    CU = "Cu", _("copper")
    CU_CELL = "Cu-cell", _("copper of collectors (part of copper)")
    AL = "Al", _("aluminum")
    FE = "Fe", _("iron and steel")
    FE_CELL = "Fe-cell", _("iron of active materials (part of iron and steel)")
    GRAPHITE = "graphite", _("graphite")
    C = "C", _("other carbon at cell level")
    P = "P", _("phosphorus")
    O = "O", _("oxygen")  # noqa: E741
    F = "F", _("fluorine")
    CL = "Cl", _("chlorine")
    S = "S", _("sulfur")
    PB = "Pb", _("lead")
    CD = "Cd", _("cadmium")
    HG = "Hg", _("mercury")
    REE = "REE", _("rare earths")
    PLASTICS = "plastics", _("plastics")
    SOLVENT = "solvent", _("electrolyte solvent (of carbon, oxygen and others)")
    OTHER = "other", _("others")


#: What is a part of another element, or of several, and so in no sum.
PARTS = (Element.CU_CELL, Element.FE_CELL, Element.SOLVENT)

#: The element that a part is of, where it is of one.
PART_OF = {Element.CU_CELL: Element.CU, Element.FE_CELL: Element.FE}


class ReferenceQuerySet[M: models.Model](models.QuerySet[M]):
    """Rows of public reference data, which everybody may read."""

    def visible_to(self, user: Viewer) -> ReferenceQuerySet[M]:
        return self


class Chemistry(models.Model):
    """A cell chemistry, such as NMC622 or LFP."""

    class Family(models.TextChoices):
        LITHIUM = "lithium", _("lithium-based")
        NIMH = "nimh", _("nickel-metal hydride")
        SODIUM = "sodium", _("sodium-ion")
        LEAD = "lead", _("lead-acid")

    code = models.CharField(_("code"), max_length=20, primary_key=True)
    name = models.CharField(_("name"), max_length=100)
    family = models.CharField(_("family"), max_length=7, choices=Family.choices)
    source = models.CharField(_("source"), max_length=300, blank=True)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices, default=Confidence.LOW)

    objects = ReferenceQuerySet["Chemistry"].as_manager()

    class Meta:
        ordering = ("code",)
        verbose_name = _("chemistry")
        verbose_name_plural = _("chemistries")

    def __str__(self) -> str:
        return self.code


class Composition(models.Model):
    """What a kilowatt-hour of a chemistry contains, in one version of one source. Never edited: a new version is a
    new row, so that what was computed from the old one stays computable.
    """

    chemistry = models.ForeignKey(
        Chemistry, on_delete=models.PROTECT, related_name="compositions", verbose_name=_("chemistry")
    )
    version = models.CharField(
        _("version"),
        max_length=60,
        help_text=_("Such as “BatPaC 5.2”, or the producer's data sheet for one battery model."),
    )
    pack_kg_per_kwh = models.DecimalField(
        _("pack mass (kg per kWh)"),
        max_digits=8,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=_("Empty where no source gives it; then contents need the rated energy."),
    )
    unknown_elements = ArrayField(
        models.CharField(max_length=8, choices=Element.choices),
        verbose_name=_("in it, amount not known"),
        default=list,
        blank=True,
        db_default=[],
        help_text=_("Elements that it holds and no source gives the amount of: not the same as none."),
    )
    rest = models.CharField(
        _("rest of the pack"),
        max_length=300,
        blank=True,
        help_text=_("What the pack consists of beside the elements listed, where no source gives how much."),
    )
    is_default = models.BooleanField(_("default of its chemistry"), default=False)
    source = models.CharField(_("source"), max_length=300)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices)

    objects = ReferenceQuerySet["Composition"].as_manager()

    class Meta:
        ordering = ("chemistry", "version")
        verbose_name = _("composition")
        verbose_name_plural = _("compositions")
        constraints = (
            models.UniqueConstraint(fields=["chemistry", "version"], name="composition_once_per_version"),
            models.UniqueConstraint(
                fields=["chemistry"], condition=Q(is_default=True), name="composition_one_default_per_chemistry"
            ),
            models.CheckConstraint(condition=Q(pack_kg_per_kwh__gt=0), name="composition_pack_mass_positive"),
        )

    def __str__(self) -> str:
        return f"{self.chemistry_id} ({self.version})"


class CompositionElement(models.Model):
    """Kilograms of one element in a kilowatt-hour of a composition."""

    composition = models.ForeignKey(
        Composition, on_delete=models.PROTECT, related_name="elements", verbose_name=_("composition")
    )
    element = models.CharField(_("element"), max_length=8, choices=Element.choices)
    kg_per_kwh = models.DecimalField(_("kg per kWh"), max_digits=9, decimal_places=6)
    source = models.CharField(_("source"), max_length=300, blank=True)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices, blank=True)

    objects = ReferenceQuerySet["CompositionElement"].as_manager()

    class Meta:
        ordering = ("composition", "element")
        verbose_name = _("element of a composition")
        verbose_name_plural = _("elements of a composition")
        constraints = (
            models.UniqueConstraint(fields=["composition", "element"], name="composition_element_once"),
            models.CheckConstraint(
                condition=Q(kg_per_kwh__gte=0) & Q(kg_per_kwh__lt=100), name="composition_element_plausible"
            ),
            models.CheckConstraint(condition=Q(element__in=Element.values), name="composition_element_known"),
        )

    def __str__(self) -> str:
        return f"{self.element} {self.kg_per_kwh} kg/kWh"
