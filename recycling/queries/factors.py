"""Recovery factors: what becomes of an element charged into a batch, through all the stages that follow.

For a batch `k` and an element `e` (DESIGN.md section 3)

    F(k,e) = known(k) x sum over outputs o of k [ mass_e(o) x R(o,e) ] / sum over inputs i of k [ mass_e(i) ]

with `known(k)` the share of what was charged into `k`, dry, whose content is known, and `R(o,e)` 1 for a product, `F` of the
batch that an intermediate was charged into, and 0 otherwise. The same pass with the weights of pending and residue gives these
shares (`contents.FATE`). In an open batch all that was charged is pending. Where no input of a batch is known to contain an
element, what its outputs contain of it is attributed to nothing, in kilograms; so is what the feed of unknown content has of it.

Everything is exact decimal arithmetic. A factor is rounded once, half to even, to the 18 decimals that are stored, and
it is the rounded one that the batches before it go on with: so the digits are the same in any order of rows, and the
same whether one batch is computed anew or all of them.

Counted output of a battery, as the recycling efficiency of method version "relode-2026.1" has it, is the sum over
elements of content x recovered share: contained elements that came from the battery, never oxygen, water or reagents.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from django.db import connection

from recycling.models import Batch, BatchStatus, Factor
from recycling.queries.contents import (
    ALL_KNOWN,
    EXACT,
    ByElement,
    Feed,
    Outflow,
    OutputFate,
    feeds,
    in_one_go,
    inputs,
    outflows,
)

#: Decimals of a stored factor, and of stored kilograms.
SHARE_STEP = Decimal(1).scaleb(-18)
KG_STEP = Decimal(1).scaleb(-20)

_ZERO = Decimal(0)
_ONE = Decimal(1)


class Shares(NamedTuple):
    """What becomes of an element charged into a batch, as shares of it; what is left of 1 was lost."""

    recovered: Decimal = _ZERO
    pending: Decimal = _ZERO
    residue: Decimal = _ZERO


class FactorRow(NamedTuple):
    """One factor, as it is stored."""

    batch: int
    element: str
    input_kg: Decimal
    recovered: Decimal
    pending: Decimal
    residue: Decimal
    unattributed_recovered_kg: Decimal
    unattributed_pending_kg: Decimal
    unattributed_residue_kg: Decimal

    @property
    def shares(self) -> Shares:
        return Shares(self.recovered, self.pending, self.residue)


type SharesOf = Mapping[tuple[int, str], Shares]

#: What a charged lot becomes while nothing is known of its batch: it waits.
WAITING = Shares(pending=_ONE)

ALL_PENDING = Shares(pending=_ONE)

_PURE = {
    OutputFate.RECOVERED: Shares(recovered=_ONE),
    OutputFate.PENDING: Shares(pending=_ONE),
    OutputFate.RESIDUE: Shares(residue=_ONE),
    OutputFate.LOST: Shares(),
}


class CyclicTraceError(Exception):
    """Batches that were charged with what came out of themselves. No service allows it; `reconcile` names them."""


@dataclass(frozen=True)
class Subgraph:
    """The batches to compute, with all that their factors depend on."""

    status: Mapping[int, str]
    inputs: Mapping[int, ByElement]
    outflows: Iterable[Outflow]
    known: SharesOf
    """Factors of batches outside of the subgraph that its outputs were charged into."""
    feeds: Mapping[int, Feed] = field(default_factory=dict)


def upstream(batches: Iterable[int]) -> list[int]:
    """The given batches and all whose outputs went into them, through any number of stages."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE up (batch_id) AS (
                SELECT unnest(%s::bigint[])
                UNION
                SELECT o.batch_id FROM up
                JOIN recycling_charge c ON c.batch_id = up.batch_id
                JOIN recycling_output o ON o.lot_id = c.lot_id
            )
            SELECT batch_id FROM up
            """,
            [list(batches)],
        )
        return [batch for (batch,) in cursor.fetchall()]


def read(batches: Collection[int] | None = None) -> Subgraph:
    """What the factors of the given batches depend on; of all batches without an argument.

    Of batches downstream of them only the stored factors are read, of batches next to them nothing.
    """
    rows = Batch.objects.all() if batches is None else Batch.objects.filter(pk__in=batches)
    status = dict(rows.values_list("pk", "status"))
    flows = outflows(batches)
    beyond = {flow.into for flow in flows if flow.into is not None} - status.keys()
    known = {(row.batch, row.element): row.shares for row in stored(beyond)} if beyond else {}
    return Subgraph(status, inputs(batches), flows, known, feeds(batches))


def stored(batches: Iterable[int] | None = None) -> Iterable[FactorRow]:
    """The factors as they are stored now."""
    rows = Factor.objects.all() if batches is None else Factor.objects.filter(batch__in=batches)
    columns = rows.values_list(
        "batch_id",
        "element",
        "input_kg",
        "recovered",
        "pending",
        "residue",
        "unattributed_recovered_kg",
        "unattributed_pending_kg",
        "unattributed_residue_kg",
    )
    for row in in_one_go(columns, batches):
        yield FactorRow(*row)


def in_order(needs: Mapping[int, set[int]]) -> list[int]:
    """Batches, each after all that it needs. Raises `CyclicTraceError`."""
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise CyclicTraceError(", ".join(map(str, error.args[1]))) from error


def compute(graph: Subgraph) -> list[FactorRow]:
    """The factors of the batches of `graph`, last stages first. Raises `CyclicTraceError`."""
    flows: dict[int, dict[str, list[Outflow]]] = defaultdict(lambda: defaultdict(list))
    needs: dict[int, set[int]] = {batch: set() for batch in graph.status}
    for flow in graph.outflows:
        flows[flow.batch][flow.element].append(flow)
        if flow.into is not None and flow.into in needs:
            needs[flow.batch].add(flow.into)
    shares: dict[tuple[int, str], Shares] = dict(graph.known)
    rows: list[FactorRow] = []
    with localcontext(EXACT):
        for batch in in_order(needs):
            charged, feed = graph.inputs.get(batch, {}), graph.feeds.get(batch, ALL_KNOWN)
            made = _of_batch(batch, graph.status[batch], charged, feed, flows.get(batch, {}), shares)
            shares.update({(row.batch, row.element): row.shares for row in made})
            rows.extend(made)
    return rows


def _of_batch(
    batch: int, status: str, charged: ByElement, feed: Feed, made: Mapping[str, list[Outflow]], shares: SharesOf
) -> list[FactorRow]:
    if status == BatchStatus.VOID:
        return []
    if status == BatchStatus.OPEN:
        return [_row(batch, element, kg, ALL_PENDING) for element, kg in sorted(charged.items())]
    rows = []
    for element in sorted(charged.keys() | made.keys()):
        became = _weigh(made.get(element, ()), shares)
        kg = charged.get(element, _ZERO)
        if kg:
            ours = Shares(*((part * feed.known / (kg * feed.whole)).quantize(SHARE_STEP) for part in became))
            others = Shares(*(part * (feed.whole - feed.known) / feed.whole for part in became))
            rows.append(_row(batch, element, kg, ours, others))
        elif any(became):
            rows.append(_row(batch, element, _ZERO, Shares(), became))
    return rows


def _weigh(flows: Iterable[Outflow], shares: SharesOf) -> Shares:
    """Kilograms recovered, pending and in residue of all that the flows carry."""
    recovered = pending = residue = _ZERO
    for flow in flows:
        charged = flow.fate == OutputFate.CHARGED
        part = shares.get((flow.into or 0, flow.element), WAITING) if charged else _PURE[flow.fate]
        recovered += flow.kg * part.recovered
        pending += flow.kg * part.pending
        residue += flow.kg * part.residue
    return Shares(recovered, pending, residue)


def _row(batch: int, element: str, kg: Decimal, shares: Shares, unattributed: Shares = Shares()) -> FactorRow:  # noqa: B008
    return FactorRow(batch, element, kg.quantize(KG_STEP), *shares, *(part.quantize(KG_STEP) for part in unattributed))
