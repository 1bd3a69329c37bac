"""On what ground a battery counts for its producer: found when it is registered, confirmed by the producer's acceptance.

What somebody else says of a producer is a claim, and counts apart until there is ground for it (docs/adr/0017, 0024).
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Refused
from accounts.models import Function, Organization, Role
from accounts.verbs import verb
from collection.models import Battery, ClaimContest, Ground, goes_by_a_pattern
from collection.services import claim_contests, custody


def ground_of(actor: Actor, organization: Organization, producer: Organization | None) -> Ground:
    """The ground that a battery has which `actor` registers, or names the producer of, in the name of `organization`."""
    said_itself = producer is not None and producer.pk == organization.pk and actor.may(organization)
    return Ground.REGISTERED_BY_PRODUCER if said_itself else Ground.CLAIMED


def confirm_by_pattern(batteries: QuerySet[Battery]) -> set[int]:
    """Confirm those of `batteries` that are claimed, and go by a number that fits a pattern of their producer; what the
    producer contests is not confirmed behind its back. Returns their ids; one statement where there are none.
    """
    waiting = batteries.filter(goes_by_a_pattern(), producer_ground=Ground.CLAIMED)
    found = set(waiting.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    if found:  # asked once they are locked: whoever contests locks them, too
        found -= set(ClaimContest.objects.undecided().filter(battery__in=found).values_list("battery", flat=True))
        Battery.objects.filter(pk__in=found).update(producer_ground=Ground.SERIAL_PATTERN)
    return found


@verb(custody.lock_battery, of="battery__producer", role=Role.MANAGER, field="producer_ground", when=[Ground.CLAIMED])
def accept_claim(*, actor: Actor, battery: Battery) -> Battery:
    """The producer says that the battery is its own. It then counts in its confirmed figures, from the day it came on.

    Also once it was charged, whatever the status of its batch: open figures follow, what was filed stays as it was. If the
    producer contested it, that is taken back.
    """
    claim_contests.withdraw_of(actor, [battery.pk])
    battery.producer_ground = Ground.ACCEPTED
    battery.save(update_fields=["producer_ground"])
    return battery


@verb(of="organization", role=Role.MANAGER, function=Function.PRODUCER)
def accept_claims(*, actor: Actor, organization: Organization, batteries: Sequence[int]) -> list[int]:
    """As `accept_claim`, for many batteries claimed to be of `organization`: all or none, in a fixed number of statements."""
    locked = Battery.objects.filter(pk__in=batteries, producer=organization, producer_ground=Ground.CLAIMED)
    found = set(locked.order_by("pk").select_for_update(of=("self",)).values_list("pk", flat=True))
    if other := sorted(set(batteries) - found):
        raise Refused(
            _("No claims on %(name)s that wait for a word: %(batteries)s.")
            % {"name": organization.name, "batteries": ", ".join(str(key) for key in other[:10])},
            field="batteries",
            code="not_claimed",
        )
    claim_contests.withdraw_of(actor, found)
    Battery.objects.filter(pk__in=found).update(producer_ground=Ground.ACCEPTED)
    return sorted(found)
