"""Loading the reference data that come with the program: jurisdictions, chemistries, models, materials.

The files stand in `collection/reference/`; its README says where the figures come from. Loading is idempotent: what is
there and the same is left alone. Patterns of vehicles are edited in the admin, so one that is there is left alone even if
it is not the same. What computed figures rest on is never edited: a composition that differs from the
one of the same chemistry and version is refused, it must come as a new version.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Refused
from accounts.models import Function, Organization
from collection.models import (
    BatteryModel,
    Chemistry,
    Composition,
    CompositionElement,
    Confidence,
    Jurisdiction,
    Material,
    MaterialElement,
    VehiclePattern,
)

FOLDER = Path(__file__).resolve().parent.parent / "reference"

type Row = dict[str, str]
type Key = tuple[object, ...]


@dataclass(frozen=True)
class Tally:
    """What loading one kind of reference data came to."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.created + other.created, self.changed + other.changed, self.unchanged + other.unchanged)


def read(folder: Path, name: str) -> list[Row]:
    """The rows of a reference file."""
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def settle[M: models.Model](
    model: type[M], key: tuple[str, ...], wanted: Mapping[Key, Mapping[str, Any]], *, edits: bool = True
) -> Tally:
    """Make the rows of `model` that `wanted` names (by the values of the fields `key`) say what it says: three
    statements. Rows that it does not name stay. With `edits=False` a row that differs is refused.
    """
    existing = {tuple(getattr(row, name) for name in key): row for row in model._default_manager.all()}
    new, changed = [], []
    touched: set[str] = set()
    for values, fields in wanted.items():
        row = existing.get(values)
        if row is None:
            new.append(model(**dict(zip(key, values, strict=True)), **fields))
            continue
        different = [name for name, value in fields.items() if getattr(row, name) != value]
        if different:
            if not edits:
                raise Refused(
                    _("%(row)s differs from the reference in: %(fields)s. It may not be edited.")
                    % {"row": row, "fields": ", ".join(different)}
                )
            for name in different:
                setattr(row, name, fields[name])
            touched.update(different)
            changed.append(row)
    model._default_manager.bulk_create(new)
    if changed:
        model._default_manager.bulk_update(changed, sorted(touched))
    return Tally(len(new), len(changed), len(wanted) - len(new) - len(changed))


def least_certain(*labels: str) -> str:
    """The weakest of several confidence labels: a figure is no surer than its least sure part."""
    order = [str(label) for label in Confidence.values]
    return max((label for label in labels if label), key=order.index)


def organizations(names: Iterable[str], function: Function) -> tuple[dict[str, Organization], Tally]:
    """The organizations of these names, all with `function`; made or given it where that is missing."""
    found = {row.name: row for row in Organization.objects.filter(name__in=set(names))}
    new = [Organization(name=name, functions=[function]) for name in dict.fromkeys(names) if name not in found]
    lacking = [row for row in found.values() if not row.has_function(function)]
    for row in lacking:
        row.functions = [*row.functions, function]
    Organization.objects.bulk_create(new)
    Organization.objects.bulk_update(lacking, ["functions"])
    tally = Tally(len(new), len(lacking), len(found) - len(lacking))
    return found | {row.name: row for row in new}, tally


@transaction.atomic
def load(actor: Actor, *, folder: Path = FOLDER) -> dict[str, Tally]:
    """Load all of `folder`. Only the platform may; raises `Refused` where a composition was edited in place."""
    actor.require_platform()
    return {
        "jurisdictions": _jurisdictions(read(folder, "jurisdictions")),
        "chemistries": settle(
            Chemistry,
            ("code",),
            {
                (r["code"],): {n: r[n] for n in ("name", "family", "source", "confidence")}
                for r in read(folder, "chemistries")
            },
        ),
        "compositions": _compositions(
            read(folder, "compositions"), read(folder, "compositions_pack"), read(folder, "compositions_unknown")
        ),
        "materials": _materials(read(folder, "materials"), read(folder, "material_elements")),
        "producers": organizations([r["name"] for r in read(folder, "producers")], Function.PRODUCER)[1],
        "battery models": _battery_models(read(folder, "battery_models"), read(folder, "pack_densities")),
        "vehicle patterns": _patterns(read(folder, "vehicle_names"), read(folder, "vin_patterns")),
    }


def _jurisdictions(rows: list[Row]) -> Tally:
    wanted: dict[Key, dict[str, Any]] = {
        (r["code"],): {
            "name": r["name"],
            "kind": r["kind"],
            "parent_id": r["parent"] or None,
            "time_zone": r["time_zone"],
        }
        for r in sorted(rows, key=lambda r: (bool(r["parent"]), r["code"]))  # countries before what lies in them
    }
    return settle(Jurisdiction, ("code",), wanted)


def _compositions(rows: list[Row], packs: list[Row], unknown: list[Row]) -> Tally:
    """Elements and pack masses may come from different sources; a composition names both and is as sure as the weaker.

    The version that stands last in the file is the default of its chemistry.
    """
    elements: dict[Key, dict[str, Decimal]] = defaultdict(dict)
    of_element: dict[Key, dict[str, Row]] = defaultdict(dict)
    sources: dict[Key, Row] = {}
    weakest: dict[Key, str] = {}
    for row in rows:
        key: Key = (row["chemistry"], row["version"])
        elements[key][row["element"]] = Decimal(row["kg_per_kwh"])
        of_element[key][row["element"]] = row
        sources.setdefault(key, row)
        weakest[key] = least_certain(row["confidence"], weakest.get(key, ""))
    pack: dict[Key, Row] = {(r["chemistry"], r["version"]): r for r in packs}
    wanted: dict[Key, dict[str, Any]] = {}
    for key, row in sources.items():
        weight = pack.get(key)
        mass = Decimal(weight["pack_kg_per_kwh"]) if weight and weight["pack_kg_per_kwh"] else None
        source, confidence = row["source"], weakest[key]
        if weight is not None and mass is not None:
            confidence = least_certain(confidence, weight["confidence"])
            if weight["source"] != source:
                source = f"{source}; pack: {weight['source']}"
        lacking = [r["element"] for r in unknown if (r["chemistry"], r["version"]) == key]
        wanted[key] = {
            "pack_kg_per_kwh": mass, "rest": weight["rest"] if weight else "", "source": source[:300],
            "confidence": confidence, "unknown_elements": lacking,
        }  # fmt: skip
    tally = settle(Composition, ("chemistry_id", "version"), wanted, edits=False)
    stored: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for pk, element, kg in CompositionElement.objects.values_list("composition_id", "element", "kg_per_kwh"):
        stored[pk][element] = kg
    by_key: dict[Key, Composition] = {(c.chemistry_id, c.version): c for c in Composition.objects.all()}
    new = []
    for key, kgs in elements.items():
        composition = by_key[key]
        if composition.pk not in stored:
            new += [
                CompositionElement(
                    composition=composition, element=element, kg_per_kwh=kg, source=said["source"][:300],
                    confidence=said["confidence"],
                )
                for element, kg in kgs.items()
                for said in (of_element[key][element],)
            ]  # fmt: skip
        elif stored[composition.pk] != kgs:
            raise Refused(
                _("The elements of %(composition)s differ from the reference. Give the new figures a new version.")
                % {"composition": composition}
            )
    CompositionElement.objects.bulk_create(new)
    _choose_defaults({str(key[0]): by_key[key].pk for key in sources})
    return tally


def _choose_defaults(defaults: Mapping[str, int]) -> None:
    mine = Composition.objects.filter(chemistry__in=defaults)
    mine.filter(is_default=True).exclude(pk__in=defaults.values()).update(is_default=False)
    Composition.objects.filter(pk__in=defaults.values(), is_default=False).update(is_default=True)


def _materials(rows: list[Row], fractions: list[Row]) -> Tally:
    wanted: dict[Key, dict[str, Any]] = {
        (r["code"],): {n: r[n] for n in ("name", "kind", "source", "confidence")}
        | {"is_converted": r["converted"] == "true", "is_substitute": r["substitutes"] == "true"}
        for r in rows
    }
    tally = settle(Material, ("code",), wanted)
    settle(
        MaterialElement,
        ("material_id", "element"),
        {(r["material"], r["element"]): {"fraction": Decimal(r["mass_fraction"])} for r in fractions},
    )
    return tally


def _assumed_mass(row: Row, densities: list[Row]) -> dict[str, Any]:
    """A model's mass: as it is known, else from its energy where a density of such packs is, else unknown. The first row of
    `densities` that names the model, or all models of its drive, holds.
    """
    known = Decimal(row["mass_kg"]) if row["mass_kg"] else None
    found = next(
        (d for d in densities if d["drive"] == row["drive"] and row["code"] in (d["models"].split() or [row["code"]])),
        None,
    )
    if known is not None or found is None or not row["rated_kwh"]:
        return {"mass_kg": known, "mass_is_assumed": False, "mass_source": ""}
    density = Decimal(found["kwh_per_kg"])
    return {
        "mass_kg": (Decimal(row["rated_kwh"]) / density).quantize(Decimal(1)),
        "mass_is_assumed": True,
        "mass_source": f"{row['rated_kwh']} kWh / {density} kWh per kg, {found['source']}",
    }


def _battery_models(rows: list[Row], densities: list[Row]) -> Tally:
    producers = organizations([r["producer"] for r in rows], Function.PRODUCER)[0]
    wanted: dict[Key, dict[str, Any]] = {
        (r["code"],): {
            "name": " ".join(part for part in (r["make"], r["model"], r["variant"]) if part),
            "producer_id": producers[r["producer"]].pk,
            "chemistry_id": r["chemistry"],
            "rated_kwh": Decimal(r["rated_kwh"]) if r["rated_kwh"] else None,
            **_assumed_mass(r, densities),
            "form": r["form"],
            "drive": r["drive"],
            "year_from": int(r["model_year_from"]) if r["model_year_from"] else None,
            "year_to": int(r["model_year_to"]) if r["model_year_to"] else None,
            "source": r["source"],
            "confidence": r["confidence"],
        }
        for r in rows
    }
    return settle(BatteryModel, ("code",), wanted)


#: What the names of a list rest on, by its short name.
_LISTS = {
    "wa": "names and model years of the Washington State registrations of October 2025",
    "cec": "names and years of sale of the California Energy Commission's sales 2021-2023",
}


def _patterns(names: list[Row], vins: list[Row]) -> Tally:
    """Patterns that are not there yet and overlap with none that is: whoever edits them goes before the files."""
    codes = dict(BatteryModel.objects.values_list("code", "pk"))
    wanted = [_name_pattern(row, codes) for row in names] + [_vin_pattern(row, codes) for row in vins]
    before = VehiclePattern.objects.count()
    VehiclePattern.objects.bulk_create(wanted, ignore_conflicts=True)
    created = VehiclePattern.objects.count() - before
    return Tally(created, 0, len(wanted) - created)


def _name_pattern(row: Row, codes: Mapping[str, int]) -> VehiclePattern:
    named = (row["source"], row["make"], row["model"], row["fuel"])
    assumed = "assumed" in row["note"]
    return VehiclePattern(
        code="/".join((*named, row["year_from"] or "-")),
        by=VehiclePattern.By.NAME,
        **dict(zip(("listed_in", "make", "name", "fuel"), named, strict=True)),
        **_years(row),
        model_id=codes[row["battery_model_code"]],
        is_assumed=assumed,
        source=_LISTS[row["source"]],
        confidence=Confidence.LOW if assumed else Confidence.HIGH,
        note=row["note"],
    )


def _vin_pattern(row: Row, codes: Mapping[str, int]) -> VehiclePattern:
    return VehiclePattern(
        code="/".join(("vin", row["positions"], row["year_from"] or "-")),
        by=VehiclePattern.By.VIN,
        make=row["make"],
        positions=row["positions"],
        **_years(row),
        model_id=codes[row["battery_model_code"]] if row["battery_model_code"] else None,
        chemistry_id=row["chemistry"] or None,
        is_assumed=row["assumed"] == "true",
        source=row["source"],
        confidence=row["confidence"],
        note=row["note"],
    )


def _years(row: Row) -> dict[str, int | None]:
    return {name: int(row[name]) if row[name] else None for name in ("year_from", "year_to")}
