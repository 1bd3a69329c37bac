from recycling.admin import (
    batches,
    elements_taken,
    inspections,
    intakes,
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
    "placements",
    "plants",
    "reports",
    "schemes",
    "trace",
    "utilization",
]
