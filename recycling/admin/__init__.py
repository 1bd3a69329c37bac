from recycling.admin import (
    batches,
    elements_taken,
    inspections,
    intakes,
    market_statistics,
    placements,
    plants,
    reports,
    schemes,
    trace,
    utilization,
)

__all__ = [
    "batches",
    "elements_taken",
    "inspections",
    "intakes",
    "market_statistics",
    "placements",
    "plants",
    "reports",
    "schemes",
    "trace",
    "utilization",
]
