"""What became of batteries, for all producers and places that the caller may know of."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Function, Organization, organizations_of
from collection.models import Jurisdiction
from recycling.queries.overview import overview

EXACT: dict[str, Any] = {"max_digits": 60, "decimal_places": 30}


class PeriodIn(serializers.Serializer[Any]):
    """Days of the time zones of the places where things happened."""

    start = serializers.DateField()
    end = serializers.DateField()

    def validate(self, data: dict[str, Any]) -> dict[str, Any]:
        if not date(1990, 1, 1) <= data["start"] <= data["end"] < date(2200, 1, 1):
            raise serializers.ValidationError({"end": [_("The period ends before it begins, or is not of our time.")]})
        return data


class RowOut(serializers.Serializer[Any]):
    """A row as its fields declare it. There are tens of thousands: a call for each of their fields would take longest."""

    def to_representation(self, row: Any) -> dict[str, Any]:
        values = {name: getattr(row, name) for name in self.fields}
        places = EXACT["decimal_places"]
        return {k: f"{value:.{places}f}" if isinstance(value, Decimal) else value for k, value in values.items()}


class StandingOut(RowOut):
    producer = serializers.IntegerField()
    producer_name = serializers.CharField()
    jurisdiction = serializers.CharField()
    units_placed = serializers.IntegerField()
    units_collected = serializers.IntegerField()
    units_recycled = serializers.IntegerField()
    kg_recycled = serializers.DecimalField(**EXACT)


class TotalOut(RowOut):
    """Kilograms, unrounded. `producer` is empty for batteries whose producer is not known."""

    producer = serializers.IntegerField(allow_null=True)
    jurisdiction = serializers.CharField(allow_null=True)
    element = serializers.CharField()
    content = serializers.DecimalField(**EXACT)
    recovered = serializers.DecimalField(**EXACT)
    pending = serializers.DecimalField(**EXACT)
    residue = serializers.DecimalField(**EXACT)
    lost = serializers.DecimalField(**EXACT)


class OverviewOut(serializers.Serializer[Any]):
    as_of = serializers.DateTimeField(
        help_text="All that happened until then is counted. Whole months are added up every few minutes, other days at once."
    )
    standings = StandingOut(many=True)
    elements = TotalOut(many=True)


class OverviewViewSet(viewsets.GenericViewSet[Any]):
    """How producers stand: a producer its own batteries, a regulator all that were placed in its jurisdictions."""

    serializer_class = OverviewOut
    pagination_class = None
    filter_backends = ()

    @extend_schema(parameters=[PeriodIn], responses=OverviewOut)
    def list(self, request: Request) -> Response:
        """Read units placed, collected and recycled, and what became of each element, by producer and jurisdiction."""
        question = PeriodIn(data=request.query_params)
        question.is_valid(raise_exception=True)
        period = question.validated_data["start"], question.validated_data["end"]
        found = [overview(*period, **scope) for scope in _scopes(request)]
        standings = {(row.producer, row.jurisdiction): row for seen in found for row in seen.standings}
        elements = {(row.producer, row.jurisdiction, row.element): row for seen in found for row in seen.elements}
        as_of = min((seen.as_of for seen in found), default=timezone.now())
        answer = {"as_of": as_of, "standings": standings.values(), "elements": elements.values()}
        return Response(OverviewOut(answer).data)


def _scopes(request: Request) -> list[dict[str, Any]]:
    """Of which producers, and which jurisdictions, the caller may know the figures."""
    user = request.user
    if user.is_superuser:
        return [{}]
    own = Organization.objects.filter(
        pk__in=organizations_of(user),  # type: ignore[arg-type]
        functions__contains=[Function.PRODUCER],
    )
    scopes: list[dict[str, Any]] = []
    if producers := list(own.values_list("pk", flat=True)):
        scopes.append({"producers": producers})
    overseen = Jurisdiction.objects.overseen_by(user)  # type: ignore[arg-type]
    if places := list(overseen.values_list("pk", flat=True)):
        scopes.append({"jurisdictions": places})
    return scopes
