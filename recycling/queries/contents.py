"""What batches were charged with and what they made, element by element, summed by the database, exactly.

A charged battery contains `content_kwh` x kg per kWh of its composition; a lot its dry mass x its assay.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from typing import Any, NamedTuple

from django.db.models import Case, CharField, DecimalField, F, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce

from collection.models import PART_OF, PARTS, AssayBasis, CompositionElement, LotStatus, Material
from recycling.models import Charge, Output

#: Enough for a product of all fields that contents are made of; PostgreSQL itself rounds nothing.
EXACT_FIELD: DecimalField[Decimal, Decimal] = DecimalField(max_digits=60, decimal_places=30)

#: Room for exact sums of products: 12 digits of kilograms before the point, 23 + 18 decimals after it.
EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)

#: Statuses of lots that are not there themselves: their parts are, or they never were.
NOT_THERE = (LotStatus.SPLIT, LotStatus.VOID)

#: Where a lot still is.
ON_HAND = (LotStatus.IN_STOCK, LotStatus.IN_TRANSIT)

type ByElement = dict[str, Decimal]


class OutputFate(StrEnum):
    """What the mass in an output counts as. Only `CHARGED` asks further: what the next batch made of it."""

    RECOVERED = "recovered"
    PENDING = "pending"
    RESIDUE = "residue"
    LOST = "lost"
    CHARGED = "charged"


#: The fate of an output lot by its status and the kind of its material (DESIGN.md section 3, `R(o, e)`):
#: a product is recovered while it is on hand or once it was sold; an intermediate on hand is pending, and lost to
#: the trace once it was sold, landfilled, mineralized, burned or lost; residue is residue whatever became of it; what
#: went into energy is lost, and so is anything that was destroyed.
FATE = Case(
    When(lot__status=LotStatus.CONSUMED, then=Value(OutputFate.CHARGED)),
    When(lot__status=LotStatus.LOST, then=Value(OutputFate.LOST)),
    When(lot__material__kind=Material.Kind.RESIDUE, then=Value(OutputFate.RESIDUE)),
    When(
        lot__material__kind=Material.Kind.PRODUCT,
        lot__status__in=[*ON_HAND, LotStatus.SOLD],
        then=Value(OutputFate.RECOVERED),
    ),
    When(lot__material__kind=Material.Kind.INTERMEDIATE, lot__status__in=ON_HAND, then=Value(OutputFate.PENDING)),
    default=Value(OutputFate.LOST),
    output_field=CharField(),
)


def apart[Kg: (Decimal, Fraction)](content: Mapping[str, Kg]) -> dict[str, Kg]:
    """Elements without their parts, each of which stands for itself: copper is that of no collector, iron is steel."""
    found = {element: kg for element, kg in content.items() if element not in PARTS or element in PART_OF}
    for part, whole in PART_OF.items():
        if part in found:
            found[whole] = found[whole] - found[part] if whole in found else -found[part]
    return found


class Outflow(NamedTuple):
    """Kilograms of one element that a batch put into outputs of one fate.

    `into` is the batch that they were charged into, if they were.
    """

    batch: int
    element: str
    fate: OutputFate
    into: int | None
    kg: Decimal


def inputs(batches: Iterable[int] | None = None) -> dict[int, ByElement]:
    """Kilograms of each element charged into each batch; of all batches without an argument. Three queries.

    The database sums energies by composition, and lots by element; what a composition contains is read once.
    """
    charges = _of(Charge.objects.all(), batches)
    content: dict[int, ByElement] = defaultdict(lambda: defaultdict(Decimal))
    of_batteries = (
        charges.filter(battery__isnull=False, content_kwh__isnull=False)
        .values_list("batch_id", "composition_id")
        .annotate(kwh=Sum("content_kwh"))
    )
    of_lots = (
        charges.filter(lot__isnull=False)
        .values_list("batch_id", "lot__assays__element")
        .annotate(kg=Sum(in_lot("lot__"), output_field=EXACT_FIELD))
    )
    intensities: dict[int, list[tuple[str, Decimal]]] = defaultdict(list)
    listed = CompositionElement.objects.filter(kg_per_kwh__gt=0).order_by()
    for composition, element, intensity in listed.values_list("composition_id", "element", "kg_per_kwh"):
        intensities[composition].append((element, intensity))
    with localcontext(EXACT):
        for batch, composition, kwh in in_one_go(of_batteries, batches):
            charged = content[batch]
            for element, intensity in intensities[composition]:
                charged[element] += kwh * intensity
        for batch, element, kg in in_one_go(of_lots, batches):
            if kg:
                content[batch][element] += kg
    return {batch: dict(elements) for batch, elements in content.items()}


class Feed(NamedTuple):
    """Kilograms (dry) charged into a batch whose content is known, and all of them."""

    known: Decimal = Decimal(1)
    whole: Decimal = Decimal(1)

    @property
    def share(self) -> Fraction:
        return Fraction(self.known) / Fraction(self.whole)


#: Of what nothing of unknown content was charged with.
ALL_KNOWN = Feed()


def feeds(batches: Iterable[int] | None = None) -> dict[int, Feed]:
    """The batches that something of unknown content was charged into: what comes out of them is shared with it by mass, so
    that it inflates nothing. One query.
    """
    is_unknown = Q(battery__isnull=False, content_kwh__isnull=True) | Q(lot__assay_basis=AssayBasis.NONE)
    dry = Coalesce(dry_kg("lot__"), F("mass_kg"), output_field=EXACT_FIELD)
    rows = (
        _of(Charge.objects.all(), batches)
        .values_list("batch_id")
        .annotate(
            unknown=Sum(dry, filter=is_unknown, output_field=EXACT_FIELD), whole=Sum(dry, output_field=EXACT_FIELD)
        )
        .filter(unknown__isnull=False)
    )
    with localcontext(EXACT):
        return {batch: Feed(whole - unknown, whole) for batch, unknown, whole in in_one_go(rows, batches)}


def outflows(batches: Iterable[int] | None = None) -> list[Outflow]:
    """What each batch put into its outputs, by fate; of all batches without an argument. One query."""
    rows = (
        _of(Output.objects.all(), batches)
        .exclude(lot__status__in=NOT_THERE)
        .values_list("batch_id", "lot__assays__element", FATE, "lot__charge__batch_id")
        .annotate(kg=Sum(in_lot("lot__"), output_field=EXACT_FIELD))
    )
    return [
        Outflow(batch, element, OutputFate(fate), into, kg)
        for batch, element, fate, into, kg in in_one_go(rows, batches)
        if kg
    ]


def in_one_go[R](rows: QuerySet[Any, R], batches: Iterable[int] | None) -> Iterable[R]:
    """The rows of some batches at once; those of all of them chunk by chunk, through a cursor."""
    unordered = rows.order_by()
    return unordered.iterator(chunk_size=20_000) if batches is None else unordered


def in_lot(lot: str) -> F:
    """Kilograms of an assayed element in the lot that the prefix `lot` leads to."""
    return dry_kg(lot) * F(f"{lot}assays__fraction")  # type: ignore[return-value]


def dry_kg(lot: str) -> F:
    """Dry mass of the lot that the prefix `lot` leads to."""
    return F(f"{lot}mass_kg") * (Value(Decimal(1)) - F(f"{lot}moisture"))  # type: ignore[return-value]


def _of[M: (Charge, Output)](rows: QuerySet[M], batches: Iterable[int] | None) -> QuerySet[M]:
    return rows if batches is None else rows.filter(batch__in=list(batches))
