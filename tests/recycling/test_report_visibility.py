"""Who sees reports, placements, schemes and utilization: exactly those organizations of all that there are."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts.models import Function, Membership, Organization, Role, User
from collection.models import Jurisdiction, Mandate
from recycling.models import (
    BacklogSnapshot,
    EprBatch,
    EprEvidence,
    EprIntensity,
    EprOutcome,
    EprPlacement,
    EprReport,
    EprReportLine,
    EprReportProgress,
    EprSite,
    EprTarget,
    ReportStatus,
    UtilizationSnapshot,
)
from recycling.services import utilization
from tests.recycling.filing import YEAR, declared, drafted, filed, scheme, shared_batch
from tests.world import World

PARTIES = (
    "yard_owner", "collector", "carrier", "recycler", "refiner", "producer", "other_producer", "regulator", "federal",
    "stranger",
)  # fmt: skip

#: Regulators beside Nevada's and the federal one of the United States.
REGULATORS = {"jersey": "US-NJ", "ontario": "CA-ON", "canada": "CA"}

NEVADA, JERSEY, ONTARIO = {"regulator", "federal"}, {"jersey", "federal"}, {"ontario", "canada"}

EVERYBODY = {*PARTIES, *REGULATORS, "platform"}

PARTS = (
    EprReportProgress, EprReportLine, EprEvidence, EprPlacement, EprOutcome, EprBatch, EprIntensity, EprSite,
)  # fmt: skip


def overseer(name: str) -> User:
    organization = Organization.objects.create(name=name, functions=[Function.REGULATOR])
    Mandate.objects.create(organization=organization, jurisdiction=Jurisdiction.objects.get(pk=REGULATORS[name]))
    user = User.objects.create(email=f"{name}@regulator.example", name=name)
    Membership.objects.create(user=user, organization=organization, role=Role.VIEWER)
    return user


@pytest.fixture
def people(world: World) -> dict[str, User | AnonymousUser]:
    """Somebody of each organization, one who runs the platform, and one who has not logged in."""
    return {
        **{name: world.user(getattr(world, name), Role.VIEWER) for name in PARTIES},
        **{name: overseer(name) for name in REGULATORS},
        "platform": User.objects.create(email="p@example.org", name="P", is_superuser=True),
        "nobody": AnonymousUser(),
    }


def who_sees(people: dict[str, Any], record: Any) -> set[str]:
    of = type(record)._default_manager
    return {name for name, person in people.items() if of.visible_to(person).filter(pk=record.pk).exists()}


@pytest.mark.parametrize("status", ReportStatus)
def test_a_report_is_seen_by_its_producer_and_filed_by_the_regulators_of_the_place(
    world: World, people: dict[str, Any], status: str
) -> None:
    user, now = world.user(world.producer), timezone.now()
    report = EprReport.objects.create(
        scheme=scheme("eu_reference"), producer=world.producer, jurisdiction=world.nv, period_start=YEAR[0],
        period_end=YEAR[1], requested_by=user, status=status, content_hash="x", submitted_at=now, submitted_by=user,
        decided_at=now, decided_by=user,
    )  # fmt: skip
    is_filed = status in ("submitted", "accepted", "returned", "superseded")
    assert who_sees(people, report) == {"producer", "platform"} | (NEVADA if is_filed else set())


@pytest.mark.parametrize("is_filed", [False, True])
def test_what_is_kept_with_a_report_is_seen_by_who_sees_the_report(
    world: World, people: dict[str, Any], is_filed: bool
) -> None:
    """Not by the yard, the recycler and the refiner, though it is of what they had."""
    shared_batch(world)
    declared(world, "q1", jurisdiction=world.nv)
    report = filed(world) if is_filed else drafted(world)
    expected = {"producer", "platform"} | (NEVADA if is_filed else set())
    for part in PARTS:
        row = part._default_manager.filter(report=report)[0]
        assert who_sees(people, row) == expected, part


def test_a_placement_is_seen_by_its_producer_and_the_regulators_of_the_place(
    world: World, people: dict[str, Any]
) -> None:
    assert who_sees(people, declared(world, "nj")) == {"producer", "platform"} | JERSEY
    assert who_sees(people, declared(world, "on", jurisdiction=world.on)) == {"producer", "platform"} | ONTARIO
    assert who_sees(people, declared(world, "us", jurisdiction=world.us, model=world.lfp_pack)) == {
        "producer",
        "platform",
        "federal",
    }


def test_schemes_and_targets_are_public(world: World, people: dict[str, Any]) -> None:
    eu = scheme("eu_reference")
    target = EprTarget.objects.create(
        scheme=eu, metric="material_recovery", percent=1, applies_from=date(2027, 1, 1), legal_status="reference",
        source="x", confidence="S",
    )  # fmt: skip
    assert who_sees(people, eu) == who_sees(people, target) == {*EVERYBODY, "nobody"}


def test_how_full_a_plant_is_is_seen_by_its_operator_and_the_regulators_of_the_place(
    world: World, people: dict[str, Any]
) -> None:
    """And what is coming to it. That figures were computed, everybody may know who is logged in."""
    run = utilization.request(actor=world.actor(world.recycler), from_day=date(2025, 1, 1), to_day=date(2025, 1, 1))
    assert utilization.run(run.pk)
    ours, theirs = {"recycler", "platform"} | NEVADA, {"refiner", "platform"} | ONTARIO
    assert who_sees(people, UtilizationSnapshot.objects.get(line=world.shredder)) == ours
    assert who_sees(people, UtilizationSnapshot.objects.get(line=world.hydro)) == theirs
    assert {frozenset(who_sees(people, row)) for row in BacklogSnapshot.objects.filter(plant=world.plant)} == {
        frozenset(ours)
    }
    assert who_sees(people, run) == EVERYBODY
