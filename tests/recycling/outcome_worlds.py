"""Generated worlds of batteries, batches and lots, written into the tables as services leave them, and read back as the plain
rows of `outcome_oracle`.

Everything goes in by the handful, so that an example of several worlds costs little more than one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import count
from typing import Any

from django.db import connection
from django.db.models import Model

from accounts.models import Organization
from collection.models import (
    Assay,
    Battery,
    Chemistry,
    Composition,
    CompositionElement,
    CustodyEvent,
    CustodyKind,
    Destination,
    Facility,
    Lot,
    Material,
)
from recycling.models import (
    Batch,
    Charge,
    ElementsTaken,
    InputAnalysis,
    InputShare,
    Output,
    Plant,
    ProcessLine,
)
from tests.recycling import outcome_oracle as oracle
from tests.recycling.chain import at
from tests.recycling.outcome_plans import (
    ANALYSES,
    ASSAYS,
    COMPOSITIONS,
    INTERMEDIATES,
    MATERIALS,
    YEAR,
    BatchPlan,
    LotPlan,
    Plan,
    end_of,
)
from tests.world import World

numbers = count(1)


@dataclass
class Setting:
    """What all generated worlds have in common: lines by site and stage, compositions, producers."""

    world: World
    sites: list[Facility]
    lines: dict[tuple[int, str], ProcessLine]
    compositions: list[Composition]
    producers: list[Organization | None]
    taken: dict[int, set[str]]


def setting(world: World) -> Setting:
    """Sites: the recycler's at home, the refiner's at home, and the refiner's in Canada."""
    second = Facility.objects.create(
        operator=world.refiner, name="Sparks Works", jurisdiction=world.nv, time_zone=world.nv.time_zone
    )
    plants = [world.plant, Plant.objects.create(facility=second), world.refinery]
    lines = {
        (site, stage): ProcessLine.objects.create(plant=plant, name=f"o-{stage}", stage=stage)
        for site, plant in enumerate(plants)
        for stage in oracle.STAGES
    }
    Material.objects.filter(pk__in=MATERIALS).delete()
    Material.objects.bulk_create(
        Material(code=code, name=code, kind=kind, is_converted=converted, is_substitute=substitute)
        for code, (kind, converted, substitute) in MATERIALS.items()
    )
    compositions = [composition(code, family, elements) for code, family, elements in COMPOSITIONS]
    taken = {world.recycler.pk: {"C", "P"}, world.refiner.pk: {"C", "Fe", "O"}}
    ElementsTaken.objects.bulk_create(
        ElementsTaken(recycler_id=recycler, year=YEAR, elements=sorted(elements))
        for recycler, elements in taken.items()
    )
    producers = [world.producer, world.other_producer, world.producer, None]
    return Setting(world, [plant.facility for plant in plants], lines, compositions, producers, taken)


def composition(code: str, family: str, elements: dict[str, str]) -> Composition:
    """What a kilowatt-hour of a chemistry of its own contains."""
    chemistry = Chemistry.objects.create(code=code, name=code, family=family)
    made = Composition.objects.create(chemistry=chemistry, version="oracle", source="oracle", confidence="S")
    CompositionElement.objects.bulk_create(
        CompositionElement(composition=made, element=element, kg_per_kwh=Decimal(kg))
        for element, kg in elements.items()
    )
    return made


@dataclass
class _Rows:
    """What is written, kind by kind."""

    batches: list[Batch] = field(default_factory=list)
    wholes: list[Lot] = field(default_factory=list)
    parts: list[Lot] = field(default_factory=list)
    rows: dict[type[Model], list[Any]] = field(default_factory=lambda: defaultdict(list))


def build(s: Setting, plans: Iterable[Plan]) -> list[list[int]]:
    """Write the worlds; the batches of each. A lot is charged only if the batch that made it is closed."""
    rows, closed, void, worlds = _Rows(), [], [], []
    for plan in plans:
        batches = [
            Batch(line=s.lines[one.site, one.stage], number=f"B{next(numbers)}", started_at=at(YEAR - 1, 1, 2))
            for one in plan.batches
        ]
        Batch.objects.bulk_create(batches)
        worlds.append([batch.pk for batch in batches])
        for position, one in enumerate(plan.batches):
            if one.status == "void":
                void.append(batches[position].pk)
                continue
            if one.status == "closed":
                closed.append(batches[position].pk)
            _charge_packs(s, rows, batches[position], one)
            for outside in one.outside:
                _lot(s, rows, outside, one.site, None, batches[position])
            for made in one.outputs:
                target = position + made.into
                goes_on = (
                    made.into and made.material in INTERMEDIATES and one.status == "closed" and target < len(batches)
                    and plan.batches[target].status != "void"
                )  # fmt: skip
                _lot(s, rows, made, one.site, batches[position], batches[target] if goes_on else None)
    Lot.objects.bulk_create(rows.wholes)
    Output.objects.bulk_create(rows.rows[Output])
    Lot.objects.bulk_create(rows.parts)  # the database makes them outputs
    with connection.cursor() as cursor:
        # Worlds come by the hundred rows: triggers planned for empty tables would look at each pair of them.
        cursor.execute("ANALYZE collection_lot, recycling_output, recycling_batch, recycling_charge")
    for kind in (Battery, CustodyEvent, Assay, Destination, InputAnalysis, InputShare, Charge):
        kind._default_manager.bulk_create(rows.rows[kind])
    Batch.objects.filter(pk__in=closed).update(status="closed", closed_at=at(YEAR, 12, 1))
    Batch.objects.filter(pk__in=void).update(status="void", reason="None of it happened.")
    return worlds


def _charge_packs(s: Setting, rows: _Rows, batch: Batch, plan: BatchPlan) -> None:
    for pack in plan.packs:
        composition = s.compositions[pack.composition] if pack.composition >= 0 else None
        chemistry = composition.chemistry_id if composition else COMPOSITIONS[0][0] if pack.composition == -1 else None
        producer = s.producers[pack.producer]
        battery = Battery(
            chemistry_id=chemistry, registered_by=s.world.recycler, status="consumed", mass_value=pack.kg, producer=producer,
            producer_ground="claimed" if pack.producer == 2 else "accepted", placed_in=s.world.nv,
        )  # fmt: skip
        rows.rows[Battery].append(battery)
        rows.rows[CustodyEvent].append(
            CustodyEvent(
                battery=battery, sequence=1, kind=CustodyKind.RECEIVED_FROM_USE, occurred_at=at(pack.year, 5, 1),
                to_facility=s.world.plant_site, to_organization=s.world.recycler, to_status="at_facility",
                actor=s.world.user(s.world.recycler),
            )
        )  # fmt: skip
        rows.rows[Charge].append(
            Charge(
                batch=batch, battery=battery, mass_kg=pack.kg, composition=composition, charged_at=at(pack.year, 6, 1),
                content_kwh=Decimal(pack.kwh) if composition else None,
            )
        )  # fmt: skip
    analysis = ANALYSES[plan.analysis] if plan.packs else None
    if analysis is not None:
        analyzed(rows.rows, batch, analysis)


def analyzed(rows: dict[type[Model], list[Any]], batch: Batch, said: tuple[str, dict[str, str]]) -> None:
    analysis = InputAnalysis(
        batch=batch,
        method="outputs",
        analyzed_on=date(YEAR, 6, 2),
        is_measured=said[0] != "0",
        moisture=Decimal(said[0]),
    )
    rows[InputAnalysis].append(analysis)
    rows[InputShare] += [
        InputShare(analysis=analysis, element=element, fraction=Decimal(fraction))
        for element, fraction in said[1].items()
    ]


def _lot(s: Setting, rows: _Rows, plan: LotPlan, site: int, made_by: Batch | None, into: Batch | None) -> None:
    status, destination = ("consumed", None) if into else end_of(plan.material, plan.end)
    assay = ASSAYS[plan.assay] if isinstance(plan.assay, int) else plan.assay

    def lot(kg: Decimal, status: str, whole: Lot | None = None) -> Lot:
        made = Lot(
            number=f"L{next(numbers)}", owner=s.world.recycler, material_id=plan.material, mass_value=kg,
            moisture=Decimal(plan.moisture), status=status, made_at=at(YEAR, 6, 3), split_from=whole,
            assay_basis="measured" if assay else "none", facility=s.sites[site] if status == "in_stock" else None,
        )  # fmt: skip
        rows.rows[Assay] += [
            Assay(lot=made, element=element, fraction=Decimal(fraction), from_batteries=Decimal(share))
            for element, (fraction, share) in assay.items()
        ]
        if destination is not None and status != "split":
            use, ended, country = destination
            rows.rows[Destination].append(
                Destination(lot=made, use=use, ended_waste=ended, recipient="Somebody", country=country)
            )
        return made

    whole = lot(Decimal(plan.kg), "split" if plan.is_split else status)
    rows.wholes.append(whole)
    if made_by is not None:
        rows.rows[Output].append(Output(batch=made_by, lot=whole))
    parts = [whole]
    if plan.is_split:
        first = Decimal(plan.kg) * Decimal("0.3")
        parts = [lot(first, status, whole), lot(plan.kg - first, status, whole)]
        rows.parts += parts
    if into is not None:
        rows.rows[Charge] += [
            Charge(batch=into, lot=part, mass_kg=part.mass_value, charged_at=at(YEAR, 6, 4)) for part in parts
        ]


# Plain rows


def trace() -> oracle.Trace:
    """All that is in the tables now, as plain rows."""
    analyses: dict[int, oracle.Analysis] = {}
    for batch, measured, moisture, element, fraction in InputAnalysis.objects.values_list(
        "batch", "is_measured", "moisture", "shares__element", "shares__fraction"
    ):
        found = analyses.setdefault(batch, oracle.Analysis(measured, Fraction(moisture), {}))
        found.fractions[element] = Fraction(fraction)
    batches = {
        pk: oracle.Batch(status, stage, facility, place[:2], recycler, analyses.get(pk))
        for pk, status, stage, facility, place, recycler in Batch.objects.values_list(
            "pk", "status", "line__stage", "line__plant__facility", "line__plant__facility__jurisdiction",
            "line__plant__facility__operator",
        )
    }  # fmt: skip
    listed: dict[int, dict[str, Fraction]] = defaultdict(dict)
    for composition, element, kg in CompositionElement.objects.values_list("composition", "element", "kg_per_kwh"):
        listed[composition][element] = Fraction(kg)
    batteries = [
        oracle.Battery(
            batch, Fraction(kg),
            None if kwh is None else {element: Fraction(kwh) * per for element, per in listed[composition].items()},
            producer, ground == "claimed", family or "", when.year,
        )
        for batch, kg, kwh, composition, producer, ground, family, when in Charge.objects.filter(
            battery__isnull=False
        ).values_list(
            "batch", "mass_kg", "content_kwh", "composition", "battery__producer", "battery__producer_ground",
            "battery__chemistry__family", "charged_at",
        )
    ]  # fmt: skip
    return oracle.Trace(batches, batteries, list(_lots()))


def _lots() -> Iterable[oracle.Lot]:
    assays: dict[int, dict[str, Fraction]] = defaultdict(dict)
    for lot, element, fraction, share in Assay.objects.values_list("lot", "element", "fraction", "from_batteries"):
        assays[lot][element] = Fraction(fraction) * Fraction(share)
    sent = {
        lot: oracle.Destination(*said)
        for lot, *said in Destination.objects.values_list("lot", "use", "ended_waste", "country")
    }
    for pk, kg, moisture, made_by, into, status, material, kind, converted, substitute, basis, place in Lot.objects.values_list(
        "pk", "mass_kg", "moisture", "output__batch", "charge__batch", "status", "material", "material__kind",
        "material__is_converted", "material__is_substitute", "assay_basis", "facility__jurisdiction",
    ):  # fmt: skip
        dry = Fraction(kg) * (1 - Fraction(moisture))
        yield oracle.Lot(
            made_by, into, status, material, kind, converted, substitute, dry,
            {element: dry * share for element, share in assays[pk].items()}, basis != "none", sent.get(pk), (place or "")[:2],
        )  # fmt: skip
