from __future__ import annotations

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts.admin.forms import VerbForm
from accounts.admin.scoped import Button, PartInline, ScopedAdmin
from collection.models import Chemistry, Condition, Confidence, Facility
from collection.models.batteries import BatteryModel
from recycling.admin.capacity import capacity_page, free_page
from recycling.admin.inspections import InspectForm, ReleaseForm
from recycling.models import (
    Basis,
    CapacityStatement,
    EprScheme,
    Nameplate,
    OperatingStatus,
    Outage,
    Plant,
    PlantStatus,
    ProcessLine,
    Stage,
)
from recycling.queries.capacity import with_status_today
from recycling.services import inspections, plants, reports
from recycling.tasks.reports import enqueue


class SettingsForm(VerbForm):
    mass_tolerance = forms.DecimalField(
        max_digits=5, decimal_places=4, label=gettext_lazy("weighing tolerance"), initial="0.02"
    )
    assay_tolerance = forms.DecimalField(
        max_digits=5, decimal_places=4, label=gettext_lazy("assay tolerance"), initial="0.05"
    )
    discrepancy_days = forms.IntegerField(
        min_value=0, max_value=365, label=gettext_lazy("days to settle a discrepancy"), initial=15
    )
    shows_free_capacity = forms.BooleanField(
        required=False,
        label=gettext_lazy("shows free capacity"),
        help_text=gettext_lazy("Whether every logged-in user may read how much the plant could still take in a week."),
    )

    def scope(self) -> None:
        if isinstance(self.target, Plant):
            self.initial |= {name: getattr(self.target, name) for name in self.fields}


class OpenPlantForm(SettingsForm):
    facility = forms.ModelChoiceField(Facility.objects.all(), label=gettext_lazy("facility"))
    field_order = ("facility",)

    def scope(self) -> None:
        field = self.fields["facility"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Facility.objects.run_by(self.user).filter(plant__isnull=True)


#: `ChangeLineForm.forms` takes the module's name.
_MultipleChoiceField = forms.MultipleChoiceField


class ChangeLineForm(VerbForm):
    chemistries = forms.ModelMultipleChoiceField(
        Chemistry.objects.all(),
        required=False,
        label=gettext_lazy("accepted chemistries"),
        help_text=gettext_lazy("Empty: all."),
    )
    forms = _MultipleChoiceField(
        choices=BatteryModel.Form.choices,
        required=False,
        label=gettext_lazy("accepted forms"),
        help_text=gettext_lazy("Empty: all."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )
    conditions = _MultipleChoiceField(
        choices=Condition.choices,
        required=False,
        label=gettext_lazy("accepted conditions"),
        help_text=gettext_lazy("Empty: all."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    def scope(self) -> None:
        if isinstance(self.target, ProcessLine):
            accepted = {name: getattr(self.target, name) for name in ("forms", "conditions")}
            self.initial |= {"chemistries": self.target.chemistries.all(), **accepted}


class AddLineForm(ChangeLineForm):
    name = forms.CharField(max_length=100, label=gettext_lazy("name"))
    stage = forms.ChoiceField(choices=Stage.choices, label=gettext_lazy("stage"))
    field_order = ("name", "stage")


class NameplateForm(VerbForm):
    t_per_year = forms.DecimalField(
        max_digits=10, decimal_places=3, label=gettext_lazy("nameplate capacity (t per year)")
    )
    basis = forms.ChoiceField(choices=Basis.choices, label=gettext_lazy("basis"))
    valid_from = forms.DateField(label=gettext_lazy("first day"))
    valid_until = forms.DateField(required=False, label=gettext_lazy("last day"))
    source = forms.CharField(max_length=300, label=gettext_lazy("source"))
    confidence = forms.ChoiceField(choices=Confidence.choices, label=gettext_lazy("confidence"))


class StatusForm(VerbForm):
    line = forms.ModelChoiceField(
        ProcessLine.objects.all(),
        required=False,
        label=gettext_lazy("process line"),
        help_text=gettext_lazy("Empty: the whole plant."),
    )
    status = forms.ChoiceField(choices=OperatingStatus.choices, label=gettext_lazy("status"))
    valid_from = forms.DateField(label=gettext_lazy("first day"))
    valid_until = forms.DateField(required=False, label=gettext_lazy("last day"))
    source = forms.CharField(max_length=300, label=gettext_lazy("source"))
    confidence = forms.ChoiceField(choices=Confidence.choices, label=gettext_lazy("confidence"))

    def scope(self) -> None:
        field = self.fields["line"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = ProcessLine.objects.filter(plant=self.target)


class OutageForm(VerbForm):
    first_day = forms.DateField(label=gettext_lazy("first day"))
    last_day = forms.DateField(required=False, label=gettext_lazy("last day"))
    share = forms.DecimalField(
        max_digits=4, decimal_places=3, initial=1, label=gettext_lazy("share of the capacity that is out")
    )
    kind = forms.ChoiceField(choices=Outage.Kind.choices, label=gettext_lazy("kind"))
    reason = forms.CharField(max_length=300, required=False, label=gettext_lazy("reason"))


class EndForm(VerbForm):
    last_day = forms.DateField(label=gettext_lazy("last day"))


class DocumentForm(VerbForm):
    """Of all plants of the recycler in the jurisdiction of this one."""

    scheme = forms.ModelChoiceField(
        EprScheme.objects.filter(shape=EprScheme.Shape.RECYCLER), label=gettext_lazy("stream")
    )
    year = forms.IntegerField(
        min_value=reports.FIRST_YEAR, max_value=reports.LAST_YEAR, label=gettext_lazy("calendar year")
    )


class LineInline(PartInline):
    model = ProcessLine
    fields = ("name", "stage", "forms", "is_active")
    show_change_link = True


class StatusInline(PartInline):
    model = PlantStatus
    fields = ("line", "status", "valid", "source", "confidence")
    ordering = ("line", "-valid")


class StatementInline(PartInline):
    model = CapacityStatement
    fields = ("name", "standing", "stage", "t_per_year", "basis", "year", "source", "confidence", "note")


class NameplateInline(PartInline):
    model = Nameplate
    fields = ("t_per_year", "basis", "valid", "source", "confidence")


class OutageInline(PartInline):
    model = Outage
    fields = ("days", "share", "kind", "reason")

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).visible_to(request.user)


@admin.register(Plant)
class PlantAdmin(ScopedAdmin):
    list_display = ("facility", "operator", "jurisdiction", "status_today", "is_simulated")
    list_filter = ("lines__stage", "facility__jurisdiction")
    list_select_related = ("facility__operator", "facility__jurisdiction")
    search_fields = ("facility__name", "facility__operator__name", "facility__locality")
    inlines = (LineInline, StatusInline, StatementInline)
    list_before_template = "relode/plants.html"
    create = Button(gettext_lazy("Open a plant"), plants.open_plant, OpenPlantForm)
    buttons = (
        Button(gettext_lazy("inspect batteries"), inspections.inspect_many, InspectForm),
        Button(gettext_lazy("release to a further use"), inspections.release_many, ReleaseForm),
        Button(gettext_lazy("add a line"), plants.add_line, AddLineForm),
        Button(gettext_lazy("say whether it runs"), plants.add_status, StatusForm),
        Button(gettext_lazy("change settings"), plants.configure, SettingsForm),
        Button(gettext_lazy("document a year"), reports.document, DocumentForm, after=enqueue),
    )

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("capacity/", wrap(partial(capacity_page, self)), name="recycling_plant_capacity"),
            path("free-capacity/", wrap(partial(free_page, self)), name="recycling_plant_free_capacity"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: Any) -> Any:
        return with_status_today(super().get_queryset(request))

    @admin.display(description=gettext_lazy("operating status"))
    def status_today(self, plant: Any) -> str:
        return str(OperatingStatus(plant.status_today).label) if plant.status_today else _("not known")

    @admin.display(description=gettext_lazy("simulated"), boolean=True, ordering="facility__is_simulated")
    def is_simulated(self, plant: Plant) -> bool:
        return plant.facility.is_simulated

    @admin.display(description=gettext_lazy("operator"), ordering="facility__operator__name")
    def operator(self, plant: Plant) -> str:
        return plant.facility.operator.name

    @admin.display(description=gettext_lazy("jurisdiction"), ordering="facility__jurisdiction")
    def jurisdiction(self, plant: Plant) -> str:
        return str(plant.facility.jurisdiction)


@admin.register(ProcessLine)
class ProcessLineAdmin(ScopedAdmin):
    list_display = ("name", "plant", "stage", "is_active")
    list_filter = ("stage", "is_active")
    list_select_related = ("plant__facility",)
    search_fields = ("name", "plant__facility__name")
    inlines = (NameplateInline, OutageInline)
    buttons = (
        Button(gettext_lazy("report an outage"), plants.add_outage, OutageForm),
        Button(gettext_lazy("add a nameplate capacity"), plants.add_nameplate, NameplateForm),
        Button(gettext_lazy("change what it accepts"), plants.change_line, ChangeLineForm),
        Button(gettext_lazy("take out of use"), plants.deactivate_line, is_final=True),
        Button(gettext_lazy("take into use again"), plants.activate_line),
    )


@admin.register(PlantStatus)
class PlantStatusAdmin(ScopedAdmin):
    list_display = ("plant", "line", "status", "valid", "source", "confidence")
    list_filter = ("status", "confidence", "plant__facility__jurisdiction")
    list_select_related = ("plant__facility", "line__plant__facility")
    search_fields = ("plant__facility__name", "source")
    buttons = (Button(gettext_lazy("end"), plants.end_status, EndForm),)


@admin.register(Nameplate)
class NameplateAdmin(ScopedAdmin):
    list_display = ("line", "t_per_year", "basis", "valid", "source", "confidence")
    list_filter = ("basis", "confidence")
    list_select_related = ("line__plant__facility",)
    search_fields = ("line__plant__facility__name", "source")
    buttons = (Button(gettext_lazy("end"), plants.end_nameplate, EndForm),)


@admin.register(Outage)
class OutageAdmin(ScopedAdmin):
    list_display = ("line", "days", "share", "kind", "reason")
    list_filter = ("kind",)
    list_select_related = ("line__plant__facility",)
    search_fields = ("line__plant__facility__name", "reason")
    buttons = (Button(gettext_lazy("end"), plants.end_outage, EndForm),)
