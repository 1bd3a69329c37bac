"""A backup is restored into an empty server, where everything is there and every filed report is proven."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from development.servers import PROJECT
from recycling.models import EprReport
from recycling.services import factors
from tests.recycling.filing import filed, shared_batch
from tests.world import build


@pytest.fixture
def empty_url() -> Iterator[str]:
    """An empty database on the tests' server."""
    url = urlsplit(os.environ["DATABASE_URL"])
    admin = url._replace(scheme="postgresql", path="/postgres").geturl()
    name = f"drill_{os.getpid()}"
    with psycopg.connect(admin, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
        yield url._replace(path=f"/{name}").geturl()
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


def manage(url: str, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings.development"}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def rows(url: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url.replace("postgres://", "postgresql://", 1), autocommit=True) as database:
        done = database.execute(sql)  # type: ignore[arg-type]
        return done.fetchall() if done.description else []


@pytest.mark.django_db(transaction=True)
def test_a_backup_is_restored_and_proven(tmp_path: Path, empty_url: str) -> None:
    world = build()
    shared_batch(world)
    factors.refresh()
    report = filed(world)
    file, said = tmp_path / "relode.dump", StringIO()
    call_command("backup", str(file), stdout=said)
    assert file.stat().st_mode & 0o077 == 0, "nobody else reads it"
    about = json.loads((tmp_path / "relode.dump.json").read_text())
    assert about["rows"]["public.recycling_eprreport"] == EprReport.objects.count() == 1
    with pytest.raises(CommandError, match="there already"):
        call_command("backup", str(file))

    done = manage(empty_url, "backup", str(tmp_path / "nothing.dump"))
    assert done.returncode and "is empty" in done.stderr and not (tmp_path / "nothing.dump").exists()
    with pytest.raises(CommandError, match="not empty"):  # where we are, nothing is written over
        call_command("restore", str(file))
    done = manage(empty_url, "restore", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 filed reports verified" in done.stdout
    hashes = "SELECT id, content_hash FROM recycling_eprreport"
    assert rows(empty_url, hashes) == [(report.pk, report.content_hash)]
    with pytest.raises(psycopg.errors.Error):  # the triggers are there, too
        rows(empty_url, "DELETE FROM collection_custodyevent")

    rows(
        empty_url,
        "SET session_replication_role = replica; UPDATE recycling_eprreport SET content_hash = repeat('0', 64)",
    )
    done = manage(empty_url, "checkbooks")
    assert done.returncode == 1 and f"report {report.pk}: its hash" in done.stdout


def test_what_is_no_backup_is_refused(tmp_path: Path, db: None) -> None:
    file, about = tmp_path / "x.dump", tmp_path / "x.dump.json"
    with pytest.raises(CommandError, match="is no file"):
        call_command("restore", str(file))
    file.write_bytes(b"PGDMP")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("restore", str(file))
    about.write_text(json.dumps({"sha256": "0", "rows": {}, "taken_at": "2026-01-01"}))
    with pytest.raises(CommandError, match="SHA-256"):
        call_command("restore", str(file))
    with pytest.raises(CommandError, match="no folder"):
        call_command("backup", str(tmp_path / "nowhere" / "x"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_organization")


def test_a_program_that_is_not_there_is_named(tmp_path: Path, db: None, settings: pytest.FixtureRequest) -> None:
    settings.POSTGRES_PROGRAMS = str(tmp_path)  # type: ignore[attr-defined]
    file = tmp_path / "x.dump"
    with pytest.raises(CommandError, match="pg_dump is not in"):
        call_command("backup", str(file))
    assert list(tmp_path.iterdir()) == [], "nothing half-written is left"
