"""Builds the continent in a database of its own beside the development one, measures, and drops it again."""

from __future__ import annotations

import argparse
import os
import sys
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql


def main() -> None:
    """Read the options, make the database, measure."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--scale", type=float, default=float(os.environ.get("SCALE", "1")), help="1 is 130,000 packs")
    parser.add_argument("--repeat", type=int, default=3, help="runs of each measurement; the median is shown")
    parser.add_argument("--keep", action="store_true", help="keep the database afterwards, and use it if it is there")
    options = parser.parse_args()
    if options.scale <= 0 or options.repeat < 1:
        parser.error("scale and repeat must be positive")

    address = urlsplit(os.environ["DATABASE_URL"])
    name = f"relode_bench_{str(options.scale).replace('.', '_')}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as server:
        exists = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None
        if exists and not options.keep:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            exists = False
        if not exists:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        os.environ["DATABASE_URL"] = urlunsplit(address._replace(path=f"/{name}"))
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.development")
        try:
            import django

            django.setup()
            from django.core.management import call_command
            from django.db import connection

            from benchmarks import continent, measures

            call_command("migrate", verbosity=0)
            if not continent.is_built():
                call_command("loadreference", stdout=sys.stderr)
                continent.build(packs=int(130_000 * options.scale))
            measures.report(repeat=options.repeat)
            connection.close()
        finally:
            if not options.keep:
                server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    main()
