"""Resolving anew what rests on patterns of vehicles: seen before it is done, asked for by the platform, done by a worker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import structlog
from django.db import OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import pending
from accounts.actors import Actor
from accounts.verbs import by_platform, verb
from collection.models import (
    ASSIGNMENT_MOVES,
    AssignmentRun,
    AssignmentStatus,
    BatteryModel,
    VehicleKind,
    VehiclePattern,
)
from collection.services.patterns import Assigned, Patterns
from collection.services.resting import RESTING, Change, changes

#: After what silence a run is taken from its worker.
SILENCE = timedelta(seconds=60)

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Told:
    """A change as people read it."""

    of: str
    vehicle: VehicleKind
    before: str
    after: str
    rows: int
    units: int
    kept: int


@dataclass(frozen=True)
class Preview:
    """What would change if packs were resolved anew now."""

    changes: list[Told]
    rows: int
    units: int
    kept: int


def preview(*, actor: Actor, pattern: VehiclePattern | None = None, only: VehiclePattern | None = None) -> Preview:
    """What would change. `pattern`: if it were stored as it is here, and only what rests on it or would; `only`: what rests
    on that pattern as it is stored.
    """
    actor.require_platform()
    looked_at = pattern or only
    found = changes(Patterns(pattern), looked_at.pk if looked_at is not None else None)
    vehicles = VehicleKind.objects.in_bulk({change.vehicle for change in found})
    names = dict(BatteryModel.objects.values_list("pk", "name"))
    labels = {resting.table: str(resting.name) for resting in RESTING}
    told = [
        Told(labels[c.of], vehicles[c.vehicle], _said(c.before, names), _said(c.after, names), c.rows, c.units, c.kept)
        for c in sorted(found, key=lambda change: -change.units)
    ]
    kept = sum(change.kept for change in found)
    return Preview(told, sum(c.rows for c in found) - kept, sum(c.units for c in found), kept)


def _said(assigned: Assigned, names: dict[int, str]) -> str:
    parts = (names.get(assigned.model_id or 0, ""), assigned.chemistry_id or "", assigned.chemistry_by)
    return ", ".join(part for part in parts if part)


@verb(requires=by_platform)
def request(*, actor: Actor, pattern: VehiclePattern | None = None) -> AssignmentRun:
    """Ask for what rests on `pattern`, or would (on any, without one), to be resolved anew. An equal run that still waits is
    returned. What a person said stays, and so does what was charged or is in a report that was filed.
    """
    waiting = AssignmentRun.objects.filter(pattern=pattern, status=AssignmentStatus.QUEUED).first()
    return waiting or AssignmentRun.objects.create(
        pattern=pattern, requested_by=actor.user, heartbeat_at=timezone.now()
    )


def lock(run: AssignmentRun) -> AssignmentRun:
    """The run as it is now, locked."""
    return AssignmentRun.objects.select_for_update(of=("self",)).get(pk=run.pk)


@verb(lock, requires=by_platform, to=AssignmentStatus.CANCELLED, moves=ASSIGNMENT_MOVES)
def cancel(*, actor: Actor, run: AssignmentRun) -> AssignmentRun:
    """Give up a run that is not over. A worker that has it stops within seconds; what was resolved stays."""
    run.status, run.finished_at = AssignmentStatus.CANCELLED, timezone.now()
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
            done = _resolve(claimed, pulse)
    except OperationalError as error:  # a deadlock, cancelled, or the database went away
        log.warning("assignment_interrupted", run=claimed.pk, error=str(error))
        ours.update(status=AssignmentStatus.QUEUED, message=_("Interrupted; will be done again."))
        return False
    except Exception as error:
        log.exception("assignment_failed", run=claimed.pk)
        message = _("It failed (%(error)s).") % {"error": type(error).__name__}
        ours.update(status=AssignmentStatus.FAILED, message=message, finished_at=timezone.now())
        return False
    if done is None:
        return False
    return bool(ours.update(status=AssignmentStatus.DONE, rows_done=done, finished_at=timezone.now()))


def _resolve(run: AssignmentRun, pulse: pending.Pulse) -> int | None:
    """Change what is to be changed; how many rows that were, or `None` where the run was taken away."""
    patterns, done = Patterns(), 0
    found = changes(patterns, run.pattern_id)
    kept = sum(change.kept for change in found)
    told = {"rows_total": sum(change.rows for change in found) - kept, "rows_kept": kept}
    pulse.tell(**told)
    for resting in RESTING:
        wanted = _wanted(found, resting.table)
        for number in resting.apply(wanted, patterns) if wanted else ():
            if pulse.is_over:
                return None
            done += number
            pulse.tell(**told, rows_done=done)
    return done


def _wanted(found: list[Change], table: str) -> dict[int, Assigned]:
    return {change.vehicle: change.after for change in found if change.of == table}


@transaction.atomic
def _claim(run_id: int | None) -> AssignmentRun | None:
    waiting = AssignmentRun.objects.filter(status=AssignmentStatus.QUEUED)
    return pending.claim(
        pending.next_of(waiting, run_id, of="requested_by", working=AssignmentStatus.RUNNING),
        status=AssignmentStatus.RUNNING,
        heartbeat_at=timezone.now(),
        rows_total=None,
        rows_done=0,
        rows_kept=0,
        message="",
    )


def is_any_waiting() -> bool:
    """Whether there is a run for the next worker."""
    return AssignmentRun.objects.filter(status=AssignmentStatus.QUEUED).exists()


def take_up_silent(*, silence: timedelta = SILENCE, only: int | None = None) -> list[int]:
    """Queue again the runs (`only` that one) that nobody has worked on for `silence`. Returns their ids, to be sent."""
    return pending.take_up(
        AssignmentRun.objects.all() if only is None else AssignmentRun.objects.filter(pk=only),
        waiting=AssignmentStatus.QUEUED,
        working=AssignmentStatus.RUNNING,
        silence=silence,
    )
