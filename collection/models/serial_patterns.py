from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.models import Function, Organization, Viewer, organizations_of
from collection.models.batteries import SEARCHED, Identifier

#: What a pattern is made of: what identifiers are compared by, `?` for one character and `*` for any number. What it
#: begins with names somebody, as the first three characters of a VIN do.
PATTERN = r"^[A-Z0-9./:]{3}[A-Z0-9./:?*]*$"


class Fits(Func):
    """Whether an identifier, as it is compared, fits a pattern."""

    template = "(%(expressions)s)"
    arg_joiner = " LIKE "
    output_field = models.BooleanField()

    def __init__(self, identifier: F | OuterRef, pattern: F | OuterRef) -> None:
        like = Func(pattern, Value("?*"), Value("_%"), function="translate", output_field=models.CharField())
        super().__init__(identifier, like)


class SerialPatternQuerySet(models.QuerySet["SerialPattern"]):
    def visible_to(self, user: Viewer) -> SerialPatternQuerySet:
        """The producer, and every regulator: whoever else knew it could invent serials that fit."""
        if user.is_superuser:
            return self
        mine = organizations_of(user)
        regulating = Organization.objects.with_function(Function.REGULATOR).filter(pk__in=mine)
        return self.filter(Q(producer__in=mine) | Exists(regulating))

    def standing(self) -> SerialPatternQuerySet:
        return self.filter(ended_at__isnull=True)


class SerialPattern(models.Model):
    """How a producer numbers its batteries or vehicles. What goes by such a number and is said to be its, is its."""

    producer = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="serial_patterns", verbose_name=_("producer")
    )
    scheme = models.CharField(_("scheme"), max_length=10, choices=Identifier.Scheme.choices)
    pattern = models.CharField(
        _("pattern"),
        max_length=100,
        help_text=_("? stands for one character, * for any number; the first three stand for themselves."),
    )
    filed_at = models.DateTimeField(_("filed at"), db_default=Now(), editable=False)
    filed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("filed by")
    )
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True, editable=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("ended by"),
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True, editable=False)

    objects = SerialPatternQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("serial pattern")
        verbose_name_plural = _("serial patterns")
        constraints = (
            models.UniqueConstraint(
                fields=["producer", "scheme", "pattern"],
                condition=Q(ended_at__isnull=True),
                name="serial_pattern_once",
            ),
            models.CheckConstraint(condition=Q(pattern__regex=PATTERN), name="serial_pattern_form"),
            models.CheckConstraint(
                condition=Q(scheme__in=Identifier.Scheme.values), name="serial_pattern_scheme_known"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, ended_by__isnull=True, reason="")
                | (Q(ended_at__isnull=False, ended_by__isnull=False) & ~Q(reason="")),
                name="serial_pattern_end_complete",
            ),
        )
        triggers = (pgtrigger.ReadOnly(name="stays_as_filed", fields=["producer", "scheme", "pattern", "filed_by"]),)

    def __str__(self) -> str:
        return f"{self.get_scheme_display()} {self.pattern}"


def goes_by_a_pattern() -> Exists:
    """Of a battery: whether one of its identifiers fits a standing pattern of its producer."""
    patterns = SerialPattern.objects.standing().filter(
        Fits(OuterRef("searched"), F("pattern")), producer=OuterRef("battery__producer"), scheme=OuterRef("scheme")
    )
    return Exists(Identifier.objects.alias(searched=SEARCHED).filter(Exists(patterns), battery=OuterRef("pk")))
