"""How PostgreSQL is connected to: by a pool in each process, which never needs more connections than it has threads.

A connection of its own for each request would cost more than most requests do.
"""

from __future__ import annotations

from typing import Any

from config.settings.base import env


def pooled(database: dict[str, Any]) -> dict[str, Any]:
    """The settings of a database, with a pool.

    Through a pooler that gives each transaction another connection, such as PgBouncer, nothing may outlive a transaction:
    cursors would.
    """
    return {
        "DISABLE_SERVER_SIDE_CURSORS": env.bool("DATABASE_BEHIND_POOLER", default=False),
        **database,
        "OPTIONS": {
            "connect_timeout": 5,
            **database.get("OPTIONS", {}),
            "pool": {"min_size": 1, "max_size": env.int("DATABASE_POOL_SIZE", default=8), "timeout": 10},
        },
    }
