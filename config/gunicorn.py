"""How gunicorn serves Relode. Its settings are read from here by their names."""

import os
from typing import Any

from config import logs, metrics

os.environ.setdefault("RELODE_ROLE", "web")  # before the settings are read
metrics.prepare()

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
timeout = 60
graceful_timeout = 20
keepalive = 65  # longer than a proxy in front keeps its idle connections
max_requests, max_requests_jitter = 20_000, 2_000
control_socket_disable = True  # it would be made in the home directory, which a container's user may not have


def post_worker_init(worker: Any) -> None:
    """Each process answers at HEALTH_PORT, too: on a thread of its own, however many commands wait on the others."""
    if port := int(os.environ.get("HEALTH_PORT", "0")):
        from config import health

        health.serve(os.environ.get("HOST", "127.0.0.1"), port)


def child_exit(server: Any, worker: Any) -> None:
    """A process that ended has no connections any more."""
    metrics.process_ended(worker.pid)


def on_exit(server: Any) -> None:
    """What was counted is of no use to anybody now."""
    metrics.clear_away()


logconfig_dict = logs.configure(
    as_json=os.environ.get("DJANGO_SETTINGS_MODULE") == "config.settings.production",
    level=os.environ.get("LOG_LEVEL", "INFO"),
)
logconfig_dict["loggers"]["gunicorn.error"] = {"handlers": [], "propagate": True, "level": "INFO"}
