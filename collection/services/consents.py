"""Consents of authorities to move waste batteries and black mass across a border."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Sum
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Organization, Role
from accounts.verbs import verb
from collection.models import Battery, Consent, Jurisdiction, Lot, Material, Shipment, ShipmentLine
from collection.units import LARGEST_ENTERED


@verb(of=("exporter", "importer"), role=Role.MANAGER)
def record(
    *,
    actor: Actor,
    exporter: Organization,
    importer: Organization,
    from_country: Jurisdiction,
    to_country: Jurisdiction,
    number: str,
    authority: str,
    valid_from: date,
    valid_until: date,
    limit_kg: Decimal | None = None,
    is_simulated: bool = False,
) -> Consent:
    """Note a consent that an authority gave; valid through the day `valid_until`. Needs a manager of either party."""
    number = rules.number(number, field="number")
    authority = rules.text(authority, field="authority", longest=100)
    for field, country in (("from_country", from_country), ("to_country", to_country)):
        if country.kind != Jurisdiction.Kind.COUNTRY:
            raise Invalid(_("%(name)s is not a country.") % {"name": country}, field=field)
    if from_country == to_country:
        raise Invalid(_("A consent is for another country."), field="to_country")
    if valid_until < valid_from:
        raise Invalid(_("The end must be after the start."), field="valid_until", code="period")
    if valid_until == date.max:
        raise Invalid(_("This day lies too far in the future."), field="valid_until")
    if limit_kg is not None and not (limit_kg.is_finite() and 0 < limit_kg <= LARGEST_ENTERED):
        raise Invalid(_("A mass is more than nothing."), field="limit_kg")
    if Consent.objects.filter(authority=authority, number=number).exists():
        raise Refused(_("This consent was already recorded."), field="number", code="duplicate")
    return Consent.objects.create(
        exporter=exporter,
        importer=importer,
        from_country=from_country,
        to_country=to_country,
        number=number,
        authority=authority,
        valid=DateRange(valid_from, valid_until + timedelta(days=1)),
        limit_kg=limit_kg,
        is_simulated=is_simulated,
    )


def check_consent(
    shipment: Shipment, lines: Sequence[ShipmentLine], batteries: Sequence[Battery], lots: Sequence[Lot], at: datetime
) -> None:
    """Refuse a locked shipment that would cross a border at `at` without a consent that covers it.

    The consent must name the route and the parties, be valid on that day of the origin's time zone, and, if it is
    limited, still cover the mass. What turns back after a rejection goes under the consent that it came with.
    """
    if not shipment.crosses_border or shipment.return_of_id is not None:
        return
    kinds = Material.objects.filter(lots__in=[lot.pk for lot in lots]).values_list("kind", flat=True)
    if not batteries and all(kind == Material.Kind.PRODUCT for kind in kinds):
        return  # products have ceased to be waste
    # The consent is locked, so that two shipments do not both take the rest of its limit.
    consent = Consent.objects.select_for_update(of=("self",), no_key=True).filter(shipments=shipment).first()
    if consent is None:
        raise _missing(
            _("Waste batteries and black mass cross a border only with a consent (40 CFR 262.83; SOR/2021-25).")
        )
    if (consent.from_country_id, consent.to_country_id) != (shipment.origin.country, shipment.destination.country):
        raise _missing(_("The consent is for another route."))
    if consent.exporter_id != shipment.shipper_id or consent.importer_id != shipment.destination.operator_id:
        raise _missing(_("The consent is for other parties."))
    if at.astimezone(ZoneInfo(shipment.origin.time_zone)).date() not in consent.valid:
        raise _missing(_("The consent is not valid on that day."))
    if consent.limit_kg is not None:
        _check_limit(consent, consent.limit_kg, lines)


def _check_limit(consent: Consent, limit_kg: Decimal, lines: Sequence[ShipmentLine]) -> None:
    if any(line.declared_kg is None for line in lines):
        raise Refused(
            _("The consent is limited to a mass, so every line needs a declared mass."),
            field="lines",
            code="no_consent",
        )
    moved = ShipmentLine.objects.filter(
        shipment__consent=consent, shipment__dispatched_at__isnull=False, shipment__return_of__isnull=True
    ).aggregate(kg=Sum("declared_kg"))["kg"] or Decimal(0)
    if moved + sum((line.declared_kg or Decimal(0) for line in lines), Decimal(0)) > limit_kg:
        raise _missing(
            _("The consent covers %(limit)s kg, of which %(moved)s kg have moved.")
            % {"limit": limit_kg, "moved": round(moved, 3)}
        )


def _missing(message: str) -> Refused:
    return Refused(message, field="consent", code="no_consent")
