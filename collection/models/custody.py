from __future__ import annotations

from typing import Any

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from accounts.acting import as_platform, saw
from accounts.models import Organization, Viewer
from collection.models.batteries import Battery
from collection.models.facilities import Facility
from collection.models.handovers import Handover
from collection.models.lots import Lot
from collection.models.shipments import Shipment
from collection.models.sight import BATTERIES, LOOKED_AT, LOTS, SeesEntry, Whose, first_seen, without_sight


class CustodyKind(models.TextChoices):
    """What happened to a battery or a lot."""

    RECEIVED_FROM_USE = "given_up", _("given up at a facility")
    PRODUCED = "produced", _("came into being")
    DISPATCHED = "dispatched", _("loaded and dispatched")
    RECEIVED = "received", _("received")
    REJECTED = "rejected", _("rejected and sent back")
    INSPECTED = "inspected", _("inspected")
    CHARGED = "charged", _("charged into a batch")
    UNCHARGED = "uncharged", _("taken out of a batch again")
    RELEASED = "released", _("released to a further use")
    SPLIT = "split", _("split")
    DISPOSED = "disposed", _("left the trace")
    LOST = "lost", _("lost or destroyed")
    FOUND = "found", _("found again")
    CORRECTED = "corrected", _("corrected")


#: Up to so many things, the entries of all that somebody sees are looked up by the things.
LOOKED_UP = 5_000

#: Too rare to be met while the ledger is read from its end: they have an index.
RARE_KINDS = [
    CustodyKind.REJECTED,
    CustodyKind.UNCHARGED,
    CustodyKind.RELEASED,
    CustodyKind.SPLIT,
    CustodyKind.DISPOSED,
    CustodyKind.LOST,
    CustodyKind.FOUND,
    CustodyKind.CORRECTED,
]


class CustodyEventQuerySet(models.QuerySet["CustodyEvent"]):
    def visible_to(self, user: Viewer) -> CustodyEventQuerySet:
        """As the battery or the lot: whoever may see a thing may see its life."""
        return self if user.is_superuser else self.filter(SeesEntry(user))

    def head(self, most: int, *, ascending: bool = False, beyond: Any = None) -> CustodyEventQuerySet:
        """As `SeenQuerySet.head`. Of somebody who sees little, the entries are found by the things."""
        others, sees = without_sight(self)
        if sees is None:
            return self
        with as_platform():
            found = _first_keys(others, Whose.of(sees.viewer), most, ascending, beyond)
        saw(self.model, found)
        return others.filter(pk__in=found)

    def last_of_lots(self) -> CustodyEventQuerySet:
        """The entry by which each lot last left a facility, with that facility; a correction after it leaves none."""
        left = self.filter(lot__isnull=False, from_facility__isnull=False)
        last = left.order_by("lot_id", "-sequence").distinct("lot_id")
        return last.select_related("from_facility__operator")


def _first_keys(others: CustodyEventQuerySet, whose: Whose, most: int, ascending: bool, beyond: Any) -> list[Any]:
    order, side = ("pk", "pk__gt") if ascending else ("-pk", "pk__lt")
    rows = others.order_by(order) if beyond is None else others.order_by(order).filter(**{side: beyond})
    looked_at = most * LOOKED_AT
    found = _first_seen(rows[:looked_at], whose, most, ascending=ascending)
    if len(found) < most and rows[looked_at : looked_at + 1].exists():
        batteries, lots = BATTERIES.search(whose, LOOKED_UP), LOTS.search(whose, LOOKED_UP)
        if len(batteries) < LOOKED_UP and len(lots) < LOOKED_UP:
            rows = rows.filter(Q(battery__in=batteries) | Q(lot__in=lots))
            found = list(rows.values_list("pk", flat=True)[:most])
        else:
            found = _first_seen(rows, whose, most, ascending=ascending)
    return found


def _first_seen(rows: CustodyEventQuerySet, whose: Whose, most: int, *, ascending: bool) -> list[Any]:
    """The keys of the first `most` of `rows`, which are in order, that are of something tied to `whose`."""
    keys, values = rows.values("pk", "battery", "lot").query.sql_with_params()
    is_seen = f"({BATTERIES.is_seen('keys.battery')} OR {LOTS.is_seen('keys.lot')})"
    return first_seen(f"({keys}) keys (id, battery, lot)", values, is_seen, whose, most, ascending=ascending)


class CustodyEvent(models.Model):
    """One entry of the custody ledger. Entries are only ever appended; a mistake is corrected by a further entry.

    `sequence` counts the entries of one battery or lot from 1, and each entry starts where the one before ended: a
    trigger refuses anything else.
    """

    battery = models.ForeignKey(
        Battery,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="events",
        db_index=False,
        verbose_name=_("battery"),
    )
    lot = models.ForeignKey(
        Lot,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="events",
        db_index=False,
        verbose_name=_("lot"),
    )
    sequence = models.PositiveIntegerField(_("sequence"))
    kind = models.CharField(_("kind"), max_length=10, choices=CustodyKind.choices)
    occurred_at = models.DateTimeField(_("occurred at"))
    recorded_at = models.DateTimeField(_("recorded at"), db_default=Now(), editable=False)
    from_facility = models.ForeignKey(
        Facility, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("from facility")
    )
    from_shipment = models.ForeignKey(
        Shipment, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("from shipment")
    )
    to_facility = models.ForeignKey(
        Facility,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="arrivals",
        db_index=False,
        verbose_name=_("to facility"),
    )
    to_shipment = models.ForeignKey(
        Shipment, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("to shipment")
    )
    to_status = models.CharField(
        _("status afterwards"), max_length=16, help_text=_("The status of the battery or lot after this entry.")
    )
    from_organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("from"),
    )
    to_organization = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        verbose_name=_("to"),
    )
    handover = models.ForeignKey(
        Handover,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="events",
        db_index=False,
        verbose_name=_("hand-over"),
        help_text=_("Who confirmed that custody passed from one organization to the other, and how."),
    )
    mass_kg = models.DecimalField(_("mass (kg)"), max_digits=20, decimal_places=11, null=True, blank=True)
    reference = models.CharField(
        _("reference"), max_length=60, blank=True, help_text=_("The record behind it, such as “batch 12”.")
    )
    note = models.CharField(_("note"), max_length=500, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="custody_events", verbose_name=_("by")
    )
    corrects = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="corrections", verbose_name=_("corrects")
    )

    objects = CustodyEventQuerySet.as_manager()

    class Meta:
        ordering = ("-occurred_at", "-pk")
        verbose_name = _("custody entry")
        verbose_name_plural = _("custody ledger")
        constraints = (
            models.CheckConstraint(
                condition=Q(battery__isnull=False, lot__isnull=True) | Q(battery__isnull=True, lot__isnull=False),
                name="custody_event_of_one_thing",
            ),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="custody_event_sequence_from_one"),
            models.CheckConstraint(
                condition=Q(to_facility__isnull=True) | Q(to_shipment__isnull=True), name="custody_event_to_one_place"
            ),
            models.CheckConstraint(
                condition=Q(from_facility__isnull=True) | Q(from_shipment__isnull=True),
                name="custody_event_from_one_place",
            ),
            models.CheckConstraint(condition=Q(mass_kg__gt=0), name="custody_event_mass_positive"),
            models.CheckConstraint(
                condition=Q(kind="corrected") | Q(corrects__isnull=True), name="custody_event_only_corrections_correct"
            ),
            models.CheckConstraint(
                condition=Q(from_organization__isnull=True)
                | Q(to_organization__isnull=True)
                | Q(from_organization=F("to_organization"))
                | Q(handover__isnull=False),
                name="custody_event_handed_over",
            ),
            models.UniqueConstraint(fields=["battery", "sequence"], name="custody_event_battery_sequence"),
            models.UniqueConstraint(fields=["lot", "sequence"], name="custody_event_lot_sequence"),
        )
        triggers = (
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
            pgtrigger.Trigger(
                name="starts_where_the_last_ended",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="entries"),
                func="""
                    IF EXISTS (
                        SELECT 1 FROM entries e
                        LEFT JOIN collection_custodyevent p
                            ON p.battery_id = e.battery_id AND p.sequence = e.sequence - 1
                        WHERE e.battery_id IS NOT NULL AND (
                            (e.sequence > 1 AND p.id IS NULL)
                            OR e.from_facility_id IS DISTINCT FROM p.to_facility_id
                            OR e.from_shipment_id IS DISTINCT FROM p.to_shipment_id)
                    ) OR EXISTS (
                        SELECT 1 FROM entries e
                        LEFT JOIN collection_custodyevent p
                            ON p.lot_id = e.lot_id AND p.sequence = e.sequence - 1
                        WHERE e.lot_id IS NOT NULL AND (
                            (e.sequence > 1 AND p.id IS NULL)
                            OR e.from_facility_id IS DISTINCT FROM p.to_facility_id
                            OR e.from_shipment_id IS DISTINCT FROM p.to_shipment_id)
                    ) THEN
                        RAISE EXCEPTION 'custody ledger: an entry must start where the one before it ended'
                            USING ERRCODE = 'check_violation', CONSTRAINT = 'custody_event_starts_where_last_ended';
                    END IF;
                    RETURN NULL;
                """,
            ),
        )
        indexes = (
            # what `sight` begins at; most entries are of batteries, so those of lots have small indexes of their own
            models.Index(fields=["to_facility", "battery"], name="custody_event_to"),
            models.Index(fields=["to_organization", "battery"], name="custody_event_to_org"),
            models.Index(fields=["from_organization", "battery"], name="custody_event_from_org"),
            models.Index(fields=["to_facility", "lot"], name="custody_event_lot_to", condition=Q(lot__isnull=False)),
            models.Index(
                fields=["to_organization", "lot"], name="custody_event_lot_to_org", condition=Q(lot__isnull=False)
            ),
            models.Index(
                fields=["from_organization", "lot"], name="custody_event_lot_from_org", condition=Q(lot__isnull=False)
            ),
            BrinIndex(fields=["occurred_at"], autosummarize=True, name="custody_event_by_time"),
            models.Index(fields=["reference"], condition=~Q(reference=""), name="custody_event_reference"),
            models.Index(fields=["kind", "id"], condition=Q(kind__in=RARE_KINDS), name="custody_event_rare"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} ({self.sequence})"
