"""The reference data that come with the program, and loading them."""

from __future__ import annotations

import csv
import shutil
from decimal import Decimal

import pytest

from accounts.actors import Actor
from accounts.errors import Forbidden, Refused
from accounts.models import Function, Organization, User
from accounts.services.platform import PLATFORM_EMAIL, platform_actor
from collection.models import (
    PARTS,
    BatteryModel,
    Chemistry,
    Composition,
    CompositionElement,
    Jurisdiction,
    MaterialElement,
)
from collection.reference import derive
from collection.services import reference

pytestmark = pytest.mark.django_db


def test_what_comes_with_the_program():
    tallies = reference.load(platform_actor())
    assert tallies["jurisdictions"].created == Jurisdiction.objects.count() >= 96
    assert tallies["battery models"].created == BatteryModel.objects.count() >= 60
    assert not BatteryModel.objects.filter(source="").exists()
    for chemistry in Chemistry.objects.all():
        assert chemistry.compositions.filter(is_default=True).count() == 1, chemistry
    lithium = CompositionElement.objects.get(
        composition__chemistry="NMC622", element="Li", composition__is_default=True
    )
    assert lithium.kg_per_kwh == Decimal("0.103451") and "BatPaC 5.2" in lithium.source
    nickel = CompositionElement.objects.filter(composition__chemistry="LFP", element="Ni", kg_per_kwh__gt=0)
    assert not nickel.exists()  # a lithium-iron-phosphate pack is never credited with nickel
    assert round(MaterialElement.objects.get(material="li2co3").fraction, 3) == Decimal("0.188")
    assert all(
        Function.PRODUCER in model.producer.functions for model in BatteryModel.objects.select_related("producer")
    )


def test_compositions_add_up_to_the_pack():
    """What is derived is what the file says; what is left of the pack is named, and no part is in a sum."""
    with (reference.FOLDER / "compositions.csv").open() as file:
        stored = {
            (row["chemistry"], row["element"]): row["kg_per_kwh"]
            for row in csv.DictReader(file)
            if row["version"] == derive.VERSION
        }
    derived = {(name, row[0]): f"{row[1]:.6f}" for name in derive.CELLS for row in derive.rows(name)}
    assert stored == derived
    reference.load(platform_actor())
    for composition in Composition.objects.filter(version=derive.VERSION):
        listed = {part.element: part.kg_per_kwh for part in composition.elements.all()}
        whole = sum(kg for element, kg in listed.items() if element not in PARTS)
        assert composition.pack_kg_per_kwh and 0 < composition.pack_kg_per_kwh - whole < Decimal("0.7"), composition
        assert composition.rest and composition.unknown_elements == ["plastics"]
        assert listed["Cu-cell"] < listed["Cu"] and listed["solvent"] < listed["C"] + listed["O"]
        assert all(part.source and part.confidence for part in composition.elements.all())
    lfp = dict(
        CompositionElement.objects.filter(composition__chemistry="LFP", composition__is_default=True).values_list(
            "element", "kg_per_kwh"
        )
    )
    assert abs(lfp["Fe-cell"] / lfp["P"] - Decimal("1.803")) < Decimal("0.07"), (
        "iron phosphate, and the salt's phosphorus"
    )


def test_loading_again_changes_nothing():
    actor = platform_actor()
    first = reference.load(actor)
    again = reference.load(actor)
    assert all(tally.created == tally.changed == 0 for tally in again.values())
    assert {name: tally.unchanged for name, tally in again.items()} == {name: t.created for name, t in first.items()}


def test_only_the_platform_loads():
    user = User.objects.create(email="someone@example.com", name="Someone")
    with pytest.raises(Forbidden):
        reference.load(Actor.of(user))
    assert not Jurisdiction.objects.exists()


def test_nobody_logs_in_as_the_platform():
    assert not platform_actor().user.has_usable_password()
    assert platform_actor() == platform_actor()
    assert User.objects.filter(email=PLATFORM_EMAIL).count() == 1


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(reference.FOLDER, tmp_path / "reference")


def edit(path, change):
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    rows = change(rows)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def dump():
    return set(
        CompositionElement.objects.values_list(
            "composition__version", "composition__is_default", "element", "kg_per_kwh"
        )
    )


@pytest.mark.parametrize("what", ["figure", "element less", "element more", "pack"])
def test_a_composition_is_never_edited(folder, what):
    actor = platform_actor()
    reference.load(actor, folder=folder)
    before = dump()

    def change(rows):
        if what == "figure":
            rows[0]["kg_per_kwh"] = "0.2"
        elif what == "element less":
            del rows[0]
        elif what == "element more":
            rows.append(rows[0] | {"element": "REE"})
        else:
            rows[0]["pack_kg_per_kwh"] = "9"
        return rows

    edit(folder / ("compositions_pack.csv" if what == "pack" else "compositions.csv"), change)
    with pytest.raises(Refused):
        reference.load(actor, folder=folder)
    assert dump() == before


def test_a_new_version_stands_beside_the_old_one_and_becomes_the_default(folder):
    actor = platform_actor()
    reference.load(actor, folder=folder)
    old = Composition.objects.get(chemistry="NMC111", is_default=True)
    edit(
        folder / "compositions.csv",
        lambda rows: rows + [r | {"version": "BatPaC 9"} for r in rows if r["chemistry"] == "NMC111"],
    )
    assert reference.load(actor, folder=folder)["compositions"].created == 1
    assert Composition.objects.get(chemistry="NMC111", is_default=True).version == "BatPaC 9"
    old.refresh_from_db()
    assert not old.is_default and old.elements.count() > 0


def test_a_producer_that_is_known_as_something_else_gets_the_function():
    Organization.objects.create(name="Tesla, Inc.", functions=[Function.RECYCLER])
    assert reference.load(platform_actor())["producers"].changed == 1
    assert Organization.objects.get(name="Tesla, Inc.").functions == [Function.RECYCLER, Function.PRODUCER]
