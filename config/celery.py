"""The Celery application. Its settings are Django's, prefixed with CELERY_."""

import os
from typing import Any

from celery import Celery, signals
from django_structlog.celery.steps import DjangoStructLogInitStep

from config import metrics

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")

app = Celery("relode")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def _equip_worker(**_: Any) -> None:
    from config.health import Heartbeat  # needs settings, which are not yet there when this module is imported

    app.steps["worker"].update({DjangoStructLogInitStep, Heartbeat})
    metrics.count_tasks()


@signals.worker_init.connect
def _share_a_folder(**_: Any) -> None:
    """Before its children begin."""
    metrics.prepare()


@signals.setup_logging.connect
def _leave_logging_alone(**_: Any) -> None:
    """Keep Celery from replacing the logging that Django's settings have set up; that somebody listens is enough."""
