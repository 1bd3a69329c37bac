"""The life of a thing, as a part of its resource."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from collection.models import CustodyKind
from collection.models.at_hand import Knows, at_hand
from collection.queries.lives import life_of
from collection.queries.veils import veil


class LifeEntryOut(serializers.Serializer[Any]):
    """An entry of the custody ledger. `occurred_at` is in the time zone of the place, `recorded_at` in UTC."""

    sequence = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=CustodyKind.choices)
    occurred_at = serializers.SerializerMethodField()
    time_zone = serializers.CharField()
    recorded_at = serializers.DateTimeField()
    from_place = serializers.CharField()
    to_place = serializers.CharField()
    from_organization = serializers.CharField()
    to_organization = serializers.CharField()
    status = serializers.CharField()
    mass_kg = serializers.DecimalField(max_digits=20, decimal_places=11, allow_null=True)
    reference = serializers.CharField()
    note = serializers.CharField()
    by = serializers.CharField()
    for_giver = serializers.CharField(help_text="Who confirmed for the organization that gave it, and how.")
    for_taker = serializers.CharField(help_text="Who confirmed for the organization that took it, and how.")
    corrects = serializers.IntegerField(allow_null=True)
    corrected_by = serializers.ListField(child=serializers.IntegerField())

    def get_occurred_at(self, entry: Any) -> str:
        return str(entry.occurred_at.isoformat())


class VeiledMixin:
    """Records that are shown as their reader may know them."""

    def get_serializer(self, *args: Any, **options: Any) -> Any:
        if args and args[0] is not None:
            veil(self.request.user, list(args[0]) if options.get("many") else [args[0]])  # type: ignore[attr-defined]
        return super().get_serializer(*args, **options)  # type: ignore[misc]


class LifeMixin(VeiledMixin):
    """What viewsets of batteries and lots have in common: `life/`, and that whoever only had a thing once reads of it what
    was until then.
    """

    #: Filters that tell where a thing is now: by them only those find it that may know.
    tells_where: ClassVar[tuple[str, ...]] = ("facility", "shipment", "at_jurisdiction")

    def filter_queryset(self, queryset: Any) -> Any:
        """As ever; by where things are now, among those alone of which the reader may know it."""
        rows = super().filter_queryset(queryset)  # type: ignore[misc]
        viewer, asked = self.request.user, self.request.query_params  # type: ignore[attr-defined]
        if not (self.detail or viewer.is_superuser) and any(asked.get(name) for name in self.tells_where):  # type: ignore[attr-defined]
            rows = rows.filter(Knows(at_hand(queryset.model), viewer))
        return rows

    @extend_schema(responses=LifeEntryOut(many=True), filters=False)
    @action(detail=True, pagination_class=None, filter_backends=())
    def life(self, request: Request, pk: str) -> Response:
        """Read the ledger of this thing, from its first entry to its last."""
        return Response(LifeEntryOut(life_of(self.get_object(), request.user), many=True).data)  # type: ignore[attr-defined]
