"""What verbs ask for in the admin: forms of what the user can see, rows typed as text, and where a refusal is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django import forms
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.errors import DomainError
from accounts.models import User

_WIDGETS: list[tuple[type[forms.Field], Callable[[], forms.Widget]]] = [
    (forms.ModelMultipleChoiceField, UnfoldAdminSelect2MultipleWidget),
    (forms.ModelChoiceField, UnfoldAdminSelect2Widget),
    (forms.ChoiceField, UnfoldAdminSelectWidget),
    (forms.BooleanField, UnfoldBooleanWidget),
    (forms.SplitDateTimeField, UnfoldAdminSplitDateTimeWidget),
    (forms.DateField, UnfoldAdminSingleDateWidget),
    (forms.DecimalField, UnfoldAdminDecimalFieldWidget),
    (forms.IntegerField, UnfoldAdminIntegerFieldWidget),
    (forms.FileField, UnfoldAdminFileFieldWidget),
]


def instant_field(label: Any, **options: Any) -> forms.SplitDateTimeField:
    """A date and a time, in the time zone that the page names."""
    return forms.SplitDateTimeField(label=label, **options)


def text_field(label: Any, **options: Any) -> forms.CharField:
    """Several lines of text."""
    return forms.CharField(label=label, widget=UnfoldAdminTextareaWidget(), **options)


class VerbForm(forms.Form):
    """What a verb asks for. References offer only what the user can see."""

    def __init__(self, *args: Any, user: User, target: models.Model | None, **kwargs: Any) -> None:
        self.user, self.target = user, target
        super().__init__(*args, **kwargs)
        for name, fld in self.fields.items():
            if isinstance(fld, forms.ModelChoiceField):
                fld.queryset = fld.queryset.visible_to(user)  # type: ignore[union-attr]
            if not type(fld.widget).__module__.startswith("unfold"):
                self._dress(name, fld)
        self.scope()

    def scope(self) -> None:
        """Narrow choices and set initial values by `self.target` and `self.user`; for subclasses."""

    def arguments(self) -> dict[str, Any]:
        """What is passed to the service; for subclasses to build value objects from text."""
        return {name: value for name, value in self.cleaned_data.items() if value is not None}

    def _dress(self, name: str, fld: forms.Field) -> None:
        make = next((widget for kind, widget in _WIDGETS if isinstance(fld, kind)), UnfoldAdminTextInputWidget)
        old = fld.widget
        fld.widget = make()
        fld.widget.is_required = fld.required
        if hasattr(fld, "choices"):
            fld.widget.choices = fld.choices  # type: ignore[attr-defined]
        fld.widget.attrs.update({k: v for k, v in old.attrs.items() if k in ("maxlength", "min", "max", "step")})


class RowsField(forms.CharField):
    """Rows typed, pasted or scanned as text, one per line, cells separated by comma, semicolon or tab.

    `columns` names the cells; those in `optional` may be left empty. Cleans to a list of dicts.
    """

    def __init__(self, columns: Sequence[str], *, optional: Iterable[str] = (), **options: Any) -> None:
        self.columns, self.optional = list(columns), set(optional)
        options.setdefault("help_text", _rows_help(self.columns))
        super().__init__(widget=UnfoldAdminTextareaWidget(), **options)

    def clean(self, value: Any) -> list[dict[str, str]]:
        rows, errors = [], []
        for number, line in enumerate((super().clean(value) or "").splitlines(), start=1):
            if not line.strip():
                continue
            separator = next((s for s in ("\t", ";") if s in line), ",")
            cells = [cell.strip() for cell in line.split(separator)]
            row = dict(zip(self.columns, cells + [""] * len(self.columns), strict=False))
            missing = [name for name in self.columns if not row[name] and name not in self.optional]
            if len(cells) > len(self.columns):
                errors.append(_("Line %(n)s has more than %(max)s cells.") % {"n": number, "max": len(self.columns)})
            elif missing:
                errors.append(_("Line %(n)s lacks: %(names)s.") % {"n": number, "names": ", ".join(missing)})
            rows.append(row)
        if errors:
            raise forms.ValidationError(errors[:20])
        return rows


def _rows_help(columns: Sequence[str]) -> str:
    return _("One per line: %(columns)s") % {"columns": ", ".join(columns)}


def show_error(form: forms.Form, error: DomainError) -> None:
    """Put a service's refusal at the field it names; `batteries.3.mass` goes to `batteries`, with its line."""
    name, _dot, rest = (error.field or "").partition(".")
    text = str(error.message)
    row = rest.split(".")[0]
    if row.isdigit():
        text = _("Line %(line)s: %(message)s") % {"line": int(row) + 1, "message": text}
    form.add_error(name if name in form.fields else None, text)


reason_label = gettext_lazy("reason")


class ReasonForm(VerbForm):
    """A verb that needs to say why."""

    reason = text_field(reason_label, max_length=500)
