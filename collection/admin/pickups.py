from __future__ import annotations

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin.scoped import (
    Button,
    PartInline,
    RowsField,
    ScopedAdmin,
    VerbForm,
    instant_field,
    text_field,
)
from accounts.models import Function, Organization
from collection.admin.cells import choice_cell, mass_cell, number_cell
from collection.models import (
    BatteryModel,
    CollectionPoint,
    Condition,
    Facility,
    Identifier,
    Pickup,
    PickupBattery,
)
from collection.services import pickups
from collection.services.identifiers import NewIdentifier
from collection.services.pickups import Scan
from collection.units import Unit


class RequestForm(VerbForm):
    collection_point = forms.ModelChoiceField(CollectionPoint.objects.select_related("facility"))
    collector = forms.ModelChoiceField(Organization.objects.with_function(Function.COLLECTOR))
    packs_expected = forms.IntegerField(min_value=1, max_value=pickups.MOST_PACKS)
    condition = forms.ChoiceField(choices=Condition.choices, label=gettext_lazy("worst condition"))
    convenient_from = instant_field(gettext_lazy("convenient from"))
    convenient_until = instant_field(gettext_lazy("convenient until"))
    notes = text_field(gettext_lazy("notes"), required=False)


class ScheduleForm(VerbForm):
    carrier = forms.ModelChoiceField(Organization.objects.with_function(Function.CARRIER))
    vehicle = forms.CharField(max_length=60, required=False)
    destination = forms.ModelChoiceField(Facility.objects.all())
    window_start = instant_field(gettext_lazy("window from"))
    window_end = instant_field(gettext_lazy("window until"))

    def scope(self) -> None:
        pickup = self.target
        assert isinstance(pickup, Pickup)
        self.initial |= {
            "carrier": pickup.carrier_id,
            "vehicle": pickup.vehicle,
            "destination": pickup.destination_id,
            "window_start": pickup.window_start or pickup.convenient_from,
            "window_end": pickup.window_end or pickup.convenient_until,
        }


class CollectForm(VerbForm):
    collected_at = instant_field(gettext_lazy("collected at"))
    batteries = RowsField(
        ["identifier", "mass", "unit", "condition", "model", "scheme", "issuer"],
        optional=["mass", "unit", "condition", "model", "scheme", "issuer"],
        label=gettext_lazy("batteries"),
        help_text=gettext_lazy(
            "One per line: identifier, mass, unit (kg), condition (intact), code of the battery model, scheme "
            "(vin if it has 17 characters, else oem_serial), issuer. “#12” is battery 12."
        ),
    )

    def clean_batteries(self) -> list[Scan]:
        codes = {row["model"] for row in self._rows() if row["model"]}
        models = {model.code: model for model in BatteryModel.objects.filter(code__in=codes)}
        return [self._scan(row, models, line) for line, row in enumerate(self._rows(), start=1)]

    def _scan(self, row: dict[str, str], models: dict[str, BatteryModel], line: int) -> Scan:
        name = row["identifier"]
        if row["model"] and row["model"] not in models:
            raise forms.ValidationError(
                _("Line %(line)s: there is no battery model “%(value)s”.") % {"line": line, "value": row["model"]}
            )
        scheme = row["scheme"] or (Identifier.Scheme.VIN if len(name) == 17 else Identifier.Scheme.OEM_SERIAL)
        is_number = name.startswith("#")
        return Scan(
            battery=number_cell(name, line) if is_number else None,
            identifier=None if is_number else NewIdentifier(scheme, name, row["issuer"]),
            mass_value=mass_cell(row["mass"], line),
            unit=choice_cell(row["unit"] or Unit.KG, Unit.values, line),
            condition=choice_cell(row["condition"], Condition.values, line) if row["condition"] else None,
            model=models.get(row["model"]),
        )

    def _rows(self) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = self.cleaned_data["batteries"]
        return rows


class BatteryInline(PartInline):
    model = PickupBattery
    fields = ("battery", "is_open")


@admin.register(Pickup)
class PickupAdmin(ScopedAdmin):
    list_display = (
        "__str__",
        "collection_point",
        "collector",
        "status",
        "packs_expected",
        "window_start",
        "carrier",
        "destination",
    )
    list_filter = ("status", "condition", "collection_point__facility__jurisdiction", "convenient_from")
    list_select_related = ("collection_point__facility", "collector", "carrier", "destination")
    search_fields = ("id__exact", "collection_point__facility__name", "collector__name", "vehicle", "notes")
    search_help_text = gettext_lazy("A number, a place, a collector, a vehicle, or words of the notes.")
    ordering = ("-pk",)
    inlines = (BatteryInline,)
    create = Button(gettext_lazy("Request a pickup"), pickups.request, RequestForm)
    buttons = (
        Button(gettext_lazy("schedule"), pickups.schedule, ScheduleForm),
        Button(gettext_lazy("reschedule"), pickups.reschedule, ScheduleForm),
        Button(gettext_lazy("collect"), pickups.collect, CollectForm),
        Button(gettext_lazy("report as failed"), pickups.fail, is_final=True),
        Button(gettext_lazy("cancel"), pickups.cancel, is_final=True),
    )
