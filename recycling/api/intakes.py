from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import serializers

from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from collection.api.fields import IdentifierIn, KilogramsField, MassField, RecordId, UnitField
from collection.models import Shipment
from collection.units import Unit
from recycling.models import Discrepancy, Intake, IntakeBattery, Plant
from recycling.services import intakes
from recycling.services.intakes import ReceivedBattery, RejectedThing

MOST_ROWS = 1000


class IntakeOut(RecordSerializer[Intake]):
    net_value = serializers.DecimalField(max_digits=13, decimal_places=3, read_only=True)
    gross_kg = KilogramsField()
    tare_kg = KilogramsField()
    net_kg = KilogramsField()

    class Meta:
        model = Intake
        fields = (
            "id", "plant", "shipment", "ticket", "weighed_at", "gross_value", "tare_value", "net_value", "unit",
            "gross_kg", "tare_kg", "net_kg", "recorded_at", "note", "is_simulated",
        )  # fmt: skip
        read_only_fields = fields


class IntakeBatteryOut(RecordSerializer[IntakeBattery]):
    received_kg = KilogramsField(allow_null=True)

    class Meta:
        model = IntakeBattery
        fields = ("battery", "declared_kg", "received_value", "unit", "received_kg")
        read_only_fields = fields


class DiscrepancyPart(RecordSerializer[Discrepancy]):
    """A discrepancy as a part of its intake."""

    plant = serializers.IntegerField(source="intake.plant_id", read_only=True)

    class Meta:
        model = Discrepancy
        fields = (
            "id", "intake", "plant", "battery", "kind", "declared_kg", "received_kg", "due_on", "status", "settlement",
            "settled_at",
        )  # fmt: skip
        read_only_fields = fields


class DiscrepancyOut(DiscrepancyPart):
    verbs = VerbsField()

    class Meta(DiscrepancyPart.Meta):
        fields = (*DiscrepancyPart.Meta.fields, "verbs")
        read_only_fields = fields


class IntakeDetail(IntakeOut):
    batteries = IntakeBatteryOut(many=True, read_only=True)
    discrepancies = DiscrepancyPart(many=True, read_only=True)

    class Meta(IntakeOut.Meta):
        fields = (*IntakeOut.Meta.fields, "batteries", "discrepancies")
        read_only_fields = fields


class ReceivedIn(serializers.Serializer[Any]):
    """A battery found on the truck, by `battery` (id) or by `identifier`."""

    battery = RecordId(required=False)
    identifier = IdentifierIn(required=False)
    received_value = MassField(required=False, allow_null=True)
    unit = UnitField()

    def to_internal_value(self, data: Any) -> Any:
        return ReceivedBattery(**super().to_internal_value(data))


class RejectedIn(serializers.Serializer[Any]):
    battery = RecordId(required=False)
    identifier = IdentifierIn(required=False)
    lot = RecordId(required=False)
    reason = TextField(max_length=500)

    def to_internal_value(self, data: Any) -> Any:
        return RejectedThing(**super().to_internal_value(data))


class RecordIn(serializers.Serializer[Any]):
    """Without `batteries`, all that was not rejected was on the truck; with it, who stands in neither is missing."""

    plant = VisibleRelatedField(queryset=Plant.objects.all())
    shipment = VisibleRelatedField(queryset=Shipment.objects.all())
    ticket = TextField(max_length=60)
    weighed_at = serializers.DateTimeField()
    gross_value = MassField()
    tare_value = MassField()
    unit = UnitField()
    batteries = ReceivedIn(many=True, required=False, max_length=MOST_ROWS)
    rejected = RejectedIn(many=True, required=False, max_length=MOST_ROWS)
    note = TextField(max_length=500, required=False, allow_blank=True)


class CorrectWeighingIn(serializers.Serializer[Any]):
    gross_value = MassField()
    tare_value = MassField()
    unit = serializers.ChoiceField(choices=Unit.choices)
    reason = TextField(max_length=500)


class IntakeFilter(FilterSet):
    weighed_from = django_filters.IsoDateTimeFilter("weighed_at", "gte")
    weighed_until = django_filters.IsoDateTimeFilter("weighed_at", "lt")
    plant = WholeNumberFilter("plant")
    shipment = WholeNumberFilter("shipment")

    class Meta:
        model = Intake
        fields = ("ticket", "is_simulated")


class IntakeViewSet(VisibleViewSet):
    """Weighings at the gate. A list shows no batteries; one intake shows all of them."""

    queryset = Intake.objects.prefetch_related("batteries", "discrepancies__intake")
    serializer_class = IntakeDetail
    filterset_class = IntakeFilter
    ordering_fields = ("id", "weighed_at")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return IntakeOut if self.action == "list" else IntakeDetail

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows if self.action == "retrieve" else rows.prefetch_related(None)

    create = opens(intakes.record, RecordIn)
    correct_weighing = door(intakes.correct_weighing, CorrectWeighingIn)


class DiscrepancyFilter(FilterSet):
    plant = WholeNumberFilter("intake__plant")
    battery = WholeNumberFilter("battery")
    intake = WholeNumberFilter("intake")
    due_until = django_filters.DateFilter("due_on", "lte")

    class Meta:
        model = Discrepancy
        fields = ("kind", "status")


class DiscrepancyViewSet(VisibleViewSet):
    """Differences beyond tolerance between what was declared and what came, to be settled by a day."""

    queryset = Discrepancy.objects.select_related("intake")
    serializer_class = DiscrepancyOut
    filterset_class = DiscrepancyFilter
    ordering_fields = ("id", "due_on")

    settle = door(intakes.settle_discrepancy, name="settle")
