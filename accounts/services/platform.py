"""The platform itself as a user: in whose name reference data are loaded and tasks of the system act."""

from django.db import transaction

from accounts.actors import Actor
from accounts.models import User

#: RFC 2606 reserves `.invalid`: no mail can ever reach it, so no password can be set by mail either.
PLATFORM_EMAIL = "platform@relode.invalid"


@transaction.atomic
def platform_actor() -> Actor:
    """The platform's own actor. Its user is made when first needed and has no password, so nobody logs in as it."""
    user = User.objects.filter(email=PLATFORM_EMAIL).first()
    if user is None:
        user = User.objects.create_superuser(PLATFORM_EMAIL, None, name="Relode")
    return Actor.of(user)
