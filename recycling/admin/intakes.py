from __future__ import annotations

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext_lazy

from accounts.admin.forms import RowsField, VerbForm, instant_field, text_field
from accounts.admin.scoped import Button, PartInline, ScopedAdmin
from collection.admin.cells import choice_cell, mass_cell
from collection.admin.search import battery_named
from collection.models import Facility, Shipment, ShipmentStatus
from collection.units import Unit
from recycling.admin.inspections import own_plants
from recycling.admin.scans import battery_ids
from recycling.models import Discrepancy, Intake, IntakeBattery, Plant
from recycling.services import intakes
from recycling.services.intakes import ReceivedBattery, RejectedThing


class RecordForm(VerbForm):
    plant = forms.ModelChoiceField(Plant.objects.select_related("facility"), label=gettext_lazy("plant"))
    shipment = forms.ModelChoiceField(Shipment.objects.all(), label=gettext_lazy("shipment"))
    ticket = forms.CharField(max_length=60, label=gettext_lazy("weighbridge ticket"))
    weighed_at = instant_field(gettext_lazy("weighed at"))
    gross_value = forms.DecimalField(max_digits=12, decimal_places=3, label=gettext_lazy("gross"))
    tare_value = forms.DecimalField(max_digits=12, decimal_places=3, label=gettext_lazy("tare"))
    unit = forms.ChoiceField(choices=Unit.choices, initial=Unit.KG, label=gettext_lazy("unit"))
    batteries = RowsField(
        ["battery", "mass", "unit"],
        optional=["mass", "unit"],
        required=False,
        label=gettext_lazy("batteries on the truck"),
        help_text=gettext_lazy(
            "One per line: identifier or “#12”, received mass, unit (kg). Empty: all of the shipment, as declared."
        ),
    )
    rejected = RowsField(
        ["battery", "reason"],
        required=False,
        label=gettext_lazy("rejected batteries"),
        help_text=gettext_lazy("One per line: identifier or “#12”, reason."),
    )
    note = text_field(gettext_lazy("note"), required=False, max_length=500)

    def scope(self) -> None:
        own_plants(self.fields["plant"], self.user)
        field = self.fields["shipment"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Shipment.objects.filter(
            destination__in=Facility.objects.run_by(self.user),
            status__in=[ShipmentStatus.IN_TRANSIT, ShipmentStatus.ARRIVED],
        )

    def clean_batteries(self) -> list[ReceivedBattery] | None:
        rows: list[dict[str, str]] = self.cleaned_data["batteries"]
        if not rows:
            return None
        return [
            ReceivedBattery(
                battery=battery,
                received_value=mass_cell(row["mass"], number),
                unit=choice_cell(row["unit"] or Unit.KG, Unit.values, number),
            )
            for number, (row, battery) in enumerate(zip(rows, battery_ids(rows, self.user), strict=True), start=1)
        ]

    def clean_rejected(self) -> list[RejectedThing]:
        rows: list[dict[str, str]] = self.cleaned_data["rejected"]
        return [
            RejectedThing(reason=row["reason"], battery=battery)
            for row, battery in zip(rows, battery_ids(rows, self.user), strict=True)
        ]


class CorrectWeighingForm(VerbForm):
    gross_value = forms.DecimalField(max_digits=12, decimal_places=3, label=gettext_lazy("gross"))
    tare_value = forms.DecimalField(max_digits=12, decimal_places=3, label=gettext_lazy("tare"))
    unit = forms.ChoiceField(choices=Unit.choices, label=gettext_lazy("unit"))
    reason = text_field(gettext_lazy("reason"), max_length=500)

    def scope(self) -> None:
        for name in ("gross_value", "tare_value", "unit"):
            self.initial[name] = getattr(self.target, name)


class SettleForm(VerbForm):
    settlement = text_field(gettext_lazy("settlement"), max_length=500)


class IntakeBatteryInline(PartInline):
    model = IntakeBattery
    fields = ("battery", "declared_kg", "received_kg")


class DiscrepancyInline(PartInline):
    model = Discrepancy
    fields = ("kind", "battery", "declared_kg", "received_kg", "due_on", "status")
    show_change_link = True


@admin.register(Intake)
class IntakeAdmin(ScopedAdmin):
    list_display = ("ticket", "plant", "shipment", "weighed_at", "gross_kg", "tare_kg", "net_kg")
    list_filter = ("weighed_at", "is_simulated")
    list_select_related = ("plant__facility", "shipment")
    search_fields = ("ticket", "shipment__id__exact", "plant__facility__name")
    search_help_text = gettext_lazy("A ticket, the number of a shipment, or a plant.")
    ordering = ("-pk",)
    inlines = (DiscrepancyInline, IntakeBatteryInline)
    create = Button(gettext_lazy("Weigh a load in"), intakes.record, RecordForm)
    buttons = (Button(gettext_lazy("correct the weighing"), intakes.correct_weighing, CorrectWeighingForm),)

    @admin.display(description=gettext_lazy("net (kg)"))
    def net_kg(self, intake: Intake) -> object:
        return intake.net_kg


@admin.register(Discrepancy)
class DiscrepancyAdmin(ScopedAdmin):
    list_display = ("intake", "kind", "battery", "declared_kg", "received_kg", "due_on", "status")
    list_filter = ("status", "kind", "due_on")
    list_select_related = ("intake__plant__facility", "battery")
    search_fields = ("intake__ticket",)
    search_help_text = gettext_lazy("A ticket, a whole identifier of a battery, or its number.")
    buttons = (Button(gettext_lazy("settle"), intakes.settle_discrepancy, SettleForm),)

    def named(self, term: str) -> Q | None:
        found = battery_named(term, path="battery")
        return found if Discrepancy.objects.filter(found).exists() else None
