from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from accounts.admin.forms import VerbForm, text_field
from accounts.admin.scoped import Button, PartInline, ScopedAdmin
from accounts.models import Organization, Role
from collection.models import CollectionPoint, Facility, Jurisdiction, Permit
from collection.services import facilities


class FacilityForm(VerbForm):
    operator = forms.ModelChoiceField(Organization.objects.all(), label=gettext_lazy("operator"))
    name = forms.CharField(max_length=200, label=gettext_lazy("name"))
    jurisdiction = forms.ModelChoiceField(Jurisdiction.objects.all(), label=gettext_lazy("jurisdiction"))
    address = forms.CharField(max_length=200, required=False, label=gettext_lazy("street address"))
    locality = forms.CharField(max_length=100, required=False, label=gettext_lazy("locality"))
    postal_code = forms.CharField(max_length=10, required=False, label=gettext_lazy("postal code"))
    latitude = forms.DecimalField(max_digits=8, decimal_places=5, required=False, label=gettext_lazy("latitude"))
    longitude = forms.DecimalField(max_digits=8, decimal_places=5, required=False, label=gettext_lazy("longitude"))
    time_zone = forms.CharField(
        max_length=40,
        required=False,
        label=gettext_lazy("time zone"),
        help_text=gettext_lazy("Such as America/Denver. Empty: the usual one of the jurisdiction."),
    )
    storage_limit_kg = forms.DecimalField(
        max_digits=12, decimal_places=3, required=False, label=gettext_lazy("storage limit (kg)")
    )

    def scope(self) -> None:
        if self.target is not None:
            del self.fields["operator"]
            self.initial |= {name: getattr(self.target, name) for name in self.fields}
            return
        field = self.fields["operator"]
        assert isinstance(field, forms.ModelChoiceField)
        if not self.user.is_superuser:
            field.queryset = Organization.objects.filter(pk__in=_managed(Actor.of(self.user)))

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        if self.target is not None and not given.get("time_zone"):
            given.pop("time_zone", None)
        return given


def _managed(actor: Actor) -> list[int]:
    return [m.organization_id for m in actor.memberships if m.role == Role.MANAGER]


class PermitForm(VerbForm):
    kind = forms.ChoiceField(choices=Permit.Kind.choices, label=gettext_lazy("kind"))
    number = forms.CharField(max_length=60, label=gettext_lazy("number"))
    valid_from = forms.DateField(label=gettext_lazy("first day"))
    valid_until = forms.DateField(label=gettext_lazy("last day"))
    source = forms.CharField(max_length=300, required=False, label=gettext_lazy("source"))


class PointForm(VerbForm):
    kind = forms.ChoiceField(choices=CollectionPoint.Kind.choices, label=gettext_lazy("kind"))
    contact = forms.CharField(max_length=200, required=False, label=gettext_lazy("contact"))
    notes = text_field(gettext_lazy("access notes"), required=False, max_length=5000)

    def scope(self) -> None:
        if isinstance(self.target, CollectionPoint):
            self.initial |= {name: getattr(self.target, name) for name in self.fields}


class EmailForm(VerbForm):
    email = forms.EmailField(max_length=254, label=gettext_lazy("email"))


class PermitInline(PartInline):
    model = Permit
    fields = ("kind", "number", "valid", "source")


@admin.register(Facility)
class FacilityAdmin(ScopedAdmin):
    list_display = ("name", "operator", "jurisdiction", "locality", "time_zone", "storage_limit_kg")
    list_filter = ("jurisdiction", "is_simulated")
    list_select_related = ("operator", "jurisdiction")
    search_fields = ("name", "operator__name", "locality", "postal_code")
    inlines = (PermitInline,)
    create = Button(gettext_lazy("Register a facility"), facilities.register, FacilityForm)
    buttons = (
        Button(gettext_lazy("change"), facilities.change, FacilityForm),
        Button(gettext_lazy("add a permit"), facilities.add_permit, PermitForm),
        Button(gettext_lazy("make it a collection point"), facilities.register_collection_point, PointForm),
        Button(gettext_lazy("vouch for its people"), facilities.vouch, EmailForm),
    )

    def buttons_for(self, record: Facility, actor: Actor) -> list[Button]:
        """A facility becomes a collection point once; nobody vouches for the people of an operator that has some."""
        found = super().buttons_for(record, actor)
        is_point = CollectionPoint.objects.filter(facility=record).exists()
        hidden = [PointForm] if is_point else []
        if record.operator.is_claimed:
            hidden.append(EmailForm)
        return [button for button in found if button.form not in hidden]


@admin.register(Permit)
class PermitAdmin(ScopedAdmin):
    list_display = ("number", "kind", "facility", "valid")
    list_filter = ("kind",)
    list_select_related = ("facility",)
    search_fields = ("number", "facility__name")


@admin.register(CollectionPoint)
class CollectionPointAdmin(ScopedAdmin):
    list_display = ("facility", "kind", "contact", "is_active")
    list_filter = ("kind", "is_active", "facility__jurisdiction")
    list_select_related = ("facility",)
    search_fields = ("facility__name", "facility__locality", "contact")
    buttons = (
        Button(gettext_lazy("change"), facilities.change_collection_point, PointForm),
        Button(gettext_lazy("deactivate"), facilities.deactivate, is_final=True),
        Button(gettext_lazy("activate"), facilities.activate),
    )
