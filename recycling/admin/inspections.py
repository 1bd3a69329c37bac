from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy

from accounts.admin.forms import RowsField, VerbForm, instant_field
from accounts.admin.scoped import Button, ScopedAdmin
from collection.admin.cells import choice_cell
from collection.admin.lots import fraction_cell
from collection.admin.search import battery_named
from collection.models import Condition
from recycling.admin.scans import battery_ids
from recycling.models import Decision, Inspection, Plant
from recycling.services import inspections
from recycling.services.inspections import Triage


class InspectForm(VerbForm):
    inspected_at = instant_field(gettext_lazy("inspected at"))
    inspections = RowsField(
        ["battery", "decision", "condition", "state of health", "note"],
        optional=["condition", "state of health", "note"],
        label=gettext_lazy("batteries"),
        help_text=gettext_lazy(
            "One per line: identifier or “#12”, decision (reuse, repurpose, remanufacture, recycle), condition "
            "(intact), state of health (0–1), note."
        ),
    )

    def clean_inspections(self) -> list[Triage]:
        rows: list[dict[str, str]] = self.cleaned_data["inspections"]
        found = []
        for number, (row, battery) in enumerate(zip(rows, battery_ids(rows, self.user), strict=True), start=1):
            health = row["state of health"]
            found.append(
                Triage(
                    battery=battery,
                    decision=choice_cell(row["decision"], Decision.values, number),
                    condition=choice_cell(row["condition"] or Condition.INTACT, Condition.values, number),
                    state_of_health=fraction_cell(health, number) if health else None,
                    note=row["note"],
                )
            )
        return found


class InspectAtForm(InspectForm):
    plant = forms.ModelChoiceField(Plant.objects.select_related("facility"), label=gettext_lazy("plant"))
    field_order = ("plant",)

    def scope(self) -> None:
        own_plants(self.fields["plant"], self.user)


class ReleaseForm(VerbForm):
    released_at = instant_field(gettext_lazy("released at"))
    recipient = forms.CharField(max_length=200, label=gettext_lazy("to whom"))
    batteries = RowsField(
        ["battery"],
        label=gettext_lazy("batteries"),
        help_text=gettext_lazy("One per line: identifier or “#12”."),
    )
    note = forms.CharField(max_length=250, required=False, label=gettext_lazy("note"))

    def clean_batteries(self) -> list[int]:
        return battery_ids(self.cleaned_data["batteries"], self.user)


def own_plants(field: forms.Field, user: Any) -> None:
    """Offer the user's own plants, chosen already if there is one."""
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = Plant.objects.run_by(user).select_related("facility")
    own = list(field.queryset[:2])
    if len(own) == 1:
        field.initial = own[0]


@admin.register(Inspection)
class InspectionAdmin(ScopedAdmin):
    list_display = ("inspected_at", "plant", "battery", "decision", "condition", "state_of_health", "inspector")
    list_filter = ("decision", "condition", "inspected_at")
    list_select_related = ("plant__facility", "battery", "inspector")
    sortable_by = ()
    search_fields = ("battery",)
    search_help_text = gettext_lazy("A whole identifier, however it is written, or the battery's number.")
    ordering = ("-pk",)
    create = Button(gettext_lazy("Inspect batteries"), inspections.inspect_many, InspectAtForm)

    def named(self, term: str) -> Q:
        return battery_named(term, path="battery")
