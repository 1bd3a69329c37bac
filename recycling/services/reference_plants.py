"""Loading the reference list of real recycling plants (`recycling/reference/plants.csv`).

Every plant becomes a facility of its operator, with a line per stage. A source gives one nameplate figure for a whole
plant, so it goes to one line only and is never counted twice: tonnes of feed to the line of the first stage, tonnes of
materials out to that of the last. A figure is valid from the start-up on, whenever it was written of; where no start-up is
known it has no first day. Whether a plant runs is in `plant_statuses.csv`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.actors import Actor
from accounts.models import Function
from collection.models import Facility
from collection.services.reference import Row, Tally, organizations, read, settle
from recycling.models import Basis, CapacityStatement, Nameplate, Plant, PlantStatus, ProcessLine, Stage

FOLDER = Path(__file__).resolve().parent.parent / "reference"


@transaction.atomic
def load_reference(actor: Actor, *, folder: Path = FOLDER) -> dict[str, Tally]:
    """Load the plants of `folder`; only the platform may. Figures that changed follow the old ones in time."""
    actor.require_platform()
    rows = read(folder, "plants")
    operators, _operators = organizations([row["operator"] for row in rows], Function.RECYCLER)
    facilities = settle(
        Facility, ("operator_id", "name"), {(operators[r["operator"]].pk, r["name"]): _facility(r) for r in rows}
    )
    at = {(f.operator_id, f.name): f.pk for f in Facility.objects.filter(operator__in=operators.values())}
    plants = {at[operators[r["operator"]].pk, r["name"]]: r for r in rows}
    settle(Plant, ("facility_id",), {(f,): {} for f in plants})
    by_facility = {plant.facility_id: plant.pk for plant in Plant.objects.filter(facility__in=plants)}
    lines = settle(
        ProcessLine,
        ("plant_id", "name"),
        {(by_facility[f], _line_name(stage)): {"stage": stage} for f, r in plants.items() for stage in _stages(r)},
    )
    named = {(r["operator"], r["name"]): by_facility[f] for f, r in plants.items()}
    return {
        "plants": facilities,
        "process lines": lines,
        "nameplates": _nameplates((by_facility[f], r) for f, r in plants.items()),
        "plant statuses": _statuses(read(folder, "plant_statuses"), named),
        "capacity said": settle(
            CapacityStatement,
            ("key",),
            {(r["key"],): _statement(r, named) for r in read(folder, "capacity_statements")},
        ),
    }


def _statuses(rows: Iterable[Row], plants: Mapping[tuple[str, str], int]) -> Tally:
    """Periods of plants, or of the lines of one stage. A new one ends the one before it on the day it starts, and itself
    ends where one that is known begins; what starts on the same day corrects it.
    """
    lines = {(line.plant_id, line.stage): line.pk for line in ProcessLine.objects.all()}
    known: dict[tuple[int, int | None], list[PlantStatus]] = defaultdict(list)
    for status in PlantStatus.objects.order_by("valid"):
        known[status.plant_id, status.line_id].append(status)
    tally = Tally()
    for row in rows:
        plant = plants[row["operator"], row["plant"]]
        line = lines[plant, row["stage"]] if row["stage"] else None
        tally += _status(row, plant, line, known[plant, line])
    return tally


def _status(row: Row, plant: int, line: int | None, known: list[PlantStatus]) -> Tally:
    since = first_day(row["first_day"])
    ends = [status.valid.lower for status in known if status.valid.lower > since]
    if row["last_day"]:
        ends.append(date.fromisoformat(row["last_day"]) + timedelta(days=1))
    fields = {
        "status": row["status"],
        "valid": DateRange(since, min(ends, default=None)),
        "source": "; ".join(part for part in (row["source"], row["note"]) if part),
        "confidence": row["confidence"],
    }
    same = next((status for status in known if status.valid.lower == since), None)
    if same is not None:
        if not row["last_day"]:  # whoever said what followed ended it
            fields["valid"] = same.valid
        if all(getattr(same, name) == value for name, value in fields.items()):
            return Tally(unchanged=1)
        PlantStatus.objects.filter(pk=same.pk).update(**fields)
        return Tally(changed=1)
    before = next(
        (s for s in known if s.valid.lower < since and (s.valid.upper is None or since < s.valid.upper)), None
    )
    if before is not None:
        before.valid = DateRange(before.valid.lower, since)
        before.save(update_fields=["valid"])
    known.append(PlantStatus.objects.create(plant_id=plant, line_id=line, **fields))
    return Tally(created=1)


def _statement(row: Row, plants: Mapping[tuple[str, str], int]) -> dict[str, Any]:
    return {
        "name": row["name"],
        "plant_id": plants[row["operator"], row["plant"]] if row["plant"] else None,
        "jurisdiction_id": row["jurisdiction"] or None,
        "is_total": row["is_total"] == "true",
        "standing": row["standing"],
        "stage": row["stage"],
        "t_per_year": Decimal(row["t_per_year"]) if row["t_per_year"] else None,
        "basis": row["basis"],
        "year": int(row["year"]) if row["year"] else None,
        "said_on": row["said_on"],
        "source": row["source"],
        "confidence": row["confidence"],
        "note": row["note"],
    }


def first_day(text: str) -> date:
    """The first day of a year, a month or a day as ISO 8601 writes it."""
    year, month, day = ([int(part) for part in text.split("-")] + [1, 1])[:3]
    return date(year, month, day)


def _facility(row: Row) -> dict[str, Any]:
    known = bool(row["latitude"])
    return {
        "jurisdiction_id": row["jurisdiction"],
        "locality": row["city"],
        "latitude": Decimal(row["latitude"]).quantize(Decimal("0.00001")) if known else None,
        "longitude": Decimal(row["longitude"]).quantize(Decimal("0.00001")) if known else None,
        "time_zone": row["time_zone"],
        "source": "; ".join(part for part in (row["source"], row["note"]) if part),
        "confidence": row["confidence"],
    }


def _stages(row: Row) -> list[str]:
    return [stage for stage in row["stages"].split("|") if stage]


def _line_name(stage: str) -> str:
    """In English whatever language is active: it recognizes the line when the list is loaded again."""
    return {
        Stage.DISCHARGE: "Discharge",
        Stage.DISMANTLE: "Dismantling",
        Stage.PREPROCESS: "Pre-processing",
        Stage.PYRO: "Pyrometallurgy",
        Stage.HYDRO: "Hydrometallurgy",
        Stage.DIRECT: "Direct recycling",
        Stage.REFINE: "Refining",
    }[Stage(stage)]


def _nameplates(plants: Iterable[tuple[int, Row]]) -> Tally:
    lines = {(line.plant_id, line.stage): line for line in ProcessLine.objects.prefetch_related("nameplates")}
    tally = Tally()
    for plant, row in plants:
        stages = _stages(row)
        if not (stages and row["nameplate_t_per_year"]):
            continue
        stage = stages[0] if row["nameplate_basis"] == Basis.INPUT else stages[-1]
        tally += _nameplate(lines[plant, stage], row)
    return tally


def _nameplate(line: ProcessLine, row: Row) -> Tally:
    """A figure that differs ends the one before on the day it starts; one that starts no later, or of which no start-up is
    known, corrects it.
    """
    since = first_day(row["started"]) if row["started"] else None
    fields = {
        "t_per_year": Decimal(row["nameplate_t_per_year"]),
        "basis": row["nameplate_basis"],
        "source": "; ".join(part for part in (row["source"], row["note"]) if part),
        "confidence": row["confidence"],
    }
    last = max(line.nameplates.all(), key=lambda nameplate: nameplate.valid.lower or date.min, default=None)
    if last is not None:
        is_same = all(getattr(last, name) == value for name, value in fields.items())
        follows = len(line.nameplates.all()) > 1
        began = last.valid.lower if since is None and follows else since
        if is_same and last.valid.lower == began:
            return Tally(unchanged=1)
        if is_same or since is None or (last.valid.lower is not None and since <= last.valid.lower):
            Nameplate.objects.filter(pk=last.pk).update(**fields, valid=DateRange(began, last.valid.upper))
            return Tally(changed=1)
        Nameplate.objects.filter(pk=last.pk).update(valid=DateRange(last.valid.lower, since))
    Nameplate.objects.create(line=line, valid=DateRange(since, None), **fields)
    return Tally(created=1)
