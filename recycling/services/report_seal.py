"""The job that seals a report that is being submitted: it proves the figures, hashes all that is kept, and files it.

The database lets nothing of such a report change. So all that takes long is only read, and filing is one short
transaction at the end: a worker that is killed before leaves nothing behind but the status `sealing` and an old
heartbeat, from which a sweep takes it up again.
"""

from __future__ import annotations

import structlog
from django.db import OperationalError, transaction
from django.utils.translation import gettext as _

from accounts import pending, rules
from accounts.errors import Refused
from recycling.models import REPORT_MOVES, EprReport, ReportStatus
from recycling.queries.report_proof import verify
from recycling.services.report_work import Work
from recycling.services.reports import lock

WORK = Work(waiting=ReportStatus.SUBMITTING, working=ReportStatus.SEALING)

log = structlog.get_logger(__name__)


def seal(report_id: int | None = None) -> bool | None:
    """Seal and file a report that is being submitted: that one, or the next. `False` if it was not filed, `None` if there
    was none to be had.

    A report that cannot be filed is a draft again, with the reason; a worker that lost it to another writes nothing.
    """
    report = WORK.claim(report_id)
    if report is None:
        return None
    with pending.Pulse(WORK.progress_of(report)) as pulse:
        try:
            _file(report, _proven(report, pulse))
        except OperationalError as error:  # taken from us, a deadlock, or the database went away
            log.warning("report_interrupted", report=report.pk, error=str(error))
            message = _("Interrupted; will be sealed again.")
            pending.ours(report).update(status=ReportStatus.SUBMITTING, message=message)
            return False
        except Refused as refused:
            _give_back(report, str(refused.message))
            return False
        except Exception as error:
            log.exception("report_not_sealed", report=report.pk)
            _give_back(report, _("It could not be sealed (%(error)s).") % {"error": type(error).__name__})
            return False
        pulse.tell(percent=100, step="")
    return True


def _proven(report: EprReport, pulse: pending.Pulse) -> str:
    """The content hash of a report whose figures follow from its evidence."""
    pulse.tell(percent=0, step=_("figures"))
    proof = verify(report, lambda percent: pulse.tell(percent=percent, step=_("seal")))
    if not proof.figures_agree:
        raise Refused(_("The figures do not follow from the evidence; compute them again."), code="unproven")
    return proof.content_hash


@transaction.atomic
def _file(report: EprReport, content_hash: str) -> None:
    """A report that it corrects is superseded in the same moment."""
    if report.supersedes is not None:
        superseded = lock(report.supersedes)
        rules.check_move(superseded, ReportStatus.SUPERSEDED, REPORT_MOVES)
        superseded.status = ReportStatus.SUPERSEDED
        superseded.save(update_fields=["status"])
    if not pending.ours(report).update(status=ReportStatus.SUBMITTED, content_hash=content_hash, message=""):
        raise OperationalError("another worker has taken the report over")


def _give_back(report: EprReport, reason: str) -> None:
    """Nobody has signed what was not filed."""
    pending.ours(report).update(status=ReportStatus.DRAFT, message=reason, submitted_at=None, submitted_by=None)
