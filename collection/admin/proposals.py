from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy

from accounts.admin.forms import VerbForm, instant_field, text_field
from accounts.admin.scoped import Button
from accounts.models import Organization
from collection.admin.batteries import ChangesForm, own_organizations
from collection.admin.custody import VeiledAdmin
from collection.battery_numbers import LONGEST_SENT, guess_scheme
from collection.models import Battery, Facility, Proposal
from collection.services import proposals
from collection.services.identifiers import NewIdentifier


class ProposeForm(ChangesForm):
    """What is wrong with a battery, or where it is. What is left empty is not said."""

    organization = forms.ModelChoiceField(Organization.objects.all(), label=gettext_lazy("in the name of"))
    battery = forms.ModelChoiceField(
        Battery.objects.all(), required=False, label=gettext_lazy("battery"), widget=forms.NumberInput
    )
    identifier = forms.CharField(
        required=False,
        max_length=LONGEST_SENT,
        label=gettext_lazy("or one of its numbers"),
        help_text=gettext_lazy("Of a battery in use that somebody else registered: its VIN, else a serial number."),
    )
    facility = forms.ModelChoiceField(
        Facility.objects.all(),
        required=False,
        label=gettext_lazy("it is at"),
        help_text=gettext_lazy("Of a battery that was lost, or is in use."),
    )
    occurred_at = instant_field(gettext_lazy("since when"), required=False)
    field_order = ("organization", "battery", "identifier", "reason")

    def scope(self) -> None:
        facility, organization = self.fields["facility"], self.fields["organization"]
        assert isinstance(facility, forms.ModelChoiceField) and isinstance(organization, forms.ModelChoiceField)
        facility.queryset = Facility.objects.run_by(self.user)
        if not self.user.is_superuser:
            organization.queryset = own_organizations(self.user)
        self.fields["mass_unit"].required = False

    def arguments(self) -> dict[str, Any]:
        given = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        if "identifier" in given:
            given["identifier"] = NewIdentifier(guess_scheme(given["identifier"]), given["identifier"])
        if "mass_value" not in given:
            given.pop("mass_unit", None)
        return given


class AcceptForm(VerbForm):
    answer = text_field(gettext_lazy("answer"), max_length=500, required=False)


class RefuseForm(VerbForm):
    answer = text_field(gettext_lazy("why not"), max_length=500)


@admin.register(Proposal)
class ProposalAdmin(VeiledAdmin):
    list_display = ("__str__", "battery", "kind", "proposed_for", "addressed_to", "status", "proposed_at")
    list_filter = ("status", "kind")
    list_select_related = ("battery", "proposed_for", "addressed_to")
    search_fields = ("proposed_for__name",)
    search_help_text = gettext_lazy("The organization that proposes.")
    date_hierarchy = "proposed_at"
    create = Button(gettext_lazy("Propose a correction"), proposals.propose, ProposeForm)
    buttons = (
        Button(gettext_lazy("accept"), proposals.accept, AcceptForm, is_final=True),
        Button(gettext_lazy("refuse"), proposals.refuse, RefuseForm, is_final=True),
        Button(gettext_lazy("withdraw"), proposals.withdraw, is_final=True),
    )
