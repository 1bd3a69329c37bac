"""Every verb of pickups, shipments, consents, batteries and lots, for every party of the same record.

A table names who may, and with which role at least; every other organization of the test world may not, not even its
managers, though it may see the record: the yard, the collector, the carrier, the destination, the owner, the producer,
the parties of the consent, and the regulators of both ends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from accounts.actors import Actor
from accounts.errors import Forbidden, Refused
from accounts.models import Role
from collection.models import Battery, Consent, Lot, Material, Pickup, Shipment, ShipmentLine
from collection.services import batteries, consents, lots, pickups, shipments
from collection.services.lots import Part
from collection.services.packing import NewLine
from collection.services.pickups import Scan
from tests.refusals import state
from tests.world import (
    World,
    ago,
    batteries_at,
    collected_pickup,
    drafted_shipment,
    scheduled_pickup,
    serial,
)

PARTIES = (
    "yard_owner", "collector", "carrier", "recycler", "refiner", "producer", "other_producer", "regulator", "federal",
    "stranger",
)  # fmt: skip

type Act = Callable[[World, Actor, Any], Any]


@dataclass(frozen=True)
class Verb:
    """Who may do it, to which record, and how."""

    may: set[str]
    record: Callable[[World], Any]
    act: Act
    role: Role = Role.OPERATOR


# Records: whatever else they are, all of the named parties have to do with them


def failed(w: World) -> Pickup:
    """A pickup that awaits another schedule; its carrier and its destination are known already."""
    return pickups.fail(actor=w.actor(w.carrier), pickup=scheduled_pickup(w), reason="gate closed")


def foreign_consent(w: World, **fields: Any) -> Consent:
    """A consent of two organizations that have nothing else to do with the shipment."""
    return consents.record(
        **{
            "actor": w.actor(w.refiner, Role.MANAGER), "exporter": w.refiner, "importer": w.other_producer,
            "from_country": w.us, "to_country": w.ca, "number": "A-1", "authority": "EPA",
            "valid_from": date(2020, 1, 1), "valid_until": date(2099, 12, 31), **fields,
        }
    )  # fmt: skip


def draft(w: World) -> Shipment:
    return drafted_shipment(w, batteries_at(w, w.yard), consent=foreign_consent(w))


def ready(w: World) -> Shipment:
    return shipments.make_ready(actor=w.actor(w.yard_owner), shipment=draft(w))


def on_the_road(w: World) -> Shipment:
    """What a pickup drives away with."""
    shipment = collected_pickup(w, 1).shipment
    Shipment.objects.filter(pk=shipment.pk).update(consent=foreign_consent(w))
    return Shipment.objects.get(pk=shipment.pk)


def at_the_gate(w: World) -> Shipment:
    return shipments.arrive(actor=w.actor(w.carrier), shipment=on_the_road(w), arrived_at=ago(days=6))


def received(w: World) -> Shipment:
    return shipments.receive(actor=w.actor(w.recycler), shipment=at_the_gate(w), received_at=ago(days=5))


def on_the_way_back(w: World) -> Shipment:
    """A return: the yard is shipper and destination, the plant is where it starts."""
    shipment = at_the_gate(w)
    shipments.receive(
        actor=w.actor(w.recycler), shipment=shipment, received_at=ago(days=5), rejected={line_of(shipment): "wet"}
    )
    return Shipment.objects.get(return_of=shipment)


def line_of(shipment: Shipment) -> int:
    return shipment.lines.get().pk


def in_use(w: World) -> Battery:
    return batteries.register(
        actor=w.actor(w.yard_owner), organization=w.yard_owner, model=w.nmc_pack, identifiers=[serial()]
    )


def pack_on_the_road(w: World) -> Battery:
    on_the_road(w)
    return Battery.objects.get()


def pack_at_the_plant(w: World) -> Battery:
    received(w)
    return Battery.objects.get()


def lost_at_the_yard(w: World) -> Battery:
    return batteries.report_lost(
        actor=w.actor(w.yard_owner), battery=batteries_at(w, w.yard)[0], occurred_at=ago(days=6), reason="stolen"
    )


def lost_pack(w: World) -> Battery:
    return batteries.report_lost(
        actor=w.actor(w.carrier), battery=pack_on_the_road(w), occurred_at=ago(days=6), reason="burnt"
    )


def lot_at_the_plant(w: World) -> Lot:
    return lots.bring_in(
        actor=w.actor(w.recycler), facility=w.plant_site, number="X-1", material=Material.objects.get(pk="black_mass"),
        mass_value=Decimal(100), origin="elsewhere", brought_at=ago(days=30),
    )  # fmt: skip


def lot_on_the_road(w: World) -> Lot:
    lot, actor = lot_at_the_plant(w), w.actor(w.recycler)
    shipment = shipments.draft(
        actor=actor, origin=w.plant_site, destination=w.hub, carrier=w.carrier, consent=foreign_consent(w),
        lines=[NewLine(lot=lot.pk)],
    )  # fmt: skip
    shipments.make_ready(actor=actor, shipment=shipment)
    shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=ago(days=20))
    return Lot.objects.get(pk=lot.pk)


def lot_at_the_hub(w: World) -> Lot:
    """The recycler's lot, in the custody of the collector."""
    shipment = lot_on_the_road(w).shipment
    assert shipment is not None
    actor = w.actor(w.collector)
    shipments.arrive(actor=actor, shipment=shipment, arrived_at=ago(days=19))
    shipments.receive(actor=actor, shipment=shipment, received_at=ago(days=18))
    return Lot.objects.get()


def lot_sold_at_the_hub(w: World) -> Lot:
    return lots.dispose(
        actor=w.actor(w.collector), lot=lot_at_the_hub(w), disposition="sold", disposed_at=ago(days=9), note="to Asia"
    )


def lot_weighed_anew_after_it_was_sold(w: World) -> Lot:
    """The shipper corrected the line by which it came: the ledger's last entry is of no place."""
    lot = lot_sold_at_the_hub(w)
    line = ShipmentLine.objects.get(lot=lot)
    shipments.correct(
        actor=w.actor(w.recycler), shipment=line.shipment, line=line.pk, declared_value=Decimal(101), reason="scale",
        corrected_at=ago(days=8),
    )  # fmt: skip
    return lot


def schedule(w: World, actor: Actor, pickup: Pickup) -> dict[str, Any]:
    return {
        "actor": actor, "pickup": pickup, "carrier": w.carrier, "destination": w.plant_site,
        "window_start": ago(days=3), "window_end": ago(days=2),
    }  # fmt: skip


YARD, COLLECTOR, CARRIER, PLANT = {"yard_owner"}, {"collector"}, {"carrier"}, {"recycler"}

VERBS = {
    "pickup: request": Verb(
        YARD | COLLECTOR, lambda w: None,
        lambda w, a, r: pickups.request(
            actor=a, collection_point=w.point, collector=w.collector, packs_expected=1, convenient_from=ago(days=3),
            convenient_until=ago(days=2),
        ),
    ),
    "pickup: schedule": Verb(COLLECTOR, failed, lambda w, a, r: pickups.schedule(**schedule(w, a, r))),
    "pickup: reschedule": Verb(COLLECTOR, scheduled_pickup, lambda w, a, r: pickups.reschedule(**schedule(w, a, r))),
    "pickup: collect": Verb(
        COLLECTOR | CARRIER, scheduled_pickup,
        lambda w, a, r: pickups.collect(
            actor=a, pickup=r, collected_at=ago(days=1), batteries=[Scan(identifier=serial())]
        ),
    ),
    "pickup: fail": Verb(
        COLLECTOR | CARRIER, scheduled_pickup, lambda w, a, r: pickups.fail(actor=a, pickup=r, reason="x")
    ),
    "pickup: cancel": Verb(
        COLLECTOR | YARD, scheduled_pickup, lambda w, a, r: pickups.cancel(actor=a, pickup=r, reason="x")
    ),
    "shipment: draft": Verb(
        YARD, lambda w: None,
        lambda w, a, r: shipments.draft(actor=a, origin=w.yard, destination=w.plant_site, carrier=w.carrier),
    ),
    "shipment: change": Verb(YARD, draft, lambda w, a, r: shipments.change(actor=a, shipment=r, vehicle="T")),
    "shipment: pack": Verb(YARD, draft, lambda w, a, r: shipments.pack(actor=a, shipment=r, lines=[])),
    "shipment: unpack": Verb(YARD, draft, lambda w, a, r: shipments.unpack(actor=a, shipment=r, lines=[line_of(r)])),
    "shipment: make ready": Verb(YARD, draft, lambda w, a, r: shipments.make_ready(actor=a, shipment=r)),
    "shipment: reopen": Verb(YARD, ready, lambda w, a, r: shipments.reopen(actor=a, shipment=r)),
    "shipment: cancel": Verb(YARD, ready, lambda w, a, r: shipments.cancel(actor=a, shipment=r, reason="x")),
    "shipment: dispatch": Verb(
        YARD | CARRIER, ready, lambda w, a, r: shipments.dispatch(actor=a, shipment=r, dispatched_at=ago(days=1))
    ),
    "shipment: arrive": Verb(
        CARRIER | PLANT, on_the_road, lambda w, a, r: shipments.arrive(actor=a, shipment=r, arrived_at=ago(days=1))
    ),
    "shipment: receive": Verb(
        PLANT, at_the_gate, lambda w, a, r: shipments.receive(actor=a, shipment=r, received_at=ago(days=1))
    ),
    "shipment: document": Verb(
        YARD | CARRIER, on_the_road,
        lambda w, a, r: shipments.document(actor=a, shipment=r, kind="manifest", number="1"),
    ),
    "shipment: document a return": Verb(
        YARD | CARRIER | PLANT, on_the_way_back,
        lambda w, a, r: shipments.document(actor=a, shipment=r, kind="manifest", number="1"),
    ),
    "shipment: correct": Verb(
        YARD, on_the_road,
        lambda w, a, r: shipments.correct(
            actor=a, shipment=r, line=line_of(r), declared_value=Decimal(401), reason="x", corrected_at=ago(days=1)
        ),
    ),
    "shipment: close": Verb(
        YARD | PLANT, received, lambda w, a, r: shipments.close(actor=a, shipment=r), Role.MANAGER
    ),
    "consent: record": Verb(
        {"refiner", "other_producer"}, lambda w: None, lambda w, a, r: foreign_consent(w, actor=a), Role.MANAGER
    ),
    "battery: register": Verb(
        YARD, lambda w: None,
        lambda w, a, r: batteries.register(
            actor=a, organization=w.yard_owner, model=w.nmc_pack, identifiers=[serial()]
        ),
    ),
    "battery: identify on the road": Verb(
        CARRIER, pack_on_the_road, lambda w, a, r: batteries.identify(actor=a, battery=r, scheme="internal", value="1")
    ),
    "battery: identify at the plant": Verb(
        PLANT, pack_at_the_plant,
        lambda w, a, r: batteries.identify(actor=a, battery=r, scheme="internal", value="1"),
    ),
    "battery: give up": Verb(
        COLLECTOR, in_use,
        lambda w, a, r: batteries.give_up(actor=a, battery=r, facility=w.hub, occurred_at=ago(days=1)),
    ),
    "battery: give up what is scanned": Verb(
        COLLECTOR, in_use,
        lambda w, a, r: batteries.give_up_scanned(
            actor=a, facility=w.hub, occurred_at=ago(days=1),
            identifier=batteries.NewIdentifier("oem_serial", r.identifiers.get().value, "test"),
        ),
    ),
    "battery: report lost on the road": Verb(
        CARRIER, pack_on_the_road,
        lambda w, a, r: batteries.report_lost(actor=a, battery=r, occurred_at=ago(days=1), reason="x"),
    ),
    "battery: report lost at the plant": Verb(
        PLANT, pack_at_the_plant,
        lambda w, a, r: batteries.report_lost(actor=a, battery=r, occurred_at=ago(days=1), reason="x"),
    ),
    "battery: report found": Verb(
        YARD, lost_at_the_yard,
        lambda w, a, r: batteries.report_found(actor=a, battery=r, facility=w.yard, occurred_at=ago(days=1)),
    ),
    "battery: correct on the road": Verb(
        CARRIER, pack_on_the_road,
        lambda w, a, r: batteries.correct(actor=a, battery=r, reason="x", mass_value=Decimal(1)),
    ),
    "battery: correct at the plant": Verb(
        PLANT, pack_at_the_plant,
        lambda w, a, r: batteries.correct(actor=a, battery=r, reason="x", mass_value=Decimal(1)),
    ),
    "lot: bring in": Verb(
        COLLECTOR, lambda w: None,
        lambda w, a, r: lots.bring_in(
            actor=a, facility=w.hub, number="N", material=Material.objects.get(pk="black_mass"), mass_value=Decimal(1),
            origin="x", brought_at=ago(days=1),
        ),
    ),
    "lot: split": Verb(
        COLLECTOR, lot_at_the_hub,
        lambda w, a, r: lots.split(actor=a, lot=r, parts=[Part(Decimal(1))], split_at=ago(days=1)),
    ),
    "lot: dispose": Verb(
        COLLECTOR, lot_at_the_hub,
        lambda w, a, r: lots.dispose(actor=a, lot=r, disposition="landfilled", disposed_at=ago(days=1)),
    ),
    "lot: reinstate": Verb(
        COLLECTOR, lot_sold_at_the_hub,
        lambda w, a, r: lots.reinstate(actor=a, lot=r, reinstated_at=ago(days=1), reason="x"), Role.MANAGER,
    ),
    "lot: reinstate one that was weighed anew": Verb(
        COLLECTOR, lot_weighed_anew_after_it_was_sold,
        lambda w, a, r: lots.reinstate(actor=a, lot=r, reinstated_at=ago(days=1), reason="x"), Role.MANAGER,
    ),
    "lot: correct": Verb(
        COLLECTOR, lot_at_the_hub,
        lambda w, a, r: lots.correct(actor=a, lot=r, corrected_at=ago(days=1), reason="x", moisture=Decimal("0.1")),
        Role.MANAGER,
    ),
}  # fmt: skip


def forbids(act: Callable[[], Any]) -> bool:
    try:
        act()
    except Forbidden:
        return True
    return False


@pytest.mark.parametrize("name", VERBS)
def test_who_of_all_parties_may(world: World, name: str) -> None:
    verb = VERBS[name]
    record = verb.record(world)
    smaller = list(Role)[verb.role.rank - 1]
    before = state("collection")
    for party in PARTIES:
        may = party in verb.may
        actor = world.actor(getattr(world, party), smaller if may else Role.MANAGER)
        assert forbids(lambda actor=actor: verb.act(world, actor, record)), party
    assert state("collection") == before
    for party in verb.may:
        with transaction.atomic():
            verb.act(world, world.actor(getattr(world, party), verb.role), record)
            transaction.set_rollback(True)


def test_nobody_registers_a_battery_at_anothers_facility(world: World) -> None:
    for party in PARTIES:
        organization = getattr(world, party)
        if organization != world.collector:
            with pytest.raises(Forbidden):
                batteries.register(
                    actor=world.actor(organization, Role.MANAGER), organization=organization, facility=world.hub,
                    occurred_at=ago(days=1), identifiers=[serial()],
                )  # fmt: skip
    assert not Battery.objects.exists()


def test_a_lot_that_was_weighed_anew_after_it_was_sold_comes_back_to_where_it_was(world: World) -> None:
    lot = lot_weighed_anew_after_it_was_sold(world)
    manager = world.actor(world.collector, Role.MANAGER)
    lot = lots.reinstate(actor=manager, lot=lot, reinstated_at=ago(days=1), reason="x")
    assert (lot.status, lot.facility) == ("in_stock", world.hub)


def test_a_lot_on_the_road_is_its_carriers_to_ask_about(world: World) -> None:
    """Not its owner's; and nobody splits it or disposes of it there."""
    lot = lot_on_the_road(world)
    acts: list[tuple[Any, dict[str, Any]]] = [
        (lots.split, {"parts": [Part(Decimal(1))], "split_at": ago(days=1)}),
        (lots.dispose, {"disposition": "landfilled", "disposed_at": ago(days=1)}),
        (lots.correct, {"corrected_at": ago(days=1), "reason": "x", "moisture": Decimal(0)}),
    ]
    for act, arguments in acts:
        with pytest.raises(Forbidden):
            act(actor=world.actor(world.recycler, Role.MANAGER), lot=lot, **arguments)
        with pytest.raises(Refused) as raised:
            act(actor=world.actor(world.carrier, Role.MANAGER), lot=lot, **arguments)
        assert raised.value.code == "wrong_status"
