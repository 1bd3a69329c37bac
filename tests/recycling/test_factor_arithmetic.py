"""Factors of small graphs without a database: the last digit, and batches of which nothing is known."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recycling.models import BatchStatus
from recycling.queries.contents import Outflow, OutputFate
from recycling.queries.factors import Shares, Subgraph, compute


@pytest.mark.parametrize(("kilograms", "digit"), [("1E-18", "0"), ("3E-18", "2E-18"), ("5E-18", "2E-18")])
def test_a_factor_half_way_between_two_is_the_even_one(kilograms: str, digit: str) -> None:
    graph = Subgraph(
        status={1: BatchStatus.CLOSED},
        inputs={1: {"Ni": Decimal(2)}},
        outflows=[Outflow(1, "Ni", OutputFate.RECOVERED, None, Decimal(kilograms))],
        known={},
    )
    (row,) = compute(graph)
    assert row.recovered == Decimal(digit)


def test_what_goes_on_is_the_rounded_factor_of_the_next_stage() -> None:
    """A third of what was charged into batch 2 is recovered, to 18 decimals; batch 1 goes on with just that."""
    graph = Subgraph(
        status={1: BatchStatus.CLOSED, 2: BatchStatus.CLOSED},
        inputs={1: {"Ni": Decimal(1)}, 2: {"Ni": Decimal(3)}},
        outflows=[
            Outflow(1, "Ni", OutputFate.CHARGED, 2, Decimal(1)),
            Outflow(2, "Ni", OutputFate.RECOVERED, None, Decimal(1)),
        ],
        known={},
    )
    later, earlier = compute(graph)
    assert later.recovered == earlier.recovered == Decimal("0.333333333333333333")
    known = Subgraph({1: BatchStatus.CLOSED}, graph.inputs, graph.outflows[:1], {(2, "Ni"): Shares(later.recovered)})  # type: ignore[index]
    assert compute(known) == [earlier]


def test_a_void_batch_has_no_factors() -> None:
    graph = Subgraph({1: BatchStatus.VOID, 2: BatchStatus.OPEN}, {1: {"Ni": Decimal(1)}, 2: {"Ni": Decimal(1)}}, [], {})
    assert [(row.batch, row.pending) for row in compute(graph)] == [(2, 1)]


def test_what_was_charged_where_nothing_is_known_waits() -> None:
    flows = [Outflow(1, "Ni", OutputFate.CHARGED, 2, Decimal(1))]
    (row,) = compute(Subgraph({1: BatchStatus.CLOSED}, {1: {"Ni": Decimal(2)}}, flows, {}))
    assert row.shares == Shares(pending=Decimal("0.5"))
