"""Batches: what is charged, what comes out, and the balance between them (invariant 2)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Role
from collection.models import Battery, Lot, Material
from collection.services import lots
from collection.services.lots import Part
from recycling.models import Charge, Output, ProcessLine, Reagent
from recycling.queries.balance import balance_of
from recycling.services import batches, charges, inspections, outputs
from recycling.services.charges import LotCharge
from tests.recycling.chains import BLACK_MASS, charged, closed, opened, output, packs
from tests.refusals import refused, state
from tests.world import World, ago, batteries_at, drafted_shipment

pytestmark = pytest.mark.django_db


@pytest.fixture
def w(world: World) -> World:
    return world


def test_a_charged_battery_is_consumed_with_its_content(w: World) -> None:
    (battery,) = packs(w)
    batch = opened(w)
    charges.charge(actor=w.actor(w.recycler), batch=batch, charged_at=ago(days=9), batteries=[battery.pk])
    battery.refresh_from_db()
    charge = battery.charge
    assert (battery.status, battery.facility) == ("consumed", None)
    assert (charge.batch, charge.mass_kg, charge.content_kwh) == (batch, 400, 60)
    assert charge.composition.chemistry_id == "NMC622"
    entry = battery.events.latest("sequence")
    assert (entry.kind, entry.to_status, entry.mass_kg, entry.reference) == (
        "charged", "consumed", 400, f"batch {batch.pk}",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"decision": "reuse"}, "not_to_recycle"),
        ({"mass_value": None}, "no_mass"),
    ],
)
def test_what_may_not_be_charged(w: World, fields: dict[str, Any], code: str) -> None:
    good, bad = packs(w)[0], packs(w, **fields)[0]
    error = refused(
        Refused, charges.charge, actor=w.actor(w.recycler), batch=opened(w), charged_at=ago(days=9),
        batteries=[good.pk, bad.pk],
    )  # fmt: skip
    assert (error.field, error.code) == ("batteries.1", code)


def test_not_inspected(w: World) -> None:
    (battery,) = batteries_at(w, w.plant_site)
    error = refused(
        Refused, charges.charge, actor=w.actor(w.recycler), batch=opened(w), charged_at=ago(days=9),
        batteries=[battery.pk],
    )  # fmt: skip
    assert (error.field, error.code) == ("batteries.0", "not_inspected")


def test_the_newest_inspection_holds(w: World) -> None:
    (battery,) = packs(w)
    inspections.inspect(
        actor=w.actor(w.recycler), plant=w.plant, battery=battery, inspected_at=ago(days=12), decision="repurpose"
    )
    error = refused(
        Refused, charges.charge, actor=w.actor(w.recycler), batch=opened(w), charged_at=ago(days=9),
        batteries=[battery.pk],
    )  # fmt: skip
    assert error.code == "not_to_recycle"


def test_elsewhere_twice_or_unknown(w: World) -> None:
    (battery,) = packs(w)
    (other,) = batteries_at(w, w.yard)
    for second, kind in ((other.pk, Refused), (battery.pk, Invalid), (10**15, Refused)):
        refused(
            kind, charges.charge, "batteries.1", actor=w.actor(w.recycler), batch=opened(w, number=f"B{second}"),
            charged_at=ago(days=9), batteries=[battery.pk, second],
        )  # fmt: skip


def test_a_line_says_what_it_accepts(w: World) -> None:
    w.shredder.chemistries.set([w.lfp])
    (battery,) = packs(w)
    batch = opened(w)
    arguments = {"actor": w.actor(w.recycler), "batch": batch, "charged_at": ago(days=9), "batteries": [battery.pk]}
    assert refused(Refused, charges.charge, **arguments).code == "not_accepted"
    w.shredder.chemistries.set([w.lfp, w.nmc])
    ProcessLine.objects.update(forms=["cell"])
    assert refused(Refused, charges.charge, **arguments).code == "not_accepted"
    ProcessLine.objects.update(forms=["cell", "pack"])
    charges.charge(**arguments)


def test_a_battery_on_a_draft_shipment_stays(w: World) -> None:
    (battery,) = packs(w)
    shipment = drafted_shipment(w, [battery], w.plant_site, w.hub)
    error = refused(
        Refused, charges.charge, actor=w.actor(w.recycler), batch=opened(w), charged_at=ago(days=9),
        batteries=[battery.pk],
    )  # fmt: skip
    assert (error.code, error.field) == ("on_shipment", "batteries.0")
    assert str(shipment.pk) in str(error)


def test_charge_time(w: World) -> None:
    (battery,) = packs(w)
    batch = opened(w)
    for at, code in ((ago(days=11), "out_of_order"), (ago(days=-1), "in_future")):
        error = refused(
            Invalid, charges.charge, actor=w.actor(w.recycler), batch=batch, charged_at=at, batteries=[battery.pk]
        )
        assert (error.field, error.code) == ("charged_at", code)


def test_only_the_plants_operators(w: World) -> None:
    (battery,) = packs(w)
    batch = opened(w)
    for actor in (w.actor(w.stranger), w.actor(w.recycler, Role.VIEWER), w.actor(w.refiner)):
        refused(Forbidden, charges.charge, actor=actor, batch=batch, charged_at=ago(days=9), batteries=[battery.pk])


def test_statements_do_not_grow_with_the_batteries(w: World) -> None:
    counts = []
    for number in (2, 40):
        ids = [battery.pk for battery in packs(w, number)]
        batch = opened(w, number=f"B{number}")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            charges.charge(actor=w.actor(w.recycler), batch=batch, charged_at=ago(days=9), batteries=ids)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_uncharge(w: World) -> None:
    batch = charged(w, 2)
    battery = Battery.objects.filter(charge__batch=batch).first()
    assert battery
    arguments = {"actor": w.actor(w.recycler), "batch": batch, "uncharged_at": ago(days=8), "reason": "wrong pallet"}
    error = refused(Invalid, charges.uncharge, batteries=[battery.pk, 10**15], **arguments)
    assert error.field == "batteries.1"
    charges.uncharge(batteries=[battery.pk], **arguments)
    battery.refresh_from_db()
    assert (battery.status, battery.facility) == ("at_facility", w.plant_site)
    assert batch.charges.count() == 1
    charges.charge(actor=w.actor(w.recycler), batch=batch, charged_at=ago(days=7), batteries=[battery.pk])


def refinery_lot(w: World, kg: str = "1000", **fields: Any) -> Lot:
    return lots.bring_in(
        actor=w.actor(w.refiner),
        facility=w.refinery_site,
        number=fields.pop("number", "EXT-1"),
        material=Material.objects.get(code=fields.pop("material", "black_mass")),
        mass_value=Decimal(kg),
        origin="Asia",
        brought_at=ago(days=30),
        assays=BLACK_MASS,
        **fields,
    )


def test_whole_and_part(w: World) -> None:
    lot = refinery_lot(w)
    batch = opened(w, w.hydro)
    charges.charge(
        actor=w.actor(w.refiner), batch=batch, charged_at=ago(days=9),
        lots=[LotCharge(lot.pk, Decimal("0.3"), "t")],
    )  # fmt: skip
    lot.refresh_from_db()
    taken, rest = lot.parts.order_by("pk")
    assert lot.status == "split"
    assert (taken.mass_kg, taken.status, taken.charge.batch) == (300, "consumed", batch)
    assert (rest.mass_kg, rest.status, rest.facility) == (700, "in_stock", w.refinery_site)
    assert {a.element: a.fraction for a in taken.assays.all()} == BLACK_MASS
    charges.charge(
        actor=w.actor(w.refiner), batch=batch, charged_at=ago(days=9),
        lots=[LotCharge(rest.pk, Decimal(700))],
    )  # fmt: skip
    rest.refresh_from_db()
    assert rest.status == "consumed"
    charges.uncharge(actor=w.actor(w.refiner), batch=batch, uncharged_at=ago(days=8), reason="no", lots=[rest.pk])
    rest.refresh_from_db()
    assert (rest.status, rest.facility) == ("in_stock", w.refinery_site)


def test_products_are_not_charged(w: World) -> None:
    batch = charged(w)
    copper = output(w, batch, "copper", 20)
    batches.close(actor=w.actor(w.recycler), batch=batch, closed_at=ago(days=7))
    error = refused(
        Refused, charges.charge, actor=w.actor(w.recycler), batch=opened(w, number="B2"), charged_at=ago(days=5),
        lots=[LotCharge(copper.pk)],
    )  # fmt: skip
    assert (error.field, error.code) == ("lots.0", "not_intermediate")


def test_not_while_the_batch_that_made_it_is_open(w: World) -> None:
    batch = charged(w)
    lot = output(w, batch, "black_mass", 100, assays=BLACK_MASS)
    error = refused(
        Refused, charges.charge, actor=w.actor(w.recycler), batch=opened(w, number="B2"), charged_at=ago(days=5),
        lots=[LotCharge(lot.pk)],
    )  # fmt: skip
    assert (error.field, error.code) == ("lots.0", "maker_open")


def test_too_much_elsewhere_or_twice(w: World) -> None:
    lot = refinery_lot(w)
    batch = opened(w, w.hydro)
    for row, kind in (
        (LotCharge(lot.pk, Decimal(1001)), Refused),
        (LotCharge(lot.pk, Decimal(-1)), Invalid),
        (LotCharge(lot.pk, Decimal("NaN")), Invalid),
        (LotCharge(lot.pk, Decimal(1), "zz"), Invalid),
        (LotCharge(10**15), Refused),
    ):
        error = refused(kind, charges.charge, actor=w.actor(w.refiner), batch=batch, charged_at=ago(days=9), lots=[row])
        assert error.field is not None and error.field.startswith("lots.0")


def test_default_assay_is_the_stoichiometry(w: World) -> None:
    batch = charged(w)
    lot = output(w, batch, "li2co3", 10)
    assert [(a.element, a.fraction) for a in lot.assays.all()] == [("Li", Decimal("0.18787000"))]
    assert (lot.owner, lot.facility, lot.output.batch) == (w.recycler, w.plant_site, batch)
    assert lot.events.get().kind == "produced"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"mass_value": Decimal(0)}, "mass_value"),
        ({"mass_value": Decimal("Infinity")}, "mass_value"),
        ({"mass_value": Decimal(10**9)}, "mass_value"),
        ({"mass_unit": "zz"}, "mass_unit"),
        ({"moisture": Decimal(1)}, "moisture"),
        ({"assays": {"Li": Decimal("1.1")}}, "assays.Li"),
        ({"assays": {"Xx": Decimal("0.1")}}, "assays.Xx"),
        ({"assays": {"Li": Decimal("0.6"), "Ni": Decimal("0.6")}}, "assays"),
        ({"number": " "}, "number"),
        ({"number": "x" * 61}, "number"),
        ({"made_at": ago(days=11)}, "made_at"),
        ({"made_at": ago(days=-11)}, "made_at"),
    ],
)
def test_values_that_are_never_right(w: World, fields: dict[str, Any], field: str) -> None:
    batch = charged(w)
    arguments = {
        "number": "L1", "material": Material.objects.get(code="black_mass"), "mass_value": Decimal(1),
        "made_at": ago(days=8), **fields,
    }  # fmt: skip
    error = refused(Invalid, outputs.record_output, actor=w.actor(w.recycler), batch=batch, **arguments)
    assert error.field == field


def test_a_number_is_used_once(w: World) -> None:
    batch = charged(w)
    output(w, batch, "copper", 1)
    error = refused(
        Refused, outputs.record_output, actor=w.actor(w.recycler), batch=batch, number=" L1",
        material=Material.objects.get(code="copper"), mass_value=Decimal(1), made_at=ago(days=8),
    )  # fmt: skip
    assert (error.field, error.code) == ("number", "duplicate")


def test_outputs_remove(w: World) -> None:
    batch = charged(w)
    lot = output(w, batch, "copper", 1)
    outputs.remove_output(actor=w.actor(w.recycler), batch=batch, lot=lot.pk, removed_at=ago(days=7), reason="typo")
    lot.refresh_from_db()
    assert (lot.status, lot.facility) == ("void", None)
    assert balance_of(batch).output_kg == 0


def test_reagents(w: World) -> None:
    batch = charged(w)
    actor = w.actor(w.recycler)
    outputs.add_reagent(actor=actor, batch=batch, name="water", mass_value=Decimal(100), unit="lb")
    reagent = batch.reagents.get()
    assert reagent.mass_kg == Decimal("45.359237")
    error = refused(Invalid, outputs.remove_reagent, actor=actor, batch=batch, reagent=10**12)
    assert error.field == "reagent"
    outputs.remove_reagent(actor=actor, batch=batch, reagent=reagent.pk)
    assert not batch.reagents.exists()


def test_within_balance(w: World) -> None:
    batch, _lot = closed(w)
    assert (batch.status, batch.explanation) == ("closed", "")


def test_needs_charges_and_outputs(w: World) -> None:
    batch = opened(w)
    arguments = {"actor": w.actor(w.recycler), "batch": batch, "closed_at": ago(days=1)}
    assert refused(Refused, batches.close, **arguments).field == "charges"
    charges.charge(actor=w.actor(w.recycler), batch=batch, charged_at=ago(days=9), batteries=[packs(w)[0].pk])
    assert refused(Refused, batches.close, **arguments).field == "outputs"


def test_outputs_weigh_no_more_than_inputs_and_reagents(w: World) -> None:
    batch = charged(w)
    output(w, batch, "slag", "400.001")
    arguments = {"actor": w.actor(w.recycler), "batch": batch, "closed_at": ago(days=1)}
    error = refused(Refused, batches.close, **arguments)
    assert (error.field, error.code) == ("explanation", "out_of_balance")
    outputs.add_reagent(actor=w.actor(w.recycler), batch=batch, name="lime", mass_value=Decimal("0.001"), unit="kg")
    batches.close(**arguments)


@pytest.mark.parametrize(("kg", "is_held"), [("34.650", True), ("34.651", False)])
def test_each_element_within_the_assay_tolerance(w: World, kg: str, is_held: bool) -> None:
    """33 kg of nickel may come out as 33 x 1.05 = 34.65 kg."""
    batch = charged(w)
    output(w, batch, "black_mass", kg, assays={"Ni": Decimal(1)})
    arguments = {"actor": w.actor(w.recycler), "batch": batch, "closed_at": ago(days=1)}
    if is_held:
        batches.close(**arguments)
    else:
        assert "Ni" in str(refused(Refused, batches.close, **arguments))


def test_an_element_that_nothing_contained(w: World) -> None:
    batch = charged(w)
    output(w, batch, "black_mass", "100", assays={"P": Decimal("0.01")})
    error = refused(Refused, batches.close, actor=w.actor(w.recycler), batch=batch, closed_at=ago(days=1))
    assert "P:" in str(error)


def test_a_manager_signs_an_explanation(w: World) -> None:
    batch = charged(w)
    output(w, batch, "slag", "401")
    arguments = {"batch": batch, "closed_at": ago(days=1), "explanation": "moisture of the air"}
    refused(Forbidden, batches.close, actor=w.actor(w.recycler), **arguments)
    batch = batches.close(actor=w.actor(w.recycler, Role.MANAGER), **arguments)
    assert (batch.explanation, batch.explained_by) == (
        "moisture of the air", w.user(w.recycler, Role.MANAGER),
    )  # fmt: skip


def test_no_explanation_where_none_is_needed(w: World) -> None:
    batch = charged(w)
    output(w, batch, "slag", "400")
    error = refused(
        Refused, batches.close, actor=w.actor(w.recycler, Role.MANAGER), batch=batch, closed_at=ago(days=1),
        explanation="just in case",
    )  # fmt: skip
    assert (error.field, error.code) == ("explanation", "in_balance")


@pytest.mark.parametrize("at", [ago(days=9), ago(days=-2)])
def test_close_time(w: World, at: datetime) -> None:
    batch = charged(w)
    output(w, batch, "slag", "400")
    assert refused(Invalid, batches.close, actor=w.actor(w.recycler), batch=batch, closed_at=at).field == ("closed_at")


def test_a_closed_batch_is_sealed(w: World) -> None:
    batch, lot = closed(w)
    (battery,) = packs(w)
    actor = w.actor(w.recycler)
    for command, arguments in (
        (charges.charge, {"charged_at": ago(days=1), "batteries": [battery.pk]}),
        (charges.uncharge, {"uncharged_at": ago(days=1), "reason": "x", "batteries": [1]}),
        (outputs.add_reagent, {"name": "x", "mass_value": Decimal(1)}),
        (outputs.remove_output, {"lot": lot.pk, "removed_at": ago(days=1), "reason": "x"}),
        (batches.close, {"closed_at": ago(days=1)}),
    ):
        assert refused(Refused, command, actor=actor, batch=batch, **arguments).code == "wrong_status"


def test_the_database_seals_it_too(w: World) -> None:
    batch, lot = closed(w)
    for write in (
        lambda: Lot.objects.filter(pk=lot.pk).update(mass_value=1),
        lambda: Lot.objects.filter(pk=lot.pk).update(moisture="0.5"),
        lambda: lot.assays.update(fraction="0.1"),
        lambda: lot.assays.all().delete(),
        lambda: lot.assays.create(element="Co", fraction="0.1"),
        lambda: Charge.objects.filter(batch=batch).delete(),
        lambda: Charge.objects.filter(batch=batch).update(mass_kg=1),
        lambda: Output.objects.filter(batch=batch).delete(),
        lambda: Reagent.objects.create(batch=batch, name="x", mass_value=1),
    ):
        before = state()
        with pytest.raises(IntegrityError), transaction.atomic():
            write()
        assert state() == before


def test_as_long_as_all_it_made_is_in_stock(w: World) -> None:
    batch, lot = closed(w)
    refused(Forbidden, batches.reopen, actor=w.actor(w.recycler), batch=batch, reason="assay was wrong")
    manager = w.actor(w.recycler, Role.MANAGER)
    assert refused(Invalid, batches.reopen, actor=manager, batch=batch, reason=" ").field == "reason"
    batch = batches.reopen(actor=manager, batch=batch, reason="assay was wrong")
    assert (batch.status, batch.closed_at, batch.reason) == ("open", None, "assay was wrong")
    lots.correct(actor=manager, lot=lot, corrected_at=ago(days=6), reason="laboratory", assays={"Ni": Decimal("0.25")})
    batches.close(actor=manager, batch=batch, closed_at=ago(days=5))


def test_not_once_an_output_was_used(w: World) -> None:
    batch, lot = closed(w)
    manager = w.actor(w.recycler, Role.MANAGER)
    lots.dispose(actor=manager, lot=lot, disposition="landfilled", disposed_at=ago(days=6))
    assert refused(Refused, batches.reopen, actor=manager, batch=batch, reason="x").field == "outputs"
    lots.reinstate(actor=manager, lot=lot, reinstated_at=ago(days=5), reason="was not")
    charges.charge(actor=manager, batch=opened(w, number="B2"), charged_at=ago(days=4), lots=[LotCharge(lot.pk)])
    assert refused(Refused, batches.reopen, actor=manager, batch=batch, reason="x").field == "outputs"


def test_parts_of_an_output_are_outputs(w: World) -> None:
    batch, lot = closed(w)
    actor = w.actor(w.recycler, Role.MANAGER)
    lots.split(actor=actor, lot=lot, parts=[Part(Decimal(20))], split_at=ago(days=6))
    parts = list(lot.parts.all())
    assert [part.output.batch for part in parts] == [batch, batch]
    lots.dispose(actor=actor, lot=parts[0], disposition="lost", disposed_at=ago(days=5), note="spilled")
    assert refused(Refused, batches.reopen, actor=actor, batch=batch, reason="x").field == "outputs"


def test_reopen_void(w: World) -> None:
    batch = charged(w)
    manager = w.actor(w.recycler, Role.MANAGER)
    assert refused(Refused, batches.void, actor=manager, batch=batch, reason="x").field == "charges"
    charges.uncharge(
        actor=manager, batch=batch, uncharged_at=ago(days=8), reason="x",
        batteries=list(batch.charges.values_list("battery", flat=True)),
    )  # fmt: skip
    lot = output(w, batch, "slag", 1)
    assert refused(Refused, batches.void, actor=manager, batch=batch, reason="x").field == "outputs"
    outputs.remove_output(actor=manager, batch=batch, lot=lot.pk, removed_at=ago(days=7), reason="x")
    batches.void(actor=manager, batch=batch, reason="x")
    assert refused(Refused, batches.close, actor=manager, batch=batch, closed_at=ago(days=1)).code == ("wrong_status")


def test_open_refusals(w: World) -> None:
    opened(w)
    actor = w.actor(w.recycler)
    arguments = {"actor": actor, "line": w.shredder, "number": "B1", "started_at": ago(days=1)}
    assert refused(Refused, batches.open_batch, **arguments).field == "number"
    assert refused(Invalid, batches.open_batch, **arguments | {"number": ""}).field == "number"
    assert refused(Invalid, batches.open_batch, **arguments | {"started_at": ago(days=-1)}).field == "started_at"
    refused(Forbidden, batches.open_batch, **arguments | {"actor": w.actor(w.refiner), "number": "B9"})
    ProcessLine.objects.update(is_active=False)
    assert refused(Refused, batches.open_batch, **arguments | {"number": "B2"}).field == "line"
