"""The second line behind `visible_to` and the verbs: what the database lets a request read and write (ADR 25)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.contrib import admin
from django.db import Error, connection, connections, models, transaction
from django.test import Client, override_settings
from django.urls import reverse
from rest_framework.test import APIClient

from accounts import acting, isolation
from accounts.models import Role, User
from accounts.models.told import READS
from collection.models import Battery, Relation
from tests.doors import API
from tests.world import World, batteries_at, scheduled_pickup

PEOPLE = (
    "yard_owner", "collector", "carrier", "recycler", "refiner", "producer", "regulator", "federal", "stranger",
)  # fmt: skip


@contextmanager
def reading_as(user: User | None) -> Iterator[None]:
    with acting.as_request():
        if user is not None:
            acting.become(user)
        yield


def raw(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def guarded() -> list[type[models.Model]]:
    return [model for model in isolation.models_of_records() if isolation.condition(model) is not None]


def fill(world: World) -> dict[str, list[Any]]:
    """One of each record that the doors know of, most of them for others than most of the people: for each path of the API
    the keys of what was made, of its own and of the others like it.
    """
    made: dict[Any, Any] = {}
    for (method, _path), door in API.items():
        if method == "GET" and door.record is not None and door.record not in made:
            with suppress(Exception), transaction.atomic():  # some want a world with nothing in it
                made[door.record] = door.record(world)
    keys: dict[str, list[Any]] = {}
    for (method, path), door in API.items():
        record = made.get(door.record)
        if method == "GET" and record is None:
            keys[path] = [""] if "{" not in path else []
        elif method == "GET":
            others = type(record)._default_manager.order_by("-pk")[:3] if isinstance(record, models.Model) else ()
            keys[path] = [door.key(one) for one in (record, *others)] if "{" in path else [""]
    return keys


def test_a_raw_select_sees_what_visible_to_shows(world: World) -> None:
    fill(world)
    users = [world.user(getattr(world, name), Role.MANAGER) for name in PEOPLE]
    told = 0
    for model in guarded():
        column, table = model._meta.pk.column, model._meta.db_table
        for user in users:
            expected = set(model._default_manager.visible_to(user).values_list("pk", flat=True))  # type: ignore[attr-defined]
            with reading_as(user):
                seen = {key for (key,) in raw(f'SELECT "{column}" FROM "{table}"')}
            assert seen == expected, (table, user)
            told += len(seen)
        with reading_as(None):
            assert raw(f'SELECT "{column}" FROM "{table}"') == []
    assert told > 100


def test_a_forgotten_visible_to_leaks_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list and every record of the API, with `visible_to` that shows everybody everything."""
    stranger = world.user(world.stranger, Role.MANAGER)
    shown = {}
    doors = [(path, door) for (method, path), door in API.items() if method == "GET" and door.record is not None]
    closed = [(path, door) for path, door in doors if not (door.is_public or door.is_table or door.is_own)]
    made = {}
    for path, door in closed:
        if door.stranger == "stranger":
            with suppress(Exception), transaction.atomic():
                made[path] = door.record(world)
    for model in guarded():
        kind = type(model._default_manager.all())
        monkeypatch.setattr(kind, "visible_to", lambda rows, user: rows)
    client = APIClient()
    client.force_authenticate(stranger)
    for path, record in made.items():
        key = dict(closed)[path].key(record)
        address = f"/api/v1/{path.replace('{pk}', str(key))}"
        answer = client.get(address)
        shown[path] = answer.status_code
        if "{pk}" in path:
            assert answer.status_code in (404, 403), (path, answer.content)
        else:
            body = answer.json()
            rows = body["results"] if isinstance(body, dict) and "results" in body else body
            assert not any(key in (row.get("id"), row.get("code")) for row in rows), path
    assert len(shown) > 30


def test_neither_does_the_admin(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(world)
    stranger = world.user(world.stranger, Role.MANAGER)
    mine = {
        model: set(model._default_manager.visible_to(stranger).values_list("pk", flat=True))  # type: ignore[attr-defined]
        for model in guarded()
    }
    for model in mine:
        monkeypatch.setattr(type(model._default_manager.all()), "visible_to", lambda rows, user: rows)
    client = Client()
    client.force_login(stranger)
    walked = 0
    for model in admin.site._registry:
        if model not in mine:
            continue
        address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        rows = client.get(address).context["cl"].result_list
        assert {row.pk for row in rows} <= mine[model], address
        for other in model._default_manager.exclude(pk__in=mine[model])[:1]:
            walked += 1
            assert client.get(f"{address}{other.pk}/change/").status_code in (302, 404), address
    assert walked > 12


def test_who_appends_a_wrapper_for_a_while_takes_that_away(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection is made within a request, and so within the watch over its time."""
    made = connections["default"]
    monkeypatch.setattr(made, "execute_wrappers", [])
    with made.execute_wrapper(lambda execute, *statement: execute(*statement)):
        acting.listen(None, made)
    assert made.execute_wrappers == [acting.tell]


def test_what_was_found_is_not_looked_at_again(world: World) -> None:
    """And nothing else is: neither for others nor for longer."""
    mine = batteries_at(world, world.yard, 2)
    owner, stranger = (world.user(getattr(world, name), Role.VIEWER) for name in ("yard_owner", "stranger"))
    with reading_as(owner):
        assert len(Battery.objects.visible_to(owner).head(1)) == 1
        ((told,),) = raw("SELECT current_setting('relode.seen')")
        assert json.loads(told) == {"collection_battery": [mine[1].pk]}
        assert Battery.objects.count() == 2
    with reading_as(stranger):
        assert raw("SELECT current_setting('relode.seen')") == [("{}",)]
        assert not Battery.objects.visible_to(stranger).head(5)
        assert not Battery.objects.exists()


def test_a_part_that_fewer_see_than_its_whole(world: World) -> None:
    """A carrier that has not agreed reads that there is a pickup, and nothing of what it announces."""
    packs = [battery.pk for battery in batteries_at(world, world.yard, 2)]
    scheduled_pickup(world, batteries=packs)
    for status, announced in (("accepted", 2), ("ended", 0)):
        Relation.objects.filter(kind="carry", taker=world.carrier).update(status=status, reason="enough")
        with reading_as(world.user(world.carrier, Role.VIEWER)):
            assert raw("SELECT count(*) FROM collection_pickup") == [(1,)]
            assert raw("SELECT count(*) FROM collection_pickupbattery") == [(announced,)]


def without_policies[C: Client](client: C) -> C:
    """A client whose requests are not judged by the database."""
    with override_settings(MIDDLEWARE=[name for name in settings.MIDDLEWARE if "ActingMiddleware" not in name]):
        client.handler.load_middleware()
    return client


#: What no two answers have alike: ids of requests, tokens of forms, links that are signed anew, and moments.
CHANGING = re.compile(rb'"request_id":"[^"]*"|csrf[^>]*value="[^"]*"|/receipts/[^"]*|"as_of":"[^"]*"|nonce="[^"]*"')


def said(answer: Any) -> tuple[int, bytes]:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return answer.status_code, CHANGING.sub(b"", body)


def test_the_policies_take_nothing_away_from_the_api(world: World) -> None:
    """All that it shows to each is what it shows without them, to the byte."""
    made = fill(world)
    wrong = []
    for name in PEOPLE:
        judged, plain = APIClient(), without_policies(APIClient())
        for client in (judged, plain):
            client.force_authenticate(world.user(getattr(world, name), Role.MANAGER))
        for path, keys in made.items():
            for address in {f"/api/v1/{path.replace('{pk}', str(key))}" for key in keys}:
                asked = {"start": "2025-01-01", "end": "2025-12-31"} if "overview" in path else {}
                if said(judged.get(address, asked)) != said(plain.get(address, asked)):
                    wrong.append((name, address))
    assert wrong == []


@pytest.mark.parametrize("name", ["recycler", "yard_owner", "producer", "regulator", "carrier"])
def test_nor_from_the_admin(world: World, name: str) -> None:
    fill(world)
    judged, plain = Client(), without_policies(Client())
    for client in (judged, plain):
        client.force_login(world.user(getattr(world, name), Role.MANAGER))
    wrong = [] if said(judged.get("/admin/")) == said(plain.get("/admin/")) else ["/admin/"]
    for model in guarded():
        if model in admin.site._registry:
            root = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            keys = model._default_manager.order_by("-pk").values_list("pk", flat=True)[:3]
            addresses = (root, *(f"{root}{key}/change/" for key in keys))
            wrong += [one for one in addresses if said(judged.get(one)) != said(plain.get(one))]
    assert wrong == []


def test_nobody_sees_through_a_join(world: World) -> None:
    batteries_at(world, world.yard, 3)
    with reading_as(world.user(world.stranger, Role.MANAGER)):
        assert raw("SELECT i.value FROM collection_identifier i JOIN collection_battery b ON b.id = i.battery_id") == []
        assert raw("SELECT count(*), max(id) FROM collection_custodyevent") == [(0, None)]


@pytest.mark.parametrize("table", sorted(isolation.tables_of_records()))
def test_a_request_writes_no_record_but_by_a_verb(world: World, table: str) -> None:
    with reading_as(world.user(world.recycler, Role.MANAGER)):
        for statement in (f'DELETE FROM "{table}"', f'INSERT INTO "{table}" DEFAULT VALUES', f'LOCK "{table}"'):
            with pytest.raises(Error, match="permission denied"), transaction.atomic():
                raw(statement)


def test_what_the_platform_does_ends_with_its_block(world: World) -> None:
    (battery,) = batteries_at(world, world.yard, 1)
    with reading_as(world.user(world.stranger, Role.MANAGER)):
        assert not Battery.objects.exists()
        with acting.as_platform():
            assert Battery.objects.get() == battery
        assert not Battery.objects.exists()
        with pytest.raises(ZeroDivisionError), acting.as_platform(), transaction.atomic():
            1 / Battery.objects.filter(pk=0).count()
        assert not Battery.objects.exists()
    assert Battery.objects.exists()


def test_a_savepoint_that_is_rolled_back_takes_nothing_back(world: World) -> None:
    batteries_at(world, world.yard, 1)
    stranger, owner = (world.user(getattr(world, name), Role.VIEWER) for name in ("stranger", "yard_owner"))
    with acting.as_platform():
        sid = transaction.savepoint_create()
        with reading_as(owner):
            assert Battery.objects.exists()
        with reading_as(stranger):
            transaction.savepoint_rollback(sid)
            assert not Battery.objects.exists()
        assert Battery.objects.exists()


def test_what_is_streamed_is_read_by_who_asked(world: World) -> None:
    batteries_at(world, world.yard, 2)
    with reading_as(world.user(world.yard_owner, Role.VIEWER)):
        mine = acting.streamed(Battery.objects.count() for _part in range(2))
    with reading_as(world.user(world.stranger, Role.VIEWER)):
        theirs = acting.streamed(Battery.objects.count() for _part in range(2))
        assert list(mine) == [2, 2]
    assert list(theirs) == [0, 0]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_tells_the_next_one_nothing() -> None:
    """Behind a pooler it is somebody else's."""
    user = User.objects.create_user("a@relode.test", "x", name="A")
    with reading_as(user):
        assert raw("SELECT current_user, current_setting('relode.user')") == [(READS, str(user.pk))]
        with acting.one_transaction():
            (first,) = raw("SELECT pg_current_xact_id()")
            assert raw("SELECT pg_current_xact_id()") == [first]
            with pytest.raises(Error):
                raw("SELECT 1 / 0")
            ((role, second),) = raw("SELECT current_user, pg_current_xact_id()")
            assert (role, second != first[0]) == (READS, True)
            assert raw("SELECT pg_current_xact_id()") == [(second,)]
            with acting.transactions_of_their_own():
                one, other = raw("SELECT pg_current_xact_id()"), raw("SELECT pg_current_xact_id()")
                assert one != other
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, nullif(current_setting('relode.user', true), '')")
        assert cursor.fetchone() == (settings.DATABASES["default"]["USER"], None)


@pytest.mark.django_db(transaction=True)
def test_a_login_by_itself_sees_nothing(world: World) -> None:
    name, password = f"web_{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    database = connection.settings_dict
    address = {"host": database["HOST"], "port": database["PORT"], "dbname": database["NAME"], "password": password}
    raw(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    try:
        isolation.let_in(name, does_all=False)
        with psycopg.connect(user=name, **address) as web:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web.execute("SELECT FROM collection_battery")
            web.rollback()
            web.execute(f"SET LOCAL ROLE {READS}")
            assert web.execute("SELECT count(*) FROM collection_battery").fetchone() == (0,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                web.execute("ALTER TABLE collection_battery DISABLE ROW LEVEL SECURITY")
        isolation.let_in(name, does_all=True)
        with psycopg.connect(user=name, **address) as worker:
            assert worker.execute("SELECT current_user").fetchone() == ("relode_acts",)
            worker.execute("SELECT count(*) FROM collection_battery")
    finally:
        raw(f"DROP ROLE {name}")


def test_all_tables_of_records_are_guarded_or_public(db: None) -> None:
    """What stands in the database is what the code says; what everybody may read is named here."""
    enabled = {
        table
        for (table,) in raw(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = current_schema()::regnamespace"
        )
    }
    assert enabled == {policy.table for policy in isolation.policies()}
    public = isolation.tables_of_records() - enabled
    assert {table for table in public if not table.endswith("event")} == {
        "collection_batterymodel", "collection_chemistry", "collection_composition", "collection_compositionelement",
        "collection_facility", "collection_jurisdiction", "collection_mandate", "collection_material",
        "collection_materialelement", "recycling_eprscheme", "recycling_eprtarget", "recycling_nameplate",
        "recycling_plant", "recycling_processline", "recycling_processline_chemistries", "recycling_utilizationrun",
        "recycling_capacitystatement", "recycling_plantstatus", "recycling_returnforecast", "recycling_vehiclesales",
    }  # fmt: skip
    for policy in isolation.policies():
        found = raw(
            f"SELECT polname, polcmd, pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = '{policy.table}'::regclass"
        )
        (_acts, polcmd, everything), (_reads, command, asks) = sorted(found)
        assert (polcmd, everything, command) == ("*", "true", "r")
        assert f"reads_{policy.whole._meta.db_table}({policy.column})" in asks


def test_functions_that_decide_are_the_owners(db: None) -> None:
    """Else they would be asked of what they look at, and so without end."""
    named = "proname LIKE 'reads\\_%' OR proname LIKE 'collection\\_sees\\_%'"
    found = raw(f"SELECT proname FROM pg_proc WHERE ({named}) AND NOT prosecdef")
    assert found == []
    assert len(raw(f"SELECT proname FROM pg_proc WHERE {named}")) > 30


def test_histories_are_seen_with_their_records(world: World) -> None:
    (battery,) = batteries_at(world, world.yard, 1)
    Battery.objects.filter(pk=battery.pk).update(condition="damaged")
    for name, seen in (("yard_owner", [(battery.pk,)]), ("stranger", [])):
        with reading_as(world.user(getattr(world, name), Role.VIEWER)):
            assert raw("SELECT DISTINCT pgh_obj_id FROM collection_batteryhistory") == seen


def test_installing_again_changes_nothing(db: None) -> None:
    before = raw("SELECT oid, xmin FROM pg_policy ORDER BY 1")
    isolation.install()
    assert raw("SELECT oid, xmin FROM pg_policy ORDER BY 1") == before
