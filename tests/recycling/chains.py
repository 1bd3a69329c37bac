"""Batches at the plant of the test world, to the step that a test needs."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from collection.models import Battery, Lot, Material
from recycling.models import Batch, ProcessLine
from recycling.services import batches, charges, inspections, outputs
from recycling.services.inspections import Triage
from tests.world import World, ago, batteries_at

#: Nickel and lithium in the black mass of the tests.
BLACK_MASS = {"Li": Decimal("0.04"), "Ni": Decimal("0.2")}


def packs(w: World, number: int = 1, decision: str = "recycle", **fields: Any) -> list[Battery]:
    """Batteries at the plant, inspected."""
    found = batteries_at(w, w.plant_site, number, **fields)
    inspections.inspect_many(
        actor=w.actor(w.recycler),
        plant=w.plant,
        inspected_at=ago(days=20),
        inspections=[Triage(battery.pk, decision) for battery in found],
    )
    return found


def opened(w: World, line: ProcessLine | None = None, number: str = "B1", **fields: Any) -> Batch:
    """An open batch with nothing in it."""
    line = line or w.shredder
    actor = w.actor(line.plant.facility.operator)
    return batches.open_batch(actor=actor, line=line, number=number, **{"started_at": ago(days=10), **fields})


def charged(w: World, count: int = 1, number: str = "B1", **fields: Any) -> Batch:
    """An open batch with NMC packs of 60 kWh and 400 kg: 6.6 kg Li, 33 kg Ni, 10.8 kg Co each."""
    return charges.charge(
        actor=w.actor(w.recycler),
        batch=opened(w, number=number),
        charged_at=ago(days=9),
        batteries=[battery.pk for battery in packs(w, count, **fields)],
    )


def output(w: World, batch: Batch, material: str, kg: str | int | Decimal, number: str = "L1", **fields: Any) -> Lot:
    """An output of an open batch."""
    return outputs.record_output(
        actor=w.actor(batch.line.plant.facility.operator),
        batch=batch,
        number=number,
        material=Material.objects.get(code=material),
        mass_value=Decimal(kg),
        **{"made_at": ago(days=8), **fields},
    )


def closed(w: World, count: int = 1, number: str = "B1") -> tuple[Batch, Lot]:
    """A closed batch of `count` packs that made 120 kg of black mass of each."""
    batch = charged(w, count, number)
    lot = output(w, batch, "black_mass", 120 * count, f"L-{number}", assays=BLACK_MASS)
    return batches.close(actor=w.actor(w.recycler), batch=batch, closed_at=ago(days=7)), lot
