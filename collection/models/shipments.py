from __future__ import annotations

from typing import ClassVar

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import DateRangeField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, PartQuerySet, Viewer, organizations_of
from collection.models.batteries import Battery
from collection.models.facilities import Facility
from collection.models.jurisdictions import Jurisdiction
from collection.models.lots import Lot
from collection.models.records import RecordQuerySet
from collection.units import entered_field, kg_field, unit_field, unit_known


class ShipmentStatus(models.TextChoices):
    DRAFT = "draft", _("draft")
    READY = "ready", _("ready")
    IN_TRANSIT = "in_transit", _("in transit")
    ARRIVED = "arrived", _("arrived")
    RECEIVED = "received", _("received")
    PARTLY_REJECTED = "partly_rejected", _("partly rejected")
    REJECTED = "rejected", _("rejected")
    CLOSED = "closed", _("closed")
    CANCELLED = "cancelled", _("cancelled")


#: Every legal move of a shipment's status; the database trigger is made from this list.
SHIPMENT_MOVES: list[tuple[str, str]] = [
    (ShipmentStatus.DRAFT, ShipmentStatus.READY),
    (ShipmentStatus.READY, ShipmentStatus.DRAFT),
    (ShipmentStatus.READY, ShipmentStatus.IN_TRANSIT),
    (ShipmentStatus.IN_TRANSIT, ShipmentStatus.ARRIVED),
    (ShipmentStatus.ARRIVED, ShipmentStatus.RECEIVED),
    (ShipmentStatus.ARRIVED, ShipmentStatus.PARTLY_REJECTED),
    (ShipmentStatus.ARRIVED, ShipmentStatus.REJECTED),
    (ShipmentStatus.RECEIVED, ShipmentStatus.CLOSED),
    (ShipmentStatus.PARTLY_REJECTED, ShipmentStatus.CLOSED),
    (ShipmentStatus.REJECTED, ShipmentStatus.CLOSED),
    (ShipmentStatus.DRAFT, ShipmentStatus.CANCELLED),
    (ShipmentStatus.READY, ShipmentStatus.CANCELLED),
]


class ConsentQuerySet(models.QuerySet["Consent"]):
    def visible_to(self, user: Viewer) -> ConsentQuerySet:
        """The exporter, the importer, and the regulators of both countries."""
        if user.is_superuser:
            return self
        mine = organizations_of(user)
        overseen = Jurisdiction.objects.overseen_by(user).values("pk")
        return self.filter(
            Q(exporter__in=mine) | Q(importer__in=mine) | Q(from_country__in=overseen) | Q(to_country__in=overseen)
        )


@pghistory.track()
class Consent(models.Model):
    """An authority's consent to move waste batteries or black mass across a border for a period.

    The United States ask an exporter for an acknowledgment of consent (40 CFR 262.83); Canada for a permit after prior
    informed consent (SOR/2021-25).
    """

    exporter = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="export_consents", verbose_name=_("exporter")
    )
    importer = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="import_consents", verbose_name=_("importer")
    )
    from_country = models.ForeignKey(
        Jurisdiction, on_delete=models.PROTECT, related_name="+", verbose_name=_("from country")
    )
    to_country = models.ForeignKey(
        Jurisdiction, on_delete=models.PROTECT, related_name="+", verbose_name=_("to country")
    )
    number = models.CharField(_("number"), max_length=60)
    authority = models.CharField(_("authority"), max_length=100)
    valid = DateRangeField(_("valid"))
    limit_kg = models.DecimalField(
        _("limit (kg)"),
        max_digits=14,
        decimal_places=3,
        null=True,
        blank=True,
        help_text=_("Total mass that may move under it. Empty: none is stated."),
    )
    is_simulated = models.BooleanField(_("simulated"), default=False)

    objects = ConsentQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        constraints = (
            models.UniqueConstraint(fields=["authority", "number"], name="consent_number_once"),
            models.CheckConstraint(condition=~Q(from_country=F("to_country")), name="consent_crosses_a_border"),
            models.CheckConstraint(condition=Q(limit_kg__gt=0), name="consent_limit_positive"),
        )

    def __str__(self) -> str:
        return f"{self.number} ({self.from_country_id} → {self.to_country_id})"


class ShipmentQuerySet(RecordQuerySet["Shipment"]):
    whose: ClassVar = {
        "organizations": ("shipper", "carrier", "pickup__collector"),
        "facilities": ("origin", "destination"),
    }

    def visible_to(self, user: Viewer) -> ShipmentQuerySet:
        """Both ends, the carrier, the collector whose pickup it is, and the regulators of both ends."""
        if user.is_superuser:
            return self
        mine = organizations_of(user)
        overseen = Jurisdiction.objects.overseen_by(user).values("pk")
        return self.seen_by(
            user,
            Q(origin__operator__in=mine)
            | Q(pickup__collector__in=mine)
            | Q(destination__operator__in=mine)
            | Q(carrier__in=mine)
            | Q(shipper__in=mine)
            | Q(origin__jurisdiction__in=overseen)
            | Q(destination__jurisdiction__in=overseen),
        )


@pghistory.track(
    pghistory.UpdateEvent(), model_name="ShipmentHistory", fields=["status", "reason", "carrier", "consent"]
)
class Shipment(models.Model):
    """Batteries or lots on their way from one facility to another."""

    shipper = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="shipments_sent", verbose_name=_("shipper")
    )
    origin = models.ForeignKey(Facility, on_delete=models.PROTECT, related_name="shipments_out", verbose_name=_("from"))
    destination = models.ForeignKey(
        Facility, on_delete=models.PROTECT, related_name="shipments_in", verbose_name=_("to")
    )
    carrier = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="shipments_carried", verbose_name=_("carrier")
    )
    vehicle = models.CharField(_("vehicle"), max_length=60, blank=True)
    planned_at = models.DateTimeField(_("planned departure"), null=True, blank=True)
    dispatched_at = models.DateTimeField(_("dispatched at"), null=True, blank=True, editable=False)
    arrived_at = models.DateTimeField(_("arrived at"), null=True, blank=True, editable=False)
    received_at = models.DateTimeField(_("received at"), null=True, blank=True, editable=False)
    status = models.CharField(
        _("status"), max_length=15, choices=ShipmentStatus.choices, default=ShipmentStatus.DRAFT, editable=False
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True, editable=False)
    consent = models.ForeignKey(
        Consent, on_delete=models.PROTECT, null=True, blank=True, related_name="shipments", verbose_name=_("consent")
    )
    ready_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        editable=False,
        verbose_name=_("made ready by"),
    )
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        editable=False,
        verbose_name=_("accepted for the carrier by"),
    )
    return_of = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="returned_as",
        editable=False,
        verbose_name=_("returns what was rejected of"),
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    is_simulated = models.BooleanField(_("simulated"), default=False)

    objects = ShipmentQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        indexes = (models.Index(fields=["destination", "status"], name="shipment_inbound"),)
        constraints = (
            models.CheckConstraint(condition=~Q(origin=F("destination")), name="shipment_goes_somewhere"),
            models.CheckConstraint(
                condition=Q(status__in=["draft", "ready", "cancelled"]) | Q(dispatched_at__isnull=False),
                name="shipment_under_way_was_dispatched",
            ),
            models.CheckConstraint(
                condition=Q(arrived_at__gte=F("dispatched_at")), name="shipment_arrives_after_dispatch"
            ),
            models.CheckConstraint(
                condition=Q(received_at__gte=F("arrived_at")), name="shipment_received_after_arrival"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["cancelled", "rejected", "partly_rejected"]) | ~Q(reason=""),
                name="shipment_refusal_has_reason",
            ),
        )
        triggers = (pgtrigger.FSM(name="status_moves", field="status", transitions=SHIPMENT_MOVES),)

    def __str__(self) -> str:
        return _("Shipment %(id)s") % {"id": self.pk}

    @property
    def is_accepted(self) -> bool:
        """Whether the carrier accepted it."""
        return self.accepted_by_id is not None

    @property
    def crosses_border(self) -> bool:
        return self.origin.country != self.destination.country


class ShipmentPartQuerySet[M: models.Model](PartQuerySet[M]):
    whole = "shipment"


class Package(models.Model):
    """A packaging unit of a shipment. Damaged, defective or recalled batteries never share one with sound ones."""

    class Kind(models.TextChoices):
        SOUND = "sound", _("sound")
        DAMAGED = "damaged", _("damaged, defective or recalled")

    shipment = models.ForeignKey(
        Shipment, on_delete=models.CASCADE, related_name="packages", db_index=False, verbose_name=_("shipment")
    )
    label = models.CharField(_("label"), max_length=40)
    kind = models.CharField(_("kind"), max_length=7, choices=Kind.choices)
    packing_instruction = models.CharField(
        _("packing instruction"), max_length=20, blank=True, help_text=_("Such as P903, LP903, P908, LP904, P911.")
    )
    un_number = models.CharField(_("UN number"), max_length=6, blank=True, help_text=_("Such as UN3480."))

    objects = ShipmentPartQuerySet["Package"].as_manager()

    class Meta:
        ordering = ("shipment", "label")
        verbose_name = _("package")
        verbose_name_plural = _("packages")
        constraints = (models.UniqueConstraint(fields=["shipment", "label"], name="package_label_once"),)
        triggers = (
            pgtrigger.Trigger(
                name="kind_is_fixed",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__kind__df=pgtrigger.F("new__kind")),
                func="""
                    RAISE EXCEPTION 'a package keeps its kind' USING ERRCODE = 'check_violation',
                        CONSTRAINT = 'package_keeps_kind';
                """,
            ),
        )

    def __str__(self) -> str:
        return self.label


#: Refuses a line whose battery and package do not belong together; sees all rows of a statement at once, so that
#: packing 260 batteries costs one look.
DAMAGED_APART = """
    IF EXISTS (
        SELECT 1 FROM packed l
        JOIN collection_package p ON p.id = l.package_id
        JOIN collection_battery b ON b.id = l.battery_id
        WHERE l.outcome = 'open' AND (p.kind = 'damaged') <> (b.condition <> 'intact')
    ) THEN
        RAISE EXCEPTION 'damaged, defective or recalled batteries may not be packed with sound ones'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'shipment_line_damaged_apart';
    END IF;
    RETURN NULL;
"""


class ShipmentLine(models.Model):
    """One battery or one lot of a shipment, with the mass that was declared and what the receiver made of it."""

    class Outcome(models.TextChoices):
        OPEN = "open", _("open")
        ACCEPTED = "accepted", _("accepted")
        REJECTED = "rejected", _("rejected")
        REMOVED = "removed", _("removed")

    shipment = models.ForeignKey(
        Shipment, on_delete=models.CASCADE, related_name="lines", db_index=False, verbose_name=_("shipment")
    )
    battery = models.ForeignKey(
        Battery,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="shipment_lines",
        verbose_name=_("battery"),
    )
    lot = models.ForeignKey(
        Lot, on_delete=models.PROTECT, null=True, blank=True, related_name="shipment_lines", verbose_name=_("lot")
    )
    package = models.ForeignKey(
        Package, on_delete=models.PROTECT, null=True, blank=True, related_name="lines", verbose_name=_("package")
    )
    declared_value = entered_field(_("declared mass"), null=True, blank=True)
    unit = unit_field()
    declared_kg = kg_field("declared_value", "unit", _("declared mass (kg)"))
    outcome = models.CharField(
        _("outcome"), max_length=8, choices=Outcome.choices, default=Outcome.OPEN, editable=False
    )
    reason = models.CharField(_("reason"), max_length=500, blank=True, editable=False)

    objects = ShipmentPartQuerySet["ShipmentLine"].as_manager()

    class Meta:
        ordering = ("shipment", "pk")
        verbose_name = _("shipment line")
        verbose_name_plural = _("shipment lines")
        constraints = (
            models.CheckConstraint(
                condition=Q(battery__isnull=False, lot__isnull=True) | Q(battery__isnull=True, lot__isnull=False),
                name="shipment_line_of_one_thing",
            ),
            models.CheckConstraint(condition=Q(declared_value__gt=0), name="shipment_line_mass_positive"),
            unit_known("unit", "shipment_line_unit_known"),
            models.CheckConstraint(
                condition=~Q(outcome="rejected") | ~Q(reason=""), name="shipment_line_rejection_has_reason"
            ),
            models.UniqueConstraint(
                fields=["battery"], condition=Q(outcome="open"), name="shipment_line_one_open_per_battery"
            ),
            models.UniqueConstraint(fields=["lot"], condition=Q(outcome="open"), name="shipment_line_one_open_per_lot"),
            models.UniqueConstraint(fields=["shipment", "battery"], name="shipment_line_battery_once"),
            models.UniqueConstraint(fields=["shipment", "lot"], name="shipment_line_lot_once"),
        )
        triggers = (
            pgtrigger.Trigger(
                name="damaged_apart",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="packed"),
                func=DAMAGED_APART,
            ),
            pgtrigger.Trigger(
                name="damaged_apart_on_update",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="unpacked", new="packed"),
                func=DAMAGED_APART,
            ),
        )

    def __str__(self) -> str:
        return f"{self.shipment_id}/{self.pk}"


class TransportDocument(models.Model):
    """A paper that travels with a shipment, by its number."""

    class Kind(models.TextChoices):
        BILL_OF_LADING = "bill_of_lading", _("bill of lading")
        MANIFEST = "manifest", _("hazardous waste manifest")
        MOVEMENT = "movement", _("movement document")
        DANGEROUS_GOODS = "dangerous_goods", _("dangerous goods document")
        CUSTOMS = "customs", _("customs declaration")
        OTHER = "other", _("other")

    shipment = models.ForeignKey(
        Shipment, on_delete=models.CASCADE, related_name="documents", verbose_name=_("shipment")
    )
    kind = models.CharField(_("kind"), max_length=15, choices=Kind.choices)
    number = models.CharField(_("number"), max_length=60)
    issued_on = models.DateField(_("issued on"), null=True, blank=True)

    objects = ShipmentPartQuerySet["TransportDocument"].as_manager()

    class Meta:
        ordering = ("shipment", "kind", "number")
        verbose_name = _("transport document")
        verbose_name_plural = _("transport documents")
        constraints = (models.UniqueConstraint(fields=["shipment", "kind", "number"], name="transport_document_once"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.number}"
