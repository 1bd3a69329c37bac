from __future__ import annotations

from typing import Any

import pghistory
import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.told import HELD, Held, Told
from accounts.models.users import Viewer


class Function(models.TextChoices):
    """What an organization does in the chain; one organization may have several."""

    PRODUCER = "producer", _("producer")
    COLLECTOR = "collector", _("collector")
    CARRIER = "carrier", _("carrier")
    RECYCLER = "recycler", _("recycler")
    REGULATOR = "regulator", _("regulator")


class Role(models.TextChoices):
    """What a member may do: a viewer reads, an operator works, a manager also signs and files."""

    VIEWER = "viewer", _("viewer")
    OPERATOR = "operator", _("operator")
    MANAGER = "manager", _("manager")

    @property
    def rank(self) -> int:
        return _RANKS[self]


#: Looked up, since it is asked for each record of a page and each of its verbs.
_RANKS = {role: rank for rank, role in enumerate(Role)}


def organizations_of(user: Viewer, *, function: Function | None = None) -> models.QuerySet[Membership, Any]:
    """The organizations that `user` is a member of, as a subquery for `…__in` filters (no query of its own)."""
    if isinstance(user, Told):
        organizations = Organization.objects.filter(pk__in=user.keys("organizations")).order_by()
        return (organizations if function is None else organizations.with_function(function)).values("pk")
    memberships = Membership.objects.filter(user__pk=user.pk or 0)
    if function is not None:
        memberships = memberships.filter(organization__functions__contains=[function])
    return memberships.values("organization")


HELD["organizations"] = Held("bigint", organizations_of)


class OrganizationQuerySet(models.QuerySet["Organization"]):
    def visible_to(self, user: Viewer) -> OrganizationQuerySet:
        """Names of organizations are public among logged-in users: a pickup needs a carrier to be named."""
        return self if user.is_authenticated else self.none()

    def with_function(self, function: Function) -> OrganizationQuerySet:
        return self.filter(functions__contains=[function])


@pghistory.track()
class Organization(models.Model):
    """A legal person that takes part in the chain."""

    name = models.CharField(_("name"), max_length=200, unique=True)
    functions = ArrayField(
        models.CharField(max_length=12, choices=Function.choices), verbose_name=_("functions"), default=list, blank=True
    )
    requires_second_factor = models.BooleanField(
        _("requires a second factor"),
        default=False,
        help_text=_("Members log in with an authenticator app or a passkey beside their password."),
    )
    is_simulated = models.BooleanField(
        _("simulated"), default=False, help_text=_("A fictional organization of the demonstration scenario.")
    )
    claimed_at = models.DateTimeField(
        _("claimed at"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When its own people first took part. Empty: nobody here speaks for it yet."),
    )

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = _("organization")
        verbose_name_plural = _("organizations")
        constraints = (
            models.CheckConstraint(
                condition=Q(functions__contained_by=Function.values), name="organization_functions_known"
            ),
        )
        triggers = (
            pgtrigger.Trigger(
                name="stays_claimed",
                when=pgtrigger.Before,
                operation=pgtrigger.UpdateOf("claimed_at"),
                condition=pgtrigger.Q(old__claimed_at__isnull=False)
                & pgtrigger.Q(old__claimed_at__df=pgtrigger.F("new__claimed_at")),
                func="NEW.claimed_at = OLD.claimed_at; RETURN NEW;",  # whoever saves what it read before does no harm
            ),
        )

    def __str__(self) -> str:
        return self.name

    def has_function(self, function: Function) -> bool:
        return function in self.functions

    @property
    def is_claimed(self) -> bool:
        """Whether its own people took part at some time: from then on nobody else speaks for it."""
        return self.claimed_at is not None


class MembershipQuerySet(models.QuerySet["Membership"]):
    def visible_to(self, user: Viewer) -> MembershipQuerySet:
        """Members see who else belongs to their organizations."""
        if user.is_superuser:
            return self
        return self.filter(organization__in=organizations_of(user))


@pghistory.track()
class Membership(models.Model):
    """That a user works for an organization, and in which role."""

    user = models.ForeignKey(
        "accounts.User", on_delete=models.CASCADE, related_name="memberships", verbose_name=_("user")
    )
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="memberships", verbose_name=_("organization")
    )
    role = models.CharField(_("role"), max_length=8, choices=Role.choices, default=Role.VIEWER)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = (
            models.UniqueConstraint(fields=["user", "organization"], name="membership_once_per_organization"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        )
        triggers = (
            pgtrigger.Trigger(
                name="claims_the_organization",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                func="""
                    UPDATE accounts_organization SET claimed_at = now()
                    WHERE id = NEW.organization_id AND claimed_at IS NULL;
                    RETURN NULL;
                """,
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} – {self.organization} ({self.get_role_display()})"
