"""Compositions that add up: `uv run python -m collection.reference.derive` prints the rows of version “Relode 2026-1”.

Read, per kWh of a default pack: lithium, nickel, cobalt, graphite and copper from BatPaC 5.2 (sheet “Li” of
batpac_5.2_mineral_intensity.xlsx), aluminum and steel from BatPaC 5.1, pack masses from BatPaC 5.2. By stoichiometry: manganese,
oxygen, iron and phosphorus of the cathode; the lithium that the cathode does not hold is that of the salt, LiPF6 (named in the
sheet's notes), which gives phosphorus and fluorine. Common knowledge of the field, not verified: electrolyte of 1.2 mol LiPF6 and
1.2 kg a liter, ethylene carbonate to ethyl methyl carbonate 3:7; positive electrode of 96 % active material, 2 % carbon black,
2 % PVDF. Without any source: that 85 % of the copper is foil. What no source gives (separator, pack plastics, electronics, coolant,
adhesives, hydrogen) is the rest of the pack.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

VERSION = "Relode 2026-1"

#: IUPAC abridged standard atomic weights.
WEIGHT = {
    symbol: Decimal(weight)
    for symbol, weight in {
        "Li": "6.94", "C": "12.011", "O": "15.999", "F": "18.998", "P": "30.974", "Mn": "54.938", "Fe": "55.845",
        "Co": "58.933", "Ni": "58.693", "H": "1.008",
    }.items()
}  # fmt: skip

_FOIL = Decimal("0.85")
_SALT = WEIGHT["Li"] + WEIGHT["P"] + 6 * WEIGHT["F"]
#: Kilograms of solvent with a kilogram of salt.
_SOLVENT = (Decimal("1.2") - Decimal("0.0012") * _SALT) / (Decimal("0.0012") * _SALT)
_EC = {"C": 3, "H": 4, "O": 3}
_EMC = {"C": 4, "H": 8, "O": 3}
_PVDF = {"C": 2, "H": 2, "F": 2}


@dataclass(frozen=True)
class Cell:
    """What was read of a chemistry, in kg per kWh, and the formula of its cathode."""

    formula: Mapping[str, str]
    read: Mapping[str, str]
    aluminum: str
    steel: str
    by: str = "Ni"
    """The element of the formula that says how much cathode there is."""

    @property
    def kmol(self) -> Decimal:
        """Of cathode, in a kilowatt-hour."""
        return Decimal(self.read[self.by]) / (WEIGHT[self.by] * Decimal(self.formula[self.by]))


def _nmc(ni: str, mn: str, co: str) -> Mapping[str, str]:
    return {"Li": "1", "Ni": ni, "Mn": mn, "Co": co, "O": "2"}


CELLS = {
    "NMC111": Cell(
        _nmc("0.3333333333", "0.3333333333", "0.3333333333"),
        {"Li": "0.115469", "Ni": "0.317597", "Co": "0.318787", "graphite": "0.849787", "Cu": "0.417195"}, "0.595", "1.331",
    ),
    "NMC532": Cell(
        _nmc("0.5", "0.3", "0.2"),
        {"Li": "0.105714", "Ni": "0.436149", "Co": "0.175113", "graphite": "0.851015", "Cu": "0.397584"}, "0.575", "1.307",
    ),
    "NMC622": Cell(
        _nmc("0.6", "0.2", "0.2"),
        {"Li": "0.103451", "Ni": "0.512009", "Co": "0.171309", "graphite": "0.852910", "Cu": "0.394009"}, "0.572", "1.303",
    ),
    "NMC721": Cell(
        _nmc("0.7", "0.2", "0.1"),
        {"Li": "0.092592", "Ni": "0.533908", "Co": "0.076558", "graphite": "0.853844", "Cu": "0.372728"}, "0.555", "1.285",
    ),
    "NMC811": Cell(
        _nmc("0.8", "0.1", "0.1"),
        {"Li": "0.092244", "Ni": "0.607822", "Co": "0.076262", "graphite": "0.853893", "Cu": "0.364428"}, "0.555", "1.285",
    ),
    "NMCA": Cell(
        {"Li": "1", "Ni": "0.89", "Mn": "0.04", "Co": "0.04", "O": "2"},
        {"Li": "0.092930", "Ni": "0.681370", "Co": "0.030738", "graphite": "0.853844", "Cu": "0.372728"}, "0.548", "1.280",
    ),
    "NCA": Cell(
        {"Li": "1", "Ni": "0.8", "Co": "0.15", "O": "2"},
        {"Li": "0.099366", "Ni": "0.655632", "Co": "0.123392", "graphite": "0.859805", "Cu": "0.380755"}, "0.563", "1.295",
    ),
    "LFP": Cell(
        # of the lithium that share is the cathode's which BatPaC 5.1 has phosphorus for: 0.392 kg to 0.091 kg
        {"Li": "1.0360445", "Fe": "1", "P": "1", "O": "4"},
        {"Li": "0.088958", "graphite": "0.955398", "Cu": "0.565501"}, "0.725", "1.488", by="Li",
    ),
}  # fmt: skip

_BATPAC = "batpac_5.2_mineral_intensity.xlsx of github.com/pmbusch/USA-EV-Lithium-GHG (MIT), BatPaC 5.2"
_OLDER = "Mineral_Intensity.xlsx of github.com/pmbusch/Critical-Minerals-EV (MIT), BatPaC 5.1 defaults"
_KNOWN = "common knowledge of the field, not verified"


def rows(chemistry: str) -> Iterator[tuple[str, Decimal, str, str]]:
    """Element, kg per kWh, source and confidence, of one chemistry."""
    cell = CELLS[chemistry]
    cathode = {symbol: cell.kmol * Decimal(number) * WEIGHT[symbol] for symbol, number in cell.formula.items()}
    if chemistry == "LFP":
        cathode["Li"] = cell.kmol * WEIGHT["Li"]
    salt = (Decimal(cell.read["Li"]) - cathode["Li"]) / WEIGHT["Li"]
    solvent = salt * _SALT * _SOLVENT
    binder = sum(cathode.values()) * 2 / 96
    weakest = "B-lo" if chemistry == "NMCA" else "S"
    for element in ("Li", "Ni", "Co", "graphite", "Cu"):
        if element in cell.read:
            yield element, Decimal(cell.read[element]), _BATPAC, "S"
    yield "Cu-cell", Decimal(cell.read["Cu"]) * _FOIL, "assumed: 85 % of the copper is foil; no source found", "B-lo"
    stood_in = f"{_OLDER}; figures of NMC95 stand in" if chemistry == "NMCA" else _OLDER
    yield "Al", Decimal(cell.aluminum), stood_in, weakest
    iron = cathode.get("Fe", Decimal(0))
    yield (
        "Fe",
        Decimal(cell.steel) + iron,
        f"{stood_in}: steel and stainless steel; cathode iron by stoichiometry",
        weakest,
    )
    if iron:
        yield "Fe-cell", iron, "by stoichiometry from lithium, less that of the salt", "B-hi"
    if "Mn" in cathode:
        yield "Mn", cathode["Mn"], "by stoichiometry from nickel", "B-hi"
    yield (
        "P",
        cathode.get("P", Decimal(0)) + salt * WEIGHT["P"],
        "by stoichiometry: cathode, and salt from lithium",
        "B-med",
    )
    yield (
        "F",
        salt * 6 * WEIGHT["F"] + _share(_PVDF, "F") * binder,
        f"salt from lithium by stoichiometry; binder {_KNOWN}",
        "B-med",
    )
    in_solvent = {symbol: (3 * _share(_EC, symbol) + 7 * _share(_EMC, symbol)) / 10 * solvent for symbol in ("C", "O")}
    carbon = binder + _share(_PVDF, "C") * binder + in_solvent["C"]  # as much carbon black as binder
    yield "C", carbon, f"carbon black, carbon of binder and solvent; {_KNOWN}", "B-med"
    yield "O", cathode["O"] + in_solvent["O"], f"cathode by stoichiometry; solvent {_KNOWN}", "B-med"
    yield "solvent", solvent, f"with the salt; {_KNOWN}", "B-med"


def _share(formula: Mapping[str, int], symbol: str) -> Decimal:
    return WEIGHT[symbol] * formula[symbol] / sum(WEIGHT[other] * number for other, number in formula.items())


def main() -> None:
    out = csv.writer(sys.stdout, lineterminator="\n")
    for chemistry in CELLS:
        for element, kg, source, confidence in rows(chemistry):
            out.writerow((chemistry, VERSION, element, f"{kg:.6f}", source, confidence))


if __name__ == "__main__":
    main()
