from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors import Actor
from accounts.api.doors import calls
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.idempotency import once
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from collection.api.fields import RecordId
from collection.models import Condition
from recycling.models import Decision, Inspection, Plant
from recycling.services import inspections
from recycling.services.inspections import Triage

MOST_ROWS = 1000


class InspectionOut(RecordSerializer[Inspection]):
    class Meta:
        model = Inspection
        fields = ("id", "plant", "battery", "inspected_at", "state_of_health", "condition", "decision", "note")
        read_only_fields = fields


class TriageIn(serializers.Serializer[Any]):
    battery = RecordId()
    decision = serializers.ChoiceField(choices=Decision.choices)
    condition = serializers.ChoiceField(choices=Condition.choices, default=Condition.INTACT)
    state_of_health = serializers.DecimalField(max_digits=4, decimal_places=3, required=False, allow_null=True)
    note = TextField(max_length=500, required=False, allow_blank=True)

    def to_internal_value(self, data: Any) -> Any:
        return Triage(**super().to_internal_value(data))


class InspectIn(serializers.Serializer[Any]):
    plant = VisibleRelatedField(queryset=Plant.objects.all())
    inspected_at = serializers.DateTimeField()
    inspections = TriageIn(many=True, allow_empty=False, max_length=MOST_ROWS)


class ReleaseIn(serializers.Serializer[Any]):
    plant = VisibleRelatedField(queryset=Plant.objects.all())
    batteries = serializers.ListField(child=RecordId(), allow_empty=False, max_length=MOST_ROWS)
    released_at = serializers.DateTimeField()
    recipient = TextField(max_length=200)
    note = TextField(max_length=250, required=False, allow_blank=True)


class ReleasedOut(serializers.Serializer[Any]):
    batteries = serializers.ListField(child=serializers.IntegerField())


class InspectionFilter(FilterSet):
    inspected_from = django_filters.IsoDateTimeFilter("inspected_at", "gte")
    inspected_until = django_filters.IsoDateTimeFilter("inspected_at", "lt")
    battery = WholeNumberFilter("battery")
    plant = WholeNumberFilter("plant")

    class Meta:
        model = Inspection
        fields = ("decision", "condition")


class InspectionViewSet(VisibleViewSet):
    """Triage of batteries at plants. The newest inspection of a battery holds."""

    queryset = Inspection.objects.all()
    serializer_class = InspectionOut
    filterset_class = InspectionFilter
    ordering_fields = ("id", "inspected_at")

    @calls(inspections.inspect_many)
    @extend_schema(request=InspectIn, responses={201: InspectionOut(many=True)})
    def create(self, request: Request) -> Response:
        """Inspect batteries; all of them or none."""
        body = self._body(InspectIn)

        def act() -> Response:
            made = inspections.inspect_many(actor=Actor.of(request.user), **body)
            return Response(InspectionOut(made, many=True).data, status=201)

        return once(request, act, may_see=self.may_see)

    @calls(inspections.release_many)
    @extend_schema(request=ReleaseIn, responses=ReleasedOut)
    @action(detail=False, methods=["post"])
    def release(self, request: Request) -> Response:
        """Release batteries to the further use that their newest inspections decided."""
        body = self._body(ReleaseIn)

        def act() -> Response:
            released = inspections.release_many(actor=Actor.of(request.user), **body)
            return Response({"batteries": [battery.pk for battery in released]})

        return once(request, act)

    def _body(self, reads: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        incoming = reads(data=self.request.data, context=self.get_serializer_context())
        incoming.is_valid(raise_exception=True)
        return dict(incoming.validated_data)
