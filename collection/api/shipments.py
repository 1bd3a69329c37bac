from __future__ import annotations

from typing import Any

import django_filters
from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection.api.fields import KilogramsField, MassField, RecordId, UnitField
from collection.models import Consent, Facility, Package, Shipment, ShipmentLine, TransportDocument
from collection.services import shipments
from collection.services.packing import NewLine, NewPackage
from collection.services.receiving import ReceivedLine

MOST_LINES = 1000


class ShipmentOut(RecordSerializer[Shipment]):
    origin_name = serializers.CharField(source="origin.name", read_only=True)
    destination_name = serializers.CharField(source="destination.name", read_only=True)
    crosses_border = serializers.BooleanField(read_only=True)
    is_accepted = serializers.BooleanField(read_only=True, help_text="Whether the carrier accepted it.")
    verbs = VerbsField()

    class Meta:
        model = Shipment
        fields = (
            "id", "status", "reason", "shipper", "origin", "origin_name", "destination", "destination_name",
            "crosses_border", "carrier", "vehicle", "planned_at", "dispatched_at", "arrived_at", "received_at",
            "consent", "return_of", "is_accepted", "created_at", "is_simulated", "verbs",
        )  # fmt: skip
        read_only_fields = fields


class LineOut(RecordSerializer[ShipmentLine]):
    package = serializers.CharField(source="package.label", default="", read_only=True)
    declared_kg = KilogramsField(allow_null=True)

    class Meta:
        model = ShipmentLine
        fields = ("id", "battery", "lot", "package", "declared_value", "unit", "declared_kg", "outcome", "reason")
        read_only_fields = fields


class PackageOut(RecordSerializer[Package]):
    class Meta:
        model = Package
        fields = ("label", "kind", "packing_instruction", "un_number")
        read_only_fields = fields


class DocumentOut(RecordSerializer[TransportDocument]):
    class Meta:
        model = TransportDocument
        fields = ("kind", "number", "issued_on")
        read_only_fields = fields


class ShipmentDetail(ShipmentOut):
    lines = LineOut(many=True, read_only=True)
    packages = PackageOut(many=True, read_only=True)
    documents = DocumentOut(many=True, read_only=True)

    class Meta(ShipmentOut.Meta):
        fields = (*ShipmentOut.Meta.fields, "lines", "packages", "documents")
        read_only_fields = fields


class LineIn(serializers.Serializer[Any]):
    """A battery or a lot, by its id; `package` is the label of a package of the shipment."""

    battery = RecordId(required=False)
    lot = RecordId(required=False)
    package = TextField(required=False, allow_blank=True, max_length=40)
    declared_value = MassField(required=False)
    unit = UnitField()

    def to_internal_value(self, data: Any) -> Any:
        return NewLine(**super().to_internal_value(data))


class PackageIn(serializers.Serializer[Any]):
    label = TextField(max_length=40)
    kind = serializers.ChoiceField(choices=Package.Kind.choices, default=Package.Kind.SOUND)
    packing_instruction = TextField(required=False, allow_blank=True, max_length=20)
    un_number = TextField(required=False, allow_blank=True, max_length=6)

    def to_internal_value(self, data: Any) -> Any:
        return NewPackage(**super().to_internal_value(data))


class PackIn(serializers.Serializer[Any]):
    lines = LineIn(many=True, max_length=MOST_LINES, required=False, default=list)
    packages = PackageIn(many=True, max_length=MOST_LINES, required=False, default=list)


class DraftIn(PackIn):
    origin = VisibleRelatedField(queryset=Facility.objects.all())
    destination = VisibleRelatedField(queryset=Facility.objects.all())
    carrier = VisibleRelatedField(queryset=Organization.objects.all())
    vehicle = TextField(required=False, allow_blank=True, max_length=60)
    planned_at = serializers.DateTimeField(required=False, allow_null=True)
    consent = VisibleRelatedField(queryset=Consent.objects.all(), required=False, allow_null=True)


class ChangeIn(serializers.Serializer[Any]):
    carrier = VisibleRelatedField(queryset=Organization.objects.all(), required=False)
    vehicle = TextField(required=False, allow_blank=True, max_length=60)
    planned_at = serializers.DateTimeField(required=False)
    consent = VisibleRelatedField(queryset=Consent.objects.all(), required=False)


class UnpackIn(serializers.Serializer[Any]):
    lines = serializers.ListField(child=RecordId(), allow_empty=False, max_length=MOST_LINES)


class ReceivedLineIn(serializers.Serializer[Any]):
    line = RecordId()
    received_value = MassField(required=False, allow_null=True)
    unit = UnitField()

    def to_internal_value(self, data: Any) -> Any:
        return ReceivedLine(**super().to_internal_value(data))


class RejectedLineIn(serializers.Serializer[Any]):
    line = RecordId()
    reason = TextField(max_length=500)


class ReceiveIn(serializers.Serializer[Any]):
    """Without `accepted`, all lines that are not rejected are accepted as declared."""

    received_at = serializers.DateTimeField()
    accepted = ReceivedLineIn(many=True, max_length=MOST_LINES, required=False)
    rejected = RejectedLineIn(many=True, max_length=MOST_LINES, required=False, default=list)

    def validate_rejected(self, rows: list[dict[str, Any]]) -> dict[int, str]:
        refusals: dict[int, str] = {}
        for index, row in enumerate(rows):
            if row["line"] in refusals:
                message = _("Line %(line)s stands here twice.") % {"line": row["line"]}
                raise serializers.ValidationError([{} for _before in range(index)] + [{"line": [message]}])
            refusals[row["line"]] = row["reason"]
        return refusals


class CorrectLineIn(serializers.Serializer[Any]):
    line = RecordId()
    declared_value = MassField()
    unit = UnitField()
    reason = TextField(max_length=500)
    corrected_at = serializers.DateTimeField()


class DocumentIn(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=TransportDocument.Kind.choices)
    number = TextField(max_length=60)
    issued_on = serializers.DateField(required=False, allow_null=True)


class ShipmentFilter(FilterSet):
    to_jurisdiction = django_filters.CharFilter("destination__jurisdiction__code", "startswith")
    from_jurisdiction = django_filters.CharFilter("origin__jurisdiction__code", "startswith")
    battery = WholeNumberFilter("lines__battery", distinct=True)
    lot = WholeNumberFilter("lines__lot", distinct=True)
    dispatched_from = django_filters.IsoDateTimeFilter("dispatched_at", "gte")
    dispatched_until = django_filters.IsoDateTimeFilter("dispatched_at", "lt")

    class Meta:
        model = Shipment
        fields = ("status", "shipper", "origin", "destination", "carrier", "is_simulated")


class ShipmentViewSet(VisibleViewSet):
    """Shipments from facility to facility. A list shows no lines; one shipment shows all of it."""

    queryset = Shipment.objects.select_related("origin", "destination").prefetch_related(
        "lines__package", "packages", "documents"
    )
    serializer_class = ShipmentDetail
    filterset_class = ShipmentFilter
    ordering_fields = ("id", "planned_at", "dispatched_at", "arrived_at", "received_at")

    def get_serializer_class(self) -> type[serializers.BaseSerializer[Any]]:
        return ShipmentOut if self.action == "list" else ShipmentDetail

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return rows if self.action == "retrieve" else rows.prefetch_related(None)

    create = opens(shipments.draft, DraftIn)
    change = door(shipments.change, ChangeIn)
    pack = door(shipments.pack, PackIn)
    unpack = door(shipments.unpack, UnpackIn)
    make_ready = door(shipments.make_ready)
    accept = door(shipments.accept)
    reopen = door(shipments.reopen)
    cancel = door(shipments.cancel)
    send = door(shipments.dispatch, name="send", address="dispatch")  # a view's `dispatch` is Django's
    arrive = door(shipments.arrive)
    receive = door(shipments.receive, ReceiveIn)
    correct = door(shipments.correct, CorrectLineIn)
    document = door(shipments.document, DocumentIn)
    close = door(shipments.close)
