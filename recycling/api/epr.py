"""What became of batteries, for all producers and places that the caller may know of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import replicas
from accounts.acting import as_platform
from accounts.api.paging import CursorPagination
from accounts.models import Function, Organization, organizations_of
from collection.models import Battery, Jurisdiction
from recycling.models import MarketPlacement
from recycling.queries.epr import NOBODY
from recycling.queries.orphans import orphans
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
    jurisdiction = serializers.CharField()
    units_placed = serializers.IntegerField()
    units_collected = serializers.IntegerField()
    units_recycled = serializers.IntegerField()
    kg_recycled = serializers.DecimalField(**EXACT)
    claimed_collected = serializers.IntegerField(help_text="Claimed, not confirmed; not in the figures before.")
    claimed_recycled = serializers.IntegerField()
    claimed_kg_recycled = serializers.DecimalField(**EXACT)


class TotalOut(RowOut):
    """Kilograms, unrounded."""

    jurisdiction = serializers.CharField(allow_null=True)
    element = serializers.CharField()
    content = serializers.DecimalField(**EXACT)
    recovered = serializers.DecimalField(**EXACT)
    pending = serializers.DecimalField(**EXACT)
    residue = serializers.DecimalField(**EXACT)
    lost = serializers.DecimalField(**EXACT)


class ProducerOut(serializers.Serializer[Any]):
    """How one producer stands in each jurisdiction. The last entry may have none: it is of batteries whose producer is not
    known.
    """

    producer = serializers.IntegerField(allow_null=True)
    producer_name = serializers.CharField()
    as_of = serializers.DateTimeField(
        help_text="All that happened until then is counted. Whole months are added up every few minutes, other days at once."
    )
    standings = StandingOut(many=True)
    elements = TotalOut(many=True)
    claimed_elements = TotalOut(
        many=True, help_text="Of batteries claimed to be its, not confirmed; not in `elements`."
    )


class OrphansOut(serializers.Serializer[Any]):
    """Of what was collected in a place, by whose report it is in none, or lost since; kilograms as far as they are known."""

    jurisdiction = serializers.CharField()
    collected = serializers.IntegerField()
    collected_kg = serializers.DecimalField(**EXACT)
    orphans = serializers.IntegerField(help_text="Of no known producer.")
    orphans_kg = serializers.DecimalField(**EXACT)
    unplaced = serializers.IntegerField(help_text="Of no known place of marketing.")
    unplaced_kg = serializers.DecimalField(**EXACT)
    lost = serializers.IntegerField(help_text="Lost since they were collected.")
    lost_kg = serializers.DecimalField(**EXACT)


_PARTS = ("standings", "elements", "claimed_elements")


class ProducersPages(CursorPagination):
    """Few producers a page: each stands in up to a hundred jurisdictions, with nine elements in each."""

    page_size = 5
    max_page_size = 20


class OverviewViewSet(viewsets.GenericViewSet[Any]):
    """How producers stand: a producer its own batteries, a regulator all that were placed in its jurisdictions."""

    serializer_class = ProducerOut
    pagination_class = ProducersPages
    filter_backends = ()

    @extend_schema(parameters=[PeriodIn], responses=ProducerOut(many=True))
    def list(self, request: Request) -> Response:
        """Read units placed, collected and recycled, and what became of each element, by producer and jurisdiction."""
        question = PeriodIn(data=request.query_params)
        question.is_valid(raise_exception=True)
        period = question.validated_data["start"], question.validated_data["end"]
        with replicas.reading(), as_platform():  # sums over what nobody sees row by row
            shown = self._rows(_scope(request), period)
        return self.get_paginated_response(ProducerOut(shown, many=True).data)

    @extend_schema(parameters=[PeriodIn], responses=OrphansOut(many=True), filters=False)
    @action(detail=False, pagination_class=None)
    def orphans(self, request: Request) -> Response:
        """Read what was collected in places that the caller oversees and whose producer or place of marketing nobody knows."""
        question = PeriodIn(data=request.query_params)
        question.is_valid(raise_exception=True)
        places = _scope(request).places
        with replicas.reading(), as_platform():  # sums over what nobody sees row by row
            found = orphans(question.validated_data["start"], question.validated_data["end"], places)
        return Response(OrphansOut(found, many=True).data)

    def _rows(self, scope: _Scope, period: tuple[date, date]) -> list[dict[str, Any]]:
        page = self.paginate_queryset(scope.seen())
        assert page is not None and self.paginator is not None
        names = {producer.pk: producer.name for producer in page}
        is_last = self.paginator.get_next_link() is None
        if is_last and scope.oversees:
            names[NOBODY] = ""
        found = [overview(*period, **part) for part in scope.of(names)]
        as_of = min((seen.as_of for seen in found), default=timezone.now())
        rows = {
            key: {"producer": key or None, "producer_name": name, "as_of": as_of} | {part: {} for part in _PARTS}
            for key, name in names.items()
        }
        for seen in found:
            for standing in seen.standings:
                rows[standing.producer]["standings"][standing.jurisdiction] = standing
            for total in seen.elements:
                rows[total.producer or NOBODY]["elements"][total.jurisdiction, total.element] = total
            for total in seen.claimed_elements:
                rows[total.producer or NOBODY]["claimed_elements"][total.jurisdiction, total.element] = total
        if not rows.get(NOBODY, {}).get("elements", True):
            del rows[NOBODY]
        return [row | {part: row[part].values() for part in _PARTS} for row in rows.values()]


@dataclass(frozen=True)
class _Scope:
    """Of which producers, and which jurisdictions, somebody may know the figures; `None` is all."""

    own: frozenset[int]
    places: list[str] | None

    @property
    def oversees(self) -> bool:
        return self.places is None or bool(self.places)

    def seen(self) -> QuerySet[Organization]:
        """The producers whose figures it may know, in part at least."""
        if not self.oversees:
            return Organization.objects.filter(pk__in=self.own)
        made = Battery.objects.filter(producer=OuterRef("pk"))
        placed = MarketPlacement.objects.filter(producer=OuterRef("pk"))
        return Organization.objects.filter(Exists(made) | Exists(placed))

    def of(self, producers: Iterable[int]) -> list[dict[str, Any]]:
        """What to ask of `producers`: all there is of its own, and what it oversees of all."""
        keys = list(producers)
        if self.places is None:
            return [{"producers": keys}]
        parts: list[dict[str, Any]] = []
        if self.places:
            parts.append({"producers": keys, "jurisdictions": self.places})
        if own := [key for key in keys if key in self.own]:
            parts.append({"producers": own})
        return parts


def _scope(request: Request) -> _Scope:
    user = request.user
    if user.is_superuser:
        return _Scope(frozenset(), None)
    own = Organization.objects.with_function(Function.PRODUCER).filter(
        pk__in=organizations_of(user)  # type: ignore[arg-type]
    )
    overseen = Jurisdiction.objects.overseen_by(user)  # type: ignore[arg-type]
    return _Scope(frozenset(own.values_list("pk", flat=True)), list(overseen.values_list("pk", flat=True)))
