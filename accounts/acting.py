"""Who acts, told to the database: the second line behind `visible_to` and the verbs (ADR 25).

A request reads as whoever sent it: in the database's role `relode_reads`, which sees by its policies what `visible_to` shows
that user, and writes no record. What must do more says so, and is in the role `relode_acts`:

    with acting.as_platform():
        …

The verbs do, which ask who may; so do the few questions whose answer is less than what they read (a search by ties, a
trace, sums over all producers): `tests/test_isolation.py` names them all. A superuser's request is in that role, too. What is
nobody's request, such as a worker, acts as its login may.

The database is told before a statement that it does not know it for, and for no longer than a transaction: behind a pooler
the next one is somebody else's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, _GeneratorContextManager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from psycopg.pq import TransactionStatus

from accounts.models import Viewer
from accounts.models.told import ACTS, READS, SEEN, settings_of


@dataclass(eq=False)
class Acting:
    """A role of the database, and for whom it is taken; none is that which the login begins in."""

    role: str | None
    user: int | None = None
    #: What the database was told, by setting; nothing before it was looked up.
    told: dict[str, str] | None = None
    #: What was found already, by table.
    seen: dict[str, frozenset[int]] = field(default_factory=dict)


_LOGIN = Acting(None)
_PLATFORM = Acting(ACTS)

_acting: ContextVar[Acting] = ContextVar("acting", default=_LOGIN)

#: What holds the transaction that a request reads in, from its first statement on.
_reads_in: ContextVar[ExitStack | None] = ContextVar("reads_in", default=None)


#: A context, or what decorates a function.
type Lifted = _GeneratorContextManager[None]


@contextmanager
def _within[Value](variable: ContextVar[Value], value: Value) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def as_request() -> AbstractContextManager[None]:
    """What is read in here is read as nobody, until `become` says for whom."""
    return _within(_acting, Acting(READS))


def become(user: Viewer) -> None:
    """The request under way, if any, is this user's."""
    request = _acting.get()
    if request is not _LOGIN and request.user != user.pk:
        _acting.set(Acting(ACTS if user.is_superuser else READS, user.pk))


def as_platform() -> Lifted:
    """What is read and written in here, or by the function that it decorates, is not for the database to judge, since the
    program did. What a generator or a queryset reads is read later, and not as that.
    """
    return _within(_acting, _PLATFORM)


def found[Row: Model](read: Callable[[], Sequence[Row]]) -> list[Row]:
    """Those of the records that `read` finds, all of one model, that whoever acts may see, as the database has it.

    They are read `as_platform` and asked for by their keys: so they are found and joined as the program says, and what a seen
    record refers to is read with it, whose it may be.
    """
    with as_platform():
        rows = read()
    return _judged(rows)


def _judged[Row: Model](rows: Sequence[Row]) -> list[Row]:
    request = _acting.get()
    if request.role != READS or not rows:
        return list(rows)
    model = type(rows[0])
    seen: set[Any] = set(request.seen.get(model._meta.db_table, ()))
    if unknown := {row.pk for row in rows} - seen:
        seen |= set(model._default_manager.filter(pk__in=unknown).order_by().values_list("pk", flat=True))
    return [row for row in rows if row.pk in seen]


def saw(model: type[Model], keys: Collection[int]) -> None:
    """Tell the database that whoever acts sees these, which were found by what ties them: it need not look again."""
    request = _acting.get()
    if request.role == READS and keys:
        table = model._meta.db_table
        seen = request.seen | {table: request.seen.get(table, frozenset()) | frozenset(keys)}
        _acting.set(replace(request, seen=seen))


def streamed(parts: Iterator[Any]) -> Iterator[Any]:
    """`parts` of an answer, each made as the request that is under way now and over by then."""
    acting = _acting.get()

    def each() -> Iterator[Any]:
        end = object()
        while True:
            with _within(_acting, acting):
                part = next(parts, end)
            if part is end:
                return
            yield part

    return each()


@contextmanager
def one_transaction() -> Iterator[None]:
    """All that is read in here, and by nothing else begun, is of one transaction: the database is told once."""
    with ExitStack() as reads_in, _within(_reads_in, reads_in):
        yield


def transactions_of_their_own() -> AbstractContextManager[None]:
    """For what needs another kind of transaction than that, which ends: nothing was written."""
    _leave()
    return _within(_reads_in, None)


def _leave() -> None:
    reads_in = _reads_in.get()
    if reads_in is not None:
        with suppress(DatabaseError):  # the connection may be why
            reads_in.close()


def tell(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Around each of Django's statements: have the database know who acts."""
    connection, acting = context["connection"], _acting.get()
    if isinstance(sql, str) and sql.startswith("SET TRANSACTION"):  # nothing may be said before
        connection.told = _LOGIN
        return execute(sql, params, many, context)
    if connection.connection.info.transaction_status == TransactionStatus.IDLE:
        connection.told = _LOGIN
        if acting is not _LOGIN and connection.get_autocommit():
            return _in_transaction(execute, sql, params, many, context)
    if connection.told is not acting and connection.connection.info.transaction_status != TransactionStatus.INERROR:
        _tell(connection, acting)
    if isinstance(sql, str) and sql.startswith("ROLLBACK TO"):
        connection.told = None  # what it was told since the savepoint is gone
    try:
        return execute(sql, params, many, context)
    except DatabaseError:
        if connection.alias == DEFAULT_DB_ALIAS and len(connection.atomic_blocks) == 1:
            _leave()  # nothing but the request's own is broken: who goes on begins another
        raise


def _in_transaction(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """A statement that would be a transaction by itself begins the one that the request reads in, or has one alone."""
    connection, reads_in = context["connection"], _reads_in.get()
    if reads_in is None or connection.alias != DEFAULT_DB_ALIAS:
        with transaction.atomic(using=connection.alias):
            return tell(execute, sql, params, many, context)
    reads_in.enter_context(transaction.atomic())
    return tell(execute, sql, params, many, context)


def _tell(connection: BaseDatabaseWrapper, acting: Acting) -> None:
    """Past Django's cursors, since this is no statement of whoever asks."""
    if acting.told is None:
        selected, values = settings_of(acting.role, acting.user)
    else:
        selected, values = dict.fromkeys(acting.told, "%s"), list(acting.told.values())
    seen = json.dumps({table: sorted(keys) for table, keys in acting.seen.items()})
    settings = ", ".join(f"set_config('{name}', {value}, true)" for name, value in selected.items())
    with connection.wrap_database_errors, connection.connection.cursor() as cursor:
        cursor.execute(f"SELECT {settings}, set_config('{SEEN}', %s, true)", [*values, seen])
        told = dict(zip(selected, cursor.fetchone(), strict=False))
        acting.told = told if acting.role is not None else None  # another login begins in another role
    connection.told = acting  # type: ignore[attr-defined]


def listen(sender: object, connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Have a connection be told from now on."""
    if tell not in connection.execute_wrappers:
        connection.told = None  # type: ignore[attr-defined]
        connection.execute_wrappers.insert(0, tell)  # whoever appends one for a while takes the last one away
