"""Codes that a person of a collection point shows and a driver types: good once, for minutes, and a few tries."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Refused
from accounts.models import User
from collection.models import Pickup, PickupCode

LASTS = timedelta(minutes=10)
MOST_TRIES = 5
DIGITS = 8


def make(pickup: Pickup, user: User) -> str:
    """A new code for a locked pickup, in the place of an older one. It is kept as a digest alone."""
    plain = f"{secrets.randbelow(10**DIGITS):0{DIGITS}d}"
    PickupCode.objects.update_or_create(
        pickup=pickup,
        defaults={
            "digest": _digest(pickup, plain), "shown_by": user, "expires_at": timezone.now() + LASTS, "tries": 0,
        },
    )  # fmt: skip
    return plain


def spend(pickup: Pickup, plain: str) -> tuple[User | None, Refused | None]:
    """Who showed the code that was typed for a locked pickup; it is gone then. Or why it is not good, which is counted.

    The refusal is returned and not raised: raising would take back that the try was counted.
    """
    code = PickupCode.objects.select_related("shown_by").filter(pickup=pickup).first()
    if code is not None and not Actor.of(code.shown_by).may(pickup.collection_point.facility.operator):
        code = None  # who showed it left the place meanwhile
    if code is None or code.expires_at <= timezone.now() or code.tries >= MOST_TRIES:
        return None, Refused(
            _("No code is good here now: let a person of the collection point show a new one."),
            field="code",
            code="no_code",
        )
    if not constant_time_compare(code.digest, _digest(pickup, plain.strip())):
        code.tries += 1
        code.save(update_fields=["tries"])
        return None, Refused(
            _("This is not the code; %(left)s tries are left.") % {"left": MOST_TRIES - code.tries},
            field="code",
            code="wrong_code",
        )
    code.delete()
    return code.shown_by, None


def _digest(pickup: Pickup, plain: str) -> str:
    return salted_hmac("collection.code", f"{pickup.pk}:{plain}", algorithm="sha256").hexdigest()
