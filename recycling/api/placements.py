"""What producers put on the market."""

from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import serializers

from accounts.api.doors import door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection.models import Assignment, BatteryModel, Chemistry, Jurisdiction
from recycling.models import MarketPlacement
from recycling.services import placements


class PlacementOut(RecordSerializer[MarketPlacement]):
    producer_name = serializers.CharField(source="producer.name", read_only=True)

    class Meta:
        model = MarketPlacement
        fields = (
            "id", "producer", "producer_name", "jurisdiction", "period_start", "period_end", "model", "chemistry",
            "chemistry_by", "chemistry_confidence", "pattern", "units", "mass_kg", "description", "source", "source_key", "is_simulated",
        )  # fmt: skip
        read_only_fields = fields


def _mass(**options: Any) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=15, decimal_places=3, min_value=0, required=False, allow_null=True, **options
    )


class DeclareIn(serializers.Serializer[Any]):
    """Units placed on a market. `source_key` recognizes the row when it is sent again."""

    producer = VisibleRelatedField(queryset=Organization.objects.all())
    jurisdiction = VisibleRelatedField(queryset=Jurisdiction.objects.all())
    period_start = serializers.DateField()
    period_end = serializers.DateField()
    units = serializers.IntegerField(min_value=0, max_value=placements.MOST_UNITS)
    source_key = TextField(max_length=200)
    model = VisibleRelatedField(queryset=BatteryModel.objects.all(), required=False, allow_null=True)
    chemistry = VisibleRelatedField(queryset=Chemistry.objects.all(), required=False, allow_null=True)
    mass_kg = _mass()
    description = TextField(max_length=200, required=False, allow_blank=True)
    source = TextField(max_length=300, required=False, allow_blank=True)


class CorrectPlacementIn(serializers.Serializer[Any]):
    """What is left out stays as it is."""

    units = serializers.IntegerField(min_value=0, max_value=placements.MOST_UNITS, required=False)
    mass_kg = _mass()


class PlacementFilter(FilterSet):
    jurisdiction = django_filters.CharFilter("jurisdiction__code", "startswith")
    producer = WholeNumberFilter("producer")
    chemistry = django_filters.CharFilter("chemistry")
    chemistry_by = django_filters.ChoiceFilter(choices=Assignment.choices)
    model = WholeNumberFilter("model")
    starts_from = django_filters.DateFilter("period_start", "gte")
    ends_by = django_filters.DateFilter("period_end", "lte")

    class Meta:
        model = MarketPlacement
        fields = ("source_key", "is_simulated")


class PlacementViewSet(VisibleViewSet):
    """Batteries placed on the market: a producer's own; regulators read those of their jurisdictions."""

    queryset = MarketPlacement.objects.select_related("producer")
    serializer_class = PlacementOut
    filterset_class = PlacementFilter
    ordering_fields = ("id", "period_start", "units")

    create = opens(placements.declare, DeclareIn)
    correct = door(placements.correct, CorrectPlacementIn)
