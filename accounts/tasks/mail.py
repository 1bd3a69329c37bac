"""Mail in the background."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from django.db import transaction
from django.db.models.signals import post_save
from django.dispatch import receiver

from accounts.models import Mail
from accounts.services import mail


@shared_task(name="accounts.send_mail")
def send_mail() -> None:
    """Send what is due. Beat asks for it, too: what a lost message or a mail server that was away left behind."""
    mail.send_due()


@receiver(post_save, sender=Mail)
def _posted(created: bool, **_: Any) -> None:
    """Whatever writes a message need not know of the queue."""
    if created:
        transaction.on_commit(send_mail.delay, robust=True)
