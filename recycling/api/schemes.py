"""EPR schemes and their targets: public data, each number with its source and whether it binds."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.viewsets import VisibleViewSet
from collection.api.fields import Sourced
from recycling.models import EprScheme, EprTarget


class TargetOut(Sourced):
    class Meta:
        model = EprTarget
        fields = (
            "id", "metric", "family", "element", "percent", "applies_from", "legal_status", "source", "confidence",
            "is_unverified",
        )  # fmt: skip
        read_only_fields = fields


class SchemeOut(Sourced):
    """A scheme. Without targets: no numeric target is known."""

    targets = TargetOut(many=True, read_only=True)
    valid_from = serializers.SerializerMethodField()
    valid_until = serializers.SerializerMethodField()

    class Meta:
        model = EprScheme
        fields = (
            "id", "code", "version", "name", "jurisdiction", "shape", "families", "counts_by", "counts_source",
            "counts_confidence", "valid_from", "valid_until", "legal_status",
            "citation", "note", "first_period_start", "first_due_on", "due_source", "due_confidence",
            "targets", "source", "confidence", "is_unverified",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.DateField(allow_null=True))
    def get_valid_from(self, scheme: EprScheme) -> Any:
        return scheme.valid.lower

    @extend_schema_field(serializers.DateField(allow_null=True, help_text="The first day on which it holds no more."))
    def get_valid_until(self, scheme: EprScheme) -> Any:
        return scheme.valid.upper


class SchemeViewSet(VisibleViewSet):
    """EPR schemes, as versions of what a jurisdiction asks for, or of a reference method."""

    queryset = EprScheme.objects.prefetch_related("targets")
    serializer_class = SchemeOut
    filterset_fields = ("code", "jurisdiction", "shape", "legal_status")
    ordering_fields = ("id", "code")
