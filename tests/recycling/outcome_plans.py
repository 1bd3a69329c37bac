"""Plans of generated worlds: batteries, batches, what they made and what became of it, and what is corrected afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from hypothesis import strategies as st

YEAR = 2025

#: Code: kind, converted as made, substitutes primary material.
MATERIALS = {
    "modules": ("intermediate", False, False),
    "cells": ("intermediate", False, False),
    "black_mass": ("intermediate", False, False),
    "o-salt": ("product", True, True),
    "o-copper": ("product", False, True),
    "o-steel": ("product", False, False),
    "o-grit": ("product", True, False),
    "slag": ("residue", False, True),
    "o-plastics": ("residue", False, False),
    "o-gas": ("energy", False, False),
}
INTERMEDIATES = [code for code, (kind, *_rest) in MATERIALS.items() if kind == "intermediate"]

#: Chemistry, and kg per kWh. The third contains more than its packs may weigh: its others are less than nothing.
COMPOSITIONS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("ORC-N", "lithium", {
        "Li": "0.11", "Ni": "0.55", "Co": "0.18", "Mn": "0.17", "Cu": "0.394009", "Cu-cell": "0.334", "Al": "0.57",
        "Fe": "1.303", "graphite": "0.8529", "C": "0.18", "O": "0.61", "plastics": "0.15", "solvent": "0.3",
    }),
    ("ORC-F", "lithium", {
        "Li": "0.089", "Fe": "2.1784", "Fe-cell": "0.6904", "P": "0.3972", "Cu": "0.5655", "Al": "0.725", "graphite": "0.98",
        "O": "1.0152", "other": "0.1",
    }),
    ("ORC-M", "nimh", {"Ni": "4.1", "Fe": "3.3", "REE": "1.2", "Cu": "0.7", "Cu-cell": "0.7"}),
)  # fmt: skip

type Assayed = dict[str, tuple[str, str]]
"""Mass fraction, and share that came from batteries."""


def _all(**fractions: str) -> Assayed:
    return {element.replace("_", "-"): (fraction, "1") for element, fraction in fractions.items()}


#: The first is none: of unknown content.
ASSAYS: tuple[Assayed, ...] = (
    {},
    _all(Li="0.041", Ni="0.19876543", Co="0.06", Mn="0.05", graphite="0.33", Cu="0.03"),
    _all(Cu="0.9", Cu_cell="0.31234567", Al="0.05"),
    _all(Cu="1", Cu_cell="1"),
    _all(Fe="0.36", Fe_cell="0.3", P="0.2", O="0.4"),
    _all(Fe="1"),
    _all(Al="0.5", plastics="0.2", other="0.1", solvent="0.1"),
    _all(Li="0.02", Ni="0.1", Cu="0.1", Cu_cell="0.08", Al="0.1", graphite="0.2", Fe="0.1", O="0.1", other="0.1"),
    {"Li": ("0.18787", "1"), "C": ("0.16256", "0"), "O": ("0.64", "0.25")},
    {"Ni": ("0.22329", "0.875"), "S": ("0.12", "0"), "O": ("0.36", "0")},
)

#: Moisture and fractions of an analysis of the input.
ANALYSES: tuple[tuple[str, dict[str, str]] | None, ...] = (
    None,
    ("0.0125", {"Ni": "0.1", "Cu": "0.08", "Cu-cell": "0.06", "Fe": "0.3", "graphite": "0.2", "Co": "0"}),
    ("0", {"Fe": "0.3", "Fe-cell": "0.1", "P": "0.06", "O": "0.15", "Li": "0.014", "solvent": "0.05", "C": "0.04"}),
)

type Left = tuple[str, tuple[str, bool, str] | None]
"""The status of a lot; use, whether it ended being waste, and country of where it went."""

STOCK: Left = ("in_stock", None)
ENDS: tuple[Left, ...] = (
    STOCK,
    ("sold", None),
    ("sold", ("original", True, "")),
    ("sold", ("other", True, "CA")),
    ("sold", ("original", False, "MX")),
    ("sold", ("fuel", False, "CA")),
    ("sold", ("landfill_construction", False, "")),
    ("landfilled", None),
    ("landfilled", ("backfilling", False, "CA")),
    ("mineralized", None),
    ("mineralized", ("other", True, "US")),
    ("energy_recovered", None),
    ("energy_recovered", ("energy", False, "")),
    ("lost", None),
)


@dataclass(frozen=True)
class LotPlan:
    """`into` counts the batches until where it is charged, 0 for none; `assay` is one of `ASSAYS`, or what it says."""

    material: str
    kg: int | Decimal
    moisture: str
    assay: int | Assayed
    end: Left
    into: int = 0
    is_split: bool = False


@dataclass(frozen=True)
class PackPlan:
    """`composition`: which; -1 for a known chemistry of unknown content, -2 for none."""

    composition: int
    kg: int
    kwh: str
    producer: int
    year: int = YEAR


@dataclass(frozen=True)
class BatchPlan:
    site: int
    stage: str
    packs: tuple[PackPlan, ...]
    outside: tuple[LotPlan, ...]
    outputs: tuple[LotPlan, ...]
    status: str = "closed"
    analysis: int = 0


@dataclass(frozen=True)
class Correction:
    kind: str
    which: int
    end: Left
    assay: int


@dataclass(frozen=True)
class Plan:
    batches: tuple[BatchPlan, ...]
    corrections: tuple[Correction, ...] = ()


kilograms = st.integers(1, 600)
ends = st.sampled_from(ENDS)
lot_plans = st.builds(
    LotPlan, material=st.sampled_from(list(MATERIALS)), kg=kilograms, moisture=st.sampled_from(["0", "0.0375"]),
    assay=st.integers(0, len(ASSAYS) - 1), end=ends, into=st.integers(0, 3), is_split=st.booleans(),
)  # fmt: skip
outside_plans = st.builds(
    LotPlan, material=st.sampled_from(INTERMEDIATES), kg=kilograms, moisture=st.sampled_from(["0", "0.0375"]),
    assay=st.integers(0, len(ASSAYS) - 1), end=st.just(STOCK),
)  # fmt: skip
pack_plans = st.builds(
    PackPlan, composition=st.integers(-2, len(COMPOSITIONS) - 1), kg=st.integers(200, 600),
    kwh=st.sampled_from(["60", "43.333333", "82.5"]), producer=st.integers(0, 3),
    year=st.sampled_from([YEAR, YEAR, YEAR, YEAR - 1]),
)  # fmt: skip


def batch_plans(stages: list[str]) -> st.SearchStrategy[BatchPlan]:
    return st.builds(
        BatchPlan, site=st.sampled_from([0, 0, 1, 2]), stage=st.sampled_from(stages),
        packs=st.lists(pack_plans, max_size=3).map(tuple), outside=st.lists(outside_plans, max_size=1).map(tuple),
        outputs=st.lists(lot_plans, min_size=2, max_size=5).map(tuple),
        status=st.sampled_from(["closed"] * 6 + ["open", "void"]), analysis=st.sampled_from([0, 0, 1, 2]),
    )  # fmt: skip


corrections = st.builds(
    Correction, kind=st.sampled_from(["leaves", "returns", "destination", "assay", "analysis", "reopened", "closed", "split"]),
    which=st.integers(0, 9), end=ends, assay=st.integers(0, len(ASSAYS) - 1),
)  # fmt: skip
worlds = st.builds(
    Plan,
    st.tuples(
        batch_plans(["discharge", "dismantle", "dismantle", "preprocess"]), batch_plans(["dismantle", "preprocess"]),
        batch_plans(["preprocess", "pyro", "hydro"]), batch_plans(["pyro", "hydro", "refine"]),
    ),
    st.lists(corrections, max_size=4).map(tuple),
)  # fmt: skip

#: Worlds in which the recycler's documentation and producers' reports say the same (see `test_outcome_oracle`).
_home_products = st.builds(
    LotPlan, material=st.sampled_from([code for code in MATERIALS if code not in INTERMEDIATES]), kg=kilograms,
    moisture=st.sampled_from(["0", "0.0375"]), assay=st.integers(0, len(ASSAYS) - 1), end=ends, is_split=st.booleans(),
)  # fmt: skip
_parts_in_no_assay = st.sampled_from([0, 1, 5, 8, 9])
_known_packs = st.builds(
    PackPlan, composition=st.integers(0, 1), kg=st.integers(500, 600), kwh=st.sampled_from(["60", "43.333333", "82.5"]),
    producer=st.integers(0, 1),
)  # fmt: skip


def _documented(stage: str, site: int, materials: list[str], packs: int, outside: int) -> st.SearchStrategy[BatchPlan]:
    going_on = st.builds(
        LotPlan, material=st.sampled_from(materials), kg=kilograms, moisture=st.sampled_from(["0", "0.0375"]),
        assay=_parts_in_no_assay, end=st.just(STOCK), into=st.just(1), is_split=st.booleans(),
    )  # fmt: skip
    brought = st.builds(
        LotPlan, material=st.just("black_mass"), kg=kilograms, moisture=st.just("0"), assay=_parts_in_no_assay,
        end=st.just(STOCK),
    )  # fmt: skip
    return st.builds(
        BatchPlan, site=st.just(site), stage=st.just(stage), packs=st.lists(_known_packs, max_size=packs).map(tuple),
        outside=st.lists(brought, max_size=outside).map(tuple),
        outputs=st.tuples(going_on, _home_products, _home_products), analysis=st.sampled_from([0, 0, 1, 2]),
    )  # fmt: skip


documented_worlds = st.builds(
    Plan,
    st.tuples(
        _documented("dismantle", 0, ["modules", "cells"], 3, 0), _documented("preprocess", 0, ["black_mass"], 3, 1),
        _documented("hydro", 2, ["black_mass"], 0, 1),
    ),
)  # fmt: skip


def end_of(material: str, end: Left) -> Left:
    """What may become of a lot. What was energy as it was made left as that."""
    if material == "o-gas" and end[0] != "lost":
        return ("energy_recovered", None)
    if MATERIALS[material][1] and end[1] == ("original", False, "MX"):
        return ("sold", None)
    return end
