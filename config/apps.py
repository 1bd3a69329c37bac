"""Relode as a Django application: what must happen once in every process."""

from django.apps import AppConfig


class RelodeConfig(AppConfig):
    """Binds tasks to our Celery application.

    This is not done in `config/__init__.py`, as is usual, because Celery takes longer to import than the commands that
    start and stop servers take to run.
    """

    name = "config"
    verbose_name = "Relode"

    def ready(self) -> None:
        """Make `shared_task` mean a task of our application, and tell outside what is asked for."""
        import config.celery  # noqa: F401
        from config import tracing

        tracing.begin()
