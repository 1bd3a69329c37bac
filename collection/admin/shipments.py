from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from accounts.admin.forms import RowsField, VerbForm, instant_field, text_field
from accounts.admin.scoped import Button, PartInline, ScopedAdmin
from accounts.models import Function, Organization
from collection.admin.cells import choice_cell, mass_cell, number_cell
from collection.admin.search import batteries_named, lots_numbered
from collection.models import (
    Consent,
    Facility,
    Identifier,
    Jurisdiction,
    Lot,
    Package,
    Shipment,
    ShipmentLine,
    TransportDocument,
)
from collection.services import consents, shipments
from collection.services.packing import NewLine, NewPackage
from collection.services.receiving import ReceivedLine
from collection.units import Unit

#: So many lines a form names, for the eye.
MOST_NAMED = 50


class PackForm(VerbForm):
    packages = RowsField(
        ["label", "kind", "packing instruction", "UN number"],
        optional=["kind", "packing instruction", "UN number"],
        required=False,
        label=gettext_lazy("packages"),
        help_text=gettext_lazy("One per line: label, kind (sound or damaged), packing instruction, UN number."),
    )
    lines = RowsField(
        ["thing", "package", "mass", "unit"],
        optional=["package", "mass", "unit"],
        required=False,
        label=gettext_lazy("batteries and lots"),
        help_text=gettext_lazy(
            "One per line: an identifier of a battery here, or “#12” for battery 12, or “lot” and a lot number; "
            "label of its package; declared mass, unit (kg)."
        ),
    )

    def clean_packages(self) -> list[NewPackage]:
        return [
            NewPackage(
                label=row["label"],
                kind=choice_cell(row["kind"] or Package.Kind.SOUND, Package.Kind.values, number),
                packing_instruction=row["packing instruction"],
                un_number=row["UN number"],
            )
            for number, row in enumerate(self.cleaned_data["packages"], start=1)
        ]

    def place(self) -> Facility | None:
        """Where what is packed must be."""
        assert isinstance(self.target, Shipment)
        return self.target.origin

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        origin = self.place()
        if origin is not None and "lines" in given:
            try:
                given["lines"] = self._lines(origin, given["lines"])
            except forms.ValidationError as error:
                self.add_error("lines", error)
        return given

    def _lines(self, origin: Facility, rows: list[dict[str, str]]) -> list[NewLine]:
        names = [row["thing"] for row in rows]
        by_name = batteries_named(names, Identifier.objects.filter(battery__facility=origin))
        numbers = [name[4:].strip() for name in names if name.lower().startswith("lot ")]
        lots = lots_numbered(numbers, Lot.objects.filter(facility=origin))
        lines = []
        for number, row in enumerate(rows, start=1):
            name = row["thing"]
            which: dict[str, int]
            lot = lots[name[4:].strip()] if name.lower().startswith("lot ") else set()
            if len(lot) == 1:
                which = {"lot": min(lot)}
            elif name.startswith("#"):
                which = {"battery": number_cell(name, number)}
            elif len(by_name[name]) == 1:
                which = {"battery": min(by_name[name])}
            elif by_name[name]:
                raise forms.ValidationError(
                    _("Line %(line)s: there are several “%(name)s”; name it by “#” and its id.")
                    % {"line": number, "name": name}
                )
            else:
                raise forms.ValidationError(
                    _("Line %(line)s: nothing here goes by “%(value)s”.") % {"line": number, "value": name}
                )
            unit = choice_cell(row["unit"] or Unit.KG, Unit.values, number)
            mass = mass_cell(row["mass"], number)
            lines.append(NewLine(package=row["package"], declared_value=mass, unit=unit, **which))
        return lines


class DraftForm(PackForm):
    origin = forms.ModelChoiceField(Facility.objects.all(), label=gettext_lazy("from"))
    destination = forms.ModelChoiceField(Facility.objects.all(), label=gettext_lazy("to"))
    carrier = forms.ModelChoiceField(
        Organization.objects.with_function(Function.CARRIER), label=gettext_lazy("carrier")
    )
    vehicle = forms.CharField(max_length=60, required=False, label=gettext_lazy("vehicle"))
    planned_at = instant_field(gettext_lazy("planned departure"), required=False)
    consent = forms.ModelChoiceField(Consent.objects.all(), required=False, label=gettext_lazy("consent"))
    field_order = ("origin", "destination", "carrier", "vehicle", "planned_at", "consent")

    def scope(self) -> None:
        field = self.fields["origin"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Facility.objects.run_by(self.user)

    def place(self) -> Facility | None:
        return self.cleaned_data.get("origin")


class ChangeForm(VerbForm):
    carrier = forms.ModelChoiceField(
        Organization.objects.with_function(Function.CARRIER), label=gettext_lazy("carrier")
    )
    vehicle = forms.CharField(max_length=60, required=False, label=gettext_lazy("vehicle"))
    planned_at = instant_field(gettext_lazy("planned departure"), required=False)
    consent = forms.ModelChoiceField(Consent.objects.all(), required=False, label=gettext_lazy("consent"))

    def scope(self) -> None:
        for name in self.fields:
            self.initial[name] = getattr(self.target, name)


def _line_choices(form: VerbForm) -> list[tuple[int, str]]:
    assert isinstance(form.target, Shipment)
    lines = (
        form.target.lines.exclude(outcome=ShipmentLine.Outcome.REMOVED).select_related("battery", "lot").order_by("pk")
    )
    return [(line.pk, f"{line.pk}: {line.battery or line.lot}") for line in lines]


class UnpackForm(VerbForm):
    lines = forms.TypedMultipleChoiceField(coerce=int, label=gettext_lazy("lines"))

    def scope(self) -> None:
        self.fields["lines"].choices = _line_choices(self)  # type: ignore[attr-defined]


class DispatchForm(VerbForm):
    dispatched_at = instant_field(gettext_lazy("dispatched at"))


class ArriveForm(VerbForm):
    arrived_at = instant_field(gettext_lazy("arrived at"))


class ReceiveForm(VerbForm):
    received_at = instant_field(gettext_lazy("received at"))
    weighed = RowsField(
        ["line", "mass", "unit"],
        optional=["unit"],
        required=False,
        label=gettext_lazy("weighed"),
        help_text=gettext_lazy("One per line: number of the shipment's line, received mass, unit (kg)."),
    )
    rejected = RowsField(
        ["line", "reason"],
        required=False,
        label=gettext_lazy("rejected"),
        help_text=gettext_lazy(
            "One per line: number of the shipment's line, reason. These turn back. All else is accepted."
        ),
    )

    def scope(self) -> None:
        lines = "; ".join(label for _pk, label in _line_choices(self)[:MOST_NAMED])
        self.fields["rejected"].help_text = f"{self.fields['rejected'].help_text} {lines}"

    def clean_weighed(self) -> dict[int, ReceivedLine]:
        found = {}
        for number, row in enumerate(self.cleaned_data["weighed"], start=1):
            line = number_cell(row["line"], number)
            unit = choice_cell(row["unit"] or Unit.KG, Unit.values, number)
            found[line] = ReceivedLine(line, mass_cell(row["mass"], number), unit)
        return found

    def clean_rejected(self) -> dict[int, str]:
        rows = enumerate(self.cleaned_data["rejected"], start=1)
        return {number_cell(row["line"], number): row["reason"] for number, row in rows}

    def arguments(self) -> dict[str, Any]:
        assert isinstance(self.target, Shipment)
        given = self.cleaned_data
        weighed, rejected = given["weighed"], given["rejected"]
        open_lines = set(self.target.lines.filter(outcome=ShipmentLine.Outcome.OPEN).values_list("pk", flat=True))
        accepted = [
            weighed.get(line) or ReceivedLine(line) for line in sorted((open_lines - set(rejected)) | set(weighed))
        ]
        return {"received_at": given["received_at"], "accepted": accepted, "rejected": rejected}


class CorrectLineForm(VerbForm):
    line = forms.TypedChoiceField(coerce=int, label=gettext_lazy("line"))
    declared_value = forms.DecimalField(max_digits=12, decimal_places=3, label=gettext_lazy("declared mass"))
    unit = forms.ChoiceField(choices=Unit.choices, label=gettext_lazy("unit"))
    reason = text_field(gettext_lazy("reason"), max_length=500)
    corrected_at = instant_field(gettext_lazy("corrected at"))

    def scope(self) -> None:
        self.fields["line"].choices = _line_choices(self)  # type: ignore[attr-defined]


class DocumentForm(VerbForm):
    kind = forms.ChoiceField(choices=TransportDocument.Kind.choices, label=gettext_lazy("kind"))
    number = forms.CharField(max_length=60, label=gettext_lazy("number"))
    issued_on = forms.DateField(required=False, label=gettext_lazy("issued on"))


class LineInline(PartInline):
    model = ShipmentLine
    fields = ("number", "battery", "lot", "package", "declared_value", "unit", "declared_kg", "outcome", "reason")

    @display(description=gettext_lazy("line"))
    def number(self, line: ShipmentLine) -> int:
        return line.pk


class PackageInline(PartInline):
    model = Package
    fields = ("label", "kind", "packing_instruction", "un_number")


class DocumentInline(PartInline):
    model = TransportDocument
    fields = ("kind", "number", "issued_on")


@admin.register(Shipment)
class ShipmentAdmin(ScopedAdmin):
    list_display = (
        "__str__",
        "origin",
        "destination",
        "carrier",
        "status",
        "planned_at",
        "dispatched_at",
        "arrived_at",
    )
    list_filter = ("status", "is_simulated")
    list_select_related = ("origin", "destination", "carrier")
    search_fields = (
        "id__exact", "vehicle", "origin__name", "destination__name", "carrier__name", "documents__number",
    )  # fmt: skip
    search_help_text = gettext_lazy("A number, a vehicle, a place, a carrier, or a document.")
    ordering = ("-pk",)
    inlines = (LineInline, PackageInline, DocumentInline)
    create = Button(gettext_lazy("Draft a shipment"), shipments.draft, DraftForm)
    buttons = (
        Button(gettext_lazy("pack"), shipments.pack, PackForm),
        Button(gettext_lazy("unpack"), shipments.unpack, UnpackForm),
        Button(gettext_lazy("change"), shipments.change, ChangeForm),
        Button(gettext_lazy("make ready"), shipments.make_ready),
        Button(gettext_lazy("accept"), shipments.accept),
        Button(gettext_lazy("dispatch"), shipments.dispatch, DispatchForm),
        Button(gettext_lazy("reopen"), shipments.reopen),
        Button(gettext_lazy("note the arrival"), shipments.arrive, ArriveForm),
        Button(gettext_lazy("receive"), shipments.receive, ReceiveForm),
        Button(gettext_lazy("note a document"), shipments.document, DocumentForm),
        Button(gettext_lazy("correct a mass"), shipments.correct, CorrectLineForm),
        Button(gettext_lazy("close"), shipments.close, is_final=True),
        Button(gettext_lazy("cancel"), shipments.cancel, is_final=True),
    )


_COUNTRIES = Jurisdiction.objects.filter(kind=Jurisdiction.Kind.COUNTRY)


class ConsentForm(VerbForm):
    authority = forms.CharField(max_length=100, label=gettext_lazy("authority"))
    number = forms.CharField(max_length=60, label=gettext_lazy("number"))
    exporter = forms.ModelChoiceField(Organization.objects.all(), label=gettext_lazy("exporter"))
    importer = forms.ModelChoiceField(Organization.objects.all(), label=gettext_lazy("importer"))
    from_country = forms.ModelChoiceField(_COUNTRIES, label=gettext_lazy("from country"))
    to_country = forms.ModelChoiceField(_COUNTRIES, label=gettext_lazy("to country"))
    valid_from = forms.DateField(label=gettext_lazy("first day"))
    valid_until = forms.DateField(label=gettext_lazy("last day"))
    limit_kg = forms.DecimalField(max_digits=12, decimal_places=3, required=False, label=gettext_lazy("limit (kg)"))


@admin.register(Consent)
class ConsentAdmin(ScopedAdmin):
    list_display = ("number", "authority", "exporter", "importer", "from_country", "to_country", "valid", "limit_kg")
    list_filter = ("from_country", "to_country", "is_simulated")
    list_select_related = ("exporter", "importer", "from_country", "to_country")
    search_fields = ("number", "authority", "exporter__name", "importer__name")
    create = Button(gettext_lazy("Record a consent"), consents.record, ConsentForm)
