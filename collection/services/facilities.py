"""Facilities: the places of the chain, their permits, and the points that give up batteries."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateRange
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Invitation, Organization, Role
from accounts.services import invitations
from accounts.verbs import verb
from collection.models import CollectionPoint, CustodyEvent, Facility, Jurisdiction, Permit
from collection.services import relations
from collection.units import LARGEST_ENTERED


def lock(facility: Facility) -> Facility:
    """The facility as it is now, locked against other changes, but not against things that come and go."""
    return Facility.objects.select_for_update(of=("self",), no_key=True).select_related("operator").get(pk=facility.pk)


def lock_point(collection_point: CollectionPoint) -> CollectionPoint:
    """The collection point as it is now, locked."""
    rows = CollectionPoint.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("facility__operator").get(pk=collection_point.pk)


@verb(of="operator", role=Role.MANAGER)
def register(
    *,
    actor: Actor,
    operator: Organization,
    name: str,
    jurisdiction: Jurisdiction,
    address: str = "",
    locality: str = "",
    postal_code: str = "",
    latitude: Decimal | None = None,
    longitude: Decimal | None = None,
    time_zone: str = "",
    storage_limit_kg: Decimal | None = None,
    is_simulated: bool = False,
) -> Facility:
    """Register a place that `operator` runs. Needs a manager. Without a time zone it has its jurisdiction's one."""
    # Files are another door: `CollectionPointImporter` writes facilities and their points in sets, by the same rules.
    facility = Facility(
        operator=operator,
        name=name.strip(),
        jurisdiction=jurisdiction,
        address=address,
        locality=locality,
        postal_code=postal_code,
        latitude=latitude,
        longitude=longitude,
        time_zone=time_zone or jurisdiction.time_zone,
        storage_limit_kg=storage_limit_kg,
        is_simulated=is_simulated,
    )
    return _save(facility)


@verb(lock, of="facility__operator", role=Role.MANAGER)
def change(
    *,
    actor: Actor,
    facility: Facility,
    name: str | None = None,
    jurisdiction: Jurisdiction | None = None,
    address: str | None = None,
    locality: str | None = None,
    postal_code: str | None = None,
    latitude: Decimal | None = None,
    longitude: Decimal | None = None,
    time_zone: str | None = None,
    storage_limit_kg: Decimal | None = None,
) -> Facility:
    """Change what is said of a facility; what is left out stays. Needs a manager.

    Jurisdiction and time zone stay once anything has been there: filed figures rest on them. A place that moves is a
    new facility.
    """
    moved = {
        "jurisdiction": jurisdiction is not None and jurisdiction.pk != facility.jurisdiction_id,
        "time_zone": time_zone is not None and time_zone != facility.time_zone,
    }
    if any(moved.values()) and CustodyEvent.objects.filter(to_facility=facility).exists():
        raise Refused(
            _("Batteries or lots have been here, so this stays; register a new facility."),
            field=next(field for field, is_new in moved.items() if is_new),
            code="in_use",
        )
    for field, value in (
        ("name", name.strip() if name is not None else None),
        ("jurisdiction", jurisdiction),
        ("address", address),
        ("locality", locality),
        ("postal_code", postal_code),
        ("latitude", latitude),
        ("longitude", longitude),
        ("time_zone", time_zone),
        ("storage_limit_kg", storage_limit_kg),
    ):
        if value is not None:
            setattr(facility, field, value)
    return _save(facility)


def _vouches(actor: Actor, facility: Facility) -> None:
    """The platform, or a manager of a regulator of the place."""
    if not (actor.user.is_active and actor.user.is_superuser) and relations.oversees(actor, [facility]) is None:
        raise Forbidden(_("This needs a manager of a regulator of the place."))


@verb(lock, requires=_vouches)
def vouch(*, actor: Actor, facility: Facility, email: str) -> Invitation:
    """Say that whoever reads the mail of an address speaks for the operator of this place, which nobody has claimed yet: it
    is invited to be its first manager. From then on its own people alone speak for it.
    """
    operator, regulator = facility.operator, relations.oversees(actor, [facility])
    if regulator is not None:
        return invitations.vouch(actor=actor, organization=operator, email=email, vouched_by=regulator)
    if operator.is_claimed:
        raise Refused(
            _("%(name)s has people of its own; they invite.") % {"name": operator}, field="email", code="claimed"
        )
    return invitations.invite(actor=actor, organization=operator, email=email, role=Role.MANAGER)


@verb(lock, of="facility__operator", role=Role.MANAGER)
def add_permit(
    *, actor: Actor, facility: Facility, kind: str, number: str, valid_from: date, valid_until: date, source: str = ""
) -> Permit:
    """Note a permit, valid through the day `valid_until`. Needs a manager; two of a kind never overlap."""
    if kind not in Permit.Kind.values:
        raise Invalid(_("“%(kind)s” is no kind of permit.") % {"kind": kind}, field="kind")
    number = rules.number(number, field="number")
    if valid_until < valid_from:
        raise Invalid(_("The end must be after the start."), field="valid_until", code="period")
    if valid_until == date.max:
        raise Invalid(_("This day lies too far in the future."), field="valid_until")
    valid = DateRange(valid_from, valid_until + timedelta(days=1))
    other = Permit.objects.filter(facility=facility, kind=kind, valid__overlap=valid).first()
    if other is not None:
        raise Refused(
            _("In this period there already is the permit %(number)s.") % {"number": other.number},
            field="valid_from",
            code="duplicate",
        )
    source = rules.text(source, field="source", longest=300, shortest=0)
    return Permit.objects.create(facility=facility, kind=kind, number=number, valid=valid, source=source)


@verb(lock, of="facility__operator", role=Role.MANAGER)
def register_collection_point(
    *, actor: Actor, facility: Facility, kind: str, contact: str = "", notes: str = ""
) -> CollectionPoint:
    """From now on the facility gives up batteries. Needs a manager of its operator."""
    # Files are another door: `CollectionPointImporter`.
    if kind not in CollectionPoint.Kind.values:
        raise Invalid(_("“%(kind)s” is no kind of collection point.") % {"kind": kind}, field="kind")
    if CollectionPoint.objects.filter(facility=facility).exists():
        raise Refused(_("This facility already is a collection point."), field="facility", code="duplicate")
    point = CollectionPoint(facility=facility, kind=kind, contact=contact, notes=notes)
    rules.check_lengths(point)
    point.save()
    return point


@verb(lock_point, of="collection_point__facility__operator")
def change_collection_point(
    *,
    actor: Actor,
    collection_point: CollectionPoint,
    kind: str | None = None,
    contact: str | None = None,
    notes: str | None = None,
) -> CollectionPoint:
    """Change how a collection point is reached; what is left out stays."""
    if kind is not None and kind not in CollectionPoint.Kind.values:
        raise Invalid(_("“%(kind)s” is no kind of collection point.") % {"kind": kind}, field="kind")
    collection_point.kind = collection_point.kind if kind is None else kind
    collection_point.contact = collection_point.contact if contact is None else contact
    collection_point.notes = collection_point.notes if notes is None else notes
    rules.check_lengths(collection_point)
    collection_point.save(update_fields=["kind", "contact", "notes"])
    return collection_point


@verb(lock_point, of="collection_point__facility__operator", role=Role.MANAGER, field="is_active", when=[True])
def deactivate(*, actor: Actor, collection_point: CollectionPoint) -> CollectionPoint:
    """The collection point asks for no more pickups; open ones stay. Needs a manager."""
    collection_point.is_active = False
    collection_point.save(update_fields=["is_active"])
    return collection_point


@verb(lock_point, of="collection_point__facility__operator", role=Role.MANAGER, field="is_active", when=[False])
def activate(*, actor: Actor, collection_point: CollectionPoint) -> CollectionPoint:
    """The collection point gives up batteries again. Needs a manager."""
    collection_point.is_active = True
    collection_point.save(update_fields=["is_active"])
    return collection_point


def _save(facility: Facility) -> Facility:
    if (facility.latitude is None) != (facility.longitude is None):
        missing = "latitude" if facility.latitude is None else "longitude"
        raise Invalid(_("Give both coordinates or none."), field=missing)
    limit = facility.storage_limit_kg
    if limit is not None and not (limit.is_finite() and 0 < limit <= LARGEST_ENTERED):
        raise Invalid(_("A mass is more than nothing."), field="storage_limit_kg")
    try:
        facility.clean_fields()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise Invalid(" ".join(messages), field=field) from error
    try:
        with transaction.atomic():
            facility.save()
    except IntegrityError as error:
        if "facility_name_once_per_operator" in str(error):
            raise Refused(
                _("The organization already has a facility of this name."), field="name", code="duplicate"
            ) from error
        raise
    return facility
