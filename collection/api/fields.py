"""Value objects of the services as parts of a request's body."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from accounts.api.fields import TextField, record_id
from accounts.api.records import RecordSerializer
from accounts.errors import Invalid
from collection.battery_numbers import LONGEST_SENT
from collection.models import Confidence, Identifier
from collection.services.identifiers import NewIdentifier
from collection.units import ENTERED_PLACES, KG_PLACES, Unit


class MassField(serializers.DecimalField):
    """A mass as entered: positive, finite, up to 999,999,999.999 of its unit."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=12, decimal_places=ENTERED_PLACES, **options)


class KilogramsField(serializers.DecimalField):
    """Kilograms that the database derived, in full: a decimal string, never a binary fraction."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=20, decimal_places=KG_PLACES, **{"read_only": True, **options})


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
    value = TextField(max_length=LONGEST_SENT)
    issuer = TextField(max_length=100, required=False, allow_blank=True, default="")

    def to_internal_value(self, data: Any) -> Any:
        read = NewIdentifier(**super().to_internal_value(data))
        try:
            read.normal  # noqa: B018 - asked for what it raises
        except Invalid as error:
            raise serializers.ValidationError({error.field or "value": [error.message]}, code=error.code) from error
        return read


class RecordId(serializers.IntegerField):
    """The id of a record, looked up by the service for all rows at once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=2**63 - 1, **options)

    def to_internal_value(self, data: Any) -> int:
        number = record_id(data)
        if number is None:
            self.fail("invalid")
        return number


class FirstDay(serializers.DateField):
    """The first day of a range of days."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"source": "valid.lower", "read_only": True, **options})


class LastDay(serializers.DateField):
    """The last day of a range of days, which the database keeps by the day after it. Null: it has no end."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"source": "valid.upper", "read_only": True, "allow_null": True, **options})

    def to_representation(self, value: date | None) -> str | None:
        return (value - timedelta(days=1)).isoformat() if value is not None else None


class Sourced(RecordSerializer[Any]):
    """A fact with its source. `is_unverified` is what a reader must be shown beside it."""

    is_unverified = serializers.SerializerMethodField()

    def get_is_unverified(self, fact: Any) -> bool:
        """Whether nobody has read it in the named source."""
        return is_unverified(fact)


def is_unverified(fact: Any) -> bool:
    """Whether nobody has read the fact in its source; one without a source is unverified too."""
    return not (fact.confidence and Confidence(fact.confidence).is_verified)


class MoistureField(serializers.DecimalField):
    """Mass fraction of water, 0 to less than 1."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_digits=5, decimal_places=4, min_value=Decimal(0), max_value=Decimal(1), **options)


class AssaysField(serializers.DictField):
    """Mass fractions of the dry mass by element, such as {"Li": "0.04", "Ni": "0.2"}."""

    child = serializers.DecimalField(max_digits=9, decimal_places=8, min_value=Decimal(0), max_value=Decimal(1))


class SharesField(serializers.DictField):
    """By element, the share of it that came from batteries, where not all of it did, such as {"O": "0"}."""

    child = serializers.DecimalField(max_digits=5, decimal_places=4, min_value=Decimal(0), max_value=Decimal(1))
