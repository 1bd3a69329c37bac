"""Registering batteries, recognizing them by their identifiers, and settling what their contents are computed from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Organization
from collection.models import (
    Battery,
    BatteryModel,
    BatteryStatus,
    Chemistry,
    Composition,
    Condition,
    CustodyKind,
    Facility,
    Identifier,
    Jurisdiction,
)
from collection.services import custody
from collection.units import Unit, to_kg
from collection.validators import is_vin

type Key = tuple[str, str, str]

#: Contents are kept to a millionth of a kilowatt-hour.
CONTENT_STEP = Decimal("0.000001")


@dataclass(frozen=True)
class NewIdentifier:
    """An identifier as somebody read it: scheme, value, and who issued it (empty for a VIN)."""

    scheme: str
    value: str
    issuer: str = ""

    @property
    def key(self) -> Key:
        value = self.value.strip()
        return (self.scheme, self.issuer.strip(), value.upper() if self.scheme == Identifier.Scheme.VIN else value)


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


def register(
    *,
    actor: Actor,
    organization: Organization,
    facility: Facility | None = None,
    occurred_at: datetime | None = None,
    **battery: Any,
) -> Battery:
    """Register one battery in the name of `organization`: in use, or given up at `facility` if one is named."""
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
        custody.move_batteries(
            given_up,
            actor=actor,
            kind=CustodyKind.RECEIVED_FROM_USE,
            status=BatteryStatus.AT_FACILITY,
            to=custody.Place(facility=facility),
            occurred_at=occurred_at,
            masses={battery.pk: battery.mass_kg for battery in given_up},
        )
        by_id = {battery.pk: battery for battery in given_up}
        made = [by_id[battery.pk] for battery in made]
    return made


@transaction.atomic
def identify(*, actor: Actor, battery: Battery, scheme: str, value: str, issuer: str = "") -> Battery:
    """Add an identifier to a battery that the actor's organization registered or has in custody."""
    (battery,) = custody.lock_batteries([battery.pk])
    actor.require(battery.registered_by, battery.facility.operator if battery.facility else None)
    new = NewIdentifier(scheme, value, issuer)
    _check_identifiers(actor, [NewBattery([new])], ["value"])
    scheme, issuer, value = new.key
    Identifier.objects.create(battery=battery, scheme=scheme, issuer=issuer, value=value)
    return battery


@transaction.atomic
def give_up(*, actor: Actor, battery: Battery, facility: Facility, occurred_at: datetime) -> Battery:
    """A battery in use, or in its further use, is given up at `facility`."""
    actor.require(facility.operator)
    (battery,) = custody.lock_batteries([battery.pk])
    custody.move_batteries(
        [battery],
        actor=actor,
        kind=CustodyKind.RECEIVED_FROM_USE,
        status=BatteryStatus.AT_FACILITY,
        to=custody.Place(facility=facility),
        occurred_at=occurred_at,
        masses={battery.pk: battery.mass_kg},
    )
    return battery


@transaction.atomic
def report_lost(*, actor: Actor, battery: Battery, occurred_at: datetime, reason: str) -> Battery:
    """A battery at a facility was lost or destroyed. It can be found again."""
    (battery,) = custody.lock_batteries([battery.pk])
    actor.require(battery.facility.operator if battery.facility else None)
    if not reason.strip():
        raise Invalid(_("Say what happened."), field="reason")
    custody.move_batteries(
        [battery],
        actor=actor,
        kind=CustodyKind.LOST,
        status=BatteryStatus.LOST,
        to=custody.NOWHERE,
        occurred_at=occurred_at,
        note=reason,
    )
    return battery


@transaction.atomic
def report_found(*, actor: Actor, battery: Battery, facility: Facility, occurred_at: datetime) -> Battery:
    """A lost battery was found again, at `facility`."""
    actor.require(facility.operator)
    (battery,) = custody.lock_batteries([battery.pk])
    custody.move_batteries(
        [battery],
        actor=actor,
        kind=CustodyKind.FOUND,
        status=BatteryStatus.AT_FACILITY,
        to=custody.Place(facility=facility),
        occurred_at=occurred_at,
    )
    return battery


def weigh(batteries: Sequence[Battery], masses: Mapping[int, tuple[Decimal, str]]) -> None:
    """Note new masses (value, unit) on locked batteries, and settle their contents again. Two statements."""
    intensities = Intensities()
    changed = []
    for battery in batteries:
        if battery.pk in masses:
            battery.mass_value, battery.mass_unit = masses[battery.pk]
            settle_content(battery, intensities)
            changed.append(battery)
    Battery.objects.bulk_update(changed, ["mass_value", "mass_unit", "composition", "content_kwh"], batch_size=10_000)


@dataclass(frozen=True)
class Intensity:
    """A composition with the sum of what it lists, in kg per kWh."""

    composition: Composition
    listed_kg_per_kwh: Decimal


class Intensities:
    """Every composition, read once (one query): they are a few dozen rows."""

    def __init__(self) -> None:
        rows = Composition.objects.annotate(listed=Sum("elements__kg_per_kwh"))
        self.by_id = {row.pk: Intensity(row, row.listed or Decimal(0)) for row in rows}
        self.defaults = {i.composition.chemistry_id: i for i in self.by_id.values() if i.composition.is_default}

    def of(self, battery: Battery) -> Intensity | None:
        """A model's own composition goes before the default of the chemistry."""
        if battery.model is not None and battery.model.composition_id is not None:
            return self.by_id[battery.model.composition_id]
        return self.defaults.get(battery.chemistry_id or "")


def settle_content(battery: Battery, intensities: Intensities) -> None:
    """Set what the contents of `battery` are computed from (DESIGN.md section 3, “Content”); saves nothing.

    Energy is the battery's own or its model's rated energy; without one it is mass / pack kg per kWh. It is lowered until the listed contents fit into the mass.
    """
    model = battery.model
    intensity = intensities.of(battery)
    if intensity is None:
        battery.composition, battery.content_kwh = None, None
        return
    mass = to_kg(battery.mass_value, battery.mass_unit) if battery.mass_value is not None else None
    if mass is None and model is not None:
        mass = model.mass_kg
    energy = battery.rated_kwh or (model.rated_kwh if model is not None else None)
    if energy is None and mass is not None and intensity.composition.pack_kg_per_kwh:
        energy = mass / intensity.composition.pack_kg_per_kwh
    if energy is not None and mass is not None and energy * intensity.listed_kg_per_kwh > mass:
        energy = mass / intensity.listed_kg_per_kwh
    if energy is not None:
        energy = energy.quantize(CONTENT_STEP, rounding="ROUND_DOWN")
    battery.composition = intensity.composition
    battery.content_kwh = energy or None


def find(actor: Actor, identifiers: Iterable[NewIdentifier]) -> dict[Key, Battery]:
    """The batteries that go by the given identifiers, of those that the actor may see, in one query."""
    keys = {identifier.key for identifier in identifiers}
    matches = Identifier.objects.filter(
        value__in={key[2] for key in keys}, battery__in=Battery.objects.visible_to(actor.user).values("pk")
    ).select_related("battery")
    return {(m.scheme, m.issuer, m.value): m.battery for m in matches if (m.scheme, m.issuer, m.value) in keys}


def find_to_collect(actor: Actor, facility: Facility, identifiers: Sequence[NewIdentifier]) -> dict[Key, Battery]:
    """The batteries with the given identifiers that may be given up at `facility` now: those there, and those in use.

    Whoever holds a battery in hand may scan it, so a battery in use is recognized even if the actor never saw it.
    """
    keys = {identifier.key for identifier in identifiers}
    matches = Identifier.objects.filter(
        Q(battery__facility=facility)
        | Q(
            battery__status__in=[
                BatteryStatus.IN_USE,
                BatteryStatus.SECOND_LIFE,
                BatteryStatus.LOST,
            ]
        ),
        value__in={key[2] for key in keys},
    ).select_related("battery")
    return {(m.scheme, m.issuer, m.value): m.battery for m in matches if (m.scheme, m.issuer, m.value) in keys}


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
    """Write the rows; `fields` names each battery in errors. Five statements, however many there are."""
    _check_identifiers(actor, batteries, fields)
    intensities = Intensities()
    rows = [_row(new, organization, intensities, is_simulated) for new in batteries]
    try:
        with transaction.atomic():
            made = Battery.objects.bulk_create(rows)
            Identifier.objects.bulk_create(
                Identifier(battery=battery, scheme=scheme, issuer=issuer, value=value)
                for battery, new in zip(made, batteries, strict=True)
                for scheme, issuer, value in (identifier.key for identifier in new.identifiers)
            )
    except IntegrityError as error:
        if "identifier_once" in str(error):  # somebody else registered it in this very moment
            raise Refused(
                _("A battery with one of these identifiers was just registered."), code="duplicate"
            ) from error
        raise
    return made


def _row(new: NewBattery, organization: Organization, intensities: Intensities, is_simulated: bool) -> Battery:
    model = new.model
    battery = Battery(
        model=model,
        producer=new.producer or (model.producer if model else None),
        chemistry=new.chemistry or (model.chemistry if model else None),
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
    settle_content(battery, intensities)
    return battery


def _check_identifiers(actor: Actor, batteries: Sequence[NewBattery], fields: Sequence[str]) -> None:
    seen: dict[Key, str] = {}
    for where, new in zip(fields, batteries, strict=True):
        if not new.identifiers:
            raise Invalid(_("A battery needs at least one identifier."), field=where, code="required")
        for identifier in new.identifiers:
            scheme, issuer, value = key = identifier.key
            if scheme not in Identifier.Scheme.values:
                raise Invalid(_("“%(scheme)s” is no scheme of identifiers.") % {"scheme": scheme}, field=where)
            if not value:
                raise Invalid(_("An identifier may not be empty."), field=where)
            if scheme == Identifier.Scheme.VIN and not is_vin(value):
                raise Invalid(
                    _("“%(value)s” is not a valid VIN: 17 characters, no I, O or Q, and a right check digit.")
                    % {"value": value},
                    field=where,
                    code="vin",
                )
            if scheme == Identifier.Scheme.VIN and issuer:
                raise Invalid(_("A VIN has no issuer."), field=where)
            if key in seen:
                raise Invalid(_("“%(value)s” stands here twice.") % {"value": value}, field=where, code="duplicate")
            seen[key] = where
    taken = Identifier.objects.filter(Q(value__in={key[2] for key in seen})).values_list(
        "scheme", "issuer", "value", "battery"
    )
    clashes = [((scheme, issuer, value), battery) for scheme, issuer, value, battery in taken]
    for key, other in clashes:
        if key not in seen:
            continue
        where = seen[key]
        if Battery.objects.visible_to(actor.user).filter(pk=other).exists():
            message = _("“%(value)s” already belongs to battery %(battery)s.") % {
                "value": key[2],
                "battery": other,
            }
        else:
            message = _("“%(value)s” already belongs to another battery.") % {"value": key[2]}
        raise Refused(message, field=where, code="duplicate")
