"""How efficiency and recovery are computed: one entry for each version that a report was ever computed by."""

from __future__ import annotations

from dataclasses import dataclass, replace

from collection.models import Element


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
    #: Whether what was placed in periods that reach beyond the report's stands in lines of its own.
    shows_periods_across: bool = False


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
CURRENT_METHOD = next(reversed(METHODS.values()))
