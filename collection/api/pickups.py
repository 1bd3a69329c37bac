from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.acting import as_platform
from accounts.api.doors import VerbsField, calls, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet
from accounts.api.idempotency import once
from accounts.api.problems import exception_handler
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection.api.fields import IdentifierIn, MassField, RecordId, UnitField
from collection.models import BatteryModel, CollectionPoint, Condition, Facility, Pickup, PickupFinding
from collection.services import codes, pickups, receipts
from collection.services.findings import Scan

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
            "destination", "window_start", "window_end", "giver_means", "giver_relation", "carrier_means", "carrier_relation",
            "collected_at", "shipment", "requested_at", "is_simulated", "verbs",
        )  # fmt: skip
        read_only_fields = fields

    def to_representation(self, instance: Pickup) -> dict[str, Any]:
        shown = super().to_representation(instance)
        if pickups.is_outline(self.context["view"].actor, instance):
            shown |= dict.fromkeys(pickups.BEYOND_OUTLINE)
        return shown


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
    """A scanned battery: by `battery` (id) or by `identifier`; `model` is the code of a new battery's model.

    `also` is a second number: a battery in use that the collection point has nothing to do with is not taken by one alone.
    """

    battery = RecordId(required=False)
    identifier = IdentifierIn(required=False)
    also = IdentifierIn(required=False)
    mass_value = MassField(required=False)
    unit = UnitField()
    condition = serializers.ChoiceField(choices=Condition.choices, required=False)
    model = TextField(required=False, max_length=80)


class FindIn(serializers.Serializer[Any]):
    batteries = ScanIn(many=True, allow_empty=False, max_length=MOST_BATTERIES)

    def validate_batteries(self, rows: list[dict[str, Any]]) -> list[Scan]:
        codes = {row["model"] for row in rows if "model" in row}
        models = {model.code: model for model in BatteryModel.objects.filter(code__in=codes)}
        unknown = {index: {"model": ["There is no such battery model."]} for index, row in enumerate(rows)
                   if "model" in row and row["model"] not in models}  # fmt: skip
        if unknown:
            raise serializers.ValidationError([unknown.get(index, {}) for index in range(len(rows))])
        return [Scan(**{**row, "model": models.get(row.get("model", ""))}) for row in rows]


class CollectIn(FindIn):
    collected_at = serializers.DateTimeField()


class FindingsIn(serializers.Serializer[Any]):
    findings = serializers.ListField(child=RecordId(), allow_empty=False, max_length=MOST_BATTERIES)


class RefuseFindingsIn(FindingsIn):
    reason = TextField(max_length=500)


class CodeIn(serializers.Serializer[Any]):
    code = TextField(max_length=20)


class SignIn(serializers.Serializer[Any]):
    """`signature` is what was drawn, as the path of an SVG (its `d`) of 400 by 160."""

    name = TextField(max_length=150)
    role = TextField(max_length=100)
    signature = TextField(max_length=receipts.LONGEST_SIGNATURE)
    email = serializers.EmailField(max_length=254, required=False, allow_blank=True)


class CodeOut(serializers.Serializer[Any]):
    """A code to show to the driver. It is not shown again."""

    code = serializers.CharField()
    minutes = serializers.IntegerField()


class FindingOut(RecordSerializer[PickupFinding]):
    class Meta:
        model = PickupFinding
        fields = (
            "id", "pickup", "battery", "scheme", "issuer", "value", "model", "condition", "mass_value", "mass_unit", "status",
            "reason", "found_at", "means", "answered_at",
        )  # fmt: skip
        read_only_fields = fields


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
    ordering_fields = ("id", "window_start", "requested_at")  # an order tells of what it orders by

    create = opens(pickups.request, RequestIn)
    schedule = door(pickups.schedule, ScheduleIn)
    reschedule = door(pickups.reschedule, ScheduleIn)
    confirm = door(pickups.confirm)
    accept = door(pickups.accept)
    find = door(pickups.find, FindIn)
    confirm_findings = door(pickups.confirm_findings, FindingsIn)
    refuse_findings = door(pickups.refuse_findings, RefuseFindingsIn)
    sign = door(pickups.sign, SignIn)
    collect = door(pickups.collect, CollectIn)
    fail = door(pickups.fail)
    cancel = door(pickups.cancel)

    @extend_schema(responses=FindingOut(many=True), filters=False)
    @action(detail=True)
    def findings(self, request: Request, pk: str) -> Response:
        """What the driver found beyond what was announced, and what the collection point said of each."""
        rows = PickupFinding.objects.visible_to(request.user).filter(pickup=self.get_object())
        self.ordering, self.ordering_fields = ("pk",), ("id",)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(FindingOut(page, many=True, context=self.get_serializer_context()).data)

    @extend_schema(request=None, responses=CodeOut)
    @calls(pickups.show_code)
    @action(detail=True, methods=["post"], url_path="show-code", url_name="show-code")
    def show_code(self, request: Request, pk: str) -> Response:
        made = pickups.show_code(actor=self.actor, pickup=self.get_object())
        return Response({"code": made.plain_code, "minutes": codes.LASTS.seconds // 60})  # type: ignore[attr-defined]

    @extend_schema(request=CodeIn, responses=PickupOut)
    @calls(pickups.enter_code)
    @action(detail=True, methods=["post"], url_path="enter-code", url_name="enter-code")
    def enter_code(self, request: Request, pk: str) -> Response:
        """A wrong code is refused (409) and counted: the try is kept, whatever the request is sent with."""
        incoming = CodeIn(data=request.data)
        incoming.is_valid(raise_exception=True)

        def act() -> Response:
            done = pickups.enter_code(actor=self.actor, pickup=self.get_object(), **incoming.validated_data)
            if (refusal := done.refusal) is not None:  # type: ignore[attr-defined]
                answer = exception_handler(refusal, {"request": request})
                assert answer is not None
                return answer
            fresh = self._with_organizations(Pickup.objects.select_related("collection_point__facility"))
            with as_platform():  # the verb asked whose it is
                record = fresh.get(pk=done.pk)
            return Response(self.get_serializer(record).data)

        return once(request, act, may_see=lambda answer: "errors" in answer or self.may_see(answer))
