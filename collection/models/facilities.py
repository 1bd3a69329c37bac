from __future__ import annotations

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Function, Organization, Viewer, organizations_of
from collection.models.jurisdictions import Jurisdiction
from collection.models.sources import Confidence
from collection.validators import validate_time_zone


class FacilityQuerySet(models.QuerySet["Facility"]):
    def visible_to(self, user: Viewer) -> FacilityQuerySet:
        """That a facility exists, and where, is known to every logged-in user: shipments must name one another's."""
        return self if user.is_authenticated else self.none()

    def run_by(self, user: Viewer) -> FacilityQuerySet:
        """The facilities of the user's own organizations."""
        return self if user.is_superuser else self.filter(operator__in=organizations_of(user))

    def overseen_by(self, user: Viewer) -> FacilityQuerySet:
        """The facilities in the jurisdictions that `user` regulates."""
        return self.filter(jurisdiction__in=Jurisdiction.objects.overseen_by(user))


@pghistory.track()
class Facility(models.Model):
    """A place where batteries and lots can be: a yard, a hub or a plant. A day there is a day of its time zone."""

    operator = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="facilities", verbose_name=_("operator")
    )
    name = models.CharField(_("name"), max_length=200)
    jurisdiction = models.ForeignKey(
        Jurisdiction, on_delete=models.PROTECT, related_name="facilities", verbose_name=_("jurisdiction")
    )
    address = models.CharField(_("street address"), max_length=200, blank=True)
    locality = models.CharField(_("locality"), max_length=100, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=10, blank=True)
    latitude = models.DecimalField(
        _("latitude"),
        max_digits=8,
        decimal_places=5,
        null=True,
        blank=True,
        validators=[MinValueValidator(-90), MaxValueValidator(90)],
    )
    longitude = models.DecimalField(
        _("longitude"),
        max_digits=8,
        decimal_places=5,
        null=True,
        blank=True,
        validators=[MinValueValidator(-180), MaxValueValidator(180)],
    )
    time_zone = models.CharField(_("time zone"), max_length=40, validators=[validate_time_zone])
    storage_limit_kg = models.DecimalField(
        _("storage limit (kg)"),
        max_digits=12,
        decimal_places=3,
        null=True,
        blank=True,
        help_text=_("Most that may be on site by permit. Empty: no limit is known."),
    )
    source = models.CharField(_("source"), max_length=300, blank=True)
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence.choices, blank=True)
    is_simulated = models.BooleanField(_("simulated"), default=False)

    objects = FacilityQuerySet.as_manager()

    class Meta:
        ordering = ("name", "pk")
        verbose_name = _("facility")
        verbose_name_plural = _("facilities")
        constraints = (
            models.UniqueConstraint(fields=["operator", "name"], name="facility_name_once_per_operator"),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True, longitude__isnull=True)
                | Q(
                    latitude__isnull=False,
                    longitude__isnull=False,
                    latitude__range=(-90, 90),
                    longitude__range=(-180, 180),
                ),
                name="facility_coordinates_on_earth",
            ),
            models.CheckConstraint(condition=Q(storage_limit_kg__gt=0), name="facility_storage_limit_positive"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def country(self) -> str:
        return self.jurisdiction_id[:2]


class PermitQuerySet(models.QuerySet["Permit"]):
    def visible_to(self, user: Viewer) -> PermitQuerySet:
        """The operator's own, and those that a regulator oversees."""
        if user.is_superuser:
            return self
        return self.filter(
            Q(facility__operator__in=organizations_of(user))
            | Q(facility__jurisdiction__in=Jurisdiction.objects.overseen_by(user))
        )


@pghistory.track()
class Permit(models.Model):
    """A permit of a facility for a period; two of one kind never overlap."""

    class Kind(models.TextChoices):
        UNIVERSAL_WASTE = "universal_waste", _("universal waste handler")
        HAZARDOUS_WASTE = "hazardous_waste", _("hazardous waste treatment")
        RECYCLING = "recycling", _("recycling")
        STORAGE = "storage", _("storage")
        TRANSPORT = "transport", _("transport")
        EQUIVALENT = "equivalent", _("recycling under conditions equal to those at home")

    facility = models.ForeignKey(Facility, on_delete=models.CASCADE, related_name="permits", verbose_name=_("facility"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    number = models.CharField(_("number"), max_length=60)
    valid = DateRangeField(_("valid"))
    source = models.CharField(_("source"), max_length=300, blank=True)

    objects = PermitQuerySet.as_manager()

    class Meta:
        verbose_name = _("permit")
        verbose_name_plural = _("permits")
        constraints = (
            ExclusionConstraint(
                name="permit_periods_apart",
                expressions=[
                    ("facility", RangeOperators.EQUAL),
                    ("kind", RangeOperators.EQUAL),
                    ("valid", RangeOperators.OVERLAPS),
                ],
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"


class CollectionPointQuerySet(models.QuerySet["CollectionPoint"]):
    def visible_to(self, user: Viewer) -> CollectionPointQuerySet:
        """Its operator, every collector and carrier (they drive there), whom a pickup goes to that it agreed to, and the
        regulators of the place.
        """
        if user.is_superuser:
            return self
        sending = self.model._default_manager.filter(
            pickups__giver_means__gt="", pickups__destination__operator__in=organizations_of(user)
        )
        drivers = organizations_of(user, function=Function.COLLECTOR)
        carriers = organizations_of(user, function=Function.CARRIER)
        return self.filter(
            Q(facility__operator__in=organizations_of(user))
            | Q(facility__jurisdiction__in=Jurisdiction.objects.overseen_by(user))
            | models.Exists(Organization.objects.filter(pk__in=drivers))
            | models.Exists(Organization.objects.filter(pk__in=carriers))
            | Q(pk__in=sending.values("pk"))
        )


@pghistory.track()
class CollectionPoint(models.Model):
    """A facility that gives up batteries: a salvage yard, dealer, dismantler, fleet or municipal site."""

    class Kind(models.TextChoices):
        SALVAGE_YARD = "salvage_yard", _("salvage yard")
        DEALER = "dealer", _("dealer")
        DISMANTLER = "dismantler", _("dismantler")
        FLEET = "fleet", _("fleet")
        MUNICIPAL = "municipal", _("municipal site")
        OTHER = "other", _("other")

    facility = models.OneToOneField(
        Facility, on_delete=models.PROTECT, related_name="collection_point", verbose_name=_("facility")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind.choices)
    contact = models.CharField(_("contact"), max_length=200, blank=True)
    notes = models.TextField(_("access notes"), blank=True)
    is_active = models.BooleanField(_("active"), default=True)
    source_key = models.CharField(
        _("key in the source"),
        max_length=200,
        null=True,
        blank=True,
        unique=True,
        help_text=_("Recognizes the row of an imported list when it is sent again."),
    )

    objects = CollectionPointQuerySet.as_manager()

    class Meta:
        ordering = ("facility__name", "pk")
        verbose_name = _("collection point")
        verbose_name_plural = _("collection points")

    def __str__(self) -> str:
        return str(self.facility)
