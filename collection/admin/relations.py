from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy

from accounts.admin.forms import VerbForm
from accounts.admin.scoped import Button, ScopedAdmin
from accounts.models import Organization
from collection.models import Condition, Facility, Relation
from collection.services import relations


class OfferForm(VerbForm):
    kind = forms.ChoiceField(choices=Relation.Kind.choices, label=gettext_lazy("kind"))
    giver = forms.ModelChoiceField(Organization.objects.all(), label=gettext_lazy("who gives"))
    taker = forms.ModelChoiceField(Organization.objects.all(), label=gettext_lazy("who takes or carries"))
    facilities = forms.ModelMultipleChoiceField(
        Facility.objects.all(),
        required=False,
        label=gettext_lazy("facilities"),
        help_text=gettext_lazy("Where it holds. Empty: at all facilities of who gives."),
    )
    conditions = forms.MultipleChoiceField(
        choices=Condition.choices,
        required=False,
        label=gettext_lazy("conditions"),
        help_text=gettext_lazy("Empty: all."),
    )
    unannounced = forms.BooleanField(
        required=False,
        label=gettext_lazy("unannounced, too"),
        help_text=gettext_lazy("Whether what was not announced may be loaded, up to the packs expected."),
    )

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        return given | {"facilities": list(given["facilities"]), "conditions": given["conditions"] or None}


@admin.register(Relation)
class RelationAdmin(ScopedAdmin):
    list_display = ("__str__", "kind", "giver", "taker", "status", "unannounced", "offered_by", "offered_at")
    list_filter = ("kind", "status", "is_simulated")
    list_select_related = ("giver", "taker", "offered_by")
    search_fields = ("giver__name", "taker__name")
    fields = (
        "kind", "giver", "taker", "places", "conditions", "unannounced", "status", "reason", "offered_by", "offered_at",
        "declared_at", "is_simulated",
    )  # fmt: skip
    ordering = ("-pk",)
    create = Button(gettext_lazy("Offer a relation"), relations.offer, OfferForm)
    buttons = (
        Button(gettext_lazy("accept"), relations.accept),
        Button(gettext_lazy("refuse"), relations.refuse, is_final=True),
        Button(gettext_lazy("withdraw"), relations.withdraw, is_final=True),
        Button(gettext_lazy("end"), relations.end, is_final=True),
    )

    @admin.display(description=gettext_lazy("facilities"))
    def places(self, relation: Relation) -> str:
        return ", ".join(facility.name for facility in relation.facilities.all())
