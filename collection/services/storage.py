"""How much may be on site."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.db.models import Sum
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from accounts.errors import Refused
from collection.models import Battery, Facility, Lot


def check_storage(
    facility: Facility,
    batteries: Sequence[Battery],
    lots: Sequence[Lot],
    weighed: Mapping[int, Decimal],
    *,
    more_kg: Decimal = Decimal(0),
    field: str = "shipment",
) -> None:
    """Refuse what would exceed the facility's storage limit. Locks the facility, so that two trucks are counted.

    `weighed` are kilograms by battery id that go before the batteries' own mass; a battery without either weighs what
    its model does. Call it before anything comes in, with all that comes in.
    """
    if facility.storage_limit_kg is None:
        return
    # Rows that refer to the facility hold a key lock on it, which this one lets be: two trucks would deadlock else.
    facility = Facility.objects.select_for_update(of=("self",), no_key=True).get(pk=facility.pk)
    if facility.storage_limit_kg is None:
        return
    here = (facility.batteries.aggregate(kg=Sum(Coalesce("mass_kg", "model__mass_kg")))["kg"] or Decimal(0)) + (
        facility.lots.aggregate(kg=Sum("mass_kg"))["kg"] or Decimal(0)
    )
    coming = sum((_kg(battery, weighed) for battery in batteries), more_kg) + sum(
        (lot.mass_kg for lot in lots), Decimal(0)
    )
    if here + coming > facility.storage_limit_kg:
        raise Refused(
            _("%(facility)s may store %(limit)s kg; %(here)s kg are there and %(coming)s kg would come.")
            % {
                "facility": facility,
                "limit": facility.storage_limit_kg,
                "here": round(here, 3),
                "coming": round(coming, 3),
            },
            field=field,
            code="storage_limit",
        )


def _kg(battery: Battery, weighed: Mapping[int, Decimal]) -> Decimal:
    own = weighed.get(battery.pk) or battery.mass_kg
    return own or (battery.model.mass_kg if battery.model is not None else None) or Decimal(0)
