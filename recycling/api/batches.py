from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, TrueOrFalseFilter, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from collection.api.fields import (
    AssaysField,
    KilogramsField,
    MassField,
    MoistureField,
    RecordId,
    SharesField,
    UnitField,
)
from collection.models import LotStatus, Material
from recycling.models import (
    Batch,
    Charge,
    Factor,
    InputAnalysis,
    InputShare,
    Outcome,
    Output,
    ProcessLine,
    Reagent,
    Stage,
)
from recycling.queries.balance import balance_of
from recycling.services import batches, charges, input_analyses, outputs
from recycling.services.charges import LotCharge

MOST_ROWS = 1000


class BatchOut(RecordSerializer[Batch]):
    plant = serializers.IntegerField(source="line.plant_id", read_only=True)
    stage = serializers.ChoiceField(source="line.stage", choices=Stage.choices, read_only=True)
    factors_are_fresh = serializers.SerializerMethodField()
    verbs = VerbsField()

    class Meta:
        model = Batch
        fields = (
            "id", "line", "plant", "stage", "number", "started_at", "closed_at", "status", "explanation",
            "explained_by", "reason", "factors_are_fresh", "is_simulated", "verbs",
        )  # fmt: skip
        read_only_fields = fields

    def get_factors_are_fresh(self, batch: Batch) -> bool:
        return batch.stale_since is None


class ReagentOut(RecordSerializer[Reagent]):
    mass_kg = KilogramsField()

    class Meta:
        model = Reagent
        fields = ("id", "name", "mass_value", "unit", "mass_kg")
        read_only_fields = fields


class OutputOut(RecordSerializer[Output]):
    number = serializers.CharField(source="lot.number", read_only=True)
    material = serializers.CharField(source="lot.material_id", read_only=True)
    mass_kg = KilogramsField(source="lot.mass_kg")
    status = serializers.ChoiceField(source="lot.status", choices=LotStatus.choices, read_only=True)

    class Meta:
        model = Output
        fields = ("lot", "number", "material", "mass_kg", "status")
        read_only_fields = fields


class InputShareOut(RecordSerializer[InputShare]):
    class Meta:
        model = InputShare
        fields = ("element", "fraction")
        read_only_fields = fields


class InputAnalysisOut(RecordSerializer[InputAnalysis]):
    """Mass fractions are of the dry mass of the batteries charged."""

    shares = InputShareOut(many=True, read_only=True)

    class Meta:
        model = InputAnalysis
        fields = ("method", "laboratory", "analyzed_on", "is_measured", "moisture", "note", "shares")
        read_only_fields = fields


class DetermineIn(serializers.Serializer[Any]):
    """One of the methods of Delegated Regulation (EU) 2025/606, Annex, 2(3)."""

    method = serializers.ChoiceField(choices=InputAnalysis.Method.choices)
    analyzed_on = serializers.DateField()
    is_measured = serializers.BooleanField(required=False)
    fractions = AssaysField()
    moisture = MoistureField(required=False)
    laboratory = TextField(max_length=200, required=False, allow_blank=True)
    note = TextField(max_length=500, required=False, allow_blank=True)


class BatchDetail(BatchOut):
    """A batch with what came out of it. What went in is listed by `charges/?batch=`."""

    reagents = ReagentOut(many=True, read_only=True)
    outputs = OutputOut(many=True, read_only=True)
    input_analysis = serializers.SerializerMethodField(
        help_text="How it was determined what its batteries consist of; null where nobody did."
    )

    class Meta(BatchOut.Meta):
        fields = (*BatchOut.Meta.fields, "reagents", "outputs", "input_analysis")
        read_only_fields = fields

    @extend_schema_field(InputAnalysisOut(allow_null=True))
    def get_input_analysis(self, batch: Batch) -> dict[str, Any] | None:
        found = getattr(batch, "input_analysis", None)
        return InputAnalysisOut(found).data if found is not None else None


class ElementBalanceOut(serializers.Serializer[Any]):
    element = serializers.CharField()
    input_kg = serializers.DecimalField(max_digits=50, decimal_places=20)
    output_kg = serializers.DecimalField(max_digits=50, decimal_places=20)


class BalanceOut(serializers.Serializer[Any]):
    """`excess_kg` and `excess_elements` are what needs an explanation to close."""

    charged_kg = serializers.DecimalField(max_digits=30, decimal_places=11)
    reagents_kg = serializers.DecimalField(max_digits=30, decimal_places=11)
    output_kg = serializers.DecimalField(max_digits=30, decimal_places=11)
    excess_kg = serializers.DecimalField(max_digits=30, decimal_places=11)
    assay_tolerance = serializers.DecimalField(max_digits=5, decimal_places=4)
    holds = serializers.BooleanField()
    elements = ElementBalanceOut(many=True)
    excess_elements = ElementBalanceOut(many=True)


class OpenBatchIn(serializers.Serializer[Any]):
    line = VisibleRelatedField(queryset=ProcessLine.objects.all())
    number = TextField(max_length=60)
    started_at = serializers.DateTimeField()


class LotChargeIn(serializers.Serializer[Any]):
    """A lot, whole; or with `mass_value` a part of it, which is split off first."""

    lot = RecordId()
    mass_value = MassField(required=False, allow_null=True)
    mass_unit = UnitField()

    def to_internal_value(self, data: Any) -> Any:
        return LotCharge(**super().to_internal_value(data))


class ChargeIn(serializers.Serializer[Any]):
    charged_at = serializers.DateTimeField()
    batteries = serializers.ListField(child=RecordId(), required=False, max_length=MOST_ROWS)
    lots = LotChargeIn(many=True, required=False, max_length=MOST_ROWS)


class UnchargeIn(serializers.Serializer[Any]):
    uncharged_at = serializers.DateTimeField()
    reason = TextField(max_length=500)
    batteries = serializers.ListField(child=RecordId(), required=False, max_length=MOST_ROWS)
    lots = serializers.ListField(child=RecordId(), required=False, max_length=MOST_ROWS)


class AddReagentIn(serializers.Serializer[Any]):
    name = TextField(max_length=100)
    mass_value = MassField()
    unit = UnitField()


class RemoveReagentIn(serializers.Serializer[Any]):
    reagent = RecordId()


class RecordOutputIn(serializers.Serializer[Any]):
    """Without `assays`, a material of known stoichiometry counts as pure; or the lot contains what went in less what else
    came out (`by_difference`).
    """

    number = TextField(max_length=60)
    material = VisibleRelatedField(queryset=Material.objects.all())
    mass_value = MassField()
    mass_unit = UnitField()
    moisture = MoistureField(required=False)
    assays = AssaysField(required=False)
    from_batteries = SharesField(required=False)
    by_difference = serializers.BooleanField(required=False)
    made_at = serializers.DateTimeField()


class RemoveOutputIn(serializers.Serializer[Any]):
    lot = RecordId()
    removed_at = serializers.DateTimeField()
    reason = TextField(max_length=500)


class CloseIn(serializers.Serializer[Any]):
    closed_at = serializers.DateTimeField()
    explanation = TextField(max_length=5000, required=False, allow_blank=True)


class BatchFilter(FilterSet):
    line = WholeNumberFilter("line")
    plant = WholeNumberFilter("line__plant")
    stage = django_filters.ChoiceFilter(field_name="line__stage", choices=Stage.choices)
    jurisdiction = django_filters.CharFilter("line__plant__facility__jurisdiction__code", "startswith")
    battery = WholeNumberFilter("charges__battery")
    lot = WholeNumberFilter("charges__lot")
    output = WholeNumberFilter("outputs__lot")
    started_from = django_filters.IsoDateTimeFilter("started_at", "gte")
    started_until = django_filters.IsoDateTimeFilter("started_at", "lt")
    is_explained = TrueOrFalseFilter("explanation", lookup_expr="gt", method="by_explanation")

    class Meta:
        model = Batch
        fields = ("number", "status", "is_simulated")

    def by_explanation(self, rows: Any, _name: str, value: bool) -> Any:
        return rows.exclude(explanation="") if value else rows.filter(explanation="")


class BatchViewSet(VisibleViewSet):
    """Batches: what was charged together, what came out, and the balance between them."""

    queryset = Batch.objects.select_related("line").prefetch_related("reagents", "outputs__lot")
    serializer_class = BatchDetail
    filterset_class = BatchFilter
    ordering_fields = ("id", "started_at", "closed_at", "number")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return BatchOut if self.action == "list" else BatchDetail

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows if self.action == "retrieve" else rows.prefetch_related(None)

    create = opens(batches.open_batch, OpenBatchIn)

    @extend_schema(responses=BalanceOut, filters=False)
    @action(detail=True, pagination_class=None, filter_backends=())
    def balance(self, request: Request, pk: str) -> Response:
        """Read its mass balance as it is now."""
        return Response(BalanceOut(balance_of(self.get_object())).data)

    charge = door(charges.charge, ChargeIn)
    uncharge = door(charges.uncharge, UnchargeIn)
    add_reagent = door(outputs.add_reagent, AddReagentIn)
    remove_reagent = door(outputs.remove_reagent, RemoveReagentIn)
    record_output = door(outputs.record_output, RecordOutputIn)
    remove_output = door(outputs.remove_output, RemoveOutputIn)
    close = door(batches.close, CloseIn)
    reopen = door(batches.reopen)
    void = door(batches.void)
    determine = door(input_analyses.determine, DetermineIn)


class ChargeOut(RecordSerializer[Charge]):
    class Meta:
        model = Charge
        fields = ("id", "batch", "battery", "lot", "mass_kg", "composition", "content_kwh", "charged_at")
        read_only_fields = fields


class ChargeViewSet(VisibleViewSet):
    """What went into batches."""

    queryset = Charge.objects.all()
    serializer_class = ChargeOut
    filterset_fields = ("batch", "battery", "lot")
    ordering_fields = ("id", "charged_at")


class FactorOut(RecordSerializer[Factor]):
    """Shares of the element charged; `lost` is what is left of 1, below 0 where contents were estimated too low."""

    lost = serializers.DecimalField(max_digits=30, decimal_places=18, read_only=True)

    class Meta:
        model = Factor
        fields = (
            "id", "batch", "element", "input_kg", "recovered", "pending", "residue", "lost",
            "unattributed_recovered_kg", "unattributed_pending_kg", "unattributed_residue_kg",
        )  # fmt: skip
        read_only_fields = fields


class FactorViewSet(VisibleViewSet):
    """Recovery factors of batches, through all the stages that follow."""

    queryset = Factor.objects.all()
    serializer_class = FactorOut
    filterset_fields = ("batch", "element")


class OutcomeOut(RecordSerializer[Outcome]):
    """What share of an element charged, or of the whole mass (no element), became what; they add up to 1."""

    class Meta:
        model = Outcome
        fields = ("id", "batch", "element", "became", "country", "share")
        read_only_fields = fields


class OutcomeViewSet(VisibleViewSet):
    """What became of what was charged into batches, by (EU) 2025/606, Annex, through all the stages that follow."""

    queryset = Outcome.objects.all()
    serializer_class = OutcomeOut
    filterset_fields = ("batch", "element", "became")
