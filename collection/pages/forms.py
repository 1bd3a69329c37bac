from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from collection.services.receipts import LONGEST_STATEMENT


class ContestForm(forms.Form):
    name = forms.CharField(max_length=150, label=gettext_lazy("your name"), widget=UnfoldAdminTextInputWidget())
    statement = forms.CharField(
        max_length=LONGEST_STATEMENT, label=gettext_lazy("what is not right"), widget=UnfoldAdminTextareaWidget()
    )
