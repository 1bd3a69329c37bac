"""Batteries from a file: registered in the name of an organization, with their identifiers, and given up at one of its
facilities where the file says so. Where it says neither model nor chemistry, the VIN may. A row is recognized by scheme,
issuer and value of its identifier.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, connection, transaction
from django.db.models.expressions import RawSQL
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Organization
from accounts.written import GAPS, LOWER, UPPER
from collection.battery_numbers import LONGEST_SENT, WORLDWIDE, normal
from collection.imports import columns, reference
from collection.imports.columns import Column
from collection.imports.engine import Cells, Counts, Faults
from collection.imports.stage import Finding, StagedImporter, select, unequal
from collection.imports.vehicles import VehicleStage
from collection.models import (
    Battery,
    BatteryModel,
    Condition,
    Facility,
    Ground,
    Identifier,
)
from collection.services import credit, custody
from collection.services.contents import Contents
from collection.services.custody import CLOCK_SKEW
from collection.services.patterns import Patterns, kind_of_vin, said
from collection.units import Unit

#: What a registration says and nothing changes later; and what weighings and inspections change afterwards.
_FIXED = ("producer_id", "rated_kwh", "form", "placed_in_id", "placed_on")
#: What the row says itself, unless it was concluded from the vehicle: then the vehicle is the same, and its pack is resolved.
_SAID = ("model_id", "chemistry_id")
_CHANGING = ("mass_value", "mass_unit", "condition")


def _compared(column: str) -> str:
    """`accounts.written.compared`, as the index of identifiers has it."""
    return f"translate({column}, '{LOWER + GAPS}', '{UPPER}')"


_IDENTIFIERS = f"""
    (SELECT line, scheme, {_compared("issuer")} AS issuer, {_compared("value")} AS form, value FROM import_battery
     UNION ALL SELECT line, 'vin', '', vin, vin FROM import_battery WHERE vin IS NOT NULL)
"""  # noqa: S608 - our own text
#: A number without issuer is a name that the organization gives: it is compared with those that it gave.
_KNOWN = f"""
    ({_compared("i.value")}, i.scheme, {_compared("i.issuer")}) = ({_compared("s.value")}, s.scheme, {_compared("s.issuer")})
    AND (i.named_by_id IS NULL OR i.named_by_id = %s)
"""


class BatteryStage(VehicleStage):
    """Batteries on their way to being registered."""

    table = "import_battery"
    target = "collection_battery"
    columns = (
        ("line", "integer"),
        ("scheme", "text"),
        ("issuer", "text"),
        ("value", "text"),
        ("vin", "text"),
        ("model_id", "bigint"),
        ("producer_id", "bigint"),
        ("chemistry_id", "text"),
        ("chemistry_by", "text"),
        ("chemistry_confidence", "text"),
        ("pattern_id", "bigint"),
        ("vehicle", "integer"),
        ("composition_id", "bigint"),
        ("rated_kwh", "numeric"),
        ("content_kwh", "numeric"),
        ("mass_value", "numeric"),
        ("mass_unit", "text"),
        ("form", "text"),
        ("placed_in_id", "text"),
        ("placed_on", "date"),
        ("condition", "text"),
        ("facility_id", "bigint"),
        ("given_up_at", "timestamptz"),
    )
    known = "battery_id"

    def __init__(self, *, actor: Actor, organization: Organization, ground: Ground = Ground.CLAIMED) -> None:
        """`ground` is that of whoever the file names as producer; what a producer registers has its own."""
        super().__init__()
        self.actor = actor
        self.organization = organization
        self.ground = ground
        self.content = Contents().of

    def repeated(self) -> Iterator[Finding]:
        for line, first, value in select(f"""
            SELECT i.line, d.first, i.value FROM {_IDENTIFIERS} i
            JOIN (SELECT scheme, issuer, form, min(line) AS first FROM {_IDENTIFIERS} a
                  GROUP BY scheme, issuer, form HAVING count(*) > 1) d
                USING (scheme, issuer, form)
            WHERE i.line > d.first ORDER BY i.line
        """):  # noqa: S608 - our own text
            yield line, "value", _("The same battery stands on line %(line)d.") % {"line": first}, value

    def match(self, faults: Faults) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                UPDATE import_battery s SET battery_id = i.battery_id FROM collection_identifier i
                WHERE s.battery_id IS NULL AND {_KNOWN}
                """,  # noqa: S608 - our own text
                [self.organization.pk],
            )
        self.fault(faults, self._of_others())
        self.fault(faults, self._otherwise())

    def write(self, faults: Faults) -> Counts:
        """Register what is new. Somebody who registers one of the same batteries in this moment makes us look again."""
        for _attempt in range(3):
            try:
                with transaction.atomic():
                    return self._write()
            except IntegrityError as error:
                if "identifier_once" not in str(error):
                    raise
                self.match(faults)
        raise Refused(_("Somebody else is registering the same batteries at this moment; try again."), code="busy")

    def _of_others(self) -> Iterator[Finding]:
        """Identifiers that belong to a battery of somebody else, or to another one than the row's."""
        others = select(
            """
            SELECT s.line, 'value', s.value, b.id
            FROM import_battery s JOIN collection_battery b ON b.id = s.battery_id
            WHERE b.registered_by_id <> %s
            UNION ALL
            SELECT s.line, 'vin', s.vin, i.battery_id
            FROM import_battery s
            JOIN collection_identifier i ON i.scheme = 'vin' AND i.issuer = '' AND i.value = s.vin
            WHERE i.battery_id IS DISTINCT FROM s.battery_id
            ORDER BY 1
            """,
            [self.organization.pk],
        )
        clashing = Battery.objects.filter(pk__in=[row[3] for row in others])
        visible = set(clashing.visible_to(self.actor.user).values_list("pk", flat=True)) if others else set()
        for line, column, value, battery in others:
            if battery in visible:
                message = _("“%(value)s” already belongs to battery %(battery)s.") % {
                    "value": value,
                    "battery": battery,
                }
            else:
                message = _("“%(value)s” already belongs to another battery.") % {"value": value}
            yield line, column, message, value

    def _otherwise(self) -> Iterator[Finding]:
        """Once a battery has gone on its way, what scales and inspectors found there is not held against the file."""
        compared = [
            *unequal("b", _SAID, when="s.vehicle IS NULL"),
            *unequal("b", _FIXED),
            "CASE WHEN b.vehicle_id <> v.id THEN 'vehicle' END",
            *unequal("b", _CHANGING, when="NOT went_on", in_file={"mass_value": "mass"}),
            """CASE WHEN s.facility_id IS NOT NULL AND first.to_facility_id IS DISTINCT FROM s.facility_id
                    THEN 'facility' END""",
            """CASE WHEN s.facility_id IS NOT NULL AND first.occurred_at IS DISTINCT FROM s.given_up_at
                    THEN 'given_up_at' END""",
            """CASE WHEN s.vin IS NOT NULL AND NOT EXISTS (
                    SELECT 1 FROM collection_identifier v
                    WHERE v.battery_id = b.id AND v.scheme = 'vin' AND v.value = s.vin) THEN 'vin' END""",
        ]
        known = """
            JOIN collection_battery b ON b.id = s.battery_id
            LEFT JOIN import_vehicle v ON v.number = s.vehicle
            LEFT JOIN collection_custodyevent first
                ON first.battery_id = b.id AND first.sequence = 1 AND first.kind = 'given_up'
            CROSS JOIN LATERAL (
                SELECT EXISTS (
                    SELECT 1 FROM collection_custodyevent e
                    WHERE e.battery_id = b.id AND e.sequence > (s.facility_id IS NOT NULL)::int
                ) AS went_on
            ) w
        """
        message = _("This battery is already registered, with another value of: %(columns)s. Nothing is overwritten.")
        return self.differing(compared, known, message)

    def _write(self) -> Counts:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS import_battery_new")
            cursor.execute("""
                CREATE TEMPORARY TABLE import_battery_new ON COMMIT DROP AS
                SELECT nextval(pg_get_serial_sequence('collection_battery', 'id')) AS id, s.*
                FROM (
                    SELECT i.*, v.id AS vehicle_id FROM import_battery i LEFT JOIN import_vehicle v ON v.number = i.vehicle
                    WHERE i.battery_id IS NULL ORDER BY i.line
                ) s
            """)
            created = cursor.rowcount
            _new, unchanged = self.counts()
            cursor.execute(
                """
                INSERT INTO collection_battery (
                    id, model_id, producer_id, producer_ground, chemistry_id, chemistry_by, chemistry_confidence,
                    pattern_id, vehicle_id, composition_id, rated_kwh, content_kwh, mass_value, mass_unit, form,
                    placed_in_id, placed_on, condition, status, registered_by_id, registered_at, is_simulated)
                SELECT id, model_id, producer_id,
                    CASE WHEN producer_id IS NULL THEN 'claimed' WHEN producer_id = %s THEN %s ELSE %s END,
                    chemistry_id, chemistry_by, chemistry_confidence, pattern_id, vehicle_id, composition_id, rated_kwh,
                    content_kwh, mass_value, mass_unit, form, placed_in_id, placed_on, condition, 'in_use', %s, now(), %s
                FROM import_battery_new
                """,
                [
                    self.organization.pk,
                    Ground.REGISTERED_BY_PRODUCER,
                    self.ground,
                    self.organization.pk,
                    self.organization.is_simulated,
                ],
            )
            cursor.execute(
                """
                INSERT INTO collection_identifier (battery_id, scheme, issuer, value, named_by_id)
                SELECT id, scheme, issuer, value, CASE WHEN issuer = '' AND NOT scheme = ANY(%s) THEN %s::bigint END
                FROM import_battery_new
                UNION ALL SELECT id, 'vin', '', vin, NULL FROM import_battery_new WHERE vin IS NOT NULL
                """,
                [list(WORLDWIDE), self.organization.pk],
            )
            self.remember()
            new = RawSQL("SELECT id FROM import_battery_new", ())
            credit.confirm_by_pattern(Battery.objects.filter(pk__in=new))
            cursor.execute("SELECT 1 FROM import_battery_new WHERE facility_id IS NOT NULL LIMIT 1")
            if cursor.fetchone():
                custody.give_up_imported(actor=self.actor, table="import_battery_new")
        return Counts(created, unchanged)


class BatteryImporter(StagedImporter):
    """See the module."""

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        actor.require(organization)
        self.stage = BatteryStage(actor=actor, organization=organization)
        self._patterns, self._registrant = Patterns(), organization.pk
        self._model = reference.battery_model(self._patterns.models.values())
        self._producer, self._chemistry = reference.producer(), reference.chemistry()
        self._jurisdiction = reference.jurisdiction()
        self._facilities = {
            f.name: (f.pk, ZoneInfo(f.time_zone)) for f in Facility.objects.filter(operator=organization)
        }
        self._latest = timezone.now() + CLOCK_SKEW

    @property
    def columns(self) -> Sequence[Column]:
        return (
            Column("scheme", columns.choice(Identifier.Scheme.values), required=True),
            Column("value", columns.text(LONGEST_SENT), required=True),
            Column("issuer", columns.text(100), default=""),
            Column("vin", columns.text(LONGEST_SENT)),
            Column("model", self._model),
            Column("producer", self._producer),
            Column("chemistry", self._chemistry),
            Column("rated_kwh", columns.decimal(digits=8, places=3, above=Decimal(0))),
            Column("mass", columns.mass()),
            Column("mass_unit", columns.unit(), default=Unit.KG.value),
            Column("form", columns.choice(BatteryModel.Form.values), default=BatteryModel.Form.PACK.value),
            Column("placed_in", self._jurisdiction),
            Column("placed_on", columns.day()),
            Column("condition", columns.choice(Condition.values), default=Condition.INTACT.value),
            Column(
                "facility",
                columns.one_of(self._facilities, lambda: _("Your organization has no facility of this name.")),
            ),
            Column("given_up_at", columns.text(40)),
        )

    def staged(self, rows: Iterator[Cells], faults: Faults) -> Iterator[tuple[Any, ...]]:
        content = self.stage.content
        for line, values in rows:
            (scheme, value, issuer, vin, model, producer, chemistry, kwh, mass, unit, form, placed_in, placed_on,
             condition, facility, given_up) = values  # fmt: skip
            try:
                identity = self._identity(scheme, value, issuer, vin)
            except Invalid as error:
                faults.add(line, error.field or "value", str(error.message), vin if error.field == "vin" else value)
                continue
            when = self._when(line, facility, given_up, faults)
            if when is False:
                continue
            if isinstance(model, BatteryModel):
                producer = producer or model.producer_id
                form = model.form
            number = identity[3] or (identity[2] if identity[0] == Identifier.Scheme.VIN else None)
            if number and model is None and chemistry is None:
                kind = kind_of_vin(number)
                assigned, vehicle = self._patterns.resolve(kind), self.stage.vehicle(kind)
                model = self._patterns.models.get(assigned.model_id or 0)
            else:
                assigned = said(model, chemistry, is_producer=producer is not None and producer == self._registrant)
                vehicle = None
            composition, energy = content(model, assigned.chemistry_id, kwh, mass, unit)
            yield (
                line, *identity, assigned.model_id, producer, assigned.chemistry_id, assigned.chemistry_by,
                assigned.chemistry_confidence, assigned.pattern_id, vehicle, composition, kwh, energy, mass, unit,
                form, placed_in and placed_in.pk, placed_on, condition, facility[0] if facility else None, when,
            )  # fmt: skip

    def _identity(self, scheme: Any, value: Any, issuer: Any, vin: Any) -> tuple[str, str, str, str | None]:
        """Scheme, issuer, value and VIN as they are kept. Raises `Invalid` where they cannot be."""
        identifier = normal(scheme, value, issuer)
        if not vin:
            return *identifier, None
        try:
            number = normal(Identifier.Scheme.VIN, vin).value
        except Invalid as error:
            raise Invalid(error.message, field="vin") from error
        if scheme != Identifier.Scheme.VIN:
            return *identifier, number
        if number != identifier.value:
            raise Invalid(_("The row names two VINs."), field="vin")
        return *identifier, None

    def _when(self, line: int, facility: Any, given_up: Any, faults: Faults) -> datetime | bool | None:
        """When the battery was given up; `False` where that is not said as it must be."""
        if not facility and not given_up:
            return None
        if not facility or not given_up:
            missing = "given_up_at" if facility else "facility"
            faults.add(line, missing, _("Where and when a battery was given up must both be said, or neither."))
            return False
        try:
            instant = columns.instant(given_up, facility[1])
            if instant > self._latest:
                raise ValueError(_("This time lies in the future."))
        except ValueError as error:
            faults.add(line, "given_up_at", str(error), given_up)
            return False
        return instant
