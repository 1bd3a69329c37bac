"""How much capacity there is, and who could take something: pages beside the list of plants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.acting import as_platform
from accounts.admin.forms import VerbForm
from collection.admin.reference import FactAdmin
from collection.models import Chemistry, Condition, Facility
from recycling.models import CapacityStatement, Stage
from recycling.queries.capacity import LAST_YEAR, MOST_YEARS, Capacity, capacities
from recycling.queries.free_capacity import (
    NO_NAMEPLATE,
    NOT_REPORTED,
    NOT_RUNNING,
    NOT_SHOWN,
    RUN_UNKNOWN,
    free_capacity,
    monday_of,
)

_WHY = {
    NOT_SHOWN: gettext_lazy("the plant does not show it"),
    NOT_REPORTED: gettext_lazy("not reported"),
    NO_NAMEPLATE: gettext_lazy("no capacity known"),
    NOT_RUNNING: gettext_lazy("does not run"),
    RUN_UNKNOWN: gettext_lazy("not known whether it runs"),
}


@admin.register(CapacityStatement)
class CapacityStatementAdmin(FactAdmin):
    list_display = (
        "name", "jurisdiction", "standing", "stage", "t_per_year", "basis", "year", "is_total", "is_verified",
    )  # fmt: skip
    list_filter = ("standing", "stage", "is_total", "jurisdiction")
    list_select_related = ("jurisdiction",)
    search_fields = ("name", "source", "note")


class YearsForm(VerbForm):
    """Which years and stage, and added up to what."""

    level = forms.ChoiceField(
        choices=[("country", gettext_lazy("country")), ("jurisdiction", gettext_lazy("jurisdiction"))],
        required=False,
        label=gettext_lazy("added up by"),
    )
    stage = forms.ChoiceField(
        choices=[("", gettext_lazy("all")), *Stage.choices], required=False, label=gettext_lazy("stage")
    )
    first_year = forms.IntegerField(min_value=1990, max_value=2100, required=False, label=gettext_lazy("first year"))
    last_year = forms.IntegerField(min_value=1990, max_value=2100, required=False, label=gettext_lazy("last year"))

    def clean(self) -> dict[str, Any]:
        asked: dict[str, Any] = super().clean() or {}
        first = asked.get("first_year") or min(timezone.now().year, asked.get("last_year") or LAST_YEAR)
        last = asked.get("last_year") or max(LAST_YEAR, first)
        if not 0 <= last - first < MOST_YEARS:
            self.add_error("last_year", _("Give at most %(most)s years, in order.") % {"most": MOST_YEARS})
        return asked | {"first_year": first, "last_year": last}


def capacity_page(page: Any, request: HttpRequest) -> HttpResponse:
    """Capacity running, paused, planned and announced, per place, stage and year; with what it rests on."""
    form = YearsForm(request.GET, user=request.user, target=None)  # type: ignore[arg-type]
    asked: dict[str, Any] = form.cleaned_data if form.is_valid() else {}
    found = []
    with as_platform():  # what reports is summed over plants whose own load nobody else reads
        if asked:
            found = capacities(asked["first_year"], asked["last_year"], by_country=asked["level"] != "jurisdiction")
        totals = list(CapacityStatement.objects.filter(is_total=True).select_related("jurisdiction"))
    labels = dict(Stage.choices)
    wanted = [row for row in found if row.stage == (asked["stage"] or row.stage)]
    context = {
        **page.admin_site.each_context(request),
        "title": _("Capacity by place, stage and year"),
        "opts": page.opts,
        "form": form,
        "rows": [(row, until, labels.get(row.stage, _("stage not said"))) for row, until in _alike(wanted)],
        "totals": totals,
        "this_year": timezone.now().year,
        "has_simulated": any(row.is_simulated for row in found),
    }
    return TemplateResponse(request, "relode/capacity.html", context)


def _alike(rows: Iterable[Capacity]) -> Iterator[tuple[Capacity, int]]:
    """The first of each run of years that differ in nothing else, and the last year of it."""
    for _same, years in groupby(rows, key=lambda row: replace(row, year=0)):
        first, *others = years
        yield first, (others or [first])[-1].year


class FreeForm(VerbForm):
    facility = forms.ModelChoiceField(
        Facility.objects.filter(latitude__isnull=False), label=gettext_lazy("from which facility")
    )
    within_km = forms.DecimalField(
        min_value=1, max_value=20_100, decimal_places=1, initial=1000, label=gettext_lazy("within (km)")
    )
    chemistry = forms.ModelChoiceField(Chemistry.objects.all(), label=gettext_lazy("chemistry"))
    condition = forms.ChoiceField(choices=Condition.choices, label=gettext_lazy("condition"))
    week = forms.DateField(label=gettext_lazy("a day of the week"))
    kg = forms.DecimalField(
        min_value=0, max_digits=12, decimal_places=3, initial=0, required=False, label=gettext_lazy("how much (kg)")
    )

    def clean_week(self) -> Any:
        monday, today = monday_of(self.cleaned_data["week"]), timezone.now().date()
        if not monday_of(today) <= monday <= today + timedelta(days=3 * 366):
            raise forms.ValidationError(_("Give a week from this one on, of the next three years."))
        return monday


def free_page(page: Any, request: HttpRequest) -> HttpResponse:
    """A form that asks which plants could take something, and what it found below."""
    is_asked = bool(request.GET)
    form = FreeForm(
        request.GET if is_asked else None,
        user=request.user,  # type: ignore[arg-type]
        target=None,
        initial={"week": timezone.now().date(), "condition": Condition.INTACT},
    )
    found: list[Any] | None = None
    if is_asked and form.is_valid():
        asked = form.cleaned_data
        kg = asked["kg"] or Decimal(0)
        with as_platform():  # sums of what waits at plants that show it
            rows = free_capacity(
                request.user,  # type: ignore[arg-type]
                latitude=asked["facility"].latitude, longitude=asked["facility"].longitude,
                within_km=asked["within_km"], chemistry=asked["chemistry"].pk, condition=asked["condition"],
                monday=asked["week"],
            )  # fmt: skip
        labels = dict(Stage.choices)
        found = [(row, labels[row.stage], _WHY.get(row.why, ""), row.can_take(kg)) for row in rows]
    context = {
        **page.admin_site.each_context(request),
        "title": _("Which plants could take it"),
        "opts": page.opts,
        "form": form,
        "media": page.media + form.media,
        "found": found,
        "has_simulated": any(row.is_simulated for row, *_rest in found or ()),
    }
    return TemplateResponse(request, "relode/free_capacity.html", context)
