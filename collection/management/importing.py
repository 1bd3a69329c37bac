"""What the commands that import a file have in common: the options, the progress on the terminal, the summary."""

from __future__ import annotations

import hashlib
import itertools
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import DomainError
from accounts.models import Organization
from collection import csv_out
from collection.imports.engine import Importer, Outcome, Progress
from collection.imports.runs import execute, importer_of
from collection.models import ImportRun, ImportStatus
from collection.services import imports

#: How many faults are shown on the terminal; all of them are in `--errors` and in the import's record.
SHOWN = 20


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--skip-bad-rows", action="store_true", help="import the good rows even if others are bad")
    parser.add_argument("--errors", type=Path, metavar="FILE", help="write the errors and remarks to FILE, as CSV")


def perform(
    command: BaseCommand,
    *,
    actor: Actor,
    organization: Organization,
    kind: str,
    path: Path,
    make: Callable[[ImportRun], Importer] = importer_of,
    skip_bad_rows: bool = False,
    errors: Path | None = None,
    is_further: bool = False,
) -> Outcome:
    """Import `path` and tell how it went. Raises `CommandError` where nothing was imported.

    Errors and remarks go to the file `errors`; those of a further file of one command are added to it.
    """
    started = time.monotonic()
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            run = imports.request(
                actor=actor, organization=organization, kind=kind, filename=path.name, content=None, sha256=digest,
                skip_bad_rows=skip_bad_rows,
            )  # fmt: skip
            outcome = execute(run.pk, source=file, make=make, show=_Display(command))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except DomainError as error:
        raise CommandError(str(error.message)) from error
    if outcome is None:
        raise CommandError(_("Another process took this import over."))
    run.refresh_from_db()
    _summarize(command, run, outcome, time.monotonic() - started)
    if errors is not None:
        _write(errors, path.name, outcome, is_further=is_further)
    if run.status != ImportStatus.DONE:
        raise CommandError(_("Nothing was imported from %(file)s.") % {"file": path.name})
    return outcome


def table(command: BaseCommand, title: str, rows: Mapping[str, int], total: int) -> None:
    """Numbers and their shares of `total`."""
    command.stdout.write(f"\n{title}")
    for name, number in rows.items():
        share = f"{100 * number / total:6.2f} %" if total else ""
        command.stdout.write(f"  {name:<44}{number:>12,}  {share}")


class _Display:
    """One line on the terminal that says how far the import is. Silent where nobody looks at a terminal."""

    def __init__(self, command: BaseCommand) -> None:
        self._command = command
        self._is_seen = sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        if self._is_seen:
            share = f"{100 * progress.gauge.share:5.1f} %" if progress.gauge else ""
            sys.stderr.write(f"\r\x1b[K{progress.phase}: {progress.rows_read:,} rows {share}")
            sys.stderr.flush()


def _summarize(command: BaseCommand, run: ImportRun, outcome: Outcome, seconds: float) -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    out = command.stdout.write
    out(f"{run.filename} ({run.get_kind_display()}, import {run.pk}): {run.get_status_display()}")
    rate = f"{outcome.rows_read / seconds:,.0f} rows/s" if seconds else ""
    out(f"  rows read {outcome.rows_read:>12,}   in {seconds:.1f} s, {rate}")
    out(f"  created   {outcome.counts.created:>12,}")
    out(f"  unchanged {outcome.counts.unchanged:>12,}")
    out(f"  bad rows  {len(outcome.faults.bad_lines):>12,}")
    for name, found in (("Errors", outcome.faults.kept), ("Remarks", outcome.faults.notes)):
        if found:
            out(f"{name}:")
        for fault in found[:SHOWN]:
            out(f"  line {fault.line}, {fault.field or '-'}: {fault.message} {fault.value}".rstrip())
        if len(found) > SHOWN:
            out(f"  ... and {len(found) - SHOWN:,} more; --errors FILE writes all of them")


def _write(path: Path, name: str, outcome: Outcome, *, is_further: bool) -> None:
    rows = [("error", f) for f in outcome.faults.kept] + [("remark", f) for f in outcome.faults.notes]
    cells = ((kind, fault.line, fault.field, fault.message, fault.value, name) for kind, fault in rows)
    lines = csv_out.lines(["kind", "line", "field", "message", "value", "file"], cells)
    with path.open("a" if is_further else "w", encoding="utf-8", newline="") as file:
        file.writelines(itertools.islice(lines, 1, None) if is_further else lines)
