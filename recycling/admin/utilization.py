from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from accounts.admin.scoped import ScopedAdmin, Verb, VerbForm
from accounts.models import Function, Role
from recycling.admin.bars import bar
from recycling.models import BacklogSnapshot, UtilizationRun, UtilizationSnapshot
from recycling.tasks import utilization


@admin.register(UtilizationSnapshot)
class UtilizationAdmin(ScopedAdmin):
    list_display = ("line", "stage", "day", "basis", "processed_kg", "available_kg", "how_full")
    list_filter = ("line__stage", "basis", "line__plant__facility__jurisdiction")
    list_select_related = ("line__plant__facility",)
    search_fields = ("line__name", "line__plant__facility__name")
    date_hierarchy = "day"
    ordering = ("-day", "line")

    @display(description=gettext_lazy("stage"), ordering="line__stage")
    def stage(self, row: UtilizationSnapshot) -> str:
        return row.line.get_stage_display()

    @display(description=gettext_lazy("utilization"))
    def how_full(self, row: UtilizationSnapshot) -> Any:
        if not row.available_kg:
            return bar(None)
        return bar((100 * row.processed_kg / row.available_kg).quantize(Decimal("0.1")))


@admin.register(BacklogSnapshot)
class BacklogAdmin(ScopedAdmin):
    list_display = ("plant", "day", "feed", "waiting_kg", "in_transit_kg", "scheduled_kg", "unweighed")
    list_filter = ("feed", "plant__facility__jurisdiction")
    list_select_related = ("plant__facility",)
    search_fields = ("plant__facility__name",)
    date_hierarchy = "day"
    ordering = ("-day", "plant", "feed")


class RunForm(VerbForm):
    from_day = forms.DateField(label=gettext_lazy("from day"))
    to_day = forms.DateField(label=gettext_lazy("to day"))


@admin.register(UtilizationRun)
class RunAdmin(ScopedAdmin):
    list_display = ("__str__", "status", "how_far", "requested_by", "requested_at", "finished_at")
    list_filter = ("status",)
    list_select_related = ("requested_by",)
    create = Verb("request", gettext_lazy("Compute utilization"), utilization.request, form=RunForm)
    may_create = staticmethod(
        lambda actor: (
            actor.user.is_superuser
            or any(
                actor.may(membership.organization, role=Role.OPERATOR, function=function)
                for membership in actor.memberships
                for function in (Function.RECYCLER, Function.REGULATOR)
            )
        )
    )

    @display(description=gettext_lazy("progress"))
    def how_far(self, run: UtilizationRun) -> Any:
        return bar(run.progress)
