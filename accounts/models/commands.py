from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.users import Viewer


class CommandQuerySet(models.QuerySet["Command"]):
    def visible_to(self, user: Viewer) -> CommandQuerySet:
        return self if user.is_superuser else self.filter(user_id=user.pk or 0)


class Command(models.Model):
    """A request sent with an `Idempotency-Key`, and the answer it got, so that sending it again acts once.

    The row is written in the transaction of the command itself: if the command fails, the key is free again; while it
    runs, a second request with the key waits on the unique constraint.
    """

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="commands", verbose_name=_("user"))
    key = models.CharField(_("idempotency key"), max_length=200)
    fingerprint = models.CharField(_("fingerprint"), max_length=64, help_text=_("SHA-256 of method, path and body."))
    status = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    response = models.JSONField(_("response"), null=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    objects = CommandQuerySet.as_manager()

    class Meta:
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        constraints = (models.UniqueConstraint(fields=["user", "key"], name="command_once_per_key"),)

    def __str__(self) -> str:
        return self.key
