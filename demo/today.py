"""The work that is open now: for the collection operator, for the recycler, and on the road between them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from accounts.models import Organization
from collection.models import Battery, CollectionPoint, Facility, Ground, Receipt, Relation
from collection.services import claim_contests, pickups, receipts, relations, shipments
from collection.services.findings import Scan
from collection.services.identifiers import NewIdentifier
from demo.history import History
from demo.recycling import Works
from demo.world import PLANT_OF, SOURCE, World
from recycling.services import charges


class Today:
    """What each of the log-ins finds on its start page."""

    def __init__(self, world: World, history: History, works: Works) -> None:
        self.world, self.history, self.works = world, history, works
        self.points = {place.name: (point, code) for point, code, _ in world.points for place in [point.facility]}

    def run(self) -> None:
        """Leave some work for everybody."""
        self._scheduled_today()
        self._requests()
        self._on_the_road()
        self._at_the_plant()
        self._black_mass_on_the_road()
        self._unclaimed_yard()
        self._contested_claims()

    def _point(self, name: str) -> tuple[CollectionPoint, str]:
        return self.points[f"{name} (simulated)"]

    def _given_up(self, name: str, size: int, days_ago: int) -> tuple[CollectionPoint, str, list[Battery]]:
        point, place = self._point(name)
        day = self.world.today(point.facility) - timedelta(days=days_ago)
        return point, place, self.history.give_up(point, place, size, self.world.at(point.facility, day, 10))

    def _scheduled_today(self) -> None:
        """Two trucks today, one that should have gone yesterday, and one each in the other countries."""
        for name, size, days_ago, hour in (
            ("Sagebrush Auto Salvage", 6, 0, 9),
            ("Delta Valley Auto Parts", 11, 0, 13),
            ("Foothill Fleet Services", 4, 1, 15),
            ("Recyclage Mauricie", 5, 0, 10),
            ("Yonke El Regio", 7, 0, 11),
        ):
            point, place, given = self._given_up(name, size, 5)
            day = self.world.today(point.facility) - timedelta(days=days_ago)
            start = _local(point, day, hour)
            pickup = self.history.ask(point, place, given, start - timedelta(days=1))
            self.history.schedule(pickup, place, self.world.facilities[PLANT_OF[place]], start)

    def _requests(self) -> None:
        """Pickups that wait for a schedule, one of them because the first attempt failed."""
        for name, size, in_days in (
            ("Mojave Dismantlers", 8, 2), ("Front Range Recyclers", 12, 3), ("Passaic River Motors", 3, 1),
            ("Escarpment Auto Recyclers", 6, 2), ("Deshuesadero del Norte", 5, 4),
        ):  # fmt: skip
            point, place, given = self._given_up(name, size, 3)
            start = _local(point, self.world.today(point.facility) + timedelta(days=in_days), 8)
            self.history.ask(point, place, given, start)
        point, place, given = self._given_up("Three Rivers Dismantling", 5, 6)
        start = _local(point, self.world.today(point.facility) - timedelta(days=1), 8)
        pickup = self.history.ask(point, place, given, start)
        self.history.schedule(pickup, place, self.world.facilities[PLANT_OF[place]], start)
        pickups.fail(
            actor=self.world.actors["collection"], pickup=pickup, reason="gate was locked, nobody on site (simulated)"
        )

    def _on_the_road(self) -> None:
        """Trucks to the recycler: one stands at the gate, two are under way; one is bound for the east."""
        for name, size, days_ago, is_there in (
            ("Sagebrush Auto Salvage", 9, 1, True),
            ("Mojave Dismantlers", 12, 1, False),
            ("Delta Valley Auto Parts", 7, 1, False),
            ("Garden State Auto Return", 10, 1, False),
        ):
            point, place, given = self._given_up(name, size, days_ago + 4)
            day = self.world.today(point.facility) - timedelta(days=days_ago)
            start = self.world.at(point.facility, day, 9)
            pickup = self.history.ask(point, place, given, start)
            key = PLANT_OF[place]
            self.history.schedule(pickup, place, self.world.facilities[key], start)
            left = start + timedelta(minutes=45)
            shipment = self.history.collect(pickup, place, given, left)
            if is_there:
                shipments.arrive(
                    actor=self.world.actors["collection"], shipment=shipment, arrived_at=left + timedelta(hours=3)
                )

    def _at_the_plant(self) -> None:
        """Loads that were weighed in: one to be inspected, with an open discrepancy; one inspected; a batch begun."""
        for name, size, days_ago, is_inspected in (
            ("Sagebrush Auto Salvage", 14, 9, True),
            ("Foothill Fleet Services", 12, 4, False),
        ):
            point, place, given = self._given_up(name, size, days_ago + 4)
            day = self.world.today(point.facility) - timedelta(days=days_ago)
            start = self.world.at(point.facility, day, 9)
            pickup = self.history.ask(point, place, given, start)
            self.history.schedule(pickup, place, self.world.facilities["recycler"], start)
            shipment = self.history.collect(pickup, place, given, start + timedelta(minutes=45))
            arrival = start + timedelta(hours=26)
            self.history.weigh_in("recycler", shipment, arrival, wrong=0 if is_inspected else 1)
            if is_inspected:
                self.history.triage("recycler", [battery.pk for battery in given], arrival + timedelta(hours=20))
        waiting = [ready for ready in self.history.ready["recycler"] if ready.since < self.world.now]
        begun = self.world.now - timedelta(days=1)
        batch = self.works.open("recycler", "Shredder", begun)
        charges.charge(
            actor=self.world.actors["recycler"], batch=batch, charged_at=begun + timedelta(hours=1),
            batteries=[ready.battery for ready in waiting if ready.since < begun][:8],
        )  # fmt: skip

    def _black_mass_on_the_road(self) -> None:
        """The newest black mass of the east is on its way over the border."""
        stock = self.works.stock("recycler-east", "black-mass", self.world.now)
        if stock:
            self.works.dispatch("recycler-east", stock, self.world.now.date() - timedelta(days=1))

    def _unclaimed_yard(self) -> None:
        """A yard with nobody in Relode: the collector declares that it serves it, and a person there signs for what is
        found. It says later that one pack too many went.
        """
        world, driver = self.world, self.world.actors["collection"]
        owner = Organization.objects.create(name="Painted Hills Salvage (simulated)", is_simulated=True)
        like = world.facilities["hub"]
        yard = Facility.objects.create(
            operator=owner, name=owner.name, jurisdiction_id="US-NV", locality="Elko", time_zone=like.time_zone,
            source=SOURCE, is_simulated=True,
        )  # fmt: skip
        point = CollectionPoint.objects.create(facility=yard, kind=CollectionPoint.Kind.SALVAGE_YARD)
        collector = world.organizations["collection"]
        relations.offer(
            actor=driver, kind=Relation.Kind.COLLECT, giver=owner, taker=collector, facilities=[yard], is_simulated=True
        )
        start = world.at(yard, world.today(yard) - timedelta(days=2), 9)
        pickup = pickups.request(
            actor=driver, collection_point=point, collector=collector, packs_expected=3, convenient_from=start,
            convenient_until=start + timedelta(days=1), is_simulated=True,
        )  # fmt: skip
        pickups.schedule(
            actor=driver, pickup=pickup, carrier=collector, destination=like, window_start=start,
            window_end=start + timedelta(hours=3), vehicle="SIM-77",
        )  # fmt: skip
        scans = [
            Scan(identifier=NewIdentifier("internal", f"SIM-UNCLAIMED-{n}", "simulated"), mass_value=Decimal(400))
            for n in (1, 2, 3)
        ]
        pickups.find(actor=driver, pickup=pickup, batteries=scans)
        pickups.sign(
            actor=driver, pickup=pickup, name="A. Ortega (simulated)", role="yard hand",
            signature="M60 110L80 60L110 110L130 70Q160 40 170 100L330 90",
        )  # fmt: skip
        pickups.collect(actor=driver, pickup=pickup, collected_at=start + timedelta(hours=1), batteries=scans)
        receipts.contest(
            link=Receipt.objects.get(pickup=pickup).link, name="Owner of Painted Hills (simulated)",
            statement="I count two packs missing, not three.",
        )  # fmt: skip

    def _contested_claims(self) -> None:
        """Two producers say of packs that yards claim to be theirs: they are not. One yard has answered."""
        claimed = Battery.objects.filter(
            producer__isnull=False, producer_ground=Ground.CLAIMED, is_simulated=True, claim_contests=None
        ).order_by("pk")
        actors = {organization.pk: self.world.actors[key] for key, organization in self.world.organizations.items()}
        known = [battery for battery in claimed if {battery.producer_id, battery.registered_by_id} <= actors.keys()]
        for number, battery in enumerate(known[:3]):
            assert battery.producer_id is not None
            contest = claim_contests.contest_claim(
                actor=actors[battery.producer_id], battery=battery, statement="This serial is not in our records."
            )
            if number:
                claim_contests.answer(
                    actor=actors[battery.registered_by_id], contest=contest, statement="The label on the pack says so."
                )


def _local(point: CollectionPoint, day: date, hour: int) -> datetime:
    """An instant by the clock of a collection point, be it in the future."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(point.facility.time_zone))
