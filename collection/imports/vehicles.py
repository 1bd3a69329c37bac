"""Rows whose battery is concluded from the vehicle that it is in: the kind of vehicle is kept, so that it can be concluded anew."""

from __future__ import annotations

from django.db import connection

from collection.imports.engine import Faults
from collection.imports.stage import Stage
from collection.services.patterns import Kind, keep_kinds


class VehicleStage(Stage):
    """A stage with the columns `vehicle` (the number of a kind of vehicle within the file) and those of `AssignedChemistry`."""

    #: The table of what the rows become.
    target: str

    def __init__(self) -> None:
        self._vehicles: dict[Kind, int] = {}

    def vehicle(self, kind: Kind) -> int:
        """The number of a kind of vehicle; its record is made once the file was read."""
        return self._vehicles.setdefault(kind, len(self._vehicles) + 1)

    def check(self, faults: Faults) -> None:
        kept = keep_kinds(self._vehicles)
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS import_vehicle")
            cursor.execute(
                "CREATE TEMPORARY TABLE import_vehicle ON COMMIT DROP AS"
                " SELECT * FROM unnest(%s::integer[], %s::bigint[]) AS v(number, id)",
                [list(self._vehicles.values()), [kept[kind] for kind in self._vehicles]],
            )
        super().check(faults)

    def remember(self) -> None:
        """What came in before kinds of vehicles were kept: the file tells now which it is, and what was assumed of it can be
        resolved.
        """
        with connection.cursor() as cursor:
            cursor.execute(f"""
                UPDATE {self.target} t SET vehicle_id = v.id
                FROM {self.table} s JOIN import_vehicle v ON v.number = s.vehicle
                WHERE t.id = s.{self.known} AND t.vehicle_id IS NULL AND t.chemistry_by IN ('assumed', 'unknown')
            """)  # noqa: S608 - our own names
