from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.admin.forms import RowsField, VerbForm, instant_field, text_field
from accounts.admin.scoped import Button, PartInline
from collection.admin.cells import choice_cell, mass_cell
from collection.admin.custody import LivingAdmin
from collection.models import DISPOSITIONS, Assay, Element, Facility, Lot, Material, Use
from collection.services import lots
from collection.services.lots import Part
from collection.units import Unit


class Analysis(NamedTuple):
    """Mass fractions by element, and the shares of these that came from batteries, where that is said."""

    fractions: dict[str, Decimal]
    shares: dict[str, Decimal]


class AssaysField(RowsField):
    """Mass fractions by element, one per line. Cleans to an analysis, or nothing if left empty."""

    def __init__(self, **options: Any) -> None:
        options = {
            "required": False,
            "label": gettext_lazy("assay"),
            "help_text": gettext_lazy(
                "One per line: element, mass fraction of the dry mass, such as “Ni, 0.2”; then, if not all of it came from"
                " batteries, the share that did, such as “O, 0.4, 0”. Empty: as the pure material."
            ),
            **options,
        }
        super().__init__(["element", "fraction", "share"], optional=["share"], **options)

    def clean(self, value: Any) -> Any:
        fractions: dict[str, Decimal] = {}
        shares: dict[str, Decimal] = {}
        for number, row in enumerate(super().clean(value), start=1):
            element = choice_cell(row["element"], Element.values, number)
            if element in fractions:
                raise forms.ValidationError(_("Line %(line)s: this element stands here twice.") % {"line": number})
            fractions[element] = fraction_cell(row["fraction"], number)
            if row["share"]:
                shares[element] = fraction_cell(row["share"], number)
        return Analysis(fractions, shares) if fractions else None


def fraction_cell(text: str, line: int) -> Decimal:
    """A share from 0 to 1."""
    try:
        share = Decimal(text)
        if not share.is_finite() or not 0 <= share <= 1:
            raise InvalidOperation
    except InvalidOperation:
        raise forms.ValidationError(
            _("Line %(line)s: “%(value)s” is no share from 0 to 1.") % {"line": line, "value": text}
        ) from None
    return share


class AnalyzedForm(VerbForm):
    """A form with an assay."""

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        analysis = given.pop("assays", None)
        if analysis is not None:
            given |= {"assays": analysis.fractions, "from_batteries": analysis.shares}
        return given


class LotForm(AnalyzedForm):
    """What every new lot is described by."""

    number = forms.CharField(max_length=60, label=gettext_lazy("lot number"))
    material = forms.ModelChoiceField(Material.objects.all(), label=gettext_lazy("material"))
    mass_value = forms.DecimalField(max_digits=12, decimal_places=3, label=gettext_lazy("mass"))
    mass_unit = forms.ChoiceField(choices=Unit.choices, initial=Unit.KG, label=gettext_lazy("unit"))
    moisture = forms.DecimalField(
        max_digits=5, decimal_places=4, required=False, label=gettext_lazy("moisture"), help_text="0–1"
    )
    assays = AssaysField()


class BringInForm(LotForm):
    facility = forms.ModelChoiceField(Facility.objects.all(), label=gettext_lazy("facility"))
    origin = forms.CharField(max_length=200, label=gettext_lazy("origin"))
    brought_at = instant_field(gettext_lazy("brought at"))
    field_order = ("facility", "origin", "brought_at")

    def scope(self) -> None:
        for name, rows in (
            ("facility", Facility.objects.run_by(self.user)),
            ("material", Material.objects.filter(kind=Material.Kind.INTERMEDIATE)),
        ):
            field = self.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = rows


class SplitForm(VerbForm):
    parts = RowsField(
        ["mass", "unit", "number"],
        optional=["unit", "number"],
        label=gettext_lazy("parts"),
        help_text=gettext_lazy("One per line: mass, unit (the lot's), lot number. What is left over is a part too."),
    )
    split_at = instant_field(gettext_lazy("split at"))

    def clean_parts(self) -> list[Part]:
        assert isinstance(self.target, Lot)
        parts = []
        for number, row in enumerate(self.cleaned_data["parts"], start=1):
            mass = mass_cell(row["mass"], number)
            unit = choice_cell(row["unit"] or self.target.mass_unit, Unit.values, number)
            parts.append(Part(mass or Decimal(0), unit, row["number"]))
        return parts


class DisposeForm(VerbForm):
    disposition = forms.ChoiceField(
        choices=[(s.value, s.label) for s in DISPOSITIONS], label=gettext_lazy("what became of it")
    )
    disposed_at = instant_field(gettext_lazy("when"))
    note = text_field(
        gettext_lazy("note"),
        required=False,
        max_length=500,
        help_text=gettext_lazy("To whom it was sold, or what happened to it."),
    )
    use = forms.ChoiceField(choices=[("", "—"), *Use.choices], required=False, label=gettext_lazy("used there"))
    ended_waste = forms.BooleanField(required=False, label=gettext_lazy("ended being waste"))
    recipient = text_field(
        gettext_lazy("recipient"), required=False, max_length=200, help_text=gettext_lazy("Empty: as the note says.")
    )
    country = text_field(gettext_lazy("country of the recipient"), required=False, max_length=2)


class ReinstateForm(VerbForm):
    reinstated_at = instant_field(gettext_lazy("when"))
    reason = text_field(gettext_lazy("reason"), max_length=500)


class CorrectForm(AnalyzedForm):
    """What is left empty stays."""

    corrected_at = instant_field(gettext_lazy("when"))
    reason = text_field(gettext_lazy("reason"), max_length=500)
    mass_value = forms.DecimalField(max_digits=12, decimal_places=3, required=False, label=gettext_lazy("mass"))
    mass_unit = forms.ChoiceField(choices=Unit.choices, label=gettext_lazy("unit"))
    moisture = forms.DecimalField(max_digits=5, decimal_places=4, required=False, label=gettext_lazy("moisture"))
    assays = AssaysField(help_text=gettext_lazy("All elements, one per line. Empty: stays as it is."))

    def scope(self) -> None:
        assert isinstance(self.target, Lot)
        self.initial["mass_unit"] = self.target.mass_unit


class AssayInline(PartInline):
    model = Assay
    fields = ("element", "fraction", "from_batteries")


@admin.register(Lot)
class LotAdmin(LivingAdmin):
    list_display = ("number", "material", "owner", "status", "mass_kg", "facility", "shipment", "made_at")
    list_filter = ("status", "material__kind", "material", "made_at", "is_simulated")
    list_select_related = ("material", "owner", "facility", "shipment")
    search_fields = ("number", "origin", "id__exact")
    search_help_text = gettext_lazy("A lot number, an origin, or the number of the record.")
    inlines = (AssayInline,)
    create = Button(gettext_lazy("Bring in feedstock from outside"), lots.bring_in, BringInForm)
    buttons = (
        Button(gettext_lazy("split"), lots.split, SplitForm),
        Button(gettext_lazy("sell, landfill or lose"), lots.dispose, DisposeForm),
        Button(gettext_lazy("correct"), lots.correct, CorrectForm),
        Button(gettext_lazy("take the disposition back"), lots.reinstate, ReinstateForm),
    )

    def get_inlines(self, request: HttpRequest, obj: Lot | None) -> Any:
        """Its assays, for whom they are: whose record was not veiled."""
        return self.inlines if obj is not None and obj.moisture is not None else ()

    def facts(self, record: Lot) -> list[tuple[Any, Any]]:
        return [
            (_("lot number"), record.number),
            (_("material"), record.material),
            (_("owner"), record.owner),
            (_("status"), record.get_status_display()),
            (_("where it is"), record.facility or record.shipment),
            (_("mass"), f"{record.mass_value.normalize():f} {record.get_mass_unit_display()}"),
            (_("moisture"), f"{record.moisture:.2%}" if record.moisture is not None else None),
            (_("basis of the assay"), record.get_assay_basis_display()),
            (_("used"), getattr(record, "destination", None) if record.moisture is not None else None),
            (_("origin"), record.origin),
            (_("split from"), record.split_from),
        ]
