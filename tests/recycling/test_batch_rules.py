"""Edges of batches: what belongs to them, what a line accepts, when one is reopened, and what the database keeps."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.errors import DomainError, Invalid, Refused
from accounts.models import Role
from collection.models import Composition, Lot, Material
from collection.services import lots, shipments
from collection.services.packing import NewLine
from recycling.models import Batch, Charge, Factor, Output
from recycling.services import batches, charges, factors, outputs
from recycling.services.charges import LotCharge
from tests import refusals
from tests.recycling.chain import carry
from tests.recycling.chains import BLACK_MASS, charged, closed, opened, output, packs
from tests.world import World, ago


@pytest.fixture
def w(world: World) -> World:
    return world


def code_of(kind: type[DomainError], act: Any, field: str, /, **arguments: Any) -> str:
    """The code by which `act` is refused."""
    return refusals.refused(kind, act, field, **arguments).code


def brought(w: World, facility: Any = None, **fields: Any) -> Lot:
    facility = facility or w.plant_site
    return lots.bring_in(
        actor=w.actor(facility.operator), facility=facility, origin="Asia", brought_at=ago(days=30),
        **{
            "number": "EXT-1", "material": Material.objects.get(pk="black_mass"), "mass_value": Decimal(100), **fields
        },
    )  # fmt: skip


# What belongs to a batch


def test_only_what_came_out_of_the_batch_is_removed_from_it(w: World) -> None:
    """Not what another batch made, and not what was brought in, though both are in stock at the plant."""
    batch, other = charged(w), charged(w, number="B2")
    output(w, batch, "copper", 1, "L1")
    for lot in (output(w, other, "copper", 1, "L2"), brought(w)):
        code_of(
            Invalid, outputs.remove_output, "lot", actor=w.actor(w.recycler), batch=batch, lot=lot.pk,
            removed_at=ago(days=7), reason="x",
        )  # fmt: skip


def test_only_a_reagent_of_the_batch_is_removed_from_it(w: World) -> None:
    batch, other = charged(w), charged(w, number="B2")
    actor = w.actor(w.recycler)
    outputs.add_reagent(actor=actor, batch=other, name="water", mass_value=Decimal(1))
    code_of(
        Invalid, outputs.remove_reagent, "reagent", actor=actor, batch=batch, reagent=other.reagents.get().pk
    )  # fmt: skip


def test_only_what_was_charged_into_the_batch_is_taken_out_of_it(w: World) -> None:
    batch, other = charged(w), charged(w, number="B2")
    error = code_of(
        Invalid, charges.uncharge, "batteries.0", actor=w.actor(w.recycler), batch=batch, uncharged_at=ago(days=8),
        reason="x", batteries=[other.charges.get().battery_id],
    )  # fmt: skip
    assert error == "not_charged"


def test_an_output_that_left_is_not_removed(w: World) -> None:
    batch = charged(w)
    lot = output(w, batch, "black_mass", 1, assays=BLACK_MASS)
    lots.dispose(actor=w.actor(w.recycler), lot=lot, disposition="landfilled", disposed_at=ago(days=7))
    error = code_of(
        Refused, outputs.remove_output, "lot", actor=w.actor(w.recycler), batch=batch, lot=lot.pk,
        removed_at=ago(days=6), reason="x",
    )  # fmt: skip
    assert error == "wrong_status"


# What is charged


def test_a_charge_keeps_the_composition_of_the_battery(w: World) -> None:
    """A model that gets a composition of its own later does not change what its batteries were taken to contain."""
    (battery,) = packs(w)
    w.nmc_pack.composition = Composition.objects.create(
        chemistry=w.nmc, version="laboratory", pack_kg_per_kwh=Decimal(5), source="x", confidence="S"
    )
    w.nmc_pack.save()
    charges.charge(actor=w.actor(w.recycler), batch=opened(w), charged_at=ago(days=9), batteries=[battery.pk])
    assert battery.composition is not None
    assert battery.charge.composition == battery.composition != w.nmc_pack.composition


def test_a_line_that_names_chemistries_accepts_no_unknown_one(w: World) -> None:
    w.shredder.chemistries.set([w.nmc])
    (battery,) = packs(w, model=None)
    assert battery.chemistry is None
    arguments: dict[str, Any] = {"actor": w.actor(w.recycler), "charged_at": ago(days=9), "batteries": [battery.pk]}
    batch = opened(w)
    assert code_of(Refused, charges.charge, "batteries.0", batch=batch, **arguments) == "not_accepted"
    w.shredder.chemistries.clear()
    charges.charge(batch=batch, **arguments)


def test_a_lot_at_another_facility_is_not_charged(w: World) -> None:
    lot = brought(w, w.refinery_site)
    here, batch = brought(w), opened(w)
    arguments: dict[str, Any] = {"actor": w.actor(w.recycler), "batch": batch, "charged_at": ago(days=9)}
    rows = [LotCharge(here.pk), LotCharge(lot.pk)]
    assert code_of(Refused, charges.charge, "lots.1", **arguments, lots=rows) == "not_here"
    assert code_of(Invalid, charges.charge, "lots.1", **arguments, lots=[rows[0], rows[0]]) == "duplicate"
    assert code_of(Invalid, charges.charge, "batteries", **arguments) == "required"


def test_a_lot_on_a_draft_shipment_is_not_charged(w: World) -> None:
    lot, batch = brought(w), opened(w)
    shipments.draft(
        actor=w.actor(w.recycler), origin=w.plant_site, destination=w.refinery_site, carrier=w.carrier,
        lines=[NewLine(lot=lot.pk)],
    )  # fmt: skip
    error = code_of(
        Refused, charges.charge, "lots.0", actor=w.actor(w.recycler), batch=batch, charged_at=ago(days=9),
        lots=[LotCharge(lot.pk)],
    )  # fmt: skip
    assert error == "on_shipment"


# What ends


def test_nothing_comes_out_of_a_closed_batch(w: World) -> None:
    batch, _lot = closed(w)
    error = code_of(
        Refused, outputs.record_output, "batch", actor=w.actor(w.recycler), batch=batch, number="L2",
        made_at=ago(days=7), material=Material.objects.get(pk="copper"), mass_value=Decimal(1),
    )  # fmt: skip
    assert error == "wrong_status"


def test_who_takes_back_says_why(w: World) -> None:
    batch = charged(w)
    lot = output(w, batch, "copper", 1)
    manager = w.actor(w.recycler, Role.MANAGER)
    acts: list[tuple[Any, dict[str, Any]]] = [
        (charges.uncharge, {"uncharged_at": ago(days=1), "batteries": [batch.charges.get().battery_id]}),
        (outputs.remove_output, {"removed_at": ago(days=1), "lot": lot.pk}),
        (batches.void, {}),
    ]
    for act, arguments in acts:
        code_of(Invalid, act, "reason", actor=manager, batch=batch, reason=" ", **arguments)


def test_a_batch_is_not_reopened_once_an_output_left_the_stock_or_the_plant(w: World) -> None:
    batch, lot = closed(w)
    manager = w.actor(w.recycler, Role.MANAGER)
    reopening: dict[str, Any] = {"actor": manager, "batch": batch, "reason": "assay was wrong"}
    lots.dispose(actor=manager, lot=lot, disposition="landfilled", disposed_at=ago(days=6))
    assert code_of(Refused, batches.reopen, "outputs", **reopening) == "wrong_status"
    lots.reinstate(actor=manager, lot=lot, reinstated_at=ago(days=5), reason="was not")
    carry(w, [lot], w.refinery_site, arrived_at=ago(days=4))
    assert code_of(Refused, batches.reopen, "outputs", **reopening) == "gone"
    carry(w, [Lot.objects.get(pk=lot.pk)], w.plant_site, arrived_at=ago(days=3))
    assert batches.reopen(**reopening).status == "open"


# What is no assay tolerance


def test_a_thousandfold_needs_no_explanation_but_a_correction(w: World) -> None:
    """100 kg with a hundred-thousandth of lithium are a gram; no more than a kilogram of it comes out."""
    manager = w.actor(w.recycler, Role.MANAGER)
    lot = brought(w, assays={"Li": Decimal("0.00001")})
    batch = charges.charge(actor=manager, batch=opened(w), charged_at=ago(days=9), lots=[LotCharge(lot.pk)])
    made = output(w, batch, "black_mass", "1.001", assays={"Li": Decimal(1)})
    closing: dict[str, Any] = {"actor": manager, "batch": batch, "closed_at": ago(days=7), "explanation": "a pocket"}
    assert code_of(Refused, batches.close, "outputs", **closing) == "implausible"
    lots.correct(actor=manager, lot=made, corrected_at=ago(days=7), reason="scale", mass_value=Decimal(1))
    assert batches.close(**closing).explanation == "a pocket"


# What the database keeps by itself


def test_an_explanation_is_signed_and_a_signature_explains(w: World) -> None:
    batch = charged(w)
    for change in ({"explanation": "moisture"}, {"explained_by": w.user(w.recycler)}):
        with pytest.raises(IntegrityError, match="batch_explanation_is_signed"), transaction.atomic():
            Batch.objects.filter(pk=batch.pk).update(**change)
    Batch.objects.filter(pk=batch.pk).update(explanation="moisture", explained_by=w.user(w.recycler))


REFUSED = [
    "UPDATE recycling_batch SET status = 'closed', closed_at = started_at - interval '1 second'",
    "UPDATE recycling_batch SET status = 'closed', closed_at = NULL",
    "UPDATE recycling_batch SET closed_at = started_at",
    "UPDATE recycling_charge SET battery_id = NULL, composition_id = NULL, content_kwh = NULL",
    "UPDATE recycling_charge SET lot_id = (SELECT lot_id FROM recycling_output)",
    "UPDATE recycling_charge SET mass_kg = 0",
    "UPDATE recycling_charge SET composition_id = NULL",
    "UPDATE recycling_charge SET content_kwh = 0",
    "UPDATE recycling_reagent SET mass_value = 0",
    "UPDATE recycling_reagent SET unit = 'zz'",
]


def test_the_database_refuses(w: World) -> None:
    batch = charged(w)
    output(w, batch, "copper", 1)
    outputs.add_reagent(actor=w.actor(w.recycler), batch=batch, name="water", mass_value=Decimal(1))
    for sql in REFUSED:
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def is_stale(batch: Batch) -> bool:
    return Batch.objects.get(pk=batch.pk).stale_since is not None


def test_a_charge_that_changes_marks_its_batch_and_the_one_it_went_to(w: World) -> None:
    """No service changes a charge; whoever writes into the table moves factors none the less."""
    one, two, other = charged(w), charged(w, number="B2"), charged(w, number="B3")
    factors.refresh()
    Charge.objects.filter(batch=one).update(content_kwh=30)
    assert is_stale(one) and not is_stale(two) and not is_stale(other)
    factors.refresh()
    Charge.objects.filter(batch=one).update(batch=two)
    assert is_stale(one) and is_stale(two) and not is_stale(other)


def test_what_goes_in_and_what_comes_out_marks_the_batch(w: World) -> None:
    """Each by itself: a battery, of which the trace sees nothing but its charge, and a lot that is new."""
    batch, other = opened(w), opened(w, number="B2")
    (battery,) = packs(w)
    about: dict[str, Any] = {"actor": w.actor(w.recycler), "batch": batch, "batteries": [battery.pk]}
    acts: list[Any] = [
        lambda: charges.charge(**about, charged_at=ago(days=9)),
        lambda: charges.uncharge(**about, uncharged_at=ago(days=8), reason="x"),
        lambda: output(w, batch, "black_mass", 1, assays=BLACK_MASS),
        lambda: Output.objects.all().delete(),
    ]
    for act in acts:
        factors.refresh()
        assert not is_stale(batch)
        act()
        assert is_stale(batch) and not is_stale(other)


def test_an_output_that_goes_to_another_batch_marks_both(w: World) -> None:
    one, two, other = charged(w), charged(w, number="B2"), charged(w, number="B3")
    output(w, one, "black_mass", 1, assays=BLACK_MASS)
    factors.refresh()
    Output.objects.filter(batch=one).update(batch=two)
    assert is_stale(one) and is_stale(two) and not is_stale(other)


def test_a_factor_goes_with_the_element(w: World) -> None:
    """Phosphorus that nothing contained is a factor of its own, until the assay that said so is corrected."""
    manager = w.actor(w.recycler, Role.MANAGER)
    batch = charged(w)
    lot = output(w, batch, "black_mass", 10, assays={"P": Decimal("0.5")})
    batches.close(actor=manager, batch=batch, closed_at=ago(days=7), explanation="binder")
    factors.refresh()
    assert Factor.objects.filter(batch=batch, element="P").exists()
    batches.reopen(actor=manager, batch=batch, reason="x")
    lots.correct(actor=manager, lot=lot, corrected_at=ago(days=6), reason="x", assays={"Ni": Decimal("0.5")})
    batches.close(actor=manager, batch=batch, closed_at=ago(days=5))
    factors.refresh()
    assert sorted(Factor.objects.filter(batch=batch).values_list("element", flat=True)) == [
        "Co", "Cu", "Li", "Mn", "Ni", "graphite",
    ]  # fmt: skip


def test_a_batch_that_was_given_up_has_no_factors(w: World) -> None:
    batch, other = charged(w), charged(w, number="B2")
    factors.refresh_all()
    manager = w.actor(w.recycler, Role.MANAGER)
    battery = batch.charges.get().battery
    assert battery is not None
    charges.uncharge(actor=manager, batch=batch, uncharged_at=ago(days=8), reason="x", batteries=[battery.pk])
    batches.void(actor=manager, batch=batch, reason="x")
    factors.refresh_all()
    assert set(Factor.objects.values_list("batch", flat=True)) == {other.pk}
