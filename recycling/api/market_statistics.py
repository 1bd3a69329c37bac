"""What authorities counted on markets, and what producers declared beside it."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleViewSet
from recycling.models import MarketStatistic
from recycling.queries.market import comparisons


class MarketStatisticOut(RecordSerializer[MarketStatistic]):
    authority_name = serializers.CharField(source="authority.name", read_only=True)

    class Meta:
        model = MarketStatistic
        fields = (
            "id", "authority", "authority_name", "jurisdiction", "period_start", "period_end", "producer", "model",
            "chemistry", "units", "description", "source", "source_key",
        )  # fmt: skip
        read_only_fields = fields


class ComparisonOut(serializers.Serializer[Any]):
    """What an authority counted in a place and a year, and what producers declared of the same place and year."""

    jurisdiction = serializers.CharField()
    year = serializers.IntegerField()
    authority = serializers.IntegerField()
    authority_name = serializers.CharField()
    producer = serializers.IntegerField(allow_null=True, help_text="Null: all producers together.")
    producer_name = serializers.CharField()
    observed = serializers.IntegerField()
    declared = serializers.IntegerField()
    declared_across = serializers.IntegerField(help_text="In periods that reach beyond the year; not in `declared`.")
    difference = serializers.IntegerField(help_text="Declared less observed.")
    is_undeclared = serializers.BooleanField()


class YearIn(serializers.Serializer[Any]):
    year = serializers.IntegerField(min_value=1990, max_value=2199)


class MarketStatisticFilter(FilterSet):
    jurisdiction = django_filters.CharFilter("jurisdiction__code", "startswith")
    authority = WholeNumberFilter("authority")
    producer = WholeNumberFilter("producer")
    chemistry = django_filters.CharFilter("chemistry")
    model = WholeNumberFilter("model")
    starts_from = django_filters.DateFilter("period_start", "gte")
    ends_by = django_filters.DateFilter("period_end", "lte")

    class Meta:
        model = MarketStatistic
        fields = ("source_key",)


class MarketStatisticViewSet(VisibleViewSet):
    """What authorities counted on markets: public, and no producer's declaration."""

    queryset = MarketStatistic.objects.select_related("authority")
    serializer_class = MarketStatisticOut
    filterset_class = MarketStatisticFilter
    ordering_fields = ("id", "period_start", "units")

    @extend_schema(parameters=[YearIn], responses=ComparisonOut(many=True), filters=False)
    @action(detail=False, filter_backends=(), pagination_class=None)
    def comparison(self, request: Request) -> Response:
        """Read what was declared beside what was counted: of your producers, and of the places that you oversee."""
        question = YearIn(data=request.query_params)
        question.is_valid(raise_exception=True)
        assert not request.user.is_anonymous
        return Response(ComparisonOut(comparisons(request.user, question.validated_data["year"]), many=True).data)
