"""The ledger, and the life of one thing on one screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy

from accounts.admin.pages import CountedBelow
from accounts.admin.scoped import ScopedAdmin
from collection.admin.search import battery_named, lot_named
from collection.models import CustodyEvent
from collection.models.sight import Whose
from collection.queries.lives import Entry, life_of
from collection.queries.veils import veil

#: What else the page of a thing shows above its life, by its model: other apps add what they know of it.
SECTIONS: dict[type[Model], list[Callable[[HttpRequest, Any], str]]] = {}

#: The page of a record that the ledger refers to as “shipment 12”, by the word. Other apps add theirs.
REFERENCE_PAGES: dict[str, str] = {
    "shipment": "admin:collection_shipment_change",
    "pickup": "admin:collection_pickup_change",
}


def reference_address(reference: str) -> str:
    """Where the record behind a ledger entry is shown; empty if nothing shows it."""
    word, _blank, number = reference.partition(" ")
    page = REFERENCE_PAGES.get(word)
    return reverse(page, args=[number]) if page and number.isdigit() else ""


class Veiled(CountedBelow):
    """A list of things, each as the user may know it."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        self.result_list = veil(request.user, rows)  # type: ignore[arg-type]


class VeiledAdmin(ScopedAdmin):
    """Things, or what is said of them, each as the user may know it."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Veiled]:
        return Veiled

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        record = super().get_object(request, object_id, from_field)
        return record and veil(request.user, [record])[0]  # type: ignore[arg-type]


class LivingAdmin(VeiledAdmin):
    """A thing with a ledger of its own (a battery, a lot): its page tells its life above all else."""

    change_form_outer_before_template = "relode/life.html"

    def about(self, request: HttpRequest, record: Any) -> dict[str, Any]:
        entries = life_of(record, request.user)  # type: ignore[arg-type]
        return {
            "facts": self.facts(record),
            "sections": [section(request, record) for section in SECTIONS.get(self.model, [])],
            "entries": [(entry, reference_address(entry.reference), self.tone(entry)) for entry in entries],
        }

    def facts(self, record: Any) -> list[tuple[Any, Any]]:
        """What the thing is and where, as pairs of a label and a value; for subclasses."""
        return []

    TONES: ClassVar[dict[str, str]] = {
        "lost": "bad",
        "rejected": "bad",
        "corrected": "note",
        "inspected": "note",
        "charged": "end",
        "disposed": "end",
        "released": "end",
    }

    def tone(self, entry: Entry) -> str:
        """How an entry looks: `bad`, `note`, `end` or plain."""
        return self.TONES.get(entry.kind, "plain")


@admin.register(CustodyEvent)
class CustodyEventAdmin(VeiledAdmin):
    list_display = (
        "occurred_at", "battery", "lot", "kind", "from_organization", "to_organization", "to_facility", "mass_kg",
        "handover", "reference", "actor",
    )  # fmt: skip
    list_filter = ("kind",)
    list_select_related = (
        "battery", "lot", "from_organization", "to_organization", "to_facility", "handover", "actor",
    )  # fmt: skip
    sortable_by = ()
    search_fields = ("battery", "lot", "reference")
    search_help_text = gettext_lazy("A whole identifier, a lot number, or a reference such as “shipment 12”.")
    ordering = ("-pk",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """A thing by its names; a reference by those who were a part of the entry, or oversee its place."""
        term, viewer = search_term.strip(), request.user
        if not term:
            return queryset, False
        referred = Q(reference=term)
        if not viewer.is_superuser:  # type: ignore[union-attr]
            whose = Whose.of(viewer)  # type: ignore[arg-type]
            referred &= (
                Q(from_organization__in=whose.organizations)
                | Q(to_organization__in=whose.organizations)
                | Q(to_facility__jurisdiction__in=whose.places)
            )
        return queryset.filter(battery_named(term, path="battery") | lot_named(term, path="lot") | referred), False
