"""The rows of evidence behind one figure of a report: what its page and the API show when somebody asks where it is from."""

from __future__ import annotations

from decimal import Decimal

from django.db.models import Case, DecimalField, F, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce

from accounts.models import Viewer
from collection.models import PART_OF
from recycling.models import (
    RECOVERED,
    Batch,
    Became,
    Breakdown,
    EprEvidence,
    EprFactor,
    EprInputShare,
    EprIntensity,
    EprPlacement,
    EprReport,
    EprReportLine,
    Metric,
)
from recycling.queries.annex import Basis
from recycling.queries.report_methods import METHODS
from recycling.queries.report_recovery import sent_abroad

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


def evidence_of(line: EprReportLine) -> QuerySet[EprEvidence]:
    """The batteries behind a figure; none for what was placed on the market (see `placements_of`)."""
    rows: QuerySet[EprEvidence] = EprEvidence.objects.filter(report=line.report_id)
    if line.metric in PLACED:
        return rows.none()
    rows = _within(rows.filter(fate=_FATE_OF.get(Metric(line.metric), EprEvidence.Fate.RECYCLED)), line)
    if line.metric == Metric.MASS_EXPORTED:
        if _by_annex(line.report):
            return sent_abroad(line.report, line.country)
        rows = rows.exclude(country="").exclude(country=line.report.jurisdiction_id[:2])
    return rows


#: Breakdowns along a field of the evidence, and the field of a line that says which.
_ALONG = {
    Breakdown.FAMILY: ("family", "family"),
    Breakdown.METHOD: ("method", "method"),
    Breakdown.DECISION: ("decision", "decision"),
    Breakdown.COUNTRY: ("country", "country"),
    Breakdown.CHEMISTRY: ("chemistry", "chemistry_id"),
    Breakdown.FACILITY: ("facility", "facility_id"),
    Breakdown.BASIS: ("basis", "basis"),
    Breakdown.ORIGIN: ("collected_in", "origin"),
    Breakdown.MARKET: ("placed_in", "origin"),
}


def _within(rows: QuerySet[EprEvidence], line: EprReportLine) -> QuerySet[EprEvidence]:
    """Those that the line's breakdown is of."""
    along = _ALONG.get(Breakdown(line.breakdown))
    if along is not None:
        field, of = along
        rows = rows.filter(**{field: getattr(line, of)})
    if line.metric == Metric.FACILITY:
        rows = rows.filter(Q(method=line.method) | Q(method__startswith=f"{line.method}+"))
    if line.breakdown == Breakdown.BASIS and line.family:
        rows = rows.filter(family=line.family)
    return _holding(rows, line) if line.element else rows


def _holding(rows: QuerySet[EprEvidence], line: EprReportLine) -> QuerySet[EprEvidence]:
    """Those whose composition, or the analysis of whose batch, has the line's element or a part of it."""
    elements = _with_parts(line.element)
    holding = EprIntensity.objects.filter(report=line.report_id, element__in=elements, kg_per_kwh__gt=0)
    listed = Q(content_kwh__isnull=False, composition__in=holding.values("composition"))
    if not _by_annex(line.report):
        return rows.filter(listed)
    analyzed = EprInputShare.objects.filter(report=line.report_id, element__in=elements, fraction__gt=0)
    return rows.filter(listed & ~Q(basis__in=[Basis.MEASURED, Basis.ESTIMATED]) | Q(batch__in=analyzed.values("batch")))


def _by_annex(report: EprReport) -> bool:
    method = METHODS.get(report.method_version)
    return method is not None and method.by_annex


def _with_parts(element: str) -> list[str]:
    return [element, *(part for part, whole in PART_OF.items() if whole == element)]


def placements_of(line: EprReportLine) -> QuerySet[EprPlacement]:
    """The market placements behind a figure of what was placed on the market; none for any other."""
    rows = EprPlacement.objects.filter(report=line.report_id, is_counted=line.metric not in _ACROSS)
    if line.metric not in PLACED:
        return rows.none()
    if line.breakdown == Breakdown.CHEMISTRY:
        rows = rows.filter(chemistry=line.chemistry_id) if line.chemistry_id else rows.filter(chemistry=None)
    return rows


#: Kilograms of the elements in a row of evidence; with `share`, those of them that became what is asked for.
_OF_ROW = """(
    SELECT sum(part.kg {share}) FROM (
        SELECT i.element, recycling_eprevidence.content_kwh * i.kg_per_kwh AS kg
        FROM recycling_eprintensity i
        WHERE i.report_id = recycling_eprevidence.report_id
            AND i.composition_id = recycling_eprevidence.composition_id
            AND recycling_eprevidence.basis NOT IN ('measured', 'estimated')
        UNION ALL
        SELECT i.element, recycling_eprevidence.mass_kg * (1 - b.moisture) * i.fraction
        FROM recycling_eprinputshare i
        JOIN recycling_eprbatch b ON b.report_id = i.report_id AND b.batch_id = i.batch_id
        WHERE i.report_id = recycling_eprevidence.report_id AND i.batch_id = recycling_eprevidence.batch_id
    ) part
    {outcomes}
    WHERE part.element = ANY (%s)
)"""

_OUTCOMES = """
    JOIN recycling_eproutcome o ON o.report_id = recycling_eprevidence.report_id
        AND o.batch_id = recycling_eprevidence.batch_id AND o.element = part.element AND o.became = ANY (%s)
"""

_KG: DecimalField[Decimal, Decimal] = DecimalField(max_digits=60, decimal_places=30)

_FATES = {
    "recovered": [str(kind) for kind in RECOVERED],
    "pending": [str(Became.PENDING)],
    "residue": [str(Became.LANDFILLED), str(Became.ENERGY)],
}


def traced(rows: QuerySet[EprEvidence], line: EprReportLine) -> QuerySet[EprEvidence]:
    """Evidence with the content of each battery of the line's element, and the shares it was recovered, pending and in
    residue at.
    """
    if _by_annex(line.report):
        elements = _with_parts(line.element)
        content = RawSQL(_OF_ROW.format(share="", outcomes=""), [elements], _KG)  # noqa: S611 - composed of constants
        became = {
            f"{fate}_of_it": RawSQL(_OF_ROW.format(share="* o.share", outcomes=_OUTCOMES), [kinds, elements], _KG)  # noqa: S611 - composed of constants
            for fate, kinds in _FATES.items()
        }
        return rows.annotate(content_kg=content, **became).annotate(
            **{
                f"{fate}_share": Case(
                    When(content_kg__gt=0, then=Coalesce(F(f"{fate}_of_it"), Decimal(0)) / F("content_kg")),
                    default=None,
                )
                for fate in _FATES
            }
        )
    factor = EprFactor.objects.filter(
        report=OuterRef("report"), batch=OuterRef("batch"), element=line.element
    ).order_by()
    intensity = EprIntensity.objects.filter(
        report=OuterRef("report"), composition=OuterRef("composition"), element=line.element
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
