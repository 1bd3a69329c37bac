"""Keeping the stored recovery factors and outcomes in step with the trace.

The database marks a batch as stale with each change that moves them (`recycling.models.seals`); `refresh`
computes it and the batches upstream of it anew, and nothing else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db import connection, transaction

from recycling.models import Batch
from recycling.queries import outcomes
from recycling.queries.factors import FactorRow, compute, read, stored, upstream

#: Held while factors are written, so that two refreshes never overwrite each other with what they read earlier.
LOCK = 5_270_631


@transaction.atomic
def refresh() -> int:
    """Compute the factors of stale batches and of all upstream of them; the number of batches looked at.

    Belongs to no user, so it takes no actor. Sent twice, it finds nothing to do the second time. A batch that changes
    while it is computed stays stale.
    """
    _hold()
    seen = dict(Batch.objects.filter(stale_since__isnull=False).values_list("pk", "stale_since"))
    if not seen:
        return 0
    affected = upstream(seen)
    _store(affected, compute(read(affected)))
    _store_outcomes(affected, outcomes.compute(outcomes.read(affected)))
    _clear(seen)
    return len(affected)


@transaction.atomic
def refresh_all() -> int:
    """Compute the factors of all batches; the number of batches looked at."""
    _hold()
    seen = dict(Batch.objects.filter(stale_since__isnull=False).values_list("pk", "stale_since"))
    graph = read()
    _store(None, compute(graph))
    _store_outcomes(None, outcomes.compute(outcomes.read()))
    _clear(seen)
    return len(graph.status)


def _hold() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _store(batches: Collection[int] | None, rows: Iterable[FactorRow]) -> None:
    """Write the rows that differ from what is stored of `batches`, and remove those that are no more."""
    before = {(row.batch, row.element): row for row in stored(batches)}
    changed = [row for row in rows if before.pop((row.batch, row.element), None) != row]
    with connection.cursor() as cursor:
        if before:
            cursor.execute(
                """
                DELETE FROM recycling_factor f USING unnest(%s::bigint[], %s::text[]) AS gone (batch_id, element)
                WHERE f.batch_id = gone.batch_id AND f.element = gone.element
                """,
                [[batch for batch, _ in before], [element for _, element in before]],
            )
        if changed:
            cursor.execute(
                """
                INSERT INTO recycling_factor (
                    batch_id, element, input_kg, recovered, pending, residue,
                    unattributed_recovered_kg, unattributed_pending_kg, unattributed_residue_kg
                )
                SELECT * FROM unnest(
                    %s::bigint[], %s::text[], %s::numeric[], %s::numeric[], %s::numeric[], %s::numeric[],
                    %s::numeric[], %s::numeric[], %s::numeric[]
                )
                ON CONFLICT (batch_id, element) DO UPDATE SET
                    input_kg = EXCLUDED.input_kg, recovered = EXCLUDED.recovered, pending = EXCLUDED.pending,
                    residue = EXCLUDED.residue, unattributed_recovered_kg = EXCLUDED.unattributed_recovered_kg,
                    unattributed_pending_kg = EXCLUDED.unattributed_pending_kg,
                    unattributed_residue_kg = EXCLUDED.unattributed_residue_kg
                """,
                [list(column) for column in zip(*changed, strict=True)],
            )


def _store_outcomes(batches: Collection[int] | None, rows: Iterable[outcomes.OutcomeRow]) -> None:
    """Write the rows that are not stored of `batches` as they are, and remove those that are no more."""
    before = set(outcomes.stored(batches))
    now = set(rows)
    with connection.cursor() as cursor:
        if gone := sorted(before - now):
            cursor.execute(
                """
                DELETE FROM recycling_outcome o
                USING unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::text[])
                    AS gone (batch_id, element, became, facility_id, country)
                WHERE (o.batch_id, o.element, o.became, o.facility_id, o.country)
                    = (gone.batch_id, gone.element, gone.became, gone.facility_id, gone.country)
                """,
                [list(column) for column in zip(*(row[:-1] for row in gone), strict=True)],
            )
        if made := sorted(now - before):
            cursor.execute(
                """
                INSERT INTO recycling_outcome (batch_id, element, became, facility_id, country, share)
                SELECT * FROM unnest(
                    %s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::numeric[]
                )
                """,
                [list(column) for column in zip(*made, strict=True)],
            )


def _clear(seen: Mapping[int, datetime | None]) -> None:
    """Batches are fresh that have not changed since they were seen; who is being changed now stays stale."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH fresh AS (
                SELECT b.id FROM recycling_batch b
                JOIN unnest(%s::bigint[], %s::timestamptz[]) AS seen (id, at) ON seen.id = b.id
                WHERE b.stale_since = seen.at
                ORDER BY b.id FOR NO KEY UPDATE OF b SKIP LOCKED
            )
            UPDATE recycling_batch b SET stale_since = NULL FROM fresh WHERE fresh.id = b.id
            """,
            [list(seen), list(seen.values())],
        )
