"""Whoever the database was told acts: what `visible_to` is asked for where policies are made of it (ADR 25).

What somebody sees from is looked up once, by functions of the database, and held in settings of the transaction: `HELD`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models.expressions import RawSQL

#: Roles of the database: reads by policies and writes no record; reads and writes, since a verb or a job answers for it.
READS, ACTS = "relode_reads", "relode_acts"


#: The setting that holds what was found already: keys by table, as JSON.
SEEN = "relode.seen"


@dataclass(frozen=True)
class Held:
    """Keys that somebody sees from: their type in the database, and what finds them for a viewer."""

    kind: str
    of: Callable[[Any], models.QuerySet[Any, Any]]


#: By the name of the setting, and of the function: `relode.organizations` holds what `relode_organizations(user)` finds.
HELD: dict[str, Held] = {}


class Told:
    """A viewer that is whoever the database was told: its keys are in settings."""

    is_authenticated, is_active, is_superuser = True, True, False

    @staticmethod
    def keys(name: str) -> RawSQL:
        """The keys that were told, as a subquery."""
        return RawSQL(f"SELECT unnest(current_setting('relode.{name}', true)::{HELD[name].kind}[])", ())


class Argument:
    """A viewer that is the argument of a function."""

    is_authenticated, is_active, is_superuser = True, True, False
    pk = RawSQL("$1", ())


def settings_of(role: str | None, user: int | None) -> tuple[Mapping[str, str], list[Any]]:
    """What the database is told: by setting, SQL for its value, with the parameters of all. No role is that which the login
    begins in: a worker's is in `ACTS` from the start, and would be nobody in the role named `none`.
    """
    if role != READS:
        return {"role": "%s"}, [role]
    found = {f"relode.{name}": f"relode_{name}(%s)::text" for name in HELD}
    return {"role": "%s", "relode.user": "%s"} | found, [role, str(user or ""), *([user or 0] * len(found))]
