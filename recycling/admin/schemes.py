from __future__ import annotations

from django.contrib import admin

from collection.admin.reference import FactAdmin, FactInline
from recycling.models import EprScheme, EprTarget


class TargetInline(FactInline):
    model = EprTarget
    fields = ("metric", "family", "element", "percent", "applies_from", "legal_status", "source", "confidence")


@admin.register(EprScheme)
class SchemeAdmin(FactAdmin):
    list_display = (
        "code",
        "version",
        "name",
        "jurisdiction",
        "shape",
        "counts_by",
        "legal_status",
        "first_due_on",
        "is_verified",
    )
    list_filter = ("shape", "counts_by", "legal_status", "jurisdiction")
    list_select_related = ("jurisdiction",)
    search_fields = ("code", "name", "citation")
    inlines = (TargetInline,)


@admin.register(EprTarget)
class TargetAdmin(FactAdmin):
    list_display = (
        "scheme", "metric", "family", "element", "percent", "applies_from", "legal_status", "is_verified",
    )  # fmt: skip
    list_filter = ("scheme", "metric", "legal_status")
    list_select_related = ("scheme",)
    search_fields = ("scheme__code", "source")
