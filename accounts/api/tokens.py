"""How a token is read from a request."""

from typing import Any

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication as KnoxAuthentication
from rest_framework import exceptions


class TokenAuthentication(KnoxAuthentication):
    """Knox's, which answers 500 to a token that is no text."""

    def authenticate_credentials(self, token: bytes) -> Any:
        if not token.isascii():
            raise exceptions.AuthenticationFailed
        return super().authenticate_credentials(token)


class TokenScheme(KnoxTokenScheme):
    """The same in the OpenAPI schema."""

    target_class = "accounts.api.tokens.TokenAuthentication"
