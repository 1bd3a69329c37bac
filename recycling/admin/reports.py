from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from accounts.admin.forms import VerbForm, text_field
from accounts.admin.scoped import Button, ScopedAdmin
from accounts.models import Function, Organization
from accounts.numbers import whole_number
from collection.admin.search import battery_named
from collection.models import Jurisdiction
from recycling.admin.bars import bar
from recycling.admin.documentation import place_of, template_of
from recycling.admin.placements import own_producers
from recycling.models import (
    PENDING_REPORTS,
    EprEvidence,
    EprPlacement,
    EprReport,
    EprReportLine,
    EprScheme,
    Metric,
    chain_told,
)
from recycling.queries import report_evidence
from recycling.queries.report_names import named, shape_of
from recycling.queries.report_rests import BASES, rests
from recycling.queries.reports import difference, preamble
from recycling.services import reports
from recycling.tasks import reports as tasks

#: Seconds after which the page of a report that a worker has to do with is loaded again.
AGAIN = 2


class RequestForm(VerbForm):
    scheme = forms.ModelChoiceField(EprScheme.objects.all())
    producer = forms.ModelChoiceField(Organization.objects.with_function(Function.PRODUCER))
    jurisdiction = forms.ModelChoiceField(
        Jurisdiction.objects.all(),
        required=False,
        help_text=gettext_lazy("For a reference scheme; other schemes have their own."),
    )
    period_start = forms.DateField(label=gettext_lazy("from"))
    period_end = forms.DateField(label=gettext_lazy("until"))

    def scope(self) -> None:
        own_producers(self)


class AcceptForm(VerbForm):
    note = text_field(gettext_lazy("note"), required=False, max_length=5000)


class ReturnForm(VerbForm):
    note = text_field(gettext_lazy("why it is returned"), max_length=5000)


@admin.register(EprReport)
class ReportAdmin(ScopedAdmin):
    list_display = (
        "reference", "scheme", "producer", "jurisdiction", "period_start", "period_end", "status", "how_far",
        "submitted_at",
    )  # fmt: skip
    list_filter = ("status", "scheme", "jurisdiction")
    list_select_related = ("scheme", "producer", "jurisdiction", "progress")
    search_fields = ("id__exact", "producer__name", "scheme__code", "content_hash")
    date_hierarchy = "period_start"
    change_form_outer_before_template = "relode/report.html"
    create = Button(gettext_lazy("Ask for a report"), reports.request, RequestForm, after=tasks.enqueue)
    buttons = (
        Button(gettext_lazy("submit"), reports.submit, after=tasks.enqueue),
        Button(gettext_lazy("compute again"), reports.recompute, after=tasks.enqueue),
        Button(gettext_lazy("accept"), reports.accept, AcceptForm),
        Button(gettext_lazy("return"), reports.return_, ReturnForm, is_final=True),
        Button(gettext_lazy("correct"), reports.correct, after=tasks.enqueue),
        Button(gettext_lazy("cancel"), reports.cancel),
        Button(gettext_lazy("withdraw"), reports.withdraw, is_final=True),
    )

    @display(description=gettext_lazy("report"), ordering="pk")
    def reference(self, report: EprReport) -> str:
        return f"{report.scheme.code} #{report.pk}"

    @display(description=gettext_lazy("progress"))
    def how_far(self, report: EprReport) -> Any:
        return bar(report.progress.percent) if report.status in PENDING_REPORTS else ""

    def about(self, request: HttpRequest, record: EprReport) -> dict[str, Any]:
        lines = named(record.lines.select_related("facility", "report").order_by("position"))
        is_documentation = shape_of(record) == EprScheme.Shape.RECYCLER
        header = preamble(record)
        counts_by = "" if is_documentation else header.get("counts_by", "")
        return {
            "template": template_of(lines) if is_documentation and lines else None,
            "is_over": record.status not in PENDING_REPORTS,
            "share": bar(record.progress.percent),
            "step": record.progress.step,
            "header": header,
            "counts": EprScheme.Counts(counts_by).label if counts_by else "",
            "tables": _tables(lines),
            "changes": [change for change in (difference(record) if record.supersedes_id else ()) if change.is_changed],
            "downloads": [
                (label, reverse(f"eprreport-download-{kind}", args=[record.pk]))
                for label, kind in (("CSV", "csv"), ("JSON", "json"), (_("hashed form"), "canonical"))
            ]
            if lines
            else [],
        }

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        record = self.get_object(request, object_id)
        if record is not None and record.status in PENDING_REPORTS:
            response["Refresh"] = str(AGAIN)
        return response


def _tables(lines: list[EprReportLine]) -> list[dict[str, Any]]:
    """The figures of a report by metric, for the page. What a rate rests on stands beside it."""
    found: dict[str, dict[str, Any]] = {}
    beside = rests(lines)
    for line in lines:
        if line.metric == Metric.RESTS_ON and beside:
            continue
        table = found.setdefault(
            line.metric,
            {
                "metric": Metric(line.metric).label,
                "unit": "" if line.unit == "%" else line.unit,
                "rows": [],
                "is_bars": line.unit == "%",
            },
        )
        evidence = "eprplacement" if line.metric in report_evidence.PLACED else "eprevidence"
        has_rows = line.rows and line.metric not in (Metric.ENTERED, Metric.ENTERED_OUTSIDE)
        table["rows"].append(
            {
                "line": line,
                "subject": _subject(line),
                "breakdown": line.get_breakdown_display() if line.breakdown else "",
                "evidence": f"{reverse(f'admin:recycling_{evidence}_changelist')}?line={line.pk}" if has_rows else "",
                "bar": bar(line.value.quantize(Decimal("0.1"))) if line.unit == "%" and line.value is not None else "",
                "mark": line.target_percent,
                "rests": beside.get(line.pk, ""),
            }
        )
    return list(found.values())


def _subject(line: EprReportLine) -> str:
    """What the figure is of, in words."""
    parts = [
        line.chemistry_id or (line.get_family_display() if line.family else ""),
        chain_told(line.method),
        line.get_decision_display() if line.decision else "",
        line.facility_name,  # type: ignore[attr-defined]
        line.country,
        place_of(line),
        BASES.get(line.basis, line.basis),
        line.get_element_display() if line.element else "",
    ]
    known = [str(part) for part in parts if part]
    if known:
        return ", ".join(known)
    return _("not known") if line.breakdown else _("total")


class OfLine(admin.SimpleListFilter):
    """Rows behind one figure, whose page links here."""

    title = gettext_lazy("figure")
    parameter_name = "line"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        line = self._line(request)
        return [(str(line.pk), f"{line.get_metric_display()}: {_subject(line)}")] if line else []

    def queryset(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        line = self._line(request)
        if line is None:
            return rows
        behind = (
            report_evidence.placements_of(line) if rows.model is EprPlacement else report_evidence.evidence_of(line)
        )
        return rows.filter(pk__in=behind.values("pk"))

    def _line(self, request: HttpRequest) -> EprReportLine | None:
        text = self.value() or request.GET.get("line", "")
        number = whole_number(text)
        if number is None:
            return None
        found = EprReportLine.objects.visible_to(request.user)  # type: ignore[arg-type]
        return next(iter(named(found.select_related("report", "facility").filter(pk=number))), None)


@admin.register(EprEvidence)
class EvidenceAdmin(ScopedAdmin):
    list_display = (
        "battery", "identifier", "fate", "occurred_on", "facility", "country", "placed_in", "collected_in", "batch", "method",
        "decision", "chemistry", "mass_kg", "report",
    )  # fmt: skip
    list_filter = (OfLine, "fate", "basis", "decision", "placed_in", "collected_in")
    list_select_related = ("battery", "facility", "batch", "chemistry", "report__scheme", "report__producer")
    sortable_by = ()
    search_fields = ("battery",)
    search_help_text = gettext_lazy("A whole identifier, however it is written, or the battery's number.")
    ordering = ("-pk",)

    def named(self, term: str) -> Q:
        return battery_named(term, path="battery")


@admin.register(EprPlacement)
class CountedPlacementAdmin(ScopedAdmin):
    list_display = ("placement", "period_start", "period_end", "model", "chemistry", "units", "mass_kg", "is_counted")
    list_filter = (OfLine, "is_counted")
    list_select_related = ("placement__producer", "model", "chemistry")
    ordering = ("-pk",)
