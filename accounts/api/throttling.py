"""How many requests one may send in a while.

REST framework keeps the times of all requests of a while, reads and writes them back: two trips to Valkey, two new clients,
and what several processes write at the same time is lost. Here requests are counted, in one trip.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import redis
import structlog
from django.conf import settings
from rest_framework import throttling

if TYPE_CHECKING:  # they import this module, by its name in the settings
    from rest_framework.request import Request
    from rest_framework.views import APIView


log = structlog.get_logger(__name__)


@cache
def _valkey(address: str) -> redis.Redis:
    return redis.Redis.from_url(address, socket_timeout=1, socket_connect_timeout=1)


class CountingThrottle(throttling.SimpleRateThrottle):
    """Counts the requests of the window of time that it is, and of the one before as far as that is not long enough ago.

    All processes count together. A request that is refused does not count.
    """

    _seconds_to_wait = 0.0

    def allow_request(self, request: Request, view: APIView) -> bool:
        key = self.get_cache_key(request, view) if self.rate is not None else None
        if key is None:
            return True
        window, passed = divmod(self.timer(), self.duration)
        this, before = (f"{key}:{int(number)}" for number in (window, window - 1))
        valkey = _valkey(settings.REDIS_URL)
        with valkey.pipeline(transaction=False) as trip:
            trip.incr(this).expire(this, 2 * self.duration).get(before)
            count, _expires, earlier = trip.execute()
        earlier = int(earlier or 0)
        excess = count + earlier * (1 - passed / self.duration) - self.num_requests
        if excess <= 0:
            return True
        valkey.decr(this)
        left = self.duration - passed
        self._seconds_to_wait = min(left, excess * self.duration / earlier) if earlier else left
        return False

    def wait(self) -> float:
        """Seconds until the next request is let in."""
        return self._seconds_to_wait


class LetsPassUncounted(CountingThrottle):
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
