"""The independent computation by the Annex of (EU) 2025/606 agrees with what was worked by hand, before there is code to judge by it."""

from __future__ import annotations

import pytest

from tests.recycling import annex_oracle


def test_worked_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    annex_oracle.check()
    assert "all checks hold" in capsys.readouterr().out
