from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm as AllauthLoginForm
from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget


def password_field(label: Any, autocomplete: str) -> forms.CharField:
    """A password, as it is typed."""
    widget = UnfoldAdminPasswordWidget({"autocomplete": autocomplete})
    return forms.CharField(max_length=256, strip=False, label=label, widget=widget)


def email_field() -> forms.EmailField:
    """The address that one logs in with."""
    return forms.EmailField(
        max_length=254, label=gettext_lazy("email"), widget=UnfoldAdminEmailInputWidget({"autocomplete": "username"})
    )


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"] = email_field()
        self.fields["password"] = password_field(gettext_lazy("password"), "current-password")
        self.fields["login"].widget.attrs["autofocus"] = True


class ForgottenForm(forms.Form):
    email = email_field()


class NewPasswordForm(forms.Form):
    password = password_field(gettext_lazy("new password"), "new-password")
    again = password_field(gettext_lazy("the same again"), "new-password")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("password") != given.get("again"):
            self.add_error("again", _("The two are not the same."))
        return given


class JoinForm(NewPasswordForm):
    name = forms.CharField(
        max_length=150, label=gettext_lazy("your name"), widget=UnfoldAdminTextInputWidget({"autocomplete": "name"})
    )
    field_order = ("name", "password", "again")
