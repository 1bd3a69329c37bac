"""Rules of the code, each with an edit that takes it away: what the tests must notice. `make mutants` tries them.

A file here is an area; a mutant in it is a table:

    [[mutant]]
    rule = "the yard does not collect from itself"     # what is taken away
    file = "collection/services/pickups.py"
    find = "actor.require(pickup.collector, pickup.carrier)"    # stands there once
    replace = "actor.require(pickup.collector, pickup.carrier, yard)"
    tests = ["tests/collection/test_pickups.py"]       # files, or single tests, that must fail
    survives = "the database backs it: …"              # only where it is known to survive, and why

A rule of the database is taken away by `sql` in place of `file`, `find` and `replace`: it runs after all migrations.
`tests/test_mutants.py` sees to it that each edit still finds what it is to replace.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent.parent
AREAS = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Mutant:
    """One edit, and the tests that must fail for it."""

    area: str
    rule: str
    tests: tuple[str, ...]
    file: str = ""
    find: str = ""
    replace: str = ""
    sql: str = ""
    survives: str = ""

    def applied_to(self, text: str) -> str:
        """`text` with the edit made. Raises `ValueError` unless what is replaced stands there exactly once."""
        found = text.count(self.find)
        if not self.find or found != 1:
            raise ValueError(f"{self.area}: “{self.rule}”: its text stands {found} times in {self.file}")
        return text.replace(self.find, self.replace)


def mutants(*areas: str) -> Iterator[Mutant]:
    """The mutants of the named areas, or all, in the order of their files."""
    for path in sorted(AREAS.glob("*.toml")):
        if areas and path.stem not in areas:
            continue
        for entry in tomllib.loads(path.read_text())["mutant"]:
            yield Mutant(area=path.stem, **{**entry, "tests": tuple(entry["tests"])})
