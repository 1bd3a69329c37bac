from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.api.doors import VerbsField, door, opens
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection.models import Condition, Facility, Relation
from collection.services import relations


class RelationOut(RecordSerializer[Relation]):
    giver_name = serializers.CharField(source="giver.name", read_only=True)
    taker_name = serializers.CharField(source="taker.name", read_only=True)
    facilities = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    verbs = VerbsField()

    class Meta:
        model = Relation
        fields = (
            "id", "kind", "status", "reason", "giver", "giver_name", "taker", "taker_name", "facilities", "conditions",
            "unannounced", "offered_by", "offered_at", "declared_at", "is_simulated", "verbs",
        )  # fmt: skip
        read_only_fields = fields


class OfferIn(serializers.Serializer[Any]):
    """Without `facilities` it holds at all of who gives; without `conditions`, for batteries in any."""

    kind = serializers.ChoiceField(choices=Relation.Kind.choices)
    giver = VisibleRelatedField(queryset=Organization.objects.all())
    taker = VisibleRelatedField(queryset=Organization.objects.all())
    facilities = serializers.ListField(
        child=VisibleRelatedField(queryset=Facility.objects.all()), required=False, max_length=relations.MOST_FACILITIES
    )
    conditions = serializers.ListField(
        child=serializers.ChoiceField(choices=Condition.choices), required=False, allow_empty=False, max_length=4
    )

    unannounced = serializers.BooleanField(required=False)

    def validate_facilities(self, facilities: list[Facility]) -> list[Facility]:
        if len({facility.pk for facility in facilities}) < len(facilities):
            raise serializers.ValidationError(_("A facility stands here twice."))
        return facilities


class RelationViewSet(VisibleViewSet):
    """Standing agreements on who takes batteries from whom, and who carries for whom."""

    queryset = Relation.objects.select_related("giver", "taker").prefetch_related("facilities")
    serializer_class = RelationOut
    filterset_fields = ("kind", "status", "giver", "taker")

    create = opens(relations.offer, OfferIn)
    accept = door(relations.accept)
    refuse = door(relations.refuse)
    withdraw = door(relations.withdraw)
    end = door(relations.end)
