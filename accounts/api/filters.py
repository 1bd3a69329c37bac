"""How lists are filtered and ordered. What is asked for and cannot be is refused, never ignored."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django.db import models
from django.utils.translation import gettext as _
from django_filters import rest_framework as library
from rest_framework import exceptions, filters

from accounts.numbers import whole_number


class _WholeNumberField(forms.IntegerField):
    def to_python(self, value: Any) -> int | None:
        if value in self.empty_values:
            return None
        number = whole_number(str(value))
        if number is None:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return number


class WholeNumberFilter(django_filters.NumberFilter):
    """An id or a year. The library's own filter reads 1e-300000 too, for half a minute."""

    field_class = _WholeNumberField


class _TrueOrFalseField(forms.NullBooleanField):
    widget = forms.TextInput

    def to_python(self, value: Any) -> bool | None:
        if value in self.empty_values:
            return None
        try:
            return {"true": True, "false": False}[str(value).lower()]
        except KeyError:
            raise forms.ValidationError(_("Give true or false."), code="invalid") from None

    def validate(self, value: Any) -> None:
        forms.Field.validate(self, value)


class TrueOrFalseFilter(django_filters.BooleanFilter):
    """True or false. The library's own filter takes all else for nothing."""

    field_class = _TrueOrFalseField


class FilterSet(library.FilterSet):
    """The filters of a list.

    A record is filtered by its key alone, never looked up: else a key that exists, but not for this reader, would be answered
    otherwise than one that does not.
    """

    FILTER_DEFAULTS = library.FilterSet.FILTER_DEFAULTS | {models.BooleanField: {"filter_class": TrueOrFalseFilter}}

    @classmethod
    def filter_for_lookup(cls, field: Any, lookup_type: str) -> tuple[Any, dict[str, Any]]:
        if isinstance(field, models.ForeignKey) and lookup_type == "exact":
            is_number = isinstance(field.target_field, models.IntegerField)
            return WholeNumberFilter if is_number else django_filters.CharFilter, {}
        found: tuple[Any, dict[str, Any]] = super().filter_for_lookup(field, lookup_type)
        return found


class Filters(library.DjangoFilterBackend):
    """Filters by a view's `filterset_class` or `filterset_fields`."""

    filterset_base = FilterSet


class Ordering(filters.OrderingFilter):
    """Orders by those of a view's `ordering_fields` that are asked for."""

    def remove_invalid_fields(self, queryset: Any, fields: Any, view: Any, request: Any) -> list[str]:
        known = [name for name, _label in self.get_valid_fields(queryset, view, {"request": request})]
        if unknown := [term for term in fields if term.removeprefix("-") not in known]:
            message = _("“%(unknown)s” is nothing to order by; that is: %(known)s.")
            raise exceptions.ValidationError(
                {self.ordering_param: [message % {"unknown": unknown[0], "known": ", ".join(known)}]}
            )
        return list(fields)
