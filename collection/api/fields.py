"""Value objects of the services as parts of a request's body."""

from typing import Any

from rest_framework import serializers

from collection.models import Identifier
from collection.services.batteries import NewIdentifier
from collection.units import ENTERED_PLACES, Unit


class MassField(serializers.DecimalField):
    """A mass as entered: positive, finite, up to 999,999,999.999 of its unit."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=12, decimal_places=ENTERED_PLACES, **options)


class UnitField(serializers.ChoiceField):
    """g, kg, t, lb or short_ton; kg if left out."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("required", False)
        if not options["required"]:
            options.setdefault("default", Unit.KG)
        super().__init__(choices=Unit.choices, **options)


class IdentifierIn(serializers.Serializer[Any]):
    """An identifier as read off the battery or the vehicle."""

    scheme = serializers.ChoiceField(choices=Identifier.Scheme.choices)
    value = serializers.CharField(max_length=100)
    issuer = serializers.CharField(max_length=100, required=False, allow_blank=True, default="")

    def to_internal_value(self, data: Any) -> Any:
        return NewIdentifier(**super().to_internal_value(data))


class RecordId(serializers.IntegerField):
    """The id of a record, looked up by the service for all rows at once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=2**63 - 1, **options)
