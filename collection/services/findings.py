"""What the driver finds at a collection point beyond what was announced, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import User
from collection.battery_numbers import Key, Normal
from collection.models import (
    Battery,
    BatteryModel,
    BatteryStatus,
    FindingStatus,
    Means,
    Pickup,
    PickupFinding,
    Relation,
)
from collection.services.identifiers import NewIdentifier, check_identifiers, find_to_collect
from collection.units import Unit, check_mass


@dataclass(frozen=True)
class Scan:
    """A battery as scanned at the collection point: a known one by its id or an identifier, or a new one.

    `also` is a second number read off it, for a battery in use that the collection point has nothing to do with.
    `model` and `condition` describe a battery that is not known yet; the condition of a known one is updated.
    """

    battery: int | None = None
    identifier: NewIdentifier | None = None
    also: NewIdentifier | None = None
    mass_value: Decimal | None = None
    unit: str = Unit.KG
    condition: str | None = None
    model: BatteryModel | None = None

    def check(self, field: str) -> None:
        """Raise `Invalid` if it names no battery, or a mass that is none."""
        if self.mass_value is not None and self.mass_value <= 0:
            raise Invalid(_("A mass is more than nothing."), field=f"{field}.mass_value")
        if self.battery is None and self.identifier is None:
            raise Invalid(_("Name the battery by its id or by an identifier."), field=field)

    @property
    def names(self) -> list[NewIdentifier]:
        """The numbers read off it."""
        return [name for name in (self.identifier, self.also) if name is not None]

    def known(self, known: Mapping[Key, int]) -> int | None:
        """The battery that it is of, if that is registered."""
        if self.battery is not None:
            return self.battery
        return known.get(self.identifier.key) if self.identifier is not None else None

    @property
    def key(self) -> Key:
        """Scheme, issuer and value; empty where it is named by its id: who gives both names what the id says."""
        return self.identifier.key if self.identifier is not None and self.battery is None else ("", "", "")


def read_off(scans: Sequence[Scan]) -> dict[str, NewIdentifier]:
    """The identifiers that batteries are named by, each by its field."""
    return {
        f"batteries.{index}.{'also' if read is scan.also else 'identifier'}": read
        for index, scan in enumerate(scans)
        if scan.battery is None
        for read in scan.names
    }


def recognized(pickup: Pickup, scans: Sequence[Scan]) -> dict[Key, int]:
    """The batteries of `scans` that may be given up at a locked pickup's place, by their numbers.

    What was reported before is the same battery still, though the driver reads but one number now. Two numbers that are not of
    one battery are refused.
    """
    confirmed = pickup.findings.exclude(status=FindingStatus.REFUSED).values_list("battery", flat=True)
    known = find_to_collect(pickup.collection_point.facility, read_off(scans), list(confirmed))
    for index, scan in enumerate(scans):
        if scan.also is not None and scan.battery is None and known.get(scan.also.key) != scan.known(known):
            raise Invalid(
                _("These two numbers are not known of one battery."), field=f"batteries.{index}.also", code="not_one"
            )
    return known


def not_here(field: str) -> Invalid:
    """The answer for a battery that is elsewhere, or not known, alike."""
    return Invalid(_("There is no such battery at the collection point."), field=field, code="not_here")


def report(actor: Actor, pickup: Pickup, scans: Sequence[Scan]) -> list[PickupFinding]:
    """Note what was found at a locked pickup, to wait for the collection point's word."""
    yard = pickup.collection_point.facility
    for index, scan in enumerate(scans):
        scan.check(f"batteries.{index}")
        if scan.mass_value is not None:
            where = f"batteries.{index}"
            check_mass(scan.mass_value, scan.unit, field=f"{where}.mass_value", unit_field=f"{where}.unit")
    known = recognized(pickup, scans)
    told = _told(actor, pickup, scans, known, None)
    unknown = {i: s.names for i, s in enumerate(scans) if s.identifier is not None and s.known(known) is None}
    check_identifiers(actor, yard.operator_id, list(unknown.values()), [f"batteries.{i}.identifier" for i in unknown])
    by_battery, by_key = _by_name(list(pickup.findings.all()))
    made: list[PickupFinding] = []
    for index, scan in enumerate(scans):
        field, pk = f"batteries.{index}", scan.known(known)
        if pk is not None and pk not in told:
            raise not_here(field)
        if pk in by_battery or (scan.key[2] and scan.key in by_key) or told.get(pk) == _ANNOUNCED:
            raise Refused(_("It was announced or found already."), field=field, code="duplicate")
        finding = _finding(actor, pickup, scan, pk)
        by_key[scan.key] = finding
        if pk is not None:
            by_battery[pk] = finding
        made.append(finding)
    return PickupFinding.objects.bulk_create(made)


def answer(pickup: Pickup, ids: Sequence[int], status: FindingStatus, actor: Actor, reason: str = "") -> None:
    """The collection point's word on findings that wait; every one is named by its id."""
    waiting = set(pickup.findings.filter(status=FindingStatus.WAITING, pk__in=ids).values_list("pk", flat=True))
    if not ids:
        raise Invalid(_("Name at least one finding."), field="findings")
    for index, pk in enumerate(ids):
        if pk not in waiting:
            raise Invalid(_("No finding %(id)s waits here.") % {"id": pk}, field=f"findings.{index}", code="not_here")
    pickup.findings.filter(pk__in=waiting).update(
        status=status, reason=reason, means=Means.PERSON, answered_by=actor.user, answered_at=timezone.now()
    )


def settle_waiting(pickup: Pickup, means: Means, by: User) -> None:
    """All that waits is confirmed at once, by a code or a signature."""
    pickup.findings.filter(status=FindingStatus.WAITING).update(
        status=FindingStatus.CONFIRMED, means=means, answered_by=by, answered_at=timezone.now()
    )


def let_through(
    actor: Actor, pickup: Pickup, scans: Sequence[Scan], known: Mapping[Key, int], relation: Relation | None
) -> list[PickupFinding | None]:
    """The finding that lets each scan be loaded; `None` for what was announced.

    What nobody confirmed is let through, as a finding that is not written yet, for the collection point's own people, and by
    `relation`, which lets unannounced batteries be taken, up to the packs expected. All else is refused.
    """
    told = _told(actor, pickup, scans, known, relation)
    by_battery, by_key = _by_name(list(pickup.findings.all()))
    own = actor.may(pickup.collection_point.facility.operator)
    let: list[PickupFinding | None] = []
    beyond = 0
    for index, scan in enumerate(scans):
        field, pk = f"batteries.{index}", scan.known(known)
        finding = by_battery.get(pk) if pk is not None else None
        finding = finding or (by_key.get(scan.key) if scan.key[2] else None)
        if finding is None and told.get(pk) == _ANNOUNCED:
            let.append(None)
            continue
        if finding is None and pk is not None and pk not in told:
            raise not_here(field)
        if finding is None and (own or relation is not None):
            finding = _finding(actor, pickup, scan, pk)
            finding.status, finding.answered_at = FindingStatus.CONFIRMED, timezone.now()
            finding.means = Means.PERSON if own else Means.RELATION
            finding.answered_by = actor.user if own else None
            beyond += 1
        elif finding is None or finding.status != FindingStatus.CONFIRMED:
            raise _unconfirmed(field, finding)
        let.append(finding)
    confirmed = sum(finding is not None and finding.pk is not None for finding in let)
    if beyond and not own and len(scans) - confirmed > pickup.packs_expected:
        raise Refused(
            _("The relation lets %(most)s packs be loaded here; report what is beyond that as found.")
            % {"most": pickup.packs_expected},
            field="batteries",
            code="unconfirmed",
        )
    return let


def keep(let: Sequence[PickupFinding | None], batteries: Sequence[int]) -> None:
    """Write which battery each finding turned out to be, and those that were let through without having been reported."""
    new: list[PickupFinding] = []
    old: list[PickupFinding] = []
    for finding, pk in zip(let, batteries, strict=True):
        if finding is None:
            continue
        if finding.pk is None:
            new.append(finding)
        elif finding.battery_id != pk:
            old.append(finding)
        finding.battery_id = pk
    PickupFinding.objects.bulk_create(new)
    PickupFinding.objects.bulk_update(old, ["battery"])


_ANNOUNCED, _MAY_BE_NAMED = "announced", "may be named"


def _told(
    actor: Actor, pickup: Pickup, scans: Sequence[Scan], known: Mapping[Key, int], relation: Relation | None
) -> dict[int | None, str]:
    """The batteries that may be spoken of here: what was announced, whose identifier is read off, and, by an id alone, what
    the actor sees, or `relation` lets be taken unannounced. Of others nobody learns whether they are here.
    """
    ids = {scan.battery for scan in scans if scan.battery is not None}
    read = {pk for scan in scans if scan.battery is None and (pk := scan.known(known)) is not None}
    here = Battery.objects.filter(
        pk__in=ids, status=BatteryStatus.AT_FACILITY, facility=pickup.collection_point.facility
    )
    if relation is None and ids:
        here = here.filter(pk__in=Battery.objects.visible_to(actor.user).seen_among(ids))
    told: dict[int | None, str] = dict.fromkeys([*read, *here.values_list("pk", flat=True)], _MAY_BE_NAMED)
    announced = pickup.batteries.filter(is_open=True, battery__in=ids | read).values_list("battery", flat=True)
    return told | dict.fromkeys(announced, _ANNOUNCED)


def _by_name(found: Sequence[PickupFinding]) -> tuple[dict[int, PickupFinding], dict[Key, PickupFinding]]:
    by_battery = {finding.battery_id: finding for finding in found if finding.battery_id is not None}
    return by_battery, {Normal(f.scheme, f.issuer, f.value).key: f for f in found if f.value}


def _finding(actor: Actor, pickup: Pickup, scan: Scan, pk: int | None) -> PickupFinding:
    scheme, issuer, value = scan.identifier.normal if scan.identifier is not None and scan.key[2] else ("", "", "")
    return PickupFinding(
        pickup=pickup,
        battery_id=pk,
        scheme=scheme,
        issuer=issuer,
        value=value,
        model=scan.model,
        condition=scan.condition or "",
        mass_value=scan.mass_value,
        mass_unit=scan.unit,
        found_by=actor.user,
    )


def _unconfirmed(field: str, finding: PickupFinding | None) -> Refused:
    if finding is None:
        message = _("It was not announced: report it as found, and let the collection point confirm it.")
    elif finding.status == FindingStatus.REFUSED:
        message = _("The collection point keeps this battery: %(reason)s") % {"reason": finding.reason}
    else:
        message = _("The collection point has not confirmed this battery yet.")
    return Refused(message, field=field, code="unconfirmed")
