"""What the jobs of a report have in common: they claim it, show how far they are, and are found dead by their silence.

One computes it, `report_job`; the other seals it when it is submitted, `report_seal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import pending
from recycling.models import EprReport, EprReportProgress, ReportStatus

#: After what silence a report is taken from its worker.
SILENCE = timedelta(seconds=60)


@dataclass(frozen=True)
class Work:
    """A job of reports: the status in which a report waits for it, and the one in which a worker has it."""

    waiting: ReportStatus
    working: ReportStatus

    @transaction.atomic
    def claim(self, report_id: int | None = None) -> EprReport | None:
        """Take a report for this worker: that one, or the next. `None` if none waits that another does not have."""
        waiting = EprReport.objects.select_related("scheme", "producer").filter(status=self.waiting)
        waits = pending.next_of(waiting, report_id, of="producer", working=self.working)
        report: EprReport | None = pending.claim(waits, status=self.working, message="")
        if report is not None:
            EprReportProgress.objects.update_or_create(
                report=report, defaults={"percent": 0, "step": "", "heartbeat_at": report.claimed_at}
            )
        return report

    @staticmethod
    def progress_of(report: EprReport) -> QuerySet[EprReportProgress]:
        """Where a worker shows how far it is with a report that it claimed; none once another has it."""
        return EprReportProgress.objects.filter(report=report, report__claimed_at=report.claimed_at)

    def is_any_waiting(self) -> bool:
        """Whether there is a report for the next worker."""
        return EprReport.objects.filter(status=self.waiting).exists()

    @transaction.atomic
    def take_up_silent(self, *, silence: timedelta = SILENCE, only: int | None = None) -> list[int]:
        """Let those reports (`only` that one) wait again that nobody has worked on for `silence`. Returns their ids, to be
        sent.
        """
        silent = pending.take_up(
            EprReport.objects.all() if only is None else EprReport.objects.filter(pk=only),
            waiting=self.waiting,
            working=self.working,
            silence=silence,
            heartbeat="progress__heartbeat_at",
        )
        EprReportProgress.objects.filter(pk__in=silent).update(heartbeat_at=timezone.now())
        return silent
