"""Where the public data lie that some tests run on. They are no part of the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from development.servers import PROJECT

_FOLDER = Path(os.environ.get("RELODE_SHARED") or PROJECT.parent / "shared") / "data"


def real_file(name: str) -> str:
    """The path of a real file; skips the test where it is not at hand."""
    path = _FOLDER / name
    if not path.exists():
        pytest.skip(f"{path} is not here: set RELODE_SHARED to the folder of the public data")
    return str(path)
