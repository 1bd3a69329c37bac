from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import serializers

from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection.api.fields import IdentifierIn, MassField, RecordId, UnitField
from collection.models import BatteryModel, CollectionPoint, Condition, Facility, Pickup
from collection.services import pickups
from collection.services.pickups import Scan

MOST_BATTERIES = 1000


class PickupOut(RecordSerializer[Pickup]):
    collection_point_name = serializers.CharField(source="collection_point.facility.name", read_only=True)
    jurisdiction = serializers.CharField(source="collection_point.facility.jurisdiction_id", read_only=True)
    verbs = VerbsField()

    class Meta:
        model = Pickup
        fields = (
            "id", "status", "reason", "collection_point", "collection_point_name", "jurisdiction", "collector",
            "packs_expected", "condition", "convenient_from", "convenient_until", "notes", "carrier", "vehicle",
            "destination", "window_start", "window_end", "collected_at", "shipment", "requested_at", "is_simulated", "verbs",
        )  # fmt: skip
        read_only_fields = fields


class RequestIn(serializers.Serializer[Any]):
    collection_point = VisibleRelatedField(queryset=CollectionPoint.objects.all())
    collector = VisibleRelatedField(queryset=Organization.objects.all())
    packs_expected = serializers.IntegerField(min_value=1, max_value=pickups.MOST_PACKS)
    condition = serializers.ChoiceField(choices=Condition.choices, default=Condition.INTACT)
    convenient_from = serializers.DateTimeField()
    convenient_until = serializers.DateTimeField()
    notes = TextField(required=False, allow_blank=True, max_length=5000)
    batteries = serializers.ListField(child=RecordId(), required=False, max_length=MOST_BATTERIES)


class ScheduleIn(serializers.Serializer[Any]):
    carrier = VisibleRelatedField(queryset=Organization.objects.all())
    vehicle = TextField(required=False, allow_blank=True, max_length=60)
    destination = VisibleRelatedField(queryset=Facility.objects.all())
    window_start = serializers.DateTimeField()
    window_end = serializers.DateTimeField()


class ScanIn(serializers.Serializer[Any]):
    """A scanned battery: by `battery` (id) or by `identifier`; `model` is the code of a new battery's model."""

    battery = RecordId(required=False)
    identifier = IdentifierIn(required=False)
    mass_value = MassField(required=False)
    unit = UnitField()
    condition = serializers.ChoiceField(choices=Condition.choices, required=False)
    model = TextField(required=False, max_length=80)


class CollectIn(serializers.Serializer[Any]):
    collected_at = serializers.DateTimeField()
    batteries = ScanIn(many=True, allow_empty=False, max_length=MOST_BATTERIES)

    def validate_batteries(self, rows: list[dict[str, Any]]) -> list[Scan]:
        codes = {row["model"] for row in rows if "model" in row}
        models = {model.code: model for model in BatteryModel.objects.filter(code__in=codes)}
        unknown = {index: {"model": ["There is no such battery model."]} for index, row in enumerate(rows)
                   if "model" in row and row["model"] not in models}  # fmt: skip
        if unknown:
            raise serializers.ValidationError([unknown.get(index, {}) for index in range(len(rows))])
        return [Scan(**{**row, "model": models.get(row.get("model", ""))}) for row in rows]


class PickupFilter(FilterSet):
    jurisdiction = django_filters.CharFilter("collection_point__facility__jurisdiction__code", "startswith")
    window_from = django_filters.IsoDateTimeFilter("window_start", "gte")
    window_until = django_filters.IsoDateTimeFilter("window_start", "lt")

    class Meta:
        model = Pickup
        fields = ("status", "condition", "collection_point", "collector", "carrier", "destination", "is_simulated")


class PickupViewSet(VisibleViewSet):
    """Pickups: a collection point asks, a collector schedules, the truck collects."""

    queryset = Pickup.objects.select_related("collection_point__facility")
    serializer_class = PickupOut
    filterset_class = PickupFilter
    ordering_fields = ("id", "window_start", "convenient_from", "requested_at")

    create = opens(pickups.request, RequestIn)
    schedule = door(pickups.schedule, ScheduleIn)
    reschedule = door(pickups.reschedule, ScheduleIn)
    collect = door(pickups.collect, CollectIn)
    fail = door(pickups.fail)
    cancel = door(pickups.cancel)
