"""Lots: brought in from outside, split, corrected, and what became of them.

What a batch made of them is told in `recycling`; the triggers of `recycling.models.seals` keep both in step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.constraints import violated_constraint
from accounts.errors import Invalid, Refused
from accounts.models import Organization, Role
from accounts.verbs import verb
from accounts.written import same
from collection.models import (
    DISPOSITIONS,
    USED_AS_SUCH,
    Assay,
    AssayBasis,
    CustodyEvent,
    CustodyKind,
    Destination,
    Facility,
    Lot,
    LotStatus,
    Material,
    ShipmentLine,
    Use,
)
from collection.models.lots import LOT_FORM
from collection.services import custody
from collection.services.assays import Fractions, check_fractions, check_moisture, check_shares, stoichiometry
from collection.services.custody import NOWHERE, Entry, Place
from collection.services.storage import check_storage
from collection.units import Unit, check_mass, entered_as

#: The longest number of a lot, in characters.
LONGEST_NUMBER = 60

#: The longest name of who a lot went to.
LONGEST_RECIPIENT = 200


@dataclass(frozen=True)
class Part:
    """A part to split off a lot."""

    mass_value: Decimal
    mass_unit: str = Unit.KG
    number: str = ""


@dataclass(frozen=True)
class NewLot:
    """A lot that comes into being. Without an assay it has the stoichiometry of its material, where there is one.

    `from_batteries` has the share of an element that came from batteries, where not all of it did.
    """

    number: str
    material: Material
    mass_value: Decimal
    mass_unit: str = Unit.KG
    moisture: Decimal = Decimal(0)
    assays: Fractions | None = None
    origin: str = ""
    from_batteries: Fractions | None = None
    basis: AssayBasis = AssayBasis.MEASURED


def lock(lot: Lot) -> Lot:
    """The lot as it is now, locked."""
    (locked,) = custody.lock_lots([lot.pk])
    return locked


def _holder(lot: Lot) -> list[int | None]:
    """Whoever has it in custody; its owner, while it is nowhere."""
    if lot.facility is not None:
        return [lot.facility.operator_id]
    return [lot.shipment.carrier_id if lot.shipment is not None else lot.owner_id]


_READS = ("facility", "shipment")


def _last_place(lot: Lot) -> Facility | None:
    """Where a lot was in stock that left the trace. Whoever shows many lots has read their `last_entries` at once."""
    read: list[CustodyEvent] | None = getattr(lot, "last_entries", None)
    last = CustodyEvent.objects.last_of_lots().filter(lot=lot) if read is None else read
    return last[0].from_facility if last else None


def _last_holder(lot: Lot) -> list[int | None]:
    """Whoever had it in stock when it left the trace."""
    place = _last_place(lot)
    return [place.operator_id if place is not None else lot.owner_id]


@verb(of="facility__operator")
def bring_in(
    *,
    actor: Actor,
    facility: Facility,
    number: str,
    material: Material,
    mass_value: Decimal,
    origin: str,
    brought_at: datetime,
    mass_unit: str = Unit.KG,
    moisture: Decimal = Decimal(0),
    assays: Fractions | None = None,
    from_batteries: Fractions | None = None,
    is_simulated: bool = False,
) -> Lot:
    """Feedstock from outside of the trace arrives at `facility`: scrap or black mass, with its origin and assay."""
    origin = rules.text(origin, field="origin", longest=200)
    if material.kind != Material.Kind.INTERMEDIATE:
        raise Invalid(
            _("%(material)s is no intermediate, so it is not to be recycled.") % {"material": material},
            field="material",
        )
    kilograms = check_mass(mass_value, mass_unit, field="mass_value", unit_field="mass_unit")
    check_storage(facility, [], [], {}, more_kg=kilograms, field="mass_value")
    return create(
        actor=actor,
        facility=facility,
        made_at=brought_at,
        new=NewLot(number, material, mass_value, mass_unit, moisture, assays, origin, from_batteries),
        kind=CustodyKind.RECEIVED,
        note=origin,
        time_field="brought_at",
        is_simulated=is_simulated,
    )


def create(
    *,
    actor: Actor,
    facility: Facility,
    made_at: datetime,
    new: NewLot,
    kind: CustodyKind = CustodyKind.PRODUCED,
    reference: str = "",
    note: str = "",
    time_field: str = "made_at",
    is_simulated: bool = False,
) -> Lot:
    """Write a lot with its assay and its first ledger entry. Who may do it is for the caller to check."""
    number = check_number(new.number, facility.operator)
    check_mass(new.mass_value, new.mass_unit, field="mass_value", unit_field="mass_unit")
    check_moisture(new.moisture)
    fractions = stoichiometry(new.material) if new.assays is None else check_fractions(new.assays)
    shares = check_shares(new.from_batteries or {}, fractions)
    basis = (new.basis if new.assays is not None else AssayBasis.PURE) if fractions else AssayBasis.NONE
    try:
        with transaction.atomic():
            lot = Lot.objects.create(
                number=number,
                owner=facility.operator,
                material=new.material,
                mass_value=new.mass_value,
                mass_unit=new.mass_unit,
                moisture=new.moisture,
                origin=new.origin,
                assay_basis=basis,
                made_at=made_at,
                is_simulated=is_simulated,
                facility=facility,
            )
    except IntegrityError as error:
        raise _number_taken(number) from error
    _write_assays(lot, fractions, shares)
    entry = Entry(actor, kind, made_at, reference=reference, note=note, time_field=time_field)
    custody.enter([lot], entry, facility=facility)
    return lot


@verb(lock, of=_holder, reads=_READS, when=[LotStatus.IN_STOCK])
def split(*, actor: Actor, lot: Lot, parts: Sequence[Part], split_at: datetime) -> Lot:
    """Split a lot into parts of the same material and assay, which weigh to the gram what it weighed.

    What the given parts leave over becomes a part of its own. Returns the whole; its parts are `lot.parts`.
    """
    divide(actor=actor, lot=lot, parts=parts, split_at=split_at)
    return lot


def divide(
    *,
    actor: Actor,
    lot: Lot,
    parts: Sequence[Part],
    split_at: datetime,
    field: str = "parts",
    time_field: str = "split_at",
) -> list[Lot]:
    """As `split`, for a lot that the caller locked and may handle; returns the parts, the rest last."""
    require_in_stock([lot], field="lot")
    masses = _masses_of_parts(lot, parts, field)
    numbers = _numbers_of_parts(lot, parts, len(masses), field)
    facility = lot.facility
    if facility is None:  # the database forbids it: a lot in stock is at a facility
        raise Refused(_("The lot is at no facility."), field="lot", code="wrong_status")
    entry = Entry(actor, CustodyKind.SPLIT, split_at, note=rules.listed(numbers), time_field=time_field)
    custody.move([lot], entry, status=LotStatus.SPLIT, to=NOWHERE)
    made = Lot.objects.bulk_create(
        Lot(
            number=number,
            owner_id=lot.owner_id,
            material_id=lot.material_id,
            mass_value=value,
            mass_unit=unit,
            moisture=lot.moisture,
            assay_basis=lot.assay_basis,
            split_from=lot,
            origin=lot.origin,
            made_at=split_at,
            is_simulated=lot.is_simulated,
            facility=facility,
        )
        for number, (value, unit) in zip(numbers, masses, strict=True)
    )
    assays = list(Assay.objects.filter(lot=lot))
    Assay.objects.bulk_create(
        Assay(lot=part, element=assay.element, fraction=assay.fraction, from_batteries=assay.from_batteries)
        for part in made
        for assay in assays
    )
    entry = Entry(actor, CustodyKind.PRODUCED, split_at, reference=f"lot {lot.pk}", time_field=time_field)
    custody.enter(made, entry, facility=facility)
    return made


@verb(lock, of=_holder, reads=_READS, when=[LotStatus.IN_STOCK])
def dispose(
    *,
    actor: Actor,
    lot: Lot,
    disposition: str,
    disposed_at: datetime,
    note: str = "",
    use: str = "",
    ended_waste: bool = False,
    recipient: str = "",
    country: str = "",
) -> Lot:
    """Say what became of a lot that left the trace. `reinstate` takes it back.

    A product that was sold counts as recovered. An intermediate that was sold left the trace before it was
    recovered: it counts as lost, since nobody can show what became of it. Ship it to a plant of the trace instead.

    `use` says what it is used for by its recipient, and whether it ended being waste: by the rules of the European Union it
    is an output of recycling only then (ADR 27).
    """
    if disposition not in DISPOSITIONS:
        raise Invalid(_("“%(value)s” is no disposition.") % {"value": disposition}, field="disposition")
    note = rules.text(note, field="note", longest=rules.LONGEST_REASON, shortest=0)
    if not note and disposition in (LotStatus.SOLD, LotStatus.LOST):
        raise Invalid(_("Say to whom it was sold, or what happened to it."), field="note", code="required")
    require_in_stock([lot], field="lot")
    destination = _destination(lot, use, ended_waste, recipient or note[:LONGEST_RECIPIENT], country)
    status = LotStatus(disposition)
    kind = CustodyKind.LOST if status == LotStatus.LOST else CustodyKind.DISPOSED
    entry = Entry(actor, kind, disposed_at, note=note or str(status.label), time_field="disposed_at")
    custody.move([lot], entry, status=status, to=NOWHERE)
    if destination is not None:
        destination.save()
    return lot


def _destination(lot: Lot, use: str, ended_waste: bool, recipient: str, country: str) -> Destination | None:
    recipient = rules.text(recipient, field="recipient", longest=LONGEST_RECIPIENT, shortest=1 if use else 0)
    if country and not (len(country) == 2 and country.isascii() and country.isalpha() and country.isupper()):
        raise Invalid(_("A country is two capital letters, such as US."), field="country")
    if not use and (ended_waste or country):
        raise Invalid(_("Say what it is used for."), field="use", code="required")
    if not use:
        return None
    if use not in Use.values:
        raise Invalid(_("“%(value)s” is no use.") % {"value": use}, field="use")
    if ended_waste and use not in USED_AS_SUCH:
        raise Invalid(_("What is used like this is waste still."), field="ended_waste")
    return Destination(lot=lot, use=use, ended_waste=ended_waste, recipient=recipient, country=country)


@verb(lock, of=_last_holder, role=Role.MANAGER, when=DISPOSITIONS)
def reinstate(*, actor: Actor, lot: Lot, reinstated_at: datetime, reason: rules.Reason) -> Lot:
    """A disposition was wrong, or a lost lot was found: it is in stock again where it was last. Needs a manager."""
    reason = rules.reason(reason)
    place = _last_place(lot)
    if place is None:
        raise Refused(_("The lot was never in stock anywhere."), field="lot", code="wrong_status")
    Destination.objects.filter(lot=lot).delete()
    kind = CustodyKind.FOUND if lot.status == LotStatus.LOST else CustodyKind.CORRECTED
    entry = Entry(actor, kind, reinstated_at, note=reason, time_field="reinstated_at")
    custody.move([lot], entry, status=LotStatus.IN_STOCK, to=Place(facility=place))
    return lot


@verb(lock, of=_holder, reads=_READS, role=Role.MANAGER, when=[LotStatus.IN_STOCK])
def correct(
    *,
    actor: Actor,
    lot: Lot,
    corrected_at: datetime,
    reason: rules.Reason,
    mass_value: Decimal | None = None,
    mass_unit: str | None = None,
    moisture: Decimal | None = None,
    assays: Fractions | None = None,
    from_batteries: Fractions | None = None,
) -> Lot:
    """Correct mass, moisture or assay of a lot in stock; the ledger says so in a further entry. Needs a manager.

    Refused for what a batch that is not open made or was charged with: its balance was struck with these figures.
    Reopen that batch, correct, and close it again, which strikes the balance anew. What was lost on the way from
    one plant to another is not a correction: split it off and dispose of it as lost.
    """
    reason = rules.reason(reason)
    require_in_stock([lot], field="lot")
    if mass_value is None and moisture is None and assays is None:
        raise Invalid(_("Give a mass, a moisture or an assay to correct."), field="mass_value", code="required")
    try:
        with transaction.atomic():
            _write_correction(lot, mass_value, mass_unit, moisture, assays, from_batteries or {})
    except IntegrityError as error:
        raise Refused(violated_constraint(error), field="lot", code="sealed") from error
    lot.refresh_from_db()
    corrected = lot.events.order_by("-sequence").first()
    entry = Entry(
        actor, CustodyKind.CORRECTED, corrected_at, note=reason, corrects=corrected, time_field="corrected_at"
    )
    custody.note([lot], entry)
    return lot


def _write_correction(
    lot: Lot,
    mass_value: Decimal | None,
    mass_unit: str | None,
    moisture: Decimal | None,
    assays: Fractions | None,
    from_batteries: Fractions,
) -> None:
    if mass_value is not None:
        unit = mass_unit or lot.mass_unit
        check_mass(mass_value, unit, field="mass_value", unit_field="mass_unit")
        if lot.split_from_id is not None:
            raise Refused(
                _("Parts weigh what the whole lot weighed; split off what is too much, and dispose of it."),
                field="mass_value",
                code="part",
            )
        lot.mass_value, lot.mass_unit = mass_value, unit
    if moisture is not None:
        check_moisture(moisture)
        lot.moisture = moisture
    if assays is not None:
        lot.assay_basis = AssayBasis.MEASURED if assays else AssayBasis.NONE
    lot.save(update_fields=["mass_value", "mass_unit", "moisture", "assay_basis"])
    if assays is not None:
        fractions = check_fractions(assays)
        lot.assays.all().delete()
        _write_assays(lot, fractions, check_shares(from_batteries, fractions))
    elif from_batteries:
        raise Invalid(_("Give the whole assay with it."), field="assays", code="required")


def _write_assays(lot: Lot, fractions: Fractions, shares: Fractions) -> None:
    Assay.objects.bulk_create(
        Assay(lot=lot, element=element, fraction=fraction, from_batteries=shares.get(element, 1))
        for element, fraction in sorted(fractions.items())
    )


def require_in_stock(lots: Iterable[Lot], *, field: str) -> None:
    """Refuse locked lots that are not in stock, or stand on a shipment that is being prepared."""
    lots = list(lots)
    for lot in lots:
        if lot.status != LotStatus.IN_STOCK:
            raise Refused(
                _("Lot %(number)s is %(status)s, not in stock.")
                % {"number": lot.number, "status": lot.get_status_display()},
                field=field,
                code="wrong_status",
            )
    line = (
        ShipmentLine.objects.filter(lot__in=[lot.pk for lot in lots], outcome=ShipmentLine.Outcome.OPEN)
        .select_related("lot")
        .first()
    )
    if line is not None:
        raise Refused(
            _("Lot %(number)s stands on shipment %(shipment)s; take it off first.")
            % {"number": line.lot.number if line.lot else "", "shipment": line.shipment_id},
            field=field,
            code="on_shipment",
        )


def check_number(number: str, owner: Organization) -> str:
    """A lot number that `owner` has not given yet, without blanks at its ends."""
    number = rules.number(number, field="number", longest=LONGEST_NUMBER)
    if Lot.objects.numbered(number).filter(owner=owner).exists():
        raise _number_taken(number)
    return number


def _number_taken(number: str, field: str = "number") -> Refused:
    return Refused(_("There already is a lot %(number)s.") % {"number": number}, field=field, code="duplicate")


def _masses_of_parts(lot: Lot, parts: Sequence[Part], field: str) -> list[tuple[Decimal, str]]:
    masses, taken = [], Decimal(0)
    for index, part in enumerate(parts):
        where = f"{field}.{index}" if field == "parts" else field
        taken += check_mass(
            part.mass_value, part.mass_unit, field=f"{where}.mass_value", unit_field=f"{where}.mass_unit"
        )
        masses.append((part.mass_value, part.mass_unit))
    rest = lot.mass_kg - taken
    if rest < 0:
        raise Refused(
            _("The parts weigh %(parts)s kg, more than the lot's %(lot)s kg.")
            % {"parts": taken.normalize(), "lot": lot.mass_kg.normalize()},
            field=field,
            code="too_much",
        )
    if rest > 0 and masses:
        entered = entered_as(rest, [lot.mass_unit, Unit.KG, Unit.G, *(part.mass_unit for part in parts)])
        if entered is None:
            raise Refused(
                _("The rest could not be written exactly; this lot was weighed in %(unit)s, so enter its parts so too.")
                % {"unit": Unit(lot.mass_unit).label},
                field=field,
                code="inexact",
            )
        masses.append(entered)
    if len(masses) < 2:
        raise Invalid(_("Give at least one part that is less than the whole."), field=field)
    return masses


def _numbers_of_parts(lot: Lot, parts: Sequence[Part], count: int, field: str) -> list[str]:
    given = [
        rules.number(part.number, field=f"{field}.{index}.number", longest=LONGEST_NUMBER, shortest=0)
        for index, part in enumerate(parts)
    ]
    of_owner = Lot.objects.filter(owner=lot.owner_id)
    parts_of_it = of_owner.alias(form=LOT_FORM).filter(form__startswith=same(f"{lot.number}-"))
    taken = {same(n) for n in parts_of_it.values_list("number", flat=True)}
    taken |= {same(n) for n in of_owner.numbered(*given).values_list("number", flat=True)}
    numbers: list[str] = []
    following = 1
    for index in range(count):
        number = given[index] if index < len(given) else ""
        if number and (same(number) in taken or same(number) in map(same, numbers)):
            raise _number_taken(number, f"{field}.{index}.number")
        while not number:
            candidate, following = f"{lot.number}-{following}", following + 1
            number = "" if same(candidate) in taken or same(candidate) in map(same, given) else candidate
        numbers.append(rules.text(number, field=f"{field}.{index}.number", longest=LONGEST_NUMBER))
    return numbers
