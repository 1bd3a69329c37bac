from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from collection.api.fields import FirstDay, LastDay, Sourced
from collection.models import Chemistry, Condition, Confidence, Facility
from collection.models.batteries import BatteryModel
from recycling.models import Basis, Nameplate, OperatingStatus, Outage, Plant, PlantStatus, ProcessLine, Stage
from recycling.queries.capacity import with_status_today
from recycling.services import plants


class PlantOut(RecordSerializer[Plant]):
    name = serializers.CharField(source="facility.name", read_only=True)
    operator = serializers.IntegerField(source="facility.operator_id", read_only=True)
    jurisdiction = serializers.CharField(source="facility.jurisdiction_id", read_only=True)
    is_simulated = serializers.BooleanField(source="facility.is_simulated", read_only=True)
    status_today = serializers.SerializerMethodField()

    class Meta:
        model = Plant
        fields = (
            "id", "facility", "name", "operator", "jurisdiction", "is_simulated", "status_today", "mass_tolerance",
            "assay_tolerance", "discrepancy_days", "shows_free_capacity",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(
        serializers.ChoiceField(
            choices=OperatingStatus.choices, allow_null=True, help_text="Null: not known. See plant-statuses."
        )
    )
    def get_status_today(self, plant: Any) -> str | None:
        status: str | None = getattr(plant, "status_today", None)
        return status


class SettingsIn(serializers.Serializer[Any]):
    mass_tolerance = serializers.DecimalField(max_digits=5, decimal_places=4, required=False)
    assay_tolerance = serializers.DecimalField(max_digits=5, decimal_places=4, required=False)
    discrepancy_days = serializers.IntegerField(min_value=0, max_value=365, required=False)
    shows_free_capacity = serializers.BooleanField(required=False)


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

    queryset = with_status_today(Plant.objects.select_related("facility"))
    serializer_class = PlantOut
    filterset_class = PlantFilter
    ordering_fields = ("id", "facility__name")

    create = opens(plants.open_plant, OpenPlantIn)
    configure = door(plants.configure, SettingsIn)


class ProcessLineOut(RecordSerializer[ProcessLine]):
    verbs = VerbsField()

    class Meta:
        model = ProcessLine
        fields = ("id", "plant", "name", "stage", "chemistries", "forms", "conditions", "is_active", "verbs")
        read_only_fields = fields


class ChangeProcessLineIn(serializers.Serializer[Any]):
    """Empty lists accept all; what is left out stays."""

    chemistries = VisibleRelatedField(queryset=Chemistry.objects.all(), many=True, required=False)
    forms = serializers.ListField(
        child=serializers.ChoiceField(choices=BatteryModel.Form.choices), required=False, max_length=10
    )
    conditions = serializers.ListField(
        child=serializers.ChoiceField(choices=Condition.choices), required=False, max_length=10
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
    conditions = serializers.ListField(
        child=serializers.ChoiceField(choices=Condition.choices), required=False, max_length=10
    )


class LineViewSet(VisibleViewSet):
    """Process lines of plants."""

    queryset = ProcessLine.objects.prefetch_related("chemistries")
    serializer_class = ProcessLineOut
    filterset_fields = ("plant", "stage", "is_active")
    ordering_fields = ("id", "name")

    create = opens(plants.add_line, AddProcessLineIn)
    change = door(plants.change_line, ChangeProcessLineIn, name="change")


class PlantStatusOut(Sourced):
    valid_from = FirstDay()
    valid_until = LastDay()

    class Meta:
        model = PlantStatus
        fields = (
            "id", "plant", "line", "status", "valid_from", "valid_until", "source", "confidence", "is_unverified",
        )  # fmt: skip
        read_only_fields = fields


class AddPlantStatusIn(serializers.Serializer[Any]):
    plant = VisibleRelatedField(queryset=Plant.objects.all())
    line = VisibleRelatedField(queryset=ProcessLine.objects.all(), required=False, allow_null=True)
    status = serializers.ChoiceField(choices=OperatingStatus.choices)
    valid_from = serializers.DateField()
    valid_until = serializers.DateField(required=False, allow_null=True)
    source = TextField(max_length=300)
    confidence = serializers.ChoiceField(choices=Confidence.choices, default=Confidence.READ)


class PlantStatusViewSet(VisibleViewSet):
    """Whether plants, or single lines of them, were planned, built, run, curtailed, paused or closed, by period and source.

    A line's own status goes before its plant's. Days that none covers are not known.
    """

    queryset = PlantStatus.objects.all()
    serializer_class = PlantStatusOut
    filterset_fields = ("plant", "line", "status")

    create = opens(plants.add_status, AddPlantStatusIn)
    end = door(plants.end_status, name="end")


class NameplateOut(Sourced):
    valid_from = FirstDay(allow_null=True, help_text="Of start-up. Null: not known when that was.")
    valid_until = LastDay()

    class Meta:
        model = Nameplate
        fields = (
            "id", "line", "t_per_year", "basis", "valid_from", "valid_until", "source", "confidence", "is_unverified",
        )  # fmt: skip
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
