"""The mutants of `tests/mutants/` are still edits of this code. Whether tests kill them, `make mutants` tries."""

from __future__ import annotations

import pytest

from tests.mutants import PROJECT, Mutant, mutants


@pytest.mark.parametrize("mutant", list(mutants()), ids=lambda mutant: f"{mutant.area}: {mutant.rule}")
def test_a_mutant_finds_what_it_replaces(mutant: Mutant) -> None:
    assert mutant.sql or mutant.applied_to((PROJECT / mutant.file).read_text())
    for test in mutant.tests:
        file, _colons, name = test.partition("::")
        assert f"def {name.partition('[')[0].rpartition('::')[2]}" in (PROJECT / file).read_text(), test


def test_each_rule_is_said_once() -> None:
    rules = [(mutant.area, mutant.rule) for mutant in mutants()]
    assert sorted(set(rules)) == sorted(rules)
