"""Every verb that asks for a reason refuses a blank one and one too long to be kept, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from accounts import rules
from accounts.errors import Invalid, Refused
from accounts.models import Role
from collection.models import Lot, Material, Pickup, PickupStatus
from collection.services import batteries, lots, pickups, shipments
from recycling.services import batches, charges, intakes, outputs
from recycling.services.intakes import RejectedThing
from tests.recycling.chains import charged, closed, opened, output
from tests.refusals import state
from tests.world import World, ago, batteries_at, collected_pickup, drafted_shipment, scheduled_pickup

pytestmark = pytest.mark.django_db

type Act = tuple[Callable[..., Any], str, Callable[[str], dict[str, Any]]]
"""A verb, the field that its error names, and its arguments with a reason in them."""


def _manager(w: World) -> Any:
    return w.actor(w.recycler, Role.MANAGER)


def _asks(act: Callable[..., Any], **arguments: Any) -> Act:
    return act, "reason", lambda reason: {**arguments, "reason": reason}


def _brought(w: World) -> Lot:
    return lots.bring_in(
        actor=w.actor(w.recycler), facility=w.plant_site, number="EXT", material=Material.objects.get(code="black_mass"),
        mass_value=Decimal(10), origin="Asia", brought_at=ago(days=9),
    )  # fmt: skip


def _disposed(w: World) -> Lot:
    actor = w.actor(w.recycler)
    return lots.dispose(actor=actor, lot=_brought(w), disposition="landfilled", disposed_at=ago(days=5))


def _truck(w: World) -> dict[str, Any]:
    return {
        "actor": w.actor(w.recycler), "plant": w.plant, "shipment": collected_pickup(w, 2).shipment, "ticket": "T-1",
        "weighed_at": ago(days=6), "gross_value": Decimal(90_000), "tare_value": Decimal(89_200),
    }  # fmt: skip


def _arrived(w: World) -> dict[str, Any]:
    shipment = collected_pickup(w, 2).shipment
    actor = w.actor(w.recycler)
    shipments.arrive(actor=actor, shipment=shipment, arrived_at=ago(days=6))
    return {"actor": actor, "shipment": shipment, "received_at": ago(days=5)}


def _rejects_a_line(w: World) -> Act:
    good = _arrived(w)
    line = good["shipment"].lines.first()
    return shipments.receive, "rejected", lambda reason: {**good, "rejected": {line.pk: reason}}


def _rejects_at_the_gate(w: World) -> Act:
    good = _truck(w)
    battery = good["shipment"].lines.first().battery_id
    return (
        intakes.record,
        "rejected.0.reason",
        lambda reason: {**good, "rejected": [RejectedThing(reason, battery=battery)]},
    )


def _corrects_a_line(w: World) -> Act:
    shipment = drafted_shipment(w, batteries_at(w, w.yard))
    return _asks(
        shipments.correct, actor=w.actor(w.yard_owner), shipment=shipment, line=shipment.lines.get().pk,
        declared_value=Decimal(1), corrected_at=ago(days=1),
    )  # fmt: skip


def _uncharges(w: World) -> Act:
    batch = charged(w)
    return _asks(
        charges.uncharge, actor=w.actor(w.recycler), batch=batch, uncharged_at=ago(days=1),
        batteries=[batch.charges.get().battery_id],
    )  # fmt: skip


def _removes_an_output(w: World) -> Act:
    batch = charged(w)
    lot = output(w, batch, "copper", 1).pk
    return _asks(outputs.remove_output, actor=w.actor(w.recycler), batch=batch, lot=lot, removed_at=ago(days=1))


VERBS: dict[str, Callable[[World], Act]] = {
    "pickup fails": lambda w: _asks(pickups.fail, actor=w.actor(w.carrier), pickup=scheduled_pickup(w)),
    "pickup is cancelled": lambda w: _asks(pickups.cancel, actor=w.actor(w.collector), pickup=scheduled_pickup(w)),
    "shipment is cancelled": lambda w: _asks(
        shipments.cancel, actor=w.actor(w.yard_owner), shipment=drafted_shipment(w, batteries_at(w, w.yard))
    ),
    "shipment line is corrected": _corrects_a_line,
    "shipment line is rejected": _rejects_a_line,
    "battery is lost": lambda w: _asks(
        batteries.report_lost, actor=w.actor(w.yard_owner), battery=batteries_at(w, w.yard)[0], occurred_at=ago(days=1)
    ),
    "battery is corrected": lambda w: _asks(
        batteries.correct, actor=w.actor(w.yard_owner), battery=batteries_at(w, w.yard)[0], mass_value=Decimal(1)
    ),
    "lot is reinstated": lambda w: _asks(
        lots.reinstate, actor=_manager(w), lot=_disposed(w), reinstated_at=ago(days=1)
    ),
    "lot is corrected": lambda w: _asks(
        lots.correct, actor=_manager(w), lot=_brought(w), corrected_at=ago(days=1), mass_value=Decimal(9)
    ),
    "thing is refused at the gate": _rejects_at_the_gate,
    "weighing is corrected": lambda w: _asks(
        intakes.correct_weighing, actor=_manager(w), intake=intakes.record(**_truck(w)), gross_value=Decimal(2),
        tare_value=Decimal(1), unit="t",
    ),
    "battery is uncharged": _uncharges,
    "output is removed": _removes_an_output,
    "batch is reopened": lambda w: _asks(batches.reopen, actor=_manager(w), batch=closed(w)[0]),
    "batch is voided": lambda w: _asks(batches.void, actor=_manager(w), batch=opened(w)),
}  # fmt: skip


@pytest.mark.parametrize("verb", VERBS)
def test_a_reason_is_given_and_kept_whole(world: World, verb: str) -> None:
    act, field, arguments = VERBS[verb](world)
    before = state()
    for reason, code in ((" \n", "required"), ("x" * 501, "invalid")):
        with pytest.raises(Invalid) as raised:
            act(**arguments(reason))
        assert (raised.value.field, raised.value.code) == (field, code)
        assert state() == before
    act(**arguments(f" {'x' * 500} "))
    assert state() != before


def test_a_settlement_is_given_and_kept_whole(world: World) -> None:
    good = _truck(world)
    good["gross_value"] += 500
    found = intakes.record(**good).discrepancies.get()
    for text in (" ", "x" * 501):
        before = state()
        with pytest.raises(Invalid) as raised:
            intakes.settle_discrepancy(actor=good["actor"], discrepancy=found, settlement=text)
        assert raised.value.field == "settlement"
        assert state() == before


@pytest.mark.parametrize(("value", "shortest", "fits"), [("", 1, 0), (" ab ", 1, 1), ("abc", 1, 0), ("", 0, 1)])
def test_a_text_fits(value: str, shortest: int, fits: bool) -> None:
    if fits:
        assert rules.text(value, field="name", longest=2, shortest=shortest) == value.strip()
        return
    with pytest.raises(Invalid) as raised:
        rules.text(value, field="name", longest=2, shortest=shortest)
    assert raised.value.field == "name"


def test_a_move_that_is_not_legal_is_refused_in_words() -> None:
    pickup = Pickup(pk=7, status=PickupStatus.FAILED)
    rules.check_move(pickup, PickupStatus.SCHEDULED, [("failed", "scheduled")])
    with pytest.raises(Refused) as raised:
        rules.check_move(pickup, PickupStatus.COLLECTED, [("failed", "scheduled")])
    assert str(raised.value) == "Pickup 7 is failed, so it cannot become collected."
    assert raised.value.code == "wrong_status"
