"""Public reference data, each fact with its source and how sure it is."""

from __future__ import annotations

import django_filters
from django.db.models import Prefetch
from rest_framework import serializers

from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import CODE, VisibleViewSet
from collection.api.fields import Sourced
from collection.models import (
    BatteryModel,
    Chemistry,
    Composition,
    CompositionElement,
    Jurisdiction,
    Material,
    MaterialElement,
)


class JurisdictionOut(RecordSerializer[Jurisdiction]):
    class Meta:
        model = Jurisdiction
        fields = ("code", "name", "kind", "parent", "time_zone")
        read_only_fields = fields


class JurisdictionViewSet(VisibleViewSet):
    """Countries and their states, provinces and territories."""

    queryset = Jurisdiction.objects.all()
    serializer_class = JurisdictionOut
    lookup_value_regex = CODE
    filterset_fields = ("kind", "parent")
    ordering_fields = ("code", "name")


class CompositionElementOut(RecordSerializer[CompositionElement]):
    class Meta:
        model = CompositionElement
        fields = ("element", "kg_per_kwh")
        read_only_fields = fields


class CompositionOut(Sourced):
    elements = CompositionElementOut(many=True, read_only=True)

    class Meta:
        model = Composition
        fields = (
            "id", "version", "is_default", "pack_kg_per_kwh", "elements", "unknown_elements", "source", "confidence", "is_unverified",
        )  # fmt: skip
        read_only_fields = fields


class ChemistryOut(Sourced):
    compositions = CompositionOut(many=True, read_only=True)

    class Meta:
        model = Chemistry
        fields = ("code", "name", "family", "compositions", "source", "confidence", "is_unverified")
        read_only_fields = fields


class ChemistryViewSet(VisibleViewSet):
    """Chemistries with every version of what a kilowatt-hour of them contains."""

    queryset = Chemistry.objects.prefetch_related(
        Prefetch("compositions", Composition.objects.prefetch_related("elements"))
    )
    serializer_class = ChemistryOut
    lookup_value_regex = CODE
    filterset_fields = ("family",)
    ordering_fields = ("code",)


class BatteryModelOut(Sourced):
    producer_name = serializers.CharField(source="producer.name", read_only=True)

    class Meta:
        model = BatteryModel
        fields = (
            "id", "code", "name", "producer", "producer_name", "chemistry", "composition", "rated_kwh", "mass_kg",
            "mass_is_assumed", "mass_source",            "form", "drive", "year_from", "year_to", "source", "confidence", "is_unverified",
        )  # fmt: skip
        read_only_fields = fields


class BatteryModelFilter(FilterSet):
    name = django_filters.CharFilter("name", "icontains")
    year = WholeNumberFilter(method="of_year")

    class Meta:
        model = BatteryModel
        fields = ("code", "producer", "chemistry", "drive", "form")

    def of_year(self, rows, name, value):  # type: ignore[no-untyped-def]
        return rows.filter(year_from__lte=value, year_to__gte=value)


class BatteryModelViewSet(VisibleViewSet):
    """Batteries as their producers put them on the market."""

    queryset = BatteryModel.objects.select_related("producer")
    serializer_class = BatteryModelOut
    filterset_class = BatteryModelFilter
    ordering_fields = ("id", "name", "code")


class MaterialElementOut(RecordSerializer[MaterialElement]):
    class Meta:
        model = MaterialElement
        fields = ("element", "fraction")
        read_only_fields = fields


class MaterialOut(Sourced):
    elements = MaterialElementOut(many=True, read_only=True)

    class Meta:
        model = Material
        fields = ("code", "name", "kind", "elements", "source", "confidence", "is_unverified")
        read_only_fields = fields


class MaterialViewSet(VisibleViewSet):
    """What lots are made of, with the stoichiometry of pure materials."""

    queryset = Material.objects.prefetch_related("elements")
    serializer_class = MaterialOut
    lookup_value_regex = CODE
    filterset_fields = ("kind",)
    ordering_fields = ("code", "name")
