"""Records as the API shows them.

What a record looks like follows from its serializer's class. REST framework works that out for every serializer that it
makes, and asks every field anew for every record; here it is settled once for each class. What is shown is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from operator import attrgetter
from typing import Any

from django.core.exceptions import FieldDoesNotExist, ObjectDoesNotExist
from django.db import models
from rest_framework import serializers
from rest_framework.fields import SkipField
from rest_framework.settings import api_settings

from accounts.api.doors import VerbsField, open_doors

type _Serializer = serializers.Serializer[Any]
type _Field = serializers.Field[Any, Any, Any, Any]
#: From a serializer, which knows who reads, and a record to what is shown of it.
type _Show = Callable[[_Serializer, Any], Any]

#: Fields that show as it is what the database holds in such a column.
_PLAIN: dict[type[_Field], type[models.Field[Any, Any]]] = {
    serializers.IntegerField: models.IntegerField,
    serializers.CharField: models.CharField,
    serializers.ChoiceField: models.CharField,
    serializers.BooleanField: models.BooleanField,
}


class RecordSerializer[Record: models.Model](serializers.ModelSerializer[Record]):
    """A `ModelSerializer` of records that are only read. Its fields depend on nothing but its class."""

    def get_fields(self) -> dict[str, Any]:
        """What may be empty in the table is documented as that, too, though nobody writes it here."""
        fields = super().get_fields()
        for field_name, field in fields.items():
            if isinstance(field, serializers.ChoiceField) and not field.source:
                column = self.Meta.model._meta.get_field(field_name)  # type: ignore[attr-defined]
                field.allow_blank = column.blank
        return fields

    def to_representation(self, instance: Record) -> dict[str, Any]:
        """What is shown of one record."""
        shown = {}
        for name, show in _what_is_shown(type(self)):
            try:
                shown[name] = show(self, instance)
            except SkipField:
                continue
        return shown


@cache
def _what_is_shown(kind: type[_Serializer]) -> list[tuple[str, _Show]]:
    fields = kind().fields
    return [(name, _show(field)) for name, field in fields.items() if not field.write_only]


def _show(field: _Field) -> _Show:
    if isinstance(field, VerbsField):
        return lambda serializer, record: open_doors(serializer.context["view"], record)
    if isinstance(field, serializers.SerializerMethodField):
        method = field.method_name
        return lambda serializer, record: getattr(serializer, method)(record)
    column = _column(field)
    if type(field) is serializers.PrimaryKeyRelatedField and isinstance(column, models.ForeignKey):
        return _as_it_is(column.attname)
    if column is not None and isinstance(column, _PLAIN.get(type(field), ())):
        return _as_it_is(column.attname)
    return _represented(field)


def _column(field: _Field) -> models.Field[Any, Any] | None:
    """The column that a field shows, if it shows one."""
    model = getattr(getattr(field.parent, "Meta", None), "model", None)
    try:
        found = model._meta.get_field(field.source) if model is not None else None
    except FieldDoesNotExist:
        return None
    return found if isinstance(found, models.Field) and found.concrete else None


def _as_it_is(attribute: str) -> _Show:
    get = attrgetter(attribute)
    return lambda _serializer, record: get(record)


def _represented(field: _Field) -> _Show:
    """As REST framework does it, but for looking up what hardly ever is anything but an attribute."""
    represent = _representation(field)
    get = attrgetter(".".join(field.source_attrs)) if field.source_attrs else None

    def show(_serializer: _Serializer, record: Any) -> Any:
        try:
            value = get(record) if get is not None else record
        except (AttributeError, ObjectDoesNotExist):
            value = field.get_attribute(record)
        if callable(value):
            value = field.get_attribute(record)
        return None if value is None else represent(value)

    return show


def _representation(field: _Field) -> Callable[[Any], Any]:
    if not isinstance(field, serializers.DecimalField) or type(field).to_representation is not _OF_DECIMALS:
        return field.to_representation
    is_text = getattr(field, "coerce_to_string", api_settings.COERCE_DECIMAL_TO_STRING)
    if not is_text or field.decimal_places is None or field.rounding or field.localize or field.normalize_output:
        return field.to_representation
    text = f"{{:.{field.decimal_places}f}}".format
    return lambda value: text(value) if isinstance(value, Decimal) else field.to_representation(value)


_OF_DECIMALS = serializers.DecimalField.to_representation
