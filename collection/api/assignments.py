"""Which pack is in a vehicle: the patterns that say so, and resolving anew what rests on them."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Q, QuerySet
from rest_framework import serializers

from accounts.api.doors import VerbsField, door, opens
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from collection.api.fields import Sourced
from collection.models import AssignmentRun, VehiclePattern
from collection.services import assignments
from collection.tasks import assignments as tasks


class VehiclePatternOut(Sourced):
    class Meta:
        model = VehiclePattern
        fields = (
            "id", "by", "make", "listed_in", "name", "fuel", "positions", "year_from", "year_to", "model", "chemistry",
            "is_assumed", "is_active", "source", "confidence", "is_unverified", "note",
        )  # fmt: skip
        read_only_fields = fields


class VehiclePatternFilter(FilterSet):
    make = django_filters.CharFilter("make", "iexact")
    name = django_filters.CharFilter("name", "icontains")
    chemistry = django_filters.CharFilter("chemistry")
    model = WholeNumberFilter("model")
    year = WholeNumberFilter(method="of_year")

    class Meta:
        model = VehiclePattern
        fields = ("by", "listed_in", "is_assumed", "is_active")

    def of_year(self, rows: QuerySet[VehiclePattern], _name: str, value: int) -> QuerySet[VehiclePattern]:
        return rows.filter(Q(year_from=None) | Q(year_from__lte=value), Q(year_to=None) | Q(year_to__gte=value))


class VehiclePatternViewSet(VisibleViewSet):
    """What a vehicle's name or VIN says of its battery, with source and how sure it is."""

    queryset = VehiclePattern.objects.all()
    serializer_class = VehiclePatternOut
    filterset_class = VehiclePatternFilter
    ordering_fields = ("id", "make")


class AssignmentRunOut(RecordSerializer[AssignmentRun]):
    progress = serializers.IntegerField(read_only=True, help_text="In percent.")
    verbs = VerbsField()

    class Meta:
        model = AssignmentRun
        fields = (
            "id", "pattern", "status", "progress", "rows_total", "rows_done", "rows_kept", "message", "requested_at",
            "finished_at", "verbs",
        )  # fmt: skip
        read_only_fields = fields


class AssignmentRunIn(serializers.Serializer[Any]):
    pattern = VisibleRelatedField(queryset=VehiclePattern.objects.all(), required=False, allow_null=True)


class AssignmentRunViewSet(VisibleViewSet):
    """Resolutions of packs anew, after patterns changed, and how far they are."""

    queryset = AssignmentRun.objects.all()
    serializer_class = AssignmentRunOut
    filterset_fields = ("status", "pattern")
    ordering_fields = ("id", "requested_at")

    create = opens(assignments.request, AssignmentRunIn, after=tasks.enqueue)
    cancel = door(assignments.cancel)
