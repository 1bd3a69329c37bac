"""The documentation of a recycler: what entered, line by line, step by step, frozen and verified as every report is."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import CompositionElement, Destination, Facility, Lot, Material, MaterialElement
from collection.models.facilities import Permit
from collection.services import lots, shipments
from recycling.models import EprReport, EprReportLine, EprScheme, InputAnalysis
from recycling.queries import compliance
from recycling.queries.report_proof import canonical, verify
from recycling.services import (
    batches,
    charges,
    elements_taken,
    input_analyses,
    inspections,
    outputs,
    plants,
    report_job,
    reports,
)
from recycling.services.inspections import Triage
from tests.collection import shipping
from tests.recycling import chains, filing
from tests.recycling.chain import at, process
from tests.refusals import refused
from tests.world import World, ago, batteries_at


def scheme() -> EprScheme:
    found = EprScheme.objects.filter(code="test-recycler").first()
    return found or filing.scheme("recycler", families=["lithium"])


def documented(world: World, **fields: Any) -> EprReport:
    report = reports.document(
        actor=world.actor(world.recycler), **{"plant": world.plant, "scheme": scheme(), "year": 2025, **fields}
    )
    assert report_job.compute(report.pk)
    return EprReport.objects.get(pk=report.pk)


def value(report: EprReport, metric: str, **dimensions: Any) -> Decimal | None:
    wanted = {"breakdown": "", "element": "", "origin": "", "facility": None, "family": "", **dimensions}
    return EprReportLine.objects.get(report=report, metric=metric, **wanted).value


def convert(*codes: str) -> None:
    Material.objects.filter(code__in=codes).update(is_converted=True, is_substitute=True)


def equal_abroad(world: World) -> None:
    Permit.objects.create(
        facility=world.refinery_site, kind=Permit.Kind.EQUIVALENT, number="X1", valid=(date(2020, 1, 1), None)
    )


def test_line_by_line_and_step_by_step(world: World) -> None:
    """Ten NMC packs of 400 kg and five LFP packs of 360 kg: 5,800 kg entered."""
    filing.shared_batch(world)
    convert("copper", "nickel_sulfate", "lithium_carbonate")
    equal_abroad(world)
    report = documented(world)
    assert value(report, "entered") == 5800
    assert value(report, "entered", breakdown="origin", origin="US-NV") == 5800
    part = {"breakdown": "element"}
    assert value(report, "input_fraction", **part, element="Ni") == 330
    assert value(report, "output_home", **part, element="Cu") == Decimal("297.2")
    assert value(report, "output_abroad", **part, element="Cu") == 0
    assert value(report, "input_fraction", **part, element="carbon") is None, "not taken into account is empty"
    total_in, total_out = value(report, "input_fraction"), value(report, "output_fraction")
    assert total_in is not None and total_out is not None and total_out > 0
    lines = EprReportLine.objects.filter(report=report, breakdown="element")
    for metric, total in (("input_fraction", total_in), ("output_fraction", total_out)):
        assert sum(line.value or 0 for line in lines.filter(metric=metric)) == total
    steps = EprReportLine.objects.filter(report=report, breakdown="facility", element="")
    assert sum(line.value or 0 for line in steps.filter(metric="step_input")) == total_in
    assert sum(line.value or 0 for line in steps.filter(metric="step_output")) == total_out
    assert {line.facility_id for line in steps} == {world.plant_site.pk, world.refinery_site.pk}
    (passed,) = steps.filter(metric="step_passed_on")
    assert passed.value == 2000 and "Black mass" in passed.note
    efficiency = EprReportLine.objects.get(report=report, metric="recycling_efficiency", breakdown="family")
    assert efficiency.value == (100 * total_out / total_in).quantize(Decimal("1e-9"))
    assert value(report, "rests_on", breakdown="basis", basis="assumed") == 100
    copper = EprReportLine.objects.get(report=report, metric="material_recovery", element="Cu")
    assert copper.value is None and "collectors" in copper.note, "of which copper is foil, no composition says"


def test_the_page_is_the_template(world: World, client: Client) -> None:
    filing.shared_batch(world)
    convert("copper", "nickel_sulfate")
    report = documented(world)
    client.force_login(world.user(world.recycler))
    page = client.get(f"/admin/recycling/eprreport/{report.pk}/change/").content.decode()
    assert page.count("<details") == 1 and "All that entered" in page and "assumed by chemistry" in page
    assert page.count("not taken into account") == 6, "six lines are empty"
    assert "Step 0" in page and "Step 1" in page and "Copper" in page


def test_the_start_page_shows_it_whole(world: World) -> None:
    """Its figures of each place of collection stand on its own page."""
    Facility.objects.filter(pk=world.yard.pk).update(jurisdiction=world.nj)
    pack = batteries_at(world, world.yard)[0]
    arrived = shipping.arrived(world, [pack])
    shipments.receive(actor=world.actor(world.recycler), shipment=arrived, received_at=ago(days=4))
    pack.refresh_from_db()
    process(
        world, world.shredder, packs=[pack, *batteries_at(world, world.plant_site, 1)], charged_at=ago(days=1),
        makes=[("copper", "30", {})],
    )  # fmt: skip
    convert("copper")
    lines = documented(world, year=ago(days=1).year).lines.filter(metric__in=compliance.RATES, value__isnull=False)
    assert set(lines.values_list("origin", flat=True)) == {"", "US-NJ", "US-NV"}
    whole = set(lines.filter(origin="").values_list("pk", flat=True))
    assert {rate.line for rate in compliance.rates(world.user(world.recycler))} == whole


def test_foil_is_what_copper_is_recovered_from(world: World) -> None:
    for composition in (world.nmc_pack.chemistry.compositions.get(), world.lfp_pack.chemistry.compositions.get()):
        CompositionElement.objects.create(composition=composition, element="Cu-cell", kg_per_kwh=Decimal("0.3"))
    MaterialElement.objects.create(material_id="copper", element="Cu-cell", fraction=Decimal("0.5"))
    filing.shared_batch(world)
    convert("copper")
    report = documented(world)
    found = value(report, "material_recovery", breakdown="element", element="Cu")
    assert found == (100 * Decimal("148.6") / 255).quantize(Decimal("1e-9"))  # (600 + 250) kWh x 0.3 kg


def test_carbon_counts_if_it_was_chosen_on_both_sides(world: World) -> None:
    filing.shared_batch(world)
    convert("graphite")
    before = documented(world)
    manager = world.actor(world.recycler, Role.MANAGER)
    elements_taken.choose(actor=manager, recycler=world.recycler, year=2025, elements=["C", "P"])
    reports.recompute(actor=world.actor(world.recycler), report=before)
    assert report_job.compute(before.pk)
    report = EprReport.objects.get()
    assert report.elements_taken == ["C", "P"]
    assert value(report, "input_fraction", breakdown="element", element="carbon")
    assert value(report, "input_fraction", breakdown="element", element="O") is None


def test_filed_it_is_frozen_and_proven(world: World) -> None:
    filing.shared_batch(world)
    convert("copper")
    report = documented(world)
    reports.submit(actor=world.actor(world.recycler, Role.MANAGER), report=report)
    report = filing.sealed(report)
    assert verify(report).agrees and report.content_hash
    parts = {line.split(b'"', 2)[1] for piece in canonical(report) for line in piece.splitlines()}
    assert {b"header", b"lines", b"steps", b"feeds", b"lots"} <= parts
    for part in (report.steps, report.feeds, report.lots):
        with pytest.raises(IntegrityError, match="a filed report never changes"), transaction.atomic():
            part.all().delete()
    error = refused(
        Refused, elements_taken.choose, "year", actor=world.actor(world.recycler, Role.MANAGER), recycler=world.recycler,
        year=2025, elements=["C"],
    )  # fmt: skip
    assert error.code == "already_filed"
    refused(Refused, reports.document, actor=world.actor(world.recycler), plant=world.plant, scheme=scheme(), year=2025)
    correction = reports.correct(actor=world.actor(world.recycler), report=report)
    assert report_job.compute(correction.pk) and correction.supersedes == report


def test_what_is_analyzed_goes_before_what_is_assumed(world: World) -> None:
    filing.shared_batch(world)
    batch = world.shredder.batches.get()
    said: dict[str, Any] = {
        "actor": world.actor(world.recycler), "batch": batch, "method": "sampling", "laboratory": "Lab",
        "analyzed_on": date(2025, 4, 2), "is_measured": True, "moisture": Decimal("0.01"),
        "fractions": {"Ni": Decimal("0.06"), "Cu": Decimal("0.07")},
    }  # fmt: skip
    for error, field, wrong in (
        (Invalid, "method", {"method": "guessing"}),
        (Invalid, "laboratory", {"laboratory": ""}),
        (Invalid, "fractions", {"fractions": {}}),
        (Invalid, "assays", {"fractions": {"Ni": Decimal("0.6"), "Cu": Decimal("0.7")}}),
        (Invalid, "moisture", {"moisture": Decimal("NaN")}),
        (Invalid, "analyzed_on", {"analyzed_on": date(2999, 1, 1)}),
        (Forbidden, None, {"actor": world.actor(world.stranger)}),
    ):
        refused(error, input_analyses.determine, *filter(None, [field]), **said | wrong)
    assert not InputAnalysis.objects.exists()
    input_analyses.determine(**said)
    input_analyses.determine(**said)  # again: it is replaced
    report = documented(world)
    assert value(report, "input_fraction", breakdown="element", element="Ni") == Decimal("344.52")  # 5,742 kg dry
    assert value(report, "input_fraction") == 5742 and value(report, "entered") == 5800
    (row,) = EprReportLine.objects.filter(report=report, metric="rests_on", basis="measured")
    assert row.value == 100


def test_dismantled_parts_are_in_the_input_and_what_is_left_goes_on(world: World) -> None:
    """One pack: its casing is sold as scrap that is used, its modules contain what is left, and are shredded the year after."""
    (pack,) = batteries_at(world, world.plant_site, 1, at=at(2025, 3, 1))
    actor = world.actor(world.recycler, Role.MANAGER)
    inspections.inspect_many(
        actor=actor, plant=world.plant, inspected_at=at(2025, 3, 2), inspections=[Triage(pack.pk, "recycle")]
    )
    plants.add_line(actor=actor, plant=world.plant, name="Bench", stage="dismantle")
    line = world.plant.lines.get(stage="dismantle")
    for code, kind in (("modules", "intermediate"), ("busbars", "product")):
        Material.objects.get_or_create(code=code, defaults={"name": code, "kind": kind})
    batch = batches.open_batch(actor=actor, line=line, number="D1", started_at=at(2025, 3, 3))
    charges.charge(actor=actor, batch=batch, charged_at=at(2025, 3, 3), batteries=[pack.pk])
    casing = outputs.record_output(
        actor=actor, batch=batch, number="C1", material=Material.objects.get(code="busbars"),
        mass_value=Decimal(20), made_at=at(2025, 3, 4), assays={"Cu": Decimal(1)},
    )  # fmt: skip
    modules = outputs.record_output(
        actor=actor, batch=batch, number="M1", material=Material.objects.get(code="modules"), mass_value=Decimal(300),
        made_at=at(2025, 3, 4), by_difference=True,
    )  # fmt: skip
    assert modules.assay_basis == "difference"
    left = dict(modules.assays.values_list("element", "fraction"))
    assert left["Ni"] == Decimal("0.11")  # 33 kg
    batches.close(actor=actor, batch=batch, closed_at=at(2025, 3, 5))
    lots.dispose(
        actor=actor, lot=casing, disposition="sold", disposed_at=at(2025, 3, 6), note="smelter", use="original",
        ended_waste=True, country="US",
    )  # fmt: skip
    nothing = documented(world)
    assert value(nothing, "entered") == 0, "its modules have not entered"
    process(
        world, world.shredder, lots=[modules], charged_at=at(2026, 1, 5), makes=[("black_mass", "100", {"Ni": "0.3"})],
    )  # fmt: skip
    report = documented(world, year=2026)
    assert value(report, "entered") == 400
    assert value(report, "output_home", breakdown="element", element="Cu") == 20
    assert value(report, "output_home", breakdown="element", element="Ni") == 0


def test_what_counts_of_what_left(world: World) -> None:
    """Sold copper counts where its recipient uses it and it is waste no more; half of it came with a reagent."""
    filing.shared_batch(world)
    lot = Lot.objects.get(material="copper")
    Lot.objects.filter(pk=lot.pk).update(assay_basis="measured")
    Material.objects.filter(pk="copper").update(is_converted=False)
    report = documented(world)
    seen = []
    for destination in (
        None, {"use": "original"}, {"use": "original", "ended_waste": True}, {"use": "fuel"}, {"use": "other", "ended_waste": True},
    ):  # fmt: skip
        if destination:
            Lot.objects.filter(pk=lot.pk).update(status="sold", facility=None)
        Destination.objects.filter(lot=lot).delete()
        if destination:
            Destination.objects.create(lot=lot, recipient="x", **destination)
        reports.recompute(actor=world.actor(world.recycler), report=report)
        assert report_job.compute(report.pk)
        seen.append(value(report, "output_home", breakdown="element", element="Cu"))
    assert seen == [0, 0, Decimal("297.2"), 0, Decimal("297.2")]
    (row,) = EprReport.objects.get().lots.filter(material="copper")
    assert (row.fate, row.destination) == ("counted", "as material, substance or product, for another purpose, x")


def test_the_customers_of_others_are_theirs(world: World) -> None:
    """What the refinery in Canada made is told with its use, and not with who bought it."""
    filing.shared_batch(world)
    made = {lot.pk: lot for lot in Lot.objects.filter(output__isnull=False).exclude(material__kind="intermediate")}
    for lot in made.values():
        Destination.objects.create(lot=lot, use="original", recipient="Buyer", ended_waste=True)
    report = documented(world)
    told = {row.batch.line.plant_id: "Buyer" in row.destination for row in report.lots.filter(lot__in=made)}
    assert told == {world.plant.pk: True, world.refinery.pk: False}
    assert all(row.destination for row in report.lots.filter(lot__in=made))


def test_what_reagents_brought_is_nobodys(world: World) -> None:
    batch = chains.charged(world, 2)
    lot = chains.output(
        world, batch, "slag", 100, assays={"Ni": Decimal("0.2"), "Cu": Decimal("0.1")},
        from_batteries={"Ni": Decimal("0.25")}, made_at=ago(days=8),
    )  # fmt: skip
    assert lot.assay_basis == "measured"
    report = documented(world, year=ago(days=9).year)
    content = report.lots.get(lot=lot).content
    assert content == {"Cu": "10", "Ni": "5"}


def test_who_asks_for_what(world: World) -> None:
    asks: dict[str, Any] = {"plant": world.plant, "scheme": scheme(), "year": 2025}
    refused(Forbidden, reports.document, actor=world.actor(world.producer), **asks)
    refused(Invalid, reports.document, "year", actor=world.actor(world.recycler), **asks | {"year": 1})
    other = filing.scheme("eu_reference")
    refused(Invalid, reports.document, "scheme", actor=world.actor(world.recycler), **asks | {"scheme": other})
    refused(
        Invalid, reports.request, "scheme", actor=world.actor(world.producer), scheme=scheme(), producer=world.producer,
        period_start=date(2025, 1, 1), period_end=date(2025, 12, 31), jurisdiction=world.nv,
    )  # fmt: skip
    manager = world.actor(world.recycler, Role.MANAGER)
    choice: dict[str, Any] = {"actor": manager, "recycler": world.recycler, "year": 2030, "elements": ["C", "Fe"]}
    refused(Invalid, elements_taken.choose, "elements", **choice)
    refused(Invalid, elements_taken.choose, "elements", **choice | {"elements": ["Au"]})
    refused(Forbidden, elements_taken.choose, **choice | {"actor": world.actor(world.recycler)})
    for year, elements, name in ((2030, ["C"], "elements_taken_from_2030"), (2025, ["Au"], "elements_taken_known")):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            world.recycler.elements_taken.create(year=year, elements=elements)


def test_use_and_share_are_checked(world: World) -> None:
    filing.shared_batch(world)
    lot = (
        Lot.objects.filter(status="in_stock", facility=world.plant_site).exclude(material__kind="intermediate").first()
    )
    assert lot is not None
    sells: dict[str, Any] = {
        "actor": world.actor(world.recycler), "lot": lot, "disposition": "sold", "disposed_at": ago(days=1), "note": "x",
    }  # fmt: skip
    for field, wrong in (
        ("use", {"use": "art"}),
        ("use", {"ended_waste": True}),
        ("ended_waste", {"use": "fuel", "ended_waste": True}),
        ("country", {"use": "original", "country": "Germany"}),
    ):
        refused(Invalid, lots.dispose, field, **sells | wrong)
    lots.dispose(**sells, use="backfilling")
    lot.refresh_from_db()
    assert (lot.destination.use, lot.destination.recipient) == ("backfilling", "x")
    lots.reinstate(
        actor=world.actor(world.recycler, Role.MANAGER), lot=lot, reinstated_at=ago(hours=1), reason="not sold"
    )
    assert not type(lot.destination).objects.filter(lot=lot).exists()
