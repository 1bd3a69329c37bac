"""Where the batteries of a file wait until all of them are known to be right: a temporary table, filled by COPY.

From there on everything is done to all of them at once; the number of statements does not depend on their number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Refused
from accounts.models import Organization
from collection.imports.engine import Counts, Faults
from collection.models import Battery, BatteryModel, Composition
from collection.services import custody
from collection.services.contents import Intensities, settle_content

#: What a staged row consists of, in the order of `fill`.
COLUMNS = (
    ("line", "integer"),
    ("scheme", "text"),
    ("issuer", "text"),
    ("value", "text"),
    ("vin", "text"),
    ("model_id", "bigint"),
    ("producer_id", "bigint"),
    ("chemistry_id", "text"),
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
_NAMES = ", ".join(name for name, _type in COLUMNS)
#: What a registration says and nothing changes later; and what weighings and inspections change afterwards.
_FIXED = ("model_id", "producer_id", "chemistry_id", "rated_kwh", "form", "placed_in_id", "placed_on")
_CHANGING = ("mass_value", "mass_unit", "condition")
#: How a column of the table is called in a file.
_IN_FILE = {"model_id": "model", "producer_id": "producer", "chemistry_id": "chemistry", "placed_in_id": "placed_in",
            "mass_value": "mass"}  # fmt: skip

_IDENTIFIERS = """
    (SELECT line, scheme, issuer, value FROM import_battery
     UNION ALL SELECT line, 'vin', '', vin FROM import_battery WHERE vin IS NOT NULL)
"""


@dataclass(slots=True)
class _Contents:
    """As much of a battery as its contents follow from. A whole `Battery` for each mass takes ten times as long."""

    model: BatteryModel | None
    chemistry_id: str | None
    rated_kwh: Decimal | None
    mass_value: Decimal | None
    mass_unit: str
    composition: Composition | None = None
    content_kwh: Decimal | None = None


class BatteryStage:
    """The staging table of one import, and what leads out of it."""

    def __init__(self, *, actor: Actor, organization: Organization) -> None:
        self.actor = actor
        self.organization = organization
        self._intensities = Intensities()
        self._contents: dict[tuple[object, ...], tuple[int | None, Decimal | None]] = {}

    def content(
        self,
        model: BatteryModel | None,
        chemistry: str | None,
        rated_kwh: Decimal | None = None,
        mass_value: Decimal | None = None,
        mass_unit: str = "kg",
    ) -> tuple[int | None, Decimal | None]:
        """The composition that holds for such a battery, and the energy its contents are computed from."""
        key = (model.pk if model else None, chemistry, rated_kwh, mass_value, mass_unit)
        if key not in self._contents:
            battery = _Contents(model, chemistry, rated_kwh, mass_value, mass_unit)
            settle_content(battery, self._intensities)
            if len(self._contents) > 100_000:
                self._contents.clear()
            composition = battery.composition.pk if battery.composition is not None else None
            self._contents[key] = (composition, battery.content_kwh)
        return self._contents[key]

    def fill(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Take in rows as `COLUMNS` has them."""
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS import_battery")
            columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS)
            cursor.execute(f"CREATE TEMPORARY TABLE import_battery ({columns}, battery_id bigint) ON COMMIT DROP")
            with cursor.copy(f"COPY import_battery ({_NAMES}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute("ANALYZE import_battery")

    def check(self, faults: Faults) -> None:
        """Fault identifiers that stand in the file twice or belong to another battery, and batteries that are
        registered already but not as the file says. Faulted rows leave the stage.
        """
        self._check_within(faults)
        self._match(faults)

    def write(self, faults: Faults) -> Counts:
        """Register what is new. Somebody who registers one of the same batteries in this moment makes us look again."""
        for _attempt in range(3):
            try:
                with transaction.atomic():
                    return self._write()
            except IntegrityError as error:
                if "identifier_once" not in str(error):
                    raise
                self._match(faults)
        raise Refused(_("Somebody else is registering the same batteries at this moment; try again."), code="busy")

    def _check_within(self, faults: Faults) -> None:
        bad = []
        for line, first, value in _rows(f"""
            SELECT i.line, d.first, i.value FROM {_IDENTIFIERS} i
            JOIN (SELECT scheme, issuer, value, min(line) AS first FROM {_IDENTIFIERS} a
                  GROUP BY scheme, issuer, value HAVING count(*) > 1) d
                USING (scheme, issuer, value)
            WHERE i.line > d.first ORDER BY i.line
        """):  # noqa: S608 - our own text
            faults.add(line, "value", _("The same battery stands on line %(line)d.") % {"line": first}, value)
            bad.append(line)
        _drop(bad)

    def _match(self, faults: Faults) -> None:
        """Find the batteries that are registered already, and fault those that the file describes otherwise."""
        with connection.cursor() as cursor:
            cursor.execute("""
                UPDATE import_battery s SET battery_id = i.battery_id FROM collection_identifier i
                WHERE s.battery_id IS NULL AND (i.scheme, i.issuer, i.value) = (s.scheme, s.issuer, s.value)
            """)
        self._check_owners(faults)
        self._check_content(faults)

    def _check_owners(self, faults: Faults) -> None:
        others = list(_rows(
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
        ))  # fmt: skip
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
            faults.add(line, column, message, value)
        _drop([row[0] for row in others])

    def _check_content(self, faults: Faults) -> None:
        """Once a battery has gone on its way, what scales and inspectors found there is not held against the file."""
        differs = ", ".join(
            f"CASE WHEN b.{name} IS DISTINCT FROM s.{name} THEN '{_IN_FILE.get(name, name)}' END" for name in _FIXED
        )
        changed = ", ".join(
            f"CASE WHEN NOT went_on AND b.{name} IS DISTINCT FROM s.{name} THEN '{_IN_FILE.get(name, name)}' END"
            for name in _CHANGING
        )
        bad = []
        for line, columns in _rows(f"""
            SELECT line, columns FROM (
                SELECT s.line, array_remove(ARRAY[
                    {differs}, {changed},
                    CASE WHEN s.facility_id IS NOT NULL AND first.to_facility_id IS DISTINCT FROM s.facility_id
                         THEN 'facility' END,
                    CASE WHEN s.facility_id IS NOT NULL AND first.occurred_at IS DISTINCT FROM s.given_up_at
                         THEN 'given_up_at' END,
                    CASE WHEN s.vin IS NOT NULL AND NOT EXISTS (
                        SELECT 1 FROM collection_identifier v
                        WHERE v.battery_id = b.id AND v.scheme = 'vin' AND v.value = s.vin) THEN 'vin' END
                ], NULL) AS columns
                FROM import_battery s
                JOIN collection_battery b ON b.id = s.battery_id
                LEFT JOIN collection_custodyevent first
                    ON first.battery_id = b.id AND first.sequence = 1 AND first.kind = 'given_up'
                CROSS JOIN LATERAL (
                    SELECT EXISTS (
                        SELECT 1 FROM collection_custodyevent e
                        WHERE e.battery_id = b.id AND e.sequence > (s.facility_id IS NOT NULL)::int
                    ) AS went_on
                ) w
            ) compared WHERE columns <> '{{}}' ORDER BY line
        """):  # noqa: S608 - our own column names
            message = _(
                "This battery is already registered, with another value of: %(columns)s. Nothing is overwritten."
            )
            faults.add(line, columns[0], message % {"columns": ", ".join(columns)})
            bad.append(line)
        _drop(bad)

    def _write(self) -> Counts:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS import_battery_new")
            cursor.execute("""
                CREATE TEMPORARY TABLE import_battery_new ON COMMIT DROP AS
                SELECT nextval(pg_get_serial_sequence('collection_battery', 'id')) AS id, s.*
                FROM (SELECT * FROM import_battery WHERE battery_id IS NULL ORDER BY line) s
            """)
            created = cursor.rowcount
            cursor.execute("SELECT count(*) FROM import_battery WHERE battery_id IS NOT NULL")
            (unchanged,) = cursor.fetchone()
            cursor.execute(
                """
                INSERT INTO collection_battery (
                    id, model_id, producer_id, chemistry_id, composition_id, rated_kwh, content_kwh, mass_value,
                    mass_unit, form, placed_in_id, placed_on, condition, status, registered_by_id, registered_at,
                    is_simulated)
                SELECT id, model_id, producer_id, chemistry_id, composition_id, rated_kwh, content_kwh, mass_value,
                    mass_unit, form, placed_in_id, placed_on, condition, 'in_use', %s, now(), %s
                FROM import_battery_new
                """,
                [self.organization.pk, self.organization.is_simulated],
            )
            cursor.execute("""
                INSERT INTO collection_identifier (battery_id, scheme, issuer, value)
                SELECT id, scheme, issuer, value FROM import_battery_new
                UNION ALL SELECT id, 'vin', '', vin FROM import_battery_new WHERE vin IS NOT NULL
            """)
            cursor.execute("SELECT 1 FROM import_battery_new WHERE facility_id IS NOT NULL LIMIT 1")
            if cursor.fetchone():
                custody.give_up_imported(actor=self.actor, table="import_battery_new")
        return Counts(created, unchanged)


def _rows(sql: str, parameters: list[object] | None = None) -> Iterator[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        yield from cursor.fetchall()


def _drop(lines: list[int]) -> None:
    if lines:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM import_battery WHERE line = ANY(%s)", [lines])
