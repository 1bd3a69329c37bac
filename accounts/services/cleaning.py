"""What is deleted by age, every day: what nobody can use any more, or was only kept for a while.

Nothing that says what happened to a battery, a lot, a plant or a report is ever deleted, nor is who did it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from knox.models import AuthToken

from accounts.models import Command

#: Rows that are deleted in one transaction: nobody waits for more of them than take a moment.
PIECE = 5_000

#: How long it may take altogether; the rest is deleted the day after.
MOST_SECONDS = 300.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Perishable:
    """A kind of row that is deleted once it is `days` old. `older` gives those that are older than an instant."""

    name: str
    days: Callable[[], int]
    older: Callable[[datetime], QuerySet[Any]]


def _expired_at_once() -> int:
    return 0


#: Apps above add theirs as they are ready.
PERISHABLE: list[Perishable] = [
    Perishable("sessions", _expired_at_once, lambda before: Session.objects.filter(expire_date__lt=before)),
    Perishable("tokens", _expired_at_once, lambda before: AuthToken.objects.filter(expiry__lt=before)),
    Perishable(
        "commands", lambda: settings.KEEP_COMMANDS_DAYS, lambda before: Command.objects.filter(created_at__lt=before)
    ),
]


def clean() -> dict[str, int]:
    """Delete what has had its time, and log how many rows of each kind. One kind that fails does not keep the others."""
    deadline = time.monotonic() + MOST_SECONDS
    deleted: dict[str, int] = {}
    for kind in PERISHABLE:
        try:
            deleted[kind.name] = _delete(kind.older(timezone.now() - timedelta(days=kind.days())), deadline)
        except Exception:
            log.exception("cleaning_failed", kind=kind.name)
        else:
            log.info("cleaned", kind=kind.name, number=deleted[kind.name])
    return deleted


def _delete(rows: QuerySet[Any], deadline: float) -> int:
    """In pieces, each a transaction of its own: what was deleted stays deleted if the worker dies."""
    number = 0
    while time.monotonic() < deadline:
        with transaction.atomic():
            keys = list(rows.order_by("pk").values_list("pk", flat=True)[:PIECE])
            rows.model._default_manager.filter(pk__in=keys).delete()
        number += len(keys)
        if len(keys) < PIECE:
            break
    return number
