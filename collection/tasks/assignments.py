"""Resolving anew what rests on patterns of vehicles, in the background."""

from __future__ import annotations

from celery import Task, shared_task

from accounts import pending
from collection.models import AssignmentRun
from collection.services import assignments


@shared_task(bind=True, name="collection.run_assignment", soft_time_limit=55 * 60, time_limit=60 * 60)
def run_assignment(self: Task[..., None], run_id: int, looks: int = 0) -> None:
    """Carry out the run that is next; the message of one has each of them done once, whichever that is."""
    is_done = assignments.run()
    if is_done is None:
        pending.send(self.delay, *pending.after_loss(self, run_id, looks, assignments.take_up_silent))
    elif is_done and assignments.is_any_waiting():
        self.delay(run_id)  # what had to wait until who asked for it had one less going on


def enqueue(run: AssignmentRun) -> AssignmentRun:
    """Have a worker carry the run out once what is being done is committed."""
    pending.send(run_assignment.delay, run.pk)
    return run


def sweep() -> None:
    """For the periodic sweep: send again the runs that nobody works on."""
    pending.send(run_assignment.delay, *assignments.take_up_silent())
