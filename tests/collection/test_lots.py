"""Lots: brought in, split to the gram, disposed of and taken back, corrected."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import LOT_MOVES, Facility, Lot, LotStatus, Material
from collection.services import lots, shipments
from collection.services.lots import Part
from collection.services.packing import NewLine
from collection.units import KG_PER_UNIT, Unit
from recycling.admin.scans import lot_ids
from tests.migrations import migration_named
from tests.refusals import refused, state
from tests.world import World, ago

pytestmark = pytest.mark.django_db


def brought(world: World, **fields: Any) -> Lot:
    """100 kg of black mass with a fifth of nickel, from outside."""
    return lots.bring_in(
        **{
            "actor": world.actor(world.recycler), "facility": world.plant_site, "number": "EXT-1",
            "material": Material.objects.get(code="black_mass"), "mass_value": Decimal(100), "origin": "Asia",
            "brought_at": ago(days=9), "assays": {"Ni": Decimal("0.2")}, **fields,
        }
    )  # fmt: skip


def test_brought_in(world: World) -> None:
    lot = brought(world, mass_unit="lb", moisture=Decimal("0.1"))
    assert (lot.status, lot.facility, lot.owner, lot.origin) == ("in_stock", world.plant_site, world.recycler, "Asia")
    assert lot.mass_kg == Decimal("45.359237")
    entry = lot.events.get()
    assert (entry.kind, entry.to_facility, entry.mass_kg, entry.note) == (
        "received", world.plant_site, Decimal("45.359237"), "Asia",
    )  # fmt: skip
    assert {a.element: a.fraction for a in lot.assays.all()} == {"Ni": Decimal("0.2")}


@pytest.mark.parametrize(
    ("fields", "kind", "field"),
    [
        ({"origin": " "}, Invalid, "origin"),
        ({"mass_value": Decimal(0)}, Invalid, "mass_value"),
        ({"mass_value": Decimal("NaN")}, Invalid, "mass_value"),
        ({"mass_value": Decimal("1e12")}, Invalid, "mass_value"),
        ({"mass_value": Decimal("0.0001")}, Invalid, "mass_value"),
        ({"mass_unit": "stone"}, Invalid, "mass_unit"),
        ({"moisture": Decimal(1)}, Invalid, "moisture"),
        ({"moisture": Decimal("0.00001")}, Invalid, "moisture"),
        ({"assays": {"Ni": Decimal("0.123456789")}}, Invalid, "assays.Ni"),
        ({"assays": {"Au": Decimal("0.1")}}, Invalid, "assays.Au"),
        ({"brought_at": ago(days=-1)}, Invalid, "brought_at"),
        ({"number": ""}, Invalid, "number"),
    ],
)
def test_what_is_not_brought_in(world: World, fields: dict[str, Any], kind: Any, field: str) -> None:
    refused(kind, brought, field, world=world, **fields)


def test_only_intermediates_with_room_for_them_and_by_whom(world: World) -> None:
    refused(Invalid, brought, "material", world=world, material=Material.objects.get(code="copper"))
    for actor in (world.actor(world.stranger), world.actor(world.recycler, Role.VIEWER)):
        refused(Forbidden, brought, world=world, actor=actor)
    Facility.objects.update(storage_limit_kg=Decimal("99.999"))
    world.plant_site.refresh_from_db()
    assert refused(Refused, brought, "mass_value", world=world).code == "storage_limit"
    Facility.objects.update(storage_limit_kg=100)
    brought(world)
    assert refused(Refused, brought, world=world, number="E2", mass_value=Decimal("0.001")).code == "storage_limit"
    Facility.objects.update(storage_limit_kg=None)
    world.plant_site.refresh_from_db()
    assert refused(Refused, brought, "number", world=world).code == "duplicate"


def split(world: World, lot: Lot, *parts: Part, **fields: Any) -> Lot:
    return lots.split(
        actor=world.actor(world.recycler), lot=lot, parts=list(parts), **{"split_at": ago(days=5), **fields}
    )


def test_split_with_a_rest(world: World) -> None:
    lot = split(world, brought(world), Part(Decimal(30)), Part(Decimal(20), number="MINE"))
    assert (lot.status, lot.facility) == ("split", None)
    parts = list(lot.parts.order_by("pk"))
    assert [(p.number, p.mass_kg, p.status) for p in parts] == [
        ("EXT-1-1", 30, "in_stock"), ("MINE", 20, "in_stock"), ("EXT-1-2", 50, "in_stock"),
    ]  # fmt: skip
    assert all({a.element: a.fraction for a in p.assays.all()} == {"Ni": Decimal("0.2")} for p in parts)
    assert [p.events.get().reference for p in parts] == [f"lot {lot.pk}"] * 3
    assert [e.kind for e in lot.events.order_by("sequence")] == ["received", "split"]
    again = split(world, parts[2], Part(Decimal(50).scaleb(-1)))
    assert sorted(p.number for p in again.parts.all()) == ["EXT-1-2-1", "EXT-1-2-2"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    whole=st.decimals("0.01", "99999", places=3),
    unit=st.sampled_from(Unit.values),
    shares=st.lists(st.integers(1, 400), min_size=1, max_size=4),
)
def test_parts_weigh_exactly_what_the_whole_weighed(world: World, whole: Decimal, unit: str, shares: list[int]) -> None:
    """In the lot's own unit every split is exact: thousandths of it are whole numbers."""
    thousandths = int(whole * 1000)
    parts = [Part(Decimal(thousandths * share // 2000).scaleb(-3), unit) for share in shares]
    fits = all(p.mass_value > 0 for p in parts) and sum(p.mass_value for p in parts) <= whole
    with transaction.atomic():
        lot = brought(world, mass_value=whole, mass_unit=unit)
        if fits and (len(parts) > 1 or parts[0].mass_value < whole):
            made = list(split(world, lot, *parts).parts.all())
            assert sum(p.mass_kg for p in made) == whole * KG_PER_UNIT[unit]
        else:
            with pytest.raises((Invalid, Refused)), transaction.atomic():
                split(world, lot, *parts)
        transaction.set_rollback(True)


def test_what_is_not_split(world: World) -> None:
    lot = brought(world)
    act = lots.split
    arguments: dict[str, Any] = {"actor": world.actor(world.recycler), "lot": lot, "split_at": ago(days=5)}
    refused(Invalid, act, "parts", parts=[], **arguments)
    refused(Invalid, act, "parts", parts=[Part(Decimal(100))], **arguments)
    assert refused(Refused, act, "parts", parts=[Part(Decimal(60)), Part(Decimal(41))], **arguments).code == "too_much"
    refused(Invalid, act, "parts.0.mass_value", parts=[Part(Decimal(-1))], **arguments)
    refused(Invalid, act, "parts.1.mass_unit", parts=[Part(Decimal(1)), Part(Decimal(1), "zz")], **arguments)
    assert refused(Refused, act, "parts", parts=[Part(Decimal("10.5"), "lb")], **arguments).code == "inexact"
    refused(Refused, act, "parts.0.number", parts=[Part(Decimal(1), number="EXT-1")], **arguments)
    refused(
        Refused, act, "parts.1.number", parts=[Part(Decimal(1), number="A"), Part(Decimal(1), number="A")], **arguments
    )
    one = [Part(Decimal(1))]
    refused(Forbidden, act, parts=one, **arguments | {"actor": world.actor(world.refiner)})
    refused(Refused, act, "split_at", parts=one, **arguments | {"split_at": ago(days=20)})
    shipments.draft(
        actor=world.actor(world.recycler), origin=world.plant_site, destination=world.refinery_site,
        carrier=world.carrier, lines=[NewLine(lot=lot.pk)],
    )  # fmt: skip
    assert refused(Refused, act, "lot", parts=one, **arguments).code == "on_shipment"


def test_splitting_takes_the_same_number_of_statements_for_any_number_of_parts(world: World) -> None:
    counts = []
    for number in (2, 40):
        lot = brought(world, number=f"E{number}", mass_value=Decimal(1000))
        with CaptureQueriesContext(connection) as queries:
            split(world, lot, *[Part(Decimal(1))] * number)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("disposition", ["sold", "landfilled", "mineralized", "energy_recovered", "lost"])
def test_disposed_of_and_taken_back(world: World, disposition: str) -> None:
    lot = brought(world)
    act: dict[str, Any] = {"actor": world.actor(world.recycler), "lot": lot, "note": "x"}
    lot = lots.dispose(disposition=disposition, disposed_at=ago(days=5), **act)
    assert (lot.status, lot.facility) == (disposition, None)
    back: dict[str, Any] = {"lot": lot, "reinstated_at": ago(days=4), "reason": "wrong lot"}
    refused(Forbidden, lots.reinstate, actor=world.actor(world.recycler), **back)
    manager = world.actor(world.recycler, Role.MANAGER)
    refused(Invalid, lots.reinstate, "reason", actor=manager, **back | {"reason": ""})
    refused(Refused, lots.reinstate, "reinstated_at", actor=manager, **back | {"reinstated_at": ago(days=6)})
    lot = lots.reinstate(actor=manager, **back)
    assert (lot.status, lot.facility) == ("in_stock", world.plant_site)
    refused(Refused, lots.reinstate, actor=manager, **back)


def test_what_is_not_disposed_of(world: World) -> None:
    lot = brought(world)
    act: dict[str, Any] = {
        "actor": world.actor(world.recycler), "lot": lot, "disposition": "sold", "disposed_at": ago(days=5),
    }  # fmt: skip
    refused(Invalid, lots.dispose, "note", **act)
    refused(Invalid, lots.dispose, "disposition", **act | {"disposition": "consumed"})
    refused(Forbidden, lots.dispose, **act | {"actor": world.actor(world.stranger), "note": "x"})
    refused(Invalid, lots.dispose, "disposed_at", **act | {"disposed_at": ago(days=-5), "note": "x"})
    lots.dispose(**act, note="x")
    refused(Refused, lots.dispose, "lot", **act, note="x")


def test_corrected(world: World) -> None:
    lot = brought(world)
    act: dict[str, Any] = {
        "actor": world.actor(world.recycler, Role.MANAGER), "lot": lot, "corrected_at": ago(days=5), "reason": "scale",
    }  # fmt: skip
    refused(Invalid, lots.correct, "mass_value", **act)
    refused(Invalid, lots.correct, "reason", **act | {"reason": " ", "moisture": Decimal(0)})
    refused(Invalid, lots.correct, "mass_value", **act, mass_value=Decimal(-1))
    refused(Invalid, lots.correct, "assays.Ni", **act, assays={"Ni": Decimal(2)})
    refused(Forbidden, lots.correct, **act | {"actor": world.actor(world.recycler)}, mass_value=Decimal(1))
    lot = lots.correct(**act, mass_value=Decimal("99.5"), assays={"Ni": Decimal("0.21"), "Co": Decimal("0.1")})
    assert lot.mass_kg == Decimal("99.5")
    assert {a.element for a in lot.assays.all()} == {"Ni", "Co"}
    entry = lot.events.latest("sequence")
    assert (entry.kind, entry.mass_kg, entry.note, entry.corrects) == (
        "corrected", Decimal("99.5"), "scale", lot.events.get(sequence=1),
    )  # fmt: skip
    part = split(world, lot, Part(Decimal(1)), split_at=ago(days=4)).parts.first()
    act |= {"lot": part, "corrected_at": ago(days=3)}
    refused(Refused, lots.correct, "mass_value", **act, mass_value=Decimal(2))
    lots.correct(**act, moisture=Decimal("0.1"))


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE collection_lot SET mass_value = 0",
        "UPDATE collection_lot SET moisture = 1",
        "UPDATE collection_lot SET facility_id = NULL",
        "UPDATE collection_lot SET split_from_id = id",
        "UPDATE collection_lot SET mass_unit = 'zz'",
        "UPDATE collection_assay SET fraction = 1.1",
        "UPDATE collection_assay SET element = 'Au'",
        "INSERT INTO collection_assay (lot_id, element, fraction) SELECT lot_id, element, 0 FROM collection_assay",
    ],
)
def test_the_database_refuses(world: World, sql: str) -> None:
    brought(world)
    before = state("collection")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
    assert state("collection") == before


@pytest.mark.parametrize("old", LotStatus.values)
def test_the_trigger_knows_the_moves(world: World, old: str) -> None:
    lot = brought(world)
    shipment = shipments.draft(
        actor=world.actor(world.recycler), origin=world.plant_site, destination=world.hub, carrier=world.carrier
    )

    def put(status: str) -> None:
        Lot.objects.filter(pk=lot.pk).update(
            status=status,
            facility=world.plant_site if status == "in_stock" else None,
            shipment=shipment if status == "in_transit" else None,
        )

    for wanted in LotStatus.values:
        with pgtrigger.ignore("collection.Lot:status_moves"):
            put(old)
        if old == wanted or (old, wanted) in LOT_MOVES:
            put(wanted)
        else:
            with pytest.raises(Exception, match="status"), transaction.atomic():
                put(wanted)


@pytest.mark.parametrize("written", ["EXT-1 a", "ext-1A", "ＥＸＴ－１Ａ", "EXT\u20111\u200b a "])
def test_a_number_is_one_however_it_is_written(world: World, written: str) -> None:
    lot = brought(world, number="EXT-1 A\u200b")
    assert lot.number == "EXT-1 A"
    refused(Refused, lambda: brought(world, number=written), "number")
    assert Lot.objects.numbered(written, "x").get() == lot_ids_of(world, written) == lot
    part = Part(Decimal(1), "kg", written)
    refused(
        Refused,
        lots.split,
        "parts.0.number",
        actor=world.actor(world.recycler),
        lot=lot,
        parts=[part],
        split_at=ago(days=8),
    )
    with pytest.raises(IntegrityError, match="lot_number"), transaction.atomic():
        Lot.objects.filter(pk=brought(world, number="OTHER").pk).update(number=written)
    assert brought(world, number="EXT1A") != lot  # hyphens count: parts of a lot are numbered with them


def lot_ids_of(world: World, written: str) -> Lot:
    (found,) = lot_ids([{"lot": written}], world.user(world.recycler))
    return Lot.objects.get(pk=found)


def test_a_number_has_no_control_characters(world: World) -> None:
    for number in ("A\x071", "A\ud800"):
        assert (
            refused(Invalid, lambda number=number: brought(world, number=number), "number").code == "control_character"
        )
    lot = brought(world)
    for number in ("A\x071", " A1", "ＡＡ"):
        with pytest.raises(IntegrityError, match="lot_number_normal"), transaction.atomic():
            Lot.objects.filter(pk=lot.pk).update(number=number)


def test_numbers_stored_before_are_normalized(world: World, capsys: Any) -> None:
    migration = migration_named("numbers_that_look_alike")
    first, second, third = (brought(world, number=number) for number in ("ONE", "TWO", "THREE"))
    constraints = [c for c in Lot._meta.constraints if c.name.startswith("lot_number")]

    class Apps:
        get_model = staticmethod(lambda app, model: Lot)

    with connection.schema_editor(atomic=False) as editor:
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for constraint in constraints:
            editor.remove_constraint(Lot, constraint)
        for lot, number in ((second, "ｏｎｅ"), (third, "Ｔ  1")):
            Lot.objects.filter(pk=lot.pk).update(number=number)
        migration.normalize_lots(Apps, editor)
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for constraint in constraints:
            editor.add_constraint(Lot, constraint)
    numbers = [Lot.objects.get(pk=lot.pk).number for lot in (first, second, third)]
    assert numbers == ["ONE", f"one ({second.pk})", "T 1"]
    assert f"lot {second.pk}: number “one” is now “one ({second.pk})”" in capsys.readouterr().err
