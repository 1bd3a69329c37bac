"""The hash of a filed report can be rebuilt by a stranger, from the JSON that anybody who may read it downloads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db.models import Value
from django.db.models.functions import Concat
from django.test import Client

from accounts.models import Organization
from collection.models import BatteryModel, Chemistry, Facility, Identifier, Jurisdiction, Material
from recycling.models import EprReport, EprScheme
from recycling.queries.report_proof import FORMS, verify
from recycling.services import reports
from tests.recycling import filing
from tests.recycling.filing import declared, filed, sealed, shared_batch
from tests.recycling.test_documentation import documented
from tests.recycling.test_report_doors import API, api, body, page
from tests.world import World

PROGRAM = Path(__file__).with_name("stranger.py")


def downloaded(world: World, report: EprReport) -> str:
    return body(api(world, report.producer, "viewer").get(f"{API}{report.pk}/download/json/"))


def told(text: str, folder: Path) -> dict[str, str]:
    """What the program says of the file, by what it is of."""
    file = folder / "report.json"
    file.write_text(text, encoding="utf-8")
    ran = subprocess.run([sys.executable, "-I", str(PROGRAM), str(file)], capture_output=True, text=True, check=True)
    return dict(line.split(" ", 1) for line in ran.stdout.splitlines())


@pytest.fixture
def report(world: World) -> EprReport:
    shared_batch(world)
    return filed(world)


def test_a_stranger_agrees(world: World, report: EprReport, tmp_path: Path) -> None:
    said = told(downloaded(world, report), tmp_path)
    assert said["hash"] == f"{report.content_hash} agrees"
    assert {"units_charged", "mass_collected", "mass_charged", "mass_recycled", "mass_pending"} <= said.keys()
    assert any(key.startswith("mass_charged/") for key in said), "by chemistry"
    assert all(text.endswith("agrees") for text in said.values()), said


@pytest.mark.parametrize(
    ("part", "field", "to"),
    [("evidence", "mass_kg", "400.00000000001"), ("names", "name", "Another"), ("lines", "note", "x")],
)
def test_a_stranger_sees_one_changed_digit(
    world: World, report: EprReport, tmp_path: Path, part: str, field: str, to: str
) -> None:
    whole = json.loads(downloaded(world, report))
    whole[part][0][field] = to
    assert "DIFFERS" in told(json.dumps(whole), tmp_path)["hash"]


def test_a_stranger_agrees_on_a_recyclers_documentation(world: World, tmp_path: Path) -> None:
    filing.shared_batch(world)
    draft = documented(world)
    report = sealed(reports.submit(actor=world.actor(world.recycler, "manager"), report=draft))
    assert told(downloaded(world, report), tmp_path)["hash"] == f"{report.content_hash} agrees"


# What was filed says what it said


def documentation(world: World) -> EprReport:
    return sealed(reports.submit(actor=world.actor(world.recycler, "manager"), report=documented(world)))


@pytest.mark.parametrize("of", [filed, documentation])
def test_whatever_is_renamed_later_a_filed_report_says_what_it_said(
    world: World, client: Client, of: Callable[[World], EprReport]
) -> None:
    """Each download byte by byte, its figures and the rows behind them at the API, and its page; and it still agrees."""
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    report = of(world)
    reader = api(world, report.producer, "viewer")
    address = f"{API}{report.pk}"
    behind = report.lines.filter(metric="mass_charged", breakdown="").values_list("position", flat=True)

    def told() -> dict[str, str]:
        found = {kind: body(reader.get(f"{address}/download/{kind}/")) for kind in ("csv", "json", "canonical")}
        found["lines"] = reader.get(f"{address}/lines/").content.decode()
        for line in behind:
            answer = reader.get(f"{address}/evidence/", {"line": line})
            assert answer.json()["results"]
            found["evidence"] = answer.content.decode()
        shown = page(world, client, report.producer, f"/admin/recycling/eprreport/{report.pk}/change/", "viewer")
        (found["page"],) = re.findall(r'<div class="start mb-4">.*?(?=<form)', shown, re.DOTALL)
        return found

    before = told()
    assert "Storey Plant" in before["csv"] and "Storey Plant" in before["page"]
    assert {row.details["country_class"] for row in report.names.filter(kind="facility")} >= {"domestic"}
    for model, fields in (
        (Facility, {"name": "Renamed", "address": "1 Moved", "locality": "Elsewhere", "postal_code": "9"}),
        (Organization, {"name": "Sold"}), (EprScheme, {"name": "Another", "citation": "Another"}),
        (Chemistry, {"name": "Another"}), (Material, {"name": "Another"}), (Jurisdiction, {"name": "Another"}),
        (BatteryModel, {"name": "Another"}),
    ):  # fmt: skip
        for row in model._default_manager.all():
            for name, said in fields.items():
                setattr(row, name, f"{said} {row.pk}"[:40])
            row.save()
    EprScheme.objects.update(shape="units", counts_by="collected", families=["lead"])
    Identifier.objects.update(value=Concat(Value("X"), "value"))
    after = told()
    for kind, text in before.items():
        assert after[kind] == text, kind
    assert verify(EprReport.objects.get(pk=report.pk)).agrees


def test_the_page_tells_the_parts_of_each_form() -> None:
    text = (Path(__file__).parents[2] / "docs" / "canonical-form.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([123, ]+) \| ([\w ]+) \| ([\w ]+) \|$", text, re.MULTILINE)
    told = {
        number: tuple(
            (part, tuple(by.split()), tuple(fields.split())) for part, of, by, fields in rows if str(number) in of
        )
        for number in FORMS
    }
    assert told == FORMS
