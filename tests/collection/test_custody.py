"""The ledger: appended only, never torn, and always in agreement with the rows (invariant 1)."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from rest_framework.test import APIClient

from accounts.errors import Forbidden, Refused
from accounts.models import Organization
from collection.models import Battery, CustodyEvent, Shipment, ShipmentLine
from collection.queries.lives import life_of
from collection.services import batteries, shipments
from collection.services.identifiers import NewIdentifier
from collection.services.packing import NewLine
from tests.refusals import refused
from tests.world import World, ago, batteries_at, build, collected_pickup, drafted_shipment, now


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE collection_custodyevent SET note = 'nothing happened'",
        "UPDATE collection_custodyevent SET mass_kg = mass_kg + 1",
        "DELETE FROM collection_custodyevent",
    ],
)
def test_the_ledger_is_only_appended_to(world: World, sql: str) -> None:
    batteries_at(world, world.yard)
    before = list(CustodyEvent.objects.values())
    with pytest.raises(Exception, match=r"Cannot (update|delete)"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert list(CustodyEvent.objects.values()) == before


def entry(of: Battery, **fields: Any) -> CustodyEvent:
    usual = {
        "battery": of, "sequence": 2, "kind": "inspected", "occurred_at": now(), "to_status": "at_facility",
        "from_facility": of.facility, "to_facility": of.facility, "actor_id": of.events.get().actor_id,
    }  # fmt: skip
    return CustodyEvent(**usual | fields)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        (lambda w: {"sequence": 3}, "must start where"),
        (lambda w: {"sequence": 1}, "custody_event_battery_sequence"),
        (lambda w: {"sequence": 0}, "custody_event_sequence"),
        (lambda w: {"from_facility": w.hub}, "must start where"),
        (lambda w: {"from_facility": None}, "must start where"),
        (lambda w: {"battery": None}, "custody_event_of_one_thing"),
        (lambda w: {"mass_kg": Decimal(0)}, "custody_event_mass_positive"),
        (lambda w: {"mass_kg": Decimal(-1)}, "custody_event_mass_positive"),
        (lambda w: {"corrects": CustodyEvent.objects.get()}, "custody_event_only_corrections_correct"),
        (lambda w: {"to_shipment": Shipment.objects.get()}, "custody_event_to_one_place"),
        (lambda w: {"from_shipment": Shipment.objects.get()}, "custody_event_from_one_place"),
    ],
)
def test_the_database_refuses_an_entry_that_does_not_fit(world: World, change: Any, constraint: str) -> None:
    (battery,) = batteries_at(world, world.yard)
    drafted_shipment(world, [])
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        CustodyEvent.objects.bulk_create([entry(battery, **change(world))])
    assert CustodyEvent.objects.count() == 1
    CustodyEvent.objects.bulk_create([entry(battery)])


@pytest.mark.parametrize(
    "change",
    [
        {"facility_id": None}, {"status": "in_transit"}, {"status": "lost"}, {"mass_value": 0}, {"mass_value": -1},
        {"rated_kwh": 0}, {"content_kwh": 0}, {"composition_id": None}, {"state_of_health": Decimal("1.001")},
        {"state_of_health": Decimal("-0.001")}, {"condition": "fine"},
    ],
)  # fmt: skip
def test_the_database_refuses_a_battery_that_cannot_be(world: World, change: dict[str, Any]) -> None:
    (battery,) = batteries_at(world, world.yard)
    with pytest.raises(IntegrityError), transaction.atomic():
        Battery.objects.filter(pk=battery.pk).update(**change)


def test_nothing_is_entered_before_what_is_there(world: World) -> None:
    (battery,) = batteries_at(world, world.yard, at=ago(days=3))
    actor = world.actor(world.yard_owner)
    about: dict[str, Any] = {"actor": actor, "battery": battery, "reason": "x"}
    refused(Refused, batteries.report_lost, "occurred_at", **about, occurred_at=ago(days=4))
    batteries.report_lost(**about, occurred_at=ago(days=3))


def test_a_life_on_one_screen(world: World, client: Client) -> None:
    pickup = collected_pickup(world, 1)
    battery = Battery.objects.get()
    batteries.correct(
        actor=world.actor(world.carrier), battery=battery, reason="scale was off", mass_value=Decimal(390)
    )
    first, second, third = life_of(battery, world.user(world.yard_owner))
    assert (first.to_place, first.time_zone, first.status_label) == (
        "Reno Yard",
        "America/Los_Angeles",
        "at a facility",
    )
    assert first.occurred_at.utcoffset() in (timedelta(hours=-7), timedelta(hours=-8))
    assert second.to_place == f"Shipment {pickup.shipment.pk} (Reno Yard → Storey Plant)"
    assert (second.from_organization, second.to_organization, second.moved) == ("Yard Owner", "Carrier", True)
    assert (third.corrects, third.mass_kg, second.corrected_by, third.moved) == (2, 390, [3], False)
    api = APIClient()
    api.force_authenticate(world.user(world.recycler))
    answer = api.get(f"/api/v1/batteries/{battery.pk}/life/").json()
    assert [e["kind"] for e in answer] == ["given_up", "dispatched", "corrected"]
    assert answer[0]["occurred_at"][-6:] in ("-07:00", "-08:00") and answer[1]["corrected_by"] == [3]
    api.force_authenticate(world.user(world.stranger))
    assert api.get(f"/api/v1/batteries/{battery.pk}/life/").status_code == 404
    client.force_login(world.user(world.recycler))
    page = client.get(f"/admin/collection/battery/{battery.pk}/change/").content.decode()
    for text in ("NMC 60", "Reno Yard", "America/Los_Angeles", "scale was off", "entry-2", "corrected by", "390 kg"):
        assert text in page, text
    assert f'href="/admin/collection/shipment/{pickup.shipment.pk}/change/"' in page


def test_a_life_with_an_entry_of_the_year_1_is_read(world: World) -> None:
    """It was written before such times were refused. No ledger entry is changed, so it can only be read as it is."""
    (battery,) = batteries_at(world, world.yard)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE collection_custodyevent SET occurred_at = '0001-01-01 00:00+00'")
        cursor.execute("SET LOCAL session_replication_role = origin")
    (entry,) = life_of(battery, world.user(world.yard_owner))
    assert (entry.occurred_at.year, entry.time_zone) == (1, "UTC")


def test_a_long_life_takes_no_more_statements(world: World) -> None:
    (battery,) = batteries_at(world, world.yard)

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            life_of(battery, world.user(world.yard_owner))
        return len(queries)

    short = statements()
    for step in range(1, 6):
        batteries.correct(
            actor=world.actor(world.yard_owner), battery=battery, reason="again", mass_value=Decimal(400 - step)
        )
    assert len(life_of(battery, world.user(world.yard_owner))) == 6
    assert statements() == short == 3


class Custody(RuleBasedStateMachine):
    """Random commands on three batteries, against a dict that says where each is: legal ones act, others do nothing."""

    PACKS = st.integers(0, 2)

    def __init__(self) -> None:
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.world = build()
        self.batteries = [
            batteries.register(
                actor=self.world.actor(self.world.yard_owner), organization=self.world.yard_owner,
                model=self.world.nmc_pack, identifiers=[NewIdentifier("internal", f"P{n}", "test")],
            )
            for n in range(3)
        ]  # fmt: skip
        self.at: dict[int, str] = dict.fromkeys(range(3), "use")
        self.entries = dict.fromkeys(range(3), 0)
        self.trucks: dict[int, Shipment] = {}
        self.lost_by: dict[int, Organization] = {}
        self.hours = 1000

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    def attempt(self, legal: bool, pack: int, act: Any, place: str) -> Any:
        """Run a command an hour after the last; it must act if and only if the oracle says so."""
        self.hours -= 1
        try:
            with transaction.atomic():
                done = act(ago(hours=self.hours))
        except (Refused, Forbidden):
            assert not legal
            return None
        assert legal
        self.at[pack] = place
        self.entries[pack] += 1
        return done

    @rule(pack=PACKS)
    def give_up(self, pack: int) -> None:
        w = self.world
        self.attempt(
            self.at[pack] == "use", pack,
            lambda at: batteries.give_up(
                actor=w.actor(w.yard_owner), battery=self.batteries[pack], facility=w.yard, occurred_at=at
            ),
            "Reno Yard",
        )  # fmt: skip

    @rule(pack=PACKS)
    def send(self, pack: int) -> None:
        w = self.world

        def act(at: Any) -> Shipment:
            battery = Battery.objects.get(pk=self.batteries[pack].pk)
            if battery.facility_id != w.yard.pk:
                raise Refused("not here")
            about: dict[str, Any] = {"actor": w.actor(w.yard_owner)}
            shipment = shipments.draft(
                **about, origin=w.yard, destination=w.plant_site, carrier=w.carrier,
                lines=[NewLine(battery=battery.pk)],
            )  # fmt: skip
            shipments.make_ready(**about, shipment=shipment)
            return shipments.dispatch(**about, shipment=shipment, dispatched_at=at)

        done = self.attempt(self.at[pack] == "Reno Yard", pack, act, "truck")
        if done is not None:
            self.trucks[pack] = done

    @precondition(lambda self: self.trucks)
    @rule(pack=PACKS, accept=st.booleans())
    def receive(self, pack: int, accept: bool) -> None:
        w = self.world
        shipment = self.trucks.get(pack)
        if shipment is None:
            return
        receiver = w.actor(shipment.destination.operator)

        def act(at: Any) -> Shipment:
            shipments.arrive(actor=receiver, shipment=shipment, arrived_at=at)
            line = ShipmentLine.objects.get(shipment=shipment)
            rejected = {} if accept or line.outcome != "open" else {line.pk: "no"}
            return shipments.receive(actor=receiver, shipment=shipment, received_at=at, rejected=rejected)

        on_truck = self.at[pack] == "truck"
        open_shipment = Shipment.objects.get(pk=shipment.pk).status == "in_transit"
        if open_shipment and not on_truck:  # it was lost on the way: the truck arrives empty
            self.hours -= 1
            act(ago(hours=self.hours))
            return
        place = shipment.destination.name if accept else "truck"
        if self.attempt(open_shipment, pack, act, place) is not None and not accept:
            self.trucks[pack] = Shipment.objects.get(return_of=shipment)

    @rule(pack=PACKS)
    def lose(self, pack: int) -> None:
        w = self.world
        place = self.at[pack]
        holder = self.holder_of(pack)
        done = self.attempt(
            place in ("truck", "Reno Yard", "Storey Plant"), pack,
            lambda at: batteries.report_lost(
                actor=w.actor(holder), battery=self.batteries[pack], occurred_at=at, reason="gone"
            ),
            "lost",
        )  # fmt: skip
        if done is not None:
            self.lost_by[pack] = holder

    def holder_of(self, pack: int) -> Organization:
        w = self.world
        return {"truck": w.carrier, "Storey Plant": w.recycler}.get(self.at[pack], w.yard_owner)

    @rule(pack=PACKS)
    def find(self, pack: int) -> None:
        w = self.world
        self.attempt(
            self.at[pack] == "lost" and self.lost_by[pack] == w.yard_owner, pack,
            lambda at: batteries.report_found(
                actor=w.actor(w.yard_owner), battery=self.batteries[pack], facility=w.yard, occurred_at=at
            ),
            "Reno Yard",
        )  # fmt: skip

    @rule(pack=PACKS, mass=st.integers(1, 999), holds=st.booleans())
    def correct(self, pack: int, mass: int, holds: bool) -> None:
        w = self.world
        value = Decimal(mass) + Decimal(self.hours) / 1000  # never the mass it has
        by = self.holder_of(pack) if holds else w.refiner
        self.attempt(
            holds and self.at[pack] != "lost", pack,
            lambda at: batteries.correct(
                actor=w.actor(by), battery=self.batteries[pack], corrected_at=at, reason="x", mass_value=value
            ),
            self.at[pack],
        )  # fmt: skip

    @invariant()
    def each_is_in_one_place_and_the_ledger_agrees(self) -> None:
        for pack, known in enumerate(self.batteries):
            battery = Battery.objects.select_related("facility").get(pk=known.pk)
            where = (
                battery.facility.name if battery.facility
                else "truck" if battery.shipment_id else {"in_use": "use"}.get(battery.status, battery.status)
            )  # fmt: skip
            assert where == self.at[pack]
            chain = list(battery.events.order_by("sequence"))
            assert [e.sequence for e in chain] == list(range(1, self.entries[pack] + 1))
            for before, after in pairwise(chain):
                assert (before.to_facility_id, before.to_shipment_id, before.to_organization_id) == (
                    after.from_facility_id, after.from_shipment_id, after.from_organization_id,
                )  # fmt: skip
                assert before.occurred_at <= after.occurred_at
            if chain:
                last = chain[-1]
                assert (last.to_facility_id, last.to_shipment_id, last.to_status) == (
                    battery.facility_id, battery.shipment_id, battery.status,
                )  # fmt: skip
            open_lines = ShipmentLine.objects.filter(battery=battery, outcome="open").count()
            assert open_lines == (1 if where == "truck" else 0)


@pytest.mark.django_db
def test_whatever_is_commanded_each_battery_is_in_one_place() -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Custody,
        settings=settings(
            max_examples=25,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
