"""Logging in and out, tokens, and who one is."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

from allauth.mfa.base.forms import AuthenticateForm
from django.contrib.auth import authenticate, update_session_auth_hash
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from knox.models import AuthToken
from rest_framework import exceptions, mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.actors import Actor
from accounts.api.documentation import PROBLEM
from accounts.api.doors import calls
from accounts.api.fields import TextField
from accounts.api.throttling import CountingThrottle
from accounts.models import Function, Role, User
from accounts.services import passwords, second_factors, tokens


class LoginAddressThrottle(CountingThrottle):
    """So many log-ins from one address."""

    scope = "login"

    def get_cache_key(self, request: Request, view: APIView) -> str:
        return str(self.cache_format % {"scope": "login_address", "ident": self.get_ident(request)})


class LoginEmailThrottle(CountingThrottle):
    """So many log-ins for one email, from wherever they come; the caller's own, where it is logged in."""

    scope = "login"
    counts = "login_email"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        user = getattr(request, "user", None)
        email = user.email if isinstance(user, User) else _sent(request)
        if email is None:
            return None
        digest = hashlib.sha256(email.strip().lower().encode("utf-8", "replace")).hexdigest()
        return str(self.cache_format % {"scope": self.counts, "ident": digest})


class ResetThrottle(LoginEmailThrottle):
    """So many links to set a password with for one email."""

    scope = "reset"
    counts = "reset_email"


def _sent(request: Request) -> str | None:
    email = request.data.get("email") if isinstance(request.data, dict) else None
    return email if isinstance(email, str) else None


def seconds_to_wait(request: HttpRequest, email: str, *more: type[CountingThrottle]) -> float:
    """Count a try at a page, together with those at the API: how long to wait until the next is let in."""
    tried: Any = SimpleNamespace(META=request.META, headers=request.headers, user=None, data={"email": email})
    for kind in more or (LoginAddressThrottle, LoginEmailThrottle):
        throttle = kind()
        if not throttle.allow_request(tried, None):  # type: ignore[arg-type]
            return throttle.wait()
    return 0


class LoginIn(serializers.Serializer[Any]):
    email = TextField(max_length=254)
    password = TextField(max_length=256, trim_whitespace=False, style={"input_type": "password"})
    code = TextField(
        required=False,
        max_length=20,
        help_text="Of the authenticator app, or a recovery code; for who has a second factor.",
    )


class PasswordIn(serializers.Serializer[Any]):
    old_password = TextField(max_length=256, trim_whitespace=False, style={"input_type": "password"})
    password = TextField(max_length=256, trim_whitespace=False, style={"input_type": "password"})


#: What is documented of doors that anybody may use and no verb is behind.
WRONG = {
    (status, "application/problem+json"): OpenApiResponse(PROBLEM, description=cause)
    for status, cause in ((400, "A value is wrong; `errors` names field and cause."), (429, "Too many tries."))
}


class ForgottenIn(serializers.Serializer[Any]):
    email = serializers.EmailField(max_length=254)


class ResetIn(serializers.Serializer[Any]):
    """`key` and `token` are the last two parts of the address that was mailed."""

    key = TextField(max_length=40)
    token = TextField(max_length=80)
    password = TextField(max_length=256, trim_whitespace=False, style={"input_type": "password"})


class TokenIn(serializers.Serializer[Any]):
    expires_in_days = serializers.IntegerField(min_value=1, max_value=tokens.LONGEST_DAYS, default=1)


class TokenOut(serializers.Serializer[AuthToken]):
    """A token by its first characters; the rest is shown once, when it is made."""

    id = serializers.CharField(source="token_key", read_only=True)
    created_at = serializers.DateTimeField(source="created", read_only=True)
    expires_at = serializers.DateTimeField(source="expiry", read_only=True)
    is_current = serializers.SerializerMethodField()

    def get_is_current(self, token: AuthToken) -> bool:
        """Whether this request was sent with it."""
        return self.context["request"].auth == token


class NewTokenOut(TokenOut):
    token = serializers.CharField(source="plain", read_only=True)


class MembershipOfMine(serializers.Serializer[Any]):
    id = serializers.IntegerField(read_only=True)
    organization = serializers.IntegerField(source="organization_id", read_only=True)
    organization_name = serializers.CharField(source="organization.name", read_only=True)
    functions = serializers.ListField(
        child=serializers.ChoiceField(choices=Function.choices), source="organization.functions", read_only=True
    )
    role = serializers.ChoiceField(choices=Role.choices, read_only=True)


class Me(serializers.Serializer[Any]):
    id = serializers.IntegerField(source="user.pk", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    runs_platform = serializers.BooleanField(source="user.is_superuser", read_only=True)
    memberships = MembershipOfMine(many=True, read_only=True)


class LoginView(APIView):
    """Get a token for an email and a password."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = (LoginAddressThrottle, LoginEmailThrottle)

    @calls(tokens.create)
    @extend_schema(request=LoginIn, responses=NewTokenOut, auth=[])
    def post(self, request: Request) -> Response:
        """Log in. The answer is the same for a wrong password, an unknown email and a user who may not log in.

        Who has a second factor sends its `code`, too: without one the answer is 401 with the code `second_factor`. Who has
        nothing but passkeys makes its tokens in the admin.
        """
        incoming = LoginIn(data=request.data)
        incoming.is_valid(raise_exception=True)
        user = authenticate(
            request, username=incoming.validated_data["email"], password=incoming.validated_data["password"]
        )
        if not isinstance(user, User):
            raise exceptions.AuthenticationFailed(_("Email and password do not match."))
        self._ask_for_code(user, incoming.validated_data.get("code"))
        token = tokens.create(actor=Actor.of(user))
        return Response(NewTokenOut(token, context={"request": request}).data)

    def _ask_for_code(self, user: User, code: str | None) -> None:
        if not second_factors.has(user):
            return
        if not code:
            raise exceptions.AuthenticationFailed(
                _("Send the code of your second factor, too, as “code”."), code="second_factor"
            )
        form = AuthenticateForm(user=user, data={"code": code})
        if not form.is_valid():
            raise exceptions.AuthenticationFailed(" ".join(form.errors["code"]), code="wrong_code")
        form.authenticator.record_usage()

    def get_authenticate_header(self, request: Request) -> str:
        return "Token"


class LogoutView(APIView):
    """End the token that the request was sent with."""

    @calls(tokens.revoke)
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Log out."""
        if isinstance(request.auth, AuthToken):
            tokens.revoke(actor=Actor.of(request.user), token=request.auth)
        return Response(status=204)


class LogoutAllView(APIView):
    """End all tokens of the user."""

    @calls(tokens.revoke)
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Log out everywhere."""
        tokens.revoke_all(actor=Actor.of(request.user), user=request.user)
        return Response(status=204)


class PasswordView(APIView):
    """Change one's password."""

    throttle_classes = (LoginEmailThrottle,)

    @calls(passwords.change_password)
    @extend_schema(request=PasswordIn, responses={204: None})
    def post(self, request: Request) -> Response:
        """Change one's password. All tokens end, this one too, and all other sessions."""
        incoming = PasswordIn(data=request.data)
        incoming.is_valid(raise_exception=True)
        user = passwords.change_password(actor=Actor.of(request.user), user=request.user, **incoming.validated_data)
        if request.auth is None:
            update_session_auth_hash(request._request, user)
        return Response(status=204)


class ForgottenView(APIView):
    """Have a link mailed to set a password with."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = (LoginAddressThrottle, ResetThrottle)

    @extend_schema(request=ForgottenIn, responses={202: None, **WRONG}, auth=[])
    def post(self, request: Request) -> Response:
        """Ask for a link to set a password with. The answer does not tell whether anybody has this email."""
        incoming = ForgottenIn(data=request.data)
        incoming.is_valid(raise_exception=True)
        passwords.ask_for_reset(**incoming.validated_data)
        return Response(status=202)


class ResetView(APIView):
    """Set a password by the link that was mailed."""

    authentication_classes = ()
    permission_classes = ()
    throttle_classes = (LoginAddressThrottle,)

    @extend_schema(request=ResetIn, responses={204: None, **WRONG}, auth=[])
    def post(self, request: Request) -> Response:
        """Set a password by the link that was mailed. All tokens and sessions end."""
        incoming = ResetIn(data=request.data)
        incoming.is_valid(raise_exception=True)
        passwords.reset(**incoming.validated_data)
        return Response(status=204)


class MeView(APIView):
    """Who the caller is, and what for."""

    @extend_schema(responses=Me)
    def get(self, request: Request) -> Response:
        """Read one's name, memberships and functions."""
        return Response(Me(Actor.of(request.user)).data)


class TokenViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Any]):
    """The caller's own tokens."""

    queryset = AuthToken.objects.all()
    serializer_class = TokenOut
    lookup_field = "token_key"
    lookup_value_regex = "[0-9a-f]{1,25}"
    pagination_class = None
    filter_backends = ()

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return AuthToken.objects.none()
        return tokens.good().filter(user=self.request.user).order_by("-created")

    @calls(tokens.create)
    @extend_schema(request=TokenIn, responses={201: NewTokenOut})
    def create(self, request: Request) -> Response:
        """Make a token. Its text is in the answer and cannot be read again."""
        incoming = TokenIn(data=request.data)
        incoming.is_valid(raise_exception=True)
        token = tokens.create(actor=Actor.of(request.user), **incoming.validated_data)
        return Response(NewTokenOut(token, context=self.get_serializer_context()).data, status=201)

    @calls(tokens.revoke)
    @extend_schema(responses={204: None})
    def destroy(self, request: Request, token_key: str) -> Response:
        """Revoke a token."""
        tokens.revoke(actor=Actor.of(request.user), token=self.get_object())
        return Response(status=204)
