"""From what a list or a VIN says of a vehicle to the battery in it, and from who says a chemistry to how that was assigned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from django.db.models import Q

from collection.models import (
    AssignedChemistry,
    Assignment,
    Battery,
    BatteryModel,
    Confidence,
    Identifier,
    VehicleKind,
    VehiclePattern,
)
from collection.models.assignments import EARLIEST, LATEST
from collection.services.contents import Intensities, settle_content
from collection.services.identifiers import NewIdentifier
from collection.services.reference import least_certain

#: Position 10 of a VIN, from 1980 or, where position 7 is a letter, from 2010 on (49 CFR 565.15).
_YEARS = "ABCDEFGHJKLMNPRSTVWXY123456789"


class Kind(NamedTuple):
    """What is known of a vehicle, as `VehicleKind` keeps it."""

    listed_in: str = ""
    make: str = ""
    name: str = ""
    fuel: str = ""
    year: int | None = None
    vin: str = ""


class Assigned(NamedTuple):
    """What something's chemistry is, and on what that rests: the fields of `AssignedChemistry`, with the model."""

    model_id: int | None = None
    chemistry_id: str | None = None
    chemistry_by: str = Assignment.UNKNOWN.value
    chemistry_confidence: str = ""
    pattern_id: int | None = None


ASSIGNED = Assigned._fields


def kind_of_vin(vin: str) -> Kind:
    """Of a vehicle of which nothing but its VIN is known."""
    return Kind(vin=start_of(vin), year=year_of(vin))


def start_of(vin: str) -> str:
    """What a VIN, or its first ten characters, says of the kind of vehicle: all up to the model year but the check digit. Empty
    where these are not written as VINs are.
    """
    vin = vin.upper()
    if len(vin) < 10 or not all("0" <= c <= "9" or ("A" <= c <= "Z" and c not in "IOQ") for c in vin[:8] + vin[9]):
        return ""
    return f"{vin[:8]}?{vin[9]}"


def year_of(vin: str) -> int | None:
    """The model year of a passenger car or light truck by positions 7 and 10 of its VIN."""
    place = _YEARS.find(vin[9].upper()) if len(vin) >= 10 else -1
    return None if place < 0 else (2010 if vin[6].isalpha() else 1980) + place


class Patterns:
    """All patterns in force with the models that they name, read once (two queries)."""

    def __init__(self, changed: VehiclePattern | None = None) -> None:
        """`changed`: a pattern as it would be, saved or not, in the place of what is stored."""
        rows = [row for row in VehiclePattern.objects.filter(is_active=True) if changed is None or row.pk != changed.pk]
        if changed is not None and changed.is_active:
            rows.append(changed)
        self.models = BatteryModel.objects.in_bulk()
        self._names: dict[tuple[str, str, str, str], list[VehiclePattern]] = defaultdict(list)
        self._vins: dict[str, list[VehiclePattern]] = defaultdict(list)
        makers: dict[tuple[str, str], set[int]] = defaultdict(set)
        for row in rows:
            if row.by == VehiclePattern.By.VIN:
                self._vins[row.positions[:3]].append(row)
                continue
            self._names[row.listed_in, row.make, row.name, row.fuel].append(row)
            if row.model_id is not None:
                makers[row.listed_in, row.make].add(self.models[row.model_id].producer_id)
        for found in self._vins.values():
            found.sort(key=lambda row: (row.positions.count("?"), row.pk or 0))
        self._makers = {make: next(iter(ids)) for make, ids in makers.items() if len(ids) == 1}
        self._resolved: dict[Kind, Assigned] = {}

    def resolve(self, kind: Kind) -> Assigned:
        """By the VIN where that can tell, else by the name."""
        if kind not in self._resolved:
            pattern = self._by_vin(kind) or self._by_name(kind)
            self._resolved[kind] = self._assigned(pattern) if pattern is not None else Assigned()
        return self._resolved[kind]

    def maker(self, kind: Kind) -> int | None:
        """Whose vehicles these are: the producer of the model that they have, or of all the models that the make is known
        to have in the list, where that is one.
        """
        model = self.resolve(kind).model_id
        return self.models[model].producer_id if model else self._makers.get((kind.listed_in, kind.make))

    def _by_vin(self, kind: Kind) -> VehiclePattern | None:
        found = self._vins.get(kind.vin[:3], ()) if kind.vin else ()
        return next((row for row in found if _in_years(row, kind.year) and _fits(kind.vin, row.positions)), None)

    def _by_name(self, kind: Kind) -> VehiclePattern | None:
        found = self._names.get((kind.listed_in, kind.make, kind.name, kind.fuel), ())
        return next((row for row in found if _in_years(row, kind.year)), None)

    def _assigned(self, pattern: VehiclePattern) -> Assigned:
        model = self.models[pattern.model_id] if pattern.model_id else None
        chemistry = model.chemistry_id if model else pattern.chemistry_id
        if chemistry is None:
            return Assigned(pattern_id=pattern.pk)
        by = Assignment.ASSUMED if pattern.is_assumed else Assignment(pattern.by)
        sure = least_certain(pattern.confidence, model.confidence if model else "")
        return Assigned(model.pk if model else None, chemistry, by.value, sure, pattern.pk)


def _in_years(pattern: VehiclePattern, year: int | None) -> bool:
    if year is None:
        return not pattern.has_years
    return (pattern.year_from or EARLIEST) <= year <= (pattern.year_to or LATEST)


def _fits(vin: str, positions: str) -> bool:
    return all(wanted in ("?", found) for found, wanted in zip(vin, positions, strict=False))


def said(
    model: BatteryModel | None, chemistry: str | None, *, is_producer: bool, is_measured: bool = False
) -> Assigned:
    """Somebody says what a battery is, or what was placed: its chemistry, or the model that has one."""
    told = chemistry or (model.chemistry_id if model else None)
    if told is None:
        return Assigned(model.pk if model else None)
    by = Assignment.MEASURED if is_measured else Assignment.PRODUCER if is_producer else Assignment.STATED
    sure = Confidence.WEAK if by == Assignment.STATED else Confidence.READ
    if by == Assignment.STATED and model is not None and told == model.chemistry_id:
        sure = Confidence(least_certain(sure, model.confidence))
    return Assigned(model.pk if model else None, told, by.value, sure.value)


def assign(record: AssignedChemistry, assigned: Assigned) -> None:
    """Set what a record's chemistry is and rests on; saves nothing."""
    for name, value in assigned._asdict().items():
        setattr(record, name, value)


def conclude(batteries: Sequence[Battery], identifiers: Sequence[Sequence[NewIdentifier]]) -> bool:
    """Of batteries of which nobody said model or chemistry, set what their VINs tell, if anything; saves none of them. Says
    whether there were any. Five statements at most, however many there are.
    """
    found = []
    for battery, names in zip(batteries, identifiers, strict=True):
        vin = next((name.normal.value for name in names if name.scheme == Identifier.Scheme.VIN), None)
        if vin and battery.vehicle_id is None and battery.model_id is None and battery.chemistry_id is None:
            found.append((battery, kind_of_vin(vin)))
    if not found:
        return False
    patterns, kept, intensities = Patterns(), keep_kinds({kind for _battery, kind in found}), Intensities()
    for battery, kind in found:
        assigned = patterns.resolve(kind)
        assign(battery, assigned)
        battery.model = patterns.models.get(assigned.model_id or 0)
        battery.vehicle_id = kept[kind]
        settle_content(battery, intensities)
    return True


def keep_kinds(kinds: Collection[Kind]) -> dict[Kind, int]:
    """The ids of these kinds of vehicles, made where they are not there: two statements, however many."""
    if not kinds:
        return {}
    VehicleKind.objects.bulk_create((VehicleKind(**kind._asdict()) for kind in kinds), ignore_conflicts=True)
    named = Q(vin__in={kind.vin for kind in kinds}, make__in={kind.make for kind in kinds})
    rows = VehicleKind.objects.filter(named).values_list(*Kind._fields, "pk")
    return {kind: pk for *said, pk in rows if (kind := Kind(*said)) in kinds}


def kinds_by_id(ids: Iterable[int] | None = None) -> dict[int, Kind]:
    """What is known of kinds of vehicles, of all or of those named."""
    rows = VehicleKind.objects.all() if ids is None else VehicleKind.objects.filter(pk__in=ids)
    return {pk: Kind(*told) for pk, *told in rows.order_by().values_list("pk", *Kind._fields)}
