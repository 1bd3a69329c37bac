"""How many requests one may send in a while, which Valkey counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import redis
import structlog
from rest_framework import throttling

if TYPE_CHECKING:  # they import this module, by its name in the settings
    from rest_framework.request import Request
    from rest_framework.views import APIView

log = structlog.get_logger(__name__)


class LetsPassUncounted(throttling.BaseThrottle):
    """Lets requests pass while Valkey is away: it holds no truth, and Relode works without it.

    Log-ins are not let pass: to guess passwords nobody may have as many tries as he likes.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except redis.RedisError as error:
            log.warning("throttle_lost", error=str(error))
            return True


class AnonymousThrottle(LetsPassUncounted, throttling.AnonRateThrottle):
    """So many requests from one address by nobody."""


class UserThrottle(LetsPassUncounted, throttling.UserRateThrottle):
    """So many requests by one user."""
