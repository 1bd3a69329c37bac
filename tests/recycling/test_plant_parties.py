"""Every verb of intakes, inspections and batches, for every party of the same record.

The load came from the yard, on the carrier's truck, by a pickup of the collector; the batteries are the producer's; the
lot that was charged beside them is the refiner's; regulators see plants of their places, and of others. Only the plant
may, and nobody there with a smaller role.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from accounts.actors import Actor
from accounts.errors import Forbidden
from accounts.models import Function, Membership, Organization, Role, User
from collection.models import Battery, Lot, Mandate, Material
from collection.services import lots
from recycling.models import Batch, Discrepancy, Intake
from recycling.services import batches, charges, inspections, intakes, outputs
from recycling.services.charges import LotCharge
from recycling.services.inspections import Triage
from tests.recycling.chain import carry
from tests.recycling.chains import output
from tests.refusals import state
from tests.world import World, ago, collected_pickup

OTHERS = (
    "yard_owner", "collector", "carrier", "refiner", "producer", "other_producer", "regulator", "federal", "stranger",
)  # fmt: skip


@dataclass(frozen=True)
class Verb:
    """What the plant alone does, to which record, and how."""

    record: Callable[[World], Any]
    act: Callable[[World, Actor, Any], Any]
    role: Role = Role.OPERATOR
    function: Function | None = None


def overseer_elsewhere() -> Actor:
    """A manager of Ontario's regulator, and of another plant than the record's."""
    organization = Organization.objects.create(name="Ontario Regulator", functions=[Function.REGULATOR])
    Mandate.objects.create(organization=organization, jurisdiction_id="CA-ON")
    user = User.objects.create(email="manager@ontario.example", name="Ontario manager")
    Membership.objects.create(user=user, organization=organization, role=Role.MANAGER)
    return Actor.of(user)


# Records, each with all of these parties


def on_the_road(w: World) -> Any:
    return collected_pickup(w, 1).shipment


def weighed_in(w: World) -> Intake:
    return intakes.record(
        actor=w.actor(w.recycler), plant=w.plant, shipment=on_the_road(w), ticket="T-1", weighed_at=ago(days=6),
        gross_value=Decimal(1000), tare_value=Decimal(500),
    )  # fmt: skip


def discrepancy(w: World) -> Discrepancy:
    return weighed_in(w).discrepancies.get()


def at_the_plant(w: World, decision: str = "") -> Battery:
    weighed_in(w)
    battery = Battery.objects.get()
    if decision:
        inspections.inspect(
            actor=w.actor(w.recycler), plant=w.plant, battery=battery, inspected_at=ago(days=5), decision=decision
        )
    return battery


def to_be_reused(w: World) -> Battery:
    return at_the_plant(w, "reuse")


def opened(w: World) -> Batch:
    """Nothing is in it yet."""
    return batches.open_batch(actor=w.actor(w.recycler), line=w.shredder, number="B1", started_at=ago(days=4))


def to_be_charged(w: World) -> Batch:
    at_the_plant(w, "recycle")
    lot = lots.bring_in(
        actor=w.actor(w.refiner), facility=w.refinery_site, number="X-1", material=black_mass(),
        mass_value=Decimal(100), origin="elsewhere", brought_at=ago(days=30),
    )  # fmt: skip
    carry(w, [lot], w.plant_site, arrived_at=ago(days=6))
    return opened(w)


def charged(w: World) -> Batch:
    return charge(w, w.actor(w.recycler), to_be_charged(w))


def with_reagent(w: World) -> Batch:
    return outputs.add_reagent(actor=w.actor(w.recycler), batch=charged(w), name="water", mass_value=Decimal(1))


def with_output(w: World) -> Batch:
    return made(w, 100)


def too_heavy(w: World) -> Batch:
    return made(w, 1000)


def made(w: World, kg: int) -> Batch:
    batch = charged(w)
    output(w, batch, "slag", kg, made_at=ago(days=3))
    return batch


def closed(w: World) -> Batch:
    return batches.close(actor=w.actor(w.recycler), batch=with_output(w), closed_at=ago(days=2))


def black_mass() -> Material:
    return Material.objects.get(pk="black_mass")


def charge(w: World, actor: Actor, batch: Batch) -> Batch:
    return charges.charge(
        actor=actor, batch=batch, charged_at=ago(days=4), batteries=[Battery.objects.get().pk],
        lots=[LotCharge(Lot.objects.get().pk)],
    )  # fmt: skip


def record(w: World, actor: Actor, batch: Batch) -> Any:
    return outputs.record_output(
        actor=actor, batch=batch, number="N1", material=black_mass(), mass_value=Decimal(1), made_at=ago(days=3)
    )  # fmt: skip


VERBS = {
    "intake: record": Verb(
        on_the_road,
        lambda w, a, r: intakes.record(
            actor=a, plant=w.plant, shipment=r, ticket="T-1", weighed_at=ago(days=6), gross_value=Decimal(900),
            tare_value=Decimal(500),
        ),
        function=Function.RECYCLER,
    ),
    "intake: correct the weighing": Verb(
        weighed_in,
        lambda w, a, r: intakes.correct_weighing(
            actor=a, intake=r, gross_value=Decimal(900), tare_value=Decimal(500), unit="kg", reason="x"
        ),
        Role.MANAGER,
    ),
    "intake: settle a discrepancy": Verb(
        discrepancy, lambda w, a, r: intakes.settle_discrepancy(actor=a, discrepancy=r, settlement="x")
    ),
    "inspection: inspect": Verb(
        at_the_plant,
        lambda w, a, r: inspections.inspect_many(
            actor=a, plant=w.plant, inspected_at=ago(days=1), inspections=[Triage(r.pk, "recycle")]
        ),
        function=Function.RECYCLER,
    ),
    "inspection: release": Verb(
        to_be_reused,
        lambda w, a, r: inspections.release_many(
            actor=a, plant=w.plant, batteries=[r.pk], released_at=ago(days=1), recipient="x"
        ),
        function=Function.RECYCLER,
    ),
    "batch: open": Verb(
        lambda w: None,
        lambda w, a, r: batches.open_batch(actor=a, line=w.shredder, number="N", started_at=ago(days=1)),
        function=Function.RECYCLER,
    ),
    "batch: charge": Verb(to_be_charged, charge),
    "batch: take out": Verb(
        charged,
        lambda w, a, r: charges.uncharge(
            actor=a, batch=r, uncharged_at=ago(days=1), reason="x", lots=[Lot.objects.get().pk]
        ),
    ),
    "batch: add a reagent": Verb(
        charged, lambda w, a, r: outputs.add_reagent(actor=a, batch=r, name="lime", mass_value=Decimal(1))
    ),
    "batch: remove a reagent": Verb(
        with_reagent, lambda w, a, r: outputs.remove_reagent(actor=a, batch=r, reagent=r.reagents.get().pk)
    ),
    "batch: record an output": Verb(charged, record),
    "batch: remove an output": Verb(
        with_output,
        lambda w, a, r: outputs.remove_output(
            actor=a, batch=r, lot=r.outputs.get().lot_id, removed_at=ago(days=1), reason="x"
        ),
    ),
    "batch: close": Verb(with_output, lambda w, a, r: batches.close(actor=a, batch=r, closed_at=ago(days=1))),
    "batch: close with an explanation": Verb(
        too_heavy,
        lambda w, a, r: batches.close(actor=a, batch=r, closed_at=ago(days=1), explanation="x"), Role.MANAGER,
    ),
    "batch: reopen": Verb(closed, lambda w, a, r: batches.reopen(actor=a, batch=r, reason="x"), Role.MANAGER),
    "batch: give up": Verb(opened, lambda w, a, r: batches.void(actor=a, batch=r, reason="x"), Role.MANAGER),
}  # fmt: skip


def forbids(act: Callable[[], Any]) -> bool:
    try:
        with transaction.atomic():
            act()
    except Forbidden:
        return True
    return False


@pytest.mark.parametrize("name", VERBS)
def test_only_the_plant_may(world: World, name: str) -> None:
    verb = VERBS[name]
    record = verb.record(world)
    others = {party: world.actor(getattr(world, party), Role.MANAGER) for party in OTHERS}
    others["another place's regulator"] = overseer_elsewhere()
    others["a smaller role"] = world.actor(world.recycler, list(Role)[verb.role.rank - 1])
    before = state("recycling")
    for party, actor in others.items():
        assert forbids(lambda actor=actor: verb.act(world, actor, record)), party
    assert state("recycling") == before
    with transaction.atomic():
        verb.act(world, world.actor(world.recycler, verb.role), record)
        transaction.set_rollback(True)
    Organization.objects.filter(pk=world.recycler.pk).update(functions=[Function.COLLECTOR])
    assert forbids(lambda: verb.act(world, world.actor(world.recycler, Role.MANAGER), record)) == bool(verb.function)
