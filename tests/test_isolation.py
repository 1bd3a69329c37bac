"""The second line behind `visible_to` and the verbs: what the database lets a request read and write (ADR 25)."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import MultipleObjectsReturned, ObjectDoesNotExist
from django.db import Error, IntegrityError, ProgrammingError, connection, connections, models, transaction
from django.test import Client, override_settings
from django.urls import reverse
from rest_framework.test import APIClient

from accounts import acting, isolation
from accounts.errors import DomainError
from accounts.models import PartQuerySet, Role, User
from accounts.models.told import ACTS, READS
from accounts.replicas import one_snapshot
from collection.imports import runs
from collection.models import Battery, ImportStatus, Lot, Relation
from collection.services import lots
from recycling.models import Intake
from recycling.services import forecasts, input_analyses, report_job, reports
from tests import admin_doors, records
from tests.doors import API
from tests.recycling import filing
from tests.recycling.test_intake_weighings_import import asked_for, load, weighed
from tests.world import World, ago, batteries_at, scheduled_pickup

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


#: Doors that can be asked, by path, and how.
READ = {path: door for (method, path), door in API.items() if method == "GET"}


def worlds(world: World) -> Iterator[dict[str, list[Any]]]:
    """The world with one of each record that the doors know of, most of them for others than most of the people; then, one
    after the other, with each that wants a world without the others. For each path of the API the keys of what was made, of
    its own and of the others like it.
    """
    made: dict[Any, Any] = {}
    alone = []
    with _undone():
        for make in dict.fromkeys(door.record for door in READ.values() if door.record is not None):
            try:
                with transaction.atomic():
                    made[make] = make(world)
            except (DomainError, IntegrityError, ObjectDoesNotExist, MultipleObjectsReturned, AssertionError):
                alone.append(make)
        yield {path: _keys_of(path, made.get(door.record)) for path, door in READ.items()}
    for make in (*alone, *MORE):
        with _undone():
            record = make(world)
            yield {path: _keys_of(path, record) for path, door in READ.items() if door.record is make}


@contextmanager
def _undone() -> Iterator[None]:
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def _keys_of(path: str, record: Any) -> list[Any]:
    if "{" not in path:
        return [""]
    others = type(record)._default_manager.order_by("-pk")[:3] if isinstance(record, models.Model) else ()
    return [READ[path].key(one) for one in (record, *others)] if record is not None else []


def documentation(world: World) -> Any:
    """With a lot that left, and an input that was analyzed."""
    filing.shared_batch(world)
    batch = world.shredder.batches.get()
    input_analyses.determine(
        actor=world.actor(world.recycler), batch=batch, method="outputs", analyzed_on=date(2025, 1, 1),
        fractions={"Ni": Decimal("0.1")},
    )  # fmt: skip
    lots.dispose(
        actor=world.actor(world.recycler), lot=Lot.objects.get(material="copper"), disposition="sold", disposed_at=ago(days=1),
        note="x", use="original",
    )  # fmt: skip
    report = reports.document(
        actor=world.actor(world.recycler), plant=world.plant, scheme=records.recycler_scheme(world), year=2025
    )
    report_job.compute(report.pk)
    return report


def faulty_import(world: World) -> Any:
    run = records.import_run(world)
    run.parts.create(number=1, content=b"x")
    return run.errors.create(line=1, message="x")


def returning(world: World) -> Any:
    records.vehicle_sales(world)
    forecast = forecasts.request(
        actor=world.actor(world.recycler), first_year=2025, last_year=2026, inputs="momentum"
    )  # fmt: skip
    assert forecasts.run(forecast.pk) and forecast.lines.exists()
    return forecast


#: More worlds, with what no door names.
MORE = (
    admin_doors.evidence, admin_doors.counted, admin_doors.backlog, records.with_code, faulty_import, documentation, returning,
    lambda world: scheduled_pickup(world, batteries=[battery.pk for battery in batteries_at(world, world.yard, 2)]),
)  # fmt: skip

#: Paths at which none of these worlds has anything to show.
NOTHING_TO_SHOW = {
    "epr-reports/{pk}/evidence/", "epr-reports/{pk}/placements/", "imports/{pk}/errors/",
    "market-statistics/comparison/", "utilization/", "free-capacity/", "return-forecasts/{pk}/lines/",
}  # fmt: skip

#: Models of which none of these worlds has a row that anybody sees.
UNSEEN = {
    "collection.PickupCode", "collection.TransportDocument", "recycling.EprFactor", "recycling.EprInputShare",
    "recycling.Reagent", "recycling.TallyDue", "recycling.TallyElement", "recycling.TallyUnits",
}  # fmt: skip


#: Models of which everybody reads some rows, as whole tables of public records are read.
PUBLIC_IN_PART = {"recycling.ReturnForecastLine"}


def test_a_raw_select_sees_what_visible_to_shows(world: World) -> None:
    users = [world.user(getattr(world, name), Role.MANAGER) for name in PEOPLE]
    unseen = set(guarded())
    for _made in worlds(world):
        for model in sorted(unseen, key=str) if len(unseen) < len(guarded()) else guarded():
            column, table = model._meta.pk.column, model._meta.db_table
            if not model._default_manager.exists():
                continue
            for user in users:
                expected = set(model._default_manager.visible_to(user).values_list("pk", flat=True))  # type: ignore[attr-defined]
                with reading_as(user):
                    seen = {key for (key,) in raw(f'SELECT "{column}" FROM "{table}"')}
                assert seen == expected, (table, user)
                if seen:
                    unseen.discard(model)
            with reading_as(None):
                assert raw(f'SELECT "{column}" FROM "{table}"') == [] or model._meta.label in PUBLIC_IN_PART
    labels = {model._meta.label for model in unseen}
    assert labels == UNSEEN, " ".join(sorted(labels))


def test_a_forgotten_visible_to_leaks_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list and every record of the API, with `visible_to` that shows everybody everything."""
    stranger = world.user(world.stranger, Role.MANAGER)
    closed = {
        path: door
        for path, door in READ.items()
        if door.record is not None
        and not (door.is_public or door.is_table or door.is_own)
        and door.stranger == "stranger"
    }
    kinds = {type(model._default_manager.all()) for model in guarded()}
    client = APIClient()
    client.force_authenticate(stranger)
    refused, empty = set(), set()
    for made in worlds(world):
        with monkeypatch.context() as forgetful:
            for kind in kinds:
                forgetful.setattr(kind, "visible_to", lambda rows, user: rows)
            for path in closed.keys() & made.keys():
                for key in made[path][:1]:  # the others may be its own
                    answer = client.get(f"/api/v1/{path.replace('{pk}', str(key))}")
                    if "{pk}" in path:
                        assert answer.status_code in (404, 403), (path, answer.content)
                        refused.add(path)
                    else:
                        body = answer.json()
                        rows = body["results"] if isinstance(body, dict) and "results" in body else body
                        assert all(row.get("id", row.get("code", key)) != key for row in rows), path
                        empty.add(path)
    assert refused | empty == closed.keys()


def test_neither_does_the_admin(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(worlds(world)) as filled:  # not left to whoever collects garbage: it is within a transaction
        next(filled)
        _walk_forgetful(world, monkeypatch)


def _walk_forgetful(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
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
    wrong, shown = [], set()
    clients = []
    for name in PEOPLE:
        judged, plain = APIClient(), without_policies(APIClient())
        for client in (judged, plain):
            client.force_authenticate(world.user(getattr(world, name), Role.MANAGER))
        clients.append((name, judged, plain))
    for made in worlds(world):
        for name, judged, plain in clients:
            for path, keys in made.items():
                for address in {f"/api/v1/{path.replace('{pk}', str(key))}" for key in keys}:
                    asked = {"start": "2025-01-01", "end": "2025-12-31"} if "overview" in path else {}
                    status, body = said(judged.get(address, asked))
                    if (status, body) != said(plain.get(address, asked)):
                        wrong.append((name, address))
                    if status == 200 and not body.endswith(b'"results":[]}'):
                        shown.add(path)
    assert wrong == []
    assert READ.keys() - shown == NOTHING_TO_SHOW, sorted(READ.keys() - shown)


@pytest.mark.parametrize("name", ["recycler", "yard_owner", "producer", "regulator", "carrier"])
def test_nor_from_the_admin(world: World, name: str) -> None:
    judged, plain = Client(), without_policies(Client())
    for client in (judged, plain):
        client.force_login(world.user(getattr(world, name), Role.MANAGER))
    wrong, shown = [], 0
    todo = {model for model in guarded() if model in admin.site._registry}
    for _made in worlds(world):
        addresses = ["/admin/"]
        for model in [model for model in todo if model._default_manager.exists()]:
            todo.remove(model)
            root = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
            keys = model._default_manager.order_by("-pk").values_list("pk", flat=True)[:3]
            addresses += [root, *(f"{root}{key}/change/" for key in keys)]
        for address in addresses:
            status, body = said(judged.get(address))
            wrong += [address] if (status, body) != said(plain.get(address)) else []
            shown += status == 200
    assert wrong == []
    assert shown > 40


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


@contextmanager
def logged_in(*, does_all: bool) -> Iterator[None]:
    """The connection of this process is that of a worker's login, or of a web server's (`manage.py logins`)."""
    name, password, owner = f"login_{uuid.uuid4().hex[:8]}", uuid.uuid4().hex, connection.settings_dict.copy()
    raw(f"CREATE ROLE {name} LOGIN NOINHERIT PASSWORD '{password}'")
    isolation.let_in(name, does_all=does_all)
    try:
        log_in(USER=name, PASSWORD=password)
        yield
    finally:
        log_in(USER=owner["USER"], PASSWORD=owner["PASSWORD"])
        raw(f"DROP ROLE {name}")


def log_in(**login: str) -> None:
    connection.close()
    connection.close_pool()
    connection.settings_dict.update(login)


@pytest.mark.django_db(transaction=True)
def test_a_worker_stays_a_worker_after_a_verb(world: World) -> None:
    """A file of weighings records each by a verb and goes on in the same transaction: it fell back to the login, which may nothing."""
    shipment, names = load(world, 2)
    run = asked_for(world, "".join(f"T-1,{shipment.pk},{weighed()},9800,9000,kg,{name},400,kg,\n" for name in names))
    with logged_in(does_all=True):
        assert raw("SELECT current_user") == [(ACTS,)]
        with transaction.atomic():
            with acting.as_platform():
                raw("SELECT")
            assert raw("SELECT current_user") == [(ACTS,)]
        with acting.as_platform():
            raw("SELECT")
        with one_snapshot():
            assert raw("SELECT current_user") == [(ACTS,)]
        runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.status, Intake.objects.count()) == (ImportStatus.DONE, 1)


@pytest.mark.django_db(transaction=True)
def test_a_web_server_answers_with_no_more_rights_than_it_has(world: World) -> None:
    """Where nothing asks who it is but what logs, and a page, and a download."""
    user, report = world.user(world.producer, Role.MANAGER), filing.drafted(world)
    browser, program = Client(raise_request_exception=False), APIClient(raise_request_exception=False)
    browser.force_login(user)
    program.force_authenticate(user)
    with logged_in(does_all=False):
        for address, status in (("/nosuch/", 404), ("/admin/", 200), ("/account/second-factor/", 200), ("/", 302)):
            assert browser.get(address).status_code == status, address
        answer = program.get(f"/api/v1/epr-reports/{report.pk}/download/json/")
        assert json.loads(b"".join(answer.streaming_content))["header"]
        assert program.post(f"/api/v1/epr-reports/{report.pk}/withdraw/").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_snapshot_is_told_anew_who_reads_in_it() -> None:
    """Its first statement says how it is isolated, and nothing may be said before: what was told before it is gone."""
    user = User.objects.create_user("a@relode.test", "x", name="A")
    with reading_as(user):
        raw("SELECT 1")
        with one_snapshot():
            assert raw("SELECT current_user, current_setting('relode.user')") == [(READS, str(user.pk))]


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
    histories = {model._meta.db_table for model in apps.get_models() if hasattr(model, "pgh_tracked_model")}
    assert public - histories == {
        "collection_batterymodel", "collection_chemistry", "collection_composition", "collection_compositionelement",
        "collection_facility", "collection_jurisdiction", "collection_mandate", "collection_material",
        "collection_materialelement", "collection_assignmentrun", "collection_vehiclekind", "collection_vehiclepattern",
        "recycling_eprscheme", "recycling_eprtarget", "recycling_marketstatistic", "recycling_nameplate",
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


def test_all_our_apps_hold_records_but_one() -> None:
    ours = {
        app.label
        for app in apps.get_app_configs()
        if Path(app.path).is_relative_to(settings.BASE_DIR / app.label) and any(app.get_models())
    }
    assert ours == {*isolation.APPS, "accounts"}


def test_parts_that_fewer_see_than_their_whole_say_so(db: None) -> None:
    """Who overrides `visible_to` of parts must not be judged as the whole is."""
    kinds = {type(model._default_manager.all()) for model in guarded()}
    own = {kind for kind in kinds if issubclass(kind, PartQuerySet) and kind.visible_to is not PartQuerySet.visible_to}
    assert {kind.__name__ for kind in own if kind.is_as_whole} == {"IdentifierQuerySet"}


def test_who_may_do_what_is_written_by_verbs(world: World) -> None:
    user = world.user(world.recycler, Role.MANAGER)
    for sql in (
        f"UPDATE accounts_user SET is_superuser = true WHERE id = {user.pk}",
        "UPDATE accounts_membership SET role = 'manager'",
        "UPDATE accounts_organization SET functions = '{regulator}'",
        f"DELETE FROM accounts_user WHERE id = {user.pk}",
        "DELETE FROM accounts_invitation",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic(), reading_as(user):
            raw(sql)
    with reading_as(user):
        raw(f"UPDATE accounts_user SET last_login = now() WHERE id = {user.pk}")


def test_who_reads_more_than_it_shows_is_named_here() -> None:
    """What the policies do not see: whoever adds to it has thought of `visible_to`, and says so in ADR 25."""
    lifted = {
        f"{path.relative_to(settings.BASE_DIR)}"
        for app in (*isolation.APPS, "accounts", "config")
        for path in (settings.BASE_DIR / app).rglob("*.py")
        if "as_platform()" in path.read_text()
    }
    assert lifted == {
        "accounts/acting.py", "accounts/verbs.py",  # what it is
        "accounts/admin/admin_list.py", "accounts/admin/pages.py", "accounts/admin/scoped.py",  # counts, years, ticked rows
        "accounts/api/viewsets.py", "collection/api/pickups.py", "collection/services/proposals.py",  # what a verb says
        "accounts/services/invitations.py", "collection/pages/views.py", "collection/services/receipts.py",  # by a link
        "collection/models/custody.py", "collection/models/records.py", "collection/models/sight.py",  # ties
        "collection/queries/lives.py", "recycling/queries/sightings.py",  # lives and traces
        "recycling/api/epr.py", "recycling/api/utilization.py", "config/start_page.py",  # sums
        "recycling/api/capacity.py", "recycling/api/forecasts.py",  # sums, and what is free at plants that show it
        "recycling/admin/capacity.py", "recycling/admin/forecasts.py",
    }  # fmt: skip


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
