"""Batteries by file, with all checks, against COPY of the same rows into the same two tables. Both are undone."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from accounts.actors import Actor
from accounts.models import Organization
from benchmarks import clock
from benchmarks.measures.doors import user
from benchmarks.results import Results
from collection.imports.batteries import BatteryImporter
from collection.imports.engine import bring_in
from collection.models import Battery, BatteryModel

ROWS = 50_000


def measure(results: Results) -> None:
    owner = Organization.objects.get(name="Bench collector")
    actor = Actor.of(user("collector of all"))
    model = BatteryModel.objects.get(pk=Battery.objects.get(pk=1).model_id)
    file = batteries(model.code, ROWS)

    def by_importer() -> None:
        outcome = bring_in(io.BytesIO(file), BatteryImporter(actor=actor, organization=owner))
        assert outcome.counts.created == ROWS, outcome.faults.kept[:3]

    rows = _rows(model, owner)
    copied = _undone(lambda: _copy(rows), results.repeat)
    results.took("COPY into the same tables", copied, yardstick=copied, note=f"{ROWS / copied.wall:,.0f} rows/s")
    imported = _undone(by_importer, results.repeat)
    results.took("import with all checks", imported, yardstick=copied, note=f"{ROWS / imported.wall:,.0f} rows/s")
    with connection.cursor() as cursor:
        cursor.execute(
            "VACUUM (ANALYZE) collection_battery, collection_identifier"
        )  # what was undone is still in the way


def _undone(act: Callable[[], None], repeat: int) -> clock.Took:
    took = []
    for _run in range(repeat):
        with transaction.atomic():
            took.append(clock.once(act))
            transaction.set_rollback(True)
    return clock.median(took, repeat)


def batteries(model: str, rows: int, name: str = "R") -> bytes:
    """A file of so many batteries that nobody knows."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(["scheme", "issuer", "value", "model", "mass", "mass_unit", "placed_in"])
    table.writerows(["internal", "bench", f"{name}{number:07}", model, "400", "kg", "US-NV"] for number in range(rows))
    return text.getvalue().encode()


def _rows(model: BatteryModel, owner: Organization) -> list[tuple[Any, ...]]:
    composition, now = model.chemistry.compositions.get(is_default=True).pk, timezone.now()
    first = Battery.objects.latest("pk").pk + 1_000_000
    return [
        (
            first + number, model.pk, model.producer_id, model.chemistry_id, composition, model.rated_kwh, 400, "kg", "pack",
            "US-NV", "intact", "in_use", owner.pk, now, True,
        )
        for number in range(ROWS)
    ]  # fmt: skip


def _copy(rows: list[tuple[Any, ...]]) -> None:
    columns = (
        "id, model_id, producer_id, chemistry_id, composition_id, content_kwh, mass_value, mass_unit, form, placed_in_id, "
        "condition, status, registered_by_id, registered_at, is_simulated"
    )
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY collection_battery ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        with cursor.copy("COPY collection_identifier (battery_id, scheme, issuer, value) FROM STDIN") as copy:
            for row in rows:
                copy.write_row((row[0], "internal", "bench", f"C{row[0]}"))
    connection.check_constraints()
