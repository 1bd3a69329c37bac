from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.pages import views
from accounts.services import second_factors


class EntranceMiddleware:
    """Leads members who have to have a second factor, and have none, to set one up before they see the admin.

    The pages before the admin, where passwords and codes are tried, are closed while nobody can count the tries.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        match = request.resolver_match
        if match is None or match.namespace != "admin" or match.url_name == "logout":
            return None
        if not isinstance(request.user, User) or not second_factors.lacks(request.user):
            return None
        messages.warning(request, _("Your organization requires a second factor. Set one up to go on."))
        return HttpResponseRedirect(reverse("mfa_index"))

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        name = str(getattr(request.resolver_match, "url_name", ""))
        is_before = name.startswith(("account_", "mfa_"))
        return views.closed(request, error) if is_before and isinstance(error, redis.RedisError) else None
