"""Commands of several people at once on the same things: one acts, the others are told; nothing breaks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from accounts.errors import DomainError
from accounts.models import Role
from collection.models import CustodyEvent, Lot
from collection.services import lots
from collection.services.lots import Part
from recycling.models import Charge, Factor
from recycling.queries import reconcile
from recycling.queries.factors import compute, read, stored
from recycling.services import batches, charges, factors
from recycling.services.charges import LotCharge
from tests.recycling.chains import charged, closed, opened, output, packs
from tests.world import ago, build

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts: Callable[[], Any]) -> list[str]:
    """What came of commands that start in the same moment: `done`, or the code of the refusal."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> str:
        try:
            start.wait()
            act()
        except DomainError as error:
            return error.code
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(run, acts))


def test_a_battery_is_charged_once() -> None:
    w = build()
    actor = w.actor(w.recycler)
    (battery,) = packs(w)
    rivals = [opened(w, number=f"B{number}") for number in range(4)]
    came = at_once(
        *(
            lambda batch=batch: charges.charge(  # type: ignore[misc]
                actor=actor, batch=batch, charged_at=ago(days=1), batteries=[battery.pk]
            )
            for batch in rivals
        )
    )
    assert came == ["done", "not_here", "not_here", "not_here"]
    assert Charge.objects.count() == 1 and CustodyEvent.objects.filter(battery=battery, kind="charged").count() == 1


def test_a_lot_is_split_charged_disposed_of_or_its_batch_reopened() -> None:
    """Whoever comes first decides; batches are locked before lots, so nobody waits in a circle."""
    w = build()
    actor = w.actor(w.recycler, Role.MANAGER)
    for round_ in range(3):
        batch, lot = closed(w, number=f"R{round_}")
        other = opened(w, number=f"O{round_}")
        came = at_once(
            lambda lot=lot: lots.split(actor=actor, lot=lot, parts=[Part(Decimal(1))], split_at=ago(days=1)),
            lambda lot=lot: lots.dispose(actor=actor, lot=lot, disposition="landfilled", disposed_at=ago(days=1)),
            lambda lot=lot, other=other: charges.charge(
                actor=actor, batch=other, charged_at=ago(days=1), lots=[LotCharge(lot.pk)]
            ),
            lambda batch=batch: batches.reopen(actor=actor, batch=batch, reason="x"),
        )
        assert "done" in came and all(code != "error" for code in came)
        fate = Lot.objects.get(pk=lot.pk).status
        assert (fate == "consumed") == Charge.objects.filter(lot=lot).exists()


def test_factors_are_computed_beside_running_work() -> None:
    w = build()
    actor = w.actor(w.recycler)
    made = [closed(w, number=f"F{number}")[1] for number in range(3)]
    came = at_once(
        factors.refresh,
        factors.refresh,
        factors.refresh_all,
        *(
            lambda lot=lot: lots.dispose(  # type: ignore[misc]
                actor=actor, lot=lot, disposition="landfilled", disposed_at=ago(days=1)
            )
            for lot in made
        ),
    )
    assert came == ["done"] * 6
    factors.refresh()
    assert sorted(map(repr, stored())) == sorted(map(repr, compute(read())))
    assert not Factor.objects.filter(pending__gt=0).exists()


def test_a_batch_does_not_close_beside_a_correction_of_what_it_made() -> None:
    """Either the correction comes first and the batch is out of balance, or the batch is sealed against it."""
    w = build()
    actor = w.actor(w.recycler, Role.MANAGER)
    for round_ in range(3):
        batch = charged(w, number=f"C{round_}")
        lot = output(w, batch, "slag", 400, f"S{round_}")
        came = at_once(
            lambda batch=batch: batches.close(actor=actor, batch=batch, closed_at=ago(days=1)),
            lambda lot=lot: lots.correct(
                actor=actor, lot=lot, corrected_at=ago(days=1), reason="x", mass_value=Decimal(500)
            ),
        )
        assert came in (["done", "out_of_balance"], ["done", "sealed"])
    assert not list(reconcile.findings())
