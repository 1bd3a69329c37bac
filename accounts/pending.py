"""Work that waits in a row of the database until a worker does it: imports, EPR reports, utilization.

The row says all that is to be done, and how far it is: `status`, when a worker took it up (`claimed_at`), when it was
last heard of (`heartbeat_at`). The broker carries ids and holds no truth: a message says that something waits, and its
worker takes what is next by fairness. One worker claims a row, tells that it lives for as long as it works, and writes
the end only if the row is still its own (`ours`). What nobody was heard of for too long is taken up again, whether its
worker died or its message was lost. A row that is taken away or cancelled meanwhile stops its worker at the next beat.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any, Self

import psycopg
import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connection, connections, models, transaction
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

#: Seconds between two signs of life.
BEAT = 5.0

#: Silence after which the worker of a message that came back is taken for dead; how often to look whether it is.
LOST = timedelta(seconds=2 * BEAT + 1)
MOST_LOOKS = 6

#: Whoever claims waits for its turn, so that two workers do not both take the only one that an organization may have
#: going on. One number for each table.
_TURN = 0x140A

log = structlog.get_logger(__name__)


def send(deliver: Callable[[int], object], *ids: int) -> None:
    """Have workers told of these rows once what is being done is committed. If the broker cannot be reached then, what
    was done stays done, and the sweep finds the rows.
    """
    for row_id in ids:
        transaction.on_commit(partial(deliver, row_id), robust=True)


def next_of(waiting: QuerySet[Any], only: int | None, *, of: str, working: str) -> QuerySet[Any]:
    """Those of `waiting` that a worker may take, the next first: of whoever in the column `of` has fewest going on, the
    oldest. Whoever has `JOBS_AT_ONCE` already waits, so that one cannot keep all workers. `only`: that one, whose turn
    it ever is.
    """
    if only is not None:
        return waiting.filter(pk=only)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_TURN, waiting.model._meta.db_table])
    going_on = (
        waiting.model._default_manager.filter(status=working, **{of: OuterRef(of)})
        .order_by()
        .values(of)
        .annotate(number=Count("pk"))
        .values("number")
    )
    rows: QuerySet[Any] = waiting.alias(going_on=Coalesce(Subquery(going_on), 0))
    return rows.filter(going_on__lt=settings.JOBS_AT_ONCE).order_by("going_on", "pk")


@transaction.atomic
def claim[M: models.Model](waiting: QuerySet[M], *, status: str, **values: object) -> M | None:
    """Take the row of `waiting`, which moves it to `status`. `None` if it does not wait or another worker has it.

    `values` say that it was heard of now, wherever that is kept: else the sweep could take it away before the first beat.
    """
    row = waiting.select_for_update(of=("self",), skip_locked=True).first()
    if row is not None:
        values |= {"status": status, "claimed_at": timezone.now()}
        for name, value in values.items():
            setattr(row, name, value)
        row.save(update_fields=list(values))
    return row


def ours[M: models.Model](claimed: M) -> QuerySet[M]:
    """The claimed row, for as long as nobody else has taken it: an `update` of it says whether it was still ours."""
    of_this_claim = {name: getattr(claimed, name) for name in ("status", "claimed_at")}
    return type(claimed)._default_manager.filter(pk=claimed.pk, **of_this_claim)


@transaction.atomic
def take_up[M: models.Model](
    rows: QuerySet[M], *, waiting: str, working: str, silence: timedelta, heartbeat: str = "heartbeat_at"
) -> list[int]:
    """Let those of `rows` wait again that nobody was heard of for `silence`. Returns their ids, to be sent.

    They count as heard of from now, so that each is sent once in a silence and not by every sweep. Where `heartbeat` is
    in another row, the caller says so there.
    """
    unheard = Q(**{heartbeat: None}) | Q(**{f"{heartbeat}__lt": timezone.now() - silence})
    silent = list(
        rows.select_for_update(of=("self",), skip_locked=True)
        .filter(unheard, status__in=(waiting, working))
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    found = rows.model._default_manager.filter(pk__in=silent)
    found.filter(status=working).update(status=waiting)
    if heartbeat == "heartbeat_at":
        found.update(heartbeat_at=timezone.now())
    return silent


def after_loss(task: Any, row_id: int, looks: int, take_up: Callable[..., list[int]]) -> list[int]:
    """What to send again, where `task` came for the row `row_id` and found nothing to do.

    Its message came back, or was sent to look again: the worker that had it was killed. The row is taken up as soon as
    that worker was not heard of for a while; until then somebody looks again.
    """
    if not (looks or task.request.delivery_info.get("redelivered")):
        return []
    found = take_up(silence=LOST, only=row_id)
    if not found and looks < MOST_LOOKS:
        task.apply_async((row_id,), {"looks": looks + 1}, countdown=BEAT)
    return found


class Pulse:
    """Tells in `rows` that a worker lives and how far it is, every `beat` seconds and when there is news: on a thread,
    since each thread has a connection of its own and what is told is seen while the work's own transaction is open.

    A database that cannot be reached is tried again at the next beat: the work itself notices, if it must. Inside of
    somebody's transaction, where nobody outside could see the row yet, it tells through that transaction.

    `look` is asked at every beat for what there is to tell, where the work is too busy to say it by itself.

    If `rows` are none any more, somebody took the work away or cancelled it: `is_over` says so, and the statement that the
    work waits for is cancelled, which it sees as an `OperationalError`.
    """

    def __init__(
        self, rows: QuerySet[models.Model], *, beat: float = BEAT, look: Callable[[], Mapping[str, object]] = dict
    ) -> None:
        self.is_over = False
        self._rows = rows
        self._beat = beat
        self._look = look
        self._said: Mapping[str, object] = {}
        self._news = threading.Event()
        self._ended = False
        self._thread = None if connection.in_atomic_block else threading.Thread(target=self._run, daemon=True)
        self._works_on = connections[
            DEFAULT_DB_ALIAS
        ]  # of the thread that works: the name `connection` is each thread's own

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def tell(self, **said: object) -> None:
        """The work has come so far: columns of the row and their values."""
        self._said = said
        if self._thread is None:
            self._write()
        else:
            self._news.set()

    def stop(self) -> None:
        """Tell the last news and end; for work that goes on to write the same row in its own transaction."""
        self._ended = True
        self._news.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        is_last = False
        try:
            while not is_last:
                self._news.clear()  # before reading: whatever is said from here on wakes us again
                is_last = self._ended
                try:
                    self._write()
                except Error as error:
                    log.warning("pulse_missed", error=str(error))
                    connection.close()
                if not is_last:
                    self._news.wait(self._beat)
        finally:
            connection.close()

    def _write(self) -> None:
        if self._rows.update(heartbeat_at=timezone.now(), **self._said, **self._look()):
            return
        self.is_over = True
        working: psycopg.Connection[Any] | None = self._works_on.connection
        if self._thread is not None and working is not None:
            working.cancel_safe(timeout=BEAT)
