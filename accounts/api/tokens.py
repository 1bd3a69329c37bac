"""How a token is read from a request."""

from hmac import compare_digest
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from drf_spectacular.authentication import SessionScheme as SessionScheme_
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.crypto import hash_token
from knox.settings import CONSTANTS
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from accounts import acting
from accounts.models import User
from accounts.services import second_factors, tokens


class TokenAuthentication(KnoxAuthentication):
    """Knox's, in one statement: Knox looks for expired tokens of the user in every request, and deletes them. Here they
    are as good as gone, and deleted where a new one is made.
    """

    def authenticate_credentials(self, token: bytes) -> Any:
        if not token.isascii():  # Knox answers 500 to a token that is no text
            raise exceptions.AuthenticationFailed
        text = token.decode()
        digest = hash_token(text)
        named = tokens.good().filter(token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH]).select_related("user")
        named = named.annotate(lacks=Q(second_factors.lacking("user")))
        for found in named:
            if compare_digest(digest, found.digest):
                answer = self.validate_user(found)
                if found.lacks:
                    raise second_factors.refusal()
                acting.become(found.user)
                return answer
        raise exceptions.AuthenticationFailed(_("Invalid token."))


class SessionAuthentication(authentication.SessionAuthentication):
    """Who logged in to the admin, as the admin lets it in."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found: tuple[User, None] | None = super().authenticate(request)
        if found is not None and second_factors.lacks(found[0]):
            raise second_factors.refusal()
        if found is not None:
            acting.become(found[0])
        return found


class SessionScheme(SessionScheme_):
    """The same in the OpenAPI schema."""

    target_class = "accounts.api.tokens.SessionAuthentication"


class TokenScheme(KnoxTokenScheme):
    """The same in the OpenAPI schema."""

    target_class = "accounts.api.tokens.TokenAuthentication"
