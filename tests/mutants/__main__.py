"""Tries mutants: each is applied to a copy of the project, and the tests that it names are run against it.

    python -m tests.mutants [AREA ...] [--jobs N] [--whole] [--rule TEXT]

Ends with 1 if one survives without a known reason, or could not be tried.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from development import servers
from tests.mutants import PROJECT, Mutant, mutants

#: What is no part of the project as such. The environment is used where it is.
NOT_COPIED = shutil.ignore_patterns(".git", ".venv", ".local", ".uv", "__pycache__", ".*_cache", ".hypothesis")

PYTEST = (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-n", "0")

#: What a mutant may take; a rule that was to end a loop may be gone.
SECONDS = 600

#: What becomes of a mutant, by pytest's exit code.
KILLED, SURVIVED, BROKEN = "killed", "SURVIVED", "BROKEN"
_OUTCOMES = {0: SURVIVED, 1: KILLED}

_MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = {leaves!r}
    operations = [migrations.RunSQL({sql!r})]
"""


class Copy:
    """A copy of the project to make edits in, with servers of its own, whose test database is kept from run to run."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="relode-mutant-")) / "project"
        self.servers = servers.join(self.folder.parent / "servers", throwaway=True)
        shutil.copytree(PROJECT, self.folder, ignore=NOT_COPIED)
        (self.folder / ".venv").symlink_to(PROJECT / ".venv")

    def erase(self) -> None:
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def outcome(self, mutant: Mutant, tests: tuple[str, ...]) -> str:
        """Apply `mutant`, run `tests`, take it back."""
        path = self._edited(mutant)
        before = path.read_text() if path.exists() else None
        try:
            path.write_text(_migration(mutant.sql) if mutant.sql else mutant.applied_to(before or ""))
            process = subprocess.run(
                [*PYTEST, *tests] if mutant.sql else [*PYTEST, "--reuse-db", *tests],
                cwd=self.folder,
                env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | ({} if mutant.sql else self.servers),
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return KILLED
        finally:
            if before is None:
                path.unlink()
            else:
                path.write_text(before)
        outcome = _OUTCOMES.get(process.returncode, BROKEN)
        if outcome == BROKEN:
            print(process.stdout[-2000:], process.stderr[-2000:], flush=True)
        return outcome

    def _edited(self, mutant: Mutant) -> Path:
        if mutant.sql:
            return self.folder / "recycling" / "migrations" / "9999_mutant.py"
        return self.folder / mutant.file


def _migration(sql: str) -> str:
    """A migration after all others that runs `sql`."""
    newest = max(path.stem for path in (PROJECT / "recycling" / "migrations").glob("[0-9]*.py"))
    return _MIGRATION.format(leaves=[("recycling", newest)], sql=sql)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("areas", nargs="*", help="files of tests/mutants/, without their ending; all if none is named")
    parser.add_argument("--jobs", type=int, default=2, help="how many are tried at a time")
    parser.add_argument("--whole", action="store_true", help="run the whole suite against those that survive")
    parser.add_argument("--rule", default="", help="only mutants whose rule contains this text")
    wanted = parser.parse_args()
    chosen = [mutant for mutant in mutants(*wanted.areas) if wanted.rule in mutant.rule]
    copies: SimpleQueue[Copy] = SimpleQueue()
    made = [Copy() for _ in range(min(wanted.jobs, len(chosen)))]
    for copy in made:
        copies.put(copy)

    def attempt(mutant: Mutant) -> str:
        copy = copies.get()
        try:
            began = time.monotonic()
            outcome = copy.outcome(mutant, mutant.tests)
            if outcome == SURVIVED and wanted.whole:
                outcome = copy.outcome(mutant, ("tests",))
            print(f"{outcome:9}{time.monotonic() - began:5.0f} s  {mutant.area}: {mutant.rule}", flush=True)
            return outcome
        finally:
            copies.put(copy)

    try:
        with ThreadPoolExecutor(max(1, len(made))) as pool:
            outcomes = list(pool.map(attempt, chosen))
    finally:
        for copy in made:
            copy.erase()
    return _report(chosen, outcomes)


def _report(tried: list[Mutant], outcomes: list[str]) -> int:
    areas = Counter((mutant.area, outcome) for mutant, outcome in zip(tried, outcomes, strict=True))
    print()
    for area in sorted({mutant.area for mutant in tried}):
        of = sum(number for (name, _outcome), number in areas.items() if name == area)
        print(f"{area}: {areas[area, KILLED]} of {of} killed")
    print(f"all: {outcomes.count(KILLED)} of {len(tried)} killed")
    unexplained = False
    for mutant, outcome in zip(tried, outcomes, strict=True):
        if outcome != KILLED:
            unexplained |= not mutant.survives or outcome == BROKEN
            print(f"{outcome}  {mutant.area}: {mutant.rule}: {mutant.survives or 'no reason is known'}")
        elif mutant.survives:
            print(f"killed, though said to survive  {mutant.area}: {mutant.rule}")
    return int(unexplained)


if __name__ == "__main__":
    sys.exit(main())
