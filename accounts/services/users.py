"""People: their passwords, and whether they may log in."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Membership, Role, User
from accounts.services import tokens
from accounts.verbs import by_platform, verb


def lock(user: User) -> User:
    """The user as it is now, locked."""
    found: User = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    return found


@verb(requires=by_platform)
def register(*, actor: Actor, email: str, name: str) -> User:
    """Make a user that belongs nowhere yet. Only the operators of the platform may; managers add members instead."""
    email = email.strip().lower()
    if User.objects.filter(email=email).exists():
        raise Refused(_("This user already exists."), field="email", code="duplicate")
    return User.objects.create_user(email, None, name=name.strip())


def _may_set_password(actor: Actor, user: User) -> None:
    """To be the user, or to run the platform, or to manage all its organizations while it never had a password."""
    if user.pk == actor.user.pk or actor.user.is_superuser:
        return
    managed = [m.organization_id for m in actor.memberships if m.role == Role.MANAGER]
    works_for = set(Membership.objects.filter(user=user).values_list("organization", flat=True))
    if not works_for or not works_for <= set(managed) or user.is_superuser:
        raise Forbidden(_("You may not set this user's password."))
    if user.has_usable_password():
        raise Forbidden(_("This user has a password already, and sets the next one itself."))


@verb(lock, requires=_may_set_password)
def set_password(*, actor: Actor, user: User, password: str) -> User:
    """Set a password and end every session by token.

    One sets one's own; the platform sets any; a manager sets the first one of a user who never had one and works for
    the manager's organizations alone.
    """
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from error
    user.set_password(password)
    user.save(update_fields=["password"])
    tokens.revoke_all(actor=actor, user=user)
    return user


@verb(lock, requires=by_platform, field="is_active", when=[True])
def deactivate(*, actor: Actor, user: User) -> User:
    """The user logs in no more, and its tokens end. Only the operators of the platform may."""
    if user.pk == actor.user.pk:
        raise Refused(_("You cannot lock yourself out."), field="user")
    user.is_active = False
    user.save(update_fields=["is_active"])
    tokens.revoke_all(actor=actor, user=user)
    return user


@verb(lock, requires=by_platform, field="is_active", when=[False])
def activate(*, actor: Actor, user: User) -> User:
    """The user may log in again."""
    user.is_active = True
    user.save(update_fields=["is_active"])
    return user
