"""What allauth asks us: how a try to log in is counted, and how mail goes out. Nobody signs up by themselves."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.api.auth import seconds_to_wait
from accounts.models import User
from accounts.services import mail


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Logging in as the API has it; no other way in."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": gettext_lazy("Email and password do not match."),
        "too_many_login_attempts": gettext_lazy("Too many tries; wait a minute."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        if seconds_to_wait(request, credentials["email"]):
            raise self.validation_error("too_many_login_attempts")

    def _rollback_login_failed_rl_usage(self) -> None:
        """Those who succeed count, too, as they do at the API."""

    def reauthenticate(self, user: User, password: str) -> bool:
        self.pre_authenticate(self.request, email=user.email)
        return user.check_password(password)

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        messages.error(request, _("This account is locked."))
        return HttpResponseRedirect(reverse("account_login"))

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """What allauth tells a user of its second factor, by our mail."""
        about = render_to_string(f"{template_prefix}_subject.txt", context or {})
        mail.notify(user, "second_factor", about=" ".join(about.split()))
