"""How PostgreSQL is connected to: by a pool in each process, which never needs more connections than it has threads.

A connection of its own for each request would cost more than most requests do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from psycopg import OperationalError
from psycopg_pool import ConnectionPool

from config.settings.base import env


@dataclass(frozen=True)
class Patience:
    """How many seconds a statement may wait for a lock, and take altogether; 0 is without end."""

    lock: int
    statement: int


#: By what a process is (`RELODE_ROLE`): web servers and workers say so themselves. Commands that people give may take as
#: long as they like, migrations among them.
PATIENCE = {"web": Patience(5, 30), "worker": Patience(60, 3600)}


def patience() -> Patience:
    """That of this process, unless the environment says otherwise."""
    usual = PATIENCE.get(os.environ.get("RELODE_ROLE", ""), Patience(0, 0))
    return Patience(
        env.int("DATABASE_LOCK_SECONDS", default=usual.lock),
        env.int("DATABASE_STATEMENT_SECONDS", default=usual.statement),
    )


def check(connection: Any) -> None:
    """Raise if a connection that the pool is about to hand out is dead. Then the others will be, too: the server was
    restarted. The pool would try one after the other, and wait longer after each.
    """
    try:
        ConnectionPool.check_connection(connection)
    except OperationalError:
        connection._pool.drain()
        raise


def pooled(database: dict[str, Any]) -> dict[str, Any]:
    """The settings of a database, with a pool.

    Through a pooler that gives each transaction another connection, such as PgBouncer, nothing may outlive a transaction:
    cursors would, and so would the patience of a process. There it is a setting of the database's roles.
    """
    is_behind_pooler = env.bool("DATABASE_BEHIND_POOLER", default=False)
    limits = patience()
    options = f"-c lock_timeout={limits.lock}s -c statement_timeout={limits.statement}s"
    return {
        "DISABLE_SERVER_SIDE_CURSORS": is_behind_pooler,
        **database,
        "OPTIONS": {
            "connect_timeout": 5,
            **({} if is_behind_pooler else {"options": options}),
            **database.get("OPTIONS", {}),
            "pool": {
                "check": check,
                "min_size": 1,
                "max_size": env.int("DATABASE_POOL_SIZE", default=8),
                "timeout": env.int("DATABASE_POOL_SECONDS", default=5),
            },
        },
    }
