"""What the tables would show if a rule of the trace had been broken.

Every query here finds nothing in a sound database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal, localcontext

from django.db.models import F, Sum

from collection.queries.reconcile import Finding, find
from recycling.models import Batch, BatchStatus, Charge, Factor, Output
from recycling.queries import outcomes
from recycling.queries.contents import EXACT, EXACT_FIELD, OutputFate, in_lot, inputs, outflows
from recycling.queries.factors import CyclicTraceError, compute, read, stored

#: Credit adds up to the gram.
GRAM = Decimal("0.001")

RULES = {
    # Invariant 1: what a batch consumed is charged into exactly that batch.
    "consumed_is_charged": """
        SELECT 'battery ' || b.id, b.status FROM collection_battery b
        LEFT JOIN recycling_charge c ON c.battery_id = b.id
        WHERE (b.status = 'consumed') <> (c.id IS NOT NULL)
        UNION ALL
        SELECT 'lot ' || l.id, l.status FROM collection_lot l
        LEFT JOIN recycling_charge c ON c.lot_id = l.id
        WHERE (l.status = 'consumed') <> (c.id IS NOT NULL)
        ORDER BY 1
    """,
    "only_intermediates_are_charged": """
        SELECT 'lot ' || l.id, m.kind FROM recycling_charge c
        JOIN collection_lot l ON l.id = c.lot_id JOIN collection_material m ON m.code = l.material_id
        WHERE m.kind <> 'intermediate'
        ORDER BY l.id
    """,
    "charge_weighs_what_its_lot_weighs": """
        SELECT 'lot ' || l.id, l.mass_kg || ' kg, charged ' || c.mass_kg
        FROM recycling_charge c JOIN collection_lot l ON l.id = c.lot_id
        WHERE c.mass_kg <> l.mass_kg
        ORDER BY l.id
    """,
    "content_fits_into_the_battery": """
        SELECT 'battery ' || c.battery_id, sum(c.content_kwh * e.kg_per_kwh) || ' kg in ' || c.mass_kg
        FROM recycling_charge c JOIN collection_compositionelement e ON e.composition_id = c.composition_id
            AND e.element NOT IN ('Cu-cell', 'Fe-cell', 'solvent')
        GROUP BY c.id
        HAVING sum(c.content_kwh * e.kg_per_kwh) > c.mass_kg
        ORDER BY c.battery_id
    """,
    "parts_are_outputs_of_the_same_batch": """
        SELECT 'lot ' || p.id, 'part of lot ' || p.split_from_id
        FROM collection_lot p
        LEFT JOIN recycling_output whole ON whole.lot_id = p.split_from_id
        LEFT JOIN recycling_output part ON part.lot_id = p.id
        WHERE p.split_from_id IS NOT NULL AND whole.batch_id IS DISTINCT FROM part.batch_id
        ORDER BY p.id
    """,
    # Invariant 2: mass is conserved, or a manager signed why it is not.
    "outputs_weigh_no_more_than_inputs": """
        SELECT 'batch ' || b.id, made.kg || ' kg from ' || coalesce(charged.kg, 0) + coalesce(added.kg, 0)
        FROM recycling_batch b
        LEFT JOIN (SELECT batch_id, sum(mass_kg) AS kg FROM recycling_charge GROUP BY 1) charged
            ON charged.batch_id = b.id
        LEFT JOIN (SELECT batch_id, sum(mass_kg) AS kg FROM recycling_reagent GROUP BY 1) added
            ON added.batch_id = b.id
        JOIN (
            SELECT o.batch_id, sum(l.mass_kg) AS kg
            FROM recycling_output o JOIN collection_lot l ON l.id = o.lot_id
            WHERE l.status NOT IN ('split', 'void') GROUP BY 1
        ) made ON made.batch_id = b.id
        WHERE b.status = 'closed' AND b.explanation = ''
            AND made.kg > coalesce(charged.kg, 0) + coalesce(added.kg, 0)
        ORDER BY b.id
    """,
    # A claim nobody confirmed is credited to no one (docs/adr/0017).
    "charge_is_claimed_as_its_battery": """
        SELECT 'charge ' || c.id, 'battery ' || b.id || ': ' || b.producer_ground
        FROM recycling_charge c JOIN collection_battery b ON b.id = c.battery_id
        WHERE c.is_claimed <> (b.producer_id IS NOT NULL AND b.producer_ground = 'claimed')
        ORDER BY c.id
    """,
    # Invariant 3: credit goes only where an input contained the element.
    "no_credit_without_content": """
        SELECT 'batch ' || batch_id, element FROM recycling_factor
        WHERE input_kg = 0 AND (recovered <> 0 OR pending <> 0 OR residue <> 0)
        ORDER BY batch_id
    """,
}


def findings() -> Iterator[Finding]:
    """All that breaks a rule of the trace."""
    for rule, sql in RULES.items():
        yield from find(rule, sql)
    yield from elements_beyond_tolerance()
    yield from factors_out_of_date()
    yield from outcomes_out_of_date()
    yield from credit_that_does_not_add_up()


def elements_beyond_tolerance() -> Iterator[Finding]:
    """Closed batches without an explanation that made more of an element than went in (invariant 2)."""
    tolerances = dict(
        Batch.objects.filter(status=BatchStatus.CLOSED, explanation="").values_list(
            "pk", "line__plant__assay_tolerance"
        )
    )
    charged = inputs()
    made: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    with localcontext(EXACT):
        for flow in outflows():
            made[flow.batch, flow.element] += flow.kg
        for (batch, element), kg in sorted(made.items()):
            known = charged.get(batch, {}).get(element, Decimal(0))
            if batch in tolerances and kg > known * (1 + tolerances[batch]):
                detail = f"{element}: {kg.normalize():f} kg from {known.normalize():f}"
                yield Finding("elements_within_assay_tolerance", f"batch {batch}", detail)


def factors_out_of_date() -> Iterator[Finding]:
    """Factors of batches that are not marked as stale, but would come out differently today."""
    stale = set(Batch.objects.filter(stale_since__isnull=False).values_list("pk", flat=True))
    try:
        today = {(row.batch, row.element): row for row in compute(read())}
    except CyclicTraceError as error:
        yield Finding("trace_has_no_circle", f"batches {error}", "charged with what came out of themselves")
        return
    if stale:
        return  # whatever is upstream of them is out of date too, and known to be
    before = {(row.batch, row.element): row for row in stored()}
    for batch, element in sorted(today.keys() | before.keys()):
        if today.get((batch, element)) != before.get((batch, element)):
            yield Finding("factors_are_fresh", f"batch {batch}", element)


def outcomes_out_of_date() -> Iterator[Finding]:
    """Outcomes that would come out differently today, while no batch is marked as stale."""
    if Batch.objects.filter(stale_since__isnull=False).exists():
        return
    try:
        today = set(outcomes.compute(outcomes.read()))
    except CyclicTraceError:
        return  # `factors_out_of_date` names it
    differing = {(row.batch, row.element) for row in today ^ set(outcomes.stored())}
    for batch, element in sorted(differing):
        yield Finding("outcomes_are_fresh", f"batch {batch}", element or "the whole mass")


def credit_that_does_not_add_up() -> Iterator[Finding]:
    """Elements whose credit to batteries, outside lots and nothing is not what the products contain (invariant 3).

    Read from the stored factors, so while batches are stale there is nothing to compare.
    """
    if Batch.objects.filter(stale_since__isnull=False).exists():
        return
    credited: dict[str, Decimal] = defaultdict(Decimal)
    recovered = {(row.batch, row.element): row.recovered for row in stored()}
    from_batteries = (
        Charge.objects.filter(battery__isnull=False, content_kwh__isnull=False)
        .values_list("batch_id", "composition__elements__element")
        .annotate(kg=Sum(F("content_kwh") * F("composition__elements__kg_per_kwh"), output_field=EXACT_FIELD))
    )
    from_outside = (
        Charge.objects.filter(lot__isnull=False, lot__output__isnull=True)
        .values_list("batch_id", "lot__assays__element")
        .annotate(kg=Sum(in_lot("lot__"), output_field=EXACT_FIELD))
    )
    with localcontext(EXACT):
        for rows in (from_batteries, from_outside):
            for batch, element, kg in rows.order_by():
                if kg:
                    credited[element] += kg * recovered.get((batch, element), Decimal(0))
        for element, kg in Factor.objects.values_list("element").annotate(kg=Sum("unattributed_recovered_kg")):
            credited[element] += kg
        closed = Batch.objects.filter(status=BatchStatus.CLOSED).values("pk")
        made: dict[str, Decimal] = defaultdict(Decimal)
        for flow in outflows(Output.objects.filter(batch__in=closed).values_list("batch_id", flat=True).distinct()):
            if flow.fate == OutputFate.RECOVERED:
                made[flow.element] += flow.kg
        for element in sorted(credited.keys() | made.keys()):
            if abs(credited[element] - made[element]) > GRAM:
                detail = f"credited {credited[element]:.6f} kg, in products {made[element]:.6f} kg"
                yield Finding("credit_adds_up", element, detail)
