"""What the lists of the API read, by the plans of their statements: a page's worth of rows, whoever asks, among however many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from collection.models import (
    Battery,
    CollectionPoint,
    CustodyEvent,
    Handover,
    Identifier,
    ImportRun,
    Lot,
    Pickup,
    Receipt,
    Shipment,
)
from collection.models.sight import LOOKED_AT_FILTERED
from config.api_urls import router
from recycling.models import Batch, Charge, Discrepancy, EprReport, Factor, Inspection, Intake, MarketPlacement, Outcome
from tests import records
from tests.recycling import filing
from tests.world import World, batteries_at, requested_pickup

SIZE = 10

#: Rows of one table that one statement may read for a page: what is looked at one by one, and what else ties a thing.
MOST = (LOOKED_AT_FILTERED + 5) * SIZE

READERS = (
    "yard_owner",
    "collector",
    "carrier",
    "recycler",
    "refiner",
    "producer",
    "regulator",
    "federal",
    "stranger",
    None,
)

BATTERY_LISTS = (
    "status=at_facility",
    "condition=damaged",
    "placed_in=US-NV",
    "chemistry_by=measured",
    "identifier=nobody%27s",
    "ordering=id",
)

#: Why a list may be read whole.
SHORT = dict.fromkeys(
    [
        "jurisdictions", "chemistries", "battery-models", "materials", "epr-schemes", "vehicle-patterns",
        "organizations", "memberships", "invitations", "facilities", "permits", "collection-points", "consents",
        "plants", "lines", "nameplates", "outages", "relations", "contests", "plant-statuses", "capacity-statements",
        "vehicle-sales",
    ],
    "a few thousand at most, however many batteries there are",
) | {
    "auth/tokens": "one's own, at most fifty",
    "utilization": "sums of days, weeks, months: pages of those, not of records",
    "backlog": "one row a plant",
    "utilization-runs": "as many as were asked for",
    "capacity": "sums of nameplates: one row a place, stage and year",
    "free-capacity": "one row a stage of a plant",
    "return-forecasts": "as many as were asked for; their lines: tests/recycling/test_forecasts.py",
    "assignment-runs": "as many as were asked for",
    "proposals": "as many as people typed",
    "claim-contests": "as many as people contest",
    "serial-patterns": "as many as producers number by",
    "elements-taken": "one a recycler and year",
    "market-statistics": "as many as authorities publish",
    "epr-overview": "pages of producers; what they cost is measured in benchmarks/",
    "battery-traces": "no list",
    "lot-traces": "no list",
}  # fmt: skip


class Crowd:
    """Of each kind of record one that some of the readers see, and very many newer ones of somebody else."""

    def __init__(self, world: World, newer: int) -> None:
        self.newer, self.tables = newer, set[str]()
        self.fill(world)

    def fill(self, w: World) -> None:
        other, site = w.stranger.pk, w.stranger_site.pk
        elsewhere = w.other_producer.pk
        placed, report = filing.declared(w, "q1"), filing.drafted(w)
        charge = records.charge(w)
        discrepancy = Discrepancy.objects.first() or records.discrepancy(w)
        batteries_at(w, w.yard, 40)
        (battery,) = batteries_at(w, w.stranger_site, 1)
        lot, pickup, run = records.lot(w), requested_pickup(w), records.import_run(w)
        receipt = Receipt.objects.create(
            pickup=pickup, facility=w.yard, collector=w.collector, name="Ann", role="x", signature="M1 1L2 2",
            taken_by=w.user(w.collector),
        )  # fmt: skip
        inspection = Inspection.objects.latest("pk")
        factor = Factor.objects.create(batch=charge.batch, element="Cu", input_kg=1, recovered=1, pending=0, residue=0)
        outcome = Outcome.objects.create(
            batch=charge.batch, element="Cu", became="pending", facility=w.plant_site, country="MX", share=1
        )
        plant = w.refinery.pk
        with connection.cursor() as self.cursor:
            self.cursor.execute("SET LOCAL session_replication_role = replica")
            n = f"{self.copies(battery)} + n"
            self.copies(battery.identifiers.get(), value="'COPY' || n", battery_id=n)
            self.copies(battery.events.get(), battery_id=n)
            self.copies(lot, number="'COPY' || n", owner_id=other)
            shipment = Shipment.objects.latest("pk")
            n = f"{self.copies(shipment, shipper_id=other, carrier_id=other, origin_id=site, destination_id=w.refinery_site.pk)} + n"
            self.copies(
                Handover.objects.latest("pk"), giver_id=other, taker_id=elsewhere, facility_id=site, shipment_id=n
            )
            point = CollectionPoint.objects.create(facility=w.stranger_site, kind="dealer").pk
            n = f"{self.copies(pickup, collector_id=other, collection_point_id=point, shipment_id='NULL')} + n"
            self.copies(receipt, collector_id=other, carrier_id="NULL", facility_id=site, pickup_id=n)
            n = f"{Shipment.objects.latest('pk').pk - self.newer} + n"
            intake = self.copies(Intake.objects.latest("pk"), plant_id=plant, shipment_id=n, ticket="'COPY' || n")
            self.copies(discrepancy, intake_id=f"{intake} + n")
            self.copies(inspection, plant_id=plant)
            batch = self.copies(charge.batch, line_id=w.hydro.pk, number="'COPY' || n")
            self.copies(charge, batch_id=f"{batch} + n", battery_id=f"{battery.pk} + n")
            self.copies(factor, batch_id=f"{batch} + n")
            self.copies(outcome, batch_id=f"{batch} + n")
            self.copies(report, producer_id=elsewhere, jurisdiction_id="'MX'", period_start="'2000-01-01'::date + n")
            self.copies(
                placed,
                producer_id=elsewhere,
                jurisdiction_id="'MX'",
                source_key="'COPY' || n",
                period_start="DATE '2025-04-01' + n",
                period_end="DATE '2025-04-01' + n",
            )
            self.copies(run, organization_id=other, status="'done'")
            self.cursor.execute("SET LOCAL session_replication_role = origin")
            self.cursor.execute("ANALYZE")

    def copies(self, of: models.Model, **other: Any) -> int:
        """Copy a row, with `other` expressions of `n`; the key after which the copies' keys begin."""
        table = of._meta.db_table
        self.tables.add(table)
        self.cursor.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'"
            " AND column_name <> 'id'",
            [table],
        )
        columns = [name for (name,) in self.cursor.fetchall() if name not in other]
        self.cursor.execute(
            f"INSERT INTO {table} ({', '.join([*columns, *other])})"
            f" SELECT {', '.join([*columns, *(str(value) for value in other.values())])}"
            f" FROM {table}, generate_series(1, {self.newer}) n WHERE id = {of.pk} ORDER BY n"
        )
        self.cursor.execute(f"SELECT max(id) - {self.newer} FROM {table}")
        ((before,),) = self.cursor.fetchall()
        return int(before)


LISTED = [prefix for prefix, _viewset, _name in router.registry if prefix not in SHORT]

MODELS = {
    Battery, CustodyEvent, Identifier, Lot, Shipment, Pickup, Handover, Receipt, Intake, Discrepancy, Inspection, Batch, Charge, Factor,
    Outcome, EprReport, MarketPlacement, ImportRun,
}  # fmt: skip


def test_every_list_is_guarded_or_says_why_not() -> None:
    """A new list stands in the crowd, or among those that do not grow with the batteries."""
    guarded = {model._meta.db_table for model in MODELS}
    for prefix, viewset, _name in router.registry:
        assert (viewset.queryset is not None and viewset.queryset.model._meta.db_table in guarded) is (
            prefix not in SHORT or prefix.endswith("traces")
        ), prefix


def test_a_page_reads_a_page(world: World) -> None:
    crowd = Crowd(world, 3_000)  # so many that to read them all would be no better plan
    assert crowd.tables == {model._meta.db_table for model in MODELS}
    for reader in READERS:
        user = world.user(getattr(world, reader or "stranger"))
        user.is_superuser = reader is None
        client = APIClient()
        client.force_authenticate(user)
        for asked in [*LISTED, *(f"batteries/?{narrowed}" for narrowed in BATTERY_LISTS)]:
            prefix, _mark, narrowed = asked.partition("/?")
            address = f"/api/v1/{prefix}/?page_size={SIZE}&{narrowed}"
            read_two_pages(client, address, crowd.tables, f"{reader}: {asked}")


def test_pages_hold_what_is_seen_and_all_of_it(world: World) -> None:
    """Whichever way they are looked for: among the newest, or by whose they are."""
    Crowd(world, 1_500)
    for model in MODELS - {Identifier, Battery, Lot, CustodyEvent}:  # of these: tests/collection/test_sight.py
        counts = set()
        for reader in ("recycler", "refiner", "regulator", "producer", "stranger", None):
            user = world.user(getattr(world, reader or "stranger"))
            user.is_superuser = reader is None
            rows = model._default_manager.visible_to(user)  # type: ignore[attr-defined]
            expected = sorted(rows.values_list("pk", flat=True))
            counts.add(len(expected))
            assert paged(rows, ascending=True) == expected and paged(rows, ascending=False) == expected[::-1]
        assert len(counts) > 2, model


def paged(rows: Any, *, ascending: bool, size: int = 400) -> list[int]:
    """All keys of `rows`, page by page."""
    found: list[int] = []
    while True:
        page = rows.head(size, ascending=ascending, beyond=found[-1] if found else None)
        keys = list(page.order_by("pk" if ascending else "-pk").values_list("pk", flat=True))
        found += keys
        if len(keys) < size or rows.viewer is None:  # whoever sees everything is given everything
            return found


def read_two_pages(client: APIClient, address: str, tables: set[str], told: str) -> None:
    for _page in range(2):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address)
        assert answer.status_code == 200, (told, answer.content)
        for query in queries.captured_queries:
            if not query["sql"].startswith(("SELECT", "WITH")):
                continue
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + query["sql"].replace("%", "%%"), [])
                ((plan,),) = cursor.fetchall()
            plan = json.loads(plan) if isinstance(plan, str) else plan
            for table, rows in scanned(plan[0]["Plan"], tables):
                assert rows <= MOST, (told, table, rows, query["sql"])
        address = answer.json()["next"]
        if address is None:
            break


def scanned(plan: dict[str, Any], tables: set[str]) -> Iterator[tuple[str, float]]:
    """How many rows of which of `tables` each part of a plan read."""
    if plan.get("Relation Name") in tables:
        kept_or_not = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield plan["Relation Name"], kept_or_not * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from scanned(part, tables)
