"""Two refreshes of the factors at once: the second waits for the first, and reads what it left."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from accounts.models import Role
from collection.services import lots
from collection.services.lots import Part
from recycling.models import Batch, Factor
from recycling.queries.factors import compute, read, stored
from recycling.services import factors
from tests.recycling.chains import closed
from tests.world import ago, build

pytestmark = pytest.mark.django_db(transaction=True)


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


@pytest.mark.parametrize(
    ("first", "second"), [(factors.refresh, factors.refresh_all), (factors.refresh_all, factors.refresh)]
)
def test_what_was_read_before_a_change_is_not_written_over_what_was_read_after(
    first: Callable[[], int], second: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first has read and not yet written, a lot is disposed of, and another refresh begins."""
    w = build()
    batch, lot = closed(w)
    actor = w.actor(w.recycler, Role.MANAGER)
    lots.split(actor=actor, lot=lot, parts=[Part(Decimal(20))], split_at=ago(days=6))
    threads: list[Thread] = []

    def meanwhile() -> None:
        try:
            part = lot.parts.order_by("pk")[0]
            lots.dispose(actor=actor, lot=part, disposition="landfilled", disposed_at=ago(days=5))
            second()
        finally:
            connection.close()

    def read_slowly(*batches: Any) -> Any:
        graph = read(*batches)
        if not threads:
            threads.append(Thread(target=meanwhile))
            threads[0].start()
            while threads[0].is_alive() and not somebody_waits():
                threads[0].join(0.01)
        return graph

    monkeypatch.setattr(factors, "read", read_slowly)
    first()
    threads[0].join()
    assert Batch.objects.get(pk=batch.pk).stale_since is None
    assert sorted(map(repr, stored())) == sorted(map(repr, compute(read())))
    assert Factor.objects.get(batch=batch, element="Ni").pending == round(Decimal(20) / 33, 18)
