from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

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
    name = serializers.CharField(max_length=200)
    jurisdiction = VisibleRelatedField(queryset=Jurisdiction.objects.all())
    address = serializers.CharField(max_length=200, required=False, allow_blank=True)
    locality = serializers.CharField(max_length=100, required=False, allow_blank=True)
    postal_code = serializers.CharField(max_length=10, required=False, allow_blank=True)
    latitude = serializers.DecimalField(8, 5, min_value=-90, max_value=90, required=False)
    longitude = serializers.DecimalField(8, 5, min_value=-180, max_value=180, required=False)
    time_zone = serializers.CharField(max_length=40, required=False)
    storage_limit_kg = serializers.DecimalField(12, 3, required=False)


class FacilityChangeIn(FacilityIn):
    """What is left out stays."""

    operator = None  # type: ignore[assignment]
    name = serializers.CharField(max_length=200, required=False)
    jurisdiction = VisibleRelatedField(queryset=Jurisdiction.objects.all(), required=False)


class FacilityFilter(django_filters.FilterSet):
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

    @extend_schema(request=FacilityIn, responses={201: FacilityOut})
    def create(self, request: Request) -> Response:
        """Register a facility; needs a manager."""
        return self.command(facilities.register, FacilityIn, status=201)

    @extend_schema(request=FacilityChangeIn, responses=FacilityOut)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: str) -> Response:
        """Change what is said of a facility; needs a manager."""
        return self.command(facilities.change, FacilityChangeIn, facility=self.get_object())


class PermitOut(serializers.ModelSerializer[Permit]):
    valid_from = FirstDay()
    valid_until = LastDay()

    class Meta:
        model = Permit
        fields = ("id", "facility", "kind", "number", "valid_from", "valid_until", "source")
        read_only_fields = fields


class PermitIn(serializers.Serializer[Any]):
    facility = VisibleRelatedField(queryset=Facility.objects.all())
    kind = serializers.ChoiceField(choices=Permit.Kind.choices)
    number = serializers.CharField(max_length=60)
    valid_from = serializers.DateField()
    valid_until = serializers.DateField()
    source = serializers.CharField(max_length=300, required=False, allow_blank=True)


class PermitViewSet(VisibleViewSet):
    """Permits of facilities, for their operators and regulators."""

    queryset = Permit.objects.all()
    serializer_class = PermitOut
    filterset_fields = ("facility", "kind", "number")

    @extend_schema(request=PermitIn, responses={201: PermitOut})
    def create(self, request: Request) -> Response:
        """Note a permit; needs a manager."""
        return self.command(facilities.add_permit, PermitIn, status=201)


class CollectionPointOut(serializers.ModelSerializer[CollectionPoint]):
    name = serializers.CharField(source="facility.name", read_only=True)
    operator = serializers.IntegerField(source="facility.operator_id", read_only=True)
    jurisdiction = serializers.CharField(source="facility.jurisdiction_id", read_only=True)

    class Meta:
        model = CollectionPoint
        fields = ("id", "facility", "name", "operator", "jurisdiction", "kind", "contact", "notes", "is_active")
        read_only_fields = fields


class CollectionPointIn(serializers.Serializer[Any]):
    facility = VisibleRelatedField(queryset=Facility.objects.all())
    kind = serializers.ChoiceField(choices=CollectionPoint.Kind.choices)
    contact = serializers.CharField(max_length=200, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=5000, required=False, allow_blank=True)


class CollectionPointChangeIn(serializers.Serializer[Any]):
    """What is left out stays."""

    kind = serializers.ChoiceField(choices=CollectionPoint.Kind.choices, required=False)
    contact = serializers.CharField(max_length=200, required=False, allow_blank=True)
    notes = serializers.CharField(max_length=5000, required=False, allow_blank=True)


class CollectionPointFilter(django_filters.FilterSet):
    jurisdiction = django_filters.CharFilter("facility__jurisdiction__code", "startswith")
    name = django_filters.CharFilter("facility__name", "icontains")
    operator = django_filters.NumberFilter("facility__operator")

    class Meta:
        model = CollectionPoint
        fields = ("facility", "kind", "is_active")


class CollectionPointViewSet(VisibleViewSet):
    """Facilities that give up batteries."""

    queryset = CollectionPoint.objects.select_related("facility")
    serializer_class = CollectionPointOut
    filterset_class = CollectionPointFilter

    @extend_schema(request=CollectionPointIn, responses={201: CollectionPointOut})
    def create(self, request: Request) -> Response:
        """Make a facility a collection point; needs a manager."""
        return self.command(facilities.register_collection_point, CollectionPointIn, status=201)

    @extend_schema(request=CollectionPointChangeIn, responses=CollectionPointOut)
    @action(detail=True, methods=["post"])
    def change(self, request: Request, pk: str) -> Response:
        """Change how it is reached."""
        point = self.get_object()
        return self.command(facilities.change_collection_point, CollectionPointChangeIn, collection_point=point)

    @extend_schema(request=None, responses=CollectionPointOut)
    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> Response:
        """It asks for no more pickups; needs a manager."""
        return self.command(facilities.deactivate, collection_point=self.get_object())

    @extend_schema(request=None, responses=CollectionPointOut)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        """It gives up batteries again; needs a manager."""
        return self.command(facilities.activate, collection_point=self.get_object())
