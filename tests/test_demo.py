"""The example world, small: its figures add up, nothing in it breaks an invariant, and it is the same each time."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.commands import migrate

from accounts.models import Organization
from collection.models import Battery, Facility, Lot, Pickup, PickupStatus, Shipment, ShipmentStatus
from collection.queries import reconcile as custody
from demo import cleanup, world
from development import supervisor
from development.servers import PROJECT
from recycling.models import Batch, Discrepancy, EprReport, ReportStatus
from recycling.queries import reconcile as trace

PACKS = "160"


def run_demo(environment: dict[str, str], file: Path, *options: str) -> str:
    """Run the command as a person does, without serving; what it printed."""
    command = [sys.executable, "manage.py", "demo", "--no-serve", f"--packs={PACKS}", f"--json={file}", *options]
    done = subprocess.run(
        command, cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_example_world(process_environment: dict[str, str], tmp_path: Path) -> None:
    said = run_demo(process_environment, tmp_path / "1.json")
    figures = json.loads((tmp_path / "1.json").read_text())
    for role in ("collection operator", "recycler", "regulator", "producer"):
        assert role in said
    assert said.count("(simulated") >= 3

    _recovered_is_what_products_contain(figures)
    _nothing_breaks_an_invariant()
    _everything_is_marked()
    _there_is_work_for_everybody()

    again = run_demo(process_environment, tmp_path / "2.json")
    assert "already there" in again
    assert json.loads((tmp_path / "2.json").read_text()) == figures

    run_demo(process_environment, tmp_path / "3.json", "--fresh")
    assert json.loads((tmp_path / "3.json").read_text()) == figures

    Facility.objects.create(
        operator=Organization.objects.create(name="Real"), name="Real", jurisdiction_id="US-NV", time_zone="UTC"
    )
    Shipment.objects.filter(pk=Shipment.objects.values("pk")[:1]).update(is_simulated=False)
    with pytest.raises(cleanup.RealData, match="shipments"):
        cleanup.erase()


@pytest.mark.django_db
def test_refuses_where_others_could_log_in(settings: Any) -> None:
    settings.SETTINGS_MODULE = "config.settings.production"
    with pytest.raises(CommandError, match="development"):
        call_command("demo", "--no-serve")
    assert not world.is_there()


def test_brings_the_database_up_to_date_before_it_looks(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "django_structlog")  # the command hushes it; this is taken back at the end
    done: list[str] = []

    def look() -> bool:
        done.append("look")
        raise supervisor.Failure("enough seen")

    monkeypatch.setattr(migrate.Command, "handle", lambda *_, **__: done.append("migrate"))
    monkeypatch.setattr(world, "is_there", look)
    with pytest.raises(CommandError, match="enough seen"):
        call_command("demo", "--no-serve")
    assert done == ["migrate", "look"]


def _recovered_is_what_products_contain(figures: dict[str, Any]) -> None:
    """To the gram, per element: what producers (and nobody known) are credited with, and what products contain."""
    credited: dict[str, Decimal] = defaultdict(Decimal)
    for row in figures["epr"]["totals"]:
        credited[row["element"]] += Decimal(row["recovered_kg"])
    for element, kg in figures["epr"]["unattributed"].items():
        credited[element] += Decimal(kg)
    products = {element: Decimal(kg) for element, kg in figures["epr"]["products"].items()}
    assert {"Li", "Cu", "Fe"} <= set(products)
    for element in credited.keys() | products.keys():
        assert abs(credited[element] - products.get(element, Decimal(0))) < Decimal("0.001"), element


def _nothing_breaks_an_invariant() -> None:
    assert [*custody.findings(), *trace.findings()] == []


def _everything_is_marked() -> None:
    for model in (Battery, Pickup, Shipment, Lot, Batch, EprReport):
        assert model._default_manager.exists()
        assert not model._default_manager.filter(is_simulated=False).exists(), model
    ours = Organization.objects.filter(name__in=[name for name, _ in world.ORGANIZATIONS.values()])
    assert all(organization.is_simulated and "simulated" in organization.name for organization in ours)
    assert {site.country for site in Facility.objects.filter(is_simulated=True)} == {"US", "CA", "MX"}


def _there_is_work_for_everybody() -> None:
    assert set(Pickup.objects.values_list("status", flat=True)) == set(PickupStatus.values)
    under_way = set(Shipment.objects.values_list("status", flat=True))
    assert {ShipmentStatus.IN_TRANSIT, ShipmentStatus.ARRIVED} <= under_way
    assert Discrepancy.objects.filter(status="open").exists()
    assert Batch.objects.filter(status="open").exists()
    statuses = set(EprReport.objects.values_list("status", flat=True))
    assert {ReportStatus.DRAFT, ReportStatus.SUBMITTED, ReportStatus.ACCEPTED, ReportStatus.SUPERSEDED} <= statuses
    border = Shipment.objects.filter(consent__isnull=False, dispatched_at__isnull=False)
    assert border.exists()
