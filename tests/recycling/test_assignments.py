"""Resolving anew what rests on patterns: seen before, done in the background, and never what must stay as it is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.actors import Actor
from accounts.errors import Forbidden, Refused
from accounts.models import Role, User
from collection.models import AssignmentRun, AssignmentStatus, Battery, VehiclePattern
from collection.services import assignments, batteries, resting
from collection.services.identifiers import NewIdentifier
from collection.services.patterns import keep_kinds, kind_of_vin
from collection.tasks import assignments as tasks
from recycling.models import EprEvidence, EprReport, MarketPlacement, ReportStatus
from recycling.services import charges, inspections
from recycling.services.inspections import Triage
from tests.records import tesla_vin, vehicle_pattern
from tests.recycling import chains, filing
from tests.recycling.test_background_races import meanwhile
from tests.refusals import refused, state
from tests.world import World, ago, build, serial


@pytest.fixture
def platform(db: None) -> Actor:
    return Actor.of(User.objects.create_superuser("platform@relode.example", None, name="Platform"))


@pytest.fixture
def pattern(world: World) -> VehiclePattern:
    return vehicle_pattern(world)


def by_vin(w: World, number: int, *, at: Any = None, first: int = 1, **fields: Any) -> list[Battery]:
    """Batteries of which nothing but a VIN and a mass is known."""
    at = at or w.yard
    return batteries.register_many(
        actor=w.actor(at.operator), organization=at.operator, facility=at, occurred_at=ago(days=30),
        batteries=[
            batteries.NewBattery(identifiers=[serial(), NewIdentifier("vin", tesla_vin(n))], **{"mass_value": Decimal(400), **fields})
            for n in range(first, first + number)
        ],
    )  # fmt: skip


def becomes(pattern: VehiclePattern, model: Any) -> None:
    pattern.model = model
    pattern.save()


def resolve(platform: Actor, pattern: VehiclePattern | None = None) -> AssignmentRun:
    run = assignments.request(actor=platform, pattern=pattern)
    assert assignments.run(run.pk)
    return AssignmentRun.objects.get(pk=run.pk)


def chemistries(*rows: Any) -> list[str | None]:
    return [type(row).objects.get(pk=row.pk).chemistry_id for row in rows]


def test_what_rests_on_a_pattern_follows_it(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    found = by_vin(world, 3)
    becomes(pattern, world.lfp_pack)
    assert chemistries(*found) == ["NMC622"] * 3  # until it is asked for
    run = resolve(platform)
    assert (run.status, run.rows_total, run.rows_done, run.rows_kept, run.progress) == ("done", 3, 3, 0, 100)
    battery = Battery.objects.get(pk=found[0].pk)
    assert (battery.chemistry_id, battery.model, battery.content_kwh) == (
        "LFP",
        world.lfp_pack,
        world.lfp_pack.rated_kwh,
    )
    assert battery.composition is not None and battery.composition.chemistry_id == "LFP"
    assert (battery.chemistry_confidence, battery.pattern) == (world.lfp_pack.confidence, pattern)
    before = state("collection")
    assert resolve(platform).rows_done == 0 and len(state("collection")) == len(before) + 1  # the run


def test_what_a_scale_said_stays(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    (light,) = by_vin(world, 1, mass_value=Decimal(100))
    becomes(pattern, world.lfp_pack)
    resolve(platform)
    light.refresh_from_db()
    assert light.mass_value == 100 and 0 < light.content_kwh < world.lfp_pack.rated_kwh


def test_a_pattern_out_of_force_leaves_nothing_known(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    (battery,) = by_vin(world, 1)
    VehiclePattern.objects.update(is_active=False)
    resolve(platform)
    battery.refresh_from_db()
    assert (battery.chemistry_by, battery.chemistry_id, battery.model, battery.pattern) == ("unknown", None, None, None)
    assert battery.content_kwh is None and battery.vehicle is not None
    VehiclePattern.objects.update(is_active=True)
    resolve(platform)
    assert chemistries(battery) == ["NMC622"]


def test_what_a_person_said_stays(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    corrected, measured, unknown, concluded = by_vin(world, 4)
    actor = world.actor(world.yard_owner)
    batteries.correct(actor=actor, battery=corrected, reason="x", model=world.lfp_pack)
    batteries.correct(actor=actor, battery=measured, reason="x", is_measured=True)
    batteries.correct(actor=actor, battery=unknown, reason="x", model=None)
    before = Battery.objects.order_by("pk").exclude(pk=concluded.pk).values()
    kept = list(before)
    VehiclePattern.objects.update(model=None, chemistry=world.lfp)
    assert resolve(platform).rows_done == 1
    assert list(before.all()) == kept and chemistries(concluded) == ["LFP"]
    assert chemistries(corrected, measured, unknown) == ["LFP", "NMC622", None]


def test_what_was_charged_stays(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    charged, free = by_vin(world, 2, at=world.plant_site)
    shred(world, charged)
    before = list(Battery.objects.filter(pk=charged.pk).values())
    becomes(pattern, world.lfp_pack)
    run = resolve(platform)
    assert (run.rows_done, run.rows_kept) == (1, 1)
    assert list(Battery.objects.filter(pk=charged.pk).values()) == before and chemistries(free) == ["LFP"]
    for fields in (
        {"chemistry": world.lfp},
        {"model": world.lfp_pack},
        {"content_kwh": 1},
        {"composition": None, "content_kwh": None},
    ):
        with pytest.raises(IntegrityError, match="keeps its model"), transaction.atomic():
            Battery.objects.filter(pk=charged.pk).update(**fields)
    assert list(Battery.objects.filter(pk=charged.pk).values()) == before


def shred(world: World, battery: Battery) -> None:
    actor = world.actor(world.recycler)
    inspections.inspect_many(
        actor=actor, plant=world.plant, inspected_at=ago(days=20), inspections=[Triage(battery.pk, "recycle")]
    )
    charges.charge(actor=actor, batch=chains.opened(world), charged_at=ago(days=9), batteries=[battery.pk])


def test_what_is_in_a_filed_report_stays(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    reported, free = by_vin(world, 2, producer=world.producer, placed_in=world.nv)
    placed, unfiled = (placement(world, name) for name in "AB")
    report = filing.drafted(world)
    EprEvidence.objects.filter(report=report).delete()
    report.placements.all().delete()
    EprEvidence.objects.create(
        report=report, battery=reported, fate="collected", occurred_on="2025-03-01", country="US"
    )
    report.placements.create(placement=placed, period_start="2025-01-01", period_end="2025-03-31", units=5)
    becomes(pattern, world.lfp_pack)
    VehiclePattern.objects.filter(by="name").update(model=world.lfp_pack)
    assert assignments.preview(actor=platform).kept == 0  # a draft keeps nothing
    for status in (ReportStatus.SUBMITTING, ReportStatus.SEALING, ReportStatus.SUBMITTED):
        EprReport.objects.filter(pk=report.pk).update(status=status, **signed(world, status))
        assert assignments.preview(actor=platform).kept == 2
    run = resolve(platform)
    assert (run.rows_done, run.rows_kept) == (2, 2)
    assert chemistries(reported, free, placed, unfiled) == ["NMC622", "LFP", "NMC622", "LFP"]


def signed(world: World, status: ReportStatus) -> dict[str, Any]:
    if status == ReportStatus.SUBMITTING:
        return {"submitted_at": timezone.now(), "submitted_by": world.user(world.producer, Role.MANAGER)}
    return {"content_hash": "0" * 64} if status == ReportStatus.SUBMITTED else {}


def placement(world: World, name: str) -> MarketPlacement:
    """Five units that a list names."""
    named = VehiclePattern.objects.filter(by="name").first() or vehicle_pattern(
        world, by="name", listed_in="cec", name="Model 3", fuel="Electric", positions="", is_assumed=True
    )
    kind = kind_of_vin("")._replace(listed_in="cec", make=named.make, name=named.name, fuel=named.fuel, year=2023)
    (vehicle,) = keep_kinds({kind}).values()
    placed = filing.declared(world, name, units=5)
    MarketPlacement.objects.filter(pk=placed.pk).update(
        vehicle_id=vehicle, pattern=named, chemistry_by="assumed", chemistry_confidence=world.nmc_pack.confidence
    )
    return MarketPlacement.objects.get(pk=placed.pk)


def test_placements_follow_and_what_was_declared_stays(world: World, platform: Actor) -> None:
    assumed, declared = placement(world, "A"), filing.declared(world, "B")
    assert (declared.chemistry_by, declared.chemistry_confidence) == ("producer", "S")
    VehiclePattern.objects.update(model=world.lfp_pack, is_assumed=False)
    (change,) = assignments.preview(actor=platform).changes
    assert (change.of, change.rows, change.units) == ("market placements", 1, 5)
    assert resolve(platform).rows_done == 1
    assumed.refresh_from_db()
    assert (assumed.chemistry_id, assumed.model, assumed.chemistry_by) == ("LFP", world.lfp_pack, "name")
    assert chemistries(declared) == ["NMC622"]


def test_only_what_rests_on_one_pattern(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    one, other = by_vin(world, 1), placement(world, "A")
    named = VehiclePattern.objects.get(by="name")
    VehiclePattern.objects.update(model=world.lfp_pack)
    assert assignments.preview(actor=platform, only=named).units == 5
    assert resolve(platform, named).rows_done == 1
    assert chemistries(*one, other) == ["NMC622", "LFP"]


def test_a_preview_of_what_is_only_typed_stores_nothing(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    by_vin(world, 3)
    before = state()
    pattern.model = world.lfp_pack
    found = assignments.preview(actor=platform, pattern=pattern)
    (change,) = found.changes
    assert (found.rows, change.rows, change.kept) == (3, 3, 0)
    assert "NMC622" in change.before and "LFP" in change.after
    new = VehiclePattern(by="vin", make="TESLA", positions="5YJ3E1EB", model=world.lfp_pack, source="x", confidence="S")
    assert assignments.preview(actor=platform, pattern=new).rows == 3
    assert state() == before and assignments.preview(actor=platform).changes == []


def test_only_the_platform_looks_or_resolves(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    by_vin(world, 1)
    becomes(pattern, world.lfp_pack)
    for organization in (world.producer, world.regulator, world.recycler):
        actor = world.actor(organization, Role.MANAGER)
        refused(Forbidden, assignments.preview, actor=actor)
        refused(Forbidden, assignments.request, actor=actor)
    run = assignments.request(actor=platform)
    refused(Forbidden, assignments.cancel, actor=world.actor(world.producer, Role.MANAGER), run=run)


def test_the_number_of_statements_does_not_grow(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    def statements(number: int, first: int, model: Any) -> tuple[int, int]:
        by_vin(world, number, first=first)
        becomes(pattern, model)
        with CaptureQueriesContext(connection) as seen:
            assignments.preview(actor=platform)
        run = assignments.request(actor=platform)
        with CaptureQueriesContext(connection) as done:
            assert assignments.run(run.pk)
        return len(seen), len(done)

    assert statements(1, 1, world.lfp_pack) == statements(150, 10, world.nmc_pack)


def test_in_steps(world: World, platform: Actor, pattern: VehiclePattern, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resting, "STEP", 2)
    found = by_vin(world, 5)
    becomes(pattern, world.lfp_pack)
    assert resolve(platform).rows_done == 5 and chemistries(*found) == ["LFP"] * 5


# Its life


def test_an_equal_run_that_waits_is_the_same(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    run = assignments.request(actor=platform)
    assert assignments.request(actor=platform) == run != assignments.request(actor=platform, pattern=pattern)
    assert assignments.is_any_waiting()


def test_a_cancelled_run_changes_nothing(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    found = by_vin(world, 1)
    becomes(pattern, world.lfp_pack)
    run = assignments.request(actor=platform)
    assignments.cancel(actor=platform, run=run)
    assert assignments.run() is None and chemistries(*found) == ["NMC622"]
    refused(Refused, assignments.cancel, actor=platform, run=run)


def test_a_run_that_is_interrupted_waits_again_and_one_that_fails_says_so(
    world: World, platform: Actor, pattern: VehiclePattern, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = assignments.request(actor=platform)

    def fails(error: Exception) -> Any:
        def act(*_: object) -> None:
            raise error

        return act

    monkeypatch.setattr(assignments, "_resolve", fails(OperationalError("gone")))
    assert assignments.run(run.pk) is False
    assert AssignmentRun.objects.get().status == AssignmentStatus.QUEUED
    monkeypatch.setattr(assignments, "_resolve", fails(ValueError("odd")))
    assert assignments.run(run.pk) is False
    failed = AssignmentRun.objects.get()
    assert (failed.status, "ValueError" in failed.message) == (AssignmentStatus.FAILED, True)
    with pytest.raises(Exception, match="status"), transaction.atomic():
        AssignmentRun.objects.update(status=AssignmentStatus.DONE)


def test_the_sweep_takes_up_what_nobody_was_heard_of(platform: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.pending, "send", lambda deliver, *ids: sent.extend(ids))
    run = assignments.request(actor=platform)
    tasks.sweep()
    assert sent == []
    AssignmentRun.objects.update(heartbeat_at=timezone.now() - assignments.SILENCE - timedelta(seconds=1))
    tasks.sweep()
    assert sent == [run.pk]


def test_a_task_does_what_waits(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    found = by_vin(world, 1)
    becomes(pattern, world.lfp_pack)
    run = assignments.request(actor=platform)
    tasks.run_assignment.apply((run.pk,))
    assert chemistries(*found) == ["LFP"]


# Doors


def admin_of(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def form_of(pattern: VehiclePattern, **fields: Any) -> dict[str, Any]:
    names = ("by", "make", "positions", "source", "confidence", "model_id")
    given = {name.removesuffix("_id"): getattr(pattern, name) for name in names}
    return {**given, "is_active": "on", "listed_in": "", "name": "", "fuel": "", "note": "", **fields}


def test_the_admin_shows_what_would_change_before_and_after_saving(
    world: World, platform: Actor, pattern: VehiclePattern
) -> None:
    found = by_vin(world, 3)
    client = admin_of(platform.user)
    address = f"/admin/collection/vehiclepattern/{pattern.pk}/change/"
    assert "What would change" in client.get(address).content.decode()
    before = state("collection")
    typed = form_of(pattern, model=world.lfp_pack.pk)
    answer = client.post(address, {**typed, "_preview": "1"})
    assert answer.status_code == 200 and "3 records (3 units) would change" in answer.content.decode()
    assert state("collection") == before
    saved = client.post(address, {**typed, "_save": "1"})
    assert saved.status_code == 302 and saved["Location"].endswith(f"/{pattern.pk}/preview/"), saved.content
    shown = client.get(saved["Location"]).content.decode()
    assert "3 records (3 units) would change" in shown and "LFP" in shown
    assert client.get("/admin/collection/vehiclepattern/all/preview/").status_code == 200
    assert client.get("/admin/collection/vehiclepattern/0/preview/").status_code in (302, 404)
    assert "2 versions" in client.get(address).content.decode()
    add = "/admin/collection/vehiclepattern/add/"
    assert 'name="_preview"' in client.get(add).content.decode()
    new = client.post(add, {**typed, "positions": "5YJ3E1EB", "model": world.nmc_pack.pk, "_preview": "1"})
    assert "3 records (3 units) would change" in new.content.decode() and VehiclePattern.objects.count() == 1
    assert chemistries(*found) == ["NMC622"] * 3
    asked = client.post("/admin/collection/assignmentrun/add/", {"pattern": pattern.pk})
    assert asked.status_code == 302 and AssignmentRun.objects.get().pattern == pattern


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MANAGER])
def test_nobody_else_edits_or_previews(world: World, pattern: VehiclePattern, role: Role) -> None:
    before = state("collection")
    client = admin_of(world.user(world.regulator, role))
    address = f"/admin/collection/vehiclepattern/{pattern.pk}"
    assert client.get(f"{address}/change/").status_code == 200
    for path, sent in (("change/", form_of(pattern, source="y")), ("change/", {**form_of(pattern), "_preview": "1"})):
        assert client.post(f"{address}/{path}", sent).status_code == 403
    assert client.get(f"{address}/preview/").status_code == 403
    assert client.post("/admin/collection/vehiclepattern/add/", form_of(pattern)).status_code == 403
    assert client.post(f"{address}/delete/", {"post": "yes"}).status_code == 403
    assert state("collection") == before


def test_the_api_reads_patterns_and_asks_for_runs(world: World, platform: Actor, pattern: VehiclePattern) -> None:
    placed = placement(world, "A")
    client = APIClient()
    client.force_authenticate(world.user(world.producer))
    assert client.post("/api/v1/vehicle-patterns/", form_of(pattern)).status_code == 405
    assert client.post("/api/v1/assignment-runs/", {}).status_code == 403
    (row,) = client.get("/api/v1/market-placements/?chemistry_by=assumed").json()["results"]
    assert (row["id"], row["chemistry_by"], row["pattern"]) == (placed.pk, "assumed", placed.pattern_id)
    client.force_authenticate(platform.user)
    made = client.post("/api/v1/assignment-runs/", {"pattern": pattern.pk}).json()
    assert (made["status"], made["progress"], made["pattern"]) == ("queued", 0, pattern.pk)


@pytest.mark.django_db(transaction=True)
def test_a_correction_under_way_goes_before_a_run() -> None:
    world = build()
    pattern, platform = (
        vehicle_pattern(world),
        Actor.of(User.objects.create_superuser("p@relode.example", None, name="P")),
    )
    battery, other = by_vin(world, 2)
    becomes(pattern, world.lfp_pack)
    run = assignments.request(actor=platform)
    actor = world.actor(world.yard_owner)
    assert meanwhile(
        lambda: batteries.correct(
            actor=actor, battery=battery, reason="looked", rated_kwh=Decimal(50), is_measured=True
        ),
        lambda: assignments.run(run.pk),
    )
    battery.refresh_from_db()
    assert (battery.chemistry_id, battery.chemistry_by) == ("NMC622", "measured") and chemistries(other) == ["LFP"]
