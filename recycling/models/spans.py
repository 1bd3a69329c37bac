"""What a declaration covers, as spans that overlap where two declarations would count the same batteries twice.

A place holds the places within it, and all batteries hold those of a chemistry, which hold those of a model. Written as
text, what is within begins with what it is within, so each is a span of text, and one exclusion constraint compares
them all (ADR 30). The type `textspan` is a range of text in the order of its bytes; the migration makes it.
"""

from __future__ import annotations

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeBoundary, RangeOperators
from django.db.models import F, Func, Q, TextField, Value
from django.db.models.functions import Cast, Coalesce, Concat, NullIf

#: Sorts behind all that a code or a number is written with.
_LAST = "~"


def _said(text: str) -> Value:
    return Value(text, output_field=TextField())


def _text(name: str, otherwise: str = "") -> Coalesce:
    return Coalesce(Cast(F(name), TextField()), _said(otherwise))


def _span(lower: object, upper: object) -> Func:
    return Func(lower, upper, Value("[]"), function="textspan", output_field=TextField())


PLACE = _span(Cast(F("jurisdiction"), TextField()), Concat(Cast(F("jurisdiction"), TextField()), _said(_LAST)))

#: Of no chemistry and no model: unbounded on both sides. A model of unknown chemistry is within nothing but that.
SUBJECT = _span(
    NullIf(Concat(_text("chemistry"), _said("/"), _text("model")), _said("/")),
    NullIf(Concat(_text("chemistry"), _said("/"), _text("model", _LAST)), _said(f"/{_LAST}")),
)

PERIOD = Func(
    F("period_start"),
    F("period_end"),
    RangeBoundary(inclusive_lower=True, inclusive_upper=True),
    function="daterange",
    output_field=DateRangeField(),
)


def declarations_apart() -> tuple[ExclusionConstraint, ...]:
    """Declarations of one producer that stand count no battery twice. By the model alone as well: its chemistry may have
    been corrected between two declarations.
    """
    stands = Q(status="declared")
    return (
        ExclusionConstraint(
            name="placement_declared_once",
            expressions=[
                ("producer", RangeOperators.EQUAL),
                (PERIOD, RangeOperators.OVERLAPS),
                (PLACE, RangeOperators.OVERLAPS),
                (SUBJECT, RangeOperators.OVERLAPS),
            ],
            condition=stands,
        ),
        ExclusionConstraint(
            name="placement_model_once",
            expressions=[
                ("producer", RangeOperators.EQUAL),
                ("model", RangeOperators.EQUAL),
                (PERIOD, RangeOperators.OVERLAPS),
                (PLACE, RangeOperators.OVERLAPS),
            ],
            condition=stands,
        ),
    )
