"""Writes down, with a recycler's documentation, what entered its recycling in the year and all that became of it.

The batches are those where cells or modules of the year entered, those that prepared them, and all that what came out of them
went into. Of each, what was charged into it (batteries in sums by place of collection, year and composition) and what it made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils.translation import gettext as _

from collection.models import (
    Assay,
    AssayBasis,
    CompositionElement,
    Destination,
    Lot,
    Material,
)
from collection.models.facilities import Permit
from recycling.models import (
    Batch,
    Became,
    ElementsTaken,
    EprFeed,
    EprLot,
    EprReport,
    EprReportLine,
    EprStep,
    InputShare,
)
from recycling.queries.annex import PREPARES, Basis, Fate
from recycling.queries.contents import EXACT, NOT_THERE
from recycling.queries.outcomes import CELLS, CHARGED, SLAG, became

_KINDS = (EprReportLine, EprStep, EprFeed, EprLot)

#: Batches of the recycler's plants in the place, where something was charged in the year that is no preparation.
_FIRST = """
    SELECT DISTINCT b.id
    FROM recycling_charge c
    JOIN recycling_batch b ON b.id = c.batch_id AND b.status <> 'void'
    JOIN recycling_processline l ON l.id = b.line_id AND l.stage <> ALL(%(prepares)s)
    JOIN recycling_plant p ON p.id = l.plant_id
    JOIN collection_facility f ON f.id = p.facility_id AND f.operator_id = %(recycler)s
    JOIN collection_jurisdiction j ON j.code = f.jurisdiction_id
    WHERE (j.code = %(jurisdiction)s OR j.parent_id = %(jurisdiction)s)
        AND (c.charged_at AT TIME ZONE f.time_zone)::date BETWEEN %(start)s AND %(end)s
"""

#: Those that prepared what went into these, and those that what came out of them went into, through any number of stages.
_REACHED = """
    WITH RECURSIVE down (batch_id) AS (
        SELECT unnest(%(first)s::bigint[])
        UNION
        SELECT c.batch_id FROM down d
        JOIN recycling_output o ON o.batch_id = d.batch_id
        JOIN recycling_charge c ON c.lot_id = o.lot_id
        JOIN recycling_batch b ON b.id = c.batch_id AND b.status <> 'void'
    ), up (batch_id) AS (
        SELECT batch_id FROM down
        UNION
        SELECT o.batch_id FROM up u
        JOIN recycling_charge c ON c.batch_id = u.batch_id
        JOIN recycling_output o ON o.lot_id = c.lot_id
        JOIN recycling_batch b ON b.id = o.batch_id
        JOIN recycling_processline l ON l.id = b.line_id AND l.stage = ANY(%(prepares)s)
    )
    SELECT batch_id FROM up ORDER BY 1
"""

#: Where a battery was collected is where the chain begins: its first entry in the ledger.
_FEEDS = """
    SELECT c.batch_id, extract(year FROM c.charged_at AT TIME ZONE f.time_zone)::int AS year,
        coalesce(at.jurisdiction_id, '') AS origin, coalesce(k.family, '') AS family, coalesce(k.code, '') AS chemistry,
        CASE WHEN c.content_kwh IS NULL THEN NULL ELSE c.composition_id END AS composition,
        coalesce(m.composition_id = c.composition_id, false) AS is_producers,
        count(*), sum(c.mass_kg), sum(c.content_kwh)
    FROM recycling_charge c
    JOIN recycling_batch b ON b.id = c.batch_id
    JOIN recycling_processline l ON l.id = b.line_id
    JOIN recycling_plant p ON p.id = l.plant_id
    JOIN collection_facility f ON f.id = p.facility_id
    JOIN collection_battery y ON y.id = c.battery_id
    LEFT JOIN collection_batterymodel m ON m.id = y.model_id
    LEFT JOIN collection_composition x ON x.id = c.composition_id
    LEFT JOIN collection_chemistry k ON k.code = coalesce(x.chemistry_id, y.chemistry_id)
    LEFT JOIN collection_custodyevent e ON e.battery_id = y.id AND e.sequence = 1
    LEFT JOIN collection_shipment s ON s.id = e.to_shipment_id
    LEFT JOIN collection_facility at ON at.id = coalesce(e.to_facility_id, s.origin_id)
    WHERE c.batch_id = ANY(%(batches)s)
    GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
"""


def gather_flows(report: EprReport, tell: Callable[[int, str], None]) -> bool:
    """Replace all that a recycler's documentation keeps by what is known now; say whether any of it is simulated."""
    for kind in _KINDS:
        kind._default_manager.filter(report=report).delete()
    values: dict[str, Any] = {
        "recycler": report.producer_id, "jurisdiction": report.jurisdiction_id, "start": report.period_start,
        "end": report.period_end, "prepares": [str(stage) for stage in PREPARES],
    }  # fmt: skip
    tell(20, _("batches"))
    first = [batch for (batch,) in _rows(_FIRST, values)]
    reached = [batch for (batch,) in _rows(_REACHED, values | {"first": first})]
    batches = list(Batch.objects.filter(pk__in=reached).select_related("line__plant__facility").order_by("pk"))
    EprStep.objects.bulk_create(_steps(report, batches, set(first)))
    tell(40, _("batteries recycled"))
    EprFeed.objects.bulk_create(_feeds(report, reached), batch_size=1000)
    tell(60, _("outputs"))
    EprLot.objects.bulk_create(_lots(report, batches), batch_size=1000)
    taken = ElementsTaken.objects.filter(recycler=report.producer_id, year=report.period_start.year).first()
    report.elements_taken = list(taken.elements) if taken is not None else []
    return report.producer.is_simulated or any(batch.is_simulated for batch in batches)


def _rows(sql: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _steps(report: EprReport, batches: list[Batch], first: set[int]) -> Iterator[EprStep]:
    sites = {batch.line.plant.facility_id for batch in batches}
    equal = Permit.objects.filter(facility__in=sites, kind=Permit.Kind.EQUIVALENT, valid__contains=report.period_end)
    proven = set(equal.values_list("facility", flat=True))
    for batch in batches:
        site = batch.line.plant.facility
        yield EprStep(
            report=report, batch=batch, facility=site, country=site.jurisdiction_id[:2], stage=batch.line.stage,
            is_first=batch.pk in first, is_proven=site.pk in proven,
        )  # fmt: skip


def _feeds(report: EprReport, batches: list[int]) -> Iterator[EprFeed]:
    """What was analyzed goes before what the compositions say."""
    listed: dict[int, list[CompositionElement]] = defaultdict(list)
    for part in CompositionElement.objects.select_related("composition").filter(kg_per_kwh__gt=0):
        listed[part.composition_id].append(part)
    analyzed: dict[int, list[InputShare]] = defaultdict(list)
    shares = InputShare.objects.select_related("analysis").filter(analysis__batch__in=batches)
    for share in shares:
        analyzed[share.analysis.batch_id].append(share)
    rows = _rows(_FEEDS, {"batches": batches})
    for number, row in enumerate(rows, start=1):
        batch, year, origin, family, chemistry, composition, is_producers, count, mass, kwh = row
        content: dict[str, Decimal] = {}
        dry, source = mass, ""
        with localcontext(EXACT):
            if batch in analyzed:
                analysis = analyzed[batch][0].analysis
                dry = mass * (1 - analysis.moisture)
                content = {share.element: dry * share.fraction for share in analyzed[batch]}
                basis = Basis.MEASURED if analysis.is_measured else Basis.ESTIMATED
                source = f"{analysis.get_method_display()}; {analysis.laboratory} {analysis.analyzed_on}"
            elif composition is not None:
                content = {part.element: kwh * part.kg_per_kwh for part in listed[composition]}
                basis = Basis.PRODUCERS if is_producers else Basis.ASSUMED
                source = str(listed[composition][0].composition) if listed[composition] else ""
            else:
                basis = Basis.UNKNOWN
        yield EprFeed(
            report=report, number=number, batch_id=batch, year=year, origin=origin, family=family, chemistry=chemistry,
            basis=basis, source=source[:400], batteries=count, mass_kg=mass, dry_kg=dry, content=_written(content),
        )  # fmt: skip


def _lots(report: EprReport, batches: list[Batch]) -> Iterator[EprLot]:
    """What they made, and what else they were charged with."""
    keys = [batch.pk for batch in batches]
    own = {batch.pk for batch in batches if batch.line.plant.facility.operator_id == report.producer_id}
    zones = {batch.pk: ZoneInfo(batch.line.plant.facility.time_zone) for batch in batches}
    lots = Lot.objects.select_related("material", "charge", "output", "destination").exclude(status__in=NOT_THERE)
    lots = lots.annotate(became=became())
    found = {lot.pk: lot for lot in lots.filter(output__batch__in=keys)}
    found |= {lot.pk: lot for lot in lots.filter(charge__batch__in=keys)}
    assays: dict[int, list[Assay]] = defaultdict(list)
    for assay in Assay.objects.filter(lot__in=found, fraction__gt=0).order_by("element"):
        assays[assay.lot_id].append(assay)
    for pk in sorted(found):
        lot = found[pk]
        output, charge = getattr(lot, "output", None), getattr(lot, "charge", None)
        made_by = output.batch_id if output is not None else None
        zone = zones.get(made_by or 0, ZoneInfo("UTC"))
        destination = getattr(lot, "destination", None)
        with localcontext(EXACT):
            dry = lot.mass_kg * (1 - lot.moisture)
            content = {a.element: dry * a.fraction * a.from_batteries for a in assays[pk]}
        into = charge.batch_id if charge is not None else None
        yield EprLot(
            report=report, lot=lot, batch_id=made_by, into_id=into, year=lot.made_at.astimezone(zone).year,
            into_year=charge.charged_at.astimezone(zones.get(into or 0, zone)).year if charge is not None else 0,
            material=lot.material_id, is_intermediate=lot.material.kind == Material.Kind.INTERMEDIATE,
            is_slag=lot.material_id == SLAG, is_substitute=lot.material.is_substitute,
            is_battery=lot.material_id in CELLS, is_known=lot.assay_basis != AssayBasis.NONE,
            assay_basis=lot.assay_basis, fate=_fate(lot), mass_kg=lot.mass_kg, dry_kg=dry,
            destination=_told(destination, is_own=made_by in own), content=_written(content),
        )  # fmt: skip


def _told(destination: Destination | None, *, is_own: bool) -> str:
    """What a lot is used for, and by whom: the customers of other recyclers are theirs."""
    if destination is None:
        return ""
    return str(destination) if is_own else str(destination.get_use_display())


#: What a lot counts as by itself (Annex, 1(3) to 1(5)), by what it became.
_FATES = {
    CHARGED: Fate.CHARGED,
    Became.SUBSTITUTES: Fate.COUNTED,
    Became.CONVERTED: Fate.COUNTED,
    Became.PENDING: Fate.PENDING,
    Became.LOST: Fate.LOST,
}


def _fate(lot: Lot) -> Fate:
    """Intermediates, black mass among them, are never an output."""
    otherwise = Fate.LOST if lot.material.kind == Material.Kind.INTERMEDIATE else Fate.UNUSED
    return _FATES.get(lot.became, otherwise)  # type: ignore[attr-defined]


def _written(content: dict[str, Decimal]) -> dict[str, str]:
    """Exact kilograms as text, the same whoever writes them."""
    return {str(element): f"{kg.normalize():f}" for element, kg in sorted(content.items()) if kg}
