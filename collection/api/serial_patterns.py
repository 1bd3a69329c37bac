from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection.models import Identifier, SerialPattern
from collection.services import serial_patterns


class SerialPatternOut(RecordSerializer[SerialPattern]):
    producer_name = serializers.CharField(source="producer.name", read_only=True)
    verbs = VerbsField()

    class Meta:
        model = SerialPattern
        fields = ("id", "producer", "producer_name", "scheme", "pattern", "filed_at", "ended_at", "reason", "verbs")
        read_only_fields = fields


class SerialPatternIn(serializers.Serializer[Any]):
    producer = VisibleRelatedField(queryset=Organization.objects.all())
    scheme = serializers.ChoiceField(choices=Identifier.Scheme.choices)
    pattern = TextField(
        max_length=200,
        help_text="? stands for one character, * for any number; the first three stand for themselves. Case, blanks and"
        " hyphens make no difference.",
    )


class SerialPatternFilter(FilterSet):
    producer = WholeNumberFilter("producer")

    class Meta:
        model = SerialPattern
        fields = ("scheme",)


class SerialPatternViewSet(VisibleViewSet):
    """How producers number what they make: ground for their credit, filed in advance."""

    queryset = SerialPattern.objects.select_related("producer")
    serializer_class = SerialPatternOut
    filterset_class = SerialPatternFilter
    ordering_fields = ("id",)

    create = opens(serial_patterns.file, SerialPatternIn)
    end = door(serial_patterns.end)
