"""No text that a verb takes is longer than what is kept of it, and none that somebody wrote is cut silently."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import transaction

from accounts import rules
from accounts.verbs import Verb
from config.api_urls import router
from tests.doors import API
from tests.test_doors import PREFIX, call
from tests.test_verbs import VERBS
from tests.world import World

#: Said by the machine: the name of a file loses its beginning, a checksum is our own. And kept however long.
ANY_LENGTH = {"filename", "sha256", "prefix", "notes", "explanation"}


def texts(verb: Verb[..., Any]) -> list[str]:
    return [n for n, a in verb.arguments.items() if str(a.annotation) in ("str", "str | None", "rules.Reason")]


def doors_with_texts() -> list[tuple[str, str]]:
    named = {id(verb): texts(verb) for verb in VERBS.values()}
    found = []
    for prefix, viewset, _base in router.registry:
        for act in vars(viewset).values():
            if hasattr(act, "verb") and set(named[id(act.verb)]) - ANY_LENGTH:
                part = f"{{pk}}/{act.url_path}/" if getattr(act, "detail", False) else ""
                found.append(("POST", f"{prefix}/{part or (f'{act.url_path}/' if hasattr(act, 'url_path') else '')}"))
    return found


@pytest.mark.parametrize("door", doors_with_texts(), ids=lambda door: door[1])
def test_what_is_too_long_is_refused_by_the_service(
    world: World, monkeypatch: pytest.MonkeyPatch, door: tuple[str, str]
) -> None:
    """What the door sends is right, but for one text each time, which is put in behind the door."""
    plan = API[door]
    record = plan.record(world) if plan.record else None
    address = PREFIX + door[1].replace("{pk}", str(plan.key(record) if record else ""))
    user = world.user(getattr(world, plan.of), plan.role)
    original = Verb.__call__
    asked: list[str] = []

    def too_long(self: Any, **arguments: Any) -> Any:
        monkeypatch.setattr(Verb, "__call__", original)
        asked[:] = asked or [name for name in texts(self) if name not in ANY_LENGTH]
        return original(self, **arguments | {asked[-1]: "x" * 20_000})

    while True:
        monkeypatch.setattr(Verb, "__call__", too_long)
        with transaction.atomic():
            answer = call(user, door[0], address, plan, plan.body(world, record))
            transaction.set_rollback(True)
        assert answer.status_code in (400, 409), (asked[-1], answer.content)
        named = {error["field"] for error in answer.json()["errors"]}
        assert named & {asked.pop(), "value"}, answer.content  # what is wrong about an identifier is said at its value
        if not asked:
            break


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (["A", "B"], "A, B"),
        (["A" * 10, "B" * 20], "A" * 10 + " … and 1 more"),
        (["A" * 30, "B"], "A" * 12 + " … and 2 more"),
        (["A", "B", "C" * 30, "D"], "A, B … and 2 more"),
    ],
)
def test_what_is_listed_says_what_it_leaves_out(parts: list[str], said: str) -> None:
    assert rules.listed(parts, longest=25) == said
