"""The life of an import: taken up once, watched while it runs, finished together with what it wrote.

What it wrote and that it is done are one commit, so a worker killed at any point leaves either both or neither; then
the sweep (`stale`) puts the import back into the queue. A lock that lives as long as its transaction keeps a second
worker off an import whose first one is only slow.
"""

from __future__ import annotations

import contextlib
import io
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import IO

import structlog
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from collection.imports.engine import IMPORTERS, BadRows, Counts, Fault, Faults, Importer, Outcome, Progress, bring_in
from collection.imports.files import BadFile
from collection.models import ImportRowError, ImportRun, ImportStatus

#: Seconds between two signs of life, and how long without one makes an import count as abandoned.
BEAT = 0.5
ABANDONED = timedelta(minutes=2)
#: Namespace of our advisory locks.
_LOCKS = 0x1409

type MakeImporter = Callable[[ImportRun], Importer]
type Show = Callable[[Progress], None]

log = structlog.get_logger(__name__)


class Superseded(Exception):
    """Another worker has this import."""


def importer_of(run: ImportRun) -> Importer:
    """The importer for the kind of `run`, in the name of who asked for it."""
    return IMPORTERS[run.kind](actor=Actor.of(run.requested_by), organization=run.organization)


def execute(
    run_id: int, *, source: IO[bytes] | None = None, make: MakeImporter = importer_of, show: Show | None = None
) -> Outcome | None:
    """Do the import `run_id` if it is waiting, and note what came of it; `None` where somebody else has it.

    `source` is the file where it was not sent along; `make` makes the importer. Raises what nobody foresaw, after
    noting that the import failed.
    """
    if not _claim(run_id):
        return None
    run = ImportRun.objects.select_related("organization", "requested_by").get(pk=run_id)
    file = source if source is not None else io.BytesIO(bytes(run.content or b""))
    progress = Progress()
    try:
        with _watched(run_id, progress, show) as stop, transaction.atomic():
            _lock(run_id)
            outcome = bring_in(file, make(run), skip_bad_rows=run.skip_bad_rows, progress=progress)
            stop()  # it writes the same row
            if outcome.faults and not run.skip_bad_rows:
                raise BadRows
            _finish(run_id, ImportStatus.DONE, outcome)
    except BadRows:
        return _refuse(run_id, outcome)
    except Superseded:
        log.warning("import_superseded", run=run_id)
        return None
    except DomainError as error:
        return _refuse(run_id, Outcome(Counts(), progress.rows_read, _faults_of(error)))
    except OperationalError:
        raise  # the database is gone or busy: the sweep takes the import up again
    except (Exception, KeyboardInterrupt) as error:
        log.exception("import_failed", run=run_id)
        cause = (
            _("It was interrupted.") if isinstance(error, KeyboardInterrupt) else _("Something unforeseen happened.")
        )
        _fail(run_id, _("Nothing was imported. %(cause)s") % {"cause": cause})
        raise
    return outcome


def stale() -> list[int]:
    """Put abandoned imports back into the queue, and name every import that is waiting for a worker.

    One that was read from a file on the command line cannot be taken up by another process, and has failed.
    """
    limit = timezone.now() - ABANDONED
    abandoned = ImportRun.objects.filter(status=ImportStatus.RUNNING, heartbeat_at__lt=limit)
    abandoned.filter(content__isnull=True).update(
        status=ImportStatus.FAILED,
        finished_at=timezone.now(),
        message=_("Nothing was imported: the command was ended. Run it again."),
    )
    abandoned.filter(content__isnull=False).update(status=ImportStatus.QUEUED)
    waiting = ImportRun.objects.filter(status=ImportStatus.QUEUED, content__isnull=False)
    return list(waiting.order_by("pk").values_list("pk", flat=True))


def _claim(run_id: int) -> bool:
    waiting = ImportRun.objects.filter(pk=run_id, status=ImportStatus.QUEUED)
    return bool(waiting.update(status=ImportStatus.RUNNING, heartbeat_at=timezone.now(), message="", rows_read=0))


def _lock(run_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s::int)", [_LOCKS, run_id % 2**31])
        if not cursor.fetchone()[0]:
            raise Superseded


@contextlib.contextmanager
def _watched(run_id: int, progress: Progress, show: Show | None) -> Iterator[Callable[[], None]]:
    """Write the progress down, on a connection of its own since ours is in a transaction, until told to stop."""
    over = threading.Event()

    def beat() -> None:
        try:
            while not over.wait(BEAT):
                ImportRun.objects.filter(pk=run_id, status=ImportStatus.RUNNING).update(
                    heartbeat_at=timezone.now(),
                    rows_read=progress.rows_read,
                    rows_total=progress.rows_expected,
                    message=progress.phase,
                )
                if show is not None:
                    show(progress)
        except OperationalError:
            log.warning("import_progress_not_written", run=run_id)
        finally:
            connection.close()

    watcher = threading.Thread(target=beat, name=f"import-{run_id}", daemon=True)
    watcher.start()

    def stop() -> None:
        over.set()
        watcher.join()

    try:
        yield stop
    finally:
        stop()


@transaction.atomic
def _finish(run_id: int, status: ImportStatus, outcome: Outcome) -> None:
    """Note the end of an import, and its faults. The file is let go: its SHA-256 tells which it was."""
    run = ImportRun.objects.select_for_update().defer("content").get(pk=run_id)
    if run.status != ImportStatus.RUNNING:
        raise Superseded
    faults = outcome.faults
    ImportRowError.objects.filter(run=run).delete()
    ImportRowError.objects.bulk_create(
        (
            ImportRowError(
                run=run,
                line=fault.line,
                field=fault.field[:60],
                message=_clean(fault.message, 300),
                value=_clean(fault.value, 200),
            )
            for fault in sorted(faults.kept, key=lambda fault: fault.line)
        ),
        batch_size=2000,
    )
    ImportRun.objects.filter(pk=run_id).update(
        status=status,
        rows_read=outcome.rows_read,
        rows_total=outcome.rows_read,
        rows_created=outcome.counts.created,
        rows_unchanged=outcome.counts.unchanged,
        rows_bad=len(faults.bad_lines),
        message=_message(status, faults),
        content=None,
        heartbeat_at=timezone.now(),
        finished_at=timezone.now(),
    )


def _refuse(run_id: int, outcome: Outcome) -> Outcome | None:
    try:
        _finish(run_id, ImportStatus.REFUSED, outcome)
    except Superseded:
        log.warning("import_superseded", run=run_id)
        return None
    return outcome


def _fail(run_id: int, message: str) -> None:
    ImportRun.objects.filter(pk=run_id, status=ImportStatus.RUNNING).update(
        status=ImportStatus.FAILED, message=message, finished_at=timezone.now()
    )


def _message(status: ImportStatus, faults: Faults) -> str:
    parts = []
    if status == ImportStatus.REFUSED:
        parts.append(_("Nothing was imported, since the file has errors."))
    if len(faults.bad_lines) and len(faults.kept) < len(faults.bad_lines):
        parts.append(_("Only the first %(kept)d errors are listed.") % {"kept": len(faults.kept)})
    if faults.notes:
        parts.append(_("Imported all the same, but look at these rows:"))
    parts += [f"{note.line}: {note.field}: {note.message} {note.value}" for note in faults.notes[:1000]]
    return _clean("\n".join(parts), 100_000)


def _faults_of(error: DomainError) -> Faults:
    faults = Faults()
    if isinstance(error, BadFile):
        faults.kept.append(Fault(error.line, error.column, error.fault, error.value))
    else:
        faults.kept.append(Fault(0, error.field or "", str(error.message)))
    return faults


def _clean(text: str, longest: int) -> str:
    """`text` as PostgreSQL can keep it: without NUL, no longer than its column."""
    text = text.replace("\0", "�")
    return text if len(text) <= longest else text[: longest - 1] + "…"
