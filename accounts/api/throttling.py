"""How many requests one may send in a while.

REST framework keeps the times of all requests of a while, reads and writes them back: two trips to Valkey, two new clients,
and what several processes write at the same time is lost. Here requests are counted, in one trip.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from rest_framework import throttling

if TYPE_CHECKING:  # they import this module, by its name in the settings
    from rest_framework.request import Request
    from rest_framework.views import APIView


@cache
def _valkey() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


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
        with _valkey().pipeline(transaction=False) as trip:
            trip.incr(this).expire(this, 2 * self.duration).get(before)
            count, _expires, earlier = trip.execute()
        earlier = int(earlier or 0)
        excess = count + earlier * (1 - passed / self.duration) - self.num_requests
        if excess <= 0:
            return True
        _valkey().decr(this)
        left = self.duration - passed
        self._seconds_to_wait = min(left, excess * self.duration / earlier) if earlier else left
        return False

    def wait(self) -> float:
        """Seconds until the next request is let in."""
        return self._seconds_to_wait


class AnonymousThrottle(CountingThrottle, throttling.AnonRateThrottle):
    """So many requests from one address by nobody."""


class UserThrottle(CountingThrottle, throttling.UserRateThrottle):
    """So many requests by one user."""
