from recycling.admin import (
    batches,
    capacity,
    elements_taken,
    forecasts,
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
    "capacity",
    "elements_taken",
    "forecasts",
    "inspections",
    "intakes",
    "placements",
    "plants",
    "reports",
    "schemes",
    "trace",
    "utilization",
]
