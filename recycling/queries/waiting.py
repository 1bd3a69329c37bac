"""How much work of each kind waits for a worker, and since when: seen in `/readyz`, and said aloud by the sweep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import connection

#: What waits longer than this waits for a worker that does not come.
LATE_SECONDS = 300

#: A report waits since its status was last changed; what else waits was asked for once.
_WAITING = """
    SELECT kind, count(*), coalesce(extract(epoch FROM now() - min(since)), 0)::float8 FROM (
        SELECT 'imports', requested_at FROM collection_importrun WHERE status = 'queued' AND has_file
        UNION ALL
        SELECT 'reports', coalesce(
            (SELECT max(h.pgh_created_at) FROM recycling_eprreporthistory h WHERE h.pgh_obj_id = r.id AND h.status = r.status),
            r.requested_at
        ) FROM recycling_eprreport r WHERE r.status IN ('queued', 'submitting')
        UNION ALL
        SELECT 'utilization', requested_at FROM recycling_utilizationrun WHERE status = 'queued'
        UNION ALL
        SELECT 'forecasts', requested_at FROM recycling_returnforecast WHERE status = 'queued'
        UNION ALL
        SELECT 'assignments', requested_at FROM collection_assignmentrun WHERE status = 'queued'
        UNION ALL
        SELECT 'mail', due_at FROM accounts_mail WHERE due_at <= now()
        UNION ALL
        SELECT 'factors', stale_since FROM recycling_batch WHERE stale_since IS NOT NULL AND status = 'closed'
    ) waits (kind, since)
    GROUP BY 1 ORDER BY 1
"""


class Waiting(NamedTuple):
    """How many things of a kind wait, and for how many seconds the oldest of them has."""

    kind: str
    number: int
    seconds: float

    @property
    def is_late(self) -> bool:
        return self.seconds > LATE_SECONDS


def waiting(ask: Callable[[str], list[tuple[Any, ...]]] | None = None) -> list[Waiting]:
    """The kinds of which something waits. `ask` runs a statement, where that is not the usual connection's to do."""
    return [Waiting(*row) for row in (ask or _ask)(_WAITING)]


def _ask(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())
