"""What came by mail: sent as a worker would."""

from __future__ import annotations

import re

from django.core import mail as django_mail
from django.core.mail import EmailMessage

from accounts.services import mail


def messages(to: str | None = None) -> list[EmailMessage]:
    """All that was sent (to an address), what is due included."""
    mail.send_due()
    return [message for message in django_mail.outbox if to is None or message.to == [to]]


def link(to: str) -> str:
    """The path of the link in the last message to an address."""
    found = re.search(r"http://testserver(/\S+)", str(messages(to)[-1].body))
    assert found is not None
    return found.group(1)
