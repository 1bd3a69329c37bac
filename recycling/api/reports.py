"""EPR reports: asked for, computed in the background, filed, decided on, corrected; each figure with its evidence."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import django_filters
from django.db.models import Prefetch, QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.doors import VerbsField, door, opens
from accounts.api.fields import TextField
from accounts.api.filters import FilterSet, WholeNumberFilter
from accounts.api.records import RecordSerializer
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from accounts.numbers import whole_number
from collection.models import Jurisdiction, Mandate
from recycling.api import report_files
from recycling.models import EprEvidence, EprPlacement, EprReport, EprReportLine, EprScheme, Plant
from recycling.queries import report_evidence, report_proof
from recycling.queries.report_lines import LINE_FIELDS
from recycling.queries.report_names import named
from recycling.queries.reports import difference
from recycling.services import reports
from recycling.tasks import reports as tasks

KILOGRAMS: dict[str, Any] = {"max_digits": 40, "decimal_places": 9, "allow_null": True}


class ReportOut(RecordSerializer[EprReport]):
    """A report. `progress` and `step` say how far the worker is that computes or seals it."""

    scheme_code = serializers.CharField(source="scheme.code", read_only=True)
    shape = serializers.ChoiceField(source="scheme.shape", choices=EprScheme.Shape.choices, read_only=True)
    producer_name = serializers.CharField(source="producer.name", read_only=True)
    progress = serializers.IntegerField(source="progress.percent", read_only=True, default=0)
    step = serializers.CharField(source="progress.step", read_only=True, default="")
    verbs = VerbsField()

    class Meta:
        model = EprReport
        fields = (
            "id", "status", "progress", "step", "message", "scheme", "scheme_code", "shape", "producer",
            "producer_name", "jurisdiction", "period_start", "period_end", "method_version", "elements_taken", "supersedes",
            "requested_at", "computed_at", "content_hash", "submitted_at", "decided_at", "decision_note",
            "is_simulated", "verbs",
        )  # fmt: skip
        read_only_fields = fields


class FigureOut(RecordSerializer[EprReportLine]):
    """A figure. Lines of one metric and one breakdown add up to the line of that metric without any."""

    facility_name = serializers.CharField(read_only=True, help_text="As the report calls it.")

    class Meta:
        model = EprReportLine
        fields = (*LINE_FIELDS, "facility_name")
        read_only_fields = fields


class EvidenceOut(RecordSerializer[EprEvidence]):
    """A battery behind a figure. With a line about an element: its content, and the kilograms of that which met which
    fate, to the gram: what a figure is checked by. Which batch it was in, and the exact shares that a plant recovers at, are for
    those who may read the batch; null for others.
    """

    content_kg = serializers.DecimalField(**KILOGRAMS, read_only=True, required=False)
    recovered_kg = serializers.DecimalField(max_digits=30, decimal_places=3, read_only=True, required=False)
    pending_kg = serializers.DecimalField(max_digits=30, decimal_places=3, read_only=True, required=False)
    residue_kg = serializers.DecimalField(max_digits=30, decimal_places=3, read_only=True, required=False)
    recovered_share = serializers.DecimalField(
        max_digits=30, decimal_places=18, read_only=True, required=False, allow_null=True
    )
    pending_share = serializers.DecimalField(
        max_digits=30, decimal_places=18, read_only=True, required=False, allow_null=True
    )
    residue_share = serializers.DecimalField(
        max_digits=30, decimal_places=18, read_only=True, required=False, allow_null=True
    )

    class Meta:
        model = EprEvidence
        fields = (
            "id", "battery", "fate", "identifier", "occurred_on", "facility", "country", "placed_in",
            "collected_in", "batch", "method", "decision", "chemistry",
            "family", "composition", "content_kwh", "mass_kg", "content_kg", "recovered_kg", "pending_kg", "residue_kg",
            "recovered_share", "pending_share", "residue_share",
        )  # fmt: skip
        read_only_fields = fields


class CountedPlacementOut(RecordSerializer[EprPlacement]):
    class Meta:
        model = EprPlacement
        fields = (
            "id", "placement", "period_start", "period_end", "model", "chemistry", "family", "units", "mass_kg",
            "is_counted",
        )  # fmt: skip
        read_only_fields = fields


class ChangeOut(serializers.Serializer[Any]):
    """A figure of a correction beside the one that was filed."""

    metric = serializers.CharField(source="line.metric")
    breakdown = serializers.CharField(source="line.breakdown")
    family = serializers.CharField(source="line.family")
    chemistry = serializers.CharField(source="line.chemistry_id", allow_null=True)
    method = serializers.CharField(source="line.method")
    decision = serializers.CharField(source="line.decision")
    facility = serializers.IntegerField(source="line.facility_id", allow_null=True)
    country = serializers.CharField(source="line.country")
    element = serializers.CharField(source="line.element")
    origin = serializers.CharField(source="line.origin")
    basis = serializers.CharField(source="line.basis")
    unit = serializers.CharField(source="line.unit")
    filed = serializers.DecimalField(source="filed.value", default=None, **KILOGRAMS)
    corrected = serializers.DecimalField(source="corrected.value", default=None, **KILOGRAMS)
    delta = serializers.DecimalField(**KILOGRAMS)
    is_changed = serializers.BooleanField()


class VerificationOut(serializers.Serializer[Any]):
    """Whether figures and hash follow, to the digit, from what is kept with the report."""

    agrees = serializers.BooleanField()
    figures_agree = serializers.BooleanField()
    hash_agrees = serializers.BooleanField(allow_null=True)
    content_hash = serializers.CharField()


class RequestReportIn(serializers.Serializer[Any]):
    """`jurisdiction` may be left out for a scheme that is a jurisdiction's own."""

    scheme = VisibleRelatedField(queryset=EprScheme.objects.all())
    producer = VisibleRelatedField(queryset=Organization.objects.all())
    jurisdiction = VisibleRelatedField(queryset=Jurisdiction.objects.all(), required=False, allow_null=True)
    period_start = serializers.DateField()
    period_end = serializers.DateField()


class DocumentationIn(serializers.Serializer[Any]):
    """Of all plants of the recycler in the jurisdiction of this one."""

    plant = VisibleRelatedField(queryset=Plant.objects.all())
    scheme = VisibleRelatedField(queryset=EprScheme.objects.filter(shape=EprScheme.Shape.RECYCLER))
    year = serializers.IntegerField(min_value=reports.FIRST_YEAR, max_value=reports.LAST_YEAR)


class AcceptIn(serializers.Serializer[Any]):
    note = TextField(required=False, allow_blank=True, max_length=5000)


class ReturnIn(serializers.Serializer[Any]):
    note = TextField(max_length=5000)


class ReportFilter(FilterSet):
    scheme = WholeNumberFilter("scheme")
    scheme_code = django_filters.CharFilter("scheme__code")
    producer = WholeNumberFilter("producer")
    jurisdiction = django_filters.CharFilter("jurisdiction__code", "startswith")
    starts_from = django_filters.DateFilter("period_start", "gte")
    ends_by = django_filters.DateFilter("period_end", "lte")
    supersedes = WholeNumberFilter("supersedes")

    class Meta:
        model = EprReport
        fields = ("status", "is_simulated")


_LINE = OpenApiParameter(
    "line", OpenApiTypes.INT, required=True, description="The position of the figure in the report."
)


_GZIP = GZipMiddleware(lambda request: HttpResponse())


def _streamed[**Arguments](act: Callable[Arguments, StreamingHttpResponse]) -> Callable[Arguments, HttpResponseBase]:
    """A download, packed on its way for who accepts that, as browsers do: rows of a table shrink to a fraction. Nothing
    is read for who asks only what it would be like, though the server would throw the rows away.
    """

    @wraps(act)
    def answer(*args: Arguments.args, **kwargs: Arguments.kwargs) -> HttpResponseBase:
        response, request = act(*args, **kwargs), args[1]
        assert isinstance(request, Request)
        if request.method == "HEAD":
            response.streaming_content = iter(())
        return _GZIP.process_response(request, response)

    return answer


#: Who may decide on reports, with the organizations.
_MANDATES = Mandate.objects.select_related("organization")


class ReportViewSet(VisibleViewSet):
    """EPR reports. A producer sees its own; regulators those that were filed in their jurisdictions."""

    queryset = EprReport.objects.select_related(
        "scheme", "producer", "progress", "jurisdiction__parent"
    ).prefetch_related(
        Prefetch("jurisdiction__mandates", _MANDATES), Prefetch("jurisdiction__parent__mandates", _MANDATES)
    )
    serializer_class = ReportOut
    filterset_class = ReportFilter
    ordering_fields = ("id", "period_start", "requested_at", "submitted_at")

    create = opens(reports.request, RequestReportIn, after=tasks.enqueue)
    document = opens(reports.document, DocumentationIn, name="document", after=tasks.enqueue)
    recompute = door(reports.recompute, after=tasks.enqueue)
    submit = door(reports.submit, after=tasks.enqueue)
    accept = door(reports.accept, AcceptIn)
    return_ = door(reports.return_, ReturnIn)
    correct = door(reports.correct, status=201, after=tasks.enqueue)
    cancel = door(reports.cancel)
    withdraw = door(reports.withdraw)

    @extend_schema(responses=VerificationOut, filters=False)
    @action(detail=True, filter_backends=(), pagination_class=None)
    def verify(self, request: Request, pk: str) -> Response:
        """Compute the figures again from what is kept with the report, and compare them and the hash."""
        return Response(VerificationOut(report_proof.verify(self.get_object())).data)

    @extend_schema(responses=FigureOut(many=True), filters=False)
    @action(detail=True, filter_backends=(), pagination_class=None)
    def lines(self, request: Request, pk: str) -> Response:
        """Read all figures of a report."""
        rows = self.get_object().lines.select_related("facility").order_by("position")
        return Response(FigureOut(named(rows), many=True).data)

    @extend_schema(responses=EvidenceOut(many=True), parameters=[_LINE], filters=False)
    @action(detail=True, filter_backends=())
    def evidence(self, request: Request, pk: str) -> Response:
        """Read the batteries behind a figure."""
        line = self._line(request)
        rows = report_evidence.evidence_of(line)
        if line.element:
            rows = report_evidence.traced(rows, line)
        return self._page(rows, EvidenceOut, as_read=report_evidence.as_read)

    @extend_schema(responses=CountedPlacementOut(many=True), parameters=[_LINE], filters=False)
    @action(detail=True, filter_backends=())
    def placements(self, request: Request, pk: str) -> Response:
        """Read the market placements behind a figure."""
        return self._page(report_evidence.placements_of(self._line(request)), CountedPlacementOut)

    @extend_schema(responses=ChangeOut(many=True), filters=False)
    @action(detail=True, filter_backends=(), pagination_class=None)
    def difference(self, request: Request, pk: str) -> Response:
        """Read a correction figure by figure beside the report as it was filed."""
        return Response(ChangeOut(difference(self.get_object()), many=True).data)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR}, filters=False)
    @action(detail=True, filter_backends=(), pagination_class=None, url_path="download/csv")
    @_streamed
    def download_csv(self, request: Request, pk: str) -> StreamingHttpResponse:
        """Download the figures as a table."""
        return report_files.as_csv(self.get_object())

    @extend_schema(responses={(200, "application/json"): OpenApiTypes.OBJECT}, filters=False)
    @action(detail=True, filter_backends=(), pagination_class=None, url_path="download/json")
    @_streamed
    def download_json(self, request: Request, pk: str) -> StreamingHttpResponse:
        """Download all that is kept with the report. The content hash can be rebuilt from it: docs/canonical-form.md."""
        return report_files.as_json(self.get_object())

    @extend_schema(responses={(200, "application/x-ndjson"): OpenApiTypes.STR}, filters=False)
    @action(detail=True, filter_backends=(), pagination_class=None, url_path="download/canonical")
    @_streamed
    def download_canonical(self, request: Request, pk: str) -> StreamingHttpResponse:
        """Download the form that the content hash is the SHA-256 of (docs/canonical-form.md)."""
        return report_files.as_canonical(self.get_object())

    def _line(self, request: Request) -> EprReportLine:
        report = self.get_object()
        position = whole_number(request.query_params.get("line", ""))
        if position is None:
            raise serializers.ValidationError({"line": ["Name a figure by its position."]})
        line: EprReportLine | None = report.lines.select_related("report").filter(position=position).first()
        if line is None:
            raise Http404
        return line

    def _page(
        self,
        rows: QuerySet[Any],
        form: type[serializers.BaseSerializer[Any]],
        as_read: Callable[[Any, list[Any]], list[Any]] = lambda _reader, page: page,
    ) -> Response:
        page = as_read(self.request.user, list(self.paginate_queryset(rows) or ()))
        return self.get_paginated_response(form(page, many=True).data)
