from __future__ import annotations

from typing import ClassVar

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from accounts.models import Organization, PartQuerySet, Viewer, organizations_of
from collection.models import Chemistry, Element, Facility, Jurisdiction
from collection.models.records import RecordQuerySet
from recycling.models.intakes import Decision
from recycling.models.plants import Stage
from recycling.models.schemes import EprScheme, LegalStatus, Metric
from recycling.models.spans import PERIOD


class ReportStatus(models.TextChoices):
    QUEUED = "queued", _("queued")
    COMPUTING = "computing", _("computing")
    FAILED = "failed", _("failed")
    DRAFT = "draft", _("draft")
    SUBMITTING = "submitting", _("being submitted")
    SEALING = "sealing", _("being sealed")
    SUBMITTED = "submitted", _("submitted")
    ACCEPTED = "accepted", _("accepted")
    RETURNED = "returned", _("returned")
    SUPERSEDED = "superseded", _("superseded")
    WITHDRAWN = "withdrawn", _("withdrawn")


#: Every legal move of a report's status; the database trigger is made from this list.
REPORT_MOVES: list[tuple[str, str]] = [
    (ReportStatus.QUEUED, ReportStatus.COMPUTING),
    (ReportStatus.QUEUED, ReportStatus.FAILED),
    (ReportStatus.COMPUTING, ReportStatus.QUEUED),
    (ReportStatus.COMPUTING, ReportStatus.DRAFT),
    (ReportStatus.COMPUTING, ReportStatus.FAILED),
    (ReportStatus.FAILED, ReportStatus.QUEUED),
    (ReportStatus.DRAFT, ReportStatus.QUEUED),
    (ReportStatus.DRAFT, ReportStatus.SUBMITTING),
    (ReportStatus.DRAFT, ReportStatus.WITHDRAWN),
    (ReportStatus.SUBMITTING, ReportStatus.SEALING),
    (ReportStatus.SEALING, ReportStatus.SUBMITTING),
    (ReportStatus.SEALING, ReportStatus.SUBMITTED),
    (ReportStatus.SEALING, ReportStatus.DRAFT),
    (ReportStatus.FAILED, ReportStatus.WITHDRAWN),
    (ReportStatus.SUBMITTED, ReportStatus.ACCEPTED),
    (ReportStatus.SUBMITTED, ReportStatus.RETURNED),
    (ReportStatus.SUBMITTED, ReportStatus.SUPERSEDED),
    (ReportStatus.RETURNED, ReportStatus.SUPERSEDED),
    (ReportStatus.ACCEPTED, ReportStatus.SUPERSEDED),
]

#: A report that is being worked on; one per scheme, producer and period at most.
OPEN_REPORTS = (
    ReportStatus.QUEUED,
    ReportStatus.COMPUTING,
    ReportStatus.FAILED,
    ReportStatus.DRAFT,
    ReportStatus.SUBMITTING,
    ReportStatus.SEALING,
)

#: A report that a worker has to do something with.
PENDING_REPORTS = (ReportStatus.QUEUED, ReportStatus.COMPUTING, ReportStatus.SUBMITTING, ReportStatus.SEALING)

#: A report whose figures no longer change.
FILED_REPORTS = (
    ReportStatus.SUBMITTED,
    ReportStatus.ACCEPTED,
    ReportStatus.RETURNED,
    ReportStatus.SUPERSEDED,
)


class EprReportQuerySet(RecordQuerySet["EprReport"]):
    whose: ClassVar = {"organizations": ("producer",), "places": ("jurisdiction",)}

    def visible_to(self, user: Viewer) -> EprReportQuerySet:
        """The producer's own; regulators of the place see what was filed, not what is being drafted."""
        if user.is_superuser:
            return self
        return self.seen_by(
            user,
            Q(producer__in=organizations_of(user))
            | Q(jurisdiction__in=Jurisdiction.objects.overseen_by(user), status__in=FILED_REPORTS),
        )


#: What may change on a report that was filed: its status and what the regulator said, nothing else. On one that is being
#: submitted: what the job notes; who signed it, only by giving it back.
FILED_REPORT_FROZEN = """
    changing := CASE
        WHEN OLD.status IN ('submitted', 'accepted', 'returned', 'superseded')
            THEN '{status,decided_at,decided_by_id,decision_note}'
        WHEN OLD.status IN ('submitting', 'sealing') AND NEW.status = 'draft'
            THEN '{status,message,submitted_at,submitted_by_id}'
        WHEN OLD.status IN ('submitting', 'sealing')
            THEN '{status,message,claimed_at,content_hash}'
    END;
    IF changing IS NOT NULL AND to_jsonb(NEW) - changing IS DISTINCT FROM to_jsonb(OLD) - changing THEN
        RAISE EXCEPTION 'a filed report never changes'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'epr_report_frozen';
    END IF;
    RETURN NEW;
"""

#: In which the parts of a report do not change: what a manager has signed is what is filed.
_FROZEN = "('submitting', 'sealing', 'submitted', 'accepted', 'returned', 'superseded')"

_OF_ENTRIES = "SELECT report_id FROM entries"
_OF_BEFORE = "SELECT report_id FROM before"


def frozen_with_report() -> tuple[pgtrigger.Trigger, ...]:
    """Triggers that refuse to add, change or remove a part of a report that was filed or is being submitted.

    Once per statement: parts are written by the hundred thousand, and a trigger per row costs more than the rows.
    """
    return tuple(
        pgtrigger.Trigger(
            name=f"frozen_{name}",
            level=pgtrigger.Statement,
            when=pgtrigger.After,
            operation=operation,
            referencing=pgtrigger.Referencing(**rows),
            func=f"""
                IF EXISTS (
                    SELECT 1 FROM recycling_eprreport r
                    WHERE r.status IN {_FROZEN}
                        AND r.id IN ({reports})
                ) THEN
                    RAISE EXCEPTION 'a filed report never changes'
                        USING ERRCODE = 'check_violation', CONSTRAINT = 'epr_report_frozen';
                END IF;
                RETURN NULL;
            """,  # noqa: S608 - composed of constants
        )
        for name, operation, rows, reports in (
            ("insert", pgtrigger.Insert, {"new": "entries"}, _OF_ENTRIES),
            ("update", pgtrigger.Update, {"old": "before", "new": "entries"}, f"{_OF_BEFORE} UNION {_OF_ENTRIES}"),
            ("delete", pgtrigger.Delete, {"old": "before"}, _OF_BEFORE),
        )
    )


@pghistory.track(
    pghistory.UpdateEvent(), model_name="EprReportHistory", fields=["status", "content_hash", "decision_note"]
)
class EprReport(models.Model):
    """What a producer did with its batteries in a jurisdiction and a period, by the rules of a scheme.

    The row is the pending work of two Celery jobs too, of the one that computes it (from `queued`) and the one that seals
    it (from `submitting`): a dead worker is seen from the heartbeat in `EprReportProgress`.
    """

    scheme = models.ForeignKey(EprScheme, on_delete=models.PROTECT, related_name="reports", verbose_name=_("scheme"))
    producer = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="epr_reports", verbose_name=_("producer")
    )
    jurisdiction = models.ForeignKey(
        Jurisdiction,
        on_delete=models.PROTECT,
        related_name="epr_reports",
        verbose_name=_("jurisdiction"),
        help_text=_("Whose market and whose batteries; the scheme's own, or chosen for a reference scheme."),
    )
    period_start = models.DateField(_("from"))
    period_end = models.DateField(_("until"), help_text=_("Last day of the period."))
    status = models.CharField(
        _("status"), max_length=10, choices=ReportStatus.choices, default=ReportStatus.QUEUED, editable=False
    )
    message = models.TextField(_("message"), blank=True, editable=False)
    method_version = models.CharField(_("method version"), max_length=60, blank=True, editable=False)
    elements_taken = ArrayField(
        models.CharField(max_length=2),
        default=list,
        blank=True,
        editable=False,
        verbose_name=_("optional elements taken into account"),
    )
    supersedes = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="corrections",
        editable=False,
        verbose_name=_("corrects"),
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="requested_reports",
        verbose_name=_("requested by"),
    )
    requested_at = models.DateTimeField(_("requested at"), auto_now_add=True)
    claimed_at = models.DateTimeField(
        _("taken up at"),
        null=True,
        blank=True,
        editable=False,
        help_text=_("When a worker began to compute or to seal it."),
    )
    computed_at = models.DateTimeField(_("computed at"), null=True, blank=True, editable=False)
    content_hash = models.CharField(_("content hash (SHA-256)"), max_length=64, blank=True, editable=False)
    submitted_at = models.DateTimeField(_("submitted at"), null=True, blank=True, editable=False)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="submitted_reports",
        editable=False,
        verbose_name=_("submitted by"),
    )
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="decided_reports",
        editable=False,
        verbose_name=_("decided by"),
    )
    decision_note = models.TextField(_("note of the regulator"), blank=True, editable=False)
    is_simulated = models.BooleanField(_("contains simulated data"), default=False, editable=False)

    objects = EprReportQuerySet.as_manager()

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("EPR report")
        verbose_name_plural = _("EPR reports")
        indexes = (models.Index(fields=["status"], name="epr_report_work"),)
        constraints = (
            models.CheckConstraint(condition=Q(period_end__gte=F("period_start")), name="epr_report_is_a_period"),
            models.UniqueConstraint(
                fields=["scheme", "producer", "jurisdiction", "period_start", "period_end"],
                condition=Q(status__in=["queued", "computing", "failed", "draft", "submitting", "sealing"]),
                name="epr_report_one_open",
            ),
            ExclusionConstraint(
                name="epr_reports_in_force_apart",
                expressions=[
                    ("scheme", RangeOperators.EQUAL),
                    ("producer", RangeOperators.EQUAL),
                    ("jurisdiction", RangeOperators.EQUAL),
                    (PERIOD, RangeOperators.OVERLAPS),
                ],
                condition=Q(status__in=["submitted", "accepted"]),
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["submitted", "accepted", "returned", "superseded"])
                | (Q(submitted_at__isnull=False, submitted_by__isnull=False) & ~Q(content_hash="")),
                name="epr_report_filed_is_signed",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["submitting", "sealing"])
                | Q(submitted_at__isnull=False, submitted_by__isnull=False),
                name="epr_report_submission_is_signed",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["accepted", "returned"])
                | Q(decided_at__isnull=False, decided_by__isnull=False),
                name="epr_report_decision_is_signed",
            ),
        )
        triggers = (
            pgtrigger.FSM(name="status_moves", field="status", transitions=REPORT_MOVES),
            pgtrigger.Trigger(
                name="frozen_when_filed",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                declare=[("changing", "text[]")],
                func=FILED_REPORT_FROZEN,
            ),
            pgtrigger.Trigger(
                name="filed_is_kept",
                when=pgtrigger.Before,
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(
                    old__status__in=["submitting", "sealing", "submitted", "accepted", "returned", "superseded"]
                ),
                func="RAISE EXCEPTION 'a filed report is kept' USING ERRCODE = 'check_violation', "
                "CONSTRAINT = 'epr_report_kept';",
            ),
        )

    def __str__(self) -> str:
        return f"{self.scheme.code} {self.producer} {self.jurisdiction_id} {self.period_start}–{self.period_end}"

    @property
    def is_calendar_year(self) -> bool:
        start, end = self.period_start, self.period_end
        return start.year == end.year and (start.month, start.day, end.month, end.day) == (1, 1, 12, 31)


class ReportPartQuerySet[M: models.Model](PartQuerySet[M]):
    whole = "report"


class EprReportProgress(models.Model):
    """How far the computation or sealing of a report is, and when its worker last gave a sign of life.

    It is a row of its own since a report is computed in one snapshot of the database, which would end as soon as
    anybody, its own worker too, changed the report beside it.
    """

    report = models.OneToOneField(
        EprReport, on_delete=models.CASCADE, primary_key=True, related_name="progress", verbose_name=_("report")
    )
    percent = models.PositiveSmallIntegerField(_("progress (%)"), default=0)
    step = models.CharField(_("step"), max_length=60, blank=True)
    heartbeat_at = models.DateTimeField(_("last sign of life"), null=True, blank=True)

    objects = ReportPartQuerySet["EprReportProgress"].as_manager()

    class Meta:
        verbose_name = _("progress of a report")
        verbose_name_plural = _("progress of reports")
        constraints = (models.CheckConstraint(condition=Q(percent__lte=100), name="epr_report_progress_is_percent"),)

    def __str__(self) -> str:
        return f"{self.report_id} {self.percent} %"


class Breakdown(models.TextChoices):
    """By what a figure is broken down. Lines of one metric and one breakdown add up to the line without any."""

    TOTAL = "", _("total")
    CHEMISTRY = "chemistry", _("by chemistry")
    FAMILY = "family", _("by chemistry family")
    METHOD = "method", _("by method")
    DECISION = "decision", _("by decision")
    FACILITY = "facility", _("by facility")
    COUNTRY = "country", _("by country")
    ELEMENT = "element", _("by element")
    ORIGIN = "origin", _("by place of collection")
    MARKET = "market", _("by place of marketing")
    BASIS = "basis", _("by what it rests on")


#: Room for the stages of a chain, put together by “+”.
CHAIN_LENGTH = 80


def chain_told(method: str) -> str:
    """The stages of a chain, as people read them."""
    return " → ".join(str(Stage(stage).label) for stage in method.split("+")) if method else ""


#: Elements, and what else the template of a recycler's documentation has a line for.
LINE_ELEMENTS = [*Element.choices, ("steel", _("steel")), ("carbon", _("carbon at cell level"))]


class EprReportLine(models.Model):
    """One figure of a report. The dimensions that do not apply, or are not known, are empty."""

    report = models.ForeignKey(
        EprReport, on_delete=models.CASCADE, related_name="lines", db_index=False, verbose_name=_("report")
    )
    position = models.PositiveIntegerField(_("position"))
    metric = models.CharField(_("metric"), max_length=20, choices=Metric.choices)
    breakdown = models.CharField(_("broken down"), max_length=9, choices=Breakdown.choices, blank=True)
    family = models.CharField(_("chemistry family"), max_length=7, choices=Chemistry.Family.choices, blank=True)
    chemistry = models.ForeignKey(
        Chemistry, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("chemistry")
    )
    method = models.CharField(_("method"), max_length=CHAIN_LENGTH, blank=True)
    decision = models.CharField(_("decision"), max_length=13, choices=Decision.choices, blank=True)
    facility = models.ForeignKey(
        Facility, on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("facility")
    )
    country = models.CharField(_("country"), max_length=2, blank=True)
    element = models.CharField(_("element"), max_length=8, choices=LINE_ELEMENTS, blank=True)
    origin = models.CharField(_("place"), max_length=6, blank=True, db_default="")
    basis = models.CharField(_("basis"), max_length=9, blank=True, db_default="")
    value = models.DecimalField(_("value"), max_digits=30, decimal_places=9, null=True, blank=True)
    unit = models.CharField(_("unit"), max_length=10)
    numerator = models.DecimalField(_("numerator"), max_digits=30, decimal_places=9, null=True, blank=True)
    denominator = models.DecimalField(_("denominator"), max_digits=30, decimal_places=9, null=True, blank=True)
    rows = models.PositiveIntegerField(_("rows behind it"), default=0)
    without_mass = models.PositiveIntegerField(_("rows without a mass"), default=0)
    target_percent = models.DecimalField(_("target (%)"), max_digits=6, decimal_places=3, null=True, blank=True)
    target_status = models.CharField(
        _("legal status of the target"), max_length=10, choices=LegalStatus.choices, blank=True
    )
    target_source = models.CharField(_("source of the target"), max_length=300, blank=True)
    note = models.CharField(_("note"), max_length=300, blank=True)

    objects = ReportPartQuerySet["EprReportLine"].as_manager()

    class Meta:
        ordering = ("report", "position")
        verbose_name = _("report line")
        verbose_name_plural = _("report lines")
        constraints = (
            models.UniqueConstraint(fields=["report", "position"], name="epr_report_line_position"),
            models.CheckConstraint(
                condition=Q(target_percent__isnull=True) | (~Q(target_status="") & ~Q(target_source="")),
                name="epr_report_line_target_has_source",
            ),
        )
        triggers = frozen_with_report()

    def __str__(self) -> str:
        return f"{self.report_id}/{self.position}"
