"""Reference data: everybody reads them, with source and confidence; the operators of the platform maintain them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.decorators import display

from accounts.admin.scoped import ReferenceAdmin
from collection.models import (
    BatteryModel,
    Chemistry,
    Composition,
    CompositionElement,
    Confidence,
    Jurisdiction,
    Mandate,
    Material,
    MaterialElement,
)


class FactInline(TabularInline):  # type: ignore[misc]
    """Parts of a fact, for whoever may see and change the fact."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)  # type: ignore[union-attr]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_add_permission(request)


class FactAdmin(ReferenceAdmin):
    """A fact with a source: the list shows which nobody has verified."""

    @display(description=gettext_lazy("verified"), boolean=True)
    def is_verified(self, fact: Any) -> bool:
        return bool(fact.confidence) and Confidence(fact.confidence).is_verified


@admin.register(Jurisdiction)
class JurisdictionAdmin(ReferenceAdmin):
    list_display = ("code", "name", "kind", "parent", "time_zone")
    list_filter = ("kind", "parent")
    list_select_related = ("parent",)
    search_fields = ("code", "name")


@admin.register(Mandate)
class MandateAdmin(ReferenceAdmin):
    list_display = ("organization", "jurisdiction")
    list_select_related = ("organization", "jurisdiction")
    search_fields = ("organization__name", "jurisdiction__name")


class MaterialElementInline(FactInline):
    model = MaterialElement


@admin.register(Material)
class MaterialAdmin(FactAdmin):
    list_display = ("code", "name", "kind", "confidence", "is_verified")
    list_filter = ("kind", "confidence")
    search_fields = ("code", "name")
    inlines = (MaterialElementInline,)


class CompositionInline(FactInline):
    model = Composition
    show_change_link = True

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Chemistry)
class ChemistryAdmin(FactAdmin):
    list_display = ("code", "name", "family", "confidence", "is_verified")
    list_filter = ("family", "confidence")
    search_fields = ("code", "name")
    inlines = (CompositionInline,)


class CompositionElementInline(FactInline):
    model = CompositionElement

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_add_permission(request, obj)


@admin.register(Composition)
class CompositionAdmin(FactAdmin):
    """Never edited: a correction is a new version, so that what was computed stays computable."""

    list_display = ("chemistry", "version", "pack_kg_per_kwh", "is_default", "confidence", "is_verified")
    list_filter = ("is_default", "chemistry", "confidence")
    list_select_related = ("chemistry",)
    search_fields = ("chemistry__code", "version")
    inlines = (CompositionElementInline,)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(BatteryModel)
class BatteryModelAdmin(FactAdmin):
    list_display = (
        "name", "producer", "chemistry", "rated_kwh", "mass_kg", "drive", "year_from", "year_to", "is_verified",
    )  # fmt: skip
    list_filter = ("drive", "form", "chemistry", "confidence")
    list_select_related = ("producer", "chemistry")
    search_fields = ("code", "name", "producer__name")
