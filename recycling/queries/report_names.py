"""What a report calls things: as it kept them. Reports by older methods kept no names, and say what things are called now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from recycling.models import EprName, EprReport, EprReportLine, EprScheme

#: Members of the OECD by ISO 3166-1 code, 2026. Where a facility is, at home, in the OECD or elsewhere, is what Colorado's list of
#: facilities asks for (C.R.S. 25-17-1011).
OECD = frozenset({
    "AT", "AU", "BE", "CA", "CH", "CL", "CO", "CR", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HU",
    "IE", "IL", "IS", "IT", "JP", "KR", "LT", "LU", "LV", "MX", "NL", "NO", "NZ", "PL", "PT", "SE", "SI", "SK",
    "TR", "US",
})  # fmt: skip


def country_class(country: str, home: str) -> str:
    """`domestic`, `oecd` or `other`; empty where the country is not known."""
    if not country:
        return ""
    if country == home:
        return "domestic"
    return "oecd" if country in OECD else "other"


class Names:
    """The names that a report kept; none, if its method kept none."""

    def __init__(self, report: EprReport, *kinds: str) -> None:
        rows = report.names.filter(kind__in=kinds) if kinds else report.names.all()
        self._kept = {(row.kind, row.key): row for row in rows}

    def __bool__(self) -> bool:
        return bool(self._kept)

    def name(self, kind: str, key: object, otherwise: str = "") -> str:
        row = self._kept.get((kind, str(key)))
        return row.name if row is not None else otherwise

    def details(self, kind: str, key: object) -> Mapping[str, Any]:
        row = self._kept.get((kind, str(key)))
        return row.details if row is not None else {}


def shape_of(report: EprReport) -> EprScheme.Shape:
    """The shape that its scheme asked for when it was computed: a scheme may be edited since."""
    said = Names(report, EprName.Kind.SCHEME).details(EprName.Kind.SCHEME, report.scheme_id)
    return EprScheme.Shape(said.get("shape") or report.scheme.shape)


def named(lines: Iterable[EprReportLine]) -> list[EprReportLine]:
    """Lines with `facility_name`, as their reports call it: one statement, however many reports they are of."""
    lines = list(lines)
    kept: dict[int, dict[str, str]] = defaultdict(dict)
    asked = {line.report_id for line in lines if line.facility_id is not None}
    for row in EprName.objects.filter(report__in=asked, kind=EprName.Kind.FACILITY) if asked else ():
        kept[row.report_id][row.key] = row.name
    for line in lines:
        name = ""
        if line.facility_id is not None:
            name = kept[line.report_id].get(str(line.facility_id)) or str(line.facility)
        line.facility_name = name  # type: ignore[attr-defined]
    return lines
