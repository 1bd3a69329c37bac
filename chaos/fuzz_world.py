"""The tests' world with a record of each kind, on an empty database. Prints its log-ins."""

from __future__ import annotations

import contextlib
import json
from importlib import import_module

from chaos.world import PASSWORD


def make() -> dict[str, str]:
    from django.contrib.auth.hashers import make_password
    from django.db import transaction

    from accounts.errors import DomainError
    from accounts.models import Role, User
    from tests.world import build

    world = build()
    User.objects.update(password=make_password(PASSWORD))
    for record in import_module("tests.test_verbs").RECORDS.values():
        with contextlib.suppress(DomainError), transaction.atomic():  # a few are the same as those of another kind
            record(world)
    readers = ("yard_owner", "recycler", "producer", "regulator")
    return {f"{name} manager": world.user(getattr(world, name), Role.MANAGER).email for name in readers}


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(make()))
