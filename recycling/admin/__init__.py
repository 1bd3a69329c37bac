from recycling.admin import placements, reports, schemes, utilization

__all__ = ["placements", "reports", "schemes", "utilization"]
