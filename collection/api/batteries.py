from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.actors import Actor
from accounts.api.doors import VerbsField, calls, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.idempotency import once
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.errors import Invalid
from accounts.models import Organization
from accounts.written import plain
from collection.api.custody import LifeMixin
from collection.api.fields import IdentifierIn, KilogramsField, MassField, UnitField
from collection.battery_numbers import FNC1, LONGEST_SENT
from collection.models import (
    Assignment,
    Battery,
    BatteryModel,
    BatteryStatus,
    Chemistry,
    Condition,
    Facility,
    Ground,
    Identifier,
)
from collection.models import Jurisdiction as Place
from collection.services import batteries, claim_contests, credit
from collection.units import Unit


class IdentifierOut(RecordSerializer[Identifier]):
    class Meta:
        model = Identifier
        fields = ("scheme", "issuer", "value")
        read_only_fields = fields


class BatteryOut(RecordSerializer[Battery]):
    identifiers = IdentifierOut(source="known_by", many=True, read_only=True)
    model_name = serializers.CharField(default="", read_only=True)
    producer_name = serializers.CharField(default="", read_only=True)
    facility_name = serializers.CharField(default="", read_only=True)
    mass_kg = KilogramsField(allow_null=True)
    verbs = VerbsField()

    class Meta:
        model = Battery
        fields = (
            "id", "identifiers", "status", "condition", "state_of_health", "facility", "facility_name", "shipment",
            "model", "model_name", "producer", "producer_name", "producer_ground", "chemistry",
            "chemistry_by", "chemistry_confidence", "pattern", "composition", "form", "rated_kwh",
            "content_kwh", "mass_value", "mass_unit", "mass_kg", "placed_in", "placed_on", "registered_by",
            "registered_at", "is_simulated", "verbs",
        )  # fmt: skip
        read_only_fields = fields


class RegisterIn(serializers.Serializer[Any]):
    """A battery, in use, or given up at `facility` at `occurred_at`. What its model says need not be repeated."""

    organization = VisibleRelatedField(queryset=Organization.objects.all())
    identifiers = serializers.ListField(child=IdentifierIn(), allow_empty=False, max_length=20)
    model = VisibleRelatedField(queryset=BatteryModel.objects.all(), required=False, allow_null=True)
    producer = VisibleRelatedField(queryset=Organization.objects.all(), required=False, allow_null=True)
    chemistry = VisibleRelatedField(queryset=Chemistry.objects.all(), required=False, allow_null=True)
    rated_kwh = serializers.DecimalField(max_digits=8, decimal_places=3, required=False, allow_null=True)
    mass_value = MassField(required=False, allow_null=True)
    mass_unit = UnitField()
    form = serializers.ChoiceField(choices=BatteryModel.Form.choices, default=BatteryModel.Form.PACK)
    placed_in = VisibleRelatedField(queryset=Place.objects.all(), required=False, allow_null=True)
    placed_on = serializers.DateField(required=False, allow_null=True)
    condition = serializers.ChoiceField(choices=Condition.choices, default=Condition.INTACT)
    facility = VisibleRelatedField(queryset=Facility.objects.all(), required=False, allow_null=True)
    occurred_at = serializers.DateTimeField(required=False, allow_null=True)

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if data.get("facility") is None and data.get("occurred_at") is not None:
            raise serializers.ValidationError({"facility": _("Say where the battery was given up.")})
        return data


class PlainIdentifierIn(serializers.Serializer[Any]):
    scheme = serializers.ChoiceField(choices=Identifier.Scheme.choices)
    value = TextField(max_length=LONGEST_SENT)
    issuer = TextField(max_length=100, required=False, allow_blank=True)


class GiveUpIn(serializers.Serializer[Any]):
    facility = VisibleRelatedField(queryset=Facility.objects.all())
    occurred_at = serializers.DateTimeField()


class GiveUpScannedIn(GiveUpIn):
    """`also`: a second number, where the operator of `facility` has nothing to do with the battery."""

    identifier = IdentifierIn()
    also = IdentifierIn(required=False)


class ChangesIn(serializers.Serializer[Any]):
    reason = TextField(max_length=500)
    model = VisibleRelatedField(queryset=BatteryModel.objects.all(), required=False, allow_null=True)
    producer = VisibleRelatedField(queryset=Organization.objects.all(), required=False, allow_null=True)
    chemistry = VisibleRelatedField(queryset=Chemistry.objects.all(), required=False, allow_null=True)
    rated_kwh = serializers.DecimalField(max_digits=8, decimal_places=3, required=False, allow_null=True)
    placed_in = VisibleRelatedField(queryset=Place.objects.all(), required=False, allow_null=True)
    placed_on = serializers.DateField(required=False, allow_null=True)
    mass_value = MassField(required=False, allow_null=True)
    mass_unit = serializers.ChoiceField(choices=Unit.choices, required=False)


class ContestClaimIn(serializers.Serializer[Any]):
    statement = TextField(max_length=claim_contests.LONGEST_STATEMENT)


class AcceptClaimsIn(serializers.Serializer[Any]):
    organization = VisibleRelatedField(queryset=Organization.objects.all())
    batteries = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), allow_empty=False, max_length=1000
    )


class AcceptedClaimsOut(serializers.Serializer[Any]):
    batteries = serializers.ListField(child=serializers.IntegerField())


class CorrectIn(ChangesIn):
    """What is left out stays; null says that it is not known."""

    is_measured = serializers.BooleanField(required=False, help_text="Whether its chemistry was measured.")
    corrected_at = serializers.DateTimeField(required=False)


def check_term(value: str) -> None:
    """Refuse a number to search for that has control characters in it: something else was sent than was meant."""
    try:
        plain(value.replace(FNC1, ""))
    except Invalid as error:
        raise serializers.ValidationError({"identifier": [error.message]}, code=error.code) from error


class BatteryFilter(FilterSet):
    identifier = django_filters.CharFilter(method="going_by")
    chemistry = django_filters.CharFilter("chemistry")
    chemistry_by = django_filters.ChoiceFilter(choices=Assignment.choices)
    placed_in = django_filters.CharFilter(method="placed_within")
    at_jurisdiction = django_filters.CharFilter("facility__jurisdiction__code", "startswith")
    status = django_filters.ChoiceFilter(choices=BatteryStatus.choices)
    producer_ground = django_filters.ChoiceFilter(choices=Ground.choices)
    model = WholeNumberFilter("model")
    producer = WholeNumberFilter("producer")
    facility = WholeNumberFilter("facility")

    class Meta:
        model = Battery
        fields = ("condition", "form", "is_simulated")

    def going_by(self, rows: QuerySet[Battery], _name: str, value: str) -> QuerySet[Battery]:
        """Those with an identifier that reads like `value`. Their ids are looked up first: one look into an index,
        where a join would tempt the planner to walk through all batteries.
        """
        check_term(value)
        return rows.filter(pk__in=list(Identifier.objects.reading(value).values_list("battery", flat=True)))

    def placed_within(self, rows: QuerySet[Battery], _name: str, value: str) -> QuerySet[Battery]:
        """Those placed on the market where the code begins with `value`: of a country, or of a part of one."""
        codes = Place.objects.filter(code__startswith=value).values_list("code", flat=True)
        return rows.filter(placed_in__in=list(codes))


class BatteryViewSet(LifeMixin, VisibleViewSet):
    """Batteries: what they are, where they are, and what happened to them."""

    queryset = Battery.objects.annotate(  # names alone: the records they stand in take half as long again
        **{f"{named}_name": Coalesce(f"{named}__name", Value("")) for named in ("model", "producer", "facility")}
    ).prefetch_related(Prefetch("identifiers", Identifier.objects.order_by("pk"), to_attr="known_by"))
    serializer_class = BatteryOut
    filterset_class = BatteryFilter
    ordering_fields = ("id",)  # any other order would go through all that is visible before the first page

    create = opens(batteries.register, RegisterIn)
    give_up_scanned = opens(batteries.give_up_scanned, GiveUpScannedIn, name="give_up_scanned", status=200)
    give_up = door(batteries.give_up, GiveUpIn)
    identify = door(batteries.identify, PlainIdentifierIn)
    report_lost = door(batteries.report_lost)
    report_found = door(batteries.report_found, GiveUpIn)
    correct = door(batteries.correct, CorrectIn)
    accept_claim = door(credit.accept_claim)
    contest_claim = door(claim_contests.contest_claim, ContestClaimIn)

    @calls(credit.accept_claims)
    @extend_schema(request=AcceptClaimsIn, responses=AcceptedClaimsOut)
    @action(
        detail=False,
        methods=["post"],
        url_path="accept-claims",
        url_name="accept-claims",
        filter_backends=(),
        pagination_class=None,
    )
    def accept_claims(self, request: Request) -> Response:
        """Accept that batteries which others claimed to be of a producer are its own; all of them or none."""
        incoming = AcceptClaimsIn(data=request.data, context=self.get_serializer_context())
        incoming.is_valid(raise_exception=True)

        def act() -> Response:
            accepted = credit.accept_claims(actor=Actor.of(request.user), **incoming.validated_data)
            return Response({"batteries": accepted})

        return once(request, act)
