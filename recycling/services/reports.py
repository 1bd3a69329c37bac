"""What may happen to an EPR report: requested, computed again, submitted, decided on, corrected, withdrawn."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function, Organization, Role
from accounts.verbs import verb
from collection.models import Jurisdiction
from recycling.models import (
    OPEN_REPORTS,
    REPORT_MOVES,
    EprReport,
    EprReportProgress,
    EprScheme,
    Plant,
    ReportStatus,
)

#: A report that was filed and not yet replaced: who finds it wrong corrects it.
_STANDING = (ReportStatus.SUBMITTED, ReportStatus.ACCEPTED, ReportStatus.RETURNED)

#: The longest note on a decision, in characters.
LONGEST_NOTE = 5000

#: Years that a recycler documents.
FIRST_YEAR, LAST_YEAR = 2000, 2100

#: No scheme asks for more than a few years at once.
_LONGEST_DAYS = 10 * 366


def lock(report: EprReport) -> EprReport:
    """The report as it is now, locked."""
    return (
        EprReport.objects.select_for_update(of=("self",))
        .select_related("scheme", "producer", "jurisdiction", "supersedes")
        .get(pk=report.pk)
    )


def _regulators(report: EprReport) -> list[int | None]:
    """Whoever oversees the jurisdiction, or the country that it is in."""
    places = [place for place in (report.jurisdiction, report.jurisdiction.parent) if place is not None]
    return [mandate.organization_id for place in places for mandate in place.mandates.all()]


@verb(of="producer", function=Function.PRODUCER)
def request(
    *,
    actor: Actor,
    scheme: EprScheme,
    producer: Organization,
    period_start: date,
    period_end: date,
    jurisdiction: Jurisdiction | None = None,
) -> EprReport:
    """Ask for a report. If an equal one is being worked on it is returned, so asking twice makes one report.

    A scheme of a jurisdiction reports on that; a reference scheme on the one that is named.
    """
    if not producer.has_function(Function.PRODUCER):
        raise Invalid(_("%(name)s is no producer.") % {"name": producer}, field="producer")
    if scheme.shape == EprScheme.Shape.RECYCLER:
        raise Invalid(_("This is asked for at a plant: a recycler documents its recycling."), field="scheme")
    place = _place(scheme, jurisdiction)
    _check_period(period_start, period_end)
    asked = {
        "scheme": scheme,
        "producer": producer,
        "jurisdiction": place,
        "period_start": period_start,
        "period_end": period_end,
    }
    _refuse_standing(asked)
    return _queue(actor, None, **asked)


def _plant(plant: Plant) -> Plant:
    """As it is: nothing of it changes."""
    return Plant.objects.select_related("facility__operator", "facility__jurisdiction").get(pk=plant.pk)


@verb(_plant, of="plant__facility__operator", function=Function.RECYCLER)
def document(*, actor: Actor, plant: Plant, scheme: EprScheme, year: int) -> EprReport:
    """Ask for a recycler's documentation: of its plants in the jurisdiction of `plant`, a calendar year and a stream.

    The report's `producer` is the recycler, who files it. Asking twice makes one report.
    """
    if scheme.shape != EprScheme.Shape.RECYCLER:
        raise Invalid(_("This is no documentation of a recycler."), field="scheme")
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise Invalid(_("A year from %(first)s to %(last)s.") % {"first": FIRST_YEAR, "last": LAST_YEAR}, field="year")
    site = plant.facility
    asked = {
        "scheme": scheme, "producer": site.operator, "jurisdiction": site.jurisdiction, "period_start": date(year, 1, 1),
        "period_end": date(year, 12, 31),
    }  # fmt: skip
    _refuse_standing(asked)
    return _queue(actor, None, **asked)


@verb(lock, of="report__producer", when=[ReportStatus.DRAFT, ReportStatus.FAILED])
def recompute(*, actor: Actor, report: EprReport) -> EprReport:
    """Compute a draft, or a report whose computation failed, again from what is known now."""
    report.status, report.message = ReportStatus.QUEUED, ""
    report.save(update_fields=["status", "message"])
    _reset_progress(report)
    return report


@verb(lock, of="report__producer", to=ReportStatus.FAILED, moves=REPORT_MOVES)
def cancel(*, actor: Actor, report: EprReport) -> EprReport:
    """Give up the computation of a report. A worker that has it stops within seconds; it can be computed again."""
    report.status, report.message = ReportStatus.FAILED, _("Cancelled by %(name)s.") % {"name": actor.user}
    report.claimed_at = None  # whoever works on it finds that it is theirs no more
    report.save(update_fields=["status", "message", "claimed_at"])
    return report


@verb(lock, of="report__producer", role=Role.MANAGER, when=[ReportStatus.DRAFT])
def submit(*, actor: Actor, report: EprReport) -> EprReport:
    """File a draft. Nothing of it changes from now on, and it cannot be taken back: it is signed.

    A worker proves its figures and seals it (`report_seal`). Then it is submitted, and a report that it corrects is
    superseded in the same moment. If it cannot be filed it is a draft again, and `message` says why.
    """
    today = timezone.now().astimezone(ZoneInfo(report.jurisdiction.time_zone)).date()
    if report.period_end >= today:
        raise Refused(_("The period is not over yet."), field="period_end", code="period_not_over")
    if _others_in_force(report).exists():
        raise Refused(
            _("Another report of this period was filed in the meantime: correct that one."), code="already_filed"
        )
    report.status, report.message = ReportStatus.SUBMITTING, ""
    report.submitted_at, report.submitted_by = timezone.now(), actor.user
    report.save(update_fields=["status", "message", "submitted_at", "submitted_by"])
    _reset_progress(report)
    return report


@verb(
    lock,
    of=_regulators,
    role=Role.MANAGER,
    function=Function.REGULATOR,
    to=ReportStatus.ACCEPTED,
    moves=REPORT_MOVES,
)
def accept(*, actor: Actor, report: EprReport, note: str = "") -> EprReport:
    """A regulator of the jurisdiction accepts a submitted report."""
    return _decide(actor, report, ReportStatus.ACCEPTED, note)


@verb(
    lock,
    of=_regulators,
    role=Role.MANAGER,
    function=Function.REGULATOR,
    to=ReportStatus.RETURNED,
    moves=REPORT_MOVES,
)
def return_(*, actor: Actor, report: EprReport, note: str) -> EprReport:
    """A regulator of the jurisdiction returns a submitted report, saying why; the producer may correct it."""
    if not note.strip():
        raise Invalid(_("Say why the report is returned."), field="note", code="required")
    return _decide(actor, report, ReportStatus.RETURNED, note)


@verb(lock, of="report__producer", when=_STANDING)
def correct(*, actor: Actor, report: EprReport) -> EprReport:
    """Ask for a correction of a filed report: a report of its own, computed from what is known now.

    The filed one stands as it is until the correction is submitted. Asking twice gives the same correction.
    """
    return _queue(
        actor,
        report,
        scheme=report.scheme,
        producer=report.producer,
        jurisdiction=report.jurisdiction,
        period_start=report.period_start,
        period_end=report.period_end,
    )


@verb(lock, of="report__producer", to=ReportStatus.WITHDRAWN, moves=REPORT_MOVES)
def withdraw(*, actor: Actor, report: EprReport) -> EprReport:
    """Give a draft up. What it would have corrected stands."""
    report.status = ReportStatus.WITHDRAWN
    report.save(update_fields=["status"])
    return report


def _decide(actor: Actor, report: EprReport, status: ReportStatus, note: str) -> EprReport:
    report.status = status
    report.decided_at = timezone.now()
    report.decided_by = actor.user
    report.decision_note = rules.text(note, field="note", longest=LONGEST_NOTE, shortest=0)
    report.save(update_fields=["status", "decided_at", "decided_by", "decision_note"])
    return report


def _place(scheme: EprScheme, jurisdiction: Jurisdiction | None) -> Jurisdiction:
    own = scheme.jurisdiction
    if own is None and jurisdiction is None:
        raise Invalid(_("This scheme holds nowhere: name a jurisdiction."), field="jurisdiction", code="required")
    if own is not None and jurisdiction is not None and own != jurisdiction:
        raise Invalid(
            _("This scheme is that of %(own)s, not of %(named)s.") % {"own": own, "named": jurisdiction},
            field="jurisdiction",
        )
    place = own or jurisdiction
    assert place is not None
    return place


def _check_period(start: date, end: date) -> None:
    if end < start:
        raise Invalid(_("The period ends before it begins."), field="period_end")
    if (end - start).days > _LONGEST_DAYS:
        raise Invalid(_("A period has at most ten years."), field="period_end")


def _others_in_force(report: EprReport) -> models.QuerySet[EprReport]:
    """Filed reports of the same, but for the one that this one corrects."""
    same = {
        name: getattr(report, name) for name in ("scheme", "producer", "jurisdiction", "period_start", "period_end")
    }
    in_force = (ReportStatus.SUBMITTED, ReportStatus.ACCEPTED)
    return EprReport.objects.filter(**same, status__in=in_force).exclude(corrections=report)


def _refuse_standing(asked: dict[str, Any]) -> None:
    standing = EprReport.objects.filter(**asked, status__in=_STANDING).first()
    if standing is not None:
        raise Refused(
            _("Report %(report)s of this period is %(status)s: correct it instead.")
            % {"report": standing.pk, "status": standing.get_status_display()},
            code="already_filed",
        )


def _queue(actor: Actor, corrects: EprReport | None, **asked: object) -> EprReport:
    """A new queued report, or the equal one that is already being worked on."""
    try:
        with transaction.atomic():
            report = EprReport.objects.create(**asked, supersedes=corrects, requested_by=actor.user)
            EprReportProgress.objects.create(report=report, heartbeat_at=timezone.now())
            return report
    except IntegrityError as error:
        if "epr_report_one_open" not in str(error):
            raise
    existing = EprReport.objects.select_related("supersedes").filter(**asked, status__in=OPEN_REPORTS).first()
    if existing is None:  # it was filed or withdrawn in this very moment
        raise Refused(_("Somebody else is working on the same report; try again."), code="busy")
    if existing.supersedes != corrects:
        raise Refused(
            _("Report %(report)s of the same period is being worked on: submit or withdraw it first.")
            % {"report": existing.pk},
            code="open_report",
        )
    return existing


def _reset_progress(report: EprReport) -> None:
    EprReportProgress.objects.filter(report=report).update(percent=0, step="", heartbeat_at=timezone.now())
