from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from accounts.admin.forms import RowsField, VerbForm, instant_field, text_field
from accounts.admin.scoped import Button, PartInline
from accounts.models import Function, Organization, Role
from collection.admin.cells import choice_cell
from collection.admin.custody import LivingAdmin
from collection.admin.search import battery_named, read_off
from collection.battery_numbers import LONGEST_SENT
from collection.models import (
    Battery,
    BatteryModel,
    Chemistry,
    Condition,
    Facility,
    Identifier,
    Jurisdiction,
)
from collection.services import batteries, claim_contests, credit
from collection.services.identifiers import NewIdentifier
from collection.units import Unit


def own_organizations(user: Any) -> Any:
    """Those that the user works for."""
    working = [m.organization_id for m in Actor.of(user).memberships if Role(m.role).rank >= Role.OPERATOR.rank]
    return Organization.objects.filter(pk__in=working)


def managed_producers(user: Any) -> Any:
    """The producers in whose name the user may speak: those that it manages; all of them for who runs the platform."""
    producers = Organization.objects.with_function(Function.PRODUCER)
    managed = [m.organization_id for m in Actor.of(user).memberships if m.role == Role.MANAGER]
    return producers if user.is_superuser else producers.filter(pk__in=managed)


class PlacedForm(VerbForm):
    """Asks for one of the user's own facilities."""

    facility = forms.ModelChoiceField(Facility.objects.all(), label=gettext_lazy("facility"))
    occurred_at = instant_field(gettext_lazy("when"))

    def scope(self) -> None:
        field = self.fields["facility"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Facility.objects.run_by(self.user)


class RegisterForm(PlacedForm):
    organization = forms.ModelChoiceField(Organization.objects.all(), label=gettext_lazy("in the name of"))
    identifiers = RowsField(
        ["identifier", "scheme", "issuer"],
        optional=["scheme", "issuer"],
        label=gettext_lazy("identifiers"),
        help_text=gettext_lazy(
            "One per line: identifier, scheme (vin if it has 17 characters, else oem_serial), issuer."
        ),
    )
    model = forms.ModelChoiceField(BatteryModel.objects.all(), required=False, label=gettext_lazy("battery model"))
    producer = forms.ModelChoiceField(
        Organization.objects.with_function(Function.PRODUCER),
        required=False,
        label=gettext_lazy("producer"),
        help_text=gettext_lazy("If not the model's."),
    )
    chemistry = forms.ModelChoiceField(Chemistry.objects.all(), required=False, label=gettext_lazy("chemistry"))
    rated_kwh = forms.DecimalField(
        max_digits=8, decimal_places=3, required=False, label=gettext_lazy("rated energy (kWh)")
    )
    mass_value = forms.DecimalField(max_digits=12, decimal_places=3, required=False, label=gettext_lazy("mass"))
    mass_unit = forms.ChoiceField(choices=Unit.choices, initial=Unit.KG, label=gettext_lazy("unit"))
    condition = forms.ChoiceField(choices=Condition.choices, label=gettext_lazy("condition"))
    placed_in = forms.ModelChoiceField(
        Jurisdiction.objects.all(), required=False, label=gettext_lazy("placed on the market in")
    )
    placed_on = forms.DateField(required=False, label=gettext_lazy("placed on the market on"))
    field_order = ("organization", "identifiers")

    def scope(self) -> None:
        super().scope()
        for name in ("facility", "occurred_at"):
            self.fields[name].required = False
        self.fields["facility"].help_text = _("Where it was given up; empty for a battery in use.")
        organizations = self.fields["organization"]
        assert isinstance(organizations, forms.ModelChoiceField)
        if not self.user.is_superuser:
            organizations.queryset = own_organizations(self.user)
        own = list(organizations.queryset[:2]) if organizations.queryset is not None else []
        if len(own) == 1:
            organizations.initial = own[0]

    def clean_identifiers(self) -> list[NewIdentifier]:
        found = []
        for number, row in enumerate(self.cleaned_data["identifiers"], start=1):
            scheme = choice_cell(row["scheme"], Identifier.Scheme.values, number) if row["scheme"] else ""
            found.append(read_off(row["identifier"], scheme, row["issuer"], number))
        return found

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("occurred_at") and not given.get("facility"):
            self.add_error("facility", _("Say where the battery was given up."))
        return given


class IdentifyForm(VerbForm):
    scheme = forms.ChoiceField(choices=Identifier.Scheme.choices, label=gettext_lazy("scheme"))
    value = forms.CharField(max_length=LONGEST_SENT, label=gettext_lazy("value"))
    issuer = forms.CharField(max_length=100, required=False, label=gettext_lazy("issuer"))


class LostForm(VerbForm):
    occurred_at = instant_field(gettext_lazy("when"))
    reason = text_field(gettext_lazy("what happened"), max_length=500)


class ChangesForm(VerbForm):
    reason = text_field(gettext_lazy("reason"), max_length=500)
    model = forms.ModelChoiceField(BatteryModel.objects.all(), required=False, label=gettext_lazy("battery model"))
    producer = forms.ModelChoiceField(
        Organization.objects.with_function(Function.PRODUCER), required=False, label=gettext_lazy("producer")
    )
    chemistry = forms.ModelChoiceField(Chemistry.objects.all(), required=False, label=gettext_lazy("chemistry"))
    rated_kwh = forms.DecimalField(
        max_digits=8, decimal_places=3, required=False, label=gettext_lazy("rated energy (kWh)")
    )
    mass_value = forms.DecimalField(max_digits=12, decimal_places=3, required=False, label=gettext_lazy("mass"))
    mass_unit = forms.ChoiceField(choices=Unit.choices, label=gettext_lazy("unit"))
    placed_in = forms.ModelChoiceField(
        Jurisdiction.objects.all(), required=False, label=gettext_lazy("placed on the market in")
    )
    placed_on = forms.DateField(required=False, label=gettext_lazy("placed on the market on"))


class CorrectForm(ChangesForm):
    """Shows what is there; what was changed is corrected."""

    is_measured = forms.BooleanField(required=False, label=gettext_lazy("its chemistry was measured"))

    def scope(self) -> None:
        assert isinstance(self.target, Battery)
        for name in self.fields:
            if name not in ("reason", "is_measured"):
                self.initial[name] = getattr(self.target, name)

    def arguments(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in {"reason", *self.changed_data}}


class ClaimsForm(VerbForm):
    """For which producer a manager speaks."""

    organization = forms.ModelChoiceField(
        Organization.objects.with_function(Function.PRODUCER), label=gettext_lazy("in the name of")
    )

    def scope(self) -> None:
        producers = self.fields["organization"]
        assert isinstance(producers, forms.ModelChoiceField)
        producers.queryset = managed_producers(self.user)
        producers.initial = producers.queryset.first()


class ContestClaimForm(VerbForm):
    statement = text_field(gettext_lazy("why it is not"), max_length=claim_contests.LONGEST_STATEMENT)


class ContestClaimsForm(ClaimsForm, ContestClaimForm):
    """Why none of the batteries is the producer's."""

    field_order = ("organization", "statement")


def _assigned(record: Battery) -> str:
    """How its chemistry was assigned, how sure that is, and by what pattern."""
    said = [record.get_chemistry_by_display(), record.get_chemistry_confidence_display(), str(record.pattern or "")]
    return "; ".join(part for part in said if part)


class IdentifierInline(PartInline):
    model = Identifier
    fields = ("scheme", "issuer", "value")


@admin.register(Battery)
class BatteryAdmin(LivingAdmin):
    list_display = ("__str__", "model", "producer", "condition", "status", "facility", "shipment", "mass_kg")
    list_filter = ("status", "condition", "producer_ground", "chemistry_by", "chemistry", "is_simulated")
    list_select_related = ("model", "producer", "facility", "shipment")
    sortable_by = ()
    search_fields = ("identifiers",)
    search_help_text = gettext_lazy("A whole identifier, however it is written, or the battery's number.")
    fields = (  # what the facts above its life do not say yet
        "form", "rated_kwh", "content_kwh", "composition", "registered_by", "registered_at", "is_simulated",
    )  # fmt: skip
    inlines = (IdentifierInline,)
    create = Button(gettext_lazy("Register a battery"), batteries.register, RegisterForm)
    buttons = (
        Button(gettext_lazy("take in"), batteries.give_up, PlacedForm),
        Button(gettext_lazy("add an identifier"), batteries.identify, IdentifyForm),
        Button(gettext_lazy("correct"), batteries.correct, CorrectForm),
        Button(gettext_lazy("accept the claim"), credit.accept_claim),
        Button(gettext_lazy("contest the claim"), claim_contests.contest_claim, ContestClaimForm),
        Button(gettext_lazy("report as lost"), batteries.report_lost, LostForm, is_final=True),
        Button(gettext_lazy("report as found"), batteries.report_found, PlacedForm),
    )

    many = (
        Button(gettext_lazy("accept the claims"), credit.accept_claims, ClaimsForm, rows="batteries"),
        Button(gettext_lazy("contest the claims"), claim_contests.contest_claims, ContestClaimsForm, rows="batteries"),
    )

    def named(self, term: str) -> Q:
        return battery_named(term)

    def facts(self, record: Battery) -> list[tuple[Any, Any]]:
        names = "; ".join(str(identifier) for identifier in record.identifiers.all())
        where = record.facility or record.shipment
        return [
            (_("identifiers"), names),
            (_("battery model"), record.model),
            (_("producer"), record.producer or _("not known")),
            (_("counts for it because"), record.get_producer_ground_display() if record.producer else None),
            (_("chemistry"), record.chemistry),
            (_("chemistry assigned"), _assigned(record)),
            (_("vehicle"), record.vehicle),
            (_("condition"), record.get_condition_display()),
            (_("state of health"), f"{record.state_of_health:.1%}" if record.state_of_health is not None else None),
            (_("status"), record.get_status_display()),
            (_("where it is"), where),
            (
                _("mass"),
                f"{record.mass_value.normalize():f} {record.get_mass_unit_display()}" if record.mass_value else "",
            ),
            (_("placed on the market"), " ".join(str(v) for v in (record.placed_in, record.placed_on) if v)),
        ]
