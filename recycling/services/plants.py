"""Plants, their lines, what these are built for, and when they stand still."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import DateRangeField
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import DateField, Func, Value
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Role
from accounts.verbs import verb
from collection.models import Chemistry, Condition, Confidence, Facility
from collection.models.batteries import BatteryModel
from recycling.models import Basis, Nameplate, OperatingStatus, Outage, Plant, PlantStatus, ProcessLine, Stage

#: A nameplate above this (t a year) is a slip of the pen: it is more than all of North America has today, tenfold.
MOST_T_PER_YEAR = Decimal(9_999_999)


def lock_plant(plant: Plant) -> Plant:
    """The plant as it is now, locked, with its operator."""
    return Plant.objects.select_for_update(of=("self",)).select_related("facility__operator").get(pk=plant.pk)


def lock_line(line: ProcessLine) -> ProcessLine:
    """The line as it is now, locked, with its plant and operator."""
    lines = ProcessLine.objects.select_for_update(of=("self",)).select_related("plant__facility__operator")
    return lines.get(pk=line.pk)


def _lock_nameplate(nameplate: Nameplate) -> Nameplate:
    """The nameplate as it is now; its line is locked."""
    line = lock_line(nameplate.line)
    nameplate.refresh_from_db()
    nameplate.line = line
    return nameplate


def _lock_status(period: PlantStatus) -> PlantStatus:
    """The operating status of a period as it is now; its plant is locked."""
    plant = lock_plant(period.plant)
    period.refresh_from_db()
    period.plant = plant
    return period


def _lock_outage(outage: Outage) -> Outage:
    """The outage as it is now; its line is locked."""
    line = lock_line(outage.line)
    outage.refresh_from_db()
    outage.line = line
    return outage


@verb(of="facility__operator", role=Role.MANAGER)
def open_plant(
    *,
    actor: Actor,
    facility: Facility,
    mass_tolerance: Decimal = Decimal("0.02"),
    assay_tolerance: Decimal = Decimal("0.05"),
    discrepancy_days: int = 15,
    shows_free_capacity: bool = False,
) -> Plant:
    """A facility of the actor's organization recycles from now on. Needs a manager."""
    facility = Facility.objects.select_for_update(of=("self",)).select_related("operator").get(pk=facility.pk)
    if Plant.objects.filter(facility=facility).exists():
        raise Refused(_("This facility already is a plant."), field="facility", code="duplicate")
    plant = Plant(facility=facility, shows_free_capacity=shows_free_capacity)
    return _settle(plant, mass_tolerance, assay_tolerance, discrepancy_days)


@verb(lock_plant, of="plant__facility__operator", role=Role.MANAGER)
def configure(
    *,
    actor: Actor,
    plant: Plant,
    mass_tolerance: Decimal | None = None,
    assay_tolerance: Decimal | None = None,
    discrepancy_days: int | None = None,
    shows_free_capacity: bool | None = None,
) -> Plant:
    """Change a plant's own settings; what is left out stays. Needs a manager."""
    if shows_free_capacity is not None:
        plant.shows_free_capacity = shows_free_capacity
    return _settle(
        plant,
        plant.mass_tolerance if mass_tolerance is None else mass_tolerance,
        plant.assay_tolerance if assay_tolerance is None else assay_tolerance,
        plant.discrepancy_days if discrepancy_days is None else discrepancy_days,
    )


def _settle(plant: Plant, mass_tolerance: Decimal, assay_tolerance: Decimal, discrepancy_days: int) -> Plant:
    for field, share in (("mass_tolerance", mass_tolerance), ("assay_tolerance", assay_tolerance)):
        if not share.is_finite() or not 0 <= share <= 1:
            raise Invalid(_("A tolerance is a share from 0 to 1."), field=field)
    if not 0 <= discrepancy_days <= 365:
        raise Invalid(_("Give 0 to 365 days."), field="discrepancy_days")
    plant.mass_tolerance, plant.assay_tolerance = mass_tolerance, assay_tolerance
    plant.discrepancy_days = discrepancy_days
    plant.save()
    return plant


@verb(lock_plant, of="plant__facility__operator", role=Role.MANAGER)
def add_line(
    *,
    actor: Actor,
    plant: Plant,
    name: str,
    stage: str,
    chemistries: Iterable[Chemistry] = (),
    forms: Sequence[str] = (),
    conditions: Sequence[str] = (),
) -> ProcessLine:
    """Add a line. Without chemistries, forms or conditions it accepts all of them. Needs a manager."""
    name = rules.text(name, field="name", longest=100)
    if stage not in Stage.values:
        raise Invalid(_("“%(value)s” is no stage.") % {"value": stage}, field="stage")
    _check_forms(forms)
    _check_conditions(conditions)
    if plant.lines.filter(name=name).exists():
        raise Refused(_("The plant already has a line “%(name)s”.") % {"name": name}, field="name", code="duplicate")
    line = ProcessLine.objects.create(
        plant=plant, name=name, stage=stage, forms=list(forms), conditions=list(conditions)
    )
    line.chemistries.set(chemistries)
    return line


@verb(lock_line, of="line__plant__facility__operator", role=Role.MANAGER)
def change_line(
    *,
    actor: Actor,
    line: ProcessLine,
    is_active: bool | None = None,
    chemistries: Iterable[Chemistry] | None = None,
    forms: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
) -> ProcessLine:
    """Change what a line accepts, or take it out of use and back; to say again what holds is no change. Needs a manager."""
    if forms is not None:
        _check_forms(forms)
        line.forms = list(forms)
        line.save(update_fields=["forms"])
    if conditions is not None:
        _check_conditions(conditions)
        line.conditions = list(conditions)
        line.save(update_fields=["conditions"])
    if is_active is not None and is_active != line.is_active:
        (activate_line if is_active else deactivate_line)(actor=actor, line=line)
        line.is_active = is_active
    if chemistries is not None:
        line.chemistries.set(chemistries)
    return line


@verb(lock_line, of="line__plant__facility__operator", role=Role.MANAGER, field="is_active", when=[False])
def activate_line(*, actor: Actor, line: ProcessLine) -> ProcessLine:
    """A line is in use again, and operates from today on. Needs a manager."""
    line.is_active = True
    line.save(update_fields=["is_active"])
    _from_today(line, OperatingStatus.OPERATING, _("in use again, says the operator"))
    return line


@verb(lock_line, of="line__plant__facility__operator", role=Role.MANAGER, field="is_active", when=[True])
def deactivate_line(*, actor: Actor, line: ProcessLine) -> ProcessLine:
    """A line is out of use: no batch is opened on it, and it is paused from today on. Needs a manager."""
    line.is_active = False
    line.save(update_fields=["is_active"])
    _from_today(line, OperatingStatus.PAUSED, _("out of use, says the operator"))
    return line


def _from_today(line: ProcessLine, status: str, source: str) -> None:
    """The line has this status from today on, until what was said to follow."""
    plant = lock_plant(line.plant)
    today = timezone.localdate(timezone=ZoneInfo(plant.facility.time_zone))
    said = PlantStatus.objects.filter(plant=plant, line=line)
    now = said.filter(valid__contains=today).first()
    fields = {"status": status, "source": source, "confidence": Confidence.READ}
    if now is not None and now.valid.lower == today:
        PlantStatus.objects.filter(pk=now.pk).update(**fields)
        return
    if now is not None:
        until = now.valid.upper
        PlantStatus.objects.filter(pk=now.pk).update(valid=DateRange(now.valid.lower, today))
    else:
        following = said.filter(valid__startswith__gt=today).order_by("valid").first()
        until = following.valid.lower if following is not None else None
    PlantStatus.objects.create(plant=plant, line=line, valid=DateRange(today, until), **fields)


@verb(lock_line, of="line__plant__facility__operator", role=Role.MANAGER)
def add_nameplate(
    *,
    actor: Actor,
    line: ProcessLine,
    t_per_year: Decimal,
    valid_from: date,
    source: str,
    valid_until: date | None = None,
    basis: str = Basis.INPUT,
    confidence: str = Confidence.READ,
) -> Nameplate:
    """Say what a line is built for, from its start-up on or for a period (last day included). Needs a manager."""
    if not t_per_year.is_finite() or not 0 < t_per_year <= MOST_T_PER_YEAR:
        raise Invalid(_("A capacity is more than nothing, and less than ten million t a year."), field="t_per_year")
    if basis not in Basis.values:
        raise Invalid(_("“%(value)s” is no basis.") % {"value": basis}, field="basis")
    source = rules.text(source, field="source", longest=300)
    if confidence not in Confidence.values:
        raise Invalid(_("“%(value)s” is no confidence.") % {"value": confidence}, field="confidence")
    valid = _period(valid_from, valid_until, first="valid_from", last="valid_until")
    other = line.nameplates.filter(valid__overlap=valid).first()
    if other is not None:
        raise _overlap(other.valid, "valid_from")
    return Nameplate.objects.create(
        line=line,
        t_per_year=t_per_year,
        basis=basis,
        valid=valid,
        source=source,
        confidence=confidence,
    )


@verb(_lock_nameplate, of="nameplate__line__plant__facility__operator", role=Role.MANAGER)
def end_nameplate(*, actor: Actor, nameplate: Nameplate, last_day: date) -> Nameplate:
    """A nameplate holds no longer than `last_day`; the line may then get another. Needs a manager."""
    nameplate.valid = _shortened(nameplate.valid, last_day)
    nameplate.save(update_fields=["valid"])
    return nameplate


@verb(lock_plant, of="plant__facility__operator", role=Role.MANAGER)
def add_status(
    *,
    actor: Actor,
    plant: Plant,
    status: str,
    valid_from: date,
    source: str,
    valid_until: date | None = None,
    line: ProcessLine | None = None,
    confidence: str = Confidence.READ,
) -> PlantStatus:
    """Say that a plant, or one line of it, is planned, being built, operating, curtailed, paused or closed, from a day on or
    for a period (last day included). What goes on until further notice ends with the day before. Needs a manager.
    """
    if status not in OperatingStatus.values:
        raise Invalid(_("“%(value)s” is no operating status.") % {"value": status}, field="status")
    if line is not None and line.plant_id != plant.pk:
        raise Invalid(_("This line is of another plant."), field="line", code="not_here")
    source = rules.text(source, field="source", longest=300)
    if confidence not in Confidence.values:
        raise Invalid(_("“%(value)s” is no confidence.") % {"value": confidence}, field="confidence")
    valid = _period(valid_from, valid_until, first="valid_from", last="valid_until")
    others = PlantStatus.objects.filter(plant=plant, line=line)
    others.filter(valid__endswith__isnull=True, valid__startswith__lt=valid_from).update(
        valid=Func(
            Func("valid", function="lower", output_field=DateField()),
            Value(valid_from, DateField()),
            function="daterange",
            output_field=DateRangeField(),
        )
    )
    other = others.filter(valid__overlap=valid).first()
    if other is not None:
        raise _overlap(other.valid, "valid_from")
    return PlantStatus.objects.create(
        plant=plant, line=line, status=status, valid=valid, source=source, confidence=confidence
    )


@verb(_lock_status, of="period__plant__facility__operator", role=Role.MANAGER)
def end_status(*, actor: Actor, period: PlantStatus, last_day: date) -> PlantStatus:
    """An operating status holds no longer than `last_day`; after it nothing is known. Needs a manager."""
    period.valid = _shortened(period.valid, last_day)
    period.save(update_fields=["valid"])
    return period


@verb(lock_line, of="line__plant__facility__operator")
def add_outage(
    *,
    actor: Actor,
    line: ProcessLine,
    first_day: date,
    kind: str,
    last_day: date | None = None,
    share: Decimal = Decimal(1),
    reason: str = "",
) -> Outage:
    """A line does not run, or not fully, from `first_day`; without a last day until `end_outage`."""
    if kind not in Outage.Kind.values:
        raise Invalid(_("“%(value)s” is no kind of outage.") % {"value": kind}, field="kind")
    if not share.is_finite() or not 0 < share <= 1 or share != round(share, 3):
        raise Invalid(_("The share that is out is more than 0, at most 1, in thousandths."), field="share")
    reason = rules.text(reason, field="reason", longest=300, shortest=0)
    days = _period(first_day, last_day, first="first_day", last="last_day")
    other = line.outages.filter(days__overlap=days).first()
    if other is not None:
        raise _overlap(other.days, "first_day")
    return Outage.objects.create(line=line, days=days, share=share, kind=kind, reason=reason)


@verb(_lock_outage, of="outage__line__plant__facility__operator")
def end_outage(*, actor: Actor, outage: Outage, last_day: date) -> Outage:
    """An outage ends with `last_day`."""
    outage.days = _shortened(outage.days, last_day)
    outage.save(update_fields=["days"])
    return outage


def _check_forms(forms: Sequence[str]) -> None:
    for index, form in enumerate(forms):
        if form not in BatteryModel.Form.values:
            raise Invalid(_("“%(value)s” is no form of batteries.") % {"value": form}, field=f"forms.{index}")


def _check_conditions(conditions: Sequence[str]) -> None:
    for index, condition in enumerate(conditions):
        if condition not in Condition.values:
            raise Invalid(_("“%(value)s” is no condition.") % {"value": condition}, field=f"conditions.{index}")


def _period(first_day: date, last_day: date | None, *, first: str, last: str) -> DateRange:
    if last_day is not None and last_day < first_day:
        raise Invalid(_("The last day is before the first."), field=last)
    if first_day.year < 1990:
        raise Invalid(_("This day is too long ago."), field=first)
    return DateRange(first_day, _day_after(last_day, last) if last_day is not None else None)


def _shortened(period: DateRange, last_day: date) -> DateRange:
    if period.lower is not None and last_day < period.lower:
        raise Invalid(_("It began on %(day)s, after this.") % {"day": period.lower}, field="last_day")
    end = _day_after(last_day, "last_day")
    if period.upper is not None and end > period.upper:
        raise Refused(
            _("It already ends on %(day)s.") % {"day": _last_day_before(period.upper)}, field="last_day", code="overlap"
        )
    return DateRange(period.lower, end)


def _day_after(day: date, field: str) -> date:
    if day.year > 2200:
        raise Invalid(_("This day is too far away; leave it out if there is none."), field=field)
    return date.fromordinal(day.toordinal() + 1)


def _last_day_before(end: date) -> date:
    """The last day of a period whose upper bound, excluded, is `end`."""
    return date.fromordinal(end.toordinal() - 1)


def _overlap(period: DateRange, field: str) -> Refused:
    until = _last_day_before(period.upper).isoformat() if period.upper is not None else _("further notice")
    return Refused(
        _("This overlaps the period from %(first)s until %(last)s.") % {"first": period.lower, "last": until},
        field=field,
        code="overlap",
    )
