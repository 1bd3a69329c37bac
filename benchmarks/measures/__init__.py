"""What is measured, a room for each domain. Everything goes through doors that users have: HTTP, the API, services."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from benchmarks import clock
from benchmarks.measures import (
    admin,
    epr,
    factors,
    imports,
    isolation,
    lists,
    partitions,
    recognition,
    reports,
    storage,
    trace,
    web,
    workers,
    writes,
)
from benchmarks.results import Results

#: In the order in which they are measured; what writes most comes last.
ROOMS: dict[str, tuple[str, Callable[[Results], None]]] = {
    "lists": ("Batteries in the API", lists.measure),
    "isolation": ("What a request may read, asked by the database, too", isolation.measure),
    "admin": ("Admin", admin.measure),
    "recognition": ("Recognizing packs", recognition.measure),
    "epr": ("What became of all batteries", epr.measure),
    "trace": ("Trace", trace.measure),
    "web": ("Requests per second: two processes, four clients", web.measure),
    "reports": ("An EPR report", reports.measure),
    "factors": ("Recovery factors", factors.measure),
    "imports": (f"Import of {imports.ROWS:,} batteries", imports.measure),
    "workers": ("A day's work for the background: real workers", workers.measure),
    "writes": ("Commands", writes.measure),
    "storage": ("On the disk", storage.measure),
    "partitions": ("The ledger in partitions", partitions.measure),
}

#: Measured only when named: it decides a question, and watches nothing.
BY_NAME = {"partitions"}


def run(results: Results, rooms: Iterable[str]) -> None:
    """Measure and print, room by room."""
    clock.be_patient()
    results.head()
    for room in rooms:
        title, measure = ROOMS[room]
        results.enter(room, title)
        measure(results)
        results.keep()
