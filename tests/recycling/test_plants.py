"""Plants, lines, nameplates and outages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from recycling.models import Nameplate, ProcessLine
from recycling.services import plants
from tests.refusals import refused, state
from tests.world import World

pytestmark = pytest.mark.django_db


def test_a_facility_becomes_a_plant(world: World) -> None:
    manager = world.actor(world.stranger, Role.MANAGER)
    plant = plants.open_plant(actor=manager, facility=world.stranger_site, mass_tolerance=Decimal("0.01"))
    assert (plant.mass_tolerance, plant.assay_tolerance) == (Decimal("0.01"), Decimal("0.05"))
    refused(Refused, plants.open_plant, "facility", actor=manager, facility=world.stranger_site)
    refused(Forbidden, plants.open_plant, actor=manager, facility=world.hub)
    refused(Forbidden, plants.open_plant, actor=world.actor(world.collector), facility=world.hub)
    plant = plants.configure(actor=manager, plant=plant, discrepancy_days=30, shows_free_capacity=True)
    assert (plant.discrepancy_days, plant.shows_free_capacity, plant.mass_tolerance) == (30, True, Decimal("0.01"))
    for change in ({"mass_tolerance": Decimal(2)}, {"assay_tolerance": Decimal("NaN")}, {"discrepancy_days": 366}):
        refused(Invalid, plants.configure, *change, actor=manager, plant=plant, **change)


def test_lines(world: World) -> None:
    manager = world.actor(world.recycler, Role.MANAGER)
    good: dict[str, Any] = {"actor": manager, "plant": world.plant, "name": "Hydro", "stage": "hydro"}
    line = plants.add_line(**good, chemistries=[world.lfp], forms=["cell"])
    assert (line.forms, list(line.chemistries.all())) == (["cell"], [world.lfp])
    refused(Refused, plants.add_line, "name", **good)
    refused(Invalid, plants.add_line, "name", **good | {"name": " "})
    refused(Invalid, plants.add_line, "stage", **good | {"name": "X", "stage": "magic"})
    refused(Invalid, plants.add_line, "forms.1", **good | {"name": "X"}, forms=["cell", "brick"])
    refused(Forbidden, plants.add_line, **good | {"name": "X", "actor": world.actor(world.recycler)})
    refused(Forbidden, plants.add_line, **good | {"name": "X", "actor": world.actor(world.refiner, Role.MANAGER)})
    line = plants.change_line(actor=manager, line=line, chemistries=[], forms=[])
    assert line.is_active and not line.forms and not line.chemistries.exists()
    assert not plants.deactivate_line(actor=manager, line=line).is_active
    assert plants.activate_line(actor=manager, line=line).is_active
    for is_active in (True, False, False, True):  # said again, it stays
        assert plants.change_line(actor=manager, line=line, is_active=is_active).is_active is is_active
        assert ProcessLine.objects.get(pk=line.pk).is_active is is_active


def test_nameplates_follow_one_another(world: World) -> None:
    manager = world.actor(world.recycler, Role.MANAGER)
    good: dict[str, Any] = {
        "actor": manager, "line": world.shredder, "t_per_year": Decimal(5000), "valid_from": date(2025, 1, 1),
        "source": "permit",
    }  # fmt: skip
    error = refused(Refused, plants.add_nameplate, "valid_from", **good)  # the world's holds until further notice
    assert error.code == "overlap" and "2020-01-01" in str(error)
    old = world.shredder.nameplates.get()
    refused(Invalid, plants.end_nameplate, "last_day", actor=manager, nameplate=old, last_day=date(2019, 12, 31))
    refused(Invalid, plants.end_nameplate, "last_day", actor=manager, nameplate=old, last_day=date.max)
    plants.end_nameplate(actor=manager, nameplate=old, last_day=date(2024, 12, 31))
    new = plants.add_nameplate(**good, basis="output")
    assert (new.valid.lower, new.valid.upper, new.basis) == (date(2025, 1, 1), None, "output")
    refused(
        Refused, plants.end_nameplate, "last_day", actor=manager, nameplate=Nameplate.objects.get(pk=old.pk),
        last_day=date(2025, 1, 1),
    )  # fmt: skip
    for change, field in (
        ({"t_per_year": Decimal(0)}, "t_per_year"),
        ({"t_per_year": Decimal("Infinity")}, "t_per_year"),
        ({"t_per_year": Decimal(10**8)}, "t_per_year"),
        ({"basis": "both"}, "basis"),
        ({"source": " "}, "source"),
        ({"valid_until": date(2024, 1, 1)}, "valid_until"),
        ({"valid_from": date(1066, 1, 1)}, "valid_from"),
        ({"valid_until": date.max}, "valid_until"),
    ):
        refused(Invalid, plants.add_nameplate, field, **good | change)
    refused(Forbidden, plants.add_nameplate, **good | {"actor": world.actor(world.recycler)})


def test_outages_stay_apart(world: World) -> None:
    actor = world.actor(world.recycler)
    good: dict[str, Any] = {
        "actor": actor, "line": world.shredder, "first_day": date(2026, 3, 1), "last_day": date(2026, 3, 10),
        "kind": "planned",
    }  # fmt: skip
    outage = plants.add_outage(**good, share=Decimal("0.5"))
    refused(Refused, plants.add_outage, "first_day", **good | {"first_day": date(2026, 3, 10), "last_day": None})
    plants.add_outage(**good | {"first_day": date(2026, 3, 11), "last_day": None})
    refused(Refused, plants.end_outage, "last_day", actor=actor, outage=outage, last_day=date(2026, 3, 11))
    assert plants.end_outage(actor=actor, outage=outage, last_day=date(2026, 3, 5)).days.upper == date(2026, 3, 6)
    for change, field in (
        ({"share": Decimal(0)}, "share"),
        ({"share": Decimal("1.001")}, "share"),
        ({"share": Decimal("0.0001")}, "share"),
        ({"kind": "strike"}, "kind"),
        ({"last_day": date(2026, 2, 1)}, "last_day"),
    ):
        refused(Invalid, plants.add_outage, field, **good | change)
    refused(Forbidden, plants.add_outage, **good | {"actor": world.actor(world.recycler, Role.VIEWER)})


@pytest.mark.parametrize(
    "sql",
    [
        (
            "INSERT INTO recycling_nameplate (line_id, t_per_year, basis, valid, source, confidence)"
            " SELECT line_id, 1, 'input', '[2025-01-01,2025-02-01)', 'x', 'S' FROM recycling_nameplate"
        ),
        "UPDATE recycling_nameplate SET t_per_year = 0",
        "UPDATE recycling_outage SET share = 0",
        (
            "INSERT INTO recycling_outage (line_id, days, share, kind, reason)"
            " SELECT line_id, days, 1, 'planned', '' FROM recycling_outage"
        ),
        "UPDATE recycling_processline SET stage = 'magic'",
        "UPDATE recycling_plant SET mass_tolerance = 2",
        (
            "INSERT INTO recycling_processline (plant_id, name, stage, forms, is_active)"
            " SELECT plant_id, name, stage, forms, true FROM recycling_processline"
        ),
    ],
)
def test_the_database_refuses(world: World, sql: str) -> None:
    plants.add_outage(
        actor=world.actor(world.recycler), line=world.shredder, first_day=date(2026, 3, 1), kind="planned"
    )
    before = state("recycling")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert state("recycling") == before
