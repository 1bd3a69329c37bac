"""What crosses a border: consents of authorities, their days and their limits."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pgtrigger
import pytest
from django.db import transaction

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import (
    Battery,
    Consent,
    CustodyEvent,
    Shipment,
    ShipmentStatus,
)
from collection.services import shipments
from collection.services.packing import NewLine
from tests.collection.shipping import black_mass, consent_for
from tests.refusals import refused
from tests.world import World, ago, batteries_at, drafted_shipment


def export(world: World, consent: Consent | None, number: str = "BM-1", *, code: str = "black_mass") -> Shipment:
    actor = world.actor(world.recycler)
    shipment = shipments.draft(
        actor=actor, origin=world.plant_site, destination=world.refinery_site, carrier=world.carrier, consent=consent,
        lines=[NewLine(lot=black_mass(world, world.plant_site, number, code=code).pk)],
    )  # fmt: skip
    return shipments.make_ready(actor=actor, shipment=shipment)


def test_nothing_crosses_a_border_without_a_consent_that_covers_it(world: World) -> None:
    def stopped(consent: Consent | None, number: str, at: datetime | None = None) -> None:
        shipment = export(world, consent, number)
        error = refused(
            Refused, shipments.dispatch, "consent", actor=world.actor(world.recycler), shipment=shipment,
            dispatched_at=at or ago(days=3),
        )  # fmt: skip
        assert error.code == "no_consent"

    stopped(None, "1")
    stopped(consent_for(world, from_country=world.us, to_country=world.mx), "2")
    stopped(consent_for(world, importer=world.collector), "3")
    stopped(consent_for(world, valid_until=date(2024, 12, 31)), "4")
    stopped(consent_for(world, limit_kg=Decimal("499.999")), "5")
    good = consent_for(world, limit_kg=Decimal(1000))
    for number in ("6", "7"):
        shipments.dispatch(
            actor=world.actor(world.carrier), shipment=export(world, good, number), dispatched_at=ago(days=3)
        )
    stopped(good, "8")
    product = export(world, None, "9", code="copper")
    shipments.dispatch(actor=world.actor(world.recycler), shipment=product, dispatched_at=ago(days=3))


def test_a_consent_is_valid_by_the_day_of_the_origin(world: World) -> None:
    """At 06:30 UTC on 1 January it is still 22:30 on 31 December at the plant in Nevada."""
    instant = datetime(2026, 1, 1, 6, 30, tzinfo=UTC)
    last = consent_for(world, valid_until=date(2025, 12, 31))
    first = consent_for(world, valid_from=date(2026, 1, 1))
    lot = black_mass(world, world.plant_site)
    actor = world.actor(world.recycler)

    def depart(consent: Consent) -> Shipment:
        shipment = shipments.draft(
            actor=actor, origin=world.plant_site, destination=world.refinery_site, carrier=world.carrier,
            consent=consent, lines=[NewLine(lot=lot.pk)],
        )  # fmt: skip
        shipments.make_ready(actor=actor, shipment=shipment)
        try:
            return shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=instant)
        except Refused:
            shipments.cancel(actor=actor, shipment=shipment, reason="not today")
            raise

    with pgtrigger.ignore("collection.CustodyEvent:append_only"):
        CustodyEvent.objects.filter(lot=lot).update(occurred_at=datetime(2025, 1, 1, tzinfo=UTC))
    with pytest.raises(Refused, match="not valid on that day"):
        depart(first)
    assert depart(last).status == ShipmentStatus.IN_TRANSIT


def test_a_limited_consent_needs_declared_masses_and_does_not_count_returns(world: World) -> None:
    consent = consent_for(world, exporter=world.yard_owner, limit_kg=Decimal(900))
    unknown, *known = batteries_at(world, world.yard, 3)
    Battery.objects.filter(pk=unknown.pk).update(mass_value=None)
    actor, receiver = world.actor(world.yard_owner), world.actor(world.refiner)

    def leave(pack: Battery) -> Shipment:
        shipment = drafted_shipment(world, [pack], destination=world.refinery_site, consent=consent)
        shipments.make_ready(actor=actor, shipment=shipment)
        return shipments.dispatch(actor=actor, shipment=shipment, dispatched_at=ago(days=3))

    with pytest.raises(Refused, match="needs a declared mass"), transaction.atomic():
        leave(unknown)
    first = leave(known[0])
    shipments.arrive(actor=receiver, shipment=first, arrived_at=ago(days=2))
    shipments.receive(
        actor=receiver, shipment=first, received_at=ago(days=2), rejected={first.lines.get().pk: "leaking"}
    )
    assert Shipment.objects.get(return_of=first).crosses_border
    leave(known[1])


def test_a_consent_that_makes_no_sense(world: World) -> None:
    refused(Invalid, consent_for, "to_country", world=world, to_country=world.us)
    refused(Invalid, consent_for, "from_country", world=world, from_country=world.nv)
    refused(Invalid, consent_for, "number", world=world, number=" ")
    refused(Invalid, consent_for, "authority", world=world, authority="x" * 101)
    refused(Invalid, consent_for, "valid_until", world=world, valid_until=date(2019, 1, 1))
    refused(Invalid, consent_for, "valid_until", world=world, valid_until=date.max)
    for limit in ("0", "-1", "NaN", "1e15"):
        refused(Invalid, consent_for, "limit_kg", world=world, limit_kg=Decimal(limit))
    refused(
        Forbidden, consent_for, world=world, exporter=world.collector, actor=world.actor(world.recycler, Role.MANAGER)
    )
    refused(Forbidden, consent_for, world=world, actor=world.actor(world.recycler))
    assert consent_for(world, number="A").valid.upper == date(2100, 1, 1)
    refused(Refused, consent_for, "number", world=world, number="A")
