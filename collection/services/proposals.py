"""What is proposed of a battery by those who do not have it in custody, and decided by who has, or registered it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Unpack, cast

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.acting import as_platform
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Organization
from accounts.verbs import verb
from collection.models import (
    IN_USE,
    PROPOSAL_MOVES,
    Battery,
    BatteryStatus,
    CustodyEvent,
    Facility,
    Proposal,
    ProposalStatus,
)
from collection.services import batteries, custody
from collection.services.batteries import Corrections, holder_of
from collection.services.identifiers import NewIdentifier, in_use


def lock(proposal: Proposal) -> Proposal:
    """The proposal as it is now, locked, after its battery."""
    custody.lock_batteries([proposal.battery_id])
    rows = Proposal.objects.select_for_update(of=("self",))
    return rows.select_related("battery__facility", "battery__shipment", "facility__operator").get(pk=proposal.pk)


@as_platform()  # who proposes that it takes a battery in need not see that
def _who_decides(proposal: Proposal) -> list[int | None]:
    """Who has the battery now; of a lost one, who had it last."""
    is_lost = proposal.battery.status == BatteryStatus.LOST
    return [proposal.addressed_to_id] if is_lost else [holder_of(proposal.battery)]


_READS = ("battery__facility", "battery__shipment")


@verb(of="organization")
def propose(
    *,
    actor: Actor,
    organization: Organization,
    reason: rules.Reason,
    battery: Battery | None = None,
    identifier: NewIdentifier | None = None,
    facility: Facility | None = None,
    occurred_at: datetime | None = None,
    **changes: Unpack[Corrections],
) -> Proposal:
    """Propose a correction of a battery that `organization` gave away or produced, or say that one that was lost, or is in
    use, is at `facility`, which is the caller's. What is in use may be named by one of its numbers (`identifier`).

    Whoever has the battery decides; of a lost one, who had it last; of one in use, who registered it. Until then nothing
    changes.
    """
    reason = rules.reason(reason)
    (battery,) = custody.lock_batteries([_meant_by(battery, identifier, facility)])
    if facility is not None:
        if changes:
            raise Invalid(_("Say where it is, or what is wrong with it: one after the other."), field="facility")
        kind = Proposal.Kind.TAKEN_IN if battery.status in IN_USE else Proposal.Kind.FOUND
        addressee = _found(actor, battery, facility, occurred_at)
    else:
        kind, addressee = Proposal.Kind.CORRECTION, _correction(organization, battery, changes)
    if Proposal.objects.filter(
        battery=battery, proposed_for=organization, kind=kind, status=ProposalStatus.OPEN
    ).exists():
        raise Refused(_("You have already proposed something; withdraw it first."), field="battery", code="duplicate")
    return Proposal.objects.create(
        battery=battery,
        kind=kind,
        proposed_for=organization,
        proposed_by=actor.user,
        addressed_to_id=addressee,
        reason=reason,
        changes={name: _plain(value) for name, value in changes.items()},
        facility=facility,
        occurred_at=occurred_at if facility is not None else None,
    )


def _meant_by(battery: Battery | None, identifier: NewIdentifier | None, facility: Facility | None) -> int:
    """The key of the battery that is spoken of."""
    if (battery is None) is (identifier is None):
        raise Invalid(_("Name the battery by its id or by one of its numbers."), field="battery", code="required")
    if identifier is None:
        assert battery is not None
        return battery.pk
    if facility is None:
        raise Invalid(_("Say where it is: what is corrected is named by its id."), field="facility", code="required")
    found = in_use(identifier, "identifier")
    if found is None:
        raise Refused(
            _("No battery in use goes by “%(value)s”; register it.") % {"value": identifier.value},
            field="identifier",
            code="unknown",
        )
    return found.pk


def _found(actor: Actor, battery: Battery, facility: Facility, occurred_at: datetime | None) -> int | None:
    """Who had the lost battery last, or registered the one in use."""
    actor.require(facility.operator)
    if occurred_at is None:
        raise Invalid(_("Say since when it is there."), field="occurred_at")
    custody.check_time(occurred_at, field="occurred_at")
    if battery.status in IN_USE:
        if battery.registered_by_id == facility.operator_id:
            raise Refused(_("You registered it: take it in."), field="battery", code="yours")
        return battery.registered_by_id
    if battery.status != BatteryStatus.LOST:
        raise rules.not_in(battery, (BatteryStatus.LOST, *IN_USE), "status")
    holder = batteries.last_holder_of(battery)
    if holder == facility.operator_id:
        raise Refused(_("You had it last: report it as found."), field="battery", code="yours")
    return holder


def _correction(organization: Organization, battery: Battery, changes: Corrections) -> int | None:
    """Who has the battery that `organization` once had, registered or made."""
    if battery.status not in batteries.CORRECTABLE:
        raise rules.not_in(battery, batteries.CORRECTABLE, "status")
    holder = holder_of(battery)
    if holder == organization.pk:
        raise Refused(_("The battery is in your custody: correct it."), field="battery", code="yours")
    had = CustodyEvent.objects.filter(battery=battery, to_organization=organization).exists()
    if not had and organization.pk not in (battery.registered_by_id, battery.producer_id):
        raise Refused(
            _("Only who had the battery, registered or produced it proposes a correction."),
            field="organization",
            code="not_yours",
        )
    if not changes:
        raise Invalid(_("Say what is wrong."), field="changes", code="unchanged")
    batteries.check_amounts({**changes, "mass_unit": changes.get("mass_unit", battery.mass_unit)})
    return holder


@verb(lock, of=_who_decides, reads=_READS, to=ProposalStatus.ACCEPTED, moves=PROPOSAL_MOVES)
def accept(*, actor: Actor, proposal: Proposal, answer: str = "") -> Proposal:
    """It is so: the battery is corrected, found or taken in, by the rules that hold for who says it by itself."""
    (battery,) = custody.lock_batteries([proposal.battery_id])
    if proposal.kind == Proposal.Kind.TAKEN_IN:
        assert proposal.facility is not None and proposal.occurred_at is not None  # proposal_says_what_its_kind_needs
        if battery.status not in IN_USE:
            raise rules.not_in(battery, IN_USE, "status")
        batteries.take_in(actor, [battery], proposal.facility, proposal.occurred_at)
    elif proposal.kind == Proposal.Kind.FOUND:
        assert proposal.facility is not None and proposal.occurred_at is not None  # proposal_says_what_its_kind_needs
        if battery.status != BatteryStatus.LOST:
            raise rules.not_in(battery, (BatteryStatus.LOST,), "status")
        batteries.find(actor, battery, proposal.facility, proposal.occurred_at)
    else:
        if battery.status not in batteries.CORRECTABLE:
            raise rules.not_in(battery, batteries.CORRECTABLE, "status")
        batteries.apply_correction(actor, battery, proposal.reason, _meant(proposal.changes))
    return _decide(actor, proposal, ProposalStatus.ACCEPTED, answer)


@verb(lock, of=_who_decides, reads=_READS, to=ProposalStatus.REFUSED, moves=PROPOSAL_MOVES)
def refuse(*, actor: Actor, proposal: Proposal, answer: str) -> Proposal:
    """It is not so, and why."""
    return _decide(actor, proposal, ProposalStatus.REFUSED, rules.text(answer, field="answer", longest=500))


@verb(lock, of="proposal__proposed_for", to=ProposalStatus.WITHDRAWN, moves=PROPOSAL_MOVES)
def withdraw(*, actor: Actor, proposal: Proposal) -> Proposal:
    """Whoever proposed it takes it back."""
    return _decide(actor, proposal, ProposalStatus.WITHDRAWN, "")


def _decide(actor: Actor, proposal: Proposal, status: ProposalStatus, answer: str) -> Proposal:
    proposal.status, proposal.answer = status, rules.text(answer, field="answer", longest=500, shortest=0)
    proposal.decided_by, proposal.decided_at = actor.user, timezone.now()
    proposal.save(update_fields=["status", "answer", "decided_by", "decided_at"])
    return proposal


def _plain(value: Any) -> Any:
    """A value as JSON keeps it: records by their keys, numbers and days as they are written."""
    return value.pk if isinstance(value, models.Model) else value


def _meant(changes: dict[str, Any]) -> Corrections:
    """What `_plain` was made of. Raises `Refused` where a record that was named is there no more."""
    meant: dict[str, Any] = {}
    for name, value in changes.items():
        field = Battery._meta.get_field(name)
        if value is None:
            meant[name] = None
        elif isinstance(field, models.ForeignKey):
            record = field.related_model._default_manager.filter(pk=value).first()
            if record is None:
                raise Refused(_("What was proposed names something that is there no more."), field="proposal")
            meant[name] = record
        elif isinstance(field, models.DecimalField):
            meant[name] = Decimal(value)
        else:
            meant[name] = date.fromisoformat(value) if isinstance(field, models.DateField) else value
    return cast("Corrections", meant)
