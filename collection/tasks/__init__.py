"""Celery finds the tasks of an app in this package; each aggregate's are in its own module."""

from collection.tasks import assignments, imports

__all__ = ["assignments", "imports"]
