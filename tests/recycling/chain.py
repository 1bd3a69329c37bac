"""Batteries and lots through plants, by the services that a plant's people use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

from django.db import transaction

from collection.models import Battery, CustodyKind, Facility, Lot, LotStatus, Material, Shipment
from collection.services import custody
from collection.services.custody import Entry, Place
from recycling.models import Batch, ProcessLine
from recycling.services import batches, charges, inspections, outputs
from recycling.services.charges import LotCharge
from recycling.services.inspections import Triage
from tests.world import World

_numbers = count(1)

HOUR = timedelta(hours=1)

type Made = tuple[str, str, Mapping[str, str]]
"""An output lot: material, kilograms, and its assay (empty: pure, by the material's stoichiometry)."""


def at(year: int, month: int, day: int, hour: int = 18, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def process(
    world: World,
    line: ProcessLine,
    *,
    packs: Sequence[Battery] = (),
    lots: Sequence[Lot] = (),
    makes: Sequence[Made] = (),
    charged_at: datetime,
    explanation: str = "",
) -> tuple[Batch, list[Lot]]:
    """Charge packs (inspected first) and lots into a new batch of `line`, record what it makes, and close it."""
    actor = world.actor(line.plant.facility.operator, "manager")
    if packs:
        inspections.inspect_many(
            actor=actor, plant=line.plant, inspected_at=charged_at,
            inspections=[Triage(battery=pack.pk, decision="recycle") for pack in packs],
        )  # fmt: skip
    batch = batches.open_batch(actor=actor, line=line, number=f"B-{next(_numbers)}", started_at=charged_at)
    charges.charge(
        actor=actor, batch=batch, charged_at=charged_at, batteries=[pack.pk for pack in packs],
        lots=[LotCharge(lot=lot.pk) for lot in lots],
    )  # fmt: skip
    made = [
        outputs.record_output(
            actor=actor, batch=batch, number=f"L-{next(_numbers)}", material=Material.objects.get(pk=material),
            mass_value=Decimal(mass), made_at=charged_at + HOUR,
            assays={element: Decimal(share) for element, share in assay.items()} or None,
        )
        for material, mass, assay in makes
    ]  # fmt: skip
    if made:
        batches.close(actor=actor, batch=batch, closed_at=charged_at + 2 * HOUR, explanation=explanation)
    return batch, made


@transaction.atomic
def carry(world: World, lots: Sequence[Lot], destination: Facility, *, arrived_at: datetime) -> list[Lot]:
    """Lots from where they are to another plant, as the ledger sees it."""
    origin = lots[0].facility
    assert origin is not None
    shipment = Shipment.objects.create(
        shipper=origin.operator, origin=origin, destination=destination, carrier=world.carrier,
    )  # fmt: skip
    actor = world.actor(world.carrier)
    locked = custody.lock_lots(lot.pk for lot in lots)
    for kind, status, to, when in (
        (CustodyKind.DISPATCHED, LotStatus.IN_TRANSIT, Place(shipment=shipment), arrived_at - HOUR),
        (CustodyKind.RECEIVED, LotStatus.IN_STOCK, Place(facility=destination), arrived_at),
    ):
        custody.move(locked, Entry(actor, kind, when), status=status, to=to)
    return locked
