"""Requests per second of a real server: two processes of gunicorn, four clients that ask one after another."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from benchmarks import clock
from benchmarks.measures.doors import API, client, get, user
from benchmarks.measures.server import Server, read, serving, token_of
from benchmarks.results import Results, Row

CLIENTS, SECONDS = 4, 3

#: What each role gets of a second: one battery, a page of 50.
AIMS = {"recycler": (120, 60), "collector of all": (120, 60), "superuser": (200, 60)}


def measure(results: Results) -> None:
    with serving(workers=2) as server:
        for role, (detail, page) in AIMS.items():
            who = user(role)
            shown = get(client(who), f"{API}/batteries/?page_size=200").json()["results"]
            addresses = {
                "one battery": ([f"{API}/batteries/{battery['id']}/" for battery in shown], detail),
                "a page of 50": ([f"{API}/batteries/"], page),
            }
            with token_of(who) as headers:
                for name, (asked, aim) in addresses.items():
                    runs = [_run(server, headers, asked) for _nth in range(results.repeat)]
                    rate, cpu = (statistics.median(figures) for figures in zip(*runs, strict=True))
                    row = Row({"rate": rate, "cpu": cpu}, {"rate": aim}, "CPU of one request")
                    results.add(f"{role}: {name}", row)


def _run(server: Server, headers: dict[str, str], addresses: Sequence[str]) -> tuple[float, float]:
    """Answers per second, counted until the last client has its last one; and what CPU one takes of server and database."""
    cpu, began = clock.of_processes(server.workers), time.perf_counter()

    def ask(number: int) -> int:
        connection = server.connection()
        count = 0
        while time.perf_counter() - began < SECONDS:
            read(connection, addresses[(number + count) % len(addresses)], headers)
            count += 1
        connection.close()
        return count

    with ThreadPoolExecutor(CLIENTS) as clients:
        count = sum(clients.map(ask, range(CLIENTS)))
    return count / (time.perf_counter() - began), (clock.of_processes(server.workers) - cpu) / count
