"""The id by which a request can be followed: in our logs, in the tasks it sends, and in the logs of who called us."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

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
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response
