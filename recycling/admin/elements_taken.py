from __future__ import annotations

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy

from accounts.admin.forms import VerbForm
from accounts.admin.scoped import Button, ScopedAdmin
from accounts.models import Function, Organization
from recycling.models import ElementsTaken, OptionalElement
from recycling.services import elements_taken


class ChooseForm(VerbForm):
    recycler = forms.ModelChoiceField(
        Organization.objects.with_function(Function.RECYCLER), label=gettext_lazy("recycler")
    )
    year = forms.IntegerField(min_value=2000, max_value=2100, label=gettext_lazy("calendar year"))
    elements = forms.MultipleChoiceField(
        choices=OptionalElement.choices,
        required=False,
        label=gettext_lazy("taken into account"),
        help_text=gettext_lazy("In input and output both. From 2030 on carbon, iron and phosphorus always are."),
    )

    def scope(self) -> None:
        field = self.fields["recycler"]
        assert isinstance(field, forms.ModelChoiceField)
        if not self.user.is_superuser:
            field.queryset = Organization.objects.with_function(Function.RECYCLER).filter(memberships__user=self.user)
            field.initial = field.queryset.first()


@admin.register(ElementsTaken)
class ElementsTakenAdmin(ScopedAdmin):
    list_display = ("recycler", "year", "elements")
    list_filter = ("year",)
    list_select_related = ("recycler",)
    search_fields = ("recycler__name",)
    ordering = ("-pk",)
    create = Button(gettext_lazy("Choose the elements of a year"), elements_taken.choose, ChooseForm)
