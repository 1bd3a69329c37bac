from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from collection.api.custody import LifeMixin
from collection.api.fields import AssaysField, KilogramsField, MassField, MoistureField, SharesField, UnitField
from collection.models import DISPOSITIONS, Assay, CustodyEvent, Destination, Facility, Lot, LotStatus, Material, Use
from collection.models.lots import LotQuerySet
from collection.services import lots
from collection.services.lots import Part
from collection.units import Unit

MOST_PARTS = 100


class AssayOut(RecordSerializer[Assay]):
    class Meta:
        model = Assay
        fields = ("element", "fraction", "from_batteries")
        read_only_fields = fields


class DestinationOut(RecordSerializer[Destination]):
    class Meta:
        model = Destination
        fields = ("use", "ended_waste", "recipient", "country")
        read_only_fields = fields


class LotOut(RecordSerializer[Lot]):
    """A lot; its assays are mass fractions of its dry mass. Who only had it once, as a carrier, reads neither these nor
    where it is now.
    """

    mass_kg = KilogramsField()
    moisture = serializers.DecimalField(
        max_digits=5, decimal_places=4, read_only=True, allow_null=True, help_text="Null for who only had it once."
    )
    assays = AssayOut(many=True, read_only=True)
    destination = serializers.SerializerMethodField(
        help_text="Where it went that left the trace, and what it is used for; null where nobody said."
    )
    verbs = VerbsField()

    class Meta:
        model = Lot
        fields = (
            "id", "number", "owner", "material", "mass_value", "mass_unit", "mass_kg", "moisture", "assays", "assay_basis", "status",
            "facility", "shipment", "split_from", "origin", "made_at", "destination", "is_simulated",
            "verbs",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(DestinationOut(allow_null=True))
    def get_destination(self, lot: Lot) -> dict[str, Any] | None:
        found = None if lot.moisture is None else getattr(lot, "destination", None)  # veiled for who only had it once
        return DestinationOut(found).data if found is not None else None


class BringInIn(serializers.Serializer[Any]):
    """Feedstock from outside. Without `assays`, a material of known stoichiometry counts as pure."""

    facility = VisibleRelatedField(queryset=Facility.objects.all())
    number = TextField(max_length=60)
    material = VisibleRelatedField(queryset=Material.objects.all())
    mass_value = MassField()
    mass_unit = UnitField()
    moisture = MoistureField(required=False)
    assays = AssaysField(required=False)
    from_batteries = SharesField(required=False)
    origin = TextField(max_length=200)
    brought_at = serializers.DateTimeField()


class PartIn(serializers.Serializer[Any]):
    mass_value = MassField()
    mass_unit = UnitField()
    number = TextField(max_length=60, required=False, allow_blank=True)

    def to_internal_value(self, data: Any) -> Any:
        return Part(**super().to_internal_value(data))


class SplitIn(serializers.Serializer[Any]):
    """What the parts leave over becomes a part of its own."""

    parts = PartIn(many=True, allow_empty=False, max_length=MOST_PARTS)
    split_at = serializers.DateTimeField()


class DisposeIn(serializers.Serializer[Any]):
    disposition = serializers.ChoiceField(choices=[(s.value, s.label) for s in DISPOSITIONS])
    disposed_at = serializers.DateTimeField()
    note = TextField(max_length=500, required=False, allow_blank=True)
    use = serializers.ChoiceField(
        choices=Use.choices, required=False, help_text="What it is used for by its recipient."
    )
    ended_waste = serializers.BooleanField(required=False)
    recipient = TextField(max_length=200, required=False, allow_blank=True, help_text="As `note`, if left out.")
    country = TextField(max_length=2, required=False, allow_blank=True)


class CorrectLotIn(serializers.Serializer[Any]):
    """What is left out stays."""

    corrected_at = serializers.DateTimeField()
    reason = TextField(max_length=500)
    mass_value = MassField(required=False)
    mass_unit = serializers.ChoiceField(choices=Unit.choices, required=False)
    moisture = MoistureField(required=False)
    assays = AssaysField(required=False)
    from_batteries = SharesField(required=False)


class LotFilter(FilterSet):
    number = django_filters.CharFilter(method="numbered")
    status = django_filters.ChoiceFilter(choices=LotStatus.choices)
    material = django_filters.CharFilter("material")
    kind = django_filters.ChoiceFilter(field_name="material__kind", choices=Material.Kind.choices)
    owner = WholeNumberFilter("owner")
    facility = WholeNumberFilter("facility")
    shipment = WholeNumberFilter("shipment")
    split_from = WholeNumberFilter("split_from")
    made_from = django_filters.IsoDateTimeFilter("made_at", "gte")
    made_until = django_filters.IsoDateTimeFilter("made_at", "lt")

    class Meta:
        model = Lot
        fields = ("is_simulated",)

    def numbered(self, rows: LotQuerySet, _name: str, value: str) -> LotQuerySet:
        """Those with this number, however it is written."""
        return rows.numbered(value)


class LotViewSet(LifeMixin, VisibleViewSet):
    """Lots: black mass, products, residues. What a plant makes is recorded at its batch."""

    queryset = Lot.objects.select_related("destination").prefetch_related(
        Prefetch("assays", Assay.objects.order_by("element")),
        Prefetch("events", CustodyEvent.objects.last_of_lots(), "last_entries"),
    )
    serializer_class = LotOut
    filterset_class = LotFilter
    ordering_fields = ("id", "made_at", "number")

    create = opens(lots.bring_in, BringInIn)
    split = door(lots.split, SplitIn)
    dispose = door(lots.dispose, DisposeIn)
    reinstate = door(lots.reinstate)
    correct = door(lots.correct, CorrectLotIn)
