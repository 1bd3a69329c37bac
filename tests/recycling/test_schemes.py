"""EPR schemes from the reference files: where the numbers come from, and that nowhere else does one."""

from __future__ import annotations

import pytest
from django.apps import apps

from accounts.actors import Actor
from accounts.errors import Forbidden
from accounts.models import Role, User
from collection.models import Jurisdiction
from recycling.models import EprScheme, EprTarget
from recycling.services import schemes
from tests.migrations import migration_named
from tests.world import World


@pytest.fixture
def platform(world: World) -> Actor:
    Jurisdiction.objects.create(
        code="US-CO", name="Colorado", kind="state", parent=world.us, time_zone="America/Denver"
    )
    return Actor.of(User.objects.create(email="platform@example.org", name="Platform", is_superuser=True))


def test_loaded_twice_changes_nothing(platform: Actor) -> None:
    first = schemes.load_reference(platform)
    assert first["EPR schemes"].created == 5 and first["EPR targets"].created > 0
    before = [list(model.objects.order_by("pk").values()) for model in (EprScheme, EprTarget)]
    again = schemes.load_reference(platform)
    assert all((tally.created, tally.changed) == (0, 0) for tally in again.values())
    assert [list(model.objects.order_by("pk").values()) for model in (EprScheme, EprTarget)] == before


def test_each_scheme_says_which_counts_and_how_sure(platform: Actor) -> None:
    schemes.load_reference(platform)
    rows = EprScheme.objects.values_list("code", "counts_by", "counts_confidence")
    assert set(rows) == {
        ("us-nj-evbma", "placed", "B-med"), ("us-co-bsa", "collected", "B-med"), ("eu-2023-1542", "collected", "S"),
        ("eu-2025-606-lithium", "collected", "S"), ("eu-2025-606-other", "collected", "S"),
    }  # fmt: skip
    assert not EprScheme.objects.filter(counts_source="").exists()
    told = {scheme.pk: (scheme.counts_by, scheme.counts_source) for scheme in EprScheme.objects.all()}
    EprScheme.objects.update(counts_by="collected", counts_source="", counts_confidence="")
    migration_named("where_it_counts", "recycling").say(apps, None)
    assert told == {scheme.pk: (scheme.counts_by, scheme.counts_source) for scheme in EprScheme.objects.all()}


def test_an_edited_row_is_brought_back(platform: Actor) -> None:
    schemes.load_reference(platform)
    EprTarget.objects.filter(element="Li", percent=50).update(percent=99)
    assert schemes.load_reference(platform)["EPR targets"].changed == 3
    assert not EprTarget.objects.filter(percent=99).exists()


def test_no_north_american_scheme_has_a_number(platform: Actor) -> None:
    schemes.load_reference(platform)
    assert not EprTarget.objects.filter(scheme__jurisdiction__isnull=False).exists()
    assert set(EprTarget.objects.values_list("legal_status", flat=True)) == {"reference"}
    assert not EprTarget.objects.filter(source="").exists()
    assert {s.code: s.shape for s in EprScheme.objects.all()} == {
        "us-nj-evbma": "units",
        "us-co-bsa": "mass",
        "eu-2023-1542": "eu_reference",
        "eu-2025-606-lithium": "recycler",
        "eu-2025-606-other": "recycler",
    }


def test_only_the_platform_loads_them(world: World) -> None:
    with pytest.raises(Forbidden):
        schemes.load_reference(world.actor(world.federal, Role.MANAGER))
    assert not EprScheme.objects.exists()
