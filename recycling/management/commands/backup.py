"""manage.py backup FILE: all that Relode knows, in one file."""

from __future__ import annotations

import hashlib
import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.utils import timezone

from recycling.management import postgres


class Command(BaseCommand):
    """Writes FILE (pg_dump's custom format), and FILE.json: when, how many rows each table had at that very moment, and the
    file's SHA-256. Work goes on meanwhile. Neither is there unless both are whole.
    """

    help = "Write a backup of the database to FILE, and to FILE.json what a restore is compared with."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        if file.exists():
            raise CommandError(f"{file} is there already; it is not written over.")
        if not file.parent.is_dir():
            raise CommandError(f"{file.parent} is no folder.")
        if not postgres.rows_by_table():
            raise CommandError(
                f"The database {connection.settings_dict['NAME']} is empty: a backup of it would restore nothing."
                " Name the right one by DATABASE_URL, or `migrate` it first."
            )
        postgres.program("pg_dump")  # before anything is begun
        draft = file.with_name(f"{file.name}.part")
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))  # people's names are in it
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                    cursor.execute("SET LOCAL statement_timeout = 0")
                    cursor.execute("SELECT pg_export_snapshot()")
                    snapshot = cursor.fetchone()[0]
                taken_at = timezone.now()
                postgres.perform(
                    "pg_dump",
                    "--format=custom",
                    "--no-owner",
                    "--no-privileges",
                    "--no-policies",  # of roles that another server has not; migrate makes both
                    f"--snapshot={snapshot}",
                    f"--file={draft}",
                )
                rows = postgres.rows_by_table()
            about = {"taken_at": taken_at.isoformat(), "sha256": _sha256(draft), "rows": rows}
            beside(file).write_text(json.dumps(about, indent=1))
            draft.rename(file)
        finally:
            draft.unlink(missing_ok=True)
        self.stdout.write(
            f"{file}: {file.stat().st_size:,} bytes, {sum(rows.values()):,} rows in {len(rows)} tables, as of {taken_at:%F %T} UTC"
        )


def beside(file: Path) -> Path:
    """Where it is written what `file` holds."""
    return file.with_name(f"{file.name}.json")


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def read(file: Path) -> dict[str, Any]:
    """What is known of a backup. Raises `CommandError` if the file is not as it was written."""
    if not file.is_file():
        raise CommandError(f"{file} is no file.")
    try:
        about: dict[str, Any] = json.loads(beside(file).read_text())
        wanted = about["sha256"], about["rows"], about["taken_at"]
    except (OSError, ValueError, KeyError) as error:
        raise CommandError(f"{beside(file)} cannot be read: {error}. It is written with each backup.") from error
    if _sha256(file) != wanted[0]:
        raise CommandError(f"{file} is not what was written: its SHA-256 differs from that in {beside(file)}.")
    return about
