"""What is to come back: forecasts, their figures, and the gap between them and what there is to take it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.acting import as_platform
from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.renderers import CsvDownload
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection.api.fields import Sourced
from recycling.api.capacity import SHARE, TONNES
from recycling.api.utilization import as_table
from recycling.models import Distribution, Inputs, ReturnForecast, ReturnForecastLine, Stage, VehicleKind, VehicleSales
from recycling.models.forecasts import ReturnForecastLineQuerySet
from recycling.queries.capacity import TAKES_BATTERIES, Gap, gaps
from recycling.queries.lifetimes import weibull_of
from recycling.services import forecasts
from recycling.tasks import forecasts as tasks


class WeibullOut(serializers.Serializer[Any]):
    """The parameters that the mean and the standard deviation come to, for the middle of the band."""

    shape = serializers.FloatField()
    scale = serializers.FloatField()
    large_shape = serializers.FloatField()
    large_scale = serializers.FloatField()


class ForecastOut(RecordSerializer[ReturnForecast]):
    weibull = serializers.SerializerMethodField()
    verbs = VerbsField()

    class Meta:
        model = ReturnForecast
        fields = (
            "id", "inputs", "authority", "distribution", "mean_years", "large_mean_years", "sd_years", "band_years", "weibull",
            "first_year", "last_year", "status", "progress", "message", "input_rows", "input_units", "inputs_sha256",
            "requested_at", "finished_at", "verbs",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(WeibullOut(allow_null=True))
    def get_weibull(self, forecast: ReturnForecast) -> dict[str, float] | None:
        return weibull_of(forecast)


class ForecastIn(serializers.Serializer[Any]):
    """What is left out is as in the published model that the documentation names."""

    first_year = serializers.IntegerField(min_value=forecasts.EARLIEST, max_value=forecasts.LATEST)
    last_year = serializers.IntegerField(min_value=forecasts.EARLIEST, max_value=forecasts.LATEST)
    inputs = serializers.ChoiceField(choices=Inputs.choices, required=False)
    authority = VisibleRelatedField(
        queryset=Organization.objects.all(), required=False, allow_null=True, help_text="For `statistics`: whose."
    )
    distribution = serializers.ChoiceField(choices=Distribution.choices, required=False)
    mean_years = serializers.DecimalField(max_digits=5, decimal_places=2, required=False)
    large_mean_years = serializers.DecimalField(max_digits=5, decimal_places=2, required=False)
    sd_years = serializers.DecimalField(max_digits=5, decimal_places=2, required=False)
    band_years = serializers.DecimalField(max_digits=5, decimal_places=2, required=False)


class ForecastLineOut(RecordSerializer[ReturnForecastLine]):
    """What comes back of one place and kind in a year. Declared figures of fewer than three producers are for the
    regulators of the place alone.
    """

    class Meta:
        model = ReturnForecastLine
        fields = (
            "id", "jurisdiction", "kind", "year", "is_simulated", "producers", "units_long", "units", "units_short",
            "kg_long", "kg", "kg_short", "assumed_share", "unknown_share",
        )  # fmt: skip
        read_only_fields = fields


class GapOut(serializers.Serializer[Any]):
    """Tonnes that come back in a place and year, against what one stage there is known to take; simulated and real apart."""

    place = serializers.CharField()
    stage = serializers.ChoiceField(choices=Stage.choices)
    year = serializers.IntegerField()
    is_simulated = serializers.BooleanField()
    units = serializers.DecimalField(max_digits=30, decimal_places=3)
    returns_t = serializers.DecimalField(**TONNES)
    low_t = serializers.DecimalField(**TONNES, help_text="The least of long, middle and short lives.")
    high_t = serializers.DecimalField(**TONNES, help_text="The most of them.")
    assumed_share = serializers.DecimalField(
        max_digits=7, decimal_places=6, help_text="Of the units, that whose mass is an average's."
    )
    unknown_share = serializers.DecimalField(
        max_digits=7, decimal_places=6, help_text="Of the units, that without a mass: not in the tonnes."
    )
    running_t = serializers.DecimalField(**TONNES, help_text="Operating or curtailed, as far as it is known.")
    announced_t = serializers.DecimalField(**TONNES)
    unknown_t = serializers.DecimalField(**TONNES, help_text="Capacity of which it is not known whether it runs.")
    reporting_t = serializers.DecimalField(**TONNES)
    coverage = serializers.DecimalField(**SHARE)
    beyond_known_t = serializers.DecimalField(
        **TONNES, help_text="`returns_t` - `running_t`. Below nothing: there is room."
    )
    beyond_announced_t = serializers.DecimalField(**TONNES, help_text="That less `announced_t`.")
    lines_without_nameplate = serializers.IntegerField()
    is_unverified = serializers.BooleanField(help_text="Whether capacity here rests on what nobody verified.")


class GapsIn(serializers.Serializer[Any]):
    """Added up to what, and against which stage."""

    level = serializers.ChoiceField(choices=["country", "jurisdiction"], default="country")
    stage = serializers.ChoiceField(
        choices=[(stage.value, stage.label) for stage in TAKES_BATTERIES], default=Stage.PREPROCESS.value
    )
    place = TextField(max_length=6, required=False, help_text="US is all of its states too.")


class LinesIn(serializers.Serializer[Any]):
    """Of which year, place and kind."""

    year = serializers.IntegerField(min_value=forecasts.EARLIEST, max_value=forecasts.LATEST, required=False)
    place = TextField(max_length=6, required=False, help_text="US is all of its states too.")
    kind = serializers.ChoiceField(choices=VehicleKind.choices, required=False)


class ForecastViewSet(VisibleViewSet):
    """Forecasts of what comes back, each with its parameters and the hash of what it was computed from."""

    queryset = ReturnForecast.objects.all()
    serializer_class = ForecastOut
    filterset_fields = ("status", "inputs", "authority", "distribution")
    ordering_fields = ("id", "requested_at")

    create = opens(forecasts.request, ForecastIn, after=tasks.enqueue)
    cancel = door(forecasts.cancel)

    @extend_schema(parameters=[LinesIn], responses=ForecastLineOut(many=True), filters=False)
    @action(detail=True, filter_backends=())
    def lines(self, request: Request, pk: str) -> Response:
        """Read what comes back, by place, kind and year."""
        lines, asked = self._lines(request, LinesIn)
        page = self.paginate_queryset(lines.filter(**{name: asked[name] for name in ("year", "kind") if name in asked}))
        return self.get_paginated_response(ForecastLineOut(page, many=True).data)

    @extend_schema(parameters=[GapsIn], responses=GapOut(many=True), filters=False)
    @action(detail=True, filter_backends=(), pagination_class=None)
    def gaps(self, request: Request, pk: str) -> Response:
        """Read what comes back against the capacity that is known, per place and year."""
        return Response(GapOut(self._gaps(request), many=True).data)

    @extend_schema(parameters=[GapsIn], responses={(200, "text/csv"): OpenApiTypes.STR}, filters=False)
    @action(
        detail=True, filter_backends=(), pagination_class=None, url_path="gaps-csv",
        renderer_classes=(JSONRenderer, CsvDownload),
    )  # fmt: skip
    def gaps_csv(self, request: Request, pk: str) -> HttpResponseBase:
        """Download the gaps as a table."""
        return as_table("return-gaps", GapOut, self._gaps(request))

    def _gaps(self, request: Request) -> list[Gap]:
        lines, asked = self._lines(request, GapsIn)
        with as_platform():  # sums of lines that the caller may read, and of what reports
            return gaps(lines, by_country=asked["level"] == "country", stages=[asked["stage"]])

    def _lines(
        self, request: Request, question: type[serializers.Serializer[Any]]
    ) -> tuple[ReturnForecastLineQuerySet, dict[str, Any]]:
        """The lines of the place that is asked about, as far as the caller may read them; and what else is asked."""
        forecast = self.get_object()
        asked = question(data=request.query_params)
        asked.is_valid(raise_exception=True)
        lines = ReturnForecastLine.objects.filter(forecast=forecast).visible_to(request.user)  # type: ignore[arg-type]
        if "place" in asked.validated_data:
            lines = lines.filter(jurisdiction__code__startswith=asked.validated_data["place"])
        return lines, asked.validated_data


class VehicleSalesOut(Sourced):
    pack_kg = serializers.SerializerMethodField()

    class Meta:
        model = VehicleSales
        fields = (
            "id", "jurisdiction", "kind", "year", "scenario", "units", "kwh_per_vehicle", "kwh_per_kg", "pack_kg",
            "is_modeled", "source", "confidence", "is_unverified",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.DecimalField(max_digits=12, decimal_places=3, allow_null=True))
    def get_pack_kg(self, row: VehicleSales) -> str | None:
        kg: Decimal | None = row.pack_kg
        return None if kg is None else str(kg)


class VehicleSalesFilter(FilterSet):
    year = WholeNumberFilter("year")

    class Meta:
        model = VehicleSales
        fields = ("jurisdiction", "kind", "scenario")


class VehicleSalesViewSet(VisibleViewSet):
    """Electric vehicles sold, or expected to be by a source's model, with what their packs hold."""

    queryset = VehicleSales.objects.all()
    serializer_class = VehicleSalesOut
    filterset_class = VehicleSalesFilter
    ordering_fields = ("id", "year")
