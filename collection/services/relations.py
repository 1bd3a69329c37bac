"""Standing agreements between organizations: who may take batteries from whom, and who carries for whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Function, Organization, Role
from accounts.verbs import verb
from collection.models import (
    OPEN_PICKUPS,
    RELATION_MOVES,
    STANDING,
    Condition,
    Facility,
    Jurisdiction,
    Means,
    Pickup,
    Relation,
    RelationStatus,
)

#: What who takes has to be.
_TAKERS = {Relation.Kind.COLLECT: Function.COLLECTOR, Relation.Kind.CARRY: Function.CARRIER}

#: More facilities are said by leaving them out.
MOST_FACILITIES = 200


def lock(relation: Relation) -> Relation:
    """The relation as it is now, locked."""
    rows = Relation.objects.select_for_update(of=("self",)).select_related("giver", "taker")
    return rows.get(pk=relation.pk)


def hold(keys: Iterable[int | None]) -> None:
    """Nobody ends these relations before what is being done is done; many may hold one."""
    found = sorted(key for key in set(keys) if key is not None)
    if found:
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM collection_relation WHERE id = ANY (%s) ORDER BY id FOR SHARE", [found])


def standing(
    kind: str, giver: Organization, taker: Organization, facility: Facility, conditions: Iterable[str] = ()
) -> Relation | None:
    """The relation, held, by which `taker` may take from, or carry for, `giver` what stands at `facility`."""
    hold(Relation.objects.standing(kind, giver, taker).values_list("pk", flat=True))
    found = Relation.objects.standing(kind, giver, taker).first()
    return found if found is not None and found.holds_at(facility) and found.covers(conditions) else None


def oversees(actor: Actor, facilities: Iterable[Facility], role: Role = Role.MANAGER) -> Organization | None:
    """The regulator of one of these places in whose name the actor, as its manager, decides."""
    return overseer_of(actor, {facility.jurisdiction_id for facility in facilities}, role)


def overseer_of(actor: Actor, jurisdictions: Iterable[str | None], role: Role = Role.MANAGER) -> Organization | None:
    """As `oversees`, of the jurisdictions by their codes."""
    mine = [m.organization_id for m in actor.memberships if actor.may(m.organization_id, role=role)]
    places = {place for place in jurisdictions if place is not None}
    parents = Jurisdiction.objects.filter(pk__in=places, parent__isnull=False).values_list("parent", flat=True)
    rows = Organization.objects.with_function(Function.REGULATOR).filter(pk__in=mine)
    return rows.filter(mandates__jurisdiction__in={*places, *parents}).order_by("pk").first() if mine else None


@verb(of=("giver", "taker"), role=Role.MANAGER)
def offer(
    *,
    actor: Actor,
    kind: str,
    giver: Organization,
    taker: Organization,
    facilities: Sequence[Facility] = (),
    conditions: Sequence[str] | None = None,
    unannounced: bool = False,
    is_simulated: bool = False,
) -> Relation:
    """Offer a relation to the other side, whose managers accept or refuse it; then it takes the place of one that stands.

    With an organization that nobody has claimed it is declared: it holds at once, the regulators of the places see it and
    may end it, and once the other side has people of its own, they are asked.
    """
    _check(kind, giver, taker, facilities, conditions)
    # Before anybody claims one of them; and two who make the same at once wait for each other here.
    both = Organization.objects.select_for_update(no_key=True).filter(pk__in=[giver.pk, taker.pk]).order_by("pk")
    locked = {organization.pk: organization for organization in both}
    mine, other = _sides(actor, giver, taker)
    is_declared = not locked[other.pk].is_claimed
    if is_declared and unannounced:
        raise Invalid(
            _("Nobody speaks for %(name)s yet: a person there confirms what was not announced.") % {"name": other},
            field="unannounced",
        )
    rows = Relation.objects.filter(kind=kind, giver=giver, taker=taker)
    if rows.filter(status=RelationStatus.OFFERED).exists():
        raise Refused(_("Such an offer waits for its answer already."), field="kind", code="duplicate")
    if is_declared and rows.filter(status__in=STANDING).exists():
        raise Refused(_("This relation stands already."), field="kind", code="duplicate")
    made = Relation.objects.create(
        kind=kind,
        giver=giver,
        taker=taker,
        conditions=[c for c in Condition.values if conditions is None or c in conditions],
        unannounced=unannounced,
        offered_by=mine,
        status=RelationStatus.DECLARED if is_declared else RelationStatus.OFFERED,
        declared_at=timezone.now() if is_declared else None,
        is_simulated=is_simulated,
    )
    made.facilities.set(facilities)
    return made


def _answers(relation: Relation) -> list[int | None]:
    return [relation.other]


@verb(lock, of=_answers, role=Role.MANAGER, to=RelationStatus.ACCEPTED, moves=RELATION_MOVES)
def accept(*, actor: Actor, relation: Relation) -> Relation:
    """The other side agrees: from now on the relation holds, in the place of one that stood before."""
    former = Relation.objects.standing(relation.kind, relation.giver, relation.taker).select_for_update().first()
    if former is None:
        return _set(relation, RelationStatus.ACCEPTED)
    resting = former.pickups if relation.kind == Relation.Kind.COLLECT else former.pickups_carried
    covered = [
        pickup.pk
        for pickup in resting.filter(status__in=OPEN_PICKUPS).select_related("collection_point__facility")
        if relation.holds_at(pickup.collection_point.facility) and relation.covers([pickup.condition])
    ]
    _set(former, RelationStatus.ENDED, _("replaced by relation %(id)s") % {"id": relation.pk})
    side = "giver" if relation.kind == Relation.Kind.COLLECT else "carrier"
    Pickup.objects.filter(pk__in=covered).update(**{f"{side}_means": Means.RELATION, f"{side}_relation": relation})
    return _set(relation, RelationStatus.ACCEPTED)


@verb(lock, of=_answers, role=Role.MANAGER, to=RelationStatus.REFUSED, moves=RELATION_MOVES)
def refuse(*, actor: Actor, relation: Relation, reason: rules.Reason) -> Relation:
    """The other side does not want it."""
    return _set(relation, RelationStatus.REFUSED, rules.reason(reason))


@verb(lock, of="relation__offered_by", role=Role.MANAGER, to=RelationStatus.WITHDRAWN, moves=RELATION_MOVES)
def withdraw(*, actor: Actor, relation: Relation) -> Relation:
    """Who offered it takes it back."""
    return _set(relation, RelationStatus.WITHDRAWN)


def _ends(actor: Actor, relation: Relation) -> None:
    """A manager of either side; of one that was declared alone, of a regulator of its places, too."""
    if actor.may(relation.giver_id, relation.taker_id, role=Role.MANAGER):
        return
    if relation.declared_at is None or oversees(actor, places_of(relation)) is None:
        raise Forbidden(_("Either side may end it, and, where one declared it alone, a regulator of its places."))


@verb(lock, requires=_ends, to=RelationStatus.ENDED, moves=RELATION_MOVES)
def end(*, actor: Actor, relation: Relation, reason: rules.Reason) -> Relation:
    """It holds no more. Pickups that rest on it wait for another word; what is on the road stays there."""
    return _set(relation, RelationStatus.ENDED, rules.reason(reason))


def places_of(relation: Relation) -> list[Facility]:
    """The facilities that it holds for."""
    return list(relation.facilities.all()) or list(Facility.objects.filter(operator=relation.giver_id))


def _sides(actor: Actor, giver: Organization, taker: Organization) -> tuple[Organization, Organization]:
    """In whose name the actor speaks, and who the other is. Whoever manages both speaks for who gives."""
    return (giver, taker) if actor.may(giver, role=Role.MANAGER) else (taker, giver)


def _check(
    kind: str,
    giver: Organization,
    taker: Organization,
    facilities: Sequence[Facility],
    conditions: Sequence[str] | None,
) -> None:
    if kind not in Relation.Kind.values:
        raise Invalid(_("“%(kind)s” is no kind of relation.") % {"kind": kind}, field="kind")
    if giver == taker:
        raise Invalid(_("A relation is between two organizations."), field="taker")
    needed = _TAKERS[Relation.Kind(kind)]
    if not taker.has_function(needed):
        raise Invalid(_("%(name)s is no %(function)s.") % {"name": taker.name, "function": needed.label}, field="taker")
    if len(facilities) > MOST_FACILITIES:
        raise Invalid(_("Name at most %(most)s.") % {"most": MOST_FACILITIES}, field="facilities")
    for index, facility in enumerate(facilities):
        if facility.operator_id != giver.pk:
            raise Invalid(
                _("%(facility)s is not a facility of %(name)s.") % {"facility": facility, "name": giver.name},
                field=f"facilities.{index}",
            )
    if conditions is not None and (not conditions or not set(conditions) <= set(Condition.values)):
        raise Invalid(_("Name at least one condition of batteries."), field="conditions")


def _set(relation: Relation, status: RelationStatus, reason: str = "") -> Relation:
    relation.status, relation.reason = status, reason
    relation.save(update_fields=["status", "reason"])
    return relation
