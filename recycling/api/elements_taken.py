from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.doors import opens
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from recycling.models import ElementsTaken, OptionalElement
from recycling.services import elements_taken


class ElementsTakenOut(RecordSerializer[ElementsTaken]):
    class Meta:
        model = ElementsTaken
        fields = ("id", "recycler", "year", "elements")
        read_only_fields = fields


class ChooseIn(serializers.Serializer[Any]):
    """What is left out is in neither the input nor the output of that year."""

    recycler = VisibleRelatedField(queryset=Organization.objects.all())
    year = serializers.IntegerField(min_value=2000, max_value=2100)
    elements = serializers.ListField(
        child=serializers.ChoiceField(choices=OptionalElement.choices), max_length=len(OptionalElement), required=False
    )


class ElementsTakenFilter(FilterSet):
    recycler = WholeNumberFilter("recycler")
    year = WholeNumberFilter("year")

    class Meta:
        model = ElementsTaken
        fields = ()


class ElementsTakenViewSet(VisibleViewSet):
    """Which optional elements a recycler takes into account in a year, in input and output both."""

    queryset = ElementsTaken.objects.all()
    serializer_class = ElementsTakenOut
    filterset_class = ElementsTakenFilter
    ordering_fields = ("id", "year")

    create = opens(elements_taken.choose, ChooseIn)
