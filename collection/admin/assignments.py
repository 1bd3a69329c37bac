from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from accounts.admin.forms import VerbForm
from accounts.admin.scoped import Button, ReferenceAdmin, ScopedAdmin, actor_of
from collection.admin.reference import FactAdmin
from collection.models import AssignmentRun, VehicleKind, VehiclePattern
from collection.services import assignments
from collection.tasks import assignments as tasks

#: Changes that the page of a preview lists; the sums are of all.
SHOWN = 200

#: Instead of a pattern's key, in the address of a preview.
ALL = "all"

#: Seconds after which the page of a run that is not over is loaded again.
AGAIN = 2


@admin.register(VehiclePattern)
class VehiclePatternAdmin(FactAdmin):
    """Edited by the platform. What rests on a pattern is shown before and changed by a run of its own."""

    list_display = (
        "make", "by", "name", "positions", "fuel", "year_from", "year_to", "model", "chemistry", "is_assumed",
        "is_active", "confidence", "is_verified",
    )  # fmt: skip
    list_filter = ("by", "listed_in", "is_assumed", "is_active", "confidence", "make")
    list_select_related = ("model", "chemistry")
    search_fields = ("make", "name", "positions", "model__code", "model__name")
    autocomplete_fields = ("model",)
    readonly_fields = ("code",)
    change_form_outer_before_template = "relode/pattern.html"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Something may rest on it: it is taken out of force instead."""
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preview_view)
        own = [path("<path:object_id>/preview/", view, name="collection_vehiclepattern_preview")]
        return own + super().get_urls()  # type: ignore[no-any-return]

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Asked for a preview, what is typed is looked at and not stored."""
        extra_context = {**(extra_context or {}), **(self._about(object_id) if object_id else {})}
        if request.method == "POST" and "_preview" in request.POST and self.has_change_permission(request):
            stored = self.get_object(request, object_id) if object_id else None
            form = self.get_form(request, stored)(request.POST, instance=stored)
            if form.is_valid():
                return self._preview(request, typed=form.instance)
        return super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[no-any-return]

    def _about(self, object_id: str) -> dict[str, Any]:
        past = VehiclePattern.pgh_event_model.objects.filter(pgh_obj_id=object_id)  # type: ignore[attr-defined]
        return {
            "past": past.select_related("model").order_by("-pgh_id"),
            "preview_address": reverse("admin:collection_vehiclepattern_preview", args=[object_id]),
        }

    def save_model(self, request: HttpRequest, obj: VehiclePattern, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        messages.info(
            request, _("What is imported from now on follows it. What is there already does once it is resolved anew.")
        )

    def response_change(self, request: HttpRequest, obj: VehiclePattern) -> HttpResponse:
        if "_save" in request.POST:
            return HttpResponseRedirect(reverse("admin:collection_vehiclepattern_preview", args=[obj.pk]))
        return super().response_change(request, obj)  # type: ignore[no-any-return]

    def response_add(self, request: HttpRequest, obj: VehiclePattern, post_url_continue: Any = None) -> HttpResponse:
        if "_save" in request.POST:
            return HttpResponseRedirect(reverse("admin:collection_vehiclepattern_preview", args=[obj.pk]))
        return super().response_add(request, obj, post_url_continue)  # type: ignore[no-any-return]

    def preview_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What would change if what rests on one pattern (or `all`) were resolved anew now."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        stored = self.get_object(request, object_id) if object_id != ALL else None
        if stored is None and object_id != ALL:
            raise Http404
        return self._preview(request, stored=stored)

    def _preview(
        self, request: HttpRequest, *, typed: VehiclePattern | None = None, stored: VehiclePattern | None = None
    ) -> HttpResponse:
        found = assignments.preview(actor=actor_of(request), pattern=typed, only=stored)
        context = {
            **self.admin_site.each_context(request),
            "title": _("What would change"),
            "opts": self.opts,
            "original": stored or typed,
            "is_stored": typed is None,
            "preview": found,
            "shown": found.changes[:SHOWN],
            "more": max(0, len(found.changes) - SHOWN),
            "resolve": reverse("admin:collection_assignmentrun_add"),
            "pattern": stored.pk if stored is not None else "",
        }
        return TemplateResponse(request, "relode/assignment_preview.html", context)


@admin.register(VehicleKind)
class VehicleKindAdmin(ReferenceAdmin):
    """What lists and VINs said; nobody edits that."""

    list_display = ("make", "name", "fuel", "year", "vin", "listed_in")
    list_filter = ("listed_in", "fuel")
    search_fields = ("make", "name", "vin")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ResolveForm(VerbForm):
    pattern = forms.ModelChoiceField(
        VehiclePattern.objects.all(),
        required=False,
        label=gettext_lazy("pattern"),
        help_text=gettext_lazy("Only what rests on it, or would. Empty: all."),
    )


@admin.register(AssignmentRun)
class AssignmentRunAdmin(ScopedAdmin):
    list_display = (
        "__str__",
        "status",
        "how_far",
        "rows_total",
        "rows_kept",
        "requested_by",
        "requested_at",
        "finished_at",
    )
    list_filter = ("status",)
    list_select_related = ("pattern", "requested_by")
    create = Button(gettext_lazy("Resolve packs anew"), assignments.request, ResolveForm, after=tasks.enqueue)
    buttons = (Button(gettext_lazy("cancel"), assignments.cancel, is_final=True),)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        response = super().change_view(request, object_id, form_url, extra_context)
        record = self.get_object(request, object_id)
        if record is not None and record.finished_at is None:
            response["Refresh"] = str(AGAIN)
        return response

    @display(description=gettext_lazy("progress (%)"))
    def how_far(self, run: AssignmentRun) -> int:
        return run.progress
