from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.api.doors import opens
from accounts.api.fields import TextField
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection.api.fields import FirstDay, LastDay
from collection.models import Consent, Jurisdiction
from collection.services import consents


class ConsentOut(RecordSerializer[Consent]):
    valid_from = FirstDay()
    valid_until = LastDay()

    class Meta:
        model = Consent
        fields = (
            "id", "number", "authority", "exporter", "importer", "from_country", "to_country", "valid_from",
            "valid_until", "limit_kg", "is_simulated",
        )  # fmt: skip
        read_only_fields = fields


class ConsentIn(serializers.Serializer[Any]):
    number = TextField(max_length=60)
    authority = TextField(max_length=100)
    exporter = VisibleRelatedField(queryset=Organization.objects.all())
    importer = VisibleRelatedField(queryset=Organization.objects.all())
    from_country = VisibleRelatedField(queryset=Jurisdiction.objects.all())
    to_country = VisibleRelatedField(queryset=Jurisdiction.objects.all())
    valid_from = serializers.DateField()
    valid_until = serializers.DateField()
    limit_kg = serializers.DecimalField(max_digits=12, decimal_places=3, required=False, allow_null=True)


class ConsentViewSet(VisibleViewSet):
    """Consents of authorities to move waste across a border."""

    queryset = Consent.objects.all()
    serializer_class = ConsentOut
    filterset_fields = ("exporter", "importer", "from_country", "to_country", "number", "is_simulated")

    create = opens(consents.record, ConsentIn)
