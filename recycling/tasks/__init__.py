"""Celery finds the tasks of an app in this package; each aggregate's are in its own module."""

from recycling.tasks import reports, sweep, utilization

__all__ = ["reports", "sweep", "utilization"]
