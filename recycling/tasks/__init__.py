"""Celery finds the tasks of an app in this package; each aggregate's are in its own module."""

from recycling.tasks import reports, sweep, tallies, utilization

__all__ = ["reports", "sweep", "tallies", "utilization"]
