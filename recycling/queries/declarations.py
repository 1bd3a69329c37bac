"""Which declarations of a producer count some of the same batteries: what `recycling.models.spans` says, row by row."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from recycling.models import MarketPlacement, PlacementStatus


def overlapping(row: MarketPlacement) -> QuerySet[MarketPlacement]:
    """The other declarations that stand and count some of the batteries that `row` counts."""
    code = row.jurisdiction_id
    within = Q(jurisdiction__in=[code, code[:2]]) | Q(jurisdiction__parent=code)
    return (
        MarketPlacement.objects.filter(
            within,
            _same_subject(row),
            producer=row.producer_id,
            status=PlacementStatus.DECLARED,
            period_start__lte=row.period_end,
            period_end__gte=row.period_start,
        )
        .exclude(pk=row.pk)
        .select_related("model", "chemistry")
        .order_by("pk")
    )


def _same_subject(row: MarketPlacement) -> Q:
    """All batteries, those of the row's chemistry of which no model is said, and those of its model."""
    everything = Q(model=None, chemistry=None)
    if row.model_id is not None:
        whole = Q(model=None, chemistry=row.chemistry_id) if row.chemistry_id else everything
        return everything | whole | Q(model=row.model_id)
    return everything | Q(chemistry=row.chemistry_id) if row.chemistry_id else Q()
