from recycling.admin import batches, inspections, intakes, placements, plants, reports, schemes, trace, utilization

__all__ = ["batches", "inspections", "intakes", "placements", "plants", "reports", "schemes", "trace", "utilization"]
