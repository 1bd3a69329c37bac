from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import serializers

from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from collection.api.fields import FirstDay, LastDay
from collection.models import Chemistry, Confidence, Facility
from collection.models.batteries import BatteryModel
from recycling.models import Basis, Nameplate, Outage, Plant, ProcessLine, Stage
from recycling.services import plants


class PlantOut(RecordSerializer[Plant]):
    name = serializers.CharField(source="facility.name", read_only=True)
    operator = serializers.IntegerField(source="facility.operator_id", read_only=True)
    jurisdiction = serializers.CharField(source="facility.jurisdiction_id", read_only=True)

    class Meta:
        model = Plant
        fields = (
            "id", "facility", "name", "operator", "jurisdiction", "operating_status", "status_as_of", "mass_tolerance",
            "assay_tolerance", "discrepancy_days",
        )  # fmt: skip
        read_only_fields = fields


class SettingsIn(serializers.Serializer[Any]):
    operating_status = TextField(max_length=60, required=False, allow_blank=True)
    status_as_of = TextField(max_length=10, required=False, allow_blank=True)
    mass_tolerance = serializers.DecimalField(max_digits=5, decimal_places=4, required=False)
    assay_tolerance = serializers.DecimalField(max_digits=5, decimal_places=4, required=False)
    discrepancy_days = serializers.IntegerField(min_value=0, max_value=365, required=False)


class OpenPlantIn(SettingsIn):
    facility = VisibleRelatedField(queryset=Facility.objects.all())


class PlantFilter(FilterSet):
    operator = WholeNumberFilter("facility__operator")
    jurisdiction = django_filters.CharFilter("facility__jurisdiction__code", "startswith")
    stage = django_filters.ChoiceFilter(field_name="lines__stage", choices=Stage.choices, distinct=True)

    class Meta:
        model = Plant
        fields = ("facility",)


class PlantViewSet(VisibleViewSet):
    """Plants, with their published facts."""

    queryset = Plant.objects.select_related("facility")
    serializer_class = PlantOut
    filterset_class = PlantFilter
    ordering_fields = ("id", "facility__name")

    create = opens(plants.open_plant, OpenPlantIn)
    configure = door(plants.configure, SettingsIn)


class ProcessLineOut(RecordSerializer[ProcessLine]):
    verbs = VerbsField()

    class Meta:
        model = ProcessLine
        fields = ("id", "plant", "name", "stage", "chemistries", "forms", "is_active", "verbs")
        read_only_fields = fields


class ChangeProcessLineIn(serializers.Serializer[Any]):
    """Empty lists accept all; what is left out stays."""

    chemistries = VisibleRelatedField(queryset=Chemistry.objects.all(), many=True, required=False)
    forms = serializers.ListField(
        child=serializers.ChoiceField(choices=BatteryModel.Form.choices), required=False, max_length=10
    )
    is_active = serializers.BooleanField(required=False)


class AddProcessLineIn(serializers.Serializer[Any]):
    plant = VisibleRelatedField(queryset=Plant.objects.all())
    name = TextField(max_length=100)
    stage = serializers.ChoiceField(choices=Stage.choices)
    chemistries = VisibleRelatedField(queryset=Chemistry.objects.all(), many=True, required=False)
    forms = serializers.ListField(
        child=serializers.ChoiceField(choices=BatteryModel.Form.choices), required=False, max_length=10
    )


class LineViewSet(VisibleViewSet):
    """Process lines of plants."""

    queryset = ProcessLine.objects.prefetch_related("chemistries")
    serializer_class = ProcessLineOut
    filterset_fields = ("plant", "stage", "is_active")
    ordering_fields = ("id", "name")

    create = opens(plants.add_line, AddProcessLineIn)
    change = door(plants.change_line, ChangeProcessLineIn, name="change")


class NameplateOut(RecordSerializer[Nameplate]):
    valid_from = FirstDay()
    valid_until = LastDay()

    class Meta:
        model = Nameplate
        fields = ("id", "line", "t_per_year", "basis", "valid_from", "valid_until", "source", "confidence")
        read_only_fields = fields


class AddNameplateIn(serializers.Serializer[Any]):
    line = VisibleRelatedField(queryset=ProcessLine.objects.all())
    t_per_year = serializers.DecimalField(max_digits=10, decimal_places=3)
    basis = serializers.ChoiceField(choices=Basis.choices, default=Basis.INPUT)
    valid_from = serializers.DateField()
    valid_until = serializers.DateField(required=False, allow_null=True)
    source = TextField(max_length=300)
    confidence = serializers.ChoiceField(choices=Confidence.choices, default=Confidence.READ)


class NameplateViewSet(VisibleViewSet):
    """What lines are built for, by period and source."""

    queryset = Nameplate.objects.all()
    serializer_class = NameplateOut
    filterset_fields = ("line", "line__plant", "basis")

    create = opens(plants.add_nameplate, AddNameplateIn)
    end = door(plants.end_nameplate, name="end")


class OutageOut(RecordSerializer[Outage]):
    first_day = FirstDay(source="days.lower")
    last_day = LastDay(source="days.upper")

    class Meta:
        model = Outage
        fields = ("id", "line", "first_day", "last_day", "share", "kind", "reason")
        read_only_fields = fields


class AddOutageIn(serializers.Serializer[Any]):
    line = VisibleRelatedField(queryset=ProcessLine.objects.all())
    first_day = serializers.DateField()
    last_day = serializers.DateField(required=False, allow_null=True)
    share = serializers.DecimalField(max_digits=4, decimal_places=3, required=False)
    kind = serializers.ChoiceField(choices=Outage.Kind.choices)
    reason = TextField(max_length=300, required=False, allow_blank=True)


class OutageViewSet(VisibleViewSet):
    """Days on which lines do not, or not fully, run."""

    queryset = Outage.objects.all()
    serializer_class = OutageOut
    filterset_fields = ("line", "line__plant", "kind")

    create = opens(plants.add_outage, AddOutageIn)
    end = door(plants.end_outage, name="end")
