"""How efficiency and recovery are computed: one entry for each version that a report was ever computed by."""

from __future__ import annotations

from dataclasses import dataclass, replace

from collection.models import Element
from recycling.models import EprScheme


@dataclass(frozen=True)
class Method:
    """A version of how efficiency and recovery are computed, with the choices that the regulation leaves open.

    Reference method: Regulation (EU) 2023/1542 Art. 3(60) and Annex XII. The Annex of Delegated Regulation (EU)
    2025/606 was not read; what is chosen here is recorded with each report.
    """

    version: str
    counted: frozenset[str]
    materials: tuple[str, ...]
    choices: tuple[str, ...]
    form: int = 1
    """The canonical form that its reports are hashed in (`report_proof`, docs/canonical-form.md)."""
    #: Whether what was placed in periods that reach beyond the report's stands in lines of its own.
    shows_periods_across: bool = False
    #: Whether what became of the batteries is by the Annex of (EU) 2025/606 (`report_recovery`); then `counted` is empty.
    by_annex: bool = False
    #: Whether what was collected is shown by both places, beside what counts elsewhere, came back, or was lost.
    shows_where: bool = False


METHODS = {
    method.version: method
    for method in (
        Method(
            version="relode-2026.1 (EU 2023/1542 reference)",
            counted=frozenset(
                {Element.LI, Element.NI, Element.CO, Element.MN, Element.CU, Element.AL, Element.FE, Element.REE}
            ),
            materials=(Element.CO, Element.CU, Element.LI, Element.NI),
            choices=(
                "input fraction: mass of the waste batteries as charged, with casing",
                "output fraction: element mass recovered in products; oxygen, water and reagents never count",
                "carbon (graphite) and phosphorus are left out of the output fraction and kept in the input fraction",
                "black mass and other intermediates are pending, never an output",
                "batteries that went to a further use are no input",
                "lead is not followed, so its recovery is not computed",
                "the method of a battery is the stage of the line that it was charged into",
            ),
        ),
        Method(
            version="relode-2026.2 (EU 2023/1542 reference)",
            counted=frozenset(
                {Element.LI, Element.NI, Element.CO, Element.MN, Element.CU, Element.AL, Element.FE, Element.REE}
            ),
            materials=(Element.CO, Element.CU, Element.LI, Element.NI),
            choices=(
                "input fraction: mass of the waste batteries as charged, with casing",
                "output fraction: element mass recovered in products; oxygen, water and reagents never count",
                "carbon (graphite) and phosphorus are left out of the output fraction and kept in the input fraction",
                "black mass and other intermediates are pending, never an output",
                "batteries that went to a further use are no input",
                "lead is not followed, so its recovery is not computed",
                "batteries that are claimed to be the producer's and not confirmed are in no figure but those of claims",
                "the method of a battery is the stage of the line that it was charged into",
            ),
        ),
    )
}


def _add(method: Method) -> None:
    METHODS[method.version] = method


_BEFORE = METHODS["relode-2026.2 (EU 2023/1542 reference)"]
_add(
    replace(
        _BEFORE,
        version="relode-2026.3 (EU 2023/1542 reference)",
        choices=(
            *_BEFORE.choices,
            "placements in periods that reach beyond the report's are in lines of their own, not in what was placed",
        ),
        shows_periods_across=True,
    )
)
_add(
    Method(
        version="relode-2026.4 (EU 2025/606, Annex)",
        counted=frozenset(),
        materials=(Element.CO, Element.CU, Element.LI, Element.NI),
        choices=(
            "what became of a battery is what became of the batch that it was charged into, by element, through all stages since",
            (
                "input fraction: contents of the batteries charged in the period, dry, with casing and all that was dismantled; what is "
                "not listed is other; cells and modules that are used again are no input (1(2))"
            ),
            (
                "output fraction: contained elements that came from the batteries, in lots that were converted, or whose recipient uses "
                "them as material, substance or product and that ended being waste (1(4)); slag counts for efficiency alone"
            ),
            "black mass and other intermediates are pending, never an output (1(3), 1(5)); what is pending is shown, not credited",
            (
                "oxygen, carbon and iron at cell level, phosphorus, chlorine and sulfur: as those who recycle first chose for the year, on "
                "both sides; carbon, iron and phosphorus always from 2030 on (2(5), 2(6))"
            ),
            (
                "recovery of cobalt, copper, lithium, nickel: against electrodes, collectors and salts alone (1(2)), at lots that can "
                "replace primary material (3(2)); copper of busbars and cables is in neither side"
            ),
            "made in another country: only where a permit says that conditions are equal (Art. 72(3) of 2023/1542)",
            "what came out is shared with feed of unknown content by mass; batteries of unknown content are in neither side",
            "what became of the mass that was charged is shared by mass, and adds up to it",
            "what left the country, as a battery or as what came of it, is exported",
            "the method of a battery is the chain of stages that it went through",
            "batteries that went to a further use are no input",
            "batteries that are claimed to be the producer's and not confirmed are in no figure but those of claims",
            "placements in periods that reach beyond the report's are in lines of their own, not in what was placed",
            (
                "a battery counts where it was collected or where it was placed on the market, as the scheme says; what is here by the "
                "other place alone stands in lines of its own"
            ),
            "collected where the chain begins: at the first entry of the ledger; once, however often it comes back",
            "the mass is that of the entry, or as it was last corrected since",
        ),
        form=3,
        shows_periods_across=True,
        shows_where=True,
        by_annex=True,
    )
)
CURRENT_METHOD = next(reversed(METHODS.values()))

_DOCUMENTATION_1 = Method(
    version="relode-2026.r1 (EU 2025/606, Annex)",
    counted=frozenset(),
    materials=(Element.CO, Element.CU, Element.LI, Element.NI),
    choices=(
        (
            "input fraction: dry mass of the waste batteries whose cells or modules entered recycling in the year, with all that was "
            "dismantled before (1(2)); of a batch that prepares, as large a part as of the mass of its intermediates"
        ),
        (
            "output fraction: contained elements that came from the batteries, in lots that were converted, or whose recipient uses "
            "them as material, substance or product and that ended being waste (1(4)); slag counts for efficiency alone"
        ),
        (
            "black mass and other intermediates are neither (1(3), 1(5)); what is pending is not credited by known efficiencies: it is "
            "shown, and a correction credits what came of it until the end of the second year after"
        ),
        (
            "oxygen, carbon and iron at cell level, phosphorus, chlorine and sulfur: as the recycler chose for the year, on both sides; "
            "carbon, iron and phosphorus always from 2030 on (2(5), 2(6))"
        ),
        (
            "carbon at cell level: graphite, carbon black, carbon of binder and solvent; iron at cell level: that of active materials; "
            "other iron and steel is steel"
        ),
        (
            "recovery of cobalt, copper, lithium, nickel: against electrodes, collectors and salts alone (1(2)), at lots that can replace "
            "primary material (3(2)); copper of busbars and cables is in neither side"
        ),
        "made in another country than the recycler's: only where a permit says that conditions are equal (Art. 72(3) of 2023/1542)",
        "what came out of a batch is shared among what went into it, element by element; with feed of unknown content, by mass",
    ),
    form=2,
)
_add(_DOCUMENTATION_1)

#: How a recycler's documentation is computed: as before, and it keeps what things are called.
DOCUMENTATION = replace(_DOCUMENTATION_1, version="relode-2026.r2 (EU 2025/606, Annex)", form=3)
_add(DOCUMENTATION)


def method_of(shape: str) -> Method:
    """By which a report of this shape is computed now."""
    return DOCUMENTATION if shape == EprScheme.Shape.RECYCLER else CURRENT_METHOD
