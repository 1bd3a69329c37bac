"""manage.py restore FILE: a backup into an empty database, and the proof that all of it is there."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from recycling.management import postgres
from recycling.management.commands import backup


class Command(BaseCommand):
    """Restores in one transaction, counts the rows, migrates, reconciles and verifies every filed report."""

    help = "Restore FILE into the empty database that Relode is set to; exit 0 only if all of it is there and right."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        about = backup.read(file)
        if there := postgres.rows_by_table():
            raise CommandError(
                f"The database {connection.settings_dict['NAME']} is not empty ({len(there)} tables, {next(iter(there))} among"
                " them). A backup is restored into an empty one; name it by DATABASE_URL."
            )
        self.stdout.write(f"restoring {file}, as of {about['taken_at']} …")
        postgres.perform(
            "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges",
            f"--dbname={connection.settings_dict['NAME']}", str(file),
        )  # fmt: skip
        if differing := postgres.differing(about["rows"], postgres.rows_by_table()):
            raise CommandError(f"Not all rows are there: {'; '.join(differing)}")
        self.stdout.write(f"{sum(about['rows'].values()):,} rows in {len(about['rows'])} tables are there; migrating …")
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        call_command("migrate", "--no-input", verbosity=0)
        call_command("checkbooks", stdout=self.stdout, stderr=self.stderr)
