"""What is killed, and when: by a seed, so that it can be tried again (the moments that it meets differ)."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

from chaos.stack import Stack

#: How often each is killed beside the others. `a web process` and `a connection` are replaced by their parents.
KINDS = {
    "worker": 3,
    "errands": 2,
    "web": 3,
    "postgres": 2,
    "valkey": 3,
    "beat": 1,
    "a web process": 3,
    "a database process": 2,
}


def plague(stack: Stack, seed: int, seconds: float, over: threading.Event) -> tuple[Counter[str], Counter[str]]:
    """Kill and start again for so many seconds; what ended by itself is started again until the day is over, as an
    orchestrator does it. Both are counted. Call from the thread that made the stack.
    """
    rng = random.Random(seed)
    kills: Counter[str] = Counter()
    ended_alone: Counter[str] = Counter()
    deadline = time.monotonic() + seconds
    while not over.wait(rng.uniform(0.5, 4)):
        for name in stack.ended():
            stack.start(name)
            ended_alone[name] += 1
        if time.monotonic() > deadline:
            continue
        (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
        away, number = rng.uniform(0, 3), rng.randrange(100)
        if kind == "a web process":
            stack.kill_one_child("web", number)
        elif kind == "a database process":
            stack.kill_one_child("postgres", number)
        else:
            stack.kill(kind)
            over.wait(away)
            stack.start(kind)
        kills[kind] += 1
    return kills, ended_alone
