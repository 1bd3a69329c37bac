"""The hash of a filed report can be rebuilt by a stranger, from the JSON that anybody who may read it downloads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.db.models import Value
from django.db.models.functions import Concat

from accounts.models import Organization
from collection.models import Chemistry, Facility, Identifier, Jurisdiction, Material
from recycling.models import EprReport, EprScheme
from recycling.queries.report_proof import verify
from recycling.services import reports
from tests.recycling import filing
from tests.recycling.filing import declared, filed, sealed, shared_batch
from tests.recycling.test_documentation import documented
from tests.recycling.test_report_doors import API, api, body
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


def test_whatever_is_renamed_later_a_filed_report_says_what_it_said(world: World) -> None:
    """Of each download, byte by byte; and it still agrees."""
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    report = filed(world)
    reader = api(world, world.producer, "viewer")

    def downloads() -> dict[str, str]:
        return {kind: body(reader.get(f"{API}{report.pk}/download/{kind}/")) for kind in ("csv", "json", "canonical")}

    before = downloads()
    assert "Storey Plant" in before["csv"] and "Producer" in before["csv"]
    for model, fields in (
        (Facility, {"name": "Renamed", "address": "1 Moved", "locality": "Elsewhere", "postal_code": "9"}),
        (Organization, {"name": "Sold"}), (EprScheme, {"name": "Another", "citation": "Another"}),
        (Chemistry, {"name": "Another"}), (Material, {"name": "Another"}), (Jurisdiction, {"name": "Another"}),
    ):  # fmt: skip
        for row in model._default_manager.all():
            for name, said in fields.items():
                setattr(row, name, f"{said} {row.pk}"[:40])
            row.save()
    Identifier.objects.update(value=Concat(Value("X"), "value"))
    assert downloads() == before
    assert verify(EprReport.objects.get(pk=report.pk)).agrees
