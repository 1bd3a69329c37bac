"""How producers number what they make: ground for their credit, filed in advance."""

from __future__ import annotations

import re

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import rules
from accounts.actors import Actor
from accounts.errors import Invalid, Refused
from accounts.models import Function, Organization, Role
from accounts.verbs import verb
from accounts.written import compared, plain
from collection.models import Battery, Identifier, SerialPattern
from collection.models.serial_patterns import PATTERN
from collection.services import credit


def lock(pattern: SerialPattern) -> SerialPattern:
    """The pattern as it is now, locked."""
    return SerialPattern.objects.select_for_update(of=("self",)).get(pk=pattern.pk)


@verb(of="producer", role=Role.MANAGER, function=Function.PRODUCER)
def file(*, actor: Actor, producer: Organization, scheme: str, pattern: str) -> SerialPattern:
    """A producer says how it numbers batteries or vehicles: `5YJ*`, `SN-????-*`. It is its word in advance: what goes by such
    a number and is claimed to be its counts as its, also what waits for its word already.

    Letters' case, blanks and hyphens make no difference. The first three characters stand for themselves: a pattern
    that fits everything is an acceptance of everything.
    """
    if scheme not in Identifier.Scheme.values:
        raise Invalid(_("“%(scheme)s” is no scheme of identifiers.") % {"scheme": scheme}, field="scheme")
    form = compared(plain(pattern, field="pattern"))
    if not re.fullmatch(PATTERN, form):
        raise Invalid(
            _("Three characters (A to Z, 0 to 9, . / :) that stand for themselves, then such or ? or *."),
            field="pattern",
        )
    rules.text(form, field="pattern", longest=100)
    Organization.objects.select_for_update(of=("self",), no_key=True).get(pk=producer.pk)
    if SerialPattern.objects.standing().filter(producer=producer, scheme=scheme, pattern=form).exists():
        raise Refused(_("This pattern stands already."), field="pattern", code="duplicate")
    filed = SerialPattern.objects.create(producer=producer, scheme=scheme, pattern=form, filed_by=actor.user)
    credit.confirm_by_pattern(Battery.objects.filter(producer=producer))
    return filed


def _stands(pattern: SerialPattern) -> None:
    if pattern.ended_at is not None:
        raise Refused(_("This pattern has ended."), field="pattern", code="wrong_status")


@verb(lock, of="pattern__producer", role=Role.MANAGER)
def end(*, actor: Actor, pattern: SerialPattern, reason: rules.Reason) -> SerialPattern:
    """The producer numbers so no more. What was confirmed by it stays confirmed; what should not have been, it contests."""
    _stands(pattern)
    pattern.ended_at, pattern.ended_by, pattern.reason = timezone.now(), actor.user, rules.reason(reason)
    pattern.save(update_fields=["ended_at", "ended_by", "reason"])
    return pattern
