from recycling.admin import (
    batches,
    capacity,
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
