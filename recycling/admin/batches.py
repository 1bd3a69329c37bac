from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from accounts.admin.forms import RowsField, VerbForm, instant_field, text_field
from accounts.admin.scoped import Button, PartInline, ScopedAdmin
from collection.admin.cells import choice_cell, mass_cell
from collection.admin.custody import REFERENCE_PAGES
from collection.admin.lots import AssaysField, LotForm
from collection.admin.search import battery_named
from collection.models import Lot
from collection.units import Unit
from recycling.admin.scans import battery_ids, lot_ids
from recycling.models import Batch, Charge, Factor, InputAnalysis, Outcome, Output, ProcessLine, Reagent
from recycling.queries.balance import balance_of
from recycling.services import batches, charges, input_analyses, outputs
from recycling.services.charges import LotCharge

REFERENCE_PAGES["batch"] = "admin:recycling_batch_change"
REFERENCE_PAGES["lot"] = "admin:collection_lot_change"


class OpenForm(VerbForm):
    line = forms.ModelChoiceField(
        ProcessLine.objects.select_related("plant__facility"), label=gettext_lazy("process line")
    )
    number = forms.CharField(max_length=60, label=gettext_lazy("batch number"))
    started_at = instant_field(gettext_lazy("started at"))

    def scope(self) -> None:
        field = self.fields["line"]
        assert isinstance(field, forms.ModelChoiceField)
        lines = ProcessLine.objects.filter(is_active=True).select_related("plant__facility")
        if not self.user.is_superuser:
            own = [m.organization_id for m in Actor.of(self.user).memberships]
            lines = lines.filter(plant__facility__operator__in=own)
        field.queryset = lines


class ChargeForm(VerbForm):
    charged_at = instant_field(gettext_lazy("charged at"))
    batteries = RowsField(
        ["battery"],
        required=False,
        label=gettext_lazy("batteries"),
        help_text=gettext_lazy("One per line: identifier or “#12”."),
    )
    lots = RowsField(
        ["lot", "mass", "unit"],
        optional=["mass", "unit"],
        required=False,
        label=gettext_lazy("lots"),
        help_text=gettext_lazy("One per line: lot number or “#12”; for a part of it, mass and unit (kg)."),
    )

    def clean_batteries(self) -> list[int]:
        return battery_ids(self.cleaned_data["batteries"], self.user)

    def clean_lots(self) -> list[LotCharge]:
        rows: list[dict[str, str]] = self.cleaned_data["lots"]
        return [
            LotCharge(lot, mass_cell(row["mass"], number), choice_cell(row["unit"] or Unit.KG, Unit.values, number))
            for number, (row, lot) in enumerate(zip(rows, lot_ids(rows, self.user), strict=True), start=1)
        ]


class UnchargeForm(VerbForm):
    uncharged_at = instant_field(gettext_lazy("when"))
    reason = text_field(gettext_lazy("reason"), max_length=500)
    batteries = RowsField(["battery"], required=False, label=gettext_lazy("batteries"))
    lots = RowsField(["lot"], required=False, label=gettext_lazy("lots"))

    def clean_batteries(self) -> list[int]:
        return battery_ids(self.cleaned_data["batteries"], self.user)

    def clean_lots(self) -> list[int]:
        return lot_ids(self.cleaned_data["lots"], self.user)


class ReagentForm(VerbForm):
    name = forms.CharField(max_length=100, label=gettext_lazy("name"))
    mass_value = forms.DecimalField(max_digits=12, decimal_places=3, label=gettext_lazy("mass"))
    unit = forms.ChoiceField(choices=Unit.choices, initial=Unit.KG, label=gettext_lazy("unit"))


class RemoveReagentForm(VerbForm):
    reagent = forms.ModelChoiceField(Reagent.objects.all(), label=gettext_lazy("reagent"))

    def scope(self) -> None:
        field = self.fields["reagent"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Reagent.objects.filter(batch=self.target)

    def arguments(self) -> dict[str, Any]:
        return {"reagent": self.cleaned_data["reagent"].pk}


class OutputForm(LotForm):
    by_difference = forms.BooleanField(
        required=False,
        label=gettext_lazy("contains what is left"),
        help_text=gettext_lazy("What went in less what else came out, such as modules out of packs; no assay then."),
    )
    made_at = instant_field(gettext_lazy("made at"))


class RemoveOutputForm(VerbForm):
    lot = forms.ModelChoiceField(Lot.objects.all(), label=gettext_lazy("lot"))
    removed_at = instant_field(gettext_lazy("when"))
    reason = text_field(gettext_lazy("reason"), max_length=500)

    def scope(self) -> None:
        field = self.fields["lot"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Lot.objects.filter(output__batch=self.target)

    def arguments(self) -> dict[str, Any]:
        return super().arguments() | {"lot": self.cleaned_data["lot"].pk}


class CloseForm(VerbForm):
    closed_at = instant_field(gettext_lazy("closed at"))
    explanation = text_field(
        gettext_lazy("explanation"),
        required=False,
        help_text=gettext_lazy("Only if the batch is outside of its mass balance; a manager signs it."),
    )


class DetermineForm(VerbForm):
    """What was said before is replaced."""

    method = forms.ChoiceField(choices=InputAnalysis.Method.choices, label=gettext_lazy("method"))
    laboratory = text_field(gettext_lazy("laboratory"), required=False, max_length=200)
    analyzed_on = forms.DateField(label=gettext_lazy("analyzed on"))
    is_measured = forms.BooleanField(required=False, label=gettext_lazy("measured"))
    moisture = forms.DecimalField(
        max_digits=5, decimal_places=4, required=False, label=gettext_lazy("water"), help_text="0–1"
    )
    fractions = AssaysField(
        required=True, help_text=gettext_lazy("One per line: element, mass fraction of the dry mass of the batteries.")
    )
    note = text_field(gettext_lazy("note"), required=False, max_length=500)

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        return given | {"fractions": given["fractions"].fractions if given.get("fractions") else {}}


class ChargeInline(PartInline):
    model = Charge
    fields = ("battery", "lot", "mass_kg", "content_kwh", "charged_at")


class OutputInline(PartInline):
    model = Output
    fields = ("lot", "material", "mass", "status")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("lot__material")

    @admin.display(description=gettext_lazy("material"))
    def material(self, output: Output) -> str:
        return str(output.lot.material)

    @admin.display(description=gettext_lazy("mass (kg)"))
    def mass(self, output: Output) -> Decimal:
        return output.lot.mass_kg

    @admin.display(description=gettext_lazy("status"))
    def status(self, output: Output) -> str:
        return str(output.lot.get_status_display())


class ReagentInline(PartInline):
    model = Reagent
    fields = ("name", "mass_value", "unit", "mass_kg")


class FactorInline(PartInline):
    model = Factor
    fields = ("element", "input_kg", "recovered", "pending", "residue", "lost", "unattributed_recovered_kg")

    @admin.display(description=gettext_lazy("lost"))
    def lost(self, factor: Factor) -> Decimal:
        return factor.lost


class OutcomeInline(PartInline):
    model = Outcome
    fields = ("element", "became", "country", "share")


#: What a batch must have for a button to be of use.
_NEEDS = {charges.uncharge: "charges", outputs.remove_output: "outputs", outputs.remove_reagent: "reagents"}


@admin.register(Batch)
class BatchAdmin(ScopedAdmin):
    change_form_outer_before_template = "relode/batch.html"
    list_display = ("number", "line", "stage", "status", "started_at", "closed_at", "is_explained")
    list_filter = ("status", "line__stage", "is_simulated")
    list_select_related = ("line__plant__facility",)
    search_fields = ("number", "line__plant__facility__name")
    search_help_text = gettext_lazy("A batch number, a plant, or a whole identifier of a battery that was charged.")
    date_hierarchy = "started_at"
    inlines = (OutputInline, ChargeInline, ReagentInline, FactorInline, OutcomeInline)
    create = Button(gettext_lazy("Open a batch"), batches.open_batch, OpenForm)
    buttons = (
        Button(gettext_lazy("charge"), charges.charge, ChargeForm),
        Button(gettext_lazy("record an output"), outputs.record_output, OutputForm),
        Button(gettext_lazy("add a reagent"), outputs.add_reagent, ReagentForm),
        Button(gettext_lazy("close"), batches.close, CloseForm),
        Button(gettext_lazy("say what its batteries consist of"), input_analyses.determine, DetermineForm),
        Button(gettext_lazy("take out again"), charges.uncharge, UnchargeForm),
        Button(gettext_lazy("remove an output"), outputs.remove_output, RemoveOutputForm),
        Button(gettext_lazy("remove a reagent"), outputs.remove_reagent, RemoveReagentForm),
        Button(gettext_lazy("reopen"), batches.reopen, is_final=True),
        Button(gettext_lazy("give up"), batches.void, is_final=True),
    )

    def named(self, term: str) -> Q | None:
        charged = list(Charge.objects.filter(battery_named(term, path="battery")).values_list("batch", flat=True))
        return Q(pk__in=charged) if charged else None

    def buttons_for(self, record: Batch, actor: Actor) -> list[Button]:
        """None that takes something out of a batch where there is nothing."""
        found = super().buttons_for(record, actor)
        return [b for b in found if b.verb not in _NEEDS or getattr(record, _NEEDS[b.verb]).exists()]

    def about(self, request: HttpRequest, record: Batch) -> dict[str, Any]:
        balance = balance_of(record)
        beyond = {row.element for row in balance.excess_elements}
        return {
            "balance": balance,
            "elements": [(row, row.element in beyond) for row in balance.elements],
            "freshness": _("Recovery factors are up to date.")
            if record.stale_since is None
            else _("Recovery factors are being computed anew."),
        }

    @admin.display(description=gettext_lazy("stage"), ordering="line__stage")
    def stage(self, batch: Batch) -> str:
        return str(batch.line.get_stage_display())

    @admin.display(description=gettext_lazy("explained"), boolean=True)
    def is_explained(self, batch: Batch) -> bool:
        return bool(batch.explanation)
