"""Loading the reference list of real recycling plants (`recycling/reference/plants.csv`).

Every plant becomes a facility of its operator, with a line per stage. A source gives one nameplate figure for a whole
plant, so it goes to one line only and is never counted twice: tonnes of feed to the line of the first stage, tonnes of
materials out to that of the last. A figure is valid from the first day of the time its status was read for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.actors import Actor
from accounts.models import Function
from collection.models import Facility
from collection.services.reference import Row, Tally, organizations, read, settle
from recycling.models import Basis, Nameplate, Plant, ProcessLine, Stage

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
    settle(
        Plant,
        ("facility_id",),
        {(f,): {"operating_status": r["status"], "status_as_of": r["status_as_of"]} for f, r in plants.items()},
    )
    by_facility = {plant.facility_id: plant.pk for plant in Plant.objects.filter(facility__in=plants)}
    lines = settle(
        ProcessLine,
        ("plant_id", "name"),
        {(by_facility[f], _line_name(stage)): {"stage": stage} for f, r in plants.items() for stage in _stages(r)},
    )
    return {
        "plants": facilities,
        "process lines": lines,
        "nameplates": _nameplates((by_facility[f], r) for f, r in plants.items()),
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
    """A figure that differs ends the one before on the day it starts; one that starts no later corrects it."""
    since = first_day(row["status_as_of"])
    fields = {
        "t_per_year": Decimal(row["nameplate_t_per_year"]),
        "basis": row["nameplate_basis"],
        "source": "; ".join(part for part in (row["source"], row["note"]) if part),
        "confidence": row["confidence"],
    }
    last = max(line.nameplates.all(), key=lambda nameplate: nameplate.valid.lower or date.min, default=None)
    if last is not None:
        if all(getattr(last, name) == value for name, value in fields.items()):
            return Tally(unchanged=1)
        if last.valid.lower is None or since <= last.valid.lower:
            Nameplate.objects.filter(pk=last.pk).update(**fields)
            return Tally(changed=1)
        Nameplate.objects.filter(pk=last.pk).update(valid=DateRange(last.valid.lower, since))
    Nameplate.objects.create(line=line, valid=DateRange(since, None), **fields)
    return Tally(created=1)
