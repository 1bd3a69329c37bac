"""How full plants are, and what is coming to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.acting import as_platform
from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.paging import CursorPagination
from accounts.api.records import RecordSerializer
from accounts.api.renderers import CsvDownload
from accounts.api.viewsets import VisibleViewSet
from collection import csv_out
from recycling.models import Basis, Plant, Stage, UtilizationRun, UtilizationSnapshot
from recycling.queries.utilization import Level, Period, backlog, load_of, loads, rolled_up
from recycling.services import utilization
from recycling.tasks import utilization as tasks


class LoadOut(serializers.Serializer[Any]):
    """How full something was in a period, in one stage and counted by one basis, simulated or real.

    `utilization` is processed / available mass on reported days with a known capacity; empty where none is known. Above 1
    it is flagged by `is_over`. `coverage` is the share of the capacity known to have run of which anything was reported.
    """

    level = serializers.ChoiceField(choices=[(level.value, level.value) for level in Level])
    key = serializers.CharField(help_text="Id of the line or plant, or code of the jurisdiction or country.")
    name = serializers.CharField()
    stage = serializers.ChoiceField(choices=Stage.choices)
    basis = serializers.ChoiceField(choices=Basis.choices)
    is_simulated = serializers.BooleanField()
    period = serializers.ChoiceField(choices=[(period.value, period.value) for period in Period])
    start = serializers.DateField()
    is_reported = serializers.BooleanField(help_text="Whether any plant of it reported: else nothing is known of it.")
    processed_kg = serializers.DecimalField(
        max_digits=30, decimal_places=11, allow_null=True, help_text="Null: not reported."
    )
    rated_processed_kg = serializers.DecimalField(max_digits=30, decimal_places=11)
    nameplate_kg = serializers.DecimalField(
        max_digits=30, decimal_places=6, allow_null=True, help_text="Of what is known to have run, curtailed or not."
    )
    curtailed_kg = serializers.DecimalField(max_digits=30, decimal_places=6, help_text="Of `nameplate_kg`.")
    paused_kg = serializers.DecimalField(max_digits=30, decimal_places=6, help_text="Not in `nameplate_kg`.")
    unknown_kg = serializers.DecimalField(
        max_digits=30, decimal_places=6, help_text="Of which it is not known whether it ran; not in `nameplate_kg`."
    )
    reporting_kg = serializers.DecimalField(
        max_digits=30, decimal_places=6, help_text="Of `nameplate_kg`, that of plants that reported."
    )
    coverage = serializers.DecimalField(
        max_digits=10, decimal_places=6, allow_null=True, help_text="`reporting_kg` / `nameplate_kg`."
    )
    available_kg = serializers.DecimalField(
        max_digits=30, decimal_places=6, allow_null=True, help_text="Of plants that reported."
    )
    utilization = serializers.DecimalField(max_digits=30, decimal_places=6, allow_null=True)
    is_over = serializers.BooleanField()
    lines = serializers.IntegerField()
    lines_reporting = serializers.IntegerField()
    lines_without_nameplate = serializers.IntegerField()
    lines_due = serializers.IntegerField(
        help_text="Lines of which something changed since these days were computed; they are computed again."
    )
    days = serializers.IntegerField()


class QuestionIn(serializers.Serializer[Any]):
    """What utilization is asked for."""

    level = serializers.ChoiceField(choices=[level.value for level in Level], default=Level.PLANT.value)
    period = serializers.ChoiceField(choices=[period.value for period in Period], default=Period.MONTH.value)
    stage = serializers.ChoiceField(choices=Stage.choices, required=False)
    line = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    plant = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False)
    jurisdiction = TextField(max_length=6, required=False, help_text="US is all of its states too.")
    # `from` is a word of the language, so it is added below.


QuestionIn._declared_fields["from"] = serializers.DateField(required=False)
QuestionIn._declared_fields["to"] = serializers.DateField(required=False)

_FILTERS = {
    "stage": "line__stage",
    "line": "line",
    "plant": "line__plant",
    "jurisdiction": "line__plant__facility__jurisdiction__code__startswith",
    "from": "day__gte",
    "to": "day__lte",
}


class NewestFirst(CursorPagination):
    """Pages of sums, which have no id: newest period first."""

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        return ("-start", "of", "stage", "basis", "simulated")


class UtilizationViewSet(viewsets.GenericViewSet[Any]):
    """Capacity utilization of the caller's own plants, or of those that it regulates."""

    queryset = UtilizationSnapshot.objects.all()
    serializer_class = LoadOut
    pagination_class = NewestFirst
    filter_backends = ()

    @extend_schema(parameters=[QuestionIn], responses=LoadOut(many=True))
    def list(self, request: Request) -> Response:
        """Read how full lines, plants, jurisdictions or countries were, by day, month or year."""
        rows, level, period = _asked(request)
        page = self.paginate_queryset(rolled_up(rows, level=level, period=period))
        found = [load_of(row, level=level, period=period) for row in page or ()]
        return self.get_paginated_response(LoadOut(found, many=True).data)

    @extend_schema(parameters=[QuestionIn], responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=False, url_path="csv", pagination_class=None, renderer_classes=(JSONRenderer, CsvDownload))
    def csv(self, request: Request) -> HttpResponseBase:
        """Download the same as a table, with what it rests on in each row."""
        rows, level, period = _asked(request)
        with as_platform():  # sums of what the caller may read
            found = loads(rows, level=level, period=period)
        return as_table("utilization", LoadOut, found)


def _asked(request: Request) -> tuple[Any, Level, Period]:
    question = QuestionIn(data=request.query_params)
    question.is_valid(raise_exception=True)
    asked = question.validated_data
    rows = UtilizationSnapshot.objects.visible_to(request.user).filter(  # type: ignore[arg-type]
        **{path: asked[name] for name, path in _FILTERS.items() if name in asked}
    )
    return rows, Level(asked["level"]), Period(asked["period"])


def as_table(name: str, reads: type[serializers.Serializer[Any]], rows: Sequence[Any]) -> HttpResponseBase:
    """`rows` as a CSV file with the columns of a serializer. Its name says if any of it is simulated."""
    columns = [column for column in reads().fields if column != "sources"]
    simulated = "simulated-" if any(getattr(row, "is_simulated", False) for row in rows) else ""
    return csv_out.stream(
        f"{simulated}{name}.csv", columns, ([getattr(row, column) for column in columns] for row in rows)
    )


class BacklogOut(serializers.Serializer[Any]):
    """What waits at a plant and is coming to it, as it is now.

    `days` is the waiting mass / the nameplate per day of the stage that takes it; empty where that is not known.
    """

    plant = serializers.IntegerField()
    plant_name = serializers.CharField()
    day = serializers.DateField()
    feed = serializers.CharField()
    waiting_kg = serializers.DecimalField(max_digits=30, decimal_places=11)
    in_transit_kg = serializers.DecimalField(max_digits=30, decimal_places=11)
    scheduled_kg = serializers.DecimalField(max_digits=30, decimal_places=11)
    unweighed = serializers.IntegerField()
    stage = serializers.CharField(allow_blank=True)
    daily_kg = serializers.DecimalField(max_digits=40, decimal_places=6, allow_null=True)
    days = serializers.DecimalField(max_digits=30, decimal_places=2, allow_null=True)


class BacklogFilter(FilterSet):
    plant = WholeNumberFilter("pk")
    jurisdiction = django_filters.CharFilter("facility__jurisdiction__code", "startswith")

    class Meta:
        model = Plant
        fields = ()


class BacklogViewSet(viewsets.GenericViewSet[Any]):
    """Backlog of the caller's own plants, or of those that it regulates."""

    queryset = Plant.objects.select_related("facility")
    serializer_class = BacklogOut
    filterset_class = BacklogFilter

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows if getattr(self, "swagger_fake_view", False) else rows.reported_to(self.request.user)

    @extend_schema(responses=BacklogOut(many=True))
    def list(self, request: Request) -> Response:
        """Read what is waiting, in transit and scheduled, two rows for each plant: batteries and lots."""
        plants = {plant.pk: plant for plant in self.paginate_queryset(self.filter_queryset(self.get_queryset())) or ()}
        with as_platform():  # sums of all that waits there
            found = backlog(list(plants))
        rows = [{**_public(row), "plant_name": str(plants[row.plant])} for row in found]
        return self.get_paginated_response(BacklogOut(rows, many=True).data)


def _public(row: Any) -> dict[str, Any]:
    names = [name for name in BacklogOut().fields if name != "plant_name"]
    values = {name: getattr(row, name) for name in names}
    if values["daily_kg"] is not None:
        values["daily_kg"] = round(values["daily_kg"], 6)
    return values


class RunOut(RecordSerializer[UtilizationRun]):
    verbs = VerbsField()

    class Meta:
        model = UtilizationRun
        fields = ("id", "from_day", "to_day", "status", "progress", "message", "requested_at", "finished_at", "verbs")
        read_only_fields = fields


class RunIn(serializers.Serializer[Any]):
    from_day = serializers.DateField()
    to_day = serializers.DateField()


class RunViewSet(VisibleViewSet):
    """Computations of utilization, and how far they are."""

    queryset = UtilizationRun.objects.all()
    serializer_class = RunOut
    filterset_fields = ("status",)
    ordering_fields = ("id", "requested_at")

    create = opens(utilization.request, RunIn, after=tasks.enqueue)
    cancel = door(utilization.cancel)
