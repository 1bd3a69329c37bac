import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import Invalid, Refused
from accounts.models import Command

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"


def once(
    request: Request, act: Callable[[], Response], *, may_see: Callable[[Any], bool] = lambda answer: True
) -> Response:
    """Run `act`, or give the answer of the first time if this user sent the same `Idempotency-Key` before, and `may_see`
    what it shows to this day: whoever left an organization finds nothing there that it was told as a member.

    The key is stored in the transaction of the command, so a failed command leaves its key free. The same key with
    another request is refused.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return act()
    if not 1 <= len(key) <= 200:
        raise Invalid(_("The header Idempotency-Key must have 1 to 200 characters."), field=HEADER)
    with transaction.atomic():
        command, is_new = Command.objects.get_or_create(
            user=request.user, key=key, defaults={"fingerprint": _fingerprint(request)}
        )
        if not is_new:
            if command.fingerprint != _fingerprint(request):
                raise Refused(
                    _("This Idempotency-Key was already used for another request."), field=HEADER, code="key_reused"
                )
            if not may_see(command.response):
                raise Http404
            return Response(command.response, status=command.status, headers={REPLAYED: "true"})
        response = act()
        command.status = response.status_code
        command.response = json.loads(json.dumps(response.data, cls=DjangoJSONEncoder, default=str))
        command.save(update_fields=["status", "response"])
        return response


class _Body(DjangoJSONEncoder):
    """A request's body as text that tells one request from another; of a file, what is in it and not just its name."""

    def default(self, o: object) -> object:
        if isinstance(o, UploadedFile):
            digest = hashlib.sha256()
            for chunk in o.chunks():
                digest.update(chunk)
            o.seek(0)
            return digest.hexdigest()
        try:
            return super().default(o)
        except TypeError:
            return str(o)


def _fingerprint(request: Request) -> str:
    body = json.dumps(request.data, cls=_Body, sort_keys=True)
    return hashlib.sha256(f"{request.method} {request.path} {body}".encode()).hexdigest()
