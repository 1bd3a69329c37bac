"""What may be put on a shipment, and together with what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from accounts import rules
from accounts.errors import Invalid, Refused
from collection.models import Battery, Facility, Lot, Package, Shipment, ShipmentLine
from collection.services import custody
from collection.units import Unit, check_mass


@dataclass(frozen=True)
class NewPackage:
    """A packaging unit for `sound` or for `damaged` batteries."""

    label: str
    kind: str = Package.Kind.SOUND
    packing_instruction: str = ""
    un_number: str = ""


@dataclass(frozen=True)
class NewLine:
    """A battery or a lot to put on a shipment, in which package, and its declared mass (else its own)."""

    battery: int | None = None
    lot: int | None = None
    package: str = ""
    declared_value: Decimal | None = None
    unit: str = Unit.KG


def add(shipment: Shipment, lines: Sequence[NewLine], packages: Sequence[NewPackage]) -> None:
    """Put lines and packages on a locked draft: the same number of statements for any number of lines."""
    batteries = {b.pk: b for b in custody.lock_batteries(line.battery for line in lines if line.battery)}
    lots = {lot.pk: lot for lot in custody.lock_lots(line.lot for line in lines if line.lot)}
    boxes = _add_packages(shipment, packages)
    rows = []
    for index, line in enumerate(lines):
        where = f"lines.{index}"
        thing = _find(line, shipment.origin, batteries, lots, where)
        if line.declared_value is not None:
            check_mass(line.declared_value, line.unit, field=f"{where}.declared_value", unit_field=f"{where}.unit")
        package = boxes.get(line.package) if line.package else None
        if line.package and package is None:
            raise Invalid(_("There is no package “%(label)s”.") % {"label": line.package}, field=f"{where}.package")
        if package is not None and isinstance(thing, Battery):
            check_box(package, thing, f"{where}.package")
        value, unit = (
            (line.declared_value, line.unit) if line.declared_value is not None else (thing.mass_value, thing.mass_unit)
        )
        kind = "battery" if isinstance(thing, Battery) else "lot"
        rows.append(ShipmentLine(shipment=shipment, package=package, declared_value=value, unit=unit, **{kind: thing}))
    check_free(rows)
    ShipmentLine.objects.bulk_create(rows)


def _find(
    line: NewLine, origin: Facility, batteries: Mapping[int, Battery], lots: Mapping[int, Lot], where: str
) -> Battery | Lot:
    if (line.battery is None) == (line.lot is None):
        raise Invalid(_("A line is either a battery or a lot."), field=where)
    thing: Battery | Lot | None
    if line.battery is not None:
        kind, thing = "battery", batteries.get(line.battery)
    else:
        kind, thing = "lot", lots.get(line.lot or 0)
    if thing is None or thing.facility_id != origin.pk:
        # One sentence for both, so that nobody learns of things that are not here.
        raise Invalid(
            _("There is no such %(kind)s at %(facility)s.") % {"kind": kind, "facility": origin},
            field=f"{where}.{kind}",
            code="not_here",
        )
    return thing


def _add_packages(shipment: Shipment, packages: Sequence[NewPackage]) -> dict[str, Package]:
    boxes = {package.label: package for package in shipment.packages.all()}
    new_boxes = []
    for index, new in enumerate(packages):
        label = rules.number(new.label, field=f"packages.{index}.label", longest=40)
        if new.kind not in Package.Kind.values:
            raise Invalid(_("“%(kind)s” is no kind of package.") % {"kind": new.kind}, field=f"packages.{index}.kind")
        if label in boxes:
            raise Invalid(
                _("There already is a package “%(label)s”.") % {"label": label},
                field=f"packages.{index}.label",
                code="duplicate",
            )
        boxes[label] = Package(
            shipment=shipment,
            label=label,
            kind=new.kind,
            packing_instruction=new.packing_instruction,
            un_number=new.un_number,
        )
        rules.check_lengths(boxes[label], prefix=f"packages.{index}.")
        new_boxes.append(boxes[label])
    Package.objects.bulk_create(new_boxes)
    return boxes


def check_box(package: Package, battery: Battery, field: str) -> None:
    """Damaged, defective and recalled batteries never share a package with sound ones (49 CFR 173.185(f))."""
    if (package.kind == Package.Kind.DAMAGED) != battery.travels_as_damaged:
        raise Refused(
            _(
                "%(battery)s is %(condition)s and may not be packed in “%(label)s”: damaged, defective or recalled "
                "batteries never share a package with sound ones (49 CFR 173.185(f))."
            )
            % {"battery": battery, "condition": battery.get_condition_display(), "label": package.label},
            field=field,
            code="damaged_apart",
        )


def check_packing(lines: Sequence[ShipmentLine], batteries: Sequence[Battery]) -> None:
    """Condition may have changed since it was packed; a damaged battery travels in a package of its own kind."""
    by_id = {battery.pk: battery for battery in batteries}
    for line in lines:
        battery = by_id.get(line.battery_id or 0)
        if battery is None:
            continue
        if line.package is not None:
            check_box(line.package, battery, "lines")
        elif battery.travels_as_damaged:
            raise Refused(
                _("%(battery)s is %(condition)s and needs a package for damaged, defective or recalled batteries.")
                % {"battery": battery, "condition": battery.get_condition_display()},
                field="lines",
                code="damaged_apart",
            )


def check_free(rows: Sequence[ShipmentLine], *, prefix: str = "lines") -> None:
    """Nothing is on two open shipments, nor twice on one. The things are locked."""
    for of in ("battery", "lot"):
        times = Counter(getattr(row, f"{of}_id") for row in rows)
        open_lines = ShipmentLine.objects.filter(outcome=ShipmentLine.Outcome.OPEN)
        busy = set(open_lines.filter(**{f"{of}__in": [pk for pk in times if pk]}).values_list(of, flat=True))
        for index, row in enumerate(rows):
            thing = getattr(row, f"{of}_id")
            if thing and (thing in busy or times[thing] > 1):
                raise Refused(
                    _("%(thing)s is already on an open shipment.") % {"thing": getattr(row, of)},
                    field=f"{prefix}.{index}.{of}",
                    code="duplicate",
                )


def check_here(origin: Facility, batteries: Sequence[Battery], lots: Sequence[Lot]) -> None:
    """What is to leave `origin` must be there."""
    things: list[Battery | Lot] = [*batteries, *lots]
    for thing in things:
        if thing.facility_id != origin.pk:
            raise Refused(
                _("%(thing)s is not at %(facility)s.") % {"thing": thing, "facility": origin},
                field="lines",
                code="not_here",
            )
