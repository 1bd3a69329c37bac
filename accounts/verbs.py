"""What a verb needs, said once beside the function that carries it out: whose the record is, which role, which status.

    @verb(lock, of="pickup__collector", function=Function.COLLECTOR, to=PickupStatus.SCHEDULED, moves=PICKUP_MOVES)
    def schedule(*, actor: Actor, pickup: Pickup, carrier: Organization, …) -> Pickup:

Called like the function that it is, a verb opens a transaction, locks the record, requires the role, checks the move,
and then runs the body with the record as it is now. The database lets it read and write what it must
(`accounts.acting`). The admin's buttons, `verbs` in the API's records, the API's documentation and the tests read the
same declaration.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, update_wrapper
from typing import Any, get_type_hints

from django.db import models, transaction
from django.utils.translation import gettext as _

from accounts import rules
from accounts.acting import as_platform
from accounts.actors import Actor
from accounts.errors import Forbidden
from accounts.models import Function, Organization, Role

type Paths = str | Sequence[str]
type Whose = Paths | Callable[[Any], Iterable[int | None]]
type Requirement = Callable[[Actor, Any], None]


class Verb[**Arguments, Result]:
    """A service function with what it needs. See `verb`."""

    __name__: str

    def __init__(
        self,
        function: Callable[Arguments, Result],
        *,
        lock: Callable[[Any], Any] | None,
        locks_itself: bool,
        of: Whose | None,
        role: Role,
        needs: Function | None,
        requires: Requirement | None,
        field: str,
        when: Iterable[object] | None,
        ends: tuple[str, ...],
        reads: tuple[str, ...],
    ) -> None:
        update_wrapper(self, function)
        self._body, self._lock, self._locks_itself = function, lock, locks_itself
        self.requirement = requires
        self.of, self.role, self.function = of, role, needs
        self.field, self.ends, self.reads = field, ends, reads
        self.when = None if when is None else tuple(when)
        first, *_others = [name for name in inspect.signature(function).parameters if name != "actor"] or [""]
        #: The argument that is the record; empty for a verb that makes one.
        self.target = first if lock or locks_itself else ""

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        assert not args, "verbs take keyword arguments"
        if self._locks_itself:
            with as_platform(), transaction.atomic():
                return self._body(*args, **kwargs)
        actor = kwargs["actor"]
        assert isinstance(actor, Actor)
        with as_platform(), transaction.atomic():
            if self._lock is not None:
                kwargs[self.target] = self._lock(kwargs[self.target])
            self.check(actor, kwargs.get(self.target), **kwargs)
            return self._body(*args, **kwargs)

    @property
    def name(self) -> str:
        """As it stands in addresses."""
        return self.__name__.strip("_").replace("_", "-")

    @property
    def model(self) -> type[models.Model] | None:
        """What the record is; `None` for a verb that makes one."""
        if not self.target:
            return None
        hint: type[models.Model] = get_type_hints(self._body)[self.target]
        return hint

    @property
    def arguments(self) -> Mapping[str, inspect.Parameter]:
        """What it takes beside the actor and the record."""
        parameters = inspect.signature(self._body).parameters
        return {name: parameter for name, parameter in parameters.items() if name not in ("actor", self.target)}

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """From an argument to each organization that it is for; empty where a function finds them."""
        return (self.of,) if isinstance(self.of, str) else () if callable(self.of) else tuple(self.of or ())

    def check(self, actor: Actor, record: Any = None, /, **arguments: Any) -> None:
        """Raise `Forbidden` unless the actor may, `Refused` unless the record's status allows it.

        For a verb that locks by itself: it calls this once it holds the lock.
        """
        self.require(actor, record, **arguments)
        self.check_status(record)

    def require(self, actor: Actor, record: Any = None, /, **arguments: Any) -> None:
        """Raise `Forbidden` unless the actor may; whoever may not log in may nothing."""
        if not actor.user.is_active:
            raise Forbidden(_("This user is not active."))
        if self.requirement is not None:
            self.requirement(actor, record)
        else:
            whose = self._organizations({**arguments, self.target: record})
            if not actor.may(*whose, role=self.role, function=self.function):
                named = Organization.objects.filter(pk__in=[key for key in whose if key is not None])
                actor.require(*named, role=self.role, function=self.function)  # refuses, and says whose it is

    def check_status(self, record: Any) -> None:
        """Raise `Refused` unless the record's status allows it."""
        if record is None or self.fits(record):
            return
        refused = (
            rules.not_movable(record, self.ends[0]) if self.ends else rules.not_in(record, self.when or (), self.field)
        )
        refused.field = self.target
        raise refused

    def fits(self, record: Any) -> bool:
        """Whether the record's status allows it."""
        return self.when is None or getattr(record, self.field) in self.when

    def is_for(self, actor: Actor, record: Any = None) -> bool:
        """Whether the actor may. Where that hangs on what it will name: whether it may for anything."""
        if not actor.user.is_active:
            return False
        if actor.user.is_superuser and self.requirement is None:
            return True
        if self.hangs_on_arguments or (record is None and self.requirement is None):
            return any(actor.may(m.organization, role=self.role, function=self.function) for m in actor.memberships)
        if self.requirement is None:
            return actor.may(*self._organizations({self.target: record}), role=self.role, function=self.function)
        try:
            self.requirement(actor, record)
        except Forbidden:
            return False
        return True

    def offers(self, actor: Actor, record: Any = None) -> bool:
        """Whether to show it to the actor: neither its role nor the record's status would be refused now."""
        return (record is None or self.fits(record)) and self.is_for(actor, record)

    @cached_property
    def hangs_on_arguments(self) -> bool:
        """Whether who may depends on another argument than the record."""
        return self.requirement is None and any(path.split("__")[0] != self.target for path in self.paths)

    def _organizations(self, arguments: Mapping[str, Any]) -> list[int | None]:
        """The keys of the organizations that it is for: to compare, nobody needs to read them."""
        if callable(self.of):
            return list(self.of(arguments[self.target]))
        return [_follow(arguments, steps) for steps in self._steps]

    @cached_property
    def _steps(self) -> tuple[list[str], ...]:
        return tuple(path.split("__") for path in self.paths)


def _follow(arguments: Mapping[str, Any], steps: Sequence[str]) -> Any:
    found = arguments.get(steps[0])
    for name in (*steps[1:-1], f"{steps[-1]}_id") if len(steps) > 1 else ("pk",):
        found = getattr(found, name) if found is not None else None
    return found


def verb[**Arguments, Result](
    lock: Callable[[Any], Any] | None = None,
    *,
    of: Whose | None = None,
    role: Role = Role.OPERATOR,
    function: Function | None = None,
    requires: Requirement | None = None,
    to: str | tuple[str, ...] = (),
    moves: Sequence[tuple[str, str]] = (),
    when: Iterable[object] | None = None,
    field: str = "status",
    locks_itself: bool = False,
    reads: tuple[str, ...] = (),
) -> Callable[[Callable[Arguments, Result]], Verb[Arguments, Result]]:
    """Declare what the function below needs.

    `lock` reads the record anew and locks it, unless nothing about it can change (then it is called `_as_it_is`); the
    record is the first argument after the actor. Without it the verb makes a new record. A verb that must lock in
    another order says `locks_itself`, and calls its own `check` when it has, or `require` before and `check_status`
    after. Nothing else asks then: `tests/test_verbs.py` sees that it did.

    `of` are the organizations in which the actor needs `role` (one that has `function`, if named): paths from an
    argument (`pickup__collection_point__facility__operator`), or a function from the record to their keys, which needs
    `reads` of it: a page of records reads them at once. Where neither can say it, `requires` raises `Forbidden` by itself.

    `to` is the status that the record moves to, by `moves`; where it may end in several, the usual one first. A verb
    that moves none says `when`: the values of `field` that allow it; any, if it says nothing.
    """
    ends = (to,) if isinstance(to, str) else to
    if ends:
        when = [before for before, after in moves if after == ends[0]]
    assert (of is None) is not (requires is None), "say whose it is, or what it requires"

    def declare(body: Callable[Arguments, Result]) -> Verb[Arguments, Result]:
        return Verb(
            body, lock=lock, locks_itself=locks_itself, of=of, role=role, needs=function, requires=requires,
            field=field, when=when, ends=ends, reads=reads,
        )  # fmt: skip

    return declare


def by_anybody(actor: Actor, record: object) -> None:
    """A requirement: whoever may log in."""


def by_platform(actor: Actor, record: object) -> None:
    """A requirement: only the operators of the platform may."""
    actor.require_platform()
