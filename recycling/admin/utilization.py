from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from accounts.admin.forms import VerbForm
from accounts.admin.scoped import Button, ScopedAdmin
from recycling.admin.bars import bar, kilograms
from recycling.models import BacklogSnapshot, UtilizationRun, UtilizationSnapshot
from recycling.services import utilization
from recycling.tasks import utilization as tasks


@admin.register(UtilizationSnapshot)
class UtilizationAdmin(ScopedAdmin):
    list_display = (
        "line",
        "stage",
        "day",
        "basis",
        "status_label",
        "processed",
        "available",
        "how_full",
        "is_simulated",
    )
    list_filter = (
        "line__stage", "basis", "status", "line__plant__facility__is_simulated", "line__plant__facility__jurisdiction",
    )  # fmt: skip
    list_select_related = ("line__plant__facility",)
    search_fields = ("line__name", "line__plant__facility__name")
    date_hierarchy = "day"
    ordering = ("-day", "line")

    @display(description=gettext_lazy("stage"), ordering="line__stage")
    def stage(self, row: UtilizationSnapshot) -> str:
        return row.line.get_stage_display()

    @display(description=gettext_lazy("processed (kg)"), ordering="processed_kg")
    def processed(self, row: UtilizationSnapshot) -> str:
        return _("not reported") if row.processed_kg is None else kilograms(row.processed_kg)

    @display(description=gettext_lazy("operating status"), ordering="status")
    def status_label(self, row: UtilizationSnapshot) -> str:
        return row.get_status_display() or _("not known")

    @display(description=gettext_lazy("simulated"), boolean=True)
    def is_simulated(self, row: UtilizationSnapshot) -> bool:
        return row.line.plant.facility.is_simulated

    @display(description=gettext_lazy("available (kg)"), ordering="available_kg")
    def available(self, row: UtilizationSnapshot) -> str:
        return kilograms(row.available_kg)

    @display(description=gettext_lazy("utilization"))
    def how_full(self, row: UtilizationSnapshot) -> Any:
        if row.processed_kg is None:
            return bar(None, nothing=_("not reported"))
        if not row.available_kg:
            return bar(None)
        return bar((100 * row.processed_kg / row.available_kg).quantize(Decimal("0.1")))


@admin.register(BacklogSnapshot)
class BacklogAdmin(ScopedAdmin):
    list_display = ("plant", "day", "feed", "waiting", "in_transit", "scheduled", "unweighed")
    list_filter = ("feed", "plant__facility__jurisdiction")
    list_select_related = ("plant__facility",)
    search_fields = ("plant__facility__name",)
    date_hierarchy = "day"
    ordering = ("-day", "plant", "feed")

    @display(description=gettext_lazy("waiting on site (kg)"), ordering="waiting_kg")
    def waiting(self, row: BacklogSnapshot) -> str:
        return kilograms(row.waiting_kg)

    @display(description=gettext_lazy("in transit (kg)"), ordering="in_transit_kg")
    def in_transit(self, row: BacklogSnapshot) -> str:
        return kilograms(row.in_transit_kg)

    @display(description=gettext_lazy("scheduled (kg)"), ordering="scheduled_kg")
    def scheduled(self, row: BacklogSnapshot) -> str:
        return kilograms(row.scheduled_kg)


class RunForm(VerbForm):
    from_day = forms.DateField(label=gettext_lazy("from day"))
    to_day = forms.DateField(label=gettext_lazy("to day"))


@admin.register(UtilizationRun)
class RunAdmin(ScopedAdmin):
    list_display = ("__str__", "status", "how_far", "requested_by", "requested_at", "finished_at")
    list_filter = ("status",)
    list_select_related = ("requested_by",)
    create = Button(gettext_lazy("Compute utilization"), utilization.request, RunForm, after=tasks.enqueue)
    buttons = (Button(gettext_lazy("cancel"), utilization.cancel, is_final=True),)

    @display(description=gettext_lazy("progress"))
    def how_far(self, run: UtilizationRun) -> Any:
        return bar(run.progress)
