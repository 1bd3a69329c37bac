from __future__ import annotations

from django.urls import reverse
from rest_framework import serializers

from accounts.api.doors import VerbsField, door
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleViewSet
from collection.models import Contest, Handover, Receipt
from collection.services import receipts


class HandoverOut(RecordSerializer[Handover]):
    giver_name = serializers.CharField(source="giver.name", read_only=True)
    taker_name = serializers.CharField(source="taker.name", read_only=True)
    for_giver = serializers.CharField(read_only=True)
    for_taker = serializers.CharField(read_only=True)

    class Meta:
        model = Handover
        fields = (
            "id", "giver", "giver_name", "giver_means", "giver_relation", "for_giver", "receipt", "taker", "taker_name",
            "taker_means", "taker_relation", "for_taker", "facility", "shipment", "occurred_at", "recorded_at",
        )  # fmt: skip
        read_only_fields = fields


class HandoverViewSet(VisibleViewSet):
    """That custody of a load passed from one organization to another; who confirmed it for each, and how."""

    queryset = Handover.objects.select_related("giver", "taker", "giver_by", "taker_by", "receipt")
    serializer_class = HandoverOut
    filterset_fields = ("giver", "taker", "facility", "shipment", "giver_means", "taker_means", "receipt")


class ReceiptOut(RecordSerializer[Receipt]):
    page = serializers.SerializerMethodField(help_text="Its page, for whoever signed: it needs no log-in.")

    class Meta:
        model = Receipt
        fields = ("id", "pickup", "facility", "collector", "carrier", "name", "role", "signature", "signed_at", "page")
        read_only_fields = fields

    def get_page(self, receipt: Receipt) -> str:
        return reverse("collection_receipt", args=[receipt.link])


class ReceiptViewSet(VisibleViewSet):
    """Receipts of people who signed on a driver's device at places that nobody has claimed."""

    queryset = Receipt.objects.all()
    serializer_class = ReceiptOut
    filterset_fields = ("pickup", "facility", "collector")


class ContestOut(RecordSerializer[Contest]):
    verbs = VerbsField()

    class Meta:
        model = Contest
        fields = ("id", "receipt", "name", "statement", "opened_at", "status", "reason", "decided_at", "verbs")
        read_only_fields = fields


class ContestViewSet(VisibleViewSet):
    """Hand-overs that somebody contests by the link of a receipt. A regulator of the place decides."""

    queryset = Contest.objects.select_related("receipt__facility")
    serializer_class = ContestOut
    filterset_fields = ("status", "receipt")

    uphold = door(receipts.uphold)
    dismiss = door(receipts.dismiss)
