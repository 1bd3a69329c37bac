"""Tallies: what was collected and recycled in a month, added up once for all who ask (docs/adr/0011).

The database notes which months a change reaches (`TallyDue`), whatever door it came through; `services.tallies` adds these
months up anew, each from its first row to its last, so that nothing is ever corrected by a difference.
"""

from __future__ import annotations

from typing import Any

import pgtrigger
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, Viewer
from collection.models import Battery, CustodyEvent, Element, Facility, Jurisdiction
from recycling.models.batches import Batch, Factor
from recycling.models.due_days import BY_TIME_ZONE


def _exact(name: Any) -> models.DecimalField[Any, Any]:
    """A sum of products of masses, energies, intensities and shares, to its last decimal."""
    return models.DecimalField(name, max_digits=60, decimal_places=30)


class TallyQuerySet[M: models.Model](models.QuerySet[M]):
    def visible_to(self, user: Viewer) -> TallyQuerySet[M]:
        """The platform's own: everybody else reads them through the overview, which shows whose they may see."""
        return self if user.is_superuser else self.none()


class TallyDue(models.Model):
    """That something changed in a month since it was tallied. Only ever added, so that no two changes wait for each other."""

    month = models.DateField(_("month"))
    noted_at = models.DateTimeField(_("noted at"))

    objects = TallyQuerySet["TallyDue"].as_manager()

    class Meta:
        verbose_name = _("due tally")
        verbose_name_plural = _("due tallies")
        indexes = (models.Index(fields=["month"], name="tally_due_month"),)

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class TallyUnits(models.Model):
    """Batteries of one producer and place of marketing that were collected, and recycled, in a month; those that are
    only claimed to be of this producer apart.
    """

    month = models.DateField(_("month"))
    producer = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+", db_index=False, verbose_name=_("producer")
    )
    jurisdiction = models.ForeignKey(
        Jurisdiction,
        on_delete=models.CASCADE,
        related_name="+",
        db_index=False,
        verbose_name=_("placed on the market in"),
    )
    is_claimed = models.BooleanField(_("claimed, not confirmed"), default=False)
    units_collected = models.PositiveIntegerField(_("units collected"))
    units_recycled = models.PositiveIntegerField(_("units recycled"))
    kg_recycled = _exact(_("recycled (kg)"))

    objects = TallyQuerySet["TallyUnits"].as_manager()

    class Meta:
        verbose_name = _("tally of batteries")
        verbose_name_plural = _("tallies of batteries")
        constraints = (
            models.UniqueConstraint(
                fields=["month", "producer", "jurisdiction", "is_claimed"], name="tally_units_once"
            ),
            models.CheckConstraint(
                condition=Q(units_recycled__gt=0) | Q(units_recycled=0, kg_recycled=0), name="tally_units_have_mass"
            ),
        )

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.producer_id} {self.jurisdiction_id}"


class TallyElement(models.Model):
    """Kilograms of one element in the batteries of one producer and place that were recycled in a month, and what became of
    them. `producer` is empty for orphans, `jurisdiction` where it is not known.
    """

    month = models.DateField(_("month"))
    producer = models.ForeignKey(
        Organization,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("producer"),
    )
    jurisdiction = models.ForeignKey(
        Jurisdiction,
        on_delete=models.CASCADE,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("placed on the market in"),
    )
    is_claimed = models.BooleanField(_("claimed, not confirmed"), default=False)
    element = models.CharField(_("element"), max_length=8, choices=Element.choices)
    content_kg = _exact(_("content (kg)"))
    recovered_kg = _exact(_("recovered (kg)"))
    pending_kg = _exact(_("pending (kg)"))
    residue_kg = _exact(_("in residue (kg)"))

    objects = TallyQuerySet["TallyElement"].as_manager()

    class Meta:
        verbose_name = _("tally of an element")
        verbose_name_plural = _("tallies of elements")
        constraints = (
            models.UniqueConstraint(
                fields=["month", "producer", "jurisdiction", "is_claimed", "element"],
                nulls_distinct=False,
                name="tally_element_once",
            ),
        )

    def __str__(self) -> str:
        return f"{self.month:%Y-%m} {self.producer_id} {self.jurisdiction_id} {self.element}"


def _notes(instants: str) -> str:
    """Note the months of the instants that a query names, as `at`.

    Which day it is where it happened is left to the tally: a day to either side is wider than any time zone.
    """
    return f"""
        INSERT INTO recycling_tallydue (month, noted_at)
        SELECT DISTINCT date_trunc('month', (at AT TIME ZONE 'UTC') + aside)::date, statement_timestamp()
        FROM ({instants}) reached CROSS JOIN (VALUES (interval '-1 day'), (interval '1 day')) days (aside);
        RETURN NULL;
    """  # noqa: S608 - composed of constants


_OF_BATCH = "SELECT c.charged_at AS at FROM recycling_charge c WHERE c.battery_id IS NOT NULL AND c.batch_id"


def _factors_note(name: str, operation: pgtrigger.Operation, rows: str, **referencing: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(**referencing),
        func=_notes(f"{_OF_BATCH} IN (SELECT batch_id FROM {rows})"),  # noqa: S608 - composed of constants
    )


def _row_notes(name: str, instants: str, *columns: str) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        condition=pgtrigger.AnyChange(*columns),
        func=_notes(instants),
    )


class TalliedBatch(Batch):
    """A batch as the tally sees it: what it was charged with counts while it is closed."""

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = (_row_notes("tally_by_status", f"{_OF_BATCH} = NEW.id", "status"),)


class TalliedFactor(Factor):
    """A recovery factor as the tally sees it."""

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = (
            _factors_note("tally_by_insert", pgtrigger.Insert, "entries", new="entries"),
            _factors_note("tally_by_update", pgtrigger.Update, "entries", new="entries"),
            _factors_note("tally_by_delete", pgtrigger.Delete, "before", old="before"),
        )


class TalliedEvent(CustodyEvent):
    """A custody entry as the tally sees it: a battery's first one says when it was collected."""

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = (
            pgtrigger.Trigger(
                name="tally_by_first",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="entries"),
                func=_notes("SELECT occurred_at AS at FROM entries WHERE sequence = 1 AND battery_id IS NOT NULL"),
            ),
        )


class TalliedBattery(Battery):
    """A battery as the tally sees it: whose it is, from what place and on what ground, in the months in which it came and
    was charged.
    """

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = (
            _row_notes(
                "tally_by_correction",
                """
                    SELECT occurred_at AS at FROM collection_custodyevent WHERE battery_id = NEW.id AND sequence = 1
                    UNION ALL SELECT charged_at FROM recycling_charge WHERE battery_id = NEW.id
                """,
                "producer",
                "producer_ground",
                "placed_in",
            ),
        )


class TalliedFacility(Facility):
    """A facility as the tally sees it: by its time zone an event is of one month or of another."""

    class Meta:
        proxy = True
        default_permissions = ()
        triggers = (
            _row_notes(
                "tally_by_time_zone",
                """
                    SELECT e.occurred_at AS at FROM collection_custodyevent e
                    WHERE e.to_facility_id = NEW.id AND e.sequence = 1 AND e.battery_id IS NOT NULL
                    UNION ALL
                    SELECT c.charged_at FROM recycling_charge c
                    JOIN recycling_batch k ON k.id = c.batch_id
                    JOIN recycling_processline l ON l.id = k.line_id
                    JOIN recycling_plant p ON p.id = l.plant_id
                    WHERE p.facility_id = NEW.id AND c.battery_id IS NOT NULL
                """,
                "time_zone",
            ),
            BY_TIME_ZONE,
        )
