from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.forms import Script
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin.forms import RowsField, VerbForm, instant_field, text_field
from accounts.admin.scoped import Button, PartInline, ScopedAdmin, actor_of
from accounts.models import Function, Organization
from collection.admin.cells import choice_cell, mass_cell, number_cell
from collection.admin.search import read_off
from collection.models import (
    BatteryModel,
    CollectionPoint,
    Condition,
    Facility,
    FindingStatus,
    Identifier,
    Pickup,
    PickupBattery,
    PickupFinding,
)
from collection.services import codes, pickups, receipts
from collection.services.findings import Scan
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


class FindForm(VerbForm):
    batteries = RowsField(
        ["identifier", "mass", "unit", "condition", "model", "scheme", "issuer", "also"],
        optional=["mass", "unit", "condition", "model", "scheme", "issuer", "also"],
        label=gettext_lazy("batteries"),
        help_text=gettext_lazy(
            "One per line: identifier, mass, unit (kg), condition (intact), code of the battery model, scheme "
            "(vin if it has 17 characters, else oem_serial), issuer, and a second number, for a battery in use that this place "
            "has nothing to do with. “#12” is battery 12."
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
        scheme = choice_cell(row["scheme"], Identifier.Scheme.values, line) if row["scheme"] else ""
        is_number = name.startswith("#")
        return Scan(
            battery=number_cell(name, line) if is_number else None,
            identifier=None if is_number else read_off(name, scheme, row["issuer"], line),
            also=read_off(row["also"], "", row["issuer"], line) if row["also"] else None,
            mass_value=mass_cell(row["mass"], line),
            unit=choice_cell(row["unit"] or Unit.KG, Unit.values, line),
            condition=choice_cell(row["condition"], Condition.values, line) if row["condition"] else None,
            model=models.get(row["model"]),
        )

    def _rows(self) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = self.cleaned_data["batteries"]
        return rows


class CollectForm(FindForm):
    collected_at = instant_field(gettext_lazy("collected at"))
    field_order = ("collected_at", "batteries")


class FindingsForm(VerbForm):
    findings = forms.ModelMultipleChoiceField(PickupFinding.objects.all(), label=gettext_lazy("findings"))

    def scope(self) -> None:
        assert isinstance(self.target, Pickup)
        field = self.fields["findings"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = self.target.findings.filter(status=FindingStatus.WAITING)

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"findings": [finding.pk for finding in self.cleaned_data["findings"]]}


class RefuseFindingsForm(FindingsForm):
    reason = text_field(gettext_lazy("reason"), max_length=500)


class CodeForm(VerbForm):
    code = forms.CharField(max_length=20, label=gettext_lazy("code"))


class SignaturePad(forms.TextInput):
    """Signed on the screen; what was drawn is kept as a path."""

    template_name = "relode/signature.html"

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        context["widget"]["attrs"].setdefault("id", f"id_{name}")
        return context

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        return mark_safe(render_to_string(self.template_name, self.get_context(name, value, attrs)))  # noqa: S308 - our template


class SignForm(VerbForm):
    name = forms.CharField(max_length=150, label=gettext_lazy("name of who signs"))
    role = forms.CharField(max_length=100, label=gettext_lazy("role of who signs"))
    email = forms.EmailField(
        max_length=254, required=False, label=gettext_lazy("email"), help_text=gettext_lazy("Where the receipt goes.")
    )
    signature = forms.CharField(max_length=receipts.LONGEST_SIGNATURE, label=gettext_lazy("signature"))

    class Media:
        js = (Script("relode/signature.js", defer=True),)

    def scope(self) -> None:
        self.fields["signature"].widget = SignaturePad()


class FindingInline(PartInline):
    model = PickupFinding
    fields = ("value", "battery", "model", "condition", "mass_value", "mass_unit", "status", "reason", "means")


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
    list_filter = ("status", "condition", "collection_point__facility__jurisdiction", "window_start")
    list_select_related = ("collection_point__facility", "collector", "carrier", "destination")
    search_fields = ("id__exact", "collection_point__facility__name", "collector__name")
    search_help_text = gettext_lazy("A number, a place, or a collector.")
    ordering = ("-pk",)
    inlines = (BatteryInline, FindingInline)
    create = Button(gettext_lazy("Request a pickup"), pickups.request, RequestForm)
    buttons = (
        Button(gettext_lazy("schedule"), pickups.schedule, ScheduleForm),
        Button(gettext_lazy("reschedule"), pickups.reschedule, ScheduleForm),
        Button(gettext_lazy("confirm"), pickups.confirm),
        Button(gettext_lazy("accept"), pickups.accept),
        Button(gettext_lazy("report findings"), pickups.find, FindForm),
        Button(gettext_lazy("confirm findings"), pickups.confirm_findings, FindingsForm),
        Button(gettext_lazy("refuse findings"), pickups.refuse_findings, RefuseFindingsForm),
        Button(gettext_lazy("show a code"), pickups.show_code),
        Button(gettext_lazy("type a code"), pickups.enter_code, CodeForm),
        Button(gettext_lazy("have it signed"), pickups.sign, SignForm),
        Button(gettext_lazy("collect"), pickups.collect, CollectForm),
        Button(gettext_lazy("report as failed"), pickups.fail, is_final=True),
        Button(gettext_lazy("cancel"), pickups.cancel, is_final=True),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Sequence[str]:
        """A carrier reads where, when and how many packs before both sides agreed."""
        shown = super().get_readonly_fields(request, obj)
        if obj is not None and pickups.is_outline(actor_of(request), obj):
            shown = tuple(name for name in shown if name not in pickups.BEYOND_OUTLINE)
        return shown

    def tell(self, request: HttpRequest, button: Button, done: Any) -> None:
        if hasattr(done, "plain_code"):
            told = {"code": done.plain_code, "minutes": codes.LASTS.seconds // 60}
            messages.success(request, _("The code is %(code)s. It is good for %(minutes)s minutes, once.") % told)
        elif getattr(done, "refusal", None) is not None:
            messages.error(request, str(done.refusal.message))
        else:
            super().tell(request, button, done)
