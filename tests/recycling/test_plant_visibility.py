"""Who sees a record of a plant: for each way to come to see it, exactly those organizations of all that there are."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from accounts.models import Function, Membership, Organization, Role, User
from collection.models import Mandate
from recycling.models import (
    Batch,
    Charge,
    Discrepancy,
    Factor,
    Inspection,
    Intake,
    IntakeBattery,
    Nameplate,
    Outage,
    Output,
    Plant,
    ProcessLine,
    Reagent,
)
from recycling.services import batches, charges, factors, inspections, intakes, outputs
from tests.records import outage
from tests.recycling.chains import BLACK_MASS, opened, output
from tests.world import World, ago, collected_pickup

PARTIES = (
    "yard_owner", "collector", "carrier", "recycler", "refiner", "producer", "other_producer", "regulator", "federal",
    "stranger",
)  # fmt: skip

#: Regulators beside Nevada's and the federal one of the United States.
REGULATORS = {"jersey": "US-NJ", "canada": "CA"}

#: Whose plant it is, and the regulators of its place and of all places that it lies in.
PLANT, OVERSEERS = {"recycler"}, {"regulator", "federal"}


def overseer(name: str, place: str) -> User:
    organization = Organization.objects.create(name=name, functions=[Function.REGULATOR])
    Mandate.objects.create(organization=organization, jurisdiction_id=place)
    user = User.objects.create(email=f"{name}@regulator.example", name=name)
    Membership.objects.create(user=user, organization=organization, role=Role.VIEWER)
    return user


def who_sees(world: World, seen: Callable[[Any], QuerySet[Any]]) -> set[str]:
    """All who find something in `seen`, a visitor without a name and an operator of the platform among them."""
    people: dict[str, Any] = {name: world.user(getattr(world, name), Role.VIEWER) for name in PARTIES}
    people |= {name: overseer(name, place) for name, place in REGULATORS.items()}
    people["platform"] = User.objects.create(email="platform@relode.example", name="Platform", is_superuser=True)
    people["visitor"] = AnonymousUser()
    return {name for name, person in people.items() if seen(person).exists()}


EVERYBODY = {*PARTIES, *REGULATORS, "platform"}
PLATFORM = {"platform"}


def records_of_the_plant(w: World) -> None:
    """A load of the producer's battery, weighed in and charged, all of it at the plant."""
    actor = w.actor(w.recycler)
    intake = intakes.record(
        actor=actor, plant=w.plant, shipment=collected_pickup(w, 1).shipment, ticket="T-1", weighed_at=ago(days=6),
        gross_value=Decimal(1000), tare_value=Decimal(500),
    )  # fmt: skip
    battery = intake.batteries.get().battery
    inspections.inspect(actor=actor, plant=w.plant, battery=battery, inspected_at=ago(days=5), decision="recycle")
    batch = opened(w, started_at=ago(days=5))
    outputs.add_reagent(actor=actor, batch=batch, name="water", mass_value=Decimal(1))
    charges.charge(actor=actor, batch=batch, charged_at=ago(days=5), batteries=[battery.pk])
    output(w, batch, "black_mass", 100, assays=BLACK_MASS, made_at=ago(days=4))
    batches.close(actor=actor, batch=batch, closed_at=ago(days=3))
    factors.refresh()


@pytest.mark.parametrize(
    "model", [Intake, IntakeBattery, Discrepancy, Inspection, Batch, Charge, Reagent, Output, Factor]
)
def test_records_of_a_plant_are_its_own_and_its_regulators(world: World, model: Any) -> None:
    """Not the shipper's, the carrier's or the producer's, whose battery it is about."""
    records_of_the_plant(world)
    assert who_sees(world, model.objects.visible_to) == PLANT | OVERSEERS | PLATFORM


def test_outages_are_the_plants_own_and_its_regulators(world: World) -> None:
    outage(world)
    assert who_sees(world, Outage.objects.visible_to) == PLANT | OVERSEERS | PLATFORM


@pytest.mark.parametrize("model", [Plant, ProcessLine, Nameplate])
def test_that_a_plant_exists_is_known_to_all_who_log_in(world: World, model: Any) -> None:
    assert who_sees(world, model.objects.visible_to) == EVERYBODY


def test_regulators_read_what_a_plant_reports(world: World) -> None:
    assert who_sees(world, Plant.objects.filter(pk=world.plant.pk).reported_to) == PLANT | OVERSEERS | PLATFORM


def test_regulators_do_not_run_a_plant(world: World) -> None:
    assert who_sees(world, Plant.objects.filter(pk=world.plant.pk).run_by) == PLANT | PLATFORM
