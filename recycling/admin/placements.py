from __future__ import annotations

from decimal import Decimal

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy

from accounts.admin.forms import VerbForm
from accounts.admin.scoped import Button, ScopedAdmin
from accounts.models import Function, Organization, organizations_of
from collection.models import BatteryModel, Chemistry, Jurisdiction
from recycling.models import MarketPlacement
from recycling.services import placements


def own_producers(form: VerbForm) -> None:
    """Offer the producers that the user works for; if it is one, choose it."""
    field = form.fields["producer"]
    assert isinstance(field, forms.ModelChoiceField)
    if not form.user.is_superuser:
        field.queryset = Organization.objects.filter(
            pk__in=organizations_of(form.user), functions__contains=[Function.PRODUCER]
        )
    own = list(field.queryset[:2]) if field.queryset is not None else []
    if len(own) == 1:
        field.initial = own[0]


class DeclareForm(VerbForm):
    producer = forms.ModelChoiceField(Organization.objects.with_function(Function.PRODUCER))
    jurisdiction = forms.ModelChoiceField(Jurisdiction.objects.all())
    period_start = forms.DateField(label=gettext_lazy("from"))
    period_end = forms.DateField(label=gettext_lazy("until"))
    model = forms.ModelChoiceField(BatteryModel.objects.all(), required=False, label=gettext_lazy("battery model"))
    chemistry = forms.ModelChoiceField(Chemistry.objects.all(), required=False)
    units = forms.IntegerField(min_value=0, max_value=placements.MOST_UNITS)
    mass_kg = forms.DecimalField(
        max_digits=15, decimal_places=3, min_value=Decimal(0), required=False, label=gettext_lazy("mass (kg)")
    )
    description = forms.CharField(max_length=200, required=False)
    source_key = forms.CharField(
        max_length=200,
        label=gettext_lazy("key"),
        help_text=gettext_lazy("Your own name for the row, so that it is not declared twice."),
    )

    def scope(self) -> None:
        own_producers(self)


class CorrectForm(VerbForm):
    units = forms.IntegerField(min_value=0, max_value=placements.MOST_UNITS)
    mass_kg = forms.DecimalField(
        max_digits=15, decimal_places=3, min_value=Decimal(0), required=False, label=gettext_lazy("mass (kg)")
    )

    def scope(self) -> None:
        assert isinstance(self.target, MarketPlacement)
        self.initial |= {"units": self.target.units, "mass_kg": self.target.mass_kg}


@admin.register(MarketPlacement)
class PlacementAdmin(ScopedAdmin):
    list_display = (
        "producer",
        "jurisdiction",
        "period_start",
        "period_end",
        "model",
        "chemistry",
        "chemistry_by",
        "units",
        "mass_kg",
    )
    list_filter = ("chemistry_by", "chemistry_confidence", "chemistry", "jurisdiction", "is_simulated")
    list_select_related = ("producer", "jurisdiction", "model", "chemistry")
    search_fields = ("source_key", "description", "producer__name")
    date_hierarchy = "period_start"
    create = Button(gettext_lazy("Declare units placed on the market"), placements.declare, DeclareForm)
    buttons = (Button(gettext_lazy("correct"), placements.correct, CorrectForm),)
