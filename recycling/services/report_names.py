"""Writes down, with a report, what the things that it speaks of are called, where they are, and how the scheme reads."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Model

from collection.models import BatteryModel, Chemistry, Composition, Facility, Jurisdiction, Material
from recycling.models import (
    EprEvidence,
    EprFeed,
    EprLot,
    EprName,
    EprOutcome,
    EprPlacement,
    EprReport,
    EprSite,
    EprStep,
)
from recycling.queries.report_names import country_class

_Kind = EprName.Kind

#: In which fields of which parts a report speaks of what.
SPOKEN_OF: tuple[tuple[EprName.Kind, type[Model], str], ...] = (
    (_Kind.FACILITY, EprEvidence, "facility"),
    (_Kind.FACILITY, EprSite, "facility"),
    (_Kind.FACILITY, EprStep, "facility"),
    (_Kind.FACILITY, EprOutcome, "facility"),
    (_Kind.CHEMISTRY, EprEvidence, "chemistry"),
    (_Kind.CHEMISTRY, EprPlacement, "chemistry"),
    (_Kind.CHEMISTRY, EprFeed, "chemistry"),
    (_Kind.COMPOSITION, EprEvidence, "composition"),
    (_Kind.MODEL, EprPlacement, "model"),
    (_Kind.MATERIAL, EprLot, "material"),
    (_Kind.JURISDICTION, EprEvidence, "placed_in"),
    (_Kind.JURISDICTION, EprEvidence, "collected_in"),
    (_Kind.JURISDICTION, EprFeed, "origin"),
)

_OF_KIND: dict[EprName.Kind, type[Model]] = {
    _Kind.CHEMISTRY: Chemistry,
    _Kind.COMPOSITION: Composition,
    _Kind.FACILITY: Facility,
    _Kind.JURISDICTION: Jurisdiction,
    _Kind.MATERIAL: Material,
    _Kind.MODEL: BatteryModel,
}


def keep_names(report: EprReport) -> None:
    """Replace the names that `report` keeps by those of now; call it when all else is gathered."""
    EprName.objects.filter(report=report).delete()
    keys: dict[EprName.Kind, set[object]] = {kind: set() for kind in _OF_KIND}
    keys[_Kind.JURISDICTION].add(report.jurisdiction_id)
    for kind, part, field in SPOKEN_OF:
        found = part._default_manager.filter(report=report).order_by().values_list(field, flat=True).distinct()
        keys[kind] |= {key for key in found if key not in (None, "")}
    for kind, wanted in keys.items():
        things = _OF_KIND[kind]._default_manager.in_bulk(wanted)
        EprName.objects.bulk_create(
            EprName(
                report=report, kind=kind, key=str(key), name=str(getattr(thing, "name", thing))[:300],
                details=_facility(report, thing) if isinstance(thing, Facility) else {},
            )
            for key, thing in things.items()
        )  # fmt: skip
    EprName.objects.bulk_create(_whose(report))


def _whose(report: EprReport) -> Iterator[EprName]:
    scheme, producer = report.scheme, report.producer
    yield EprName(report=report, kind=_Kind.PRODUCER, key=str(producer.pk), name=producer.name)
    yield EprName(
        report=report,
        kind=_Kind.SCHEME,
        key=str(scheme.pk),
        name=scheme.name,
        details={
            "code": scheme.code,
            "version": scheme.version,
            "shape": scheme.shape,
            "families": " ".join(scheme.families),
            "counts_by": scheme.counts_by,
            "legal_status": scheme.legal_status,
            "citation": scheme.citation,
            "valid_from": str(scheme.valid.lower or ""),
            "valid_until": str(scheme.valid.upper or ""),
        },
    )


def _facility(report: EprReport, site: Facility) -> dict[str, str]:
    return {
        "operator": site.operator.name,
        "address": ", ".join(filter(None, (site.address, site.locality, site.postal_code))),
        "jurisdiction": site.jurisdiction_id,
        "country": site.country,
        "country_class": country_class(site.country, report.jurisdiction_id[:2]),
    }
