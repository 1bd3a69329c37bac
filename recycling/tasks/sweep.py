"""The sweep that takes up whatever a lost message or a dead worker left behind, of every kind."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from celery import shared_task

from collection.tasks import assignments, imports
from recycling.queries.waiting import waiting
from recycling.services import factors
from recycling.tasks import forecasts, reports, utilization

log = structlog.get_logger(__name__)


@shared_task(name="recycling.sweep")
def sweep() -> None:
    """Take up pending work of every kind. One kind that fails does not keep the others."""
    kinds: tuple[tuple[str, Callable[[], object]], ...] = (
        ("factors", factors.refresh),
        ("reports", reports.sweep),
        ("utilization", utilization.sweep),
        ("forecasts", forecasts.sweep),
        ("imports", imports.sweep),
        ("assignments", assignments.sweep),
        ("alarm", sound_alarm),
    )
    for kind, take_up in kinds:
        try:
            take_up()
        except Exception:
            log.exception("sweep_failed", kind=kind)


def sound_alarm() -> None:
    """Say what has waited too long: workers are too few, or stuck."""
    for late in (one for one in waiting() if one.is_late):
        log.error("work_waits", kind=late.kind, number=late.number, seconds=round(late.seconds))
