"""Asking for a file to be imported, and what becomes of that: what is asked for is a row first (see `accounts.pending`).

The import itself is in `collection.imports`. What it wrote and that it is done are one commit, so a worker killed at any
point leaves either both or neither.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from typing import IO

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import pending
from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid, TooLarge
from accounts.models import Organization, Role
from accounts.verbs import verb
from collection.models import IMPORT_MOVES, IMPORTING_FUNCTIONS, ImportPart, ImportRowError, ImportRun, ImportStatus

#: What may be sent through the API or the admin, as it comes, packed or not. Larger files go through `importfile`.
MAX_UPLOAD = 50 * 1024**2

#: Bytes of a file that are in memory at a time.
PART = 1024**2

#: Namespace of the advisory locks that workers hold while they import.
_LOCKS = 0x1409

#: After what silence an import is taken from its worker.
SILENCE = timedelta(minutes=2)


class Superseded(Exception):
    """Another worker has this import."""


def importing(actor: Actor) -> list[Organization]:
    """The organizations in whose name the actor may import something."""
    anything = frozenset[str]().union(*IMPORTING_FUNCTIONS.values())
    mine = [m.organization for m in actor.memberships if actor.may(m.organization, role=Role.OPERATOR)]
    return [organization for organization in mine if anything & set(organization.functions)]


def _imports_for_somebody(actor: Actor, record: object) -> None:
    """The role operator in an organization that imports: any but a regulator."""
    if not actor.user.is_superuser and not importing(actor):
        raise Forbidden(_("None of your organizations imports files."), field="organization")


@verb(requires=_imports_for_somebody)
def request(
    *,
    actor: Actor,
    organization: Organization,
    kind: str,
    filename: str,
    content: IO[bytes] | None,
    sha256: str = "",
    skip_bad_rows: bool = False,
) -> ImportRun:
    """Note that a file is to be imported in the name of `organization`, which has a function that imports this `kind`.

    It is read in pieces, and kept in pieces until the import is over.
    """
    # Without `content` (from the command line) the caller reads the file itself, and nobody else takes the import up.
    actor.require(organization, role=Role.OPERATOR)
    allowed = IMPORTING_FUNCTIONS.get(kind)
    if allowed is None:
        raise Invalid(_("There is no such kind of import."), field="kind")
    if not actor.user.is_superuser and not allowed:
        raise Forbidden(_("Only the platform imports this."), field="kind")
    if not actor.user.is_superuser and not allowed & set(organization.functions):
        raise Forbidden(
            _("This needs an organization that is one of: %(functions)s.")
            % {"functions": ", ".join(sorted(str(function.label) for function in allowed))},
            field="organization",
        )
    run = ImportRun.objects.create(
        kind=kind,
        organization=organization,
        requested_by=actor.user,
        filename=(filename.replace("\0", "").strip() or "?")[-200:],
        has_file=content is not None,
        sha256=sha256,
        skip_bad_rows=skip_bad_rows,
        heartbeat_at=timezone.now(),
    )
    if content is not None:
        run.sha256 = _keep(run, content)
        run.save(update_fields=["sha256"])
    return run


def _keep(run: ImportRun, content: IO[bytes]) -> str:
    """Keep a file with its import, piece by piece. Returns its SHA-256."""
    digest, size = hashlib.sha256(), 0
    for number, piece in enumerate(iter(lambda: content.read(PART), b"")):
        size += len(piece)
        if size > MAX_UPLOAD:
            raise TooLarge(
                _("More than %(size)s bytes. Pack the file, split it, or have it imported by the command line.")
                % {"size": f"{MAX_UPLOAD:,}"},
                field="file",
            )
        digest.update(piece)
        ImportPart.objects.create(run=run, number=number, content=piece)
    if not size:
        raise Invalid(_("The file is empty."), field="file")
    return digest.hexdigest()


def file_of(run: ImportRun) -> IO[bytes]:
    """The file that was sent with an import, out of its pieces: on disk, not in memory, until it is closed."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asked for it closes it
    for number in count():
        piece = ImportPart.objects.filter(run=run, number=number).values_list("content", flat=True).first()
        if piece is None:
            break
        file.write(piece)
    file.seek(0)
    return file


def lock(run: ImportRun) -> ImportRun:
    """The import as it is now, locked."""
    return ImportRun.objects.select_for_update(of=("self",)).select_related("organization").get(pk=run.pk)


@verb(lock, of="run__organization", to=ImportStatus.CANCELLED, moves=IMPORT_MOVES)
def cancel(*, actor: Actor, run: ImportRun) -> ImportRun:
    """Give up an import that is not over. A worker that has it stops within seconds, and nothing of it is written."""
    run.status, run.finished_at = ImportStatus.CANCELLED, timezone.now()
    run.message = _("Cancelled by %(name)s; nothing was imported.") % {"name": actor.user}
    run.has_file = False
    run.save(update_fields=["status", "finished_at", "message", "has_file"])
    run.parts.all().delete()
    return run


@transaction.atomic
def claim(run_id: int | None = None) -> ImportRun | None:
    """Take an import for this worker: that one, or the next. `None` if none waits that another does not
    have.
    """
    waiting = ImportRun.objects.select_related("organization", "requested_by").filter(status=ImportStatus.QUEUED)
    if run_id is None:
        waiting = waiting.filter(has_file=True)  # what a command reads by itself is nobody else's
    return pending.claim(
        pending.next_of(waiting, run_id, of="organization", working=ImportStatus.RUNNING),
        status=ImportStatus.RUNNING,
        heartbeat_at=timezone.now(),
        message="",
        rows_read=0,
    )


@transaction.atomic
def finish(run: ImportRun, *, status: ImportStatus, errors: Iterable[ImportRowError], **result: object) -> None:
    """Note the end of an import, and its bad rows. The file is let go: its SHA-256 tells which it was.

    Raises `Superseded` if the import is no longer ours, which undoes what it wrote.
    """
    now = timezone.now()
    if not pending.ours(run).update(status=status, has_file=False, heartbeat_at=now, finished_at=now, **result):
        raise Superseded
    run.parts.all().delete()
    ImportRowError.objects.filter(run=run).delete()
    ImportRowError.objects.bulk_create(errors, batch_size=2000)


def fail(run: ImportRun, message: str) -> None:
    """Note that an import came to nothing, if it is still ours."""
    ended = {"status": ImportStatus.FAILED, "message": message, "finished_at": timezone.now(), "has_file": False}
    if pending.ours(run).update(**ended):
        run.parts.all().delete()


def hold(run: ImportRun) -> None:
    """Show, until the transaction ends, that a worker has this import, however silent it becomes.

    Raises `Superseded` if another one has it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s::int)", [_LOCKS, run.pk % 2**31])
        if not cursor.fetchone()[0]:
            raise Superseded


def _not_held() -> QuerySet[ImportRun]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.objid::bigint FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
            "WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.classid = %s AND l.objsubid = 2",
            [_LOCKS],
        )
        held = [key for (key,) in cursor]
    return ImportRun.objects.alias(key=F("pk") % 2**31).exclude(key__in=held)


def is_any_waiting() -> bool:
    """Whether there is an import for the next worker."""
    return ImportRun.objects.filter(status=ImportStatus.QUEUED, has_file=True).exists()


def take_up_silent(*, silence: timedelta = SILENCE, only: int | None = None) -> list[int]:
    """Queue again the imports (`only` that one) that nobody has worked on for `silence`. Returns their ids, to be sent.

    Whoever holds an import is alive and may finish it, even if nothing was heard of it. One that was read from a file on
    the command line cannot be taken up by another process, and has failed.
    """
    rows = _not_held() if only is None else _not_held().filter(pk=only)
    rows.filter(status=ImportStatus.RUNNING, has_file=False, heartbeat_at__lt=timezone.now() - silence).update(
        status=ImportStatus.FAILED,
        finished_at=timezone.now(),
        message=_("Nothing was imported: the command was ended. Run it again."),
    )
    return pending.take_up(
        rows.filter(has_file=True),
        waiting=ImportStatus.QUEUED,
        working=ImportStatus.RUNNING,
        silence=silence,
    )
