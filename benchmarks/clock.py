"""How long something takes: by the clock on the wall, and in CPU of this process and of the database for it."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

#: A statement that takes longer is given up, and so are repetitions of something that took this long altogether.
PATIENCE = 300
ENOUGH = 20


@dataclass(frozen=True)
class Took:
    """Seconds, and what is worth knowing of them."""

    wall: float
    cpu: float | None
    note: str = ""
    statements: int | None = None


def once(act: Callable[[], Any]) -> Took:
    """Do it once, and count its statements."""
    before = _cpu()
    with CaptureQueriesContext(connection) as queries:
        began = time.perf_counter()
        act()
        wall = time.perf_counter() - began
    return Took(wall, _cpu() - before, statements=len(queries))


def several(act: Callable[[], Any], repeat: int) -> Took:
    """The median of `repeat` runs, of fewer where they take long. What exceeds all patience says so."""
    took: list[Took] = []
    while len(took) < repeat and sum(one.wall for one in took) < ENOUGH:
        try:
            took.append(once(act))
        except OperationalError as error:
            if "statement timeout" not in str(error):
                raise
            return Took(PATIENCE, None, f"given up after {PATIENCE} s")
    return median(took, repeat)


def median(took: Sequence[Took], repeat: int) -> Took:
    """The median of runs that were to be `repeat`."""
    return Took(
        statistics.median(one.wall for one in took),
        statistics.median(one.cpu for one in took if one.cpu is not None),
        f"n={len(took)}" if len(took) < repeat else "",
        took[-1].statements,
    )


def pace() -> float:
    """Seconds that this machine takes for a fixed piece of Python: figures of two days compare by it."""
    runs = []
    for _run in range(5):
        began = time.perf_counter()
        sum(number * number for number in range(1_000_000))
        runs.append(time.perf_counter() - began)
    return statistics.median(runs)


def be_patient() -> None:
    """Have the database give up what exceeds all patience."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = '{PATIENCE}s'")


def _cpu() -> float:
    """CPU seconds of this process, of the database's process for it, and of those that helped that one and ended."""
    connection.ensure_connection()
    backend = psutil.Process(connection.connection.info.backend_pid)
    exact = Path(f"/proc/{backend.pid}/schedstat")  # to the nanosecond, where there is one
    own = int(exact.read_text().split()[0]) / 1e9 if exact.exists() else sum(backend.cpu_times()[:2])
    server = backend.parent()
    helpers = server.cpu_times() if server is not None else None
    return time.process_time() + own + (sum(helpers[2:4]) if helpers is not None else 0)


def of_processes(processes: Sequence[psutil.Process]) -> float:
    """CPU seconds of other processes, and of all that the database ever did."""
    connection.ensure_connection()
    database = psutil.Process(connection.connection.info.backend_pid).parent()
    everyone = [*processes, *([*database.children(), database] if database is not None else ())]
    total = 0.0
    for one in everyone:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended, and its parent has its seconds
            total += sum(one.cpu_times()[:4])
    return total
