"""The trace both ways. Whoever asks sees figures of the whole, and only those records that it may see."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.viewsets import VisibleViewSet
from collection.models import Battery, Element, Lot
from recycling.models import Batch
from recycling.queries.contents import Fate
from recycling.queries.trace import BatteryTrace, backward, forward, minus

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
    fate = serializers.ChoiceField(choices=[(fate.value, fate.value) for fate in Fate])
    kg = Kilograms


class BatteryTraceOut(serializers.Serializer[Any]):
    battery = serializers.IntegerField()
    batch = serializers.IntegerField(
        allow_null=True, help_text="Empty if it was not charged, or the caller may not see the batch."
    )
    is_charged = serializers.BooleanField()
    elements = ElementFateOut(many=True)
    lots = LotShareOut(many=True)


class BatteryTraceViewSet(viewsets.GenericViewSet[Any]):
    """Where a battery's elements are now, by its id."""

    queryset = Battery.objects.all()
    serializer_class = BatteryTraceOut
    get_object = VisibleViewSet.get_object
    lookup_value_regex = VisibleViewSet.lookup_value_regex

    def get_queryset(self) -> Any:
        return super().get_queryset().visible_to(self.request.user)

    @extend_schema(responses=BatteryTraceOut)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Read a battery forward to every lot that holds some of it."""
        trace = forward(self.get_object())
        return Response(BatteryTraceOut(_shown(trace, request.user)).data)


def _shown(trace: BatteryTrace, user: Any) -> dict[str, Any]:
    ids = [share.lot for share in trace.lots]
    seen = set(Lot.objects.visible_to(user).filter(pk__in=ids).values_list("pk", flat=True))
    about = {pk: (number, material) for pk, number, material in _lots(ids)}
    makers = Batch.objects.filter(pk__in={share.made_by for share in trace.lots})
    country = dict(makers.values_list("pk", "line__plant__facility__jurisdiction"))
    batch = Batch.objects.visible_to(user).filter(pk=trace.batch).exists() if trace.batch is not None else False
    return {
        "battery": trace.battery,
        "batch": trace.batch if batch else None,
        "is_charged": trace.batch is not None,
        "elements": trace.elements,
        "lots": [
            {
                "lot": share.lot if share.lot in seen else None,
                "number": about[share.lot][0] if share.lot in seen else None,
                "material": about[share.lot][1],
                "country": country[share.made_by][:2],
                "fate": share.fate,
                "kg": share.kg,
            }
            for share in trace.lots
        ],
    }


def _lots(ids: list[int]) -> Any:
    return Lot.objects.filter(pk__in=ids).values_list("pk", "number", "material_id")


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


class LotTraceViewSet(mixins.RetrieveModelMixin, viewsets.GenericViewSet[Any]):
    """What a lot was made from, by its id."""

    queryset = Lot.objects.all()
    serializer_class = LotTraceOut
    get_object = VisibleViewSet.get_object
    lookup_value_regex = VisibleViewSet.lookup_value_regex

    def get_queryset(self) -> Any:
        return super().get_queryset().visible_to(self.request.user)

    @extend_schema(
        responses=LotTraceOut,
        parameters=[OpenApiParameter("after", int), OpenApiParameter("page_size", int)],
    )
    def retrieve(self, request: Request, pk: str) -> Response:
        """Read a lot back to its batteries, in pages."""
        asked = PageIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        after, size = asked.validated_data["after"], asked.validated_data["page_size"]
        trace = backward(self.get_object())
        scope = {
            "batteries": Battery.objects.visible_to(request.user),
            "lots": Lot.objects.visible_to(request.user),
        }
        page = trace.sources(after=after, limit=size + 1, **scope)
        seen = trace.attributed_to(**scope)
        answer = {
            "lot": trace.lot,
            "content": trace.content,
            "seen": seen,
            "others": minus(trace.attributed, seen),
            "unattributed": trace.unattributed,
            "sources": page[:size],
            "next_after": page[size - 1].charge if len(page) > size else None,
        }
        return Response(LotTraceOut(answer).data)
