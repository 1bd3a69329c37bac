"""Tokens, by which programs log in. Only their digest is stored; each can be revoked."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from knox.models import AuthToken

from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import User
from accounts.services import second_factors
from accounts.verbs import by_anybody, verb

#: Nobody needs more at a time, and each is one more that may leak.
MOST_TOKENS = 50
LONGEST_DAYS = 366


def good() -> QuerySet[AuthToken]:
    """Tokens that have not expired."""
    rows: QuerySet[AuthToken] = AuthToken.objects.filter(Q(expiry=None) | Q(expiry__gt=timezone.now()))
    return rows


def _is_own(actor: Actor, token: AuthToken) -> None:
    """That the token is the caller's own."""
    if token.user_id != actor.user.pk:
        raise Forbidden(_("This token is not yours."))


def _as_it_is(token: AuthToken) -> AuthToken:
    """The token itself: nothing about it ever changes, and one that has gone is as good as ended."""
    return token


@verb(requires=by_anybody)
def create(*, actor: Actor, expires_in_days: int = 1) -> AuthToken:
    """A new token of the actor; its text stands in `plain`, now and never again."""
    if second_factors.lacks(actor.user):
        raise second_factors.refusal()
    if not 1 <= expires_in_days <= LONGEST_DAYS:
        raise Invalid(_("Give 1 to %(longest)s days.") % {"longest": LONGEST_DAYS}, field="expires_in_days")
    User.objects.select_for_update(no_key=True).get(pk=actor.user.pk)  # so that the number holds
    AuthToken.objects.filter(user=actor.user, expiry__lte=timezone.now()).delete()
    if AuthToken.objects.filter(user=actor.user).count() >= MOST_TOKENS:
        raise Refused(_("You have %(number)s tokens; revoke some.") % {"number": MOST_TOKENS}, code="too_many")
    token, plain = AuthToken.objects.create(actor.user, expiry=timedelta(days=expires_in_days))
    token.plain = plain
    return token


@verb(_as_it_is, requires=_is_own)
def revoke(*, actor: Actor, token: AuthToken) -> AuthToken:
    """End one of the actor's tokens."""
    AuthToken.objects.filter(pk=token.pk).delete()
    return token


@transaction.atomic
def revoke_all(*, actor: Actor, user: User) -> int:
    """End all of a user's tokens, at its own command or in the course of another that was allowed. Returns how many."""
    ended, _by_model = AuthToken.objects.filter(user=user).delete()
    return int(ended)
