from recycling.admin import (
    batches,
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
