"""What a list of batteries reads, by the plans of its statements: a page's worth of rows, whoever asks, among however many."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from collection.models.sight import LOOKED_AT_FILTERED
from tests.world import World, batteries_at

#: Tables that grow with the packs.
LONG = {"collection_battery", "collection_custodyevent", "collection_identifier"}

SIZE = 10

#: Rows of one table that one statement may read for a page: what is looked at one by one, and what else ties a thing.
MOST = (LOOKED_AT_FILTERED + 5) * SIZE

READERS = ("yard_owner", "collector", "recycler", "producer", "regulator", "federal", "stranger", None)

LISTS = ("", "&status=at_facility", "&condition=damaged", "&placed_in=US-NV", "&identifier=nobody%27s", "&ordering=id")


def scanned(plan: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """How many rows of which long table each part of a plan read."""
    if plan.get("Relation Name") in LONG:
        kept_or_not = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        yield plan["Relation Name"], kept_or_not * plan["Actual Loops"]
    for part in plan.get("Plans", ()):
        yield from scanned(part)


COPIES = 20_000


def copied(cursor: Any, table: str, source: int, **other: str) -> None:
    """Copy the row `source` of `table`, with `other` expressions of `n`; what the database makes itself is left out."""
    cursor.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND is_generated = 'NEVER'"
        " AND column_name <> 'id'",
        [table],
    )
    columns = [name for (name,) in cursor.fetchall() if name not in other]
    cursor.execute(
        f"INSERT INTO {table} ({', '.join([*columns, *other])}) SELECT {', '.join([*columns, *other.values()])}"
        f" FROM {table}, generate_series(1, {COPIES}) n WHERE id = {source}"
    )


@pytest.fixture
def _much(world: World) -> None:
    """Few batteries at the yard, and very many newer ones of somebody else."""
    batteries_at(world, world.yard, 40)
    (pattern,) = batteries_at(world, world.stranger_site, 1)
    event = pattern.events.get()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        copied(cursor, "collection_battery", pattern.pk)
        copied(
            cursor,
            "collection_identifier",
            pattern.identifiers.get().pk,
            value="'COPY' || n",
            battery_id=f"{pattern.pk} + n",
        )
        copied(cursor, "collection_custodyevent", event.pk, battery_id=f"{pattern.pk} + n")
        cursor.execute("SET LOCAL session_replication_role = origin")
        cursor.execute("ANALYZE")


@pytest.mark.usefixtures("_much")
def test_a_page_reads_a_page(world: World) -> None:
    for reader in READERS:
        user = world.user(getattr(world, reader or "stranger"))
        user.is_superuser = reader is None
        client = APIClient()
        client.force_authenticate(user)
        for asked in LISTS:
            read_two_pages(client, f"/api/v1/batteries/?page_size={SIZE}{asked}", f"{reader}: {asked}")


def read_two_pages(client: APIClient, address: str, told: str) -> None:
    for _page in range(2):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address)
        assert answer.status_code == 200
        for query in queries.captured_queries:
            if not query["sql"].startswith(("SELECT", "WITH")):
                continue
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + query["sql"].replace("%", "%%"), [])
                ((plan,),) = cursor.fetchall()
            plan = json.loads(plan) if isinstance(plan, str) else plan
            for table, rows in scanned(plan[0]["Plan"]):
                assert rows <= MOST, (told, table, rows, query["sql"])
        address = answer.json()["next"]
        if address is None:
            break
