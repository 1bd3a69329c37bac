"""The way to the gate: packs given up at yards, pickups that went well and others that did not, trucks weighed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count

from collection.models import Battery, CollectionPoint, Condition, Facility, Package, Pickup, Shipment
from collection.services import batteries, credit, pickups, shipments
from collection.services.findings import Scan
from collection.services.packing import NewLine, NewPackage
from collection.units import Unit, to_kg
from demo.packs import Shelf
from demo.world import COLLECTOR_OF, PLANT_OF, PRODUCERS, World, take_stock
from recycling.models import Decision, Discrepancy, Intake
from recycling.services import inspections, intakes
from recycling.services.inspections import Triage
from recycling.services.intakes import ReceivedBattery, RejectedThing

#: A truck is empty at about this weight; packs stand on pallets that weigh nothing much beside it.
TARE_KG = Decimal(14_200)

#: What the plants give packs to that still are good for something.
SECOND_LIFE = "Second Sun Storage (simulated)"

FAILURES = [
    "gate was locked, nobody on site (simulated)",
    "packs were not drained and could not be loaded (simulated)",
    "truck broke down on the way (simulated)",
]


@dataclass(frozen=True)
class Ready:
    """A pack at a plant that is to be recycled, from an instant on."""

    battery: int
    since: datetime


class History:
    """Everything that came to a gate, visit by visit in the order of time."""

    def __init__(self, world: World, shelf: Shelf) -> None:
        self.world, self.shelf, self.rng = world, shelf, world.rng
        self.ready: dict[str, list[Ready]] = {key: [] for key in world.plants}
        self.tickets = count(1001)
        self.packs = count(1)

    def run(self, packs: int) -> None:
        """Bring `packs` packs to the plants, from the first day of the history until two weeks ago."""
        days = (self.world.now.date() - self.world.start).days
        visits = []
        left = packs
        while left > 0:
            point, place, _share = self.rng.choices(self.world.points, [share for *_, share in self.world.points])[0]
            number = min(left, self.rng.randint(22, 46))
            visits.append((self.rng.randint(4, days - 14), point, place, number))
            left -= number
        for number, (day, point, place, size) in enumerate(sorted(visits, key=lambda visit: visit[0])):
            if number in (1, 4, 20, 100):
                take_stock()
            self._visit(number, self.world.start + timedelta(days=day), point, place, size)
            if number % 14 == 4:
                self._from_the_hub(self.world.start + timedelta(days=day + 6))

    def give_up(self, point: CollectionPoint, place: str, size: int, at: datetime) -> list[Battery]:
        """Packs that the yard took out of cars and registered."""
        given = batteries.register_many(
            actor=self.world.actor_at(point.facility), organization=point.facility.operator, facility=point.facility,
            occurred_at=at, batteries=self.shelf.draw(size, place, at.date()), is_simulated=True,
        )  # fmt: skip
        self._accept(given)
        return given

    def _accept(self, given: Sequence[Battery]) -> None:
        """Producers know most of their serials again; one in 25 stays claimed, so that pages show both."""
        recognized = [battery for battery in given if next(self.packs) % 25]
        for key in PRODUCERS:
            producer = self.world.organizations[key]
            known = [battery.pk for battery in recognized if battery.producer_id == producer.pk]
            if known:
                credit.accept_claims(actor=self.world.actors[key], organization=producer, batteries=known)

    def ask(self, point: CollectionPoint, place: str, given: Sequence[Battery], start: datetime) -> Pickup:
        """The yard asks for a pickup of packs that stand there."""
        damaged = any(battery.condition != Condition.INTACT for battery in given)
        return pickups.request(
            actor=self.world.actor_at(point.facility), collection_point=point, packs_expected=len(given),
            collector=self.world.organizations[COLLECTOR_OF[place[:2]]], convenient_from=start,
            convenient_until=start + timedelta(days=5), batteries=[battery.pk for battery in given],
            condition=Condition.DAMAGED if damaged else Condition.INTACT, is_simulated=True,
        )  # fmt: skip

    def schedule(self, pickup: Pickup, place: str, target: Facility, start: datetime, hours: int = 3) -> Pickup:
        collector = COLLECTOR_OF[place[:2]]
        return pickups.schedule(
            actor=self.world.actors[collector], pickup=pickup, carrier=self.world.organizations[collector],
            destination=target, vehicle=f"SIM-{self.rng.randint(10, 99)}", window_start=start,
            window_end=start + timedelta(hours=hours),
        )  # fmt: skip

    def collect(self, pickup: Pickup, place: str, given: Sequence[Battery], at: datetime) -> Shipment:
        """Every pack is scanned and weighed; in the United States in pounds."""
        scans = []
        for battery in given:
            kilograms = battery.mass_value if battery.mass_value is not None else Decimal(400)
            noisy = kilograms * Decimal(self.rng.randint(996, 1004)) / 1000
            if place.startswith("US"):
                value, unit = pounds(noisy), Unit.LB
            else:
                value, unit = noisy.quantize(Decimal("0.1")), Unit.KG
            scans.append(Scan(battery=battery.pk, mass_value=value, unit=unit))
        actor = self.world.actors[COLLECTOR_OF[place[:2]]]
        done = pickups.collect(actor=actor, pickup=pickup, collected_at=at, batteries=scans)
        assert done.shipment is not None
        return done.shipment

    def weigh_in(
        self, key: str, shipment: Shipment, at: datetime, *, wrong: int = 0, rejected: Sequence[RejectedThing] = ()
    ) -> Intake:
        """The plant weighs a truck and every pack on it; `wrong` packs weigh less than was declared."""
        refused = {thing.battery for thing in rejected}
        found = []
        total = Decimal(0)
        for index, line in enumerate(shipment.lines.filter(battery__isnull=False).order_by("pk")):
            if line.battery_id in refused:
                continue
            assert line.declared_kg is not None
            share = 930 if index < wrong else self.rng.randint(993, 1007)
            received = (line.declared_kg * Decimal(share) / 1000).quantize(Decimal("0.1"))
            total += received
            found.append(ReceivedBattery(battery=line.battery_id, received_value=received))
        gross = (TARE_KG + total * Decimal(self.rng.randint(998, 1004)) / 1000).quantize(Decimal(5))
        return intakes.record(
            actor=self.world.actors[key], plant=self.world.plants[key], shipment=shipment, weighed_at=at,
            ticket=f"SIM-{next(self.tickets)}", gross_value=gross, tare_value=TARE_KG, batteries=found,
            rejected=rejected, is_simulated=True,
        )  # fmt: skip

    def triage(self, key: str, things: Sequence[int], at: datetime) -> None:
        """Look at every pack; the good ones go to a further use, the rest waits for the shredder."""
        conditions = dict(Battery.objects.filter(pk__in=things).values_list("pk", "condition"))
        found, released = [], []
        for pk in things:
            health = Decimal(self.rng.randint(380, 930)) / 1000
            decision = Decision.RECYCLE
            if conditions[pk] == Condition.INTACT and health > Decimal("0.80") and self.rng.random() < 0.5:
                decision = Decision.REUSE if health > Decimal("0.88") else Decision.REPURPOSE
                released.append(pk)
            found.append(Triage(pk, decision, conditions[pk], health))
        actor, plant = self.world.actors[key], self.world.plants[key]
        inspections.inspect_many(actor=actor, plant=plant, inspected_at=at, inspections=found)
        if released:
            inspections.release_many(
                actor=actor, plant=plant, batteries=released, recipient=SECOND_LIFE,
                released_at=min(at + timedelta(days=3), self.world.now),
            )  # fmt: skip
        kept = set(things) - set(released)
        self.ready[key] += [Ready(pk, at) for pk in things if pk in kept]

    def settle(self, key: str, intake: Intake) -> None:
        for discrepancy in Discrepancy.objects.filter(intake=intake, status="open"):
            intakes.settle_discrepancy(
                actor=self.world.actors[key], discrepancy=discrepancy,
                settlement="weighed again together with the shipper; the plant's mass holds (simulated)",
            )  # fmt: skip

    def _visit(self, number: int, day: date, point: CollectionPoint, place: str, size: int) -> None:
        world, yard = self.world, point.facility
        given = self.give_up(point, place, size, world.at(yard, day - timedelta(days=3), 10, number % 60))
        start = world.at(yard, day, 9)
        pickup = self.ask(point, place, given, start)
        if number % 15 == 3:
            actor = world.actor_at(yard)
            pickups.cancel(actor=actor, pickup=pickup, reason="asked for twice by mistake (simulated)")
            pickup = self.ask(point, place, given, start)
        to_hub = place in ("US-NV", "US-CA") and number % 5 == 0
        key = PLANT_OF[place]
        target = world.facilities["hub"] if to_hub else world.facilities[key]
        self.schedule(pickup, place, target, start)
        if number % 13 == 1:
            driver = world.actors[COLLECTOR_OF[place[:2]]]
            pickups.fail(actor=driver, pickup=pickup, reason=FAILURES[number % len(FAILURES)])
            start = world.at(yard, day + timedelta(days=1), 13)
            self.schedule(pickup, place, target, start)
        shipment = self.collect(pickup, place, given, start + timedelta(minutes=50))
        arrival = start + timedelta(hours=self.rng.randint(20, 52))
        if to_hub:
            hub = world.actors["collection"]
            shipments.arrive(actor=hub, shipment=shipment, arrived_at=arrival)
            shipments.receive(actor=hub, shipment=shipment, received_at=arrival + timedelta(minutes=40))
            return
        intake = self.weigh_in(key, shipment, arrival, wrong=number % 9 == 8)
        self.settle(key, intake)
        self.triage(key, [battery.pk for battery in given], arrival + timedelta(days=2))

    def _from_the_hub(self, day: date) -> None:
        """A full truck from the hub to the plant, of which the plant sends one pack back."""
        world, hub = self.world, self.world.facilities["hub"]
        stock = list(Battery.objects.held_at(hub).order_by("pk"))
        if not stock:
            return
        shipment = self.consolidate(stock, day)
        at = world.at(hub, day, 14)
        weakest = stock[0]
        refusal = RejectedThing("not packed as declared: terminals not covered (simulated)", battery=weakest.pk)
        intake = self.weigh_in("recycler", shipment, at + timedelta(hours=5), rejected=[refusal])
        self.settle("recycler", intake)
        back = Shipment.objects.get(return_of=shipment)
        actor = world.actors["collection"]
        shipments.arrive(actor=actor, shipment=back, arrived_at=at + timedelta(hours=9))
        shipments.receive(actor=actor, shipment=back, received_at=at + timedelta(hours=10))
        self.triage("recycler", [b.pk for b in stock if b.pk != weakest.pk], at + timedelta(days=2))

    def consolidate(self, stock: Sequence[Battery], day: date) -> Shipment:
        """Load the hub's packs, damaged ones apart, and let the truck go."""
        world, hub = self.world, self.world.facilities["hub"]
        actor = world.actors["collection"]
        boxes = [
            NewPackage("SOUND", Package.Kind.SOUND, "P903", "UN3480"),
            NewPackage("DDR", Package.Kind.DAMAGED, "P908", "UN3480"),
        ]
        shipment = shipments.draft(
            actor=actor, origin=hub, destination=world.facilities["recycler"], carrier=world.organizations["carrier"],
            vehicle="SIM-HUB", packages=boxes, is_simulated=True,
            lines=[NewLine(battery=b.pk, package="DDR" if b.travels_as_damaged else "SOUND") for b in stock],
        )  # fmt: skip
        shipments.make_ready(actor=actor, shipment=shipment)
        return shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=world.at(hub, day, 14))


def pounds(kilograms: Decimal) -> Decimal:
    """Kilograms in pounds, to a tenth, as a floor scale shows them."""
    return (kilograms / to_kg(Decimal(1), Unit.LB)).quantize(Decimal("0.1"))
