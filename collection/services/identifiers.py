"""The names that batteries go by: read off a label, checked, and recognized."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from collection.models import Battery, BatteryStatus, Facility, Identifier
from collection.validators import is_vin

type Key = tuple[str, str, str]


@dataclass(frozen=True)
class NewIdentifier:
    """An identifier as somebody read it: scheme, value, and who issued it (empty for a VIN)."""

    scheme: str
    value: str
    issuer: str = ""

    @property
    def key(self) -> Key:
        value = self.value.strip()
        return (self.scheme, self.issuer.strip(), value.upper() if self.scheme == Identifier.Scheme.VIN else value)


def find_to_collect(facility: Facility, identifiers: Sequence[NewIdentifier]) -> dict[Key, int]:
    """The batteries with the given identifiers that may be given up at `facility` now: those there, and those in use.

    Whoever holds a battery in hand may scan it, so a battery in use is recognized even if the actor never saw it.
    """
    batteries = registered({identifier.key for identifier in identifiers})
    to_collect = Battery.objects.filter(
        Q(facility=facility)
        | Q(
            status__in=[
                BatteryStatus.IN_USE,
                BatteryStatus.SECOND_LIFE,
                BatteryStatus.LOST,
            ]
        ),
        pk__in=batteries.values(),
    )
    ids = set(to_collect.values_list("pk", flat=True))
    return {key: battery for key, battery in batteries.items() if battery in ids}


def registered(keys: Collection[Key]) -> dict[Key, int]:
    """The ids of the batteries that are registered under exactly these keys, whoever may see them; one statement."""
    rows = Identifier.objects.reading(*{key[2] for key in keys}).order_by("pk")
    found = rows.values_list("scheme", "issuer", "value", "battery")
    return {(scheme, issuer, value): pk for scheme, issuer, value, pk in found if (scheme, issuer, value) in keys}


def check_identifiers(actor: Actor, batteries: Sequence[Sequence[NewIdentifier]], fields: Sequence[str]) -> None:
    """Refuse identifiers, given battery by battery, that are malformed, stand twice, or belong to a battery already.

    `fields` names each battery in errors. The other battery is named only if the actor may see it. One or two queries.
    """
    seen: dict[Key, str] = {}
    for where, identifiers in zip(fields, batteries, strict=True):
        if not identifiers:
            raise Invalid(_("A battery needs at least one identifier."), field=where, code="required")
        for identifier in identifiers:
            _check_form(identifier, where)
            if identifier.key in seen:
                raise Invalid(
                    _("“%(value)s” stands here twice.") % {"value": identifier.key[2]}, field=where, code="duplicate"
                )
            seen[identifier.key] = where
    for key, other in registered(seen).items():
        value = key[2]
        if Battery.objects.visible_to(actor.user).filter(pk=other).exists():
            message = _("“%(value)s” already belongs to battery %(battery)s.") % {"value": value, "battery": other}
        else:
            message = _("“%(value)s” already belongs to another battery.") % {"value": value}
        raise Refused(message, field=seen[key], code="duplicate")


def _check_form(identifier: NewIdentifier, where: str) -> None:
    scheme, issuer, value = identifier.key
    if scheme not in Identifier.Scheme.values:
        raise Invalid(_("“%(scheme)s” is no scheme of identifiers.") % {"scheme": scheme}, field=where)
    if not value:
        raise Invalid(_("An identifier may not be empty."), field=where)
    for part in (value, issuer):
        rules.text(part, field=where, longest=100, shortest=0)
    if scheme == Identifier.Scheme.VIN and not is_vin(value):
        raise Invalid(
            _("“%(value)s” is not a valid VIN: 17 characters, no I, O or Q, and a right check digit.")
            % {"value": value},
            field=where,
            code="vin",
        )
    if scheme == Identifier.Scheme.VIN and issuer:
        raise Invalid(_("A VIN has no issuer."), field=where)
