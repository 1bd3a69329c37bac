"""The canonical form of a report, to the byte: whoever changes it, changes the hash of all that was ever filed."""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from recycling.api.reports import ChangeOut, FigureOut
from recycling.models import (
    EprEvidence,
    EprFactor,
    EprIntensity,
    EprPlacement,
    EprReport,
    EprReportLine,
    EprSite,
    ReportStatus,
)
from recycling.queries.report_figure import SUBJECT_FIELDS, Figure
from recycling.queries.report_lines import LINE_FIELDS, STORED_AS, figure_of, lines
from recycling.queries.report_proof import canonical, content_hash
from tests.recycling.chain import at, process
from tests.recycling.filing import YEAR, declared, scheme
from tests.world import World, batteries_at

SUBJECT: dict[str, Any] = {
    "metric": "mass_recycled", "breakdown": "facility", "family": "lithium", "chemistry": "NMC622", "method": "preprocess",
    "decision": "reuse", "country": "US", "element": "Ni",
}  # fmt: skip
FOUND: dict[str, Any] = {
    "value": Decimal("400.5"), "unit": "kg", "numerator": Decimal(1), "denominator": Decimal("0.000000001"), "rows": 2,
    "without_mass": 1,
}  # fmt: skip


def tiny(world: World) -> tuple[EprReport, dict[str, int]]:
    """A draft that keeps two lines and one row of each other part, and the ids in it."""
    (pack,) = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    batch, _lots = process(world, world.shredder, packs=[pack], charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
    placement = declared(world, "q1", jurisdiction=world.nv)
    pack.refresh_from_db()
    report = EprReport.objects.create(
        scheme=scheme("eu_reference"), producer=world.producer, jurisdiction=world.nv, period_start=YEAR[0],
        period_end=YEAR[1], requested_by=world.user(world.producer), status=ReportStatus.DRAFT,
        method_version="of no known version", computed_at=datetime(2026, 1, 5, 12, 30, tzinfo=UTC),
    )  # fmt: skip
    EprReportLine.objects.create(
        report=report, position=1, facility=world.plant_site, **{STORED_AS[name]: SUBJECT[name] for name in SUBJECT},
        **FOUND, target_percent=Decimal(90), target_status="reference", target_source="Annex XII", note="café",
    )  # fmt: skip
    EprReportLine.objects.create(report=report, position=2, metric="units_placed", unit="units", value=Decimal(0))
    EprEvidence.objects.create(
        report=report, battery=pack, fate="recycled", occurred_on=date(2025, 4, 1), facility=world.plant_site,
        country="US", batch=batch, method="preprocess", decision="", chemistry_id="NMC622", family="lithium",
        composition_id=pack.composition_id, content_kwh=Decimal(60), mass_kg=Decimal(400),
    )  # fmt: skip
    EprPlacement.objects.create(
        report=report, placement=placement, period_start=date(2025, 1, 1), period_end=date(2025, 3, 31),
        model=world.nmc_pack, chemistry_id="NMC622", family="lithium", units=100,
    )  # fmt: skip
    EprFactor.objects.create(
        report=report, batch=batch, element="Ni", recovered=Decimal("0.625"), pending=0, residue=Decimal("1e-18")
    )
    EprIntensity.objects.create(report=report, composition_id=pack.composition_id, element="Ni", kg_per_kwh="0.55")
    EprSite.objects.create(report=report, facility=world.plant_site, method="preprocess", country="US")
    return EprReport.objects.get(pk=report.pk), {
        "REPORT": report.pk, "SCHEME": report.scheme_id, "PRODUCER": world.producer.pk, "SITE": world.plant_site.pk,
        "PACK": pack.pk, "BATCH": batch.pk, "COMPOSITION": pack.composition_id, "PLACEMENT": placement.pk,
        "MODEL": world.nmc_pack.pk,
    }  # fmt: skip


FORM = """\
["header",{"computed_at":"2026-01-05 12:30:00+00:00","is_simulated":false,"jurisdiction":"US-NV","method_choices":[],\
"method_version":"of no known version","period_end":"2025-12-31","period_start":"2025-01-01","producer":PRODUCER,\
"report":REPORT,"scheme":SCHEME,"supersedes":null}]
["lines",1,"mass_recycled","facility","lithium","NMC622","preprocess","reuse",SITE,"US","Ni","400.500000000","kg",\
"1.000000000","1E-9",2,1,"90.000","reference","Annex XII","café"]
["lines",2,"units_placed","","",null,"","",null,"","","0E-9","units",null,null,0,0,null,"","",""]
["evidence","recycled",PACK,"2025-04-01",SITE,"US",BATCH,"preprocess","","NMC622","lithium",COMPOSITION,"60.000000",\
"400.00000000000"]
["placements",PLACEMENT,"2025-01-01","2025-03-31",MODEL,"NMC622","lithium",100,null,true]
["factors",BATCH,"Ni","0.625000000000000000","0E-18","1E-18"]
["intensities",COMPOSITION,"Ni","0.550000"]
["sites",SITE,"preprocess","US"]
"""


def test_canonical_form_to_the_byte(world: World) -> None:
    report, ids = tiny(world)
    expected = FORM
    for name, pk in ids.items():
        expected = expected.replace(name, str(pk))
    assert b"".join(canonical(report)).decode() == expected
    assert content_hash(report) == hashlib.sha256(expected.encode()).hexdigest()


def test_lines_keep_all_of_a_figure(world: World) -> None:
    report, _ids = tiny(world)
    figure = Figure(**SUBJECT, facility=world.plant_site.pk, **FOUND, notes=("One is missing.", "Another is not."))
    (line,) = lines(report, [figure], [])
    assert line.note == "One is missing.; Another is not."
    assert figure_of(line) == figure_of(report.lines.get(position=1)) == figure
    assert figure.subject == tuple(
        {**SUBJECT, "facility": world.plant_site.pk, "origin": "", "basis": ""}[name] for name in SUBJECT_FIELDS
    )


def test_every_door_shows_the_same_fields() -> None:
    assert {part.name for part in EprReportLine._meta.concrete_fields} == {"id", "report", *LINE_FIELDS}
    assert set(FigureOut().fields) == {*LINE_FIELDS, "facility_name"}
    assert set(ChangeOut().fields) - {"filed", "corrected", "delta", "is_changed"} == {*SUBJECT_FIELDS, "unit"}
