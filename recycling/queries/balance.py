"""The mass balance of a batch (invariant 2): what came out against what went in."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, localcontext

from django.db.models import Sum

from recycling.models import Batch, Charge, Output, Reagent
from recycling.queries.contents import EXACT, NOT_THERE, inputs, outflows


@dataclass(frozen=True)
class ElementBalance:
    """Kilograms of one element in the inputs and in the outputs of a batch."""

    element: str
    input_kg: Decimal
    output_kg: Decimal

    def excess(self, tolerance: Decimal) -> bool:
        """Whether more came out than went in, beyond the assay tolerance."""
        with localcontext(EXACT):
            return self.output_kg > self.input_kg * (1 + tolerance)


@dataclass(frozen=True)
class Balance:
    """Masses of a batch in kilograms, as they are (outputs wet), and element by element."""

    charged_kg: Decimal
    reagents_kg: Decimal
    output_kg: Decimal
    assay_tolerance: Decimal
    elements: list[ElementBalance] = field(default_factory=list)

    @property
    def excess_kg(self) -> Decimal:
        """How much more came out than inputs and reagents weigh; 0 if not more."""
        return max(self.output_kg - self.charged_kg - self.reagents_kg, Decimal(0))

    @property
    def excess_elements(self) -> list[ElementBalance]:
        """The elements of which more came out than the tolerance allows."""
        return [element for element in self.elements if element.excess(self.assay_tolerance)]

    @property
    def holds(self) -> bool:
        """Whether the batch may close without an explanation."""
        return not self.excess_kg and not self.excess_elements


def balance_of(batch: Batch) -> Balance:
    """The balance of a batch as it is now. Six queries."""
    went_in = inputs([batch.pk]).get(batch.pk, {})
    came_out: dict[str, Decimal] = {}
    with localcontext(EXACT):
        for flow in outflows([batch.pk]):
            came_out[flow.element] = came_out.get(flow.element, Decimal(0)) + flow.kg
    elements = [
        ElementBalance(element, went_in.get(element, Decimal(0)), came_out.get(element, Decimal(0)))
        for element in sorted(went_in.keys() | came_out.keys())
    ]
    outputs = Output.objects.filter(batch=batch).exclude(lot__status__in=NOT_THERE)
    return Balance(
        charged_kg=Charge.objects.filter(batch=batch).aggregate(kg=Sum("mass_kg"))["kg"] or Decimal(0),
        reagents_kg=Reagent.objects.filter(batch=batch).aggregate(kg=Sum("mass_kg"))["kg"] or Decimal(0),
        output_kg=outputs.aggregate(kg=Sum("lot__mass_kg"))["kg"] or Decimal(0),
        assay_tolerance=batch.line.plant.assay_tolerance,
        elements=elements,
    )
