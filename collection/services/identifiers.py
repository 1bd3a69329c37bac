"""The names that batteries go by: read off a label, checked, and recognized."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.written import compared
from collection.battery_numbers import Key, Normal, normal
from collection.models import (
    IN_USE,
    Battery,
    BatteryStatus,
    CustodyEvent,
    Facility,
    Identifier,
    Relation,
    RelationStatus,
)


@dataclass(frozen=True)
class NewIdentifier:
    """An identifier as somebody read it: scheme, value, and who issued it (empty for a VIN)."""

    scheme: str
    value: str
    issuer: str = ""

    @cached_property
    def normal(self) -> Normal:
        """As it is kept. Raises `Invalid` where it cannot be what its scheme says."""
        return normal(self.scheme, self.value, self.issuer)

    @property
    def key(self) -> Key:
        """What it is recognized by."""
        return self.normal.key


def find_to_collect(
    facility: Facility, read: Mapping[str, NewIdentifier], confirmed: Collection[int | None] = ()
) -> dict[Key, int]:
    """The batteries with the given identifiers that may be given up at `facility` now: those there, and those in use.

    `read` has the field of each, for errors; what is read off one battery has the same before the last point. Whoever holds a
    battery in hand may scan it, so a battery in use is recognized even if the actor never saw it; but a number alone may be
    known to whoever never stood before it. Where the operator of `facility` has nothing to do with the battery, two of its
    numbers have to be read off (ADR 26), unless it was `confirmed` before. By a number without its issuer one that is there is
    meant, whoever gave the number; elsewhere only a battery that is known without issuer, too.
    """
    known = _going_by(read)
    off_one: dict[tuple[str, int], set[str]] = defaultdict(set)
    for field, identifier in read.items():
        _scheme, _issuer, number = identifier.key  # with its issuer and without, or in two schemes, it is one
        for _named_by, battery in known.get(identifier.key, ()):
            off_one[field.rpartition(".")[0], battery].add(number)
    twice = {battery for (_scan, battery), numbers in off_one.items() if len(numbers) > 1}
    to_collect = Battery.objects.filter(
        Q(facility=facility)
        | Q(status=BatteryStatus.LOST)
        | (Q(status__in=IN_USE) & (Q(pk__in=twice | {*confirmed}) | _known_to(facility.operator_id))),
        pk__in={battery for found in known.values() for _issuer, battery in found},
    )
    here = dict(to_collect.values_list("pk", "facility"))
    return _chosen(
        read,
        {
            key: {pk for issuer, pk in found if pk in here and (issuer == key[1] or here[pk] == facility.pk)}
            for key, found in known.items()
        },
    )


def in_use(read: NewIdentifier, field: str) -> Battery | None:
    """The battery in use that goes by `read`, whoever has to do with it."""
    going_by = {pk for found in _going_by({field: read}).values() for _issuer, pk in found}
    rows = Battery.objects.filter(pk__in=going_by, status__in=IN_USE).values_list("pk", flat=True)
    found = _chosen({field: read}, {read.key: set(rows)})
    return Battery.objects.get(pk=found[read.key]) if found else None


def has_to_do_with(battery: Battery, organization: int) -> bool:
    """Whether `organization` need not read two numbers off a battery in use (ADR 26)."""
    return Battery.objects.filter(_known_to(organization), pk=battery.pk).exists()


def _known_to(organization: int) -> Q:
    """Batteries that `organization` registered, made or once had, or that it collects from who registered them."""
    had = CustodyEvent.objects.filter(battery=OuterRef("pk"), to_organization=organization)
    collects = Relation.objects.filter(kind=Relation.Kind.COLLECT, taker=organization, status=RelationStatus.ACCEPTED)
    return (
        Q(registered_by=organization)
        | Q(producer=organization)
        | Q(Exists(had))
        | Q(registered_by__in=collects.values("giver"))
    )


def registered(read: Mapping[str, NewIdentifier], among: Collection[int]) -> dict[Key, int]:
    """The batteries of `among` that go by the given identifiers, whoever may see them; one statement. `read` has the field
    of each, for errors.
    """
    known = _going_by(read)
    return _chosen(read, {key: {pk for _issuer, pk in found if pk in among} for key, found in known.items()})


def _going_by(read: Mapping[str, NewIdentifier]) -> dict[Key, set[tuple[str, int]]]:
    """Which batteries go by which of the identifiers, each with its issuer as that is compared: of a number without issuer,
    all that have this number.
    """
    for field, identifier in read.items():
        _check_form(identifier, field)
    wanted = {identifier.key for identifier in read.values()}
    found: dict[Key, set[tuple[str, int]]] = {}
    if not wanted:
        return found
    rows = Identifier.objects.reading(*{identifier.normal.value for identifier in read.values()})
    for row in rows:
        for name in row.read_as() & wanted:
            found.setdefault(name, set()).add((compared(row.issuer), row.battery_id))
    return found


def _chosen(read: Mapping[str, NewIdentifier], found: Mapping[Key, set[int]]) -> dict[Key, int]:
    """The one battery of each identifier; never one of several."""
    for field, identifier in read.items():
        if len(found.get(identifier.key, ())) > 1:
            raise Refused(
                _("Several batteries go by “%(value)s”: say who issued it, or name the battery by its id.")
                % {"value": identifier.normal.value},
                field=field,
                code="ambiguous",
            )
    return {key: pk for key, batteries in found.items() for pk in batteries}


def check_identifiers(
    actor: Actor, named_by: int, batteries: Sequence[Sequence[NewIdentifier]], fields: Sequence[str]
) -> None:
    """Refuse identifiers, given battery by battery, that are malformed, stand twice, or belong to a battery already.

    `fields` names each battery in errors. The other battery is named only if the actor may see it. One or two queries.
    A number without issuer is a name that the organization `named_by` gives; others may give it to theirs.
    """
    seen: dict[Key, str] = {}
    values: dict[Key, str] = {}
    for where, identifiers in zip(fields, batteries, strict=True):
        if not identifiers:
            raise Invalid(_("A battery needs at least one identifier."), field=where, code="required")
        for identifier in identifiers:
            _check_form(identifier, where)
            if identifier.key in seen:
                raise Invalid(
                    _("“%(value)s” stands here twice.") % {"value": identifier.normal.value},
                    field=where,
                    code="duplicate",
                )
            seen[identifier.key], values[identifier.key] = where, identifier.normal.value
    rows = Identifier.objects.reading(*values.values()).filter(Q(named_by=named_by) | Q(named_by__isnull=True))
    for scheme, issuer, value, other in rows.order_by("pk").values_list("scheme", "issuer", "value", "battery"):
        key = Normal(scheme, issuer, value).key
        if key not in seen:
            continue
        if Battery.objects.visible_to(actor.user).filter(pk=other).exists():
            message = _("“%(value)s” already belongs to battery %(battery)s.") % {
                "value": values[key],
                "battery": other,
            }
        else:
            message = _(
                "“%(value)s” already belongs to another battery. If you have it before you, read a second number off it, or"
                " propose to who registered it that you take it in."
            ) % {"value": values[key]}
        raise Refused(message, field=seen[key], code="duplicate")


def row(battery: Battery, new: NewIdentifier, named_by: int | None) -> Identifier:
    """The row of a checked identifier, which the organization `named_by` gives."""
    scheme, issuer, value = new.normal
    return Identifier(
        battery=battery,
        scheme=scheme,
        issuer=issuer,
        value=value,
        named_by_id=None if new.normal.is_whose else named_by,
    )


def _check_form(identifier: NewIdentifier, where: str) -> None:
    if identifier.scheme not in Identifier.Scheme.values:
        raise Invalid(_("“%(scheme)s” is no scheme of identifiers.") % {"scheme": identifier.scheme}, field=where)
    try:
        identifier.normal  # noqa: B018 - asked for what it raises
    except Invalid as error:
        raise Invalid(error.message, field=where, code=error.code) from error
