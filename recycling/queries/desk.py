"""What a recycler has on its desk: the gate, what waits, open discrepancies and batches, and how full the lines are.

Each list is a fixed number of statements, whatever it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, DecimalField, OuterRef, QuerySet, Subquery, Sum, Window

from accounts.models import User
from collection.models import Shipment, ShipmentLine, ShipmentStatus
from collection.queries.agenda import ROWS, Listing
from recycling.models import (
    Batch,
    BatchStatus,
    Charge,
    Discrepancy,
    DiscrepancyStatus,
    Output,
    Plant,
    ProcessLine,
    UtilizationSnapshot,
)
from recycling.queries.contents import NOT_THERE
from recycling.queries.utilization import Level, Load, Period, backlog, loads

_KG = DecimalField(max_digits=24, decimal_places=11)


@dataclass(frozen=True)
class Delivery:
    """A shipment that is at the gate, or on its way to it. `at` is in the plant's time zone."""

    shipment: int
    plant: int
    plant_name: str
    origin: str
    carrier: str
    is_at_gate: bool
    at: datetime | None
    things: int
    declared_kg: Decimal | None


@dataclass(frozen=True)
class Waiting:
    """What a plant has on site and what is coming, of batteries or of lots."""

    plant: int
    plant_name: str
    feed: str
    waiting_kg: Decimal
    in_transit_kg: Decimal
    scheduled_kg: Decimal
    unweighed: int
    days: Decimal | None


@dataclass(frozen=True)
class OpenDiscrepancy:
    """An open discrepancy."""

    discrepancy: int
    kind: str
    plant_name: str
    ticket: str
    battery: int | None
    declared_kg: Decimal | None
    received_kg: Decimal | None
    due_on: date
    is_late: bool


@dataclass(frozen=True)
class LineLoad:
    """How full a line, or a plant's stage, is this month and this year; empty where it has no figures."""

    name: str
    stage: str
    basis: str
    is_simulated: bool
    month: Load | None
    year: Load | None


@dataclass(frozen=True)
class OpenBatch:
    """A batch that is not closed yet, with what went in and what was recorded as coming out."""

    batch: int
    number: str
    line: str
    started_at: datetime
    charges: int
    charged_kg: Decimal
    made_kg: Decimal


def gate(user: User) -> Listing[Delivery]:
    """Shipments to the user's plants that have left or arrived, those at the gate first."""
    lines = ShipmentLine.objects.filter(shipment=OuterRef("pk"), outcome=ShipmentLine.Outcome.OPEN)
    together = lines.order_by().values("shipment")
    rows = (
        Shipment.objects.filter(
            destination__in=Plant.objects.run_by(user).values("facility"),
            status__in=[ShipmentStatus.ARRIVED, ShipmentStatus.IN_TRANSIT],
        )
        .select_related("origin", "destination__plant", "carrier")
        .annotate(
            things=Subquery(together.annotate(n=Count("pk")).values("n")),
            declared=Subquery(together.annotate(kg=Sum("declared_kg")).values("kg"), output_field=_KG),
            listed=Window(Count("*")),
        )
        .order_by("status", "arrived_at", "dispatched_at", "pk")
    )
    found: list[Any] = list(rows[:ROWS])
    return Listing([_delivery(row) for row in found], found[0].listed if found else 0)


def waiting(user: User) -> list[Waiting]:
    """What waits at each of the user's plants, and comes to it: three statements."""
    names = dict(Plant.objects.run_by(user).order_by("facility__name").values_list("pk", "facility__name"))
    if not names:
        return []
    rows = backlog(list(names))
    order = list(names)
    return [
        Waiting(
            row.plant, names[row.plant], row.feed, row.waiting_kg, row.in_transit_kg, row.scheduled_kg, row.unweighed,
            row.days,
        )
        for row in sorted(rows, key=lambda row: (order.index(row.plant), row.feed))
        if row.waiting_kg or row.in_transit_kg or row.scheduled_kg or row.unweighed
    ]  # fmt: skip


def open_discrepancies(user: User, now: datetime) -> Listing[OpenDiscrepancy]:
    """Open discrepancies of the user's plants, the most urgent first."""
    rows = (
        Discrepancy.objects.filter(
            intake__plant__in=Plant.objects.run_by(user).values("pk"), status=DiscrepancyStatus.OPEN
        )
        .select_related("intake__plant__facility")
        .annotate(listed=Window(Count("*")))
        .order_by("due_on", "pk")
    )
    found: list[Any] = list(rows[:ROWS])
    return Listing([_open_discrepancy(row, now) for row in found], found[0].listed if found else 0)


def open_batches(user: User) -> Listing[OpenBatch]:
    """Open batches of the user's plants, the oldest first."""
    charges = Charge.objects.filter(batch=OuterRef("pk")).order_by().values("batch")
    made = Output.objects.filter(batch=OuterRef("pk")).exclude(lot__status__in=NOT_THERE).order_by().values("batch")
    rows = (
        Batch.objects.filter(line__plant__in=Plant.objects.run_by(user).values("pk"), status=BatchStatus.OPEN)
        .select_related("line__plant__facility")
        .annotate(
            things=Subquery(charges.annotate(n=Count("pk")).values("n")),
            charged=Subquery(charges.annotate(kg=Sum("mass_kg")).values("kg"), output_field=_KG),
            made=Subquery(made.annotate(kg=Sum("lot__mass_kg")).values("kg"), output_field=_KG),
            listed=Window(Count("*")),
        )
        .order_by("started_at", "pk")
    )
    found: list[Any] = list(rows[:ROWS])
    return Listing([_open_batch(row) for row in found], found[0].listed if found else 0)


def line_loads(user: User, today: date) -> list[LineLoad]:
    """How full each active line of the user's plants is: three statements."""
    lines = list(
        ProcessLine.objects.filter(plant__in=Plant.objects.run_by(user).values("pk"), is_active=True)
        .select_related("plant__facility")
        .order_by("plant__facility__name", "name")
    )
    month, year = _month_and_year(UtilizationSnapshot.objects.filter(line__in=lines), Level.LINE, today)
    found = []
    for line in lines:
        bases = [*dict.fromkeys((*month.get(str(line.pk), {}), *year.get(str(line.pk), {})))] or [(line.stage, "")]
        for stage, basis in bases:
            key = (stage, basis)
            found.append(
                LineLoad(
                    str(line), line.get_stage_display(), basis, line.plant.facility.is_simulated, month.get(str(line.pk), {}).get(key),
                    year.get(str(line.pk), {}).get(key),
                )
            )  # fmt: skip
    return found


def plant_loads(user: User, today: date) -> list[LineLoad]:
    """How full the plants are whose load the user may read, by plant and stage: three statements."""
    plants = list(Plant.objects.reported_to(user).select_related("facility").order_by("facility__name"))
    rows = UtilizationSnapshot.objects.filter(line__plant__in=plants)
    month, year = _month_and_year(rows, Level.PLANT, today)
    labels = dict(ProcessLine._meta.get_field("stage").flatchoices)
    return [
        LineLoad(
            plant.facility.name, str(labels[stage]), basis, plant.facility.is_simulated, month.get(str(plant.pk), {}).get((stage, basis)),
            year[str(plant.pk)][stage, basis],
        )
        for plant in plants
        for stage, basis in year.get(str(plant.pk), {})
    ]  # fmt: skip


type _Loads = dict[str, dict[tuple[str, str], Load]]


def _month_and_year(rows: QuerySet[UtilizationSnapshot], level: Level, today: date) -> tuple[_Loads, _Loads]:
    first = today.replace(day=1)
    return (
        _by_key(loads(rows.filter(day__gte=first), level=level, period=Period.MONTH)),
        _by_key(loads(rows.filter(day__gte=first.replace(month=1)), level=level, period=Period.YEAR)),
    )


def _by_key(found: Sequence[Load]) -> _Loads:
    """The newest period of each key, by stage and basis."""
    by_key: _Loads = {}
    for load in found:
        by_key.setdefault(load.key, {}).setdefault((load.stage, load.basis), load)
    return by_key


def _delivery(row: Any) -> Delivery:
    at = row.arrived_at or row.dispatched_at
    return Delivery(
        row.pk, row.destination.plant.pk, row.destination.name, row.origin.name, row.carrier.name,
        row.status == ShipmentStatus.ARRIVED, at.astimezone(ZoneInfo(row.destination.time_zone)) if at else None,
        row.things or 0, row.declared,
    )  # fmt: skip


def _open_batch(row: Any) -> OpenBatch:
    zone = ZoneInfo(row.line.plant.facility.time_zone)
    return OpenBatch(
        row.pk, row.number, str(row.line), row.started_at.astimezone(zone), row.things or 0, row.charged or Decimal(0),
        row.made or Decimal(0),
    )  # fmt: skip


def _open_discrepancy(row: Discrepancy, now: datetime) -> OpenDiscrepancy:
    plant = row.intake.plant
    today = now.astimezone(ZoneInfo(plant.facility.time_zone)).date()
    return OpenDiscrepancy(
        row.pk, row.get_kind_display(), plant.facility.name, row.intake.ticket, row.battery_id, row.declared_kg,
        row.received_kg, row.due_on, row.due_on < today,
    )  # fmt: skip
