"""Doing an import that waits: taken up once, watched while it runs, finished together with what it wrote.

How its row moves is in `collection.services.imports`. A worker holds its import for as long as its transaction lives: the
sweep takes nothing from one that is only silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import IO

import structlog
from django.db import OperationalError, transaction
from django.utils.translation import gettext as _

from accounts import pending
from accounts.actors import Actor
from accounts.errors import DomainError
from collection.imports.engine import IMPORTERS, BadRows, Counts, Fault, Faults, Importer, Outcome, Progress, bring_in
from collection.imports.files import BadFile
from collection.models import ImportRowError, ImportRun, ImportStatus
from collection.services import imports
from collection.services.imports import Superseded

#: Seconds between two signs of life.
BEAT = 0.5

type MakeImporter = Callable[[ImportRun], Importer]
type Show = Callable[[Progress], None]

log = structlog.get_logger(__name__)


def importer_of(run: ImportRun) -> Importer:
    """The importer for the kind of `run`, in the name of who asked for it."""
    return IMPORTERS[run.kind](actor=Actor.of(run.requested_by), organization=run.organization)


def execute(
    run_id: int | None = None,
    *,
    source: IO[bytes] | None = None,
    make: MakeImporter = importer_of,
    show: Show | None = None,
) -> Outcome | None:
    """Do the import `run_id`, or the next, if it is waiting, and note what came of it; `None` where somebody else has it.

    `source` is the file where it was not sent along; `make` makes the importer. Raises what nobody foresaw, after
    noting that the import failed.
    """
    run = imports.claim(run_id)
    if run is None:
        return None
    try:
        with imports.file_of(run) if source is None else nullcontext(source) as file:
            return _execute(run, file, make, show)
    except Superseded:
        log.warning("import_superseded", run=run.pk)
        return None
    except OperationalError:
        if pending.ours(run).exists():
            raise  # the database is gone or busy: the sweep takes the import up again
        log.warning("import_superseded", run=run.pk)  # or cancelled
        return None
    except (Exception, KeyboardInterrupt) as error:
        log.exception("import_failed", run=run.pk)
        cause = (
            _("It was interrupted.") if isinstance(error, KeyboardInterrupt) else _("Something unforeseen happened.")
        )
        imports.fail(run, _("Nothing was imported. %(cause)s") % {"cause": cause})
        raise


def _execute(run: ImportRun, file: IO[bytes], make: MakeImporter, show: Show | None) -> Outcome:
    progress = Progress()

    def look() -> Mapping[str, object]:
        if show is not None:
            show(progress)
        return {"rows_read": progress.rows_read, "rows_total": progress.rows_expected, "message": progress.phase}

    try:
        with pending.Pulse(pending.ours(run), beat=BEAT, look=look) as pulse, transaction.atomic():
            imports.hold(run)
            progress.is_over = lambda: pulse.is_over
            outcome = bring_in(file, make(run), skip_bad_rows=run.skip_bad_rows, progress=progress)
            pulse.stop()  # it writes the same row
            if outcome.faults and not run.skip_bad_rows:
                raise BadRows
            _finish(run, ImportStatus.DONE, outcome)
    except BadRows:
        _finish(run, ImportStatus.REFUSED, outcome)
    except DomainError as error:
        outcome = Outcome(Counts(), progress.rows_read, _faults_of(error))
        _finish(run, ImportStatus.REFUSED, outcome)
    return outcome


def _finish(run: ImportRun, status: ImportStatus, outcome: Outcome) -> None:
    faults = outcome.faults
    imports.finish(
        run,
        status=status,
        rows_read=outcome.rows_read,
        rows_total=outcome.rows_read,
        rows_created=outcome.counts.created,
        rows_unchanged=outcome.counts.unchanged,
        rows_bad=len(faults.bad_lines),
        message=_message(status, faults),
        errors=(
            ImportRowError(
                run=run,
                line=fault.line,
                field=fault.field[:60],
                message=_clean(fault.message, 300),
                value=_clean(fault.value, 200),
            )
            for fault in sorted(faults.kept, key=lambda fault: fault.line)
        ),
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
