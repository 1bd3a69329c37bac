"""EPR reports and market placements through the API and the admin."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from recycling.models import EprReport, EprReportLine, MarketPlacement
from recycling.services import factors, report_job, report_seal, reports, tallies
from tests.recycling.chain import at, process
from tests.recycling.filing import declared, drafted, filed, scheme, sealed, shared_batch
from tests.world import World, batteries_at

API = "/api/v1/epr-reports/"


def api(world: World, organization: Any, role: str = "manager") -> APIClient:
    made = APIClient()
    made.force_authenticate(world.user(organization, role))
    return made


def body(response: Any) -> str:
    return b"".join(response.streaming_content).decode()


def test_from_request_to_acceptance(world: World, django_capture_on_commit_callbacks: Any) -> None:
    shared_batch(world)
    eu = scheme("eu_reference")
    producer, regulator = api(world, world.producer), api(world, world.regulator)
    wanted = {
        "scheme": eu.pk, "producer": world.producer.pk, "jurisdiction": "US-NV", "period_start": "2025-01-01",
        "period_end": "2025-12-31",
    }  # fmt: skip
    with django_capture_on_commit_callbacks(execute=False) as sent:
        made = producer.post(API, wanted)
    assert made.status_code == 201 and len(sent) == 1
    assert made.json()["status"] == "queued" and made.json()["progress"] == 0
    assert producer.post(API, wanted).json()["id"] == made.json()["id"]
    address = f"{API}{made.json()['id']}/"
    report_job.compute(made.json()["id"])
    draft = producer.get(address).json()
    assert (draft["status"], draft["progress"]) == ("draft", 100)
    assert regulator.get(address).status_code == 404
    assert producer.post(f"{address}accept/").status_code == 403
    with django_capture_on_commit_callbacks(execute=False) as sent:
        submitted = producer.post(f"{address}submit/")
    assert submitted.status_code == 200 and len(sent) == 1
    wished = submitted.json()
    assert (wished["status"], wished["progress"], wished["content_hash"]) == ("submitting", 0, "")
    assert wished["verbs"] == [] and producer.post(f"{address}submit/").status_code == 409
    assert regulator.get(address).status_code == 404
    assert report_seal.seal(wished["id"])
    filed = producer.get(address).json()
    assert (filed["status"], filed["progress"], len(filed["content_hash"])) == ("submitted", 100, 64)
    assert filed["submitted_at"] == wished["submitted_at"]
    assert regulator.get(address).status_code == 200
    assert regulator.post(f"{address}submit/").status_code == 403
    assert regulator.post(f"{address}return/", {}).json()["errors"][0]["field"] == "note"
    accepted = regulator.post(f"{address}accept/", {"note": "Fine."})
    assert accepted.json()["status"] == "accepted"
    assert regulator.post(f"{address}accept/").status_code == 409
    for other in (world.other_producer, world.recycler, world.stranger):
        assert api(world, other).get(address).status_code == 404
    assert APIClient().get(address).status_code == 401


def test_drill_down(world: World) -> None:
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    report = drafted(world)
    producer = api(world, world.producer, "viewer")
    lines = producer.get(f"{API}{report.pk}/lines/").json()
    assert [line["position"] for line in lines] == list(range(1, len(lines) + 1))
    nickel = next(line for line in lines if (line["metric"], line["element"]) == ("element_recovered", "Ni"))
    assert nickel["value"] == "200.000000000"
    rows = producer.get(f"{API}{report.pk}/evidence/", {"line": nickel["position"]}).json()["results"]
    assert len(rows) == nickel["rows"] == 10
    assert (rows[0]["content_kg"], rows[0]["recovered_kg"]) == ("33.000000000", "20.000")
    assert sum(Decimal(row["recovered_kg"]) for row in rows) == 200, "what a producer checks its figure by"
    assert {row["batch"] for row in rows} == {row["recovered_share"] for row in rows} == {None}, "these are the plant's"
    regulator = api(world, world.regulator, "viewer")
    rows = regulator.get(f"{API}{report.pk}/evidence/", {"line": nickel["position"]}).json()
    assert rows["status"] == 404, "a draft is the producer's"
    placed = next(line for line in lines if line["metric"] == "units_placed")
    assert len(producer.get(f"{API}{report.pk}/placements/", {"line": placed["position"]}).json()["results"]) == 1
    for wrong in ("", "-1", "x", "1e3", "٣"):
        answer = producer.get(f"{API}{report.pk}/evidence/", {"line": wrong})
        assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == "line"
    assert producer.get(f"{API}{report.pk}/evidence/", {"line": 99999}).status_code == 404
    page = producer.get(f"{API}{report.pk}/evidence/", {"line": nickel["position"], "page_size": 3}).json()
    assert len(page["results"]) == 3 and page["next"]


def test_downloads(world: World) -> None:
    shared_batch(world)
    world.plant_site.name = "=HYPERLINK(1)"
    world.plant_site.save()
    report = filed(world)
    producer = api(world, world.producer, "viewer")
    table = list(csv.reader(io.StringIO(body(producer.get(f"{API}{report.pk}/download/csv/")))))
    header = {row[0]: row[1] for row in table[: table.index([])]}
    assert header["content_hash_sha256"] == report.content_hash
    assert header["method_version"].startswith("relode-2026.4")
    assert header["simulated_data"] == "false" and header["legal_status_of_targets"]
    columns = table[table.index([]) + 1]
    figures = [dict(zip(columns, row, strict=True)) for row in table[table.index([]) + 2 :]]
    assert len(figures) == report.lines.count()
    assert any(row["facility"] == "'=HYPERLINK(1)" for row in figures)
    assert not any(cell.startswith(("=", "+", "@")) for row in table for cell in row)

    whole = json.loads(body(producer.get(f"{API}{report.pk}/download/json/")))
    assert whole["about"]["content_hash_sha256"] == report.content_hash
    assert len(whole["evidence"]) == 20 and len(whole["lines"]) == len(figures)
    canonical = body(producer.get(f"{API}{report.pk}/download/canonical/"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == report.content_hash
    assert producer.get(f"{API}{report.pk}/verify/").json() == {
        "agrees": True, "figures_agree": True, "hash_agrees": True, "content_hash": report.content_hash,
    }  # fmt: skip
    for kind in ("csv", "json", "canonical"):
        assert api(world, world.recycler).get(f"{API}{report.pk}/download/{kind}/").status_code == 404


def test_correction_and_difference(world: World) -> None:
    original = filed(world)
    batteries_at(world, world.yard, 1, at=at(2025, 3, 1))
    producer = api(world, world.producer)
    made = producer.post(f"{API}{original.pk}/correct/")
    assert made.status_code == 201 and made.json()["supersedes"] == original.pk
    report_job.compute(made.json()["id"])
    changes = producer.get(f"{API}{made.json()['id']}/difference/").json()
    collected = next(c for c in changes if c["metric"] == "units_collected" and not c["breakdown"])
    assert (collected["filed"], collected["corrected"], collected["delta"]) == ("0.000000000", "1.000000000",
                                                                                "1.000000000")  # fmt: skip
    assert producer.get(f"{API}{original.pk}/difference/").status_code == 409
    assert producer.post(f"{API}{made.json()['id']}/withdraw/").json()["status"] == "withdrawn"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scheme": 10**30}, "scheme"),
        ({"scheme": "x"}, "scheme"),
        ({"producer": -1}, "producer"),
        ({"jurisdiction": "XX"}, "jurisdiction"),
        ({"jurisdiction": None}, "jurisdiction"),
        ({"jurisdiction": "US\x00"}, "jurisdiction"),
        ({"period_start": "2025-02-30"}, "period_start"),
        ({"period_start": 7}, "period_start"),
        ({"period_end": "2024-01-01"}, "period_end"),
        ({"period_end": None}, "period_end"),
    ],
)
def test_what_makes_no_sense_is_named(world: World, change: dict[str, Any], field: str) -> None:
    wanted = {
        "scheme": scheme("eu_reference").pk, "producer": world.producer.pk, "jurisdiction": "US-NV",
        "period_start": "2025-01-01", "period_end": "2025-12-31", **change,
    }  # fmt: skip
    answer = api(world, world.producer).post(API, wanted)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"] == field
    assert not EprReport.objects.exists()


def test_a_command_sent_twice_acts_once(world: World) -> None:
    report = drafted(world)
    producer = api(world, world.producer)
    first = producer.post(f"{API}{report.pk}/submit/", headers={"Idempotency-Key": "submit-1"})
    again = producer.post(f"{API}{report.pk}/submit/", headers={"Idempotency-Key": "submit-1"})
    assert first.status_code == again.status_code == 200 and first.json() == again.json()


def test_a_list_costs_the_same_however_long(world: World, django_assert_max_num_queries: Any) -> None:
    for jurisdiction in (world.nv, world.nj, world.us, world.ca):
        drafted(world, jurisdiction=jurisdiction)
    producer = api(world, world.producer)
    with django_assert_max_num_queries(6):
        assert len(producer.get(API).json()["results"]) == 4
    with django_assert_max_num_queries(6):
        assert len(producer.get(API, {"jurisdiction": "US-NV"}).json()["results"]) == 1


# Market placements

PLACEMENTS = "/api/v1/market-placements/"


def placement(world: World, **change: Any) -> dict[str, Any]:
    return {
        "producer": world.producer.pk, "jurisdiction": "US-NJ", "period_start": "2025-01-01",
        "period_end": "2025-03-31", "units": 12, "model": world.nmc_pack.pk, "source_key": "q1", **change,
    }  # fmt: skip


def test_declared_once_and_corrected(world: World) -> None:
    producer = api(world, world.producer, "operator")
    made = producer.post(PLACEMENTS, placement(world, mass_kg="4800.5"))
    assert made.status_code == 201 and made.json()["chemistry"] == "NMC622"
    assert producer.post(PLACEMENTS, placement(world, mass_kg="4800.5")).json() == made.json()
    other = producer.post(PLACEMENTS, placement(world, units=13))
    assert other.status_code == 409 and other.json()["errors"][0]["field"] == "source_key"
    fixed = producer.post(f"{PLACEMENTS}{made.json()['id']}/correct/", {"units": 13})
    assert (fixed.json()["units"], fixed.json()["mass_kg"]) == (13, "4800.500")
    assert MarketPlacement.objects.count() == 1
    assert api(world, world.federal).get(PLACEMENTS).json()["results"]
    assert not api(world, world.regulator).get(PLACEMENTS).json()["results"]
    assert not api(world, world.other_producer).get(PLACEMENTS).json()["results"]


@pytest.mark.parametrize(
    ("change", "field", "status"),
    [
        ({"units": -1}, "units", 400),
        ({"units": 10**12}, "units", 400),
        ({"units": "many"}, "units", 400),
        ({"mass_kg": "NaN"}, "mass_kg", 400),
        ({"mass_kg": "-1"}, "mass_kg", 400),
        ({"mass_kg": "1e40"}, "mass_kg", 400),
        ({"period_end": "2024-01-01"}, "period_end", 400),
        ({"chemistry": "LFP"}, "chemistry", 400),
        ({"source_key": ""}, "source_key", 400),
        ({"source_key": "x\x00"}, "source_key", 400),
        ({"model": 10**25}, "model", 400),
    ],
)
def test_placements_that_make_no_sense(world: World, change: dict[str, Any], field: str, status: int) -> None:
    answer = api(world, world.producer).post(PLACEMENTS, placement(world, **change))
    assert answer.status_code == status, answer.content
    assert answer.json()["errors"][0]["field"] == field
    assert not MarketPlacement.objects.exists()


def test_placements_of_others(world: World) -> None:
    assert api(world, world.other_producer).post(PLACEMENTS, placement(world)).status_code == 403
    assert api(world, world.producer, "viewer").post(PLACEMENTS, placement(world)).status_code == 403
    recycler = api(world, world.recycler).post(PLACEMENTS, placement(world, producer=world.recycler.pk, model=None))
    assert recycler.status_code == 403
    assert not MarketPlacement.objects.exists()


# The overview


PERIOD = {"start": "2025-01-01", "end": "2025-12-31"}


def overview_of(world: World, organization: Any, role: str = "viewer", **asked: Any) -> dict[int | None, Any]:
    """Each producer that the overview tells of, from all of its pages."""
    client, address, rows = api(world, organization, role), "/api/v1/epr-overview/", []
    asked = PERIOD | asked
    while address:
        page = client.get(address, asked).json()
        rows += page["results"]
        address, asked = page["next"], {}
    assert len({row["producer"] for row in rows}) == len(rows)
    return {row["producer"]: row for row in rows}


@pytest.mark.parametrize("page_size", [1, 20])
def test_the_overview_is_of_what_one_may_know(world: World, page_size: int) -> None:
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    declared(world, "q2", jurisdiction=world.nj)
    factors.refresh()
    tallies.refresh()
    rows = overview_of(world, world.regulator, page_size=page_size)
    (mine,), (theirs,) = (rows[producer.pk]["standings"] for producer in (world.producer, world.other_producer))
    assert (mine["units_placed"], mine["units_collected"], mine["units_recycled"]) == (100, 10, 10)
    assert theirs["units_recycled"] == 5 and rows[world.producer.pk]["elements"]
    own = overview_of(world, world.producer, page_size=page_size)
    assert [row["jurisdiction"] for row in own.pop(world.producer.pk)["standings"]] == ["US-NJ", "US-NV"] and not own
    assert overview_of(world, world.recycler) == {}


def test_the_overview_tells_of_batteries_of_nobody_at_its_end(world: World) -> None:
    packs = batteries_at(
        world, world.plant_site, 1, at=at(2025, 3, 1), model=None, chemistry=world.nmc, rated_kwh=Decimal(60)
    )
    process(world, world.shredder, packs=packs, charged_at=at(2025, 3, 2), makes=[("copper", "10", {})])
    batteries_at(world, world.yard, 1)
    factors.refresh()
    tallies.refresh()
    assert packs[0].producer is None
    for period in ({}, {"start": "2025-03-02", "end": "2025-03-05"}):
        *_others, last = overview_of(world, world.regulator, page_size=1, **period)
        assert last is None
    assert {row["jurisdiction"] for row in overview_of(world, world.regulator)[None]["elements"]} == {"US-NV"}
    assert None not in overview_of(world, world.producer)


def test_the_overview_asks_for_a_period(world: World) -> None:
    for wrong in ({}, {"start": "x", "end": "2025-01-01"}, {"start": "2025-02-01", "end": "2025-01-01"}):
        assert api(world, world.producer).get("/api/v1/epr-overview/", wrong).status_code == 400


def test_schemes_show_where_their_numbers_come_from(world: World) -> None:
    eu = scheme("eu_reference")
    eu.targets.create(
        metric="material_recovery", element="Ni", percent=90, applies_from="2027-12-31", legal_status="reference",
        source="Annex XII", confidence="S2",
    )  # fmt: skip
    (row,) = api(world, world.stranger, "viewer").get("/api/v1/epr-schemes/").json()["results"]
    assert row["valid_from"] == "2020-01-01" and row["valid_until"] is None
    (target,) = row["targets"]
    assert (target["legal_status"], target["source"], target["is_unverified"]) == ("reference", "Annex XII", True)


def test_lines_of_a_filed_report_are_there_for_the_regulator(world: World) -> None:
    report = drafted(world)
    regulator = api(world, world.regulator, "viewer")
    assert regulator.get(f"{API}{report.pk}/lines/").status_code == 404
    sealed(reports.submit(actor=world.actor(world.producer, "manager"), report=report))
    assert len(regulator.get(f"{API}{report.pk}/lines/").json()) == EprReportLine.objects.filter(report=report).count()


# In the admin


def page(world: World, browser: Client, organization: Any, address: str, role: str = "manager") -> str:
    browser.force_login(world.user(organization, role))
    answer = browser.get(address)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def test_the_page_of_a_report(world: World, client: Client, django_capture_on_commit_callbacks: Any) -> None:
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    eu = scheme("eu_reference")
    client.force_login(world.user(world.producer, "manager"))
    with django_capture_on_commit_callbacks() as sent:
        made = client.post(
            "/admin/recycling/eprreport/add/",
            {
                "scheme": eu.pk, "producer": world.producer.pk, "jurisdiction": "US-NV",
                "period_start": "2025-01-01", "period_end": "2025-12-31",
            },
        )  # fmt: skip
    report = EprReport.objects.get()
    address = f"/admin/recycling/eprreport/{report.pk}/"
    assert made.status_code == 302 and made["Location"] == f"{address}change/" and len(sent) == 1
    assert client.get(f"{address}change/")["Refresh"] == "2"
    report_job.compute(report.pk)
    shown = page(world, client, world.producer, f"{address}change/")
    assert "Recycling efficiency" in shown and "/verb/submit/" in shown and "/verb/accept/" not in shown
    assert f"/api/v1/epr-reports/{report.pk}/download/csv/" in shown
    for table in ("eprevidence", "eprplacement"):
        link = re.search(rf'href="(/admin/recycling/{table}/\?line=\d+)"', shown)
        assert link is not None
        assert client.get(link[1]).status_code == 200
    nickel = EprReportLine.objects.get(report=report, metric="element_recovered", element="Ni")
    behind = client.get(f"/admin/recycling/eprevidence/?line={nickel.pk}")
    assert behind.context["cl"].result_count == 10
    assert client.get("/admin/recycling/eprevidence/?line=x").status_code == 200
    # The regulator comes when it is filed.
    client.force_login(world.user(world.regulator, "manager"))
    assert client.get(f"{address}change/").status_code in (302, 404)
    client.force_login(world.user(world.producer, "manager"))
    assert client.post(f"{address}verb/submit/").status_code == 302
    waits = client.get(f"{address}change/")
    assert waits["Refresh"] == "2" and "/verb/" not in waits.content.decode()
    assert "Being submitted" in waits.content.decode() and "follows it by itself" in waits.content.decode()
    assert report_seal.seal(report.pk)
    assert "Refresh" not in client.get(f"{address}change/")
    shown = page(world, client, world.regulator, f"{address}change/")
    assert "/verb/accept/" in shown and "/verb/submit/" not in shown
    assert client.post(f"{address}verb/return/", {"note": ""}).status_code == 200
    assert client.post(f"{address}verb/return/", {"note": "Look again."}).status_code == 302
    shown = page(world, client, world.producer, f"{address}change/")
    assert "Look again." in shown and "/verb/correct/" in shown
    assert client.post(f"{address}verb/correct/").status_code == 302
    correction = EprReport.objects.get(supersedes=report)
    report_job.compute(correction.pk)
    shown = page(world, client, world.producer, f"/admin/recycling/eprreport/{correction.pk}/change/")
    assert "No figure differs from what was filed." in shown


def test_lists_in_the_admin_cost_the_same_however_long(world: World, client: Client) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(world, client, world.producer, "/admin/recycling/eprreport/")
            page(world, client, world.producer, "/admin/recycling/marketplacement/")
        return len(queries)

    drafted(world)
    declared(world, "q1")
    few = statements()
    for number, jurisdiction in enumerate((world.nj, world.us, world.ca, world.mx)):
        drafted(world, jurisdiction=jurisdiction)
        declared(world, f"q{number + 2}", period_start=date(2020 + number, 1, 1), period_end=date(2020 + number, 3, 31))
    assert statements() <= few


def test_placements_in_the_admin(world: World, client: Client) -> None:
    client.force_login(world.user(world.producer, "operator"))
    form = {
        "producer": world.producer.pk, "jurisdiction": "US-NJ", "period_start": "2025-01-01",
        "period_end": "2025-03-31", "units": "12", "source_key": "q1", "model": world.nmc_pack.pk,
    }  # fmt: skip
    assert client.post("/admin/recycling/marketplacement/add/", {**form, "units": "-1"}).status_code == 200
    assert not MarketPlacement.objects.exists()
    assert client.post("/admin/recycling/marketplacement/add/", form).status_code == 302
    row = MarketPlacement.objects.get()
    assert client.post(
        f"/admin/recycling/marketplacement/{row.pk}/verb/correct/", {"units": "13", "mass_kg": ""}
    ).status_code == 302  # fmt: skip
    row.refresh_from_db()
    assert row.units == 13
    client.force_login(world.user(world.regulator, "manager"))
    assert client.get("/admin/recycling/marketplacement/add/").status_code == 403


def test_schemes_in_the_admin(world: World, client: Client) -> None:
    eu = scheme("eu_reference")
    assert "EU reference method" in page(world, client, world.producer, f"/admin/recycling/eprscheme/{eu.pk}/change/")
    page(world, client, world.producer, "/admin/recycling/eprtarget/")
    assert client.post(f"/admin/recycling/eprscheme/{eu.pk}/change/", {}).status_code == 403
