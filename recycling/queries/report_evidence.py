"""The rows of evidence behind one figure of a report: what its page and the API show when somebody asks where it is from."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import F, OuterRef, QuerySet, Subquery

from accounts.models import Viewer
from recycling.models import Batch, Breakdown, EprEvidence, EprFactor, EprIntensity, EprPlacement, EprReportLine, Metric

_ACROSS = (Metric.UNITS_ACROSS, Metric.MASS_ACROSS)

#: Figures behind which are market placements, not batteries.
PLACED = (Metric.UNITS_PLACED, Metric.MASS_PLACED, *_ACROSS)
_FATE_OF = {
    Metric.UNITS_COLLECTED: EprEvidence.Fate.COLLECTED,
    Metric.MASS_COLLECTED: EprEvidence.Fate.COLLECTED,
    Metric.UNITS_SECOND_LIFE: EprEvidence.Fate.SECOND_LIFE,
    Metric.MASS_SECOND_LIFE: EprEvidence.Fate.SECOND_LIFE,
    Metric.CLAIMED_COLLECTED: EprEvidence.Fate.CLAIMED_COLLECTED,
    Metric.CLAIMED_COLLECTED_KG: EprEvidence.Fate.CLAIMED_COLLECTED,
    Metric.CLAIMED_REUSED: EprEvidence.Fate.CLAIMED_SECOND_LIFE,
    Metric.CLAIMED_REUSED_KG: EprEvidence.Fate.CLAIMED_SECOND_LIFE,
    Metric.CLAIMED_RECYCLED: EprEvidence.Fate.CLAIMED_RECYCLED,
    Metric.CLAIMED_RECYCLED_KG: EprEvidence.Fate.CLAIMED_RECYCLED,
    Metric.CLAIMED_CONTENT: EprEvidence.Fate.CLAIMED_RECYCLED,
    Metric.CLAIMED_RECOVERED: EprEvidence.Fate.CLAIMED_RECYCLED,
    Metric.RETURNED_UNITS: EprEvidence.Fate.RETURNED,
    Metric.RETURNED_KG: EprEvidence.Fate.RETURNED,
    Metric.LOST_UNITS: EprEvidence.Fate.LOST,
    Metric.LOST_KG: EprEvidence.Fate.LOST,
    Metric.AWAY_COLLECTED: EprEvidence.Fate.AWAY_COLLECTED,
    Metric.AWAY_COLLECTED_KG: EprEvidence.Fate.AWAY_COLLECTED,
    Metric.AWAY_REUSED: EprEvidence.Fate.AWAY_SECOND_LIFE,
    Metric.AWAY_REUSED_KG: EprEvidence.Fate.AWAY_SECOND_LIFE,
    Metric.AWAY_RECYCLED: EprEvidence.Fate.AWAY_RECYCLED,
    Metric.AWAY_RECYCLED_KG: EprEvidence.Fate.AWAY_RECYCLED,
    Metric.CLAIMED_AWAY: EprEvidence.Fate.CLAIMED_AWAY,
    Metric.CLAIMED_AWAY_KG: EprEvidence.Fate.CLAIMED_AWAY,
}

#: Breakdowns that are a text of the evidence: which, and the dimension of the line that it equals.
_OF_BREAKDOWN: dict[str, tuple[str, str]] = {
    Breakdown.FAMILY: ("family", "family"),
    Breakdown.METHOD: ("method", "method"),
    Breakdown.DECISION: ("decision", "decision"),
    Breakdown.COUNTRY: ("country", "country"),
    Breakdown.ORIGIN: ("collected_in", "origin"),
    Breakdown.MARKET: ("placed_in", "origin"),
}


def evidence_of(line: EprReportLine) -> QuerySet[EprEvidence]:
    """The batteries behind a figure; none for what was placed on the market (see `placements_of`)."""
    rows = EprEvidence.objects.filter(report=line.report_id)
    if line.metric in PLACED:
        return rows.none()
    rows = rows.filter(fate=_FATE_OF.get(Metric(line.metric), EprEvidence.Fate.RECYCLED))
    if line.breakdown in _OF_BREAKDOWN:
        field, dimension = _OF_BREAKDOWN[line.breakdown]
        rows = rows.filter(**{field: getattr(line, dimension)})
    match Breakdown(line.breakdown):
        case Breakdown.CHEMISTRY:
            rows = rows.filter(chemistry=line.chemistry_id) if line.chemistry_id else rows.filter(chemistry=None)
        case Breakdown.FACILITY:
            rows = rows.filter(facility=line.facility_id)
            if line.metric == Metric.FACILITY:
                rows = rows.filter(method=line.method)
        case Breakdown.ELEMENT:
            holding = EprIntensity.objects.filter(report=line.report_id, element=line.element, kg_per_kwh__gt=0)
            rows = rows.filter(content_kwh__isnull=False, composition__in=holding.values("composition"))
    if line.metric == Metric.MASS_EXPORTED:
        rows = rows.exclude(country="").exclude(country=line.report.jurisdiction_id[:2])
    return rows


def placements_of(line: EprReportLine) -> QuerySet[EprPlacement]:
    """The market placements behind a figure of what was placed on the market; none for any other."""
    rows = EprPlacement.objects.filter(report=line.report_id, is_counted=line.metric not in _ACROSS)
    if line.metric not in PLACED:
        return rows.none()
    if line.breakdown == Breakdown.CHEMISTRY:
        rows = rows.filter(chemistry=line.chemistry_id) if line.chemistry_id else rows.filter(chemistry=None)
    return rows


def traced(rows: QuerySet[EprEvidence], element: str) -> QuerySet[EprEvidence]:
    """Evidence with the element content of each battery and the shares it was recovered, pending and in residue at."""
    factor = EprFactor.objects.filter(report=OuterRef("report"), batch=OuterRef("batch"), element=element).order_by()
    intensity = EprIntensity.objects.filter(
        report=OuterRef("report"), composition=OuterRef("composition"), element=element
    ).order_by()
    return rows.annotate(
        content_kg=F("content_kwh") * Subquery(intensity.values("kg_per_kwh")[:1]),
        recovered_share=Subquery(factor.values("recovered")[:1]),
        pending_share=Subquery(factor.values("pending")[:1]),
        residue_share=Subquery(factor.values("residue")[:1]),
    )


GRAM = Decimal("0.001")


def as_read(reader: Viewer, page: list[EprEvidence]) -> list[EprEvidence]:
    """Rows of evidence as `reader` reads them: what an element's share of each came to, to the gram; batches and the exact
    shares only of batches that it may see. Over n rows the grams add up to the figure within n half grams.
    """
    asked = {row.batch_id for row in page if row.batch_id is not None}
    seen = set(Batch.objects.visible_to(reader).filter(pk__in=asked).values_list("pk", flat=True)) if asked else set()
    for row in page:
        if hasattr(row, "recovered_share"):
            for part in ("recovered", "pending", "residue"):
                share, content = getattr(row, f"{part}_share"), row.content_kg  # type: ignore[attr-defined]
                kg = None if share is None or content is None else (share * content).quantize(GRAM)
                setattr(row, f"{part}_kg", kg)
                if row.batch_id not in seen:
                    setattr(row, f"{part}_share", None)
        if row.batch_id not in seen:
            row.batch_id = None
    return page
