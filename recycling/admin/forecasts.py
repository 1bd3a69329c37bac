from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from accounts.acting import as_platform
from accounts.admin.forms import VerbForm
from accounts.admin.scoped import Button, ScopedAdmin
from accounts.models import Organization
from collection.admin.reference import FactAdmin
from recycling.admin.bars import bar
from recycling.models import (
    Distribution,
    ForecastStatus,
    Inputs,
    MarketStatistic,
    ReturnForecast,
    ReturnForecastLine,
    VehicleSales,
)
from recycling.queries.capacity import gaps
from recycling.queries.lifetimes import weibull_of
from recycling.services import forecasts
from recycling.tasks import forecasts as tasks


def _years(label: Any, initial: str) -> forms.DecimalField:
    return forms.DecimalField(max_digits=5, decimal_places=2, min_value=0, max_value=60, initial=initial, label=label)


class ForecastForm(VerbForm):
    inputs = forms.ChoiceField(choices=Inputs.choices, label=gettext_lazy("computed from"))
    authority = forms.ModelChoiceField(
        Organization.objects.filter(pk__in=MarketStatistic.objects.values("authority")),
        required=False,
        label=gettext_lazy("authority"),
        help_text=gettext_lazy("Whose market statistics, if it is computed from these."),
    )
    first_year = forms.IntegerField(min_value=1990, max_value=2100, label=gettext_lazy("first year"))
    last_year = forms.IntegerField(min_value=1990, max_value=2100, initial=2035, label=gettext_lazy("last year"))
    distribution = forms.ChoiceField(choices=Distribution.choices, label=gettext_lazy("distribution of lifetimes"))
    mean_years = _years(gettext_lazy("mean lifetime, light vehicles (years)"), "15")
    large_mean_years = _years(gettext_lazy("mean lifetime, buses and trucks (years)"), "8")
    sd_years = _years(gettext_lazy("standard deviation (years)"), "4")
    band_years = _years(gettext_lazy("band (years)"), "2")

    def scope(self) -> None:
        self.initial.setdefault("first_year", timezone.now().year)


@admin.register(ReturnForecast)
class ForecastAdmin(ScopedAdmin):
    list_display = (
        "__str__",
        "distribution",
        "mean_years",
        "sd_years",
        "band_years",
        "status",
        "how_far",
        "requested_at",
    )
    list_filter = ("status", "inputs", "distribution")
    list_select_related = ("authority",)
    change_form_outer_before_template = "relode/forecast.html"
    create = Button(gettext_lazy("Forecast what comes back"), forecasts.request, ForecastForm, after=tasks.enqueue)
    buttons = (Button(gettext_lazy("cancel"), forecasts.cancel, is_final=True),)

    @display(description=gettext_lazy("progress"))
    def how_far(self, forecast: ReturnForecast) -> Any:
        return bar(forecast.progress)

    def about(self, request: HttpRequest, record: ReturnForecast) -> dict[str, Any]:
        """Its figures against what there is to take them, by country, or by jurisdiction if that is asked for."""
        by_country = request.GET.get("level") != "jurisdiction"
        lines = ReturnForecastLine.objects.filter(forecast=record).visible_to(request.user)  # type: ignore[arg-type]
        found = []
        if record.status == ForecastStatus.DONE:
            with as_platform():  # sums of lines that the reader may see, and of what reports
                found = gaps(lines, by_country=by_country)
        return {
            "gaps": found,
            "by_country": by_country,
            "this_year": timezone.now().year,
            "weibull": weibull_of(record),
            "has_simulated": any(row.is_simulated for row in found),
            "download": f"{reverse('returnforecast-gaps-csv', args=[record.pk])}?level={'country' if by_country else 'jurisdiction'}",
        }


@admin.register(VehicleSales)
class VehicleSalesAdmin(FactAdmin):
    list_display = ("jurisdiction", "kind", "year", "scenario", "units", "kwh_per_vehicle", "is_modeled", "is_verified")
    list_filter = ("jurisdiction", "kind", "scenario", "is_modeled")
    list_select_related = ("jurisdiction",)
