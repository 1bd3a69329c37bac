from __future__ import annotations

from typing import ClassVar

import pghistory
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, Viewer, organizations_of
from collection.models.records import RecordQuerySet


class OptionalElement(models.TextChoices):
    """What a recycler may leave out of its input and output until 2029 (Delegated Regulation (EU) 2025/606, Annex, 2(5))."""

    O = "O", _("oxygen")  # noqa: E741
    C = "C", _("carbon at cell level")
    FE = "Fe", _("iron at cell level")
    P = "P", _("phosphorus")
    CL = "Cl", _("chlorine")
    S = "S", _("sulfur")


class ElementsTakenQuerySet(RecordQuerySet["ElementsTaken"]):
    whose: ClassVar = {"organizations": ("recycler",)}

    def visible_to(self, user: Viewer) -> ElementsTakenQuerySet:
        """The recycler's own; a regulator reads it in the documentation."""
        return self if user.is_superuser else self.seen_by(user, Q(recycler__in=organizations_of(user)))


@pghistory.track()
class ElementsTaken(models.Model):
    """Which of the optional elements a recycler takes into account in a calendar year, in input and output both."""

    recycler = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="elements_taken", verbose_name=_("recycler")
    )
    year = models.PositiveSmallIntegerField(_("calendar year"), validators=[MinValueValidator(2000)])
    elements = ArrayField(
        models.CharField(max_length=2, choices=OptionalElement.choices),
        default=list,
        blank=True,
        verbose_name=_("taken into account"),
    )

    objects = ElementsTakenQuerySet.as_manager()

    class Meta:
        ordering = ("-year", "recycler")
        verbose_name = _("choice of elements")
        verbose_name_plural = _("choices of elements")
        constraints = (
            models.UniqueConstraint(fields=["recycler", "year"], name="elements_taken_once"),
            models.CheckConstraint(
                condition=Q(elements__contained_by=list(OptionalElement.values)), name="elements_taken_known"
            ),
            models.CheckConstraint(
                condition=Q(year__lt=2030) | Q(elements__contains=["C", "Fe", "P"]), name="elements_taken_from_2030"
            ),
        )

    def __str__(self) -> str:
        return f"{self.recycler} {self.year}: {', '.join(self.elements) or '–'}"
