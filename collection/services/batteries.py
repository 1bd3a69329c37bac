"""Registering batteries, recognizing them by their identifiers, and settling what their contents are computed from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Organization
from accounts.verbs import verb
from collection.models import (
    BY_PATTERN,
    IN_USE,
    Battery,
    BatteryModel,
    BatteryStatus,
    Chemistry,
    Condition,
    CustodyKind,
    Facility,
    Ground,
    Identifier,
    Jurisdiction,
    Shipment,
    ShipmentLine,
)
from collection.services import claim_contests, custody
from collection.services.contents import Intensities, settle_content
from collection.services.credit import confirm_by_pattern, ground_of
from collection.services.custody import NOWHERE, Entry, Place
from collection.services.identifiers import NewIdentifier, check_identifiers, find_to_collect, has_to_do_with, row
from collection.services.patterns import ASSIGNED, assign, conclude, said
from collection.services.storage import check_storage
from collection.units import Unit, check_mass

#: No battery is heavier (100 t): what is, is a slip of the pen.
HEAVIEST_KG = Decimal(100_000)

#: The largest rated energy that is stored.
LARGEST_KWH = Decimal("99999.999")


@dataclass(frozen=True)
class NewBattery:
    """A battery to register. What its model says need not be repeated."""

    identifiers: Sequence[NewIdentifier]
    model: BatteryModel | None = None
    producer: Organization | None = None
    chemistry: Chemistry | None = None
    rated_kwh: Decimal | None = None
    mass_value: Decimal | None = None
    mass_unit: str = Unit.KG
    form: str = BatteryModel.Form.PACK
    placed_in: Jurisdiction | None = None
    placed_on: date | None = None
    condition: str = Condition.INTACT


_READS = ("facility", "shipment")


#: Statuses in which somebody has a battery, and can say what is wrong with it.
CORRECTABLE = (BatteryStatus.IN_USE, BatteryStatus.AT_FACILITY, BatteryStatus.IN_TRANSIT)


def holder_of(battery: Battery) -> int | None:
    """Whoever has it in custody; while it is nowhere in the chain, who registered it (who may say something of it only
    while it is in use: `CORRECTABLE`).
    """
    if battery.facility is not None:
        return battery.facility.operator_id
    return battery.shipment.carrier_id if battery.shipment is not None else battery.registered_by_id


def last_holder_of(battery: Battery) -> int | None:
    """Who had it in custody when it was lost."""
    last = battery.events.filter(from_organization__isnull=False).order_by("-sequence").first()
    return last.from_organization_id if last is not None else battery.registered_by_id


def _holder(battery: Battery) -> list[int | None]:
    return [holder_of(battery)]


@verb(of="organization")
def register(
    *,
    actor: Actor,
    organization: Organization,
    facility: Facility | None = None,
    occurred_at: datetime | None = None,
    **battery: Any,
) -> Battery:
    """Register one battery in the name of `organization`: in use, or given up at `facility` if one is named, whose
    operator must then be the caller's, too.
    """
    # Files are another door: `BatteryImporter` writes batteries in sets, by the same rules.
    (made,) = register_many(
        actor=actor,
        organization=organization,
        facility=facility,
        occurred_at=occurred_at,
        batteries=[NewBattery(**battery)],
        field_prefix="",
    )
    return made


@transaction.atomic
def register_many(
    *,
    actor: Actor,
    organization: Organization,
    batteries: Sequence[NewBattery],
    facility: Facility | None = None,
    occurred_at: datetime | None = None,
    field_prefix: str = "batteries",
    is_simulated: bool = False,
) -> list[Battery]:
    """As `register`, for many, in a number of statements that does not grow with them.

    Raises `Invalid` for an identifier that is malformed or stands twice in the same call, `Refused` for one that
    another battery already has; the other battery is named only if the actor may see it.
    """
    actor.require(organization)
    if facility is not None:
        actor.require(facility.operator)
        if occurred_at is None:
            raise Invalid(_("Say when the battery was given up."), field="occurred_at")
    fields = [
        f"{field_prefix}.{index}.identifiers" if field_prefix else "identifiers" for index in range(len(batteries))
    ]
    made = _create(actor, organization, batteries, fields, is_simulated)
    if facility is not None and occurred_at is not None:
        given_up = custody.lock_batteries(battery.pk for battery in made)
        take_in(actor, given_up, facility, occurred_at)
        by_id = {battery.pk: battery for battery in given_up}
        made = [by_id[battery.pk] for battery in made]
    return made


@verb(custody.lock_battery, of=_holder, reads=_READS, when=CORRECTABLE)
def identify(*, actor: Actor, battery: Battery, scheme: str, value: str, issuer: str = "") -> Battery:
    """Add an identifier to a battery that the actor's organization has in custody, or registered and that is in use."""
    new = NewIdentifier(scheme, value, issuer)
    holder = holder_of(battery) or battery.registered_by_id
    check_identifiers(actor, holder, [[new]], ["value"])
    row(battery, new, holder).save()
    if conclude([battery], [[new]]):
        battery.save(update_fields=[*ASSIGNED, "vehicle", "composition", "content_kwh"])
    _find_ground([battery])
    return battery


@verb(custody.lock_battery, of="facility__operator", when=IN_USE)
def give_up(*, actor: Actor, battery: Battery, facility: Facility, occurred_at: datetime) -> Battery:
    """A battery in use, or in its further use, is given up at `facility`, whose operator has to do with it: others may see it
    (a regulator does, or who was once about to get it), and read two numbers off it.
    """
    if not (actor.user.is_superuser or has_to_do_with(battery, facility.operator_id)):
        raise Refused(
            _("Read two of its numbers off it, or propose to who registered it that you take it in."),
            field="battery",
            code="not_yours",
        )
    take_in(actor, [battery], facility, occurred_at)
    return battery


def take_in(actor: Actor, batteries: Sequence[Battery], facility: Facility, occurred_at: datetime) -> None:
    """Locked batteries in use come into the chain."""
    check_storage(facility, batteries, [], {}, field="facility")
    masses = {battery.pk: battery.mass_kg for battery in batteries}
    entry = Entry(actor, CustodyKind.RECEIVED_FROM_USE, occurred_at, masses=masses)
    custody.move(batteries, entry, status=BatteryStatus.AT_FACILITY, to=Place(facility=facility))


@verb(of="facility__operator")
def give_up_scanned(
    *,
    actor: Actor,
    identifier: NewIdentifier,
    facility: Facility,
    occurred_at: datetime,
    also: NewIdentifier | None = None,
) -> Battery:
    """As `give_up`, for whoever has the battery in hand and reads its identifier, known to it before or not.

    Of a battery that the operator of `facility` has nothing to do with a second number has to be read off, too (`also`).
    """
    read = {"identifier": identifier} | ({"also": also} if also is not None else {})
    found = find_to_collect(facility, read)
    if identifier.key not in found or (also is not None and found.get(also.key) != found[identifier.key]):
        raise Refused(
            _(
                "No battery in use goes by “%(value)s”; register it. If that is refused since it belongs to a battery already,"
                " read a second number off, or propose to who registered it that you take it in."
            )
            % {"value": identifier.value},
            field="identifier",
            code="unknown",
        )
    (battery,) = custody.lock_batteries([found[identifier.key]])
    give_up.check_status(battery)
    take_in(actor, [battery], facility, occurred_at)
    return battery


@verb(of=_holder, reads=_READS, when=[BatteryStatus.AT_FACILITY, BatteryStatus.IN_TRANSIT], locks_itself=True)
def report_lost(*, actor: Actor, battery: Battery, occurred_at: datetime, reason: rules.Reason) -> Battery:
    """A battery at a facility or on a truck was lost or destroyed. It can be found again.

    Who has it in custody says so. On a truck it is taken off the shipment, which is received without it.
    """
    on_the_road = Battery.objects.filter(pk=battery.pk).values("shipment")
    list(Shipment.objects.select_for_update(of=("self",)).filter(pk__in=on_the_road))  # before the battery, as ever
    (battery,) = custody.lock_batteries([battery.pk])
    report_lost.check(actor, battery)
    reason = rules.reason(reason)
    if battery.shipment_id is not None:
        ShipmentLine.objects.filter(
            battery=battery, shipment=battery.shipment_id, outcome=ShipmentLine.Outcome.OPEN
        ).update(outcome=ShipmentLine.Outcome.REMOVED, reason=reason)
    entry = Entry(actor, CustodyKind.LOST, occurred_at, note=reason)
    custody.move([battery], entry, status=BatteryStatus.LOST, to=NOWHERE)
    return battery


@verb(custody.lock_battery, of="facility__operator", when=[BatteryStatus.LOST])
def report_found(*, actor: Actor, battery: Battery, facility: Facility, occurred_at: datetime) -> Battery:
    """A lost battery was found again, at `facility`, by who had it last. Anybody else proposes it (`proposals.propose`)."""
    if last_holder_of(battery) != facility.operator_id and not actor.user.is_superuser:
        raise Refused(
            _("Somebody else had it last: propose that it was found, and they decide."),
            field="battery",
            code="not_yours",
        )
    return find(actor, battery, facility, occurred_at)


def find(actor: Actor, battery: Battery, facility: Facility, occurred_at: datetime) -> Battery:
    """Bring a locked battery that was lost back into the chain."""
    check_storage(facility, [battery], [], {}, field="facility")
    entry = Entry(actor, CustodyKind.FOUND, occurred_at)
    custody.move([battery], entry, status=BatteryStatus.AT_FACILITY, to=Place(facility=facility))
    return battery


class Corrections(TypedDict, total=False):
    """What may be corrected of a battery; what is left out stays, and `None` says that it is not known."""

    model: BatteryModel | None
    producer: Organization | None
    chemistry: Chemistry | None
    rated_kwh: Decimal | None
    placed_in: Jurisdiction | None
    placed_on: date | None
    mass_value: Decimal | None
    mass_unit: str


@verb(custody.lock_battery, of=_holder, reads=_READS, when=CORRECTABLE)
def correct(
    *,
    actor: Actor,
    battery: Battery,
    reason: rules.Reason,
    corrected_at: datetime | None = None,
    is_measured: bool = False,
    **changes: Unpack[Corrections],
) -> Battery:
    """What was said of a battery was wrong. Row and contents change; the ledger says so, and why, in a further entry.

    Whoever has it in custody may; while it is in use, who registered it. Who gave it away proposes it (`proposals.propose`).
    What its model said and nobody said otherwise (producer, chemistry) follows a corrected model. Refused once it is charged
    into a batch: figures rest on what it was charged as. `is_measured` says that its chemistry was.
    """
    return apply_correction(actor, battery, reason, changes, corrected_at, is_measured=is_measured)


def apply_correction(
    actor: Actor,
    battery: Battery,
    reason: str,
    changes: Corrections,
    corrected_at: datetime | None = None,
    *,
    is_measured: bool = False,
) -> Battery:
    """Correct a locked battery."""
    reason = rules.reason(reason)
    before = {name: getattr(battery, name) for name in (*Corrections.__annotations__, *ASSIGNED)}
    old_model = battery.model
    for name, value in changes.items():
        setattr(battery, name, value)
    if "model" in changes:
        _follow_model(battery, old_model, changes)
    told = {"model", "chemistry"} & changes.keys()
    if is_measured or (told and (_differs(battery, before, told) or battery.chemistry_by in BY_PATTERN)):
        _say(actor, battery, is_measured=is_measured)
    if not _differs(battery, before, before):
        raise Invalid(_("This changes nothing."), code="unchanged")
    if battery.producer != before["producer"]:
        claim_contests.check_not_disowned(battery, battery.producer)
        claim_contests.concede_by_correcting(actor, battery, reason)
        battery.producer_ground = ground_of(actor, battery.registered_by, battery.producer)
    _check_amounts(battery.mass_value, battery.mass_unit, battery.rated_kwh, "")
    settle_content(battery, Intensities())
    battery.save(update_fields=[*before, "vehicle", "producer_ground", "form", "composition", "content_kwh"])
    battery.refresh_from_db(fields=["mass_kg"])
    _find_ground([battery])
    entry = Entry(
        actor,
        CustodyKind.CORRECTED,
        corrected_at or timezone.now(),
        note=reason,
        masses={battery.pk: battery.mass_kg} if "mass_value" in changes or "mass_unit" in changes else None,
        corrects=battery.events.exclude(kind=CustodyKind.CORRECTED).order_by("-sequence").first(),
        time_field="corrected_at",
    )
    custody.note([battery], entry)
    return battery


def _differs(battery: Battery, before: Mapping[str, object], names: Iterable[str]) -> bool:
    return any(getattr(battery, name) != before[name] for name in names)


def _say(actor: Actor, battery: Battery, *, is_measured: bool) -> None:
    """What a person said of its chemistry rests on no pattern from now on, also that it is not known."""
    if is_measured and battery.chemistry is None:
        raise Invalid(_("Say which chemistry was measured."), field="chemistry", code="required")
    is_producer = battery.producer is not None and not actor.user.is_superuser and actor.may(battery.producer)
    assign(battery, said(battery.model, battery.chemistry_id, is_producer=is_producer, is_measured=is_measured))
    if battery.chemistry is None:
        battery.vehicle = None


def _follow_model(battery: Battery, old: BatteryModel | None, changes: Corrections) -> None:
    new = battery.model
    if "producer" not in changes and battery.producer_id == (old.producer_id if old else None):
        battery.producer = new.producer if new else None
    if "chemistry" not in changes and battery.chemistry_id == (old.chemistry_id if old else None):
        battery.chemistry = new.chemistry if new else None
    if new is not None:
        battery.form = new.form


def register_scanned(
    *,
    actor: Actor,
    organization: Organization,
    batteries: Sequence[NewBattery],
    positions: Sequence[int],
    is_simulated: bool,
) -> list[Battery]:
    """Register batteries that were scanned during a pickup, in the name of the collection point's operator.

    `positions` are their places in the caller's list, for errors to name.
    """
    return _create(actor, organization, batteries, [f"batteries.{p}.identifier" for p in positions], is_simulated)


def _create(
    actor: Actor, organization: Organization, batteries: Sequence[NewBattery], fields: Sequence[str], is_simulated: bool
) -> list[Battery]:
    """Write the rows; `fields` names each battery in errors. Six statements, however many there are."""
    check_identifiers(actor, organization.pk, [new.identifiers for new in batteries], fields)
    for where, new in zip(fields, batteries, strict=True):
        _check_amounts(new.mass_value, new.mass_unit, new.rated_kwh, where.rpartition("identifier")[0])
    intensities = Intensities()
    rows = [_row(actor, new, organization, intensities, is_simulated) for new in batteries]
    conclude(rows, [new.identifiers for new in batteries])
    try:
        with transaction.atomic():
            made = Battery.objects.bulk_create(rows)
            Identifier.objects.bulk_create(
                row(battery, identifier, organization.pk)
                for battery, new in zip(made, batteries, strict=True)
                for identifier in new.identifiers
            )
    except IntegrityError as error:
        if "identifier_once" in str(error):  # somebody else registered it in this very moment
            raise Refused(
                _("A battery with one of these identifiers was just registered."), code="duplicate"
            ) from error
        raise
    _find_ground(made)
    return made


def _find_ground(batteries: Sequence[Battery]) -> None:
    """Their numbers are known: those that fit a pattern of the producer are confirmed."""
    found = confirm_by_pattern(Battery.objects.filter(pk__in=[battery.pk for battery in batteries]))
    for battery in batteries:
        if battery.pk in found:
            battery.producer_ground = Ground.SERIAL_PATTERN


def check_amounts(changes: Corrections) -> None:
    """Refuse a mass or an energy that no battery has."""
    _check_amounts(changes.get("mass_value"), changes.get("mass_unit", Unit.KG), changes.get("rated_kwh"), "")


def _check_amounts(mass_value: Decimal | None, mass_unit: str, rated_kwh: Decimal | None, prefix: str) -> None:
    if mass_value is not None:
        kilograms = check_mass(mass_value, mass_unit, field=f"{prefix}mass_value", unit_field=f"{prefix}mass_unit")
        if kilograms > HEAVIEST_KG:
            raise Invalid(_("No battery is heavier than %(kg)s kg.") % {"kg": HEAVIEST_KG}, field=f"{prefix}mass_value")
    if rated_kwh is not None and not (rated_kwh.is_finite() and 0 < rated_kwh <= LARGEST_KWH):
        raise Invalid(_("The rated energy is more than nothing."), field=f"{prefix}rated_kwh")


def _row(
    actor: Actor, new: NewBattery, organization: Organization, intensities: Intensities, is_simulated: bool
) -> Battery:
    model = new.model
    producer = new.producer or (model.producer if model else None)
    battery = Battery(
        model=model,
        producer=producer,
        producer_ground=ground_of(actor, organization, producer),
        rated_kwh=new.rated_kwh,
        mass_value=new.mass_value,
        mass_unit=new.mass_unit,
        form=model.form if model else new.form,
        placed_in=new.placed_in,
        placed_on=new.placed_on,
        condition=new.condition,
        registered_by=organization,
        is_simulated=is_simulated,
    )
    is_producer = producer is not None and producer == organization
    assign(battery, said(model, new.chemistry.pk if new.chemistry else None, is_producer=is_producer))
    settle_content(battery, intensities)
    return battery
