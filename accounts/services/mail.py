"""Mail: written by what happens, sent by a worker, so that no answer waits for it, or tells by its haste who is known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import get_language, override

from accounts.models import Invitation, InvitationStatus, Mail, User
from accounts.services.platform import PLATFORM_EMAIL

#: So often a message is tried, an hour apart at last; then it is given up, and said so in the log.
MOST_TRIES = 12

#: What messages about records of the apps above say: from what they are about to what their template reads, or `None`
#: where nobody is to get them any more. Each app enters its own when it is ready.
CONTEXTS: dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]] = {}

log = structlog.get_logger(__name__)


def post(kind: str, recipient: str, **about: Any) -> None:
    """Write a message, in the language of who causes it; a worker sends it once what is being done is committed."""
    Mail.objects.create(kind=kind, recipient=recipient, about=about, language=get_language() or settings.LANGUAGE_CODE)


def notify(user: User, notice: str, **about: Any) -> None:
    """Tell a user by mail what happened to its account: `notice` is a template in `templates/mail/notices/`."""
    post(Mail.Kind.NOTICE, user.email, notice=notice, name=user.name, **about)


def send_due() -> int:
    """Send what is due, each message by one worker. Returns how many were sent."""
    sent = 0
    while (went := _send_next()) is not None:
        sent += went
    return sent


@transaction.atomic
def _send_next() -> bool | None:
    """Whether the next message went out; `None` if there is none."""
    mail = (
        Mail.objects.select_for_update(skip_locked=True).filter(due_at__lte=timezone.now()).order_by("due_at").first()
    )
    if mail is None:
        return None
    try:
        with override(mail.language):
            message = _written(mail)
        if message is not None:
            message.send()
    except Exception as error:  # noqa: BLE001 - whatever a mail server or a template raises, the others go out
        mail.tries += 1
        log.warning("mail_failed", mail=mail.pk, kind=mail.kind, tries=mail.tries, error=repr(error))
        if mail.tries < MOST_TRIES:
            mail.due_at = timezone.now() + timedelta(minutes=min(2**mail.tries, 60))
            mail.save(update_fields=["tries", "due_at"])
            return False
        log.error("mail_given_up", mail=mail.pk, kind=mail.kind)
    mail.delete()
    return True


def _written(mail: Mail) -> EmailMessage | None:
    """The message, or nothing where nobody is to get it any more, or ever was."""
    context: dict[str, Any] = {"site": settings.SITE_URL, **mail.about}
    if mail.kind == Mail.Kind.INVITATION:
        invitation = Invitation.objects.filter(pk=mail.about["invitation"], status=InvitationStatus.OPEN).first()
        if invitation is None:
            return None
        context |= {"invitation": invitation, "link": address("account_invitation", invitation.link)}
    elif mail.kind == Mail.Kind.RESET:
        user = User.objects.filter(email=mail.recipient, is_active=True).exclude(email=PLATFORM_EMAIL).first()
        if user is None:
            return None
        key = urlsafe_base64_encode(force_bytes(user.pk))
        context |= {
            "user": user,
            "link": address("account_new_password", key, default_token_generator.make_token(user)),
            "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
        }
    elif mail.kind in CONTEXTS:
        told = CONTEXTS[mail.kind](mail.about)
        if told is None:
            return None
        context |= told
    name = f"notices/{mail.about['notice']}" if mail.kind == Mail.Kind.NOTICE else mail.kind
    subject, _gap, text = render_to_string(f"mail/{name}.txt", context).strip().partition("\n")
    return EmailMessage(subject=" ".join(subject.split()), body=text.strip() + "\n", to=[mail.recipient])


def address(page: str, *key: str) -> str:
    """Where a page is, as it stands in a message."""
    return f"{settings.SITE_URL.rstrip('/')}{reverse(page, args=key)}"
