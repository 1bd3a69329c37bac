"""Pages before the admin: logging in, accepting an invitation, and setting a password that was forgotten."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import redis
import structlog
from allauth.account.views import LoginView
from django.contrib import admin, messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts.actors import Actor
from accounts.admin.forms import show_error
from accounts.api.auth import LoginAddressThrottle, ResetThrottle, seconds_to_wait
from accounts.errors import DomainError
from accounts.models import Invitation, User
from accounts.pages.forms import ForgottenForm, JoinForm, LoginForm, NewPasswordForm
from accounts.services import invitations, passwords

type View = Callable[..., HttpResponse]

log = structlog.get_logger(__name__)


def closed(request: HttpRequest, error: redis.RedisError) -> HttpResponse:
    """What is shown while Valkey, which counts tries, is away."""
    log.error("valkey_lost", error=str(error))
    answer = _page(request, "closed", {"title": _("Not now")}, status=503)
    answer["Retry-After"] = "10"
    return answer


def secret(view: View) -> View:
    """A page where passwords are tried, which nobody keeps."""

    @wraps(view)
    @sensitive_post_parameters()
    @never_cache
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return view(request, *args, **kwargs)

    return shown


class Login(LoginView):  # type: ignore[misc]
    """Log in: by a password, and a second factor where there is one, or by a passkey."""

    form_class = LoginForm
    template_name = "account/login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"title": _("Log in")}


@secret
def invitation(request: HttpRequest, link: str) -> HttpResponse:
    """What one is invited to; a button to accept, or, for who has no password yet, a form to set one with."""
    context: dict[str, Any] = {"title": _("Invitation")}
    try:
        found = invitations.open_by(link)
    except DomainError as error:
        return _page(request, "invitation", context | {"problem": error.message}, status=410)
    context |= {"invitation": found, "here": request.path}
    if request.user.is_authenticated:
        return _accept(request, found, context)
    known = User.objects.filter(email=found.email).first()
    if known is not None and (known.has_usable_password() or not known.is_active):
        return _page(request, "invitation", context | {"must_log_in": True})
    form = JoinForm(request.POST or None, initial={"name": known.name if known else ""})
    if request.method == "POST" and form.is_valid() and _is_let_in(request, form, found.email):
        try:
            invitations.join(link=link, name=form.cleaned_data["name"], password=form.cleaned_data["password"])
        except DomainError as error:
            show_error(form, error)
        else:
            messages.success(request, _("You are a member of %(name)s now. Log in.") % {"name": found.organization})
            return HttpResponseRedirect(reverse("account_login"))
    return _page(request, "invitation", context | {"form": form}, form=form)


def _accept(request: HttpRequest, found: Invitation, context: dict[str, Any]) -> HttpResponse:
    assert isinstance(request.user, User)
    if request.method == "POST":
        try:
            invitations.accept(actor=Actor.of(request.user), link=found.link)
        except DomainError as error:
            return _page(request, "invitation", context | {"problem": error.message}, status=error.status)
        messages.success(request, _("You are a member of %(name)s now.") % {"name": found.organization})
        return HttpResponseRedirect(reverse("admin:index"))
    return _page(request, "invitation", context | {"is_for_me": request.user.email == found.email})


@secret
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link to set a password with. The page is the same for every address."""
    form = ForgottenForm(request.POST or None)
    is_sent = False
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        is_sent = _is_let_in(request, form, email, LoginAddressThrottle, ResetThrottle)
        if is_sent:
            passwords.ask_for_reset(email=email)
    return _page(request, "forgotten", {"title": _("Forgotten password"), "form": form, "is_sent": is_sent}, form=form)


@secret
def new_password(request: HttpRequest, key: str, token: str) -> HttpResponse:
    """Set a password by the link that was mailed."""
    context: dict[str, Any] = {"title": _("New password")}
    try:
        user = passwords.user_of_link(key, token)
    except DomainError as error:
        return _page(request, "new_password", context | {"problem": error.message}, status=410)
    form = NewPasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid() and _is_let_in(request, form, user.email):
        try:
            passwords.reset(key=key, token=token, password=form.cleaned_data["password"])
        except DomainError as error:
            show_error(form, error)
        else:
            messages.success(request, _("Your password is set. Log in."))
            return HttpResponseRedirect(reverse("account_login"))
    return _page(request, "new_password", context | {"form": form, "who": user}, form=form)


@login_required
def own_password(request: HttpRequest) -> HttpResponse:
    """Where the admin's menu leads to: the verb on one's own page."""
    return HttpResponseRedirect(reverse("admin:accounts_user_verb", args=[request.user.pk, "change-password"]))


def _is_let_in(request: HttpRequest, form: Form, email: str, *throttles: Any) -> bool:
    seconds = seconds_to_wait(request, email, *throttles)
    if seconds:
        form.add_error(None, _("Too many tries; wait %(seconds)d seconds.") % {"seconds": seconds + 1})
        form.must_wait = True  # type: ignore[attr-defined]
    return not seconds


def _page(
    request: HttpRequest, name: str, context: dict[str, Any], *, form: Form | None = None, status: int = 200
) -> HttpResponse:
    if form is not None and form.errors:
        status = 429 if hasattr(form, "must_wait") else 400
    return TemplateResponse(request, f"account/{name}.html", context, status=status)


def site(request: HttpRequest) -> dict[str, Any]:
    """Context of our pages and of allauth's: how the site looks. The admin's own pages have it already."""
    match = request.resolver_match
    is_ours = match is not None and str(match.url_name).startswith(("account_", "mfa_", "collection_"))
    return admin.site.each_context(request) if is_ours else {}
