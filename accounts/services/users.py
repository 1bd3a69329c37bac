"""People: who is known, and who may log in."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Refused
from accounts.models import Mail, User
from accounts.services import mail, tokens
from accounts.verbs import by_platform, verb


def lock(user: User) -> User:
    """The user as it is now, locked."""
    found: User = User.objects.select_for_update(no_key=True).get(pk=user.pk)
    return found


@verb(requires=by_platform)
def register(*, actor: Actor, email: str, name: str) -> User:
    """Make a user that belongs nowhere yet, and mail a link to set a password with. Only the operators of the platform
    may; managers invite instead.
    """
    email = email.strip().lower()
    if User.objects.filter(email=email).exists():
        raise Refused(_("This user already exists."), field="email", code="duplicate")
    user = User.objects.create_user(email, None, name=name.strip())
    mail.post(Mail.Kind.RESET, email)
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


@verb(lock, requires=by_platform)
def remove_second_factor(*, actor: Actor, user: User) -> User:
    """Let a user who lost its second factor, and the recovery codes, log in by its password alone. It is told by mail."""
    Authenticator.objects.filter(user=user).delete()
    tokens.revoke_all(actor=actor, user=user)
    mail.notify(user, "second_factor", about=_("removed by the operators of the platform"))
    return user
