"""What is added to a batch, and what comes out of it."""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid
from accounts.verbs import verb
from collection.models import AssayBasis, CustodyKind, Lot, LotStatus, Material
from collection.services import custody, lots
from collection.services.assays import FRACTION_PLACES, Fractions
from collection.services.custody import NOWHERE, Entry
from collection.services.lots import NewLot
from collection.units import Unit, check_mass, to_kg
from recycling.models import Batch, BatchStatus, Output, Reagent
from recycling.queries.balance import balance_of
from recycling.services.batches import lock
from recycling.services.charges import reference


@verb(lock, of="batch__line__plant__facility__operator", when=[BatchStatus.OPEN])
def add_reagent(*, actor: Actor, batch: Batch, name: str, mass_value: Decimal, unit: str = Unit.KG) -> Batch:
    """Declare what was added that came from no battery, such as water, acid or the oxygen of the air."""
    name = rules.text(name, field="name", longest=100)
    check_mass(mass_value, unit, field="mass_value", unit_field="unit")
    Reagent.objects.create(batch=batch, name=name, mass_value=mass_value, unit=unit)
    return batch


@verb(lock, of="batch__line__plant__facility__operator", when=[BatchStatus.OPEN])
def remove_reagent(*, actor: Actor, batch: Batch, reagent: int) -> Batch:
    """A reagent, named by its id, was not added after all."""
    removed, _by_model = Reagent.objects.filter(batch=batch, pk=reagent).delete()
    if not removed:
        raise Invalid(_("The batch has no such reagent."), field="reagent")
    return batch


@verb(lock, of="batch__line__plant__facility__operator", when=[BatchStatus.OPEN])
def record_output(
    *,
    actor: Actor,
    batch: Batch,
    number: str,
    material: Material,
    mass_value: Decimal,
    made_at: datetime,
    mass_unit: str = Unit.KG,
    moisture: Decimal = Decimal(0),
    assays: Fractions | None = None,
    from_batteries: Fractions | None = None,
    by_difference: bool = False,
) -> Lot:
    """Record a lot that came out of an open batch, in stock at its plant.

    `assays` are mass fractions by element of the dry mass; without them a material of known stoichiometry is pure, or the lot
    contains what went in less what else came out (`by_difference`), such as modules out of a pack. `from_batteries` has the
    share of an element that came from what was charged, where the rest of it came from reagents or the air.
    """
    basis = AssayBasis.MEASURED
    if by_difference:
        if assays is not None:
            raise Invalid(_("Either it was analyzed, or it contains what is left."), field="by_difference")
        check_mass(mass_value, mass_unit, field="mass_value", unit_field="mass_unit")
        assays, basis = _left_over(batch, to_kg(mass_value, mass_unit) * (1 - moisture)), AssayBasis.DIFFERENCE
    if made_at < batch.started_at:
        raise Invalid(_("The batch was started later than this."), field="made_at", code="out_of_order")
    lot = lots.create(
        actor=actor,
        facility=batch.line.plant.facility,
        made_at=made_at,
        new=NewLot(
            number, material, mass_value, mass_unit, moisture, assays, from_batteries=from_batteries, basis=basis
        ),
        reference=reference(batch),
        is_simulated=batch.is_simulated,
    )
    Output.objects.create(batch=batch, lot=lot)
    return lot


@verb(of="batch__line__plant__facility__operator", when=[BatchStatus.OPEN], locks_itself=True)
def remove_output(*, actor: Actor, batch: Batch, lot: int, removed_at: datetime, reason: rules.Reason) -> Batch:
    """An output of an open batch, named by the id of its lot, never was: the lot becomes void."""
    remove_output.require(actor, batch)
    reason = rules.reason(reason)
    gone = custody.lock_lots([lot])
    batch = lock(batch)
    remove_output.check_status(batch)
    if not Output.objects.filter(batch=batch, lot=lot).exists():
        raise Invalid(_("This lot did not come out of the batch."), field="lot")
    lots.require_in_stock(gone, field="lot")
    entry = Entry(
        actor, CustodyKind.CORRECTED, removed_at, reference=reference(batch), note=reason, time_field="removed_at"
    )
    custody.move(gone, entry, status=LotStatus.VOID, to=NOWHERE)
    return batch


def _left_over(batch: Batch, dry_kg: Decimal) -> Fractions:
    """Mass fractions of what the batch was charged with and no output contains, in `dry_kg`."""
    step = Decimal(1).scaleb(-FRACTION_PLACES)
    left = {part.element: part.input_kg - part.output_kg for part in balance_of(batch).elements}
    fractions = {element: (kg / dry_kg).quantize(step, ROUND_DOWN) for element, kg in left.items() if kg > 0}
    return {element: fraction for element, fraction in fractions.items() if fraction}
