"""What chemistries rest on: counted from the database, what is assumed apart from what is known."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Case, CharField, F, Q, QuerySet, Sum, Value, When
from django.db.models.expressions import Combinable

from collection.models import Assignment, Battery

#: Batteries, one by one; or what else is added up of them, such as `F("mass_kg")`.
EACH = Value(1)


@dataclass(frozen=True)
class Share:
    """How much of a set was assigned its chemistry in one way. `share` is of all, 0 to 1; `None` of an empty set."""

    by: Assignment
    amount: Decimal
    share: Decimal | None


def shares(rows: QuerySet[Any], of: Combinable = EACH, *, path: str = "") -> list[Share]:
    """The share of each kind of assignment in `rows`: one statement, every kind, the surest first.

    `rows` are batteries or placements (`of=F("units")`), or what leads to one: of charges, `path="battery__"` and
    `of=F("mass_kg")`. What has no amount, such as a battery that was not weighed, counts nothing; what leads to no battery is
    unknown.
    """
    by = Case(
        When(**{f"{path}chemistry_by__isnull": True}, then=Value(Assignment.UNKNOWN.value)),
        default=F(f"{path}chemistry_by"),
        output_field=CharField(),
    )
    sums = rows.order_by().annotate(assigned_by=by).values("assigned_by").annotate(amount=Sum(of))
    found = {kind: Decimal(amount or 0) for kind, amount in sums.values_list("assigned_by", "amount")}
    total = sum(found.values(), Decimal(0))
    return [
        Share(kind, amount, amount / total if total else None)
        for kind in Assignment
        for amount in [found.get(kind.value, Decimal(0))]
    ]


#: What counts as known of a chemistry: neither assumed nor unknown.
KNOWN = ~Q(chemistry_by__in=[Assignment.ASSUMED, Assignment.UNKNOWN])


def coverage(batteries: QuerySet[Battery]) -> dict[str, int]:
    """How much is known of these batteries, as the summaries of imports show it: one statement."""
    weighed, contents = Q(mass_value__isnull=False), Q(content_kwh__isnull=False)
    rated = Q(rated_kwh__isnull=False) | Q(model__rated_kwh__isnull=False)
    asked = _coverage(weighed, rated) | {
        "contents computable": contents & KNOWN,
        "contents computable, assumed": contents & ~KNOWN,
    }
    return _counted(batteries, asked, EACH)


def placement_coverage(placements: QuerySet[Any]) -> dict[str, int]:
    """As `coverage`, of market placements, in units."""
    asked = _coverage(Q(mass_kg__isnull=False), Q(model__rated_kwh__isnull=False))
    return _counted(placements, asked, F("units"))


def _coverage(weighed: Q, rated: Q) -> dict[str, Q]:
    has_model = Q(model__isnull=False)
    return {
        "vehicles": Q(),
        "producer": Q(producer__isnull=False),
        "battery model": has_model & KNOWN,
        "battery model, assumed": has_model & ~KNOWN,
        "chemistry": KNOWN,
        **{f"  {kind.value}": Q(chemistry_by=kind) for kind in Assignment},
        "rated energy (kWh)": rated & KNOWN,
        "rated energy, assumed": rated & ~KNOWN,
        "mass (kg)": weighed | (Q(model__mass_kg__isnull=False, model__mass_is_assumed=False) & KNOWN),
        "mass, assumed": ~weighed & Q(model__mass_kg__isnull=False) & (Q(model__mass_is_assumed=True) | ~KNOWN),
    }


def _counted(rows: QuerySet[Any], asked: dict[str, Q], of: Combinable) -> dict[str, int]:
    sums = {f"n{number}": Sum(of, filter=wanted, default=0) for number, wanted in enumerate(asked.values())}
    found = rows.order_by().aggregate(**sums)
    return {name: found[f"n{number}"] for number, name in enumerate(asked)}
