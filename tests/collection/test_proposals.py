"""Authority ends with custody: who gave a battery away proposes, and who has it decides."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import Error, connection, transaction

from accounts.errors import Forbidden, Invalid, Refused
from collection.models import Battery, BatteryStatus, CustodyKind, Facility, Proposal, ProposalStatus
from collection.services import batteries, custody, proposals, shipments
from collection.services.identifiers import NewIdentifier
from tests import records
from tests.collection.test_parties import lost_at_the_yard, pack_at_the_plant, pack_on_the_road
from tests.refusals import refused, state
from tests.world import World, ago, batteries_at, drafted_shipment, serial


def proposed(world: World, battery: Battery, **changes: Any) -> Proposal:
    return proposals.propose(
        actor=world.actor(world.yard_owner), organization=world.yard_owner, battery=battery, reason="the label was wet",
        **changes or {"mass_value": Decimal(9)},
    )  # fmt: skip


def test_who_gave_a_battery_away_changes_it_no_more(world: World) -> None:
    """It became 9 kg instead of 450, and of another producer, long after it was at the plant."""
    for battery in (pack_at_the_plant(world), batteries_at(world, world.plant_site)[0]):
        yard = {"actor": world.actor(world.yard_owner), "battery": battery}
        refused(Forbidden, batteries.correct, **yard, reason="x", mass_value=Decimal(9))
        refused(Forbidden, batteries.correct, **yard, reason="x", producer=world.other_producer)
        refused(Forbidden, batteries.identify, **yard, scheme="internal", value="1")
        batteries.correct(actor=world.actor(world.recycler), battery=battery, reason="x", mass_value=Decimal(401))


def test_a_proposal_changes_nothing_until_it_is_accepted(world: World) -> None:
    battery = pack_at_the_plant(world)
    said = {
        "mass_value": Decimal("410.5"), "producer": world.other_producer, "placed_on": date(2020, 2, 3),
        "placed_in": world.nj, "rated_kwh": None, "chemistry": world.lfp,
    }  # fmt: skip
    before = Battery.objects.filter(pk=battery.pk).values().get()
    proposal = proposed(world, battery, **said)
    assert Battery.objects.filter(pk=battery.pk).values().get() == before
    assert (proposal.kind, proposal.addressed_to) == ("correction", world.recycler)
    refused(Forbidden, proposals.accept, actor=world.actor(world.yard_owner), proposal=proposal)
    proposals.accept(actor=world.actor(world.recycler), proposal=proposal)
    battery = Battery.objects.get(pk=battery.pk)
    assert {name: getattr(battery, name) for name in said} == said
    entry = battery.events.order_by("sequence").last()
    assert entry is not None and (entry.kind, entry.note) == ("corrected", "the label was wet")
    refused(Refused, proposals.accept, actor=world.actor(world.recycler), proposal=proposal)


def test_who_has_the_battery_by_then_decides(world: World) -> None:
    """Not who had it when it was proposed."""
    battery = pack_on_the_road(world)
    proposal = proposed(world, battery)
    assert proposal.addressed_to == world.carrier
    shipment = battery.shipment
    assert shipment is not None
    records.shipments.arrive(actor=world.actor(world.recycler), shipment=shipment, arrived_at=ago(days=6))
    records.shipments.receive(actor=world.actor(world.recycler), shipment=shipment, received_at=ago(days=6))
    refused(Forbidden, proposals.refuse, actor=world.actor(world.carrier), proposal=proposal, answer="no")
    refused(Invalid, proposals.refuse, "answer", actor=world.actor(world.recycler), proposal=proposal, answer=" ")
    before = Battery.objects.filter(pk=battery.pk).values().get()
    done = proposals.refuse(actor=world.actor(world.recycler), proposal=proposal, answer="weighed twice")
    assert (done.status, done.answer) == (ProposalStatus.REFUSED, "weighed twice")
    assert Battery.objects.filter(pk=battery.pk).values().get() == before


def test_what_is_no_proposal(world: World) -> None:
    battery = pack_at_the_plant(world)
    yard = {"actor": world.actor(world.yard_owner), "organization": world.yard_owner, "reason": "x"}
    stranger = {"actor": world.actor(world.stranger), "organization": world.stranger, "reason": "x"}
    nine = {"mass_value": Decimal(9)}
    refused(Refused, proposals.propose, "organization", **stranger, battery=battery, **nine)
    refused(Forbidden, proposals.propose, **{**yard, "actor": world.actor(world.stranger)}, battery=battery, **nine)
    refused(Invalid, proposals.propose, "reason", **{**yard, "reason": " "}, battery=battery, **nine)
    refused(Invalid, proposals.propose, "changes", **yard, battery=battery)
    refused(Invalid, proposals.propose, "mass_value", **yard, battery=battery, mass_value=Decimal(-1))
    refused(Invalid, proposals.propose, "facility", **yard, battery=lost_at_the_yard(world), facility=world.yard,
            occurred_at=ago(days=1), **nine)  # fmt: skip
    refused(Refused, proposals.propose, **yard, battery=battery, facility=world.yard, occurred_at=ago(days=1))
    mine = batteries_at(world, world.yard)[0]
    refused(Refused, proposals.propose, "battery", **yard, battery=mine, **nine)
    proposed(world, battery)
    refused(Refused, proposals.propose, "battery", **yard, battery=battery, mass_value=Decimal(8))
    Battery.objects.filter(pk=battery.pk).update(status="consumed", facility=None)
    refused(Refused, proposals.propose, **yard, battery=battery, placed_on=date(2020, 1, 1))
    refused(Refused, proposals.accept, actor=world.actor(world.yard_owner), proposal=Proposal.objects.get())


def test_a_lost_battery_is_found_by_who_had_it_last_or_with_its_word(world: World) -> None:
    battery = lost_at_the_yard(world)
    hub = {"battery": battery, "facility": world.hub, "occurred_at": ago(days=2)}
    finder = {"actor": world.actor(world.collector), "organization": world.collector, "reason": "in a ditch"}
    refused(Refused, batteries.report_found, "battery", actor=world.actor(world.collector), **hub)
    refused(Forbidden, proposals.propose, **finder, **{**hub, "facility": world.yard})
    refused(Invalid, proposals.propose, "occurred_at", **finder, battery=battery, facility=world.hub)
    claim = proposals.propose(**finder, **hub)
    assert claim.addressed_to == world.yard_owner
    refused(Forbidden, proposals.accept, actor=world.actor(world.collector), proposal=claim)
    Facility.objects.filter(pk=world.hub.pk).update(storage_limit_kg=1)
    refused(Refused, proposals.accept, "facility", actor=world.actor(world.yard_owner), proposal=claim)
    assert Battery.objects.get(pk=battery.pk).status == "lost"
    Facility.objects.filter(pk=world.hub.pk).update(storage_limit_kg=None)
    proposals.accept(actor=world.actor(world.yard_owner), proposal=claim)
    found = Battery.objects.get(pk=battery.pk)
    assert (found.status, found.facility) == ("at_facility", world.hub)


@pytest.mark.parametrize("became", ["consumed", "in_transit", "second_life"])
def test_a_lost_battery_that_was_found_meanwhile_is_not_found_once_more(world: World, became: str) -> None:
    """Who had it last found it itself, and entered late what came of it: it left the batch, or the truck, by a word of old."""
    battery = lost_at_the_yard(world)
    claim = proposals.propose(
        actor=world.actor(world.collector), organization=world.collector, reason="in a ditch", battery=battery,
        facility=world.hub, occurred_at=ago(hours=1),
    )  # fmt: skip
    yard, last = world.actor(world.yard_owner), battery.events.order_by("sequence").last()
    assert last is not None
    batteries.report_found(actor=yard, battery=battery, facility=world.yard, occurred_at=last.occurred_at)
    if became == "in_transit":
        shipment = shipments.make_ready(actor=yard, shipment=drafted_shipment(world, [battery]))
        shipments.dispatch(actor=yard, shipment=shipment, dispatched_at=last.occurred_at)
        decides = world.actor(world.carrier)
    else:
        kind = {"consumed": CustodyKind.CHARGED, "second_life": CustodyKind.RELEASED}[became]
        custody.move(
            custody.lock_batteries([battery.pk]), custody.Entry(yard, kind, last.occurred_at),
            status=BatteryStatus(became), to=custody.NOWHERE,
        )  # fmt: skip
        decides = yard if battery.registered_by == world.yard_owner else world.actor(battery.registered_by)
    assert proposals.accept.is_for(decides, Proposal.objects.get())
    assert refused(Refused, proposals.accept, actor=decides, proposal=claim).code == "wrong_status"
    assert proposals.refuse(actor=decides, proposal=claim, answer="it turned up").status == "refused"


def test_a_withdrawn_proposal_makes_room_for_another(world: World) -> None:
    battery = pack_at_the_plant(world)
    proposal = proposed(world, battery)
    refused(Forbidden, proposals.withdraw, actor=world.actor(world.recycler), proposal=proposal)
    assert proposals.withdraw(actor=world.actor(world.yard_owner), proposal=proposal).status == "withdrawn"
    assert proposed(world, battery).status == "open"


@pytest.mark.parametrize(
    "change",
    [
        "status = 'accepted'",
        "status = 'refused', decided_by_id = proposed_by_id, decided_at = now()",
        "decided_at = now()",
        "changes = '{}'",
        "kind = 'found'",
        "facility_id = (SELECT min(id) FROM collection_facility)",
    ],
)
def test_a_raw_write(world: World, change: str) -> None:
    proposed(world, pack_at_the_plant(world))
    before = state()
    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE collection_proposal SET {change}")
    assert state() == before


def test_a_decided_proposal_stays_decided(world: World) -> None:
    proposals.withdraw(actor=world.actor(world.yard_owner), proposal=proposed(world, pack_at_the_plant(world)))
    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE collection_proposal SET status = 'open', decided_by_id = NULL, decided_at = NULL")


def used_by_others(world: World) -> tuple[Battery, NewIdentifier]:
    """A battery in use that the yard has nothing to do with, and its only number."""
    name = serial()
    registered = batteries.register(
        actor=world.actor(world.producer), organization=world.producer, model=world.nmc_pack, identifiers=[name]
    )
    return registered, name


def taken_in(world: World, **said: Any) -> Proposal:
    whole = {
        "actor": world.actor(world.yard_owner), "organization": world.yard_owner, "reason": "in a car that came",
        "facility": world.yard, "occurred_at": ago(days=1),
    }  # fmt: skip
    return proposals.propose(**whole | said)


def test_a_battery_in_use_is_taken_in_by_the_word_of_who_registered_it(world: World) -> None:
    battery, name = used_by_others(world)
    proposal = taken_in(world, identifier=name)
    assert (proposal.kind, proposal.battery, proposal.addressed_to) == ("taken_in", battery, world.producer)
    battery.refresh_from_db()
    assert battery.status == "in_use" and not battery.events.exists()
    refused(Forbidden, proposals.accept, actor=world.actor(world.yard_owner), proposal=proposal)
    refused(Forbidden, proposals.accept, actor=world.actor(world.stranger), proposal=proposal)
    refused(Refused, lambda: taken_in(world, identifier=name), "battery")  # once is enough
    proposals.accept(actor=world.actor(world.producer), proposal=proposal)
    battery.refresh_from_db()
    assert (battery.status, battery.facility) == ("at_facility", world.yard)
    entry = battery.events.get()
    assert (entry.kind, entry.to_organization, entry.actor) == (
        "given_up", world.yard_owner, world.user(world.producer),
    )  # fmt: skip


def test_it_stays_in_use_where_that_is_refused_or_it_came_in_meanwhile(world: World) -> None:
    battery, name = used_by_others(world)
    proposal = taken_in(world, identifier=name)
    proposals.refuse(actor=world.actor(world.producer), proposal=proposal, answer="it is in our test car")
    battery.refresh_from_db()
    assert battery.status == "in_use"
    again = taken_in(world, identifier=name)
    batteries.take_in(world.actor(world.collector), custody.lock_batteries([battery.pk]), world.hub, ago(days=1))
    refused(Refused, proposals.accept, actor=world.actor(world.collector), proposal=again)
    assert Proposal.objects.get(pk=again.pk).status == ProposalStatus.OPEN


def test_what_is_not_taken_in_like_this(world: World) -> None:
    battery, name = used_by_others(world)
    (elsewhere,) = batteries_at(world, world.hub)
    for error, field, said in (
        (Refused, "identifier", {"identifier": serial()}),
        (Refused, "identifier", {"identifier": NewIdentifier("oem_serial", elsewhere.identifiers.get().value, "test")}),
        (Invalid, "battery", {}),
        (Invalid, "battery", {"identifier": name, "battery": battery}),
        (Invalid, "facility", {"identifier": name, "facility": None}),
        (Invalid, "facility", {"identifier": name, "mass_value": Decimal(9)}),
        (Invalid, "occurred_at", {"identifier": name, "occurred_at": None}),
        (Invalid, "occurred_at", {"identifier": name, "occurred_at": ago(days=-2)}),
        (Forbidden, None, {"identifier": name, "facility": world.hub}),
        (Forbidden, None, {"identifier": name, "actor": world.actor(world.stranger)}),
    ):
        refused(error, lambda said=said: taken_in(world, **said), field)  # type: ignore[misc]
    mine = batteries.register(
        actor=world.actor(world.yard_owner), organization=world.yard_owner, identifiers=[also := serial()]
    )
    refused(Refused, lambda: taken_in(world, identifier=also), "battery")
    assert mine.status == "in_use"
