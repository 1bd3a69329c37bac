"""How Relode is put together and run: settings, URLs, Celery, and the servers used in development."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
