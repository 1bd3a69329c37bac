"""Every error of the API is an `application/problem+json` document (RFC 9457) that names field and cause."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import redis
import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelInvalid
from django.db import DataError, IntegrityError
from django.db.models import ProtectedError
from django.http import Http404, JsonResponse
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from accounts import errors
from accounts.constraints import violated_constraint
from accounts.outages import outage_of

MEDIA_TYPE = "application/problem+json"

log = structlog.get_logger(__name__)


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what a view raised into a problem; `None`, so a 500, only for what nobody foresaw."""
    answer = _problem(exc)
    if answer is None:
        return None
    status, code, faults, headers = answer
    set_rollback()
    path = context["request"].path if context.get("request") else ""
    return Response(body(status, code, faults, path), status=status, headers=headers, content_type=MEDIA_TYPE)


def body(status: int, code: str, faults: list[dict[str, str]], path: str) -> dict[str, Any]:
    """The document, for what was asked at `path`."""
    detail = " ".join(str(fault["message"]) for fault in faults) if len(faults) == 1 else _("Several fields are wrong.")
    return {
        "type": f"urn:relode:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail if faults else HTTPStatus(status).phrase,
        "instance": path,
        "request_id": structlog.contextvars.get_contextvars().get("request_id", ""),
        "errors": faults,
    }


def outside(error: BaseException | None, path: str) -> JsonResponse:
    """The document for what went wrong outside of a view, where REST framework does not look."""
    outage = outage_of(error)
    if outage is None:
        status, code, faults = (
            500,
            "error",
            [_fault("", "error", _("Something unforeseen happened; it has been noted."))],
        )
    else:
        status, code, faults = 503, outage.code, [_fault("", outage.code, outage.message)]
    answer = JsonResponse(body(status, code, faults, path), status=status, content_type=MEDIA_TYPE)
    if outage is not None:
        answer["Retry-After"] = str(outage.retry_after)
    return answer


type Answer = tuple[int, str, list[dict[str, str]], dict[str, str]]


def _problem(exc: Exception) -> Answer | None:  # noqa: C901 - one case after the other
    if outage := outage_of(exc):
        log.warning("outage", code=outage.code, error=str(exc))
        fault = _fault("", outage.code, outage.message)
        return 503, outage.code, [fault], {"Retry-After": str(outage.retry_after)}
    match exc:
        case errors.DomainError():
            faults = [_fault(field, exc.code, message) for field, message in exc.errors.items()]
            return exc.status, exc.code, faults, {}
        case exceptions.ValidationError():
            return 400, "invalid", list(_flatten(exc.detail)), {}
        case ModelInvalid():
            by_field = exc.message_dict if hasattr(exc, "error_dict") else {"": exc.messages}
            faults = [_fault(field, "invalid", text) for field, texts in by_field.items() for text in texts]
            return (400, "invalid", [{**f, "field": "" if f["field"] == "__all__" else f["field"]} for f in faults], {})
        case IntegrityError():
            message = violated_constraint(exc)
            return 409, "constraint", [_fault("", "constraint", message)], {}
        case ProtectedError():
            return (409, "in_use", [_fault("", "in_use", _("Other records refer to this one."))], {})
        case DataError():
            return (400, "invalid", [_fault("", "invalid", _("A value is outside of what can be stored."))], {})
        case redis.RedisError():  # what cannot do without, such as a log-in
            log.error("valkey_lost", error=str(exc))
            fault = _fault("", "unavailable", _("A part that this needs cannot be reached; try again in a while."))
            return 503, "unavailable", [fault], {"Retry-After": "10"}
        case RequestDataTooBig():
            return 413, "too_large", [_fault("", "too_large", _("The body of this request is too large."))], {}
        case SuspiciousOperation():  # too many fields or files, a forged host
            return 400, "invalid", [_fault("", "invalid", _("This request cannot be read."))], {}
        case Http404():
            return (404, "not_found", [_fault("", "not_found", _("There is no such record."))], {})
        case PermissionDenied():
            return (403, "forbidden", [_fault("", "forbidden", _("You may not do this."))], {})
        case exceptions.APIException():
            headers = {}
            if getattr(exc, "auth_header", None):
                headers["WWW-Authenticate"] = exc.auth_header
            if getattr(exc, "wait", None):
                headers["Retry-After"] = str(int(exc.wait))
            code = exc.get_codes() if isinstance(exc.get_codes(), str) else "error"
            return exc.status_code, str(code), list(_flatten(exc.detail)), headers
    return None


def _fault(field: str, code: str, message: object) -> dict[str, str]:
    return {"field": field, "code": code, "message": str(message)}


def _flatten(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """DRF's nested error detail as a flat list; the field of a row in a list is written `rows.3.mass`."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            own = "" if key == "non_field_errors" else str(key)
            yield from _flatten(value, ".".join(part for part in (path, own) if part))
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            if value or not nested:
                yield from _flatten(value, f"{path}.{index}".lstrip(".") if nested else path)
    else:
        yield _fault(path, getattr(detail, "code", "invalid"), detail)


class NothingHere(APIView):
    """Below the API, every address that leads nowhere."""

    http_method_names = ()  # so that each of them is none

    def http_method_not_allowed(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise exceptions.NotFound(_("Nothing is at this address."))
