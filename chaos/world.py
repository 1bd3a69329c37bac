"""Who takes part in the day. Run as a program on an empty database, it makes them and prints what the day needs to know.

This is the one place where organizations, and whatever relations they need, are set up. The world is the tests'.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

PASSWORD = "a-day-with-faults"


@dataclass
class Cast:
    """The world as its people know it: by ids and log-ins, nothing else."""

    yard: int
    point: int
    plant: int
    plant_site: int
    shredder: int
    model: int
    scheme: int
    organizations: dict[str, int] = field(default_factory=dict)
    log_ins: dict[str, str] = field(default_factory=dict)
    """Addresses of those who work: `yard_owner`, `producer manager`, ..."""


def make() -> Cast:
    from django.contrib.auth.hashers import make_password

    from accounts.models import Role, User
    from tests.recycling.filing import scheme
    from tests.world import build

    world = build()
    User.objects.update(password=make_password(PASSWORD))
    cast = Cast(
        yard=world.yard.pk, point=world.point.pk, plant=world.plant.pk, plant_site=world.plant_site.pk,
        shredder=world.shredder.pk, model=world.nmc_pack.pk, scheme=scheme("eu_reference").pk,
    )  # fmt: skip
    for name in ("yard_owner", "collector", "carrier", "recycler", "producer", "regulator"):
        organization = getattr(world, name)
        cast.organizations[name] = organization.pk
        cast.log_ins[name] = world.user(organization).email
        cast.log_ins[f"{name} manager"] = world.user(organization, Role.MANAGER).email
    return cast


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(asdict(make())))
