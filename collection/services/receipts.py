"""Receipts for who signs at a place that nobody has claimed, and contests of what they say."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.acting import as_platform
from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Mail, Role
from accounts.services import mail
from accounts.verbs import verb
from collection.models import CONTEST_MOVES, Contest, ContestStatus, Pickup, Receipt, RelationStatus
from collection.services import relations

#: So often one hand-over is contested, one time after the other.
MOST_CONTESTS = 3

#: A signature is drawn on 400 by 160; a long one takes some thousand characters.
LONGEST_SIGNATURE = 20_000
LONGEST_STATEMENT = 2000
_PATH = re.compile(r"M *-?\d[MmLlHhVvCcSsQqTtAaZz\d\s,.+\-]*").fullmatch
_DRAWN = re.compile(r"[LlHhVvCcSsQqTtAa]").search


def take(actor: Actor, pickup: Pickup, *, name: str, role: str, signature: str, email: str) -> Receipt:
    """The receipt for who signs at a locked pickup, whose place nobody has claimed."""
    relation = pickup.giver_relation
    if pickup.collection_point.facility.operator.is_claimed:
        raise Refused(
            _("This place has people here: they confirm the pickup, or show a code."), field="pickup", code="claimed"
        )
    if relation is None or relation.status != RelationStatus.DECLARED:
        raise Refused(_("No declared relation with this place stands."), field="pickup", code="no_relation")
    email = rules.text(email, field="email", longest=254, shortest=0).lower()
    if email:
        try:
            validate_email(email)
        except ValidationError as error:
            raise Invalid(_("This is no email address."), field="email") from error
    carrier = pickup.carrier if pickup.carrier is not None and actor.may(pickup.carrier) else None
    return Receipt.objects.create(
        pickup=pickup,
        facility=pickup.collection_point.facility,
        collector=pickup.collector,
        carrier=carrier,
        name=rules.text(name, field="name", longest=150),
        role=rules.text(role, field="role", longest=100),
        signature=_drawn(signature),
        email=email,
        taken_by=actor.user,
    )


def _drawn(signature: str) -> str:
    signature = rules.text(signature, field="signature", longest=LONGEST_SIGNATURE)
    if not (_PATH(signature) and _DRAWN(signature)):
        raise Invalid(_("This is no drawn signature: the path of an SVG is."), field="signature")
    return signature


def send(receipt: Receipt) -> None:
    """Mail the link of a receipt to whoever signed, if there is an address."""
    if receipt.email:
        mail.post(Mail.Kind.RECEIPT, receipt.email, receipt=receipt.pk)


def told(about: dict[str, Any]) -> dict[str, Any] | None:
    """What the message about a receipt reads."""
    receipt = Receipt.objects.select_related("facility", "collector").filter(pk=about["receipt"]).first()
    if receipt is None:
        return None
    return {"receipt": receipt, "link": mail.address("collection_receipt", receipt.link)}


def open_by(link: str) -> Receipt:
    """The receipt that a link leads to. Raises `Invalid` if it leads nowhere."""
    rows = Receipt.objects.of_link(link).select_related("facility", "collector", "pickup__shipment", "pickup__carrier")
    receipt = rows.first()
    if receipt is None:
        raise Invalid(_("This link is not complete, or not one of ours."), field="link", code="no_link")
    return receipt


@as_platform()
@transaction.atomic
def contest(*, link: str, name: str, statement: str) -> Contest:
    """Whoever has the link says that the hand-over was not as the receipt says. A regulator of the place decides.

    Who signed is not the only one with the link: what somebody else contested, and a regulator decided, keeps nobody from it.
    """
    receipt = open_by(link)
    Pickup.objects.select_for_update(of=("self",), no_key=True).get(pk=receipt.pickup_id)
    if not receipt.handovers.exists():
        raise Refused(_("Nothing was handed over by this receipt yet."), field="link", code="not_yet")
    if not may_be_contested(receipt):
        raise Refused(
            _("This hand-over is contested, or was %(times)s times: the regulator of the place decides.")
            % {"times": MOST_CONTESTS},
            field="link",
            code="duplicate",
        )
    return Contest.objects.create(
        receipt=receipt,
        name=rules.text(name, field="name", longest=150),
        statement=rules.text(statement, field="statement", longest=LONGEST_STATEMENT),
    )


def may_be_contested(receipt: Receipt) -> bool:
    """Whether all that was said against it is decided, and may be said once more."""
    statuses = list(receipt.contests.values_list("status", flat=True))
    return ContestStatus.OPEN not in statuses and len(statuses) < MOST_CONTESTS


def lock(contest: Contest) -> Contest:
    """The contest as it is now, locked."""
    return Contest.objects.select_for_update(of=("self",)).select_related("receipt__facility").get(pk=contest.pk)


def _by_regulator(actor: Actor, contest: Contest) -> None:
    if actor.user.is_superuser and actor.user.is_active:
        return
    if relations.oversees(actor, [contest.receipt.facility], Role.MANAGER) is None:
        raise Forbidden(_("This needs a manager of a regulator of the place."))


@verb(lock, requires=_by_regulator, to=ContestStatus.UPHELD, moves=CONTEST_MOVES)
def uphold(*, actor: Actor, contest: Contest, reason: rules.Reason) -> Contest:
    """A regulator of the place finds that the hand-over was not as the receipt says."""
    return _decide(actor, contest, ContestStatus.UPHELD, reason)


@verb(lock, requires=_by_regulator, to=ContestStatus.DISMISSED, moves=CONTEST_MOVES)
def dismiss(*, actor: Actor, contest: Contest, reason: rules.Reason) -> Contest:
    """A regulator of the place finds that it was."""
    return _decide(actor, contest, ContestStatus.DISMISSED, reason)


def _decide(actor: Actor, contest: Contest, status: ContestStatus, reason: rules.Reason) -> Contest:
    contest.status, contest.reason = status, rules.reason(reason)
    contest.decided_by, contest.decided_at = actor.user, timezone.now()
    contest.save(update_fields=["status", "reason", "decided_by", "decided_at"])
    return contest
