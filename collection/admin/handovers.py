from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy

from accounts.admin.scoped import Button, ScopedAdmin
from collection.models import Contest, Handover, Receipt
from collection.services import receipts


@admin.register(Handover)
class HandoverAdmin(ScopedAdmin):
    list_display = ("__str__", "occurred_at", "giver", "giver_means", "taker", "taker_means", "facility", "shipment")
    list_filter = ("giver_means", "taker_means")
    list_select_related = ("giver", "taker", "facility", "shipment")
    search_fields = ("id__exact", "giver__name", "taker__name", "facility__name")
    fields = (
        "giver", "for_giver", "giver_relation", "receipt", "taker", "for_taker", "taker_relation", "facility", "shipment",
        "occurred_at", "recorded_at",
    )  # fmt: skip
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("for the giver"))
    def for_giver(self, handover: Handover) -> str:
        return handover.for_giver

    @admin.display(description=gettext_lazy("for the taker"))
    def for_taker(self, handover: Handover) -> str:
        return handover.for_taker


@admin.register(Receipt)
class ReceiptAdmin(ScopedAdmin):
    list_display = ("__str__", "facility", "collector", "name", "role", "signed_at")
    list_select_related = ("facility", "collector")
    search_fields = ("facility__name", "collector__name", "name")
    fields = ("pickup", "facility", "collector", "carrier", "name", "role", "drawn", "signed_at", "taken_by", "page")
    ordering = ("-pk",)

    @admin.display(description=gettext_lazy("signature"))
    def drawn(self, receipt: Receipt) -> str:
        return format_html(
            '<svg viewBox="0 0 400 160" width="200" height="80"><path d="{}" fill="none" stroke="currentColor"/></svg>',
            receipt.signature,
        )

    @admin.display(description=gettext_lazy("page"))
    def page(self, receipt: Receipt) -> Any:
        address = reverse("collection_receipt", args=[receipt.link])
        return format_html('<a href="{}">{}</a>', address, address)


@admin.register(Contest)
class ContestAdmin(ScopedAdmin):
    list_display = ("__str__", "receipt", "name", "status", "opened_at", "decided_at")
    list_filter = ("status",)
    list_select_related = ("receipt",)
    search_fields = ("name", "statement")
    ordering = ("-pk",)
    buttons = (
        Button(gettext_lazy("uphold"), receipts.uphold, is_final=True),
        Button(gettext_lazy("dismiss"), receipts.dismiss, is_final=True),
    )
