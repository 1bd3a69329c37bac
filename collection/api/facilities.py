from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import serializers

from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection.api.fields import FirstDay, LastDay, Sourced
from collection.models import CollectionPoint, Facility, Jurisdiction, Permit
from collection.services import facilities


class FacilityOut(Sourced):
    operator_name = serializers.CharField(source="operator.name", read_only=True)

    class Meta:
        model = Facility
        fields = (
            "id", "name", "operator", "operator_name", "jurisdiction", "address", "locality", "postal_code", "latitude",
            "longitude", "time_zone", "storage_limit_kg", "source", "confidence", "is_unverified", "is_simulated",
        )  # fmt: skip
        read_only_fields = fields


class FacilityIn(serializers.Serializer[Any]):
    """Without a time zone a facility has the usual one of its jurisdiction."""

    operator = VisibleRelatedField(queryset=Organization.objects.all())
    name = TextField(max_length=200)
    jurisdiction = VisibleRelatedField(queryset=Jurisdiction.objects.all())
    address = TextField(max_length=200, required=False, allow_blank=True)
    locality = TextField(max_length=100, required=False, allow_blank=True)
    postal_code = TextField(max_length=10, required=False, allow_blank=True)
    latitude = serializers.DecimalField(8, 5, min_value=-90, max_value=90, required=False)
    longitude = serializers.DecimalField(8, 5, min_value=-180, max_value=180, required=False)
    time_zone = TextField(max_length=40, required=False)
    storage_limit_kg = serializers.DecimalField(12, 3, required=False)


class FacilityChangeIn(FacilityIn):
    """What is left out stays."""

    operator = None  # type: ignore[assignment]
    name = TextField(max_length=200, required=False)
    jurisdiction = VisibleRelatedField(queryset=Jurisdiction.objects.all(), required=False)


class VouchIn(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)


class FacilityFilter(FilterSet):
    name = django_filters.CharFilter("name", "icontains")
    jurisdiction = django_filters.CharFilter("jurisdiction__code", "startswith")

    class Meta:
        model = Facility
        fields = ("operator", "postal_code", "is_simulated")


class FacilityViewSet(VisibleViewSet):
    """Places of the chain. Every logged-in user knows that they exist: shipments must name one another's."""

    queryset = Facility.objects.select_related("operator")
    serializer_class = FacilityOut
    filterset_class = FacilityFilter
    ordering_fields = ("id", "name")

    create = opens(facilities.register, FacilityIn)
    change = door(facilities.change, FacilityChangeIn)
    vouch = door(facilities.vouch, VouchIn)


class PermitOut(RecordSerializer[Permit]):
    valid_from = FirstDay()
    valid_until = LastDay()

    class Meta:
        model = Permit
        fields = ("id", "facility", "kind", "number", "valid_from", "valid_until", "source")
        read_only_fields = fields


class PermitIn(serializers.Serializer[Any]):
    facility = VisibleRelatedField(queryset=Facility.objects.all())
    kind = serializers.ChoiceField(choices=Permit.Kind.choices)
    number = TextField(max_length=60)
    valid_from = serializers.DateField()
    valid_until = serializers.DateField()
    source = TextField(max_length=300, required=False, allow_blank=True)


class PermitViewSet(VisibleViewSet):
    """Permits of facilities, for their operators and regulators."""

    queryset = Permit.objects.all()
    serializer_class = PermitOut
    filterset_fields = ("facility", "kind", "number")

    create = opens(facilities.add_permit, PermitIn)


class CollectionPointOut(RecordSerializer[CollectionPoint]):
    name = serializers.CharField(source="facility.name", read_only=True)
    operator = serializers.IntegerField(source="facility.operator_id", read_only=True)
    jurisdiction = serializers.CharField(source="facility.jurisdiction_id", read_only=True)
    verbs = VerbsField()

    class Meta:
        model = CollectionPoint
        fields = (
            "id",
            "facility",
            "name",
            "operator",
            "jurisdiction",
            "kind",
            "contact",
            "notes",
            "is_active",
            "verbs",
        )
        read_only_fields = fields


class CollectionPointIn(serializers.Serializer[Any]):
    facility = VisibleRelatedField(queryset=Facility.objects.all())
    kind = serializers.ChoiceField(choices=CollectionPoint.Kind.choices)
    contact = TextField(max_length=200, required=False, allow_blank=True)
    notes = TextField(max_length=5000, required=False, allow_blank=True)


class CollectionPointChangeIn(serializers.Serializer[Any]):
    """What is left out stays."""

    kind = serializers.ChoiceField(choices=CollectionPoint.Kind.choices, required=False)
    contact = TextField(max_length=200, required=False, allow_blank=True)
    notes = TextField(max_length=5000, required=False, allow_blank=True)


class CollectionPointFilter(FilterSet):
    jurisdiction = django_filters.CharFilter("facility__jurisdiction__code", "startswith")
    name = django_filters.CharFilter("facility__name", "icontains")
    operator = WholeNumberFilter("facility__operator")

    class Meta:
        model = CollectionPoint
        fields = ("facility", "kind", "is_active")


class CollectionPointViewSet(VisibleViewSet):
    """Facilities that give up batteries."""

    queryset = CollectionPoint.objects.select_related("facility")
    serializer_class = CollectionPointOut
    filterset_class = CollectionPointFilter

    create = opens(facilities.register_collection_point, CollectionPointIn)
    change = door(facilities.change_collection_point, CollectionPointChangeIn, name="change")
    deactivate = door(facilities.deactivate)
    activate = door(facilities.activate)
