"""Computing capacity utilization: asked for by a person or by the daily schedule, carried out by a worker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import structlog
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import pending
from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid
from accounts.models import Function
from accounts.verbs import verb
from recycling.models import UTILIZATION_MOVES, UtilizationDue, UtilizationRun, UtilizationStatus
from recycling.queries.utilization import BACKLOG, LINE_DAYS

#: How many days are computed in one transaction, and for how many a run may be asked.
CHUNK_DAYS = 92
LONGEST_DAYS = 10 * 366

#: The daily run looks this far back. What changes in days before is noted by the database, and computed again with them
#: (`refresh_due`).
DAILY_DAYS = 35

#: After what silence a run is taken from its worker.
SILENCE = timedelta(seconds=60)

#: Runs write the same rows, so they take turns: the number names the turn.
_TURN = 0x52_45_4C_01

_WRITE_DAYS = f"""
    INSERT INTO recycling_utilizationsnapshot
        (line_id, day, basis, status, processed_kg, nameplate_kg, available_kg, computed_at)
    SELECT line_id, day, basis, status, processed_kg, nameplate_kg, available_kg, statement_timestamp()
    FROM ({LINE_DAYS}) computed
    ORDER BY line_id, day
    ON CONFLICT (line_id, day) DO UPDATE SET
        basis = excluded.basis, status = excluded.status, processed_kg = excluded.processed_kg, nameplate_kg = excluded.nameplate_kg,
        available_kg = excluded.available_kg, computed_at = excluded.computed_at
"""  # noqa: S608 - composed of constants

_WRITE_BACKLOG = f"""
    INSERT INTO recycling_backlogsnapshot
        (plant_id, day, feed, waiting_kg, in_transit_kg, scheduled_kg, unweighed, computed_at)
    SELECT plant_id, day, feed, waiting_kg, in_transit_kg, scheduled_kg, unweighed, statement_timestamp()
    FROM ({BACKLOG}) computed
    ORDER BY plant_id, feed
    ON CONFLICT (plant_id, day, feed) DO UPDATE SET
        waiting_kg = excluded.waiting_kg, in_transit_kg = excluded.in_transit_kg,
        scheduled_kg = excluded.scheduled_kg, unweighed = excluded.unweighed, computed_at = excluded.computed_at
"""  # noqa: S608 - composed of constants

log = structlog.get_logger(__name__)


def _asks_for_figures(actor: Actor, record: object) -> None:
    """The role operator in a recycler or a regulator."""
    functions = (Function.RECYCLER, Function.REGULATOR)
    mine = [membership.organization for membership in actor.memberships]
    if not actor.user.is_superuser and not any(actor.may(*mine, function=function) for function in functions):
        raise Forbidden(_("This needs the role operator in a recycler or a regulator."))


@verb(requires=_asks_for_figures)
def request(*, actor: Actor, from_day: date, to_day: date) -> UtilizationRun:
    """Ask for utilization of the days from `from_day` to `to_day`. An equal run that still waits is returned.

    Operators of recyclers and of regulators may.
    """
    if to_day < from_day:
        raise Invalid(_("The period ends before it begins."), field="to_day")
    if (to_day - from_day).days > LONGEST_DAYS:
        raise Invalid(_("A period has at most ten years."), field="to_day")
    if from_day > timezone.now().date() + timedelta(days=1):  # a day begins in the east first
        raise Invalid(_("These days have not begun."), field="from_day", code="in_future")
    waiting = UtilizationRun.objects.filter(from_day=from_day, to_day=to_day, status=UtilizationStatus.QUEUED).first()
    return waiting or UtilizationRun.objects.create(
        from_day=from_day, to_day=to_day, requested_by=actor.user, heartbeat_at=timezone.now()
    )


def schedule(*, days: int = DAILY_DAYS) -> UtilizationRun:
    """The run of the daily schedule: the last `days` days. One that still waits is returned."""
    to_day = timezone.now().date() + timedelta(days=1)  # days that have not begun at a plant are left out there
    run, _is_new = UtilizationRun.objects.get_or_create(
        from_day=to_day - timedelta(days=days),
        to_day=to_day,
        status=UtilizationStatus.QUEUED,
        requested_by=None,
        defaults={"heartbeat_at": timezone.now()},
    )
    return run


def lock(run: UtilizationRun) -> UtilizationRun:
    """The run as it is now, locked."""
    return UtilizationRun.objects.select_for_update().get(pk=run.pk)


def _by_who_asked(actor: Actor, record: UtilizationRun) -> None:
    """Whoever asked for the run, or the platform."""
    if not actor.user.is_superuser and record.requested_by_id != actor.user.pk:
        raise Forbidden(_("Only who asked for it may."))


@verb(lock, requires=_by_who_asked, to=UtilizationStatus.CANCELLED, moves=UTILIZATION_MOVES)
def cancel(*, actor: Actor, run: UtilizationRun) -> UtilizationRun:
    """Give up a run that is not over. A worker that has it stops within seconds; days that it has written stay."""
    run.status, run.finished_at = UtilizationStatus.CANCELLED, timezone.now()
    run.message = _("Cancelled by %(name)s.") % {"name": actor.user}
    run.save(update_fields=["status", "finished_at", "message"])
    return run


def run(run_id: int | None = None) -> bool | None:
    """Carry out a queued run: that one, or the next. `False` if it was not finished, `None` if there was none to be had.

    Safe to be killed anywhere and to run beside others: what it writes depends on nothing but the database.
    """
    claimed = _claim(run_id)
    if claimed is None:
        return None
    ours = pending.ours(claimed)
    try:
        with pending.Pulse(ours) as pulse:
            chunks = list(_chunks(claimed.from_day, claimed.to_day))
            for number, (start, end) in enumerate(chunks, start=1):
                if pulse.is_over:
                    return False
                _compute(start, end)
                pulse.tell(progress=90 * number // len(chunks))
            if claimed.requested_by_id is None:  # the daily schedule's, which has days of any age in its care
                refresh_due()
            _compute_backlog()
    except OperationalError as error:  # a deadlock, cancelled, or the database went away
        log.warning("utilization_interrupted", run=claimed.pk, error=str(error))
        ours.update(status=UtilizationStatus.QUEUED, message=_("Interrupted; will be computed again."))
        return False
    except Exception as error:
        log.exception("utilization_failed", run=claimed.pk)
        message = _("The computation failed (%(error)s).") % {"error": type(error).__name__}
        ours.update(status=UtilizationStatus.FAILED, message=message, finished_at=timezone.now())
        return False
    return bool(ours.update(status=UtilizationStatus.DONE, progress=100, finished_at=timezone.now()))


@transaction.atomic
def _claim(run_id: int | None) -> UtilizationRun | None:
    waiting = UtilizationRun.objects.filter(status=UtilizationStatus.QUEUED)
    return pending.claim(
        pending.next_of(waiting, run_id, of="requested_by", working=UtilizationStatus.RUNNING),
        status=UtilizationStatus.RUNNING,
        heartbeat_at=timezone.now(),
        progress=0,
        message="",
    )


def refresh_due() -> int:
    """Compute again the months of lines that something changed in; how many months they were.

    Belongs to no user, so it takes no actor. Sent twice, it finds nothing to do the second time. Each month is a transaction
    of its own: what changes while it is computed is noted again.
    """
    due = UtilizationDue.objects.order_by("month").values_list("month", flat=True).distinct()
    return sum(_compute_due(month) for month in list(due))


def is_any_waiting() -> bool:
    """Whether there is a run for the next worker."""
    return UtilizationRun.objects.filter(status=UtilizationStatus.QUEUED).exists()


def take_up_silent(*, silence: timedelta = SILENCE, only: int | None = None) -> list[int]:
    """Queue again the runs (`only` that one) that nobody has worked on for `silence`. Returns their ids, to be sent."""
    return pending.take_up(
        UtilizationRun.objects.all() if only is None else UtilizationRun.objects.filter(pk=only),
        waiting=UtilizationStatus.QUEUED,
        working=UtilizationStatus.RUNNING,
        silence=silence,
    )


def _chunks(start: date, end: date) -> Iterator[tuple[date, date]]:
    while start <= end:
        last = min(end, start + timedelta(days=CHUNK_DAYS - 1))
        yield start, last
        start = last + timedelta(days=1)


@transaction.atomic
def _compute(start: date, end: date) -> None:
    """Write the days from `start` to `end` of all lines: one statement, so one snapshot, taken when it is our turn."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])
        cursor.execute(_WRITE_DAYS, {"from": start, "to": end, "lines": None})


@transaction.atomic
def _compute_due(month: date) -> bool:
    """Write all days of a month again, of the lines that it was noted for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])
        cursor.execute("DELETE FROM recycling_utilizationdue WHERE month = %s RETURNING line_id", [month])
        lines = sorted({line for (line,) in cursor.fetchall()})
        if not lines:  # another worker was faster
            return False
        last = (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        cursor.execute(_WRITE_DAYS, {"from": month, "to": last, "lines": lines})
    return True


@transaction.atomic
def _compute_backlog() -> None:
    """Write what is waiting at each plant today, and coming to it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TURN])
        cursor.execute(_WRITE_BACKLOG, {"plants": None})
