"""Work that waits in a row of the database until a worker does it: imports, EPR reports, utilization.

The row says all that is to be done, and how far it is: `status`, when a worker took it up (`claimed_at`), when it was
last heard of (`heartbeat_at`). The broker carries ids and holds no truth. One worker claims a row, tells that it lives
for as long as it works, and writes the end only if the row is still its own (`ours`). What nobody was heard of for too
long is taken up again, whether its worker died or its message was lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Self

import structlog
from django.db import Error, connection, models, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

#: Seconds between two signs of life.
BEAT = 5.0

log = structlog.get_logger(__name__)


def send(deliver: Callable[[int], object], *ids: int) -> None:
    """Have workers told of these rows once what is being done is committed. If the broker cannot be reached then, what
    was done stays done, and the sweep finds the rows.
    """
    for row_id in ids:
        transaction.on_commit(partial(deliver, row_id), robust=True)


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


class Pulse:
    """Tells in `rows` that a worker lives and how far it is, every `beat` seconds and when there is news: on a thread,
    since each thread has a connection of its own and what is told is seen while the work's own transaction is open.

    A database that cannot be reached is tried again at the next beat: the work itself notices, if it must. Inside of
    somebody's transaction, where nobody outside could see the row yet, it tells through that transaction.

    `look` is asked at every beat for what there is to tell, where the work is too busy to say it by itself.
    """

    def __init__(
        self, rows: QuerySet[models.Model], *, beat: float = BEAT, look: Callable[[], Mapping[str, object]] = dict
    ) -> None:
        self._rows = rows
        self._beat = beat
        self._look = look
        self._said: Mapping[str, object] = {}
        self._news = threading.Event()
        self._ended = False
        self._thread = None if connection.in_atomic_block else threading.Thread(target=self._run, daemon=True)

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
        self._rows.update(heartbeat_at=timezone.now(), **self._said, **self._look())
