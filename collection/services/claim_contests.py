"""What producers say of batteries that others claim to be theirs: that they are not. A regulator decides."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Forbidden, Refused
from accounts.models import Function, Organization, Role
from accounts.verbs import verb
from collection.models import (
    ANSWER_WITHIN,
    CLAIM_CONTEST_MOVES,
    DECISION_WITHIN,
    DISOWNED,
    Battery,
    ClaimContest,
    ClaimContestStatus,
    CustodyEvent,
    CustodyKind,
    Ground,
)
from collection.services import custody, relations
from collection.services.custody import Entry

LONGEST_STATEMENT = 2000

#: On these grounds a battery can be contested: nobody but a claimant, or a pattern that fits too much, says whose it is.
CONTESTABLE = (Ground.CLAIMED, Ground.SERIAL_PATTERN)


def lock(contest: ClaimContest) -> ClaimContest:
    """The contest as it is now, locked, after its battery."""
    (battery,) = custody.lock_batteries([contest.battery_id])
    contest = ClaimContest.objects.select_for_update(of=("self",)).get(pk=contest.pk)
    contest.battery = battery
    return contest


@verb(custody.lock_battery, of="battery__producer", role=Role.MANAGER, field="producer_ground", when=CONTESTABLE)
def contest_claim(*, actor: Actor, battery: Battery, statement: str) -> ClaimContest:
    """The producer says that the battery, which others claim to be its, is not. See `contest_claims`."""
    assert battery.producer is not None  # in its name the actor may
    (made,) = contest_claims(actor=actor, organization=battery.producer, batteries=[battery.pk], statement=statement)
    return made


@verb(of="organization", role=Role.MANAGER, function=Function.PRODUCER)
def contest_claims(
    *, actor: Actor, organization: Organization, batteries: Sequence[int], statement: str
) -> list[ClaimContest]:
    """`organization` says of batteries that others claim to be its, or that fit a pattern of its, that they are not: of all
    or of none. Whoever registered them has 30 days to answer or concede, each a contest of its own.
    """
    statement = rules.text(statement, field="statement", longest=LONGEST_STATEMENT)
    undecided = ClaimContest.objects.undecided().filter(battery=OuterRef("pk"))
    locked = list(
        Battery.objects.filter(pk__in=set(batteries), producer=organization, producer_ground__in=CONTESTABLE)
        .exclude(registered_by=organization)
        .exclude(Exists(undecided))
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    if other := sorted(set(batteries) - {battery.pk for battery in locked}):
        raise Refused(
            _("No claims on %(name)s that it could contest: %(batteries)s.")
            % {"name": organization.name, "batteries": ", ".join(str(key) for key in other[:10])},
            field="batteries",
            code="not_claimed",
        )
    by_pattern = [battery.pk for battery in locked if battery.producer_ground == Ground.SERIAL_PATTERN]
    Battery.objects.filter(pk__in=by_pattern).update(producer_ground=Ground.CLAIMED)
    collected_in = dict(
        CustodyEvent.objects.filter(battery__in=locked, sequence=1).values_list("battery", "to_facility__jurisdiction")
    )
    return ClaimContest.objects.bulk_create(
        ClaimContest(
            battery=battery,
            contested_by=organization,
            claimed_by_id=battery.registered_by_id,
            jurisdiction_id=battery.placed_in_id or collected_in.get(battery.pk),
            statement=statement,
            opened_by=actor.user,
            due_on=timezone.localdate() + ANSWER_WITHIN,
        )
        for battery in locked
    )


@verb(lock, of="contest__claimed_by", to=ClaimContestStatus.ANSWERED, moves=CLAIM_CONTEST_MOVES)
def answer(*, actor: Actor, contest: ClaimContest, statement: str) -> ClaimContest:
    """Whoever claimed stands by it, and says why: what label, what document. Now a regulator decides, within 60 days."""
    contest.answer = rules.text(statement, field="statement", longest=LONGEST_STATEMENT)
    contest.status, contest.answered_at = ClaimContestStatus.ANSWERED, timezone.now()
    contest.due_on = timezone.localdate() + DECISION_WITHIN
    contest.save(update_fields=["status", "answer", "answered_at", "due_on"])
    return contest


@verb(lock, of="contest__claimed_by", to=ClaimContestStatus.CONCEDED, moves=CLAIM_CONTEST_MOVES)
def concede(*, actor: Actor, contest: ClaimContest, reason: rules.Reason) -> ClaimContest:
    """Whoever claimed says that it was wrong. The battery is of no known producer then."""
    return _disown(actor, contest, ClaimContestStatus.CONCEDED, reason)


@verb(
    lock,
    of="contest__contested_by",
    role=Role.MANAGER,
    to=ClaimContestStatus.WITHDRAWN,
    moves=CLAIM_CONTEST_MOVES,
)
def withdraw(*, actor: Actor, contest: ClaimContest) -> ClaimContest:
    """The producer takes it back. The battery stays claimed, and can be accepted."""
    return _close(actor, contest, ClaimContestStatus.WITHDRAWN, "")


def _by_regulator(actor: Actor, contest: ClaimContest) -> None:
    if not actor.user.is_superuser and relations.overseer_of(actor, [contest.jurisdiction_id]) is None:
        raise Forbidden(_("This needs a manager of a regulator of the place."))


@verb(lock, requires=_by_regulator, to=ClaimContestStatus.UPHELD, moves=CLAIM_CONTEST_MOVES)
def uphold(*, actor: Actor, contest: ClaimContest, reason: rules.Reason) -> ClaimContest:
    """A regulator finds that the battery is not the producer's: it is of no known producer then, also where it was charged.

    Not before who claimed it answered, or let the day pass.
    """
    _check_heard(contest)
    return _disown(actor, contest, ClaimContestStatus.UPHELD, reason)


@verb(lock, requires=_by_regulator, to=ClaimContestStatus.DISMISSED, moves=CLAIM_CONTEST_MOVES)
def dismiss(*, actor: Actor, contest: ClaimContest, reason: rules.Reason) -> ClaimContest:
    """A regulator finds that the battery is the producer's: it counts for it as what it accepted does.

    Not before who claimed it answered, or let the day pass.
    """
    _check_heard(contest)
    Battery.objects.filter(pk=contest.battery_id).update(producer_ground=Ground.DECIDED)
    return _close(actor, contest, ClaimContestStatus.DISMISSED, reason)


def _check_heard(contest: ClaimContest) -> None:
    if contest.status == ClaimContestStatus.OPEN and not contest.is_overdue:
        raise Refused(
            _("Who claimed the battery has until %(day)s to answer.") % {"day": contest.due_on.isoformat()},
            field="contest",
            code="not_heard",
        )


def withdraw_of(actor: Actor, batteries: Collection[int]) -> None:
    """The producer accepts locked batteries: what it contested of them is taken back."""
    ClaimContest.objects.undecided().filter(battery__in=batteries).update(
        status=ClaimContestStatus.WITHDRAWN, decided_by=actor.user, decided_at=timezone.now()
    )


def concede_by_correcting(actor: Actor, battery: Battery, reason: str) -> None:
    """Whoever has the locked battery corrected its producer: what was contested is conceded."""
    for contest in ClaimContest.objects.undecided().filter(battery=battery).select_for_update(of=("self",)):
        _close(actor, contest, ClaimContestStatus.CONCEDED, reason)


def check_not_disowned(battery: Battery, producer: Organization | None) -> None:
    """Refuse to claim once more what was found not to be the producer's."""
    if ClaimContest.objects.filter(battery=battery, contested_by=producer, status__in=DISOWNED).exists():
        raise Refused(
            _("%(name)s contested that this battery is its, and it is not.") % {"name": producer},
            field="producer",
            code="contested",
        )


def _disown(actor: Actor, contest: ClaimContest, status: ClaimContestStatus, reason: str) -> ClaimContest:
    """Close the contest first: the database lets a charged battery lose its producer by a closed one alone."""
    closed, battery = _close(actor, contest, status, reason), contest.battery
    battery.producer, battery.producer_ground = None, Ground.CLAIMED
    battery.save(update_fields=["producer", "producer_ground"])
    custody.note([battery], Entry(actor, CustodyKind.CORRECTED, timezone.now(), note=closed.reason))
    return closed


def _close(actor: Actor, contest: ClaimContest, status: ClaimContestStatus, reason: str) -> ClaimContest:
    contest.status = status
    contest.reason = "" if status == ClaimContestStatus.WITHDRAWN else rules.reason(reason)
    contest.decided_by, contest.decided_at = actor.user, timezone.now()
    contest.save(update_fields=["status", "reason", "decided_by", "decided_at"])
    return contest
