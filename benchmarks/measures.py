"""What is measured, each against a yardstick from the same run, so that a noisy machine does not matter much."""

from __future__ import annotations

import csv
import io
import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Count
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.actors import Actor
from accounts.models import Organization, User
from benchmarks.continent import YEAR
from collection.imports.batteries import BatteryImporter
from collection.imports.engine import bring_in
from collection.models import Battery, Facility, Identifier, Shipment
from collection.services import shipments
from collection.services.packing import NewLine
from recycling.models import Batch, Factor
from recycling.queries import epr
from recycling.services import factors

#: Content times factor, joined and grouped, and nothing else: what the answer costs at the very least.
BARE = """
    SELECT b.producer_id, b.placed_in_id, i.element, sum(c.content_kwh * i.kg_per_kwh * f.recovered)
    FROM recycling_charge c
    JOIN collection_battery b ON b.id = c.battery_id
    JOIN collection_compositionelement i ON i.composition_id = c.composition_id
    JOIN recycling_factor f ON f.batch_id = c.batch_id AND f.element = i.element
    WHERE c.charged_at >= %s AND c.charged_at < %s
    GROUP BY 1, 2, 3
"""

#: As above with all four sums that a report needs: content, recovered, pending, residue.
BARE_FOUR = BARE.replace(
    "sum(c.content_kwh * i.kg_per_kwh * f.recovered)",
    "sum(c.content_kwh * i.kg_per_kwh), sum(c.content_kwh * i.kg_per_kwh * f.recovered), "
    "sum(c.content_kwh * i.kg_per_kwh * f.pending), sum(c.content_kwh * i.kg_per_kwh * f.residue)",
)

IMPORTED = 50_000


def report(repeat: int) -> None:
    """Measure everything and print it, figure by figure."""
    print(f"packs {Battery.objects.count():,}, batches {Batch.objects.count():,}, repeat {repeat}; medians\n")
    heading("recovery factors")
    full_and_late(repeat)
    heading("EPR figures of all producers and jurisdictions")
    epr_against_bare(repeat)
    heading(f"import of {IMPORTED:,} batteries")
    import_against_copy(repeat)
    heading("requests: statements, and seconds")
    requests()


def heading(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


def timed(act: Callable[[], Any], repeat: int) -> float:
    """The median of `repeat` runs, in seconds."""
    times = []
    for _run in range(repeat):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def line(name: str, seconds: float, yardstick: float | None = None, note: str = "") -> None:
    ratio = f"{seconds / yardstick:8.3f} x" if yardstick else " " * 10
    print(f"{name:<52}{seconds:10.3f} s {ratio}  {note}")


def full_and_late(repeat: int) -> None:
    """All factors, and those after one batch of the second stage with its nine of the first turned up late."""
    began = time.perf_counter()
    looked_at = factors.refresh_all()
    line("full pass, nothing stored yet", time.perf_counter() - began, note=f"{looked_at:,} batches")
    analyze()
    full = timed(factors.refresh_all, repeat)
    line("full pass, again", full, full, f"{Factor.objects.count():,} factors")
    late = Batch.objects.filter(number__startswith="R").order_by("-pk")
    seen: list[int] = []

    def one_late_batch() -> None:
        batch = late[len(seen)]
        Batch.objects.filter(pk=batch.pk).update(stale_since=timezone.now())
        seen.append(factors.refresh())

    line("after one late batch", timed(one_late_batch, max(repeat, 5)), full, f"{seen[0]} batches looked at")


def epr_against_bare(repeat: int) -> None:
    """One figure per producer, jurisdiction and element, against the same rows joined and grouped by hand."""
    first, last = date(YEAR, 1, 1), date(YEAR, 12, 31)

    def run(statement: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(statement, [first, last + timedelta(days=1)])
            return cursor.fetchall()

    bare = timed(lambda: run(BARE), repeat)
    four = timed(lambda: run(BARE_FOUR), repeat)
    line("bare join and group, one sum", bare, bare)
    line("bare join and group, the four sums", four, bare)
    found = epr.totals_by_producer_and_jurisdiction(first, last)
    full = timed(lambda: epr.totals_by_producer_and_jurisdiction(first, last), repeat)
    line("computation", full, bare, f"{len(found):,} figures; {full / four:.2f} x the four sums")


def import_against_copy(repeat: int) -> None:
    """Through the importer, with all its checks, against COPY of the same rows into the same two tables."""
    owner = Organization.objects.get(name="Bench collector")
    actor = Actor.of(User.objects.get(memberships__organization=owner))
    model = Battery.objects.filter(model__isnull=False).select_related("model").first().model
    run = 0

    def file() -> io.BytesIO:
        nonlocal run
        run += 1
        text = io.StringIO()
        rows = csv.writer(text)
        rows.writerow(["scheme", "issuer", "value", "model", "mass", "mass_unit", "placed_in"])
        for number in range(IMPORTED):
            rows.writerow(["internal", "bench", f"R{run}-{number:07}", model.code, "400", "kg", "US-NV"])
        return io.BytesIO(text.getvalue().encode())

    def through_importer(source: io.BytesIO) -> float:
        began = time.perf_counter()
        outcome = bring_in(source, BatteryImporter(actor=actor, organization=owner))
        assert outcome.counts.created == IMPORTED, outcome.faults.kept[:3]
        return time.perf_counter() - began

    def by_copy() -> float:
        nonlocal run
        run += 1
        nth = Battery.objects.order_by("-pk").values_list("pk", flat=True)[0]
        content = model.rated_kwh
        with connection.cursor() as cursor:
            cursor.execute("SELECT nextval(pg_get_serial_sequence('collection_battery', 'id'))")
            cursor.execute(
                "SELECT setval(pg_get_serial_sequence('collection_battery', 'id'), %s)", [nth + IMPORTED + 1]
            )
            composition = model.chemistry.compositions.get(is_default=True).pk
            now = timezone.now()
            began = time.perf_counter()
            with transaction.atomic():
                columns = (
                    "id, model_id, producer_id, chemistry_id, composition_id, content_kwh, mass_value, mass_unit, "
                    "form, placed_in_id, condition, status, registered_by_id, registered_at, is_simulated"
                )
                with cursor.copy(f"COPY collection_battery ({columns}) FROM STDIN") as copy:
                    for number in range(IMPORTED):
                        copy.write_row((
                            nth + 1 + number, model.pk, model.producer_id, model.chemistry_id, composition, content,
                            400, "kg", "pack", "US-NV", "intact", "in_use", owner.pk, now, True,
                        ))  # fmt: skip
                with cursor.copy("COPY collection_identifier (battery_id, scheme, issuer, value) FROM STDIN") as copy:
                    for number in range(IMPORTED):
                        copy.write_row((nth + 1 + number, "internal", "bench", f"C{run}-{number:07}"))
            return time.perf_counter() - began

    copied = statistics.median(by_copy() for _ in range(repeat))
    imported = statistics.median(through_importer(file()) for _ in range(repeat))
    line("COPY into the same tables", copied, copied, f"{IMPORTED / copied:,.0f} rows/s")
    line("import with all checks", imported, copied, f"{IMPORTED / imported:,.0f} rows/s")
    Identifier.objects.filter(issuer="bench").delete()


def requests() -> None:
    """What the API does for a page, a record, and a truck of 26 and of 260 packs."""
    sites = (
        Facility.objects.filter(plant__isnull=False, is_simulated=True, name__startswith="Bench")
        .annotate(waiting=Count("batteries"))
        .filter(waiting__gte=286)
        .select_related("operator", "jurisdiction")
    )
    client = APIClient(SERVER_NAME="127.0.0.1")
    origin = sites.order_by("-waiting").first()
    if origin is None:
        print("no plant has 286 packs waiting at this scale")
        return
    sender = User.objects.get(memberships__organization=origin.operator)
    client.force_authenticate(sender)
    battery = origin.batteries.first()
    for name, address in (
        ("list of batteries, a page of 50", "/api/v1/batteries/"),
        ("list of batteries, a page of 500", "/api/v1/batteries/?page_size=500"),
        ("one battery", f"/api/v1/batteries/{battery.pk}/"),
    ):
        measured_request(name, lambda address=address: client.get(address))
    for number in (26, 260):
        receive(origin, number)


def receive(origin: Facility, number: int) -> None:
    """A truck with `number` packs from one plant to another of the same country, received through the API."""
    destination = (
        Facility.objects.filter(
            plant__isnull=False, name__startswith="Bench", jurisdiction__code__startswith=origin.country
        )
        .exclude(pk=origin.pk)
        .select_related("operator")
        .first()
    )
    carrier = Organization.objects.get(name="Bench collector")
    sender = Actor.of(User.objects.get(memberships__organization=origin.operator))
    receiver = User.objects.get(memberships__organization=destination.operator)
    packs = list(origin.batteries.filter(condition="intact").values_list("pk", flat=True)[:number])
    now = timezone.now()
    shipment: Shipment = shipments.draft(
        actor=sender, origin=origin, destination=destination, carrier=carrier,
        lines=[NewLine(battery=pack) for pack in packs], is_simulated=True,
    )  # fmt: skip
    shipments.make_ready(actor=sender, shipment=shipment)
    shipments.dispatch(actor=sender, shipment=shipment, dispatched_at=now - timedelta(hours=3))
    shipments.arrive(actor=Actor.of(receiver), shipment=shipment, arrived_at=now - timedelta(hours=1))
    client = APIClient(SERVER_NAME="127.0.0.1")
    client.force_authenticate(receiver)
    measured_request(
        f"receive {len(packs)} packs",
        lambda: client.post(
            f"/api/v1/shipments/{shipment.pk}/receive/", {"received_at": now.isoformat()}, format="json"
        ),
    )


def measured_request(name: str, act: Callable[[], Any]) -> None:
    with CaptureQueriesContext(connection) as queries:
        began = time.perf_counter()
        answer = act()
        seconds = time.perf_counter() - began
    line(name, seconds, note=f"{len(queries)} statements, HTTP {answer.status_code}")
    assert answer.status_code == 200, answer.content[:500]


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
