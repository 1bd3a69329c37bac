"""What is seen, both ways that it is asked, against the plain definition: the union of all that ties a thing to somebody."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.db.models import Q, QuerySet

from accounts.models import Function, Membership, Organization, Role, User, organizations_of
from collection.models import (
    Battery,
    CollectionPoint,
    CustodyEvent,
    Facility,
    Handover,
    Jurisdiction,
    Lot,
    Mandate,
    Material,
    Pickup,
    PickupBattery,
    Shipment,
    ShipmentLine,
    custody,
    sight,
)
from collection.models.sight import BATTERIES, LOTS, Sight
from tests.world import World

PLACES = ("US-NV", "US-NJ", "CA-ON", "MX")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def seen_plainly(model: type[Battery] | type[Lot], user: User) -> QuerySet[Any]:
    """The plain definition."""
    mine, overseen = organizations_of(user), Jurisdiction.objects.overseen_by(user).values("pk")
    thing = model._meta.model_name
    places = Facility.objects.filter(Q(operator__in=mine) | Q(jurisdiction__in=overseen)).values("pk")
    events = CustodyEvent.objects.filter(
        Q(to_facility__in=places) | Q(to_organization__in=mine) | Q(from_organization__in=mine)
    )
    shipments = Shipment.objects.visible_to(user).values("pk")
    own = (
        Q(owner__in=mine)
        if model is Lot
        else Q(producer__in=mine) | Q(registered_by__in=mine) | Q(placed_in__in=overseen)
    )
    tied = (
        own
        | Q(pk__in=events.filter(**{f"{thing}__isnull": False}).values(thing))
        | Q(pk__in=ShipmentLine.objects.filter(**{f"{thing}__isnull": False}, shipment__in=shipments).values(thing))
    )
    if model is Battery:
        at_place = Q(collection_point__facility__in=places)
        agreed = ~Q(giver_means="") & (Q(collector__in=mine) | Q(destination__operator__in=mine))
        driven = ~Q(giver_means="") & ~Q(carrier_means="") & Q(carrier__in=mine)
        pickups = Pickup.objects.filter(at_place | agreed | driven)
        tied |= Q(pk__in=PickupBattery.objects.filter(pickup__in=pickups.values("pk")).values("battery"))
    return model._default_manager.filter(tied)


class Chance:
    """A world in which everything is tied to anybody at random, written row by row."""

    def __init__(self, world: World, seed: int) -> None:
        self.dice = random.Random(seed)
        self.author = world.user(world.stranger)
        self.organizations = Organization.objects.bulk_create(
            Organization(name=f"Chance {number}", functions=[Function.REGULATOR]) for number in range(7)
        )
        self.users = User.objects.bulk_create(
            User(email=f"chance{number}@relode.example", name=str(number)) for number in range(6)
        )
        Membership.objects.bulk_create(
            Membership(user=user, organization=organization, role=Role.VIEWER)
            for number, user in enumerate(self.users)
            for organization in self.dice.sample(self.organizations, k=(1, 2, 1, 0, 1, 1)[number])
        )
        Mandate.objects.bulk_create(
            Mandate(organization=self.organizations[number], jurisdiction_id=place)
            for number, place in ((5, "US"), (6, "CA-ON"), (4, "MX"))
        )
        self.facilities = Facility.objects.bulk_create(
            Facility(
                operator=self.any_of(self.organizations), name=f"Site {number}", jurisdiction_id=self.any_of(PLACES),
                time_zone="UTC",
            )
            for number in range(9)
        )  # fmt: skip
        self.points = CollectionPoint.objects.bulk_create(
            CollectionPoint(facility=facility, kind="dealer") for facility in self.facilities
        )
        self.shipments = Shipment.objects.bulk_create(self.shipment() for _number in range(8))
        self.batteries = Battery.objects.bulk_create(
            Battery(
                producer=self.maybe(self.organizations), registered_by=self.rarely(self.organizations, world.stranger),
                placed_in_id=self.maybe(PLACES), mass_value=Decimal(400), condition=self.any_of(["intact", "damaged"]),
            )
            for _number in range(60)
        )  # fmt: skip
        self.lots = Lot.objects.bulk_create(
            Lot(
                number=f"L{number}", owner=self.rarely(self.organizations, world.stranger), material=Material.objects.first(),
                mass_value=Decimal(1), status="sold", made_at=NOON,
            )
            for number in range(40)
        )  # fmt: skip
        self.handover = Handover.objects.create(
            giver=self.organizations[0], taker=self.organizations[1], facility=self.facilities[0],
            shipment=self.shipments[0], occurred_at=NOON, giver_means="earlier", taker_means="earlier",
        )  # fmt: skip
        CustodyEvent.objects.bulk_create(
            event for kind, things in (("battery", self.batteries), ("lot", self.lots)) for thing in things
            for event in self.life(kind, thing)
        )  # fmt: skip
        ShipmentLine.objects.bulk_create(
            ShipmentLine(shipment=shipment, outcome="accepted", **{kind: thing})
            for kind, things in (("battery", self.batteries), ("lot", self.lots)) for shipment in self.shipments
            for thing in self.dice.sample(things, k=3)
        )  # fmt: skip
        pickups = Pickup.objects.bulk_create(self.pickup(number) for number in range(14))
        PickupBattery.objects.bulk_create(
            PickupBattery(pickup=pickup, battery=battery, is_open=False)
            for pickup in pickups for battery in self.dice.sample(self.batteries, k=2)
        )  # fmt: skip

    def any_of[T](self, things: Any) -> Any:
        return self.dice.choice(things)

    def maybe(self, things: Any) -> Any:
        return self.any_of(things) if self.dice.random() < 0.15 else None

    def rarely(self, things: Any, otherwise: Any) -> Any:
        return self.maybe(things) or otherwise

    def shipment(self) -> Shipment:
        origin, destination = self.dice.sample(self.facilities, k=2)
        shipper, carrier = self.any_of(self.organizations), self.any_of(self.organizations)
        return Shipment(origin=origin, destination=destination, shipper=shipper, carrier=carrier)

    def pickup(self, number: int) -> Pickup:
        fields: dict[str, Any] = {
            "collection_point": self.any_of(self.points), "collector": self.any_of(self.organizations), "packs_expected": 1,
            "carrier": self.any_of(self.organizations), "destination": self.any_of(self.facilities),
            "convenient_from": NOON, "convenient_until": NOON + timedelta(hours=1),
            "giver_means": self.any_of(["", "earlier"]), "carrier_means": self.any_of(["", "earlier"]),
        }  # fmt: skip
        if number < 3:
            window = {"window_start": NOON, "window_end": NOON + timedelta(hours=1)}
            fields |= {
                "destination": self.any_of(self.facilities),
                "status": "collected",
                "collected_at": NOON,
                "giver_means": "earlier",
                "carrier_means": "earlier",
                **window,
            }
            fields["shipment"] = self.shipments[number]
        return Pickup(**fields)

    def life(self, kind: str, thing: Any) -> list[CustodyEvent]:
        events: list[CustodyEvent] = []
        before = None
        for sequence in range(1, self.dice.randrange(0, 4) + 1):
            after = self.maybe(self.facilities)
            events.append(
                CustodyEvent(
                    **{kind: thing}, sequence=sequence, kind="received", occurred_at=NOON, from_facility=before,
                    to_facility=after, from_organization=self.maybe(self.organizations),
                    to_organization=self.maybe(self.organizations), to_status="x", actor=self.author,
                    handover=self.handover,
                )
            )  # fmt: skip
            before = after
        return events


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("looked_at", [30, 1])
def test_both_ways_to_ask_find_what_the_plain_definition_says(
    world: World, seed: int, looked_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`looked_at` 1: hardly anything is looked at one by one, so that nearly all is searched, in several portions."""
    monkeypatch.setattr(sight, "LOOKED_AT_FILTERED", looked_at)
    monkeypatch.setattr(sight, "LOOKED_AT", min(looked_at, sight.LOOKED_AT))
    monkeypatch.setattr(custody, "LOOKED_AT", sight.LOOKED_AT)
    monkeypatch.setattr(custody, "LOOKED_UP", custody.LOOKED_UP if seed else 5)
    chance = Chance(world, seed)
    for user in chance.users:
        for model in (Battery, Lot):
            rows = model._default_manager.visible_to(user)  # type: ignore[attr-defined]
            everything = list(model._default_manager.values_list("pk", flat=True))
            for narrowing in (
                {},
                {"is_simulated": True},
                {"condition": "damaged"} if model is Battery else {"number": "L3"},
            ):
                expected = sorted(seen_plainly(model, user).filter(**narrowing).values_list("pk", flat=True))
                assert sorted(rows.filter(**narrowing).values_list("pk", flat=True)) == expected
                assert rows.filter(**narrowing).seen_among(everything[::2]) == set(expected) & set(everything[::2])
                assert paged(rows.filter(**narrowing), ascending=True) == expected
                assert paged(rows.filter(**narrowing), ascending=False) == expected[::-1]
        entries = set(CustodyEvent.objects.visible_to(user).values_list("pk", flat=True))
        things = {kind: seen_plainly(m, user).values("pk") for kind, m in (("battery__in", Battery), ("lot__in", Lot))}
        expected = {
            *CustodyEvent.objects.filter(
                Q(battery__in=things["battery__in"]) | Q(lot__in=things["lot__in"])
            ).values_list("pk", flat=True)
        }
        assert entries == expected
        assert paged(CustodyEvent.objects.visible_to(user), ascending=True) == sorted(expected)
        assert paged(CustodyEvent.objects.visible_to(user), ascending=False) == sorted(expected)[::-1]


def paged(rows: Any, *, ascending: bool, size: int = 7) -> list[int]:
    """All keys of `rows`, page by page."""
    found: list[int] = []
    while True:
        page = rows.head(size, ascending=ascending, beyond=found[-1] if found else None)
        keys = list(page.order_by("pk" if ascending else "-pk").values_list("pk", flat=True))
        found += keys
        if len(keys) < size:
            return found


def test_the_world_of_chance_shows_each_user_something_else(world: World) -> None:
    """Else the test above would say little."""
    chance = Chance(world, 0)
    counts = {user.pk: seen_plainly(Battery, user).count() for user in chance.users}
    assert {0} < set(counts.values()) and len(set(counts.values())) > 4 and max(counts.values()) < len(chance.batteries)


@pytest.mark.django_db
@pytest.mark.parametrize("things", [BATTERIES, LOTS])
def test_the_database_has_the_functions_that_stand_in_the_code(things: Sight) -> None:
    """Whoever changes a tie writes a migration that replaces the function."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = %s", [things.function])
        ((source,),) = cursor.fetchall()
    assert source.strip() == things.body


def test_a_superuser_sees_everything_and_nobody_nothing(world: World) -> None:
    Chance(world, 1)
    admin = User(is_superuser=True)
    assert Battery.objects.visible_to(admin).head(10).count() == Battery.objects.count()
    some = list(Battery.objects.values_list("pk", flat=True)[:3])
    assert Battery.objects.visible_to(admin).seen_among(some) == set(some)
    assert Battery.objects.visible_to(AnonymousUser()).seen_among(some) == set()
    assert not Battery.objects.visible_to(AnonymousUser()).exists()
    assert not Battery.objects.visible_to(AnonymousUser()).head(10).exists()
