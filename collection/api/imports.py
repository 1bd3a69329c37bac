from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.doors import VerbsField, door, opens
from accounts.api.filters import FilterSet
from accounts.api.parsers import JSONParser
from accounts.api.records import RecordSerializer
from accounts.api.renderers import CsvDownload
from accounts.api.viewsets import VisibleRelatedField, VisibleViewSet
from accounts.models import Organization
from collection import csv_out
from collection.models import ImportRowError, ImportRun
from collection.services import imports
from collection.tasks import imports as tasks


class ImportOut(RecordSerializer[ImportRun]):
    verbs = VerbsField()

    class Meta:
        model = ImportRun
        fields = (
            "id", "status", "kind", "organization", "filename", "sha256", "skip_bad_rows", "rows_read", "rows_total",
            "rows_created", "rows_unchanged", "rows_bad", "message", "requested_at", "heartbeat_at", "finished_at",
            "verbs",
        )  # fmt: skip
        read_only_fields = fields


class RowErrorOut(RecordSerializer[ImportRowError]):
    class Meta:
        model = ImportRowError
        fields = ("line", "field", "message", "value")
        read_only_fields = fields


class ImportIn(serializers.Serializer[Any]):
    """A CSV file (UTF-8; plain, gzip or xz) with a header row, and what it holds.

    Columns, those in brackets may be left out. collection_points: name, kind, jurisdiction, [key, address, locality,
    postal_code, latitude, longitude, time_zone, contact, notes]. batteries: scheme, value, [issuer, vin, model,
    producer, chemistry, rated_kwh, mass, mass_unit, form, placed_in, placed_on, condition, facility, given_up_at].
    market_placements: key, jurisdiction, period_start, period_end, units, [model, chemistry, mass_kg, description,
    source]. intake_weighings: ticket, shipment, weighed_at, gross, tare, [plant, unit, scheme, issuer, value,
    received_mass, mass_unit, rejected_because].
    """

    organization = VisibleRelatedField(queryset=Organization.objects.all())
    kind = serializers.ChoiceField(choices=ImportRun.Kind.choices)
    file = serializers.FileField(allow_empty_file=True)
    skip_bad_rows = serializers.BooleanField(default=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        """What the service takes is the name of the file and what is in it."""
        file: UploadedFile = given.pop("file")
        return {**given, "filename": file.name or "", "content": file}


class ImportFilter(FilterSet):
    class Meta:
        model = ImportRun
        fields = ("status", "kind", "organization", "sha256")


class ImportViewSet(VisibleViewSet):
    """Imports of files: all rows or, if bad ones are to be skipped, all good ones. The same file twice is once."""

    queryset = ImportRun.objects.all()
    serializer_class = ImportOut
    filterset_class = ImportFilter
    ordering_fields = ("id", "requested_at", "finished_at")
    parser_classes = (MultiPartParser, JSONParser)

    create = opens(imports.request, ImportIn, after=tasks.enqueue)
    cancel = door(imports.cancel)

    @extend_schema(responses=RowErrorOut(many=True), filters=False)
    @action(detail=True)
    def errors(self, request: Request, pk: str) -> Response:
        """What is wrong with which rows."""
        rows = ImportRowError.objects.filter(run=self.get_object())
        self.ordering, self.ordering_fields = ("line", "pk"), ("line",)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(RowErrorOut(page, many=True).data)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=True, url_path="errors-csv", renderer_classes=(JSONRenderer, CsvDownload))
    def errors_csv(self, request: Request, pk: str) -> HttpResponseBase:
        """What is wrong with which rows, as a CSV file."""
        return errors_as_csv(self.get_object())


def errors_as_csv(run: ImportRun) -> HttpResponseBase:
    """The faults of an import as a file, the way a spreadsheet can open it safely."""
    rows = run.errors.order_by("line", "pk").values_list("line", "field", "message", "value")
    return csv_out.stream(f"import-{run.pk}-errors.csv", ["line", "field", "message", "value"], rows.iterator())
