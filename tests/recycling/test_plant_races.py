"""Two commands on the same batch or load, or two refreshes of the factors: the second waits for the first."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from threading import Thread
from typing import Any

import pytest
from django.db import connection, transaction

from accounts.errors import DomainError
from accounts.models import Role
from collection.services import lots
from collection.services.lots import Part
from recycling.models import Batch, Factor
from recycling.queries.factors import compute, read, stored
from recycling.services import batches, factors, intakes, outputs
from tests.recycling.chains import charged, closed, output
from tests.world import ago, build, collected_pickup

pytestmark = pytest.mark.django_db(transaction=True)


def somebody_waits() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        return bool(cursor.fetchone()[0])


def meanwhile(first: Callable[[], Any], second: Callable[[], Any]) -> str:
    """What came of `second`, which starts when `first` has acted but not committed: `done`, or why not.

    `first` commits once the other waits for it, or has ended without: no sleeping, no luck.
    """
    came: list[str] = []

    def run() -> None:
        try:
            second()
            came.append("done")
        except DomainError as error:
            came.append(error.code)
        finally:
            connection.close()

    thread = Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        while thread.is_alive() and not somebody_waits():
            thread.join(0.01)
    thread.join()
    return came[0]


def test_nothing_is_added_to_a_batch_beside_its_balance() -> None:
    w = build()
    batch = charged(w)
    output(w, batch, "slag", 100)
    actor = w.actor(w.recycler)
    came = meanwhile(
        lambda: batches.close(actor=actor, batch=batch, closed_at=ago(days=1)),
        lambda: outputs.add_reagent(actor=actor, batch=batch, name="water", mass_value=Decimal(1)),
    )
    assert (came, batch.reagents.count()) == ("wrong_status", 0)


def test_who_settles_or_corrects_waits_for_the_other() -> None:
    w = build()
    intake = intakes.record(
        actor=w.actor(w.recycler), plant=w.plant, shipment=collected_pickup(w, 1).shipment, ticket="T-1",
        weighed_at=ago(days=6), gross_value=Decimal(1000), tare_value=Decimal(500),
    )  # fmt: skip
    manager, found = w.actor(w.recycler, Role.MANAGER), intake.discrepancies.get()

    def settle(how: str) -> Any:
        return lambda: intakes.settle_discrepancy(actor=manager, discrepancy=found, settlement=how)

    def correct(reason: str) -> Any:
        return lambda: intakes.correct_weighing(
            actor=manager, intake=intake, gross_value=Decimal(900), tare_value=Decimal(500), unit="kg", reason=reason
        )

    assert meanwhile(settle("first"), settle("second")) == "wrong_status"
    assert meanwhile(correct("first"), correct("second")) == "done"
    found.refresh_from_db()
    intake.refresh_from_db()
    assert (found.settlement, intake.note) == ("first", "first second")


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

    def change() -> None:
        try:
            part = lot.parts.order_by("pk")[0]
            lots.dispose(actor=actor, lot=part, disposition="landfilled", disposed_at=ago(days=5))
            second()
        finally:
            connection.close()

    def read_slowly(*batches: Any) -> Any:
        graph = read(*batches)
        if not threads:
            threads.append(Thread(target=change))
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
