"""A day with faults against the same day without; exit code 1 if anything was lost, doubled, wrong or not answered."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos import faults, figures
from chaos.client import Client, GaveUp, Tally
from chaos.day import Day
from chaos.stack import Servers, Stack, run
from chaos.world import Cast
from development.servers import PROJECT

LOG = PROJECT / ".local" / "chaos.log"

LOADS_A_MINUTE = 10
COMMANDS_OF_A_LOAD = 15
SHARE_OF_FAULTS = 0.5  # of the time asked for; the rest is for making the world, the day without, and what is left over


@dataclass
class Outcome:
    """A day that is over."""

    seconds: float
    tally: Tally
    kills: Counter[str] = field(default_factory=Counter)
    ended_alone: Counter[str] = field(default_factory=Counter)
    """What ended though nobody killed it, and was started again."""
    problems: list[str] = field(default_factory=list)
    books: dict[str, Any] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="about how long it may take")
    parser.add_argument("--seed", type=int, default=None, help="which faults; a new one each time if not given")
    options = parser.parse_args()
    seed = random.randrange(10_000) if options.seed is None else options.seed
    LOG.parent.mkdir(exist_ok=True)
    servers = Servers(Path(tempfile.mkdtemp(prefix="relode-chaos-")))
    try:
        with LOG.open("wb") as log:
            problems = _trial(servers, log, options.minutes, seed)
    finally:
        servers.stop()
    for problem in problems[:40]:
        print(f"  ! {problem}")
    print(
        f"{len(problems)} problems (seed {seed}, log {LOG})"
        if problems
        else f"Nothing lost, nothing doubled (seed {seed})."
    )
    sys.exit(1 if problems else 0)


def _trial(servers: Servers, log: Any, minutes: float, seed: int) -> list[str]:
    """The world, the two days, and what differs."""
    cast = _cast(servers)
    loads = max(4, round(LOADS_A_MINUTE * minutes * SHARE_OF_FAULTS))
    urls = {name: servers.copy(name) for name in ("calm", "plagued")}
    calm = _day(Stack(servers, urls["calm"], log), cast, loads, faults_of=None, seconds=0)
    _show("undisturbed", calm)
    if calm.problems:
        return [f"undisturbed: {problem}" for problem in calm.problems]
    seconds = 60 * minutes * SHARE_OF_FAULTS
    plagued = _day(Stack(servers, urls["plagued"], log), cast, loads, faults_of=seed, seconds=seconds)
    _show("with faults", plagued)
    return [*plagued.problems, *figures.differences(calm.books, plagued.books or calm.books)]


def _cast(servers: Servers) -> Cast:
    where = {"database_url": servers.url, "broker": servers.broker}
    for command in (["manage.py", "migrate", "--verbosity=0"], ["-m", "chaos.world"]):
        done = run(*command, **where)
        if done.returncode:
            sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return Cast(**json.loads(done.stdout.splitlines()[-1]))


def _day(stack: Stack, cast: Cast, loads: int, *, faults_of: int | None, seconds: float) -> Outcome:
    """The script on a stack of its own, with faults by a seed or without any."""
    outcome = Outcome(0, Tally())
    over = threading.Event()
    began = time.monotonic()
    pause = seconds * 4 / (loads * COMMANDS_OF_A_LOAD) * 0.6  # four trucks; the faults take their part of the time, too
    with stack:
        client = Client(stack.site, outcome.tally, pause=pause)

        def work() -> None:
            try:
                Day(cast, client, loads).run()
            except GaveUp as problem:
                outcome.problems.append(str(problem))
                client.stopped.set()
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is told
                outcome.problems.append(f"{type(problem).__name__}: {problem}")
                client.stopped.set()
            finally:
                over.set()

        people = threading.Thread(target=work)
        people.start()
        if faults_of is not None:
            outcome.kills, outcome.ended_alone = faults.plague(stack, faults_of, seconds, over)
        people.join()
        if faults_of is None:
            outcome.problems += [f"{name} ended by itself" for name in stack.ended()]
    outcome.seconds = time.monotonic() - began
    outcome.problems += outcome.tally.wrong
    _look_into_the_books(stack, outcome)
    return outcome


def _look_into_the_books(stack: Stack, outcome: Outcome) -> None:
    where = {"database_url": stack.environment["DATABASE_URL"], "broker": stack.servers.broker}
    refreshed = run(
        "manage.py", "shell", "--command", "from recycling.services import factors; factors.refresh()", **where
    )
    checked = run("manage.py", "reconcile", **where)
    outcome.problems += [] if checked.returncode == 0 else [f"reconcile: {checked.stdout}{checked.stderr}"]
    told = run("-m", "chaos.figures", **where)
    if told.returncode or refreshed.returncode:
        outcome.problems.append(f"the books cannot be read: {refreshed.stderr[-500:]}{told.stderr[-1500:]}")
    else:
        outcome.books = json.loads(told.stdout.splitlines()[-1])


def _show(name: str, outcome: Outcome) -> None:
    tally = outcome.tally
    print(
        f"{name}: {outcome.seconds:.0f} s, {tally.commands} commands, {tally.reads} reads, slowest {tally.slowest:.1f} s"
    )
    if outcome.kills:
        print(f"  kills: {outcome.kills.total()} ({_listed(outcome.kills)})")
        print(f"  ended by themselves and started again: {_listed(outcome.ended_alone)}")
    print(f"  retries: {tally.retries.total()} ({_listed(tally.retries)}), replayed answers: {tally.replays}")
    if outcome.books:
        print(
            f"  books: {len(outcome.books['ledger'])} ledger entries, {len(outcome.books['factors'])} factors, "
            f"{len(outcome.books['report'])} report rows, {len(outcome.books['utilization'])} utilization rows"
        )
    print(f"  problems: {len(outcome.problems)}", flush=True)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.most_common()) or "none"


if __name__ == "__main__":
    main()
