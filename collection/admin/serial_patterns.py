from __future__ import annotations

from django import forms
from django.contrib import admin
from django.utils.translation import gettext_lazy

from accounts.admin.forms import VerbForm
from accounts.admin.scoped import Button, ScopedAdmin
from accounts.models import Function, Organization
from collection.admin.batteries import managed_producers
from collection.models import Identifier, SerialPattern
from collection.services import serial_patterns


class FileForm(VerbForm):
    producer = forms.ModelChoiceField(
        Organization.objects.with_function(Function.PRODUCER), label=gettext_lazy("producer")
    )
    scheme = forms.ChoiceField(choices=Identifier.Scheme.choices, label=gettext_lazy("scheme"))
    pattern = forms.CharField(
        max_length=200,
        label=gettext_lazy("pattern"),
        help_text=gettext_lazy(
            "? stands for one character, * for any number; the first three stand for themselves: 5YJ*. What waits and fits"
            " is confirmed at once."
        ),
    )

    def scope(self) -> None:
        producers = self.fields["producer"]
        assert isinstance(producers, forms.ModelChoiceField)
        producers.queryset = managed_producers(self.user)
        producers.initial = producers.queryset.first()


@admin.register(SerialPattern)
class SerialPatternAdmin(ScopedAdmin):
    list_display = ("pattern", "scheme", "producer", "filed_at", "ended_at")
    list_filter = ("scheme",)
    list_select_related = ("producer",)
    search_fields = ("pattern", "producer__name")
    ordering = ("-pk",)
    create = Button(gettext_lazy("File a pattern"), serial_patterns.file, FileForm)
    buttons = (Button(gettext_lazy("end"), serial_patterns.end, is_final=True),)
