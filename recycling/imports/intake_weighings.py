"""Intake weighings from a file, one row per battery: the rows of a ticket are one weighing, recorded by the
same service as at the gate. A ticket with a bad row is not recorded at all. A ticket is recognized by its plant and
number.

Batteries that were found are listed all or not at all: a ticket that lists none found everything that it does not
reject.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError, Invalid
from accounts.models import Organization
from collection.battery_numbers import LONGEST_SENT
from collection.imports import columns
from collection.imports.columns import Column, Parser
from collection.imports.engine import Cells, Counts, Faults
from collection.models import Identifier, Shipment
from collection.services.identifiers import NewIdentifier
from collection.units import Unit
from recycling.models import Intake, IntakeBattery, Plant
from recycling.services import intakes
from recycling.services.intakes import ReceivedBattery, RejectedThing

_REQUIRED = ("ticket", "shipment", "weighed_at", "gross", "tare")
#: What all rows of a ticket must say alike.
_SHARED = ("shipment", "weighed_at", "gross", "tare", "unit")


@dataclass
class _Ticket:
    """The rows of one ticket, with what they share and what each says of its battery."""

    plant: Plant
    number: str
    shipment: int
    weighed_at: datetime
    gross: Decimal
    tare: Decimal
    unit: str
    lines: list[int] = field(default_factory=list)
    batteries: list[tuple[int, ReceivedBattery]] = field(default_factory=list)
    rejected: list[tuple[int, RejectedThing]] = field(default_factory=list)

    def says(self) -> tuple[object, ...]:
        return self.shipment, self.weighed_at, self.gross, self.tare, self.unit


class IntakeWeighingImporter:
    """See the module."""

    passes_over: ClassVar[bool] = False

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        actor.require(organization)
        self._actor = actor
        plants = Plant.objects.filter(facility__operator=organization).select_related("facility__operator")
        self._plants = {plant.facility.name: plant for plant in plants}
        self._tickets: dict[tuple[int, str], _Ticket] = {}
        self._spoiled: set[tuple[int, str]] = set()
        self._unchanged = 0
        kilograms = columns.mass()
        self._parsers: dict[str, Parser] = {
            "ticket": columns.text(60),
            "shipment": columns.whole(least=1, most=2**63 - 1),
            "gross": kilograms,
            "tare": kilograms,
            "unit": columns.unit(),
            "scheme": columns.choice(Identifier.Scheme.values),
            "issuer": columns.text(100),
            "value": columns.text(LONGEST_SENT),
            "received_mass": kilograms,
            "mass_unit": columns.unit(),
            "rejected_because": columns.text(500),
        }

    @property
    def columns(self) -> Sequence[Column]:
        """Cells are taken as they are: of a bad row, too, it must be known which ticket it spoils."""

        def as_is(cell: str) -> str:
            return cell

        optional = ("plant", "unit", "scheme", "issuer", "value", "received_mass", "mass_unit", "rejected_because")
        return (
            *(Column(name, as_is, required=True, default="", blank=True) for name in _REQUIRED),
            *(Column(name, as_is, default="") for name in optional),
        )

    def take(self, rows: Iterator[Cells], faults: Faults) -> None:
        names = [column.name for column in self.columns]
        known, doubtful = 0, False
        before: tuple[int, str] | None = None
        for line, values in rows:
            doubtful = doubtful or len(faults.bad_lines) > known  # rows that were so bad that we never saw them
            key = self._row(line, dict(zip(names, values, strict=True)), faults)
            if key is None:
                doubtful = True
            else:
                if doubtful:  # a row of which the ticket is not known: it is one beside it
                    self._spoiled.update(ticket for ticket in (before, key) if ticket is not None)
                before, doubtful = key, False
            known = len(faults.bad_lines)
        if before is not None and (doubtful or len(faults.bad_lines) > known):
            self._spoiled.add(before)

    def check(self, faults: Faults) -> None:
        """Fault tickets that were recorded otherwise, and pass over those that were recorded like this."""
        self._spoil(faults)
        numbers = {number for _plant, number in self._tickets}
        recorded = Intake.objects.filter(plant__in=self._plants.values(), ticket__in=numbers)
        held: dict[int, list[IntakeBattery]] = {}
        for battery in IntakeBattery.objects.filter(intake__in=recorded).prefetch_related("battery__identifiers"):
            held.setdefault(battery.intake_id, []).append(battery)
        for intake in recorded:
            ticket = self._tickets.pop((intake.plant_id, intake.ticket), None)
            if ticket is None:
                continue
            if _is_same(intake, held.get(intake.pk, []), ticket):
                self._unchanged += len(ticket.lines)
            else:
                message = _("This ticket was recorded otherwise. Nothing is overwritten.")
                faults.add(ticket.lines[0], "ticket", message, ticket.number)
                self._blame(ticket, faults, but=ticket.lines[0])

    def write(self, faults: Faults) -> Counts:
        """Record the tickets, the oldest first, as the trucks came."""
        created = 0
        wanted = {ticket.shipment for ticket in self._tickets.values()}
        visible = Shipment.objects.visible_to(self._actor.user).filter(pk__in=wanted).in_bulk()
        for ticket in sorted(self._tickets.values(), key=lambda ticket: ticket.weighed_at):
            shipment = visible.get(ticket.shipment)
            if shipment is None:
                faults.add(ticket.lines[0], "shipment", _("There is no such shipment."), ticket.shipment)
                self._blame(ticket, faults, but=ticket.lines[0])
                continue
            try:
                with transaction.atomic():
                    self._record(ticket, shipment)
            except DomainError as error:
                line, column = _place(ticket, error.field or "")
                faults.add(line, column, str(error.message))
                self._blame(ticket, faults, but=line)
            else:
                created += len(ticket.lines)
        return Counts(created, self._unchanged)

    def _record(self, ticket: _Ticket, shipment: Shipment) -> None:
        listed = bool(ticket.batteries)
        intakes.record(
            actor=self._actor,
            plant=ticket.plant,
            shipment=shipment,
            ticket=ticket.number,
            weighed_at=ticket.weighed_at,
            gross_value=ticket.gross,
            tare_value=ticket.tare,
            unit=ticket.unit,
            batteries=[battery for _line, battery in ticket.batteries] if listed else None,
            rejected=[thing for _line, thing in ticket.rejected],
        )

    def _row(self, line: int, cells: dict[str, Any], faults: Faults) -> tuple[int, str] | None:
        """Add a row to its ticket, and tell which that is."""
        plant = self._plant(line, cells["plant"], faults)
        ticket = self._value(line, "ticket", cells, faults)
        if plant is None or ticket is None:
            return None
        key = (plant.pk, str(ticket))
        values = {name: self._value(line, name, cells, faults) for name in self._parsers if name != "ticket"}
        weighed_at = self._instant(line, cells["weighed_at"], plant, faults)
        self._check_row(line, values, faults)
        if line in faults.bad_lines or weighed_at is None:
            self._spoiled.add(key)
            return key
        shared = _Ticket(
            plant, key[1], values["shipment"], weighed_at, values["gross"], values["tare"], values["unit"] or Unit.KG
        )
        found = self._tickets.setdefault(key, shared)
        if found.says() != shared.says():
            different = next(n for n, a, b in zip(_SHARED, found.says(), shared.says(), strict=True) if a != b)
            message = _("Line %(line)d says otherwise of the same ticket.") % {"line": found.lines[0]}
            faults.add(line, different, message, cells[different])
            self._spoiled.add(key)
        found.lines.append(line)
        if values["value"]:
            identifier = NewIdentifier(values["scheme"], values["value"], values["issuer"] or "")
            try:
                identifier.normal  # noqa: B018 - asked for what it raises
            except Invalid as error:
                faults.add(line, error.field or "value", str(error.message), values["value"])
                self._spoiled.add(key)
                return key
            if values["rejected_because"]:
                found.rejected.append((line, RejectedThing(values["rejected_because"], identifier=identifier)))
            else:
                unit = values["mass_unit"] or Unit.KG
                received = ReceivedBattery(None, identifier, values["received_mass"], unit)
                found.batteries.append((line, received))
        return key

    def _check_row(self, line: int, values: dict[str, Any], faults: Faults) -> None:
        if bool(values["value"]) != bool(values["scheme"]):
            missing = "scheme" if values["value"] else "value"
            faults.add(line, missing, _("Scheme and value of an identifier belong together."))
        elif not values["value"] and (values["received_mass"] or values["rejected_because"]):
            faults.add(line, "value", _("Which battery is meant?"))
        elif values["rejected_because"] and values["received_mass"]:
            faults.add(line, "received_mass", _("A rejected battery is not received."), values["received_mass"])

    def _value(self, line: int, name: str, cells: dict[str, Any], faults: Faults) -> Any:
        cell = cells[name]
        if not cell:
            if name in _REQUIRED:
                faults.add(line, name, _("Must not be empty."))
            return None
        try:
            return self._parsers[name](cell)
        except ValueError as error:
            faults.add(line, name, str(error), cell)
            return None

    def _instant(self, line: int, cell: str, plant: Plant, faults: Faults) -> datetime | None:
        try:
            return columns.instant(cell, ZoneInfo(plant.facility.time_zone))
        except ValueError as error:
            faults.add(line, "weighed_at", str(error), cell)
            return None

    def _plant(self, line: int, name: str, faults: Faults) -> Plant | None:
        if not name and len(self._plants) == 1:
            return next(iter(self._plants.values()))
        plant = self._plants.get(name)
        if plant is None:
            known = ", ".join(sorted(self._plants)) or "–"
            faults.add(
                line, "plant", _("Not a plant of your organization. Those are: %(names)s.") % {"names": known}, name
            )
        return plant

    def _spoil(self, faults: Faults) -> None:
        for key in self._spoiled & self._tickets.keys():
            ticket = self._tickets.pop(key)
            self._blame(ticket, faults)

    def _blame(self, ticket: _Ticket, faults: Faults, *, but: int = 0) -> None:
        """The other rows of a ticket that is not recorded are not imported either, and are told so."""
        for line in itertools.filterfalse(faults.bad_lines.__contains__, ticket.lines):
            if line != but:
                faults.add(line, "ticket", _("Not recorded, since another row of the ticket is wrong."), ticket.number)


def _is_same(intake: Intake, held: list[IntakeBattery], ticket: _Ticket) -> bool:
    """Whether a ticket says what was recorded: the weighing, and the received mass of each battery listed."""
    recorded = (intake.shipment_id, intake.weighed_at, intake.gross_value, intake.tare_value, intake.unit)
    if recorded != ticket.says():
        return False
    if not ticket.batteries:
        return True
    masses = {
        key: (battery.received_value, battery.unit)
        for battery in held
        for identifier in battery.battery.identifiers.all()
        for key in identifier.read_as()
    }
    listed = [(thing.identifier, thing.received_value, thing.unit) for _line, thing in ticket.batteries]
    return len(held) == len(listed) and all(
        identifier is not None and masses.get(identifier.key) == (value, unit) for identifier, value, unit in listed
    )


def _place(ticket: _Ticket, name: str) -> tuple[int, str]:
    """The line and the column that a service means by a field such as `batteries.3.received_value`."""
    part, _dot, rest = name.partition(".")
    index, _dot, rest = rest.partition(".")
    rows = {"batteries": ticket.batteries, "rejected": ticket.rejected}.get(part)
    if rows and index.isdigit() and int(index) < len(rows):
        column = {"received_value": "received_mass", "unit": "mass_unit", "reason": "rejected_because"}.get(
            rest, "value"
        )
        return rows[int(index)][0], column
    return ticket.lines[0], {"gross_value": "gross", "tare_value": "tare"}.get(name, name)
