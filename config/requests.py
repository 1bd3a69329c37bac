"""What holds for every request: an id by which it can be followed, an end to its patience, and an answer when Relode has
none to give.
"""

import contextlib
import re
import sys
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error

from accounts import acting
from accounts.api import problems
from accounts.outages import OutOfTime, outage_of

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{7,127}")
"""What a caller may choose as an id: long enough to be rare, and nothing that could forge a log line or a header."""


class RequestIdMiddleware:
    """Take the caller's X-Request-ID if it is sane, else make one, and answer with it. Runs before what logs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        asked = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = asked if _SANE.fullmatch(asked) else str(uuid.uuid4())
        request.META["HTTP_X_REQUEST_ID"] = request_id
        request.began = time.perf_counter()  # type: ignore[attr-defined]  # for the line that says how long it took
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class DeadlineMiddleware:
    """Let a request send no further statement once it has taken `REQUEST_SECONDS`.

    A thread cannot be stopped from outside. But what takes long here asks the database; each statement ends in time by
    itself (`config.databases`), and after the last of many small ones there is no next. What is streamed is sent when
    this is over, and may take as long as it takes.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        deadline = time.monotonic() + settings.REQUEST_SECONDS

        def in_time(execute: Callable[..., Any], *statement: Any) -> Any:
            if time.monotonic() > deadline:
                raise OutOfTime(f"the request took more than {settings.REQUEST_SECONDS} seconds")
            return execute(*statement)

        with contextlib.ExitStack() as watched:
            for connection in connections.all():
                watched.enter_context(connection.execute_wrapper(in_time))
            return self.get_response(request)


class ActingMiddleware:
    """Read as whoever sent the request (`accounts.acting`); until that is known, as nobody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        with acting.as_request():
            if request.method not in SAFE_METHODS:  # each command has a transaction of its own
                return self._answer(request)
            with acting.one_transaction():
                return self._answer(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        """Who has a session; whoever sends a token is known later (`accounts.api.tokens`)."""
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            acting.become(request.user)

    def _answer(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if isinstance(response, StreamingHttpResponse):
            response.streaming_content = acting.streamed(iter(response.streaming_content))
        return response


class OutageMiddleware:
    """Answer with 503 and when to ask again, where a view could not be answered because the database was away."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer one request."""
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """An answer for an outage; the rest is Django's."""
        return failed(request, error) if outage_of(error) else None


def failed(request: HttpRequest, error: BaseException | None = None) -> HttpResponse:
    """What to answer where something unforeseen happened, outside of views too: Django's `handler500`."""
    error = error or sys.exc_info()[1]
    if request.path.startswith("/api/"):
        return problems.outside(error, request.path)
    outage = outage_of(error)
    if outage is None:
        return server_error(request)
    # without the request: whatever else pages know would have to be read
    answer = HttpResponse(render_to_string("relode/unavailable.html", {"outage": outage}), status=503)
    answer["Retry-After"] = str(outage.retry_after)
    return answer
