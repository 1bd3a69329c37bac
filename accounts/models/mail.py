from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.users import Viewer


class MailQuerySet(models.QuerySet["Mail"]):
    def visible_to(self, user: Viewer) -> MailQuerySet:
        """Nobody reads what is on its way to somebody else."""
        return self.none()


class Mail(models.Model):
    """A message that waits to be sent, and is gone when it was.

    It says what it is about and not what it will read: the links in it, which open doors, are made as it is sent.
    """

    class Kind(models.TextChoices):
        INVITATION = "invitation", _("invitation")
        RESET = "reset", _("link to set a password")
        NOTICE = "notice", _("notice")
        RECEIPT = "receipt", _("receipt")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    recipient = models.EmailField(_("recipient"))
    language = models.CharField(_("language"), max_length=10)
    about = models.JSONField(_("about"), default=dict)
    due_at = models.DateTimeField(_("due at"), default=timezone.now, db_index=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)

    objects = MailQuerySet.as_manager()

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mail")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(kind__in=["invitation", "reset", "notice", "receipt"]), name="mail_kind_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"
