"""Reading from a replica of the database, where there is one (`DATABASE_REPLICA_URL`).

A replica is some moments behind. Only what says as of when it stands is read there, and never what a command decides by:

    with replicas.reading():
        …
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, models, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from accounts import acting

REPLICA = "replica"

_may_be_behind: ContextVar[bool] = ContextVar("may_be_behind", default=False)


class Router:
    """Sends to the replica what is read inside `reading`, unless a transaction is under way that might write."""

    def db_for_read(self, model: type[models.Model], **hints: Any) -> str | None:
        may = _may_be_behind.get() and REPLICA in connections.settings
        return REPLICA if may and not transaction.get_connection().in_atomic_block else None

    def allow_relation(self, one: models.Model, other: models.Model, **hints: Any) -> bool:
        """Both hold the same rows."""
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """What changes in the one arrives at the other by itself."""
        return False if db == REPLICA else None


@contextmanager
def reading() -> Iterator[None]:
    """What is read in here may be some moments behind; all of it is of one moment, wherever that is."""
    with acting.transactions_of_their_own():
        token = _may_be_behind.set(True)
        try:
            alias = router.db_for_read(models.Model) or DEFAULT_DB_ALIAS
            with one_snapshot(alias):
                yield
        finally:
            _may_be_behind.reset(token)


@contextmanager
def one_snapshot(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """A transaction all of whose statements see the database as it was at its first one."""
    inside = connections[using].in_atomic_block  # then the level is no longer ours to choose
    with transaction.atomic(using=using):
        if not inside:
            with connections[using].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def connection_for(model: type[models.Model]) -> BaseDatabaseWrapper:
    """The connection that rows of `model` are read by."""
    return connections[router.db_for_read(model) or DEFAULT_DB_ALIAS]


def moment_of(model: type[models.Model]) -> datetime:
    """Until when what is read of `model` is complete: now; on a replica, what was last written to it."""
    with connection_for(model).cursor() as cursor:
        cursor.execute("SELECT coalesce(pg_last_xact_replay_timestamp(), statement_timestamp())")
        ((moment,),) = cursor.fetchall()
    return moment  # type: ignore[no-any-return]
