"""Declaring what a producer puts on the market of a jurisdiction."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function, Organization
from accounts.verbs import verb
from collection.models import BatteryModel, Chemistry, Jurisdiction
from collection.services.patterns import said
from recycling.models import MarketPlacement

#: What says that a row sent again is the same row.
_SAME = ("jurisdiction", "period_start", "period_end", "model", "chemistry", "units", "mass_kg", "description")

#: More units than the world builds in a year, and their mass: a typing error.
MOST_UNITS = 100_000_000
MOST_KG = Decimal(10) ** 12


def lock(placement: MarketPlacement) -> MarketPlacement:
    """The placement as it is now, locked."""
    return MarketPlacement.objects.select_for_update(of=("self",)).select_related("producer").get(pk=placement.pk)


@verb(of="producer", function=Function.PRODUCER)
def declare(
    *,
    actor: Actor,
    producer: Organization,
    jurisdiction: Jurisdiction,
    period_start: date,
    period_end: date,
    units: int,
    source_key: str,
    model: BatteryModel | None = None,
    chemistry: Chemistry | None = None,
    mass_kg: Decimal | None = None,
    description: str = "",
    source: str = "",
    is_simulated: bool = False,
) -> MarketPlacement:
    """Declare `units` placed on the market. The same row (by `source_key`) sent again changes nothing; another row with
    its key is refused: a mistake is corrected with `correct`.
    """
    # Files are another door: `MarketPlacementImporter` writes placements in sets, by the same rules.
    if not producer.has_function(Function.PRODUCER):
        raise Invalid(_("%(name)s is no producer.") % {"name": producer}, field="producer")
    if not source_key.strip():
        raise Invalid(_("The row needs a key that recognizes it."), field="source_key", code="required")
    if model is not None and chemistry is not None and model.chemistry_id != chemistry.pk:
        raise Invalid(
            _("%(model)s is %(chemistry)s.") % {"model": model, "chemistry": model.chemistry_id}, field="chemistry"
        )
    assigned = said(model, chemistry.pk if chemistry else None, is_producer=True)
    row = MarketPlacement(
        **assigned._asdict(),
        producer=producer,
        jurisdiction=jurisdiction,
        period_start=period_start,
        period_end=period_end,
        units=units,
        mass_kg=mass_kg,
        description=description,
        source=source,
        source_key=source_key.strip(),
        is_simulated=is_simulated,
    )
    _check(row)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            return row
    except IntegrityError as error:
        if "placement_source_key_once" not in str(error):
            raise
    existing = MarketPlacement.objects.get(producer=producer, source_key=row.source_key)
    if all(getattr(existing, name) == getattr(row, name) for name in _SAME):
        return existing
    raise Refused(
        _("Another row with this key was declared; correct it instead."), field="source_key", code="duplicate"
    )


@verb(lock, of="placement__producer")
def correct(
    *, actor: Actor, placement: MarketPlacement, units: int | None = None, mass_kg: Decimal | None = None
) -> MarketPlacement:
    """Correct the figures of a declared placement. Reports that were filed with the old ones keep them."""
    if units is not None:
        placement.units = units
    if mass_kg is not None:
        placement.mass_kg = mass_kg
    _check(placement)
    placement.save(update_fields=["units", "mass_kg"])
    return placement


def _check(row: MarketPlacement) -> None:
    rules.check_lengths(row)
    if row.period_end < row.period_start:
        raise Invalid(_("The period ends before it begins."), field="period_end")
    if not 0 <= row.units <= MOST_UNITS:
        raise Invalid(_("Units are from 0 to %(most)s.") % {"most": MOST_UNITS}, field="units")
    if row.mass_kg is not None:
        if not row.mass_kg.is_finite() or not 0 <= row.mass_kg < MOST_KG:
            raise Invalid(_("A mass is from 0 to below %(most)s kg.") % {"most": MOST_KG}, field="mass_kg")
        row.mass_kg = row.mass_kg.quantize(Decimal("0.001"))
