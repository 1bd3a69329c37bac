"""Passwords. Each is set by whose it is, who knew the one before or reads the mail of the account."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.http import urlsafe_base64_decode
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid
from accounts.models import Mail, User
from accounts.services import mail, tokens
from accounts.services.users import lock
from accounts.verbs import verb


def check_password(password: str, user: User) -> None:
    """Raise `Invalid` unless it is hard enough to guess."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from error


def _is_oneself(actor: Actor, user: User) -> None:
    """That it is the caller's own account."""
    if user.pk != actor.user.pk:
        raise Forbidden(_("Nobody sets another person's password."))


@verb(lock, requires=_is_oneself)
def change_password(*, actor: Actor, user: User, old_password: str, password: str) -> User:
    """Set another password for oneself. All tokens and all other sessions end, and the owner is told by mail."""
    if not user.check_password(old_password):
        raise Invalid(_("This is not your password."), field="old_password", code="wrong_password")
    return _set(user, password)


def ask_for_reset(*, email: str) -> None:
    """Have a link mailed to set a password with. What is done here is the same for every address, known or not."""
    mail.post(Mail.Kind.RESET, email.strip().lower()[:254])


@transaction.atomic
def reset(*, key: str, token: str, password: str) -> User:
    """Set a password by a link that was mailed. It is good once, and only until somebody logs in."""
    lock(user_of_link(key, token))
    return _set(user_of_link(key, token), password)  # asked again: it may have been used while we waited


def user_of_link(key: str, token: str) -> User:
    """Whose link it is. Raises `Invalid` if it is none, is over, or was used."""
    try:
        user: User | None = User.objects.filter(pk=int(urlsafe_base64_decode(key)), is_active=True).first()
    except (ValueError, OverflowError):
        user = None
    if user is None or not default_token_generator.check_token(user, token):
        raise Invalid(_("This link has expired or was used already. Ask for another."), field="token", code="no_link")
    return user


def _set(user: User, password: str) -> User:
    check_password(password, user)
    user.set_password(password)
    user.save(update_fields=["password"])
    tokens.revoke_all(actor=Actor.of(user), user=user)
    mail.notify(user, "password_changed")
    return user
