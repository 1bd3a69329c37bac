from __future__ import annotations

import pghistory
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, Viewer, organizations_of
from accounts.models.told import HELD, Held, Told
from collection.validators import validate_time_zone


class JurisdictionQuerySet(models.QuerySet["Jurisdiction"]):
    def visible_to(self, user: Viewer) -> JurisdictionQuerySet:
        """Public reference data."""
        return self

    def overseen_by(self, user: Viewer) -> JurisdictionQuerySet:
        """The jurisdictions that `user` oversees as a regulator: those of its mandates and all within them."""
        if isinstance(user, Told):
            return self.filter(pk__in=user.keys("places"))
        mandated = Mandate.objects.filter(organization__in=organizations_of(user)).values("jurisdiction")
        return self.filter(Q(pk__in=mandated) | Q(parent__in=mandated))


HELD["places"] = Held("text", lambda viewer: Jurisdiction.objects.overseen_by(viewer).order_by().values("pk"))


class Jurisdiction(models.Model):
    """A country (ISO 3166-1 alpha-2) or a state, province or territory of it (ISO 3166-2)."""

    class Kind(models.TextChoices):
        COUNTRY = "country", _("country")
        STATE = "state", _("state")
        PROVINCE = "province", _("province")
        DISTRICT = "district", _("district")
        TERRITORY = "territory", _("territory")

    code = models.CharField(_("ISO 3166 code"), max_length=6, primary_key=True)
    name = models.CharField(_("name"), max_length=100)
    kind = models.CharField(_("kind"), max_length=9, choices=Kind.choices)
    parent = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("part of")
    )
    time_zone = models.CharField(
        _("usual time zone"),
        max_length=40,
        validators=[validate_time_zone],
        help_text=_("Default for facilities that are entered without a time zone of their own."),
    )

    objects = JurisdictionQuerySet.as_manager()

    class Meta:
        ordering = ("code",)
        verbose_name = _("jurisdiction")
        verbose_name_plural = _("jurisdictions")
        constraints = (
            models.CheckConstraint(
                condition=(
                    Q(kind="country", parent__isnull=True, code__regex=r"^[A-Z]{2}$")
                    | (
                        ~Q(kind="country")
                        & Q(
                            parent__isnull=False,
                            code__regex=r"^[A-Z]{2}-[A-Z0-9]{1,3}$",
                            code__startswith=models.F("parent"),
                        )
                    )
                ),
                name="jurisdiction_code_fits_kind",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    @property
    def country(self) -> str:
        return self.code[:2]


class MandateQuerySet(models.QuerySet["Mandate"]):
    def visible_to(self, user: Viewer) -> MandateQuerySet:
        """Who regulates where is public among logged-in users."""
        return self if user.is_authenticated else self.none()


@pghistory.track()
class Mandate(models.Model):
    """That a regulator oversees a jurisdiction and everything within it."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="mandates", verbose_name=_("regulator")
    )
    jurisdiction = models.ForeignKey(
        Jurisdiction, on_delete=models.PROTECT, related_name="mandates", verbose_name=_("jurisdiction")
    )

    objects = MandateQuerySet.as_manager()

    class Meta:
        verbose_name = _("mandate")
        verbose_name_plural = _("mandates")
        constraints = (
            models.UniqueConstraint(fields=["organization", "jurisdiction"], name="mandate_once_per_jurisdiction"),
        )

    def __str__(self) -> str:
        return f"{self.organization} – {self.jurisdiction_id}"
