"""The job that computes an EPR report: it gathers the evidence, and writes the figures down that follow from it.

A report is computed in one transaction that reads one snapshot of the database, and ends in it as a draft: a worker
that is killed before leaves nothing behind but the status `computing` and an old heartbeat, from which a sweep takes it
up again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Self

import structlog
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from recycling.models import EprReport, EprReportLine, EprReportProgress, EprTarget, ReportStatus
from recycling.queries.report_figures import figures
from recycling.queries.report_lines import lines
from recycling.queries.report_methods import CURRENT_METHOD
from recycling.services import factors
from recycling.services.report_evidence import FactorsOutOfDate, gather

#: How often a worker gives a sign of life, and after what silence its report is taken from it.
HEARTBEAT_SECONDS = 5.0
SILENCE = timedelta(seconds=60)

#: How often recovery factors are brought up to date before the report waits for a quieter moment.
ATTEMPTS = 5

log = structlog.get_logger(__name__)


def compute(report_id: int) -> bool:
    """Compute a queued report. `False` if there was nothing to do: it is not queued, or another worker has it.

    Whatever goes wrong is noted on the report; a worker that lost the report to another writes nothing.
    """
    report = _claim(report_id)
    if report is None:
        return False
    with Pulse(report_id) as pulse:
        try:
            _compute(report, pulse)
        except FactorsOutOfDate:
            _leave(report, ReportStatus.QUEUED, _("Waits for recovery factors that are being changed."))
            return False
        except OperationalError as error:  # taken from us, a deadlock, or the database went away
            log.warning("report_interrupted", report=report_id, error=str(error))
            _leave(report, ReportStatus.QUEUED, _("Interrupted; will be computed again."))
            return False
        except Exception as error:
            log.exception("report_failed", report=report_id)
            _leave(
                report, ReportStatus.FAILED, _("The computation failed (%(error)s).") % {"error": type(error).__name__}
            )
            return False
    return True


@transaction.atomic
def take_up_silent(*, silence: timedelta = SILENCE) -> list[int]:
    """Queue again what nobody has worked on for `silence`: reports whose worker died, and queued ones whose message was
    lost. Returns their ids, to be sent; they count as heard of from now, so the next sweep does not send them again.
    """
    silent = list(
        EprReport.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(
            status__in=(ReportStatus.QUEUED, ReportStatus.COMPUTING),
            progress__heartbeat_at__lt=timezone.now() - silence,
        )
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    EprReport.objects.filter(pk__in=silent, status=ReportStatus.COMPUTING).update(status=ReportStatus.QUEUED)
    EprReportProgress.objects.filter(pk__in=silent).update(heartbeat_at=timezone.now())
    return silent


class Pulse:
    """Tells the outside how far a computation is, and that its worker lives, while the computation's own transaction
    is still open: on a thread, because each thread has its own connection to the database.

    Inside of somebody's transaction, where nobody outside could see the report yet, it tells through that transaction.
    """

    def __init__(self, report_id: int) -> None:
        self._report = report_id
        self._news = threading.Event()
        self._ended = False
        self._said: tuple[int, str] = (0, "")
        self._thread = None if connection.in_atomic_block else threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        if self._thread is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._news.set()
        if self._thread is not None:
            self._thread.join()

    def tell(self, percent: int, step: str) -> None:
        """The computation has come to `step`."""
        self._said = (percent, step)
        if self._thread is None:
            self._write()
        else:
            self._news.set()

    def _run(self) -> None:
        try:
            while not self._ended:
                self._news.clear()
                try:
                    self._write()
                except OperationalError:  # the computation itself will notice too
                    connection.close()
                self._news.wait(HEARTBEAT_SECONDS)
        finally:
            connection.close()

    def _write(self) -> None:
        percent, step = self._said
        EprReportProgress.objects.filter(pk=self._report).update(
            percent=percent, step=step, heartbeat_at=timezone.now()
        )


@contextmanager
def one_snapshot() -> Iterator[None]:
    """A transaction all of whose statements see the database as it was at its first one."""
    inside = connection.in_atomic_block  # then the level is no longer ours to choose
    with transaction.atomic():
        if not inside:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


@transaction.atomic
def _claim(report_id: int) -> EprReport | None:
    report = (
        EprReport.objects.select_for_update(of=("self",), skip_locked=True)
        .select_related("scheme", "producer")
        .filter(pk=report_id, status=ReportStatus.QUEUED)
        .first()
    )
    if report is None:
        return None
    report.status = ReportStatus.COMPUTING
    report.claimed_at = timezone.now()
    report.message = ""
    report.save(update_fields=["status", "claimed_at", "message"])
    EprReportProgress.objects.update_or_create(
        report=report, defaults={"percent": 0, "step": "", "heartbeat_at": report.claimed_at}
    )
    return report


def _compute(report: EprReport, pulse: Pulse) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        pulse.tell(5, _("recovery factors"))
        factors.refresh()
        try:
            with one_snapshot():
                _fill(report, pulse)
        except FactorsOutOfDate:
            if attempt == ATTEMPTS:
                raise
        else:
            return


def _fill(report: EprReport, pulse: Pulse) -> None:
    """Replace everything that is kept with the report, and make it a draft, in the transaction that is open."""
    is_simulated = gather(report, pulse.tell)
    pulse.tell(90, _("figures"))
    report.method_version = CURRENT_METHOD.version
    targets = list(EprTarget.objects.filter(scheme=report.scheme_id))
    EprReportLine.objects.bulk_create(lines(report, figures(report), targets), batch_size=1000)
    done = EprReport.objects.filter(pk=report.pk, status=ReportStatus.COMPUTING, claimed_at=report.claimed_at).update(
        status=ReportStatus.DRAFT,
        computed_at=timezone.now(),
        method_version=report.method_version,
        is_simulated=is_simulated,
        message="",
    )
    if not done:
        raise OperationalError("another worker has taken the report over")
    pulse.tell(100, "")


def _leave(report: EprReport, status: ReportStatus, message: str) -> None:
    """Give the report up, if it is still ours."""
    EprReport.objects.filter(pk=report.pk, status=ReportStatus.COMPUTING, claimed_at=report.claimed_at).update(
        status=status, message=message
    )
