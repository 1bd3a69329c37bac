from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy

from accounts.actors import Actor
from accounts.admin.forms import VerbForm
from accounts.admin.scoped import Button, PartInline, ScopedAdmin
from accounts.models import Organization
from collection import csv_out
from collection.models import ImportRowError, ImportRun, ImportStatus
from collection.services import imports
from collection.services.imports import importing
from collection.tasks import imports as tasks

#: Seconds after which the page of an import that is not over is loaded again.
AGAIN = 2
_NOT_OVER = (ImportStatus.QUEUED, ImportStatus.RUNNING)


class UploadForm(VerbForm):
    organization = forms.ModelChoiceField(Organization.objects.all(), label=gettext_lazy("in the name of"))
    kind = forms.ChoiceField(choices=ImportRun.Kind.choices, label=gettext_lazy("what the file holds"))
    file = forms.FileField(
        label=gettext_lazy("file"),
        help_text=gettext_lazy("CSV in UTF-8 with a header row; plain, or packed by gzip or xz."),
    )
    skip_bad_rows = forms.BooleanField(required=False, label=gettext_lazy("import the good rows even if some are bad"))

    def scope(self) -> None:
        """Those of the user's organizations that may import at all; regulators only read."""
        field = self.fields["organization"]
        assert isinstance(field, forms.ModelChoiceField)
        if not self.user.is_superuser:
            field.queryset = Organization.objects.filter(pk__in=[o.pk for o in importing(Actor.of(self.user))])
        own = list(field.queryset[:2]) if field.queryset is not None else []
        if len(own) == 1:
            field.initial = own[0]

    def arguments(self) -> dict[str, Any]:
        given = super().arguments()
        file: UploadedFile = given.pop("file")
        return {**given, "filename": file.name or "", "content": file}


class RowErrorInline(PartInline):
    model = ImportRowError
    fields = ("line", "field", "message", "value")
    ordering = ("line", "pk")


@admin.register(ImportRun)
class ImportRunAdmin(ScopedAdmin):
    list_display = (
        "__str__", "organization", "status", "rows_read", "rows_created", "rows_unchanged", "rows_bad", "requested_at",
    )  # fmt: skip
    list_filter = ("status", "kind")
    list_select_related = ("organization",)
    search_fields = ("filename", "sha256", "organization__name")
    search_help_text = gettext_lazy("A file, its hash, or an organization.")
    date_hierarchy = "requested_at"
    inlines = (RowErrorInline,)
    create = Button(gettext_lazy("Import a file"), imports.request, UploadForm, after=tasks.enqueue)
    buttons = (Button(gettext_lazy("cancel"), imports.cancel, is_final=True),)
    change_form_outer_before_template = "relode/import.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.errors_view)
        own = [path("<path:object_id>/errors.csv", view, name="collection_importrun_errors")]
        return own + super().get_urls()

    def about(self, request: HttpRequest, record: ImportRun) -> dict[str, Any]:
        share = round(100 * record.rows_read / record.rows_total) if record.rows_total else 0
        return {
            "share": 100 if record.status == ImportStatus.DONE else min(share, 100),
            "is_over": record.status not in _NOT_OVER,
            "errors_address": reverse("admin:collection_importrun_errors", args=[record.pk]) if record.rows_bad else "",
        }

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        record = self.get_object(request, object_id)
        if record is not None and record.status in _NOT_OVER:
            response["Refresh"] = str(AGAIN)
        return response

    def errors_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The errors of an import as a CSV file."""
        record = self.get_object(request, object_id)
        if record is None:
            raise Http404
        rows = record.errors.order_by("line", "pk").values_list("line", "field", "message", "value")
        name = f"import-{record.pk}-errors.csv"
        return csv_out.stream(name, ["line", "field", "message", "value"], rows.iterator())
