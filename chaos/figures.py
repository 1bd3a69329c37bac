"""What is in the books, by names that do not depend on who came first. Run as a program, it prints them.

Ids, and the instants at which something was recorded, differ from one day to the next; nothing else may.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

#: Rows that come and go with the day's luck: log-ins, and what is waiting to be worked off.
PASSING = {"accounts.Mail", "recycling.TallyDue"}


def read() -> dict[str, Any]:
    """Counts of everything; the ledger, masses, factors, figures and utilization in full."""
    return {
        "counts": _counts(),
        "commands": _rows(_commands(), "key", "status"),
        "ledger": _ledger(),
        "masses": _masses(),
        "factors": _factors(),
        "report": _report(),
        "utilization": _utilization(),
    }


def _counts() -> dict[str, int]:
    from django.apps import apps

    models = [
        model for app in ("accounts", "collection", "recycling") for model in apps.get_app_config(app).get_models()
    ]
    own = [model for model in models if not model._meta.proxy and not model.__name__.endswith("Event")]
    counts = {m._meta.label: m._base_manager.count() for m in own if m._meta.managed and m._meta.label not in PASSING}
    from collection.models import CustodyEvent

    return counts | {"collection.CustodyEvent": CustodyEvent.objects.count()}


def _commands() -> Any:
    from accounts.models import Command

    return Command.objects.all()


def _ledger() -> list[str]:
    from collection.models import CustodyEvent

    names = {}
    for event in CustodyEvent.objects.select_related("lot").prefetch_related("battery__identifiers"):
        names[event.pk] = _name(event)
    fields = ("pk", "sequence", "kind", "occurred_at", "from_facility__name", "to_facility__name")
    rows = CustodyEvent.objects.values_list(*fields)
    return sorted(f"{names[pk]} {' '.join(map(str, row))}" for pk, *row in rows)


def _name(event: Any) -> str:
    if event.battery_id:
        return str(min(identifier.value for identifier in event.battery.identifiers.all()))
    return str(event.lot.number)


def _masses() -> list[str]:
    from collection.models import Identifier, Lot
    from recycling.models import Charge, IntakeBattery

    batteries = Identifier.objects.all()
    names = dict(batteries.values_list("battery_id", "value"))
    owned = ("value", "battery__mass_value", "battery__status", "battery__content_kwh", "battery__facility__name")
    charges = Charge.objects.values_list("battery_id", "batch__number", "mass_kg", "content_kwh")
    weighed = IntakeBattery.objects.values_list("battery_id", "declared_kg", "received_value")
    return sorted(
        [
            *_rows(batteries, *owned),
            *_rows(Lot.objects.all(), "number", "material_id", "mass_value", "status", "facility__name"),
            *(f"charge {names.get(battery)} {row}" for battery, *row in charges),
            *(f"weighed {names.get(battery)} {row}" for battery, *row in weighed),
        ]
    )


def _factors() -> list[str]:
    from recycling.models import Factor

    return _rows(Factor.objects.all(), "batch__number", "element", "input_kg", "recovered", "pending", "residue")


def _report() -> list[str]:
    from recycling.models import EprReport, EprReportLine
    from recycling.queries.report_lines import LINE_FIELDS

    names = [name for name in LINE_FIELDS if name not in ("id", "report")]
    return [*_rows(EprReport.objects.all(), "status", "period_start"), *_rows(EprReportLine.objects.all(), *names)]


def _utilization() -> list[str]:
    from recycling.models import UtilizationSnapshot

    names = [
        field.attname
        for field in UtilizationSnapshot._meta.fields
        if field.attname != "id" and field.get_internal_type() != "DateTimeField"
    ]
    return _rows(UtilizationSnapshot.objects.all(), *names)


def _rows(rows: Any, *names: str) -> list[str]:
    return sorted(" | ".join(map(str, row)) for row in rows.values_list(*names))


def differences(calm: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """What one day has and the other has not, each in a line; nothing if they are the same."""
    found = []
    for part, expected in calm.items():
        if isinstance(expected, dict):
            keys = sorted(expected.keys() | other[part].keys())
            pairs = [(key, expected.get(key, 0), other[part].get(key, 0)) for key in keys]
            found += [f"{part}: {key}: {was} undisturbed, {now} with faults" for key, was, now in pairs if was != now]
            continue
        before, after = Counter(expected), Counter(other[part])
        found += [f"{part}: lost: {row}" for row in (before - after).elements()]
        found += [f"{part}: added: {row}" for row in (after - before).elements()]
    return found


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(read()))
