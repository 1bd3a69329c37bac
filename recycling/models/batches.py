from __future__ import annotations

from typing import ClassVar

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization
from collection.models import Battery, Composition, Element, Jurisdiction, Lot
from collection.units import entered_field, kg_field, unit_field, unit_known
from recycling.models.due_days import BY_BATCHES, BY_CHARGES, BY_OUTPUTS
from recycling.models.intakes import PlantRecordQuerySet
from recycling.models.plants import ProcessLine
from recycling.models.seals import stale_with_parts


class BatchStatus(models.TextChoices):
    OPEN = "open", _("open")
    CLOSED = "closed", _("closed")
    VOID = "void", _("void")


#: Every legal move of a batch's status; the database trigger is made from this list.
BATCH_MOVES: list[tuple[str, str]] = [
    (BatchStatus.OPEN, BatchStatus.CLOSED),
    (BatchStatus.CLOSED, BatchStatus.OPEN),
    (BatchStatus.OPEN, BatchStatus.VOID),
]


class BatchQuerySet(PlantRecordQuerySet["Batch"]):
    to_plant = "line__plant"
    whose: ClassVar = {"facilities": ("line.plant__facility",)}


class BatchPartQuerySet[M: models.Model](PlantRecordQuerySet[M]):
    to_plant = "batch__line__plant"
    whose: ClassVar = {"facilities": ("batch__line.plant__facility",)}


@pghistory.track(pghistory.UpdateEvent(), model_name="BatchHistory", fields=["status", "explanation", "reason"])
class Batch(models.Model):
    """What was charged into a line together, and what came out of it."""

    line = models.ForeignKey(
        ProcessLine, on_delete=models.PROTECT, related_name="batches", verbose_name=_("process line")
    )
    number = models.CharField(_("batch number"), max_length=60)
    started_at = models.DateTimeField(_("started at"))
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True, editable=False)
    status = models.CharField(
        _("status"), max_length=6, choices=BatchStatus.choices, default=BatchStatus.OPEN, editable=False
    )
    explanation = models.TextField(
        _("explanation"), blank=True, editable=False, help_text=_("Why it closed outside of its mass balance.")
    )
    explained_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="explained_batches",
        verbose_name=_("explained by"),
    )
    reason = models.CharField(
        _("reason"), max_length=500, blank=True, editable=False, help_text=_("Why it was reopened or given up.")
    )
    stale_since = models.DateTimeField(
        _("factors out of date since"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("Set by the database with each change that moves factors; cleared when they are computed."),
    )
    is_simulated = models.BooleanField(_("simulated"), default=False)

    objects = BatchQuerySet.as_manager()

    class Meta:
        ordering = ("-started_at", "-pk")
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        indexes = (
            models.Index(fields=["stale_since"], condition=Q(stale_since__isnull=False), name="batch_stale"),
            models.Index(fields=["line", "started_at"], name="batch_of_line"),
        )
        constraints = (
            models.UniqueConstraint(fields=["line", "number"], name="batch_number_once_per_line"),
            models.CheckConstraint(
                condition=Q(status="closed", closed_at__isnull=False, closed_at__gte=F("started_at"))
                | (~Q(status="closed") & Q(closed_at__isnull=True)),
                name="batch_closed_has_time",
            ),
            models.CheckConstraint(
                condition=Q(explanation="", explained_by__isnull=True)
                | (~Q(explanation="") & Q(explained_by__isnull=False)),
                name="batch_explanation_is_signed",
            ),
        )
        triggers = (
            pgtrigger.FSM(name="status_moves", field="status", transitions=BATCH_MOVES),
            pgtrigger.Trigger(
                name="stale_by_status",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func="""
                    IF TG_OP = 'INSERT' OR NEW.status IS DISTINCT FROM OLD.status THEN
                        NEW.stale_since := clock_timestamp();
                    END IF;
                    RETURN NEW;
                """,
            ),
            *BY_BATCHES,
        )

    def __str__(self) -> str:
        return self.number


#: Inputs and outputs of a closed batch are what was filed from; they change only while it is open.
ONLY_WHILE_OPEN = """
    IF EXISTS (
        SELECT 1 FROM recycling_batch b
        WHERE b.id = COALESCE(NEW.batch_id, OLD.batch_id) AND b.status <> 'open'
    ) THEN
        RAISE EXCEPTION 'a batch that is not open keeps its inputs and outputs'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_sealed';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
"""


#: As above, but a lot may be split after its batch was closed: its parts then are outputs in its place.
OUTPUT_SEALED = """
    IF EXISTS (
        SELECT 1 FROM recycling_batch b
        WHERE b.id = COALESCE(NEW.batch_id, OLD.batch_id) AND b.status <> 'open'
    ) AND (TG_OP <> 'INSERT' OR NOT EXISTS (
        SELECT 1 FROM collection_lot part
        JOIN recycling_output whole ON whole.lot_id = part.split_from_id AND whole.batch_id = NEW.batch_id
        WHERE part.id = NEW.lot_id
    )) THEN
        RAISE EXCEPTION 'a batch that is not open keeps its inputs and outputs'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'batch_sealed';
    END IF;
    IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
    RETURN NEW;
"""


#: Whose battery it was, and whether that is confirmed, is nothing that the batch was balanced with: a claim may be accepted
#: or found wrong years later. Both are as the battery says (`AS_ITS_BATTERY`), which says nothing else by itself.
_BUT_FOR_CLAIMS = """
    IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - '{is_claimed,producer_id}'::text[]
        = to_jsonb(OLD) - '{is_claimed,producer_id}'::text[] THEN RETURN NEW; END IF;
"""


def sealed_with_batch(unless: str = "") -> pgtrigger.Trigger:
    """A trigger that refuses to add, change or remove a part of a batch that is not open."""
    return pgtrigger.Trigger(
        name="only_while_open",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
        func=unless + ONLY_WHILE_OPEN,
    )


#: A battery is recycled for the producer and the place of marketing that it is known by. Locks the battery's row, so that
#: neither changes before the charge is there to keep it.
AS_ITS_BATTERY = """
    SELECT b.producer_id, b.placed_in_id, b.producer_id IS NOT NULL AND b.producer_ground = 'claimed'
    INTO NEW.producer_id, NEW.placed_in_id, NEW.is_claimed
    FROM collection_battery b WHERE b.id = NEW.battery_id FOR SHARE;
    NEW.is_claimed := coalesce(NEW.is_claimed, false);
    RETURN NEW;
"""


#: Charges that changed in something that factors follow from.
_CHANGED_CHARGES = """
    SELECT unnest(ARRAY[b.batch_id, e.batch_id]) FROM entries e JOIN before b ON b.id = e.id
    WHERE to_jsonb(b) - '{is_claimed,producer_id}'::text[] <> to_jsonb(e) - '{is_claimed,producer_id}'::text[]
"""


class Charge(models.Model):
    """One battery or one lot that went into a batch, whole, with what its content was computed from.

    `producer` and `placed_in` are those of the battery: the database writes them, and keeps both the same
    (docs/adr/0011), so that whatever is summed over charges needs no look at the batteries. `is_claimed` follows the
    battery later on: until a claim is confirmed, the charge counts apart (docs/adr/0017); so does that the battery turned
    out not to be the producer's (docs/adr/0024).
    """

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="charges", verbose_name=_("batch"))
    battery = models.OneToOneField(
        Battery, on_delete=models.PROTECT, null=True, blank=True, related_name="charge", verbose_name=_("battery")
    )
    lot = models.OneToOneField(
        Lot, on_delete=models.PROTECT, null=True, blank=True, related_name="charge", verbose_name=_("lot")
    )
    mass_kg = models.DecimalField(_("mass (kg)"), max_digits=20, decimal_places=11)
    composition = models.ForeignKey(
        Composition,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="charges",
        verbose_name=_("composition"),
    )
    content_kwh = models.DecimalField(
        _("energy that contents are computed from (kWh)"), max_digits=12, decimal_places=6, null=True, blank=True
    )
    charged_at = models.DateTimeField(_("charged at"))
    producer = models.ForeignKey(
        Organization,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        db_index=False,
        verbose_name=_("producer"),
    )
    placed_in = models.ForeignKey(
        Jurisdiction,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        db_index=False,
        verbose_name=_("placed on the market in"),
    )
    is_claimed = models.BooleanField(_("claimed, not confirmed"), default=False, db_default=False, editable=False)

    objects = BatchPartQuerySet["Charge"].as_manager()

    class Meta:
        ordering = ("batch", "pk")
        verbose_name = _("charge")
        verbose_name_plural = _("charges")
        indexes = (BrinIndex(fields=["charged_at"], autosummarize=True, name="charge_by_time"),)
        constraints = (
            models.CheckConstraint(
                condition=Q(battery__isnull=False, lot__isnull=True)
                | Q(battery__isnull=True, lot__isnull=False, composition__isnull=True, content_kwh__isnull=True),
                name="charge_of_one_thing",
            ),
            models.CheckConstraint(condition=Q(mass_kg__gt=0), name="charge_mass_positive"),
            models.CheckConstraint(
                condition=Q(content_kwh__isnull=True) | Q(content_kwh__gt=0, composition__isnull=False),
                name="charge_content_has_composition",
            ),
        )
        triggers = (
            sealed_with_batch(unless=_BUT_FOR_CLAIMS),
            *stale_with_parts(changed=_CHANGED_CHARGES),
            pgtrigger.Trigger(
                name="as_its_battery",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=AS_ITS_BATTERY,
            ),
            *BY_CHARGES,
        )

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.pk}"


class Reagent(models.Model):
    """What was added to a batch that came from no battery: water, acid, lime. It never counts as recovered."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="reagents", verbose_name=_("batch"))
    name = models.CharField(_("name"), max_length=100)
    mass_value = entered_field(_("mass"))
    unit = unit_field()
    mass_kg = kg_field("mass_value", "unit", _("mass (kg)"))

    objects = BatchPartQuerySet["Reagent"].as_manager()

    class Meta:
        ordering = ("batch", "pk")
        verbose_name = _("reagent")
        verbose_name_plural = _("reagents")
        constraints = (
            models.CheckConstraint(condition=Q(mass_value__gt=0), name="reagent_mass_positive"),
            unit_known("unit", "reagent_unit_known"),
        )
        triggers = (sealed_with_batch(),)

    def __str__(self) -> str:
        return self.name


class Output(models.Model):
    """That a lot came out of a batch. Parts of a lot that was split are outputs of the same batch."""

    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="outputs", verbose_name=_("batch"))
    lot = models.OneToOneField(Lot, on_delete=models.PROTECT, related_name="output", verbose_name=_("lot"))

    objects = BatchPartQuerySet["Output"].as_manager()

    class Meta:
        ordering = ("batch", "pk")
        verbose_name = _("output")
        verbose_name_plural = _("outputs")
        triggers = (
            pgtrigger.Trigger(
                name="only_while_open",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                func=OUTPUT_SEALED,
            ),
            *stale_with_parts(),
            *BY_OUTPUTS,
        )

    def __str__(self) -> str:
        return f"{self.batch_id}/{self.lot_id}"


class Factor(models.Model):
    """What becomes of one element charged into a batch, through all the stages that follow.

    `recovered`, `pending` and `residue` are shares of the element mass charged (DESIGN.md section 3); what is left of 1
    was lost. A share above 1 says that contents were estimated too low: it is flagged, never clipped. Where no input
    was known to contain the element, `input_kg` is 0 and the masses that came out are `unattributed_*`.
    """

    batch = models.ForeignKey(
        Batch, on_delete=models.CASCADE, related_name="factors", db_index=False, verbose_name=_("batch")
    )
    element = models.CharField(_("element"), max_length=8, choices=Element.choices)
    input_kg = models.DecimalField(_("charged (kg)"), max_digits=38, decimal_places=20)
    recovered = models.DecimalField(_("recovered share"), max_digits=30, decimal_places=18)
    pending = models.DecimalField(_("pending share"), max_digits=30, decimal_places=18)
    residue = models.DecimalField(_("share in residue"), max_digits=30, decimal_places=18)
    unattributed_recovered_kg = models.DecimalField(
        _("recovered, not attributable (kg)"), max_digits=38, decimal_places=20, default=0
    )
    unattributed_pending_kg = models.DecimalField(
        _("pending, not attributable (kg)"), max_digits=38, decimal_places=20, default=0
    )
    unattributed_residue_kg = models.DecimalField(
        _("in residue, not attributable (kg)"), max_digits=38, decimal_places=20, default=0
    )

    objects = BatchPartQuerySet["Factor"].as_manager()

    class Meta:
        ordering = ("batch", "element")
        verbose_name = _("recovery factor")
        verbose_name_plural = _("recovery factors")
        constraints = (
            models.UniqueConstraint(fields=["batch", "element"], name="factor_once_per_element"),
            models.CheckConstraint(
                condition=Q(recovered__gte=0, pending__gte=0, residue__gte=0, input_kg__gte=0),
                name="factor_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(input_kg__gt=0) | Q(recovered=0, pending=0, residue=0), name="factor_needs_input"
            ),
        )

    def __str__(self) -> str:
        return f"{self.batch_id} {self.element}"

    @property
    def lost(self):  # type: ignore[no-untyped-def]
        """The share that was lost; negative where more came out than was known to go in."""
        return 1 - self.recovered - self.pending - self.residue if self.input_kg else self.input_kg
