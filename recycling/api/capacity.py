"""How much capacity there is, running and announced, and which plants could take something in a week."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.acting import as_platform
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, TrueOrFalseFilter
from accounts.api.renderers import CsvDownload
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from collection.api.fields import Sourced
from collection.models import Chemistry, Condition, Facility
from recycling.api.utilization import as_table
from recycling.models import Basis, CapacityStatement, Stage
from recycling.queries.capacity import LAST_YEAR, MOST_YEARS, Capacity, capacities
from recycling.queries.free_capacity import (
    NO_NAMEPLATE,
    NOT_REPORTED,
    NOT_RUNNING,
    NOT_SHOWN,
    RUN_UNKNOWN,
    free_capacity,
    monday_of,
)

TONNES: dict[str, Any] = {"max_digits": 40, "decimal_places": 3, "rounding": "ROUND_HALF_EVEN"}
SHARE: dict[str, Any] = {"max_digits": 10, "decimal_places": 6, "allow_null": True}


class CapacityOut(serializers.Serializer[Any]):
    """Tonnes a year of one stage in a place, counted by what goes in or what comes out, simulated or real.

    `operating_t` and `curtailed_t` are what ran, or will if nothing changes; all others are not in them. Stages, bases, and
    simulated and real capacity are never to be added to each other.
    """

    place = serializers.CharField(help_text="Code of the country or jurisdiction.")
    stage = serializers.ChoiceField(
        choices=Stage.choices, allow_blank=True, help_text="Empty: the source does not say."
    )
    basis = serializers.ChoiceField(
        choices=Basis.choices, allow_blank=True, help_text="Empty: the source does not say."
    )
    is_simulated = serializers.BooleanField()
    year = serializers.IntegerField()
    operating_t = serializers.DecimalField(**TONNES)
    curtailed_t = serializers.DecimalField(**TONNES)
    at_end_t = serializers.DecimalField(**TONNES, help_text="Both, as a yearly rate on the last day of the year.")
    paused_t = serializers.DecimalField(**TONNES)
    planned_t = serializers.DecimalField(**TONNES, help_text="Nameplates of what is planned or being built.")
    unknown_t = serializers.DecimalField(**TONNES, help_text="Of which it is not known whether it runs.")
    reporting_t = serializers.DecimalField(**TONNES, help_text="Of what ran, that of plants that reported here.")
    coverage = serializers.DecimalField(**SHARE, help_text="`reporting_t` / what ran; null where none is known.")
    unverified_t = serializers.DecimalField(**TONNES, help_text="Of what ran, read in a weak source or in none.")
    announced_t = serializers.DecimalField(**TONNES, help_text="Announced, beyond nameplates, to start by then.")
    undated_t = serializers.DecimalField(**TONNES, help_text="Announced without a year; in no other figure.")
    announced_unverified_t = serializers.DecimalField(**TONNES, help_text="Of `announced_t`.")
    undated_unverified_t = serializers.DecimalField(**TONNES, help_text="Of `undated_t`.")
    announced_without_figure = serializers.IntegerField(help_text="Sites announced without tonnes.")
    lines_without_nameplate = serializers.IntegerField(help_text="Lines of which no capacity is known.")
    is_unverified = serializers.BooleanField()
    sources = serializers.ListField(child=serializers.CharField(), help_text="Of what was announced.")


class YearsIn(serializers.Serializer[Any]):
    """Which years, and added up to what."""

    level = serializers.ChoiceField(choices=["country", "jurisdiction"], default="country")
    stage = serializers.ChoiceField(choices=Stage.choices, required=False)
    place = TextField(max_length=6, required=False, help_text="US is all of its states too.")
    first_year = serializers.IntegerField(
        min_value=1990, max_value=2100, required=False, help_text="This year if left out."
    )
    last_year = serializers.IntegerField(min_value=1990, max_value=2100, required=False, help_text="2030 if left out.")

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        data.setdefault("first_year", min(timezone.now().year, data.get("last_year", 2100)))
        data.setdefault("last_year", max(LAST_YEAR, data["first_year"]))
        if not 0 <= data["last_year"] - data["first_year"] < MOST_YEARS:
            raise serializers.ValidationError(
                {"last_year": [_("Give at most %(most)s years, in order.") % {"most": MOST_YEARS}]}
            )
        return data


def years_of(request: Request) -> dict[str, Any]:
    question = YearsIn(data=request.query_params)
    question.is_valid(raise_exception=True)
    asked: dict[str, Any] = question.validated_data
    return asked


class CapacityViewSet(viewsets.GenericViewSet[Any]):
    """How much capacity there is, running, paused, planned and announced, per place, stage and year."""

    serializer_class = CapacityOut
    pagination_class = None
    filter_backends = ()

    @extend_schema(parameters=[YearsIn], responses=CapacityOut(many=True))
    def list(self, request: Request) -> Response:
        """Read how much capacity there is, and what of it is known how well."""
        return Response(CapacityOut(self._found(request), many=True).data)

    @extend_schema(parameters=[YearsIn], responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=False, url_path="csv", renderer_classes=(JSONRenderer, CsvDownload))
    def csv(self, request: Request) -> HttpResponseBase:
        """Download the same as a table."""
        return as_table("capacity", CapacityOut, self._found(request))

    def _found(self, request: Request) -> list[Capacity]:
        asked = years_of(request)
        with as_platform():  # what reports is summed over plants whose own load nobody else reads
            found = capacities(asked["first_year"], asked["last_year"], by_country=asked["level"] == "country")
        return [
            row
            for row in found
            if row.stage == asked.get("stage", row.stage) and row.place.startswith(asked.get("place", ""))
        ]


class CapacityStatementOut(Sourced):
    class Meta:
        model = CapacityStatement
        fields = (
            "id", "key", "name", "plant", "jurisdiction", "is_total", "standing", "stage", "t_per_year", "basis", "year",
            "said_on", "source", "confidence", "is_unverified", "note",
        )  # fmt: skip
        read_only_fields = fields


class CapacityStatementFilter(FilterSet):
    is_total = TrueOrFalseFilter("is_total")

    class Meta:
        model = CapacityStatement
        fields = ("jurisdiction", "standing", "stage", "plant")


class CapacityStatementViewSet(VisibleViewSet):
    """What sources say of capacity beyond nameplates: announced sites, and totals of others to compare with."""

    queryset = CapacityStatement.objects.all()
    serializer_class = CapacityStatementOut
    filterset_class = CapacityStatementFilter
    ordering_fields = ("id", "name")


class FreeOut(serializers.Serializer[Any]):
    """A stage of a plant that takes what was asked for, and how much it could still take in the week.

    `free_kg` is null where it is not known or not told; `why` says which. Chemistries and conditions that a line does not
    name are taken by it as far as anybody recorded.
    """

    plant = serializers.IntegerField()
    plant_name = serializers.CharField()
    facility = serializers.IntegerField()
    jurisdiction = serializers.CharField()
    is_simulated = serializers.BooleanField()
    km = serializers.FloatField(help_text="Great circle, not by road.")
    stage = serializers.ChoiceField(choices=Stage.choices)
    status = serializers.CharField(
        allow_blank=True, help_text="Operating status at the end of the week. Empty: not known."
    )
    lines = serializers.ListField(child=serializers.CharField())
    says_chemistries = serializers.BooleanField(help_text="Whether the lines name the chemistries that they accept.")
    says_conditions = serializers.BooleanField(help_text="Whether the lines name the conditions that they accept.")
    week_kg = serializers.DecimalField(
        max_digits=30,
        decimal_places=3,
        allow_null=True,
        help_text="What it can take in the week, less outages; told as `free_kg` is.",
    )
    backlog_kg = serializers.DecimalField(
        max_digits=30, decimal_places=3, rounding="ROUND_HALF_EVEN", allow_null=True,
        help_text="Waiting on site, in transit and scheduled, as of now; worked off first.",
    )  # fmt: skip
    unweighed = serializers.IntegerField(allow_null=True, help_text="Batteries among these whose mass is not known.")
    free_kg = serializers.DecimalField(max_digits=30, decimal_places=3, allow_null=True)
    can_take = serializers.SerializerMethodField(help_text="Whether it could take `kg`; null where that is not known.")
    why = serializers.ChoiceField(
        choices=[NOT_SHOWN, NOT_REPORTED, NO_NAMEPLATE, NOT_RUNNING, RUN_UNKNOWN], allow_blank=True
    )

    def get_can_take(self, row: Any) -> bool | None:
        taken: bool | None = row.can_take(self.context["kg"])
        return taken


class FreeIn(serializers.Serializer[Any]):
    """From where, of what, and when."""

    facility = VisibleRelatedField(queryset=Facility.objects.all(), required=False, help_text="Instead of coordinates.")
    latitude = serializers.DecimalField(max_digits=8, decimal_places=5, min_value=-90, max_value=90, required=False)
    longitude = serializers.DecimalField(max_digits=8, decimal_places=5, min_value=-180, max_value=180, required=False)
    within_km = serializers.DecimalField(
        max_digits=7, decimal_places=1, min_value=1, max_value=20_100, default=Decimal(1000)
    )
    chemistry = VisibleRelatedField(queryset=Chemistry.objects.all())
    condition = serializers.ChoiceField(choices=Condition.choices, default=Condition.INTACT)
    week = serializers.DateField(required=False, help_text="Any day of it. This week if left out.")
    kg = serializers.DecimalField(max_digits=12, decimal_places=3, min_value=0, default=Decimal(0))

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        facility = data.get("facility")
        if facility is not None:
            data["latitude"], data["longitude"] = facility.latitude, facility.longitude
        if data.get("latitude") is None or data.get("longitude") is None:
            message = _("Give coordinates, or a facility whose coordinates are known.")
            raise serializers.ValidationError({"facility": [message]})
        today = timezone.now().date()
        data["monday"] = monday_of(data.get("week") or today)
        if not monday_of(today) <= data["monday"] <= today + timedelta(days=3 * 366):
            raise serializers.ValidationError({"week": [_("Give a week from this one on, of the next three years.")]})
        return data


class FreeCapacityViewSet(viewsets.GenericViewSet[Any]):
    """Which plants within a distance can take a chemistry and condition in a week, by free capacity."""

    serializer_class = FreeOut
    pagination_class = None
    filter_backends = ()

    @extend_schema(parameters=[FreeIn], responses=FreeOut(many=True))
    def list(self, request: Request) -> Response:
        """Read which plants could take it, those with most free capacity first."""
        question = FreeIn(data=request.query_params, context=self.get_serializer_context())
        question.is_valid(raise_exception=True)
        asked = question.validated_data
        with as_platform():  # sums of what waits at plants that show it
            found = free_capacity(
                request.user,  # type: ignore[arg-type]
                latitude=asked["latitude"], longitude=asked["longitude"], within_km=asked["within_km"],
                chemistry=asked["chemistry"].pk, condition=asked["condition"], monday=asked["monday"],
            )  # fmt: skip
        return Response(FreeOut(found, many=True, context={"kg": asked["kg"]}).data)
