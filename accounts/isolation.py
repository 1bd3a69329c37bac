"""Row-level security, made of `visible_to` (ADR 25).

For each table of records there is a function, `reads_<table>(key)`, which is the statement that `visible_to` makes for
whoever the database was told (`accounts.models.told`), and a policy that asks it of each row that the role `relode_reads`
looks at. The function is the owner's, so that what it looks at is not asked again. Nothing here is written by hand, and so
nothing can differ: it is made anew after each `migrate`, from the code that will run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import AppConfig, apps
from django.core.exceptions import EmptyResultSet
from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.models.expressions import RawSQL
from psycopg import ClientCursor

from accounts.models import Invitation, Membership, Organization, PartQuerySet, User
from accounts.models.told import ACTS, HELD, READS, SEEN, Argument, Told

#: The apps whose tables are records. Those of `accounts` are what is asked who somebody is.
APPS = ("collection", "recycling")


@dataclass(frozen=True)
class Policy:
    """That `relode_reads` sees a row of `table` if it sees the record of `whole` that the row's `column` leads to."""

    table: str
    column: str
    whole: type[models.Model]

    @property
    def condition(self) -> str:
        """As it stands in the policy: it was found already, or the function says so."""
        seen = f"jsonb_array_elements_text(current_setting('{SEEN}', true)::jsonb -> '{self.whole._meta.db_table}')"
        return f'("{self.column}" IN (SELECT {seen}::bigint) OR {_function(self.whole)}("{self.column}"))'


def policies() -> Iterator[Policy]:
    """Those of all tables that not everybody may read."""
    for model in models_of_records():
        if condition(model) is None:
            continue
        yield Policy(model._meta.db_table, *_whole_of(model))
        for field in model._meta.many_to_many:
            through = field.remote_field.through
            if through._meta.auto_created:
                yield Policy(through._meta.db_table, field.m2m_column_name(), model)
    for label in APPS:
        for model in apps.get_app_config(label).get_models():
            tracked = getattr(model, "pgh_tracked_model", None)
            if tracked is not None and tracked._meta.app_label in APPS and condition(tracked) is not None:
                yield Policy(model._meta.db_table, "pgh_obj_id", tracked)


def _whole_of(model: type[models.Model]) -> tuple[str, type[models.Model]]:
    """The column that a row is judged by, and what it leads to: parts are seen as the whole that they are of."""
    rows: Any = model._default_manager.all()
    if isinstance(rows, PartQuerySet) and rows.is_as_whole:
        field: Any = model._meta.get_field(rows.whole)
        return field.column, field.related_model
    return model._meta.pk.column, model


def condition(model: type[models.Model]) -> str | None:
    """What `visible_to` asks of the row with the key `$1`, as a statement; nothing, if everybody sees all."""
    seen: models.QuerySet[Any] = model._default_manager.visible_to(Told())  # type: ignore[attr-defined]
    assert not seen.query.combinator, f"{model} is seen by a union, which has no condition of its own"
    if not seen.query.where:
        return None
    try:
        sql, values = seen.filter(pk=RawSQL("$1", ())).order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return "SELECT 1 WHERE false"
    return _written(sql, values)


def after_migrating(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """Make it all, once the last app is migrated; not for a database that is not what the code takes it for."""
    connection = connections[using]
    is_last = sender.label == APPS[-1]
    if is_last and connection.vendor == "postgresql" and not _has_more_to_migrate(connection):
        install(using)


def install(using: str = "default") -> None:
    """Make the roles, their rights, the functions and the policies."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for statement in statements():
            cursor.execute(statement)


def let_in(login: str, *, does_all: bool, using: str = "default") -> None:
    """Have `login` be nobody until a request is somebody's; or, if it `does_all`, what workers and commands are.

    It inherits neither role: what forgets to say who acts sees nothing.
    """
    role = f"SET role = {ACTS}" if does_all else "RESET role"
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(f"GRANT {READS}, {ACTS} TO {_quoted(login)} WITH INHERIT FALSE, SET TRUE")
        cursor.execute(f"ALTER ROLE {_quoted(login)} {role}")


def statements() -> Iterator[str]:
    """What makes it all, whatever was there."""
    yield from (_role(role) for role in (READS, ACTS))
    yield from _rights()
    for name, held in HELD.items():
        sql, values = held.of(Argument()).query.sql_with_params()
        yield _made(f"relode_{name} (bigint)", f"{held.kind}[]", f"ARRAY({_written(sql, values)})")
    guarded = list(policies())
    for model in dict.fromkeys(policy.whole for policy in guarded):
        key = model._meta.pk.rel_db_type(connections["default"])
        yield _made(f"{_function(model)} ({key})", "boolean", f"EXISTS ({condition(model)})")
    for policy in guarded:
        yield _guard(policy)
    names = ", ".join(f"'{policy.table}'" for policy in guarded)
    yield f"""DO $$ DECLARE stale text; BEGIN
        FOR stale IN SELECT tablename FROM pg_policies
            WHERE schemaname = 'public' AND policyname = '{READS}' AND tablename NOT IN ({names}) LOOP
            EXECUTE format('ALTER TABLE %I DISABLE ROW LEVEL SECURITY', stale);
        END LOOP; END $$"""


def models_of_records() -> Iterator[type[models.Model]]:
    """The models of records; what was before is seen with what is, and has none of its own."""
    for label in APPS:
        for model in apps.get_app_config(label).get_models():
            if not (hasattr(model, "pgh_tracked_model") or model._meta.proxy):
                yield model


def _function(model: type[models.Model]) -> str:
    return f"reads_{model._meta.db_table}"


def _role(role: str) -> str:
    """Roles belong to the server, where other databases may be making the same at this moment."""
    return f"""DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN CREATE ROLE {role} NOLOGIN; END IF;
        IF NOT pg_has_role(current_user, '{role}', 'SET') THEN
            EXECUTE format('GRANT {role} TO %I WITH INHERIT FALSE, SET TRUE', current_user);
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation OR internal_error THEN NULL; END $$"""


def _rights() -> Iterator[str]:
    """Records, and who may what, are written by verbs. The rest is as it is needed: a log-in notes when it was, whoever it is
    that logs in.
    """
    who = {model._meta.db_table for model in (Organization, Membership, Invitation)}
    records = ", ".join(sorted(f'"{table}"' for table in tables_of_records() | who))
    users = User._meta.db_table
    yield f"GRANT USAGE ON SCHEMA public TO {READS}, {ACTS}"
    yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {READS}, {ACTS}"
    yield f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {READS}, {ACTS}"
    yield f"REVOKE INSERT, UPDATE, DELETE ON {records}, {users} FROM {READS}"
    yield f"GRANT UPDATE (last_login, password) ON {users} TO {READS}"


def tables_of_records() -> set[str]:
    """All tables of records, those that everybody may read, too."""
    all_models = (model for label in APPS for model in apps.get_app_config(label).get_models(include_auto_created=True))
    return {model._meta.db_table for model in all_models if not model._meta.proxy}


def _made(signature: str, kind: str, body: str) -> str:
    """A function of the owner's. Its plan is kept for as long as a connection lives."""
    return f"""CREATE OR REPLACE FUNCTION {signature} RETURNS {kind}
        LANGUAGE plpgsql STABLE STRICT SECURITY DEFINER PARALLEL SAFE COST 200 AS $body$
        BEGIN RETURN {body}; END $body$"""


def _guard(policy: Policy) -> str:
    """A table is locked only if something changes: this runs at each start of a new version. What a policy was made of
    stands in its comment, since the database writes conditions its own way.
    """
    table, made_of = f'"{policy.table}"', policy.condition.replace("'", "''")
    return f"""DO $$ BEGIN
        IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = '{table}'::regclass) THEN
            ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
        END IF;
        IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = '{table}'::regclass AND polname = '{READS}'
                AND obj_description(oid, 'pg_policy') = '{made_of}') THEN
            DROP POLICY IF EXISTS {READS} ON {table};
            DROP POLICY IF EXISTS {ACTS} ON {table};
            CREATE POLICY {READS} ON {table} FOR SELECT TO {READS} USING ({policy.condition});
            CREATE POLICY {ACTS} ON {table} TO {ACTS} USING (true) WITH CHECK (true);
            COMMENT ON POLICY {READS} ON {table} IS '{made_of}';
        END IF; END $$"""


def _quoted(name: str) -> str:
    return connections["default"].ops.quote_name(name.replace('"', '""'))


def _written(sql: str, values: Any) -> str:
    """`sql` with its values in it."""
    connection = connections["default"]
    connection.ensure_connection()
    return ClientCursor(connection.connection).mogrify(sql, values)


def _has_more_to_migrate(connection: BaseDatabaseWrapper) -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))
