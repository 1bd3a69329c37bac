"""manage.py logins: the two logins of the database that may do no more than they need to (ADR 25)."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from psycopg import sql

from accounts import isolation

#: By login, whether it does all: what web servers log in as does nothing before it says for whom.
LOGINS = {"relode_web": False, "relode_worker": True}


class Command(BaseCommand):
    """Makes them, or gives them the password anew. The database is told its hash alone."""

    help = (
        "Make the logins relode_web (web servers) and relode_worker (workers, beat, commands), or give them the password "
        "in DATABASE_LOGIN_PASSWORD anew. For whoever owns the database; after migrate."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="say nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        password = os.environ.get("DATABASE_LOGIN_PASSWORD", "")
        if not password:
            raise CommandError("Set DATABASE_LOGIN_PASSWORD to the password that both are to have.")
        for login, does_all in LOGINS.items():
            with connection.cursor() as cursor:
                cursor.execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [login])
                word = "ALTER" if cursor.fetchone()[0] else "CREATE"
                hashed = connection.connection.pgconn.encrypt_password(
                    password.encode(), login.encode(), b"scram-sha-256"
                )
                statement = sql.SQL("{} ROLE {} LOGIN NOINHERIT PASSWORD {}").format(
                    sql.SQL(word), sql.Identifier(login), sql.Literal(hashed.decode())
                )
                cursor.execute(statement.as_string(connection.connection))
            isolation.let_in(login, does_all=does_all)
            if not options["quiet"]:
                self.stdout.write(f"{login}: {'changed' if word == 'ALTER' else 'made'}")
