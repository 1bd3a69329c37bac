"""How a token is read from a request."""

from hmac import compare_digest
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.crypto import hash_token
from knox.settings import CONSTANTS
from rest_framework import exceptions

from accounts.services import tokens


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
        for found in named:
            if compare_digest(digest, found.digest):
                return self.validate_user(found)
        raise exceptions.AuthenticationFailed(_("Invalid token."))


class TokenScheme(KnoxTokenScheme):
    """The same in the OpenAPI schema."""

    target_class = "accounts.api.tokens.TokenAuthentication"
