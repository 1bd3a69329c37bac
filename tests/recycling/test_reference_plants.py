"""The list of real plants, and loading it."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from accounts.actors import Actor
from accounts.errors import Forbidden
from accounts.models import Function, User
from accounts.services.platform import platform_actor
from collection.services import reference
from recycling.models import Nameplate, Plant, PlantStatus, ProcessLine, Stage
from recycling.services import reference_plants

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor():
    actor = platform_actor()
    reference.load(actor)
    return actor


def test_real_plants_with_source_and_confidence(actor):
    tallies = reference_plants.load_reference(actor)
    assert tallies["plants"].created == Plant.objects.count() >= 16
    for plant in Plant.objects.select_related("facility__operator"):
        assert plant.facility.source and plant.facility.confidence
        assert not plant.facility.is_simulated
        assert plant.facility.operator.has_function(Function.RECYCLER)
        assert len(plant.facility.source) < 300
    assert not Plant.objects.filter(facility__jurisdiction__in=["MX"]).exists()


def test_one_figure_for_a_plant_is_counted_once(actor):
    reference_plants.load_reference(actor)
    per_plant = Counter(Nameplate.objects.values_list("line__plant", flat=True))
    assert set(per_plant.values()) == {1}
    ascend = Plant.objects.get(facility__name="Ascend Base 1")
    assert {line.stage for line in ascend.lines.all()} == {Stage.PREPROCESS, Stage.REFINE}
    assert ascend.lines.get(nameplates__isnull=False).stage == Stage.PREPROCESS
    redwood = Plant.objects.get(facility__name="Redwood Nevada")  # tonnes of materials out
    assert redwood.lines.get(nameplates__isnull=False).stage == Stage.REFINE


def test_loading_again_changes_nothing(actor):
    reference_plants.load_reference(actor)
    again = reference_plants.load_reference(actor)
    assert all(tally.created == tally.changed == 0 for tally in again.values())


def test_only_the_platform_loads(actor):
    with pytest.raises(Forbidden):
        reference_plants.load_reference(Actor.of(User.objects.create(email="someone@example.com", name="Someone")))
    assert not Plant.objects.exists()


def test_a_nameplate_that_began_with_a_press_item_has_no_first_day_any_more(actor):
    """As lists loaded before: a figure held from the day on which somebody wrote of it."""
    reference_plants.load_reference(actor)
    of_ascend = Nameplate.objects.filter(line__plant__facility__name="Ascend Base 1")
    of_ascend.update(valid=(date(2026, 5, 7), None))
    for changed in (1, 0):
        assert reference_plants.load_reference(actor)["nameplates"].changed == changed
    assert of_ascend.get().valid.lower is None


def test_statuses_that_follow_each_other_never_overlap(actor, tmp_path):
    """Three in a row, entered in any order; what an operator said meanwhile stays."""
    reference_plants.load_reference(actor)
    plant = Plant.objects.get(facility__name="Redwood Nevada")
    (said,) = plant.statuses.all()
    PlantStatus.objects.filter(pk=said.pk).update(valid=(date(2026, 3, 1), None), status="paused", source="by hand")
    folder = shutil.copytree(reference_plants.FOLDER, tmp_path / "reference")
    with (folder / "plant_statuses.csv").open("a", encoding="utf-8") as file:
        for first, last in (("2025-06", ""), ("2025", ""), ("2024-06", "2024-08-31")):
            file.write(f"Redwood Materials,Redwood Nevada,,curtailed,{first},{last},somewhere,S,\n")
    for created in (4, 0):
        assert reference_plants.load_reference(actor, folder=folder)["plant statuses"].created == created
    assert [(s.status, s.valid.lower, s.valid.upper) for s in plant.statuses.order_by("valid")] == [
        ("operating", date(2024, 1, 1), date(2024, 6, 1)),
        ("curtailed", date(2024, 6, 1), date(2024, 9, 1)),
        ("curtailed", date(2025, 1, 1), date(2025, 6, 1)),
        ("curtailed", date(2025, 6, 1), date(2026, 3, 1)),
        ("paused", date(2026, 3, 1), None),
    ]


def test_a_new_figure_follows_the_old_one(actor, tmp_path):
    reference_plants.load_reference(actor)
    folder = shutil.copytree(reference_plants.FOLDER, tmp_path / "reference")
    with (folder / "plants.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    row = next(row for row in rows if row["name"] == "Glencore Arizona")
    row["nameplate_t_per_year"], row["started"] = "20000", "2026-07"
    with (folder / "plants.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    tallies = reference_plants.load_reference(actor, folder=folder)
    assert (tallies["nameplates"].created, tallies["process lines"].created) == (1, 0)
    old, new = Nameplate.objects.filter(line__plant__facility__name="Glencore Arizona").order_by("valid")
    assert (old.t_per_year, old.valid.lower, old.valid.upper) == (Decimal(10000), None, date(2026, 7, 1))
    assert (new.t_per_year, new.valid.lower, new.valid.upper) == (Decimal(20000), date(2026, 7, 1), None)
    assert ProcessLine.objects.filter(plant__facility__name="Glencore Arizona").count() == 1
