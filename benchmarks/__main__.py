"""Builds the continent in a database of its own beside the development one, measures, and drops it again."""

from __future__ import annotations

import argparse
import os
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

#: As in production, where statements are not written down; and nobody is asked to wait.
SETTINGS = {"DEBUG": "false", "LOG_LEVEL": "WARNING", "API_RATE_USER": "100000/s"}


def main() -> None:
    """Read the options, make the database, measure."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--scale", type=float, default=float(os.environ.get("SCALE", "1")), help="1 is 130,000 packs recycled in a year"
    )
    parser.add_argument("--repeat", type=int, default=5, help="runs of each measurement; the median is shown")
    parser.add_argument("--only", action="append", metavar="ROOM", help="measure this room only; may be given again")
    parser.add_argument("--keep", action="store_true", help="keep the database afterwards, and use it if it is there")
    parser.add_argument("--check", action="store_true", help="reconcile what was built before it is measured")
    options = parser.parse_args()
    if options.scale < 0.1 or options.repeat < 1:
        parser.error("below 0.1 there are too few batches for three stages; repeat must be positive")

    address = urlsplit(os.environ["DATABASE_URL"])
    name = f"relode_bench_{options.scale:g}".replace(".", "_")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        exists = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None
        if exists and not options.keep:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            exists = False
        if not exists:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        os.environ["DATABASE_URL"] = urlunsplit(address._replace(path=f"/{name}"))
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
        os.environ |= SETTINGS
        try:
            _measure(options)
        finally:
            if not options.keep:
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _measure(options: argparse.Namespace) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from benchmarks import continent, measures
    from benchmarks.results import Results

    for room in options.only or ():
        if room not in measures.ROOMS:
            sys.exit(f"There is no room {room}; there are {', '.join(measures.ROOMS)}.")
    size = continent.Size.of(options.scale)
    results = Results(options.scale, options.repeat, str(size))
    call_command("migrate", verbosity=0)
    if not continent.is_built():
        continent.check_room(size)
        call_command("loadreference", stdout=sys.stderr)
        results.build_seconds = continent.build(size)
    if options.check:
        call_command("reconcile", stdout=sys.stderr)
    measures.run(results, options.only or [room for room in measures.ROOMS if room not in measures.BY_NAME])
    connection.close()


if __name__ == "__main__":
    main()
