"""The trace both ways. Whoever asks sees figures of the whole, and only those records that it may see."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.viewsets import ID
from collection.models import Battery, Element, Lot
from recycling.queries.contents import OutputFate
from recycling.queries.sightings import battery_as_seen, sources_as_seen

MOST_SOURCES = 500

Kilograms = serializers.DictField(child=serializers.DecimalField(max_digits=50, decimal_places=20))


class ElementFateOut(serializers.Serializer[Any]):
    element = serializers.ChoiceField(choices=Element.choices)
    content_kg = serializers.DecimalField(max_digits=50, decimal_places=20)
    recovered_kg = serializers.DecimalField(max_digits=50, decimal_places=20)
    pending_kg = serializers.DecimalField(max_digits=50, decimal_places=20)
    residue_kg = serializers.DecimalField(max_digits=50, decimal_places=20)
    lost_kg = serializers.DecimalField(max_digits=50, decimal_places=20)


class LotShareOut(serializers.Serializer[Any]):
    """A lot that holds some of the battery; without `lot` and `number` it is one that the caller may not see."""

    lot = serializers.IntegerField(allow_null=True)
    number = serializers.CharField(allow_null=True)
    material = serializers.CharField()
    country = serializers.CharField(help_text="Country of the plant that made it.")
    fate = serializers.ChoiceField(choices=[(fate.value, fate.value) for fate in OutputFate])
    kg = Kilograms


class BatteryTraceOut(serializers.Serializer[Any]):
    battery = serializers.IntegerField()
    batch = serializers.IntegerField(
        allow_null=True, help_text="Empty if it was not charged, or the caller may not see the batch."
    )
    is_charged = serializers.BooleanField()
    elements = ElementFateOut(many=True)
    lots = LotShareOut(many=True)


class TraceViewSet(viewsets.GenericViewSet[Any]):
    """One trace by the id of a record that the caller may see."""

    lookup_value_regex = ID
    filter_backends = ()
    pagination_class = None

    def get_queryset(self) -> Any:
        return super().get_queryset().visible_to(self.request.user)


class BatteryTraceViewSet(TraceViewSet):
    """Where a battery's elements are now, by its id."""

    queryset = Battery.objects.all()
    serializer_class = BatteryTraceOut

    @extend_schema(responses=BatteryTraceOut)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Read a battery forward to every lot that holds some of it."""
        return Response(BatteryTraceOut(battery_as_seen(self.get_object(), request.user)).data)  # type: ignore[arg-type]


class SourceOut(serializers.Serializer[Any]):
    charge = serializers.IntegerField()
    battery = serializers.IntegerField(allow_null=True)
    lot = serializers.IntegerField(allow_null=True, help_text="A lot from outside.")
    kg = Kilograms


class LotTraceOut(serializers.Serializer[Any]):
    """`content` = `seen` + `others` + `unattributed`; `sources` is a page of what is in `seen`."""

    lot = serializers.IntegerField()
    content = Kilograms
    seen = serializers.DictField(
        child=serializers.DecimalField(max_digits=50, decimal_places=20),
        help_text="From all batteries and outside lots that the caller may see, not of this page alone.",
    )
    others = serializers.DictField(
        child=serializers.DecimalField(max_digits=50, decimal_places=20),
        help_text="From batteries and lots that the caller may not see, together.",
    )
    unattributed = serializers.DictField(
        child=serializers.DecimalField(max_digits=50, decimal_places=20),
        help_text="What no input was known to contain.",
    )
    sources = SourceOut(many=True)
    next_after = serializers.IntegerField(allow_null=True, help_text="`after` of the next page; empty on the last.")


class PageIn(serializers.Serializer[Any]):
    after = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)
    page_size = serializers.IntegerField(min_value=1, max_value=MOST_SOURCES, default=100)


class LotTraceViewSet(TraceViewSet):
    """What a lot was made from, by its id."""

    queryset = Lot.objects.all()
    serializer_class = LotTraceOut

    @extend_schema(
        responses=LotTraceOut,
        parameters=[OpenApiParameter("after", int), OpenApiParameter("page_size", int)],
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """Read a lot back to its batteries, in pages."""
        asked = PageIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        page = sources_as_seen(
            self.get_object(),
            request.user,  # type: ignore[arg-type]
            after=asked.validated_data["after"],
            size=asked.validated_data["page_size"],
        )
        return Response(LotTraceOut(page).data)
