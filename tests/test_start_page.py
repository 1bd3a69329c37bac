"""The start page and the sidebar: what each function sees, in a number of statements that does not grow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership, Organization, Role, User
from collection.queries import agenda
from collection.services import claim_contests, consents, pickups
from recycling.models import EprScheme
from recycling.queries import compliance, desk
from recycling.services import batches, intakes, placements
from recycling.services.intakes import ReceivedBattery
from tests.filings import submitted_report
from tests.world import World, ago, batteries_at, claimed_at, collected_pickup, requested_pickup, scheduled_pickup

pytestmark = pytest.mark.django_db


def statements(of: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as captured:
        of()
    return len(captured)


def start(user: User) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get("/admin/")
    assert answer.status_code == 200
    return answer.content.decode()


def fill(world: World, number: int) -> None:
    """Some of everything, `number` times."""
    for index in range(number):
        requested_pickup(world)
        scheduled_pickup(world)
        collected_pickup(world)
        shipment = collected_pickup(world).shipment
        plant = world.actor(world.recycler)
        lines = list(shipment.lines.order_by("pk"))
        name = f"{shipment.pk}-{index}"
        intakes.record(
            actor=plant, plant=world.plant, shipment=shipment, ticket=name, weighed_at=ago(days=5),
            gross_value=Decimal(15770), tare_value=Decimal(15000),
            batteries=[
                ReceivedBattery(battery=lines[0].battery_id, received_value=Decimal(400)),
                ReceivedBattery(battery=lines[1].battery_id, received_value=Decimal(370)),
            ],
        )  # fmt: skip
        batches.open_batch(actor=plant, line=world.shredder, number=name, started_at=ago(days=3))


def test_statements_do_not_grow_with_what_there_is(world: World) -> None:
    fill(world, 1)
    now = timezone.now()
    carrier, recycler, federal = (
        world.user(organization) for organization in (world.carrier, world.recycler, world.federal)
    )
    producer = world.user(world.producer)
    asked: list[Callable[[], Any]] = [
        lambda: agenda.todays_pickups(carrier, now),
        lambda: agenda.open_requests(world.user(world.collector), now),
        lambda: agenda.shipments_under_way(carrier),
        lambda: desk.gate(recycler),
        lambda: desk.waiting(recycler),
        lambda: desk.open_discrepancies(recycler, now),
        lambda: desk.open_batches(recycler),
        lambda: desk.line_loads(recycler, now.date()),
        lambda: desk.plant_loads(federal, now.date()),
        lambda: compliance.duties(federal, now.year - 1),
        lambda: compliance.own_reports(producer),
        lambda: compliance.batteries_by_status(producer),
        lambda: compliance.rates(federal),
    ]
    few = [statements(question) for question in asked]
    pages = [
        world.user(organization) for organization in (world.collector, world.carrier, world.recycler, world.federal)
    ]
    few_of_pages = [statements(lambda user=user: start(user)) for user in pages]
    fill(world, 4)
    assert [statements(question) for question in asked] == few
    assert [statements(lambda user=user: start(user)) for user in pages] == few_of_pages
    assert desk.open_discrepancies(recycler, now).total == 5
    assert desk.open_batches(recycler).total == 5
    assert len(agenda.open_requests(world.user(world.collector), now).rows) == 5


def test_a_day_is_that_of_the_collection_point(world: World) -> None:
    """22:00 in Reno is the next day in UTC; the pickup belongs to the evening it is driven in."""
    reno = ZoneInfo("America/Los_Angeles")
    evening = datetime(2026, 3, 10, 22, 0, tzinfo=reno)
    pickups.schedule(
        actor=world.actor(world.collector), pickup=requested_pickup(world), carrier=world.carrier,
        destination=world.plant_site, window_start=evening, window_end=evening + timedelta(hours=1),
    )  # fmt: skip
    driver = world.user(world.carrier)
    morning = datetime(2026, 3, 10, 8, 0, tzinfo=reno).astimezone(UTC)
    assert agenda.todays_pickups(driver, morning).total == 1
    assert agenda.todays_pickups(driver, morning - timedelta(days=1)).total == 0
    (visit,) = agenda.todays_pickups(driver, morning).rows
    assert (visit.start.hour, visit.zone, visit.is_late) == (22, "PDT", False)
    (late,) = agenda.todays_pickups(driver, morning + timedelta(days=1)).rows
    assert late.is_late


def test_consents_are_shown_before_they_run_out(world: World) -> None:
    today = date(2026, 6, 1)
    for number, last_day in enumerate([today + timedelta(days=n) for n in (-200, -1, 30, 200)]):
        consents.record(
            actor=world.actor(world.recycler, "manager"), exporter=world.recycler, importer=world.refiner,
            from_country=world.us, to_country=world.ca, number=str(number), authority="EPA",
            valid_from=last_day - timedelta(days=300), valid_until=last_day,
        )  # fmt: skip
    found = agenda.consents_running_out(world.user(world.recycler), today)
    assert [(row.number, row.last_day - today, row.is_over) for row in found.rows] == [
        ("1", timedelta(days=-1), True),
        ("2", timedelta(days=30), False),
    ]
    assert agenda.consents_running_out(world.user(world.carrier), today).total == 0


def test_each_function_has_its_section_and_its_sidebar(world: World) -> None:
    batteries_at(world, world.yard)
    seen = {
        world.collector: ("Today&#x27;s pickups", "/admin/collection/pickup/", "/admin/recycling/batch/"),
        world.recycler: ("At the gate", "/admin/recycling/batch/", "/admin/recycling/marketplacement/"),
        world.federal: ("Compliance by producer", "/admin/recycling/eprreport/", "/admin/collection/importrun/"),
        world.producer: ("What became of your batteries", "/admin/recycling/eprreport/", "/admin/recycling/intake/"),
    }
    for organization, (title, link, no_link) in seen.items():
        page = start(world.user(organization))
        assert (title in page or title.replace("&#x27;", "'") in page) and f'href="{link}"' in page, organization
        assert f'href="{no_link}"' not in page, organization
    everything = start(world.user(world.stranger))
    assert all(part in everything for part in ('id="collection"', 'id="plants"', 'id="producer"'))


def test_a_member_of_nothing_that_acts_is_told_what_to_do(world: World) -> None:
    user = User.objects.create(email="new@example.com", name="New")
    Membership.objects.create(user=user, organization=Organization.objects.create(name="Idle"))
    assert "Ask a manager of your organization" in start(user)


def test_simulated_data_are_named_in_the_header(world: World) -> None:
    assert "Contains simulated data" not in start(world.user(world.collector))
    Organization.objects.filter(pk=world.stranger.pk).update(is_simulated=True)
    assert "Contains simulated data" in start(world.user(world.collector))


def test_a_regulator_sees_who_filed_and_who_did_not(world: World) -> None:
    report = submitted_report(world)
    year = report.period_start.year
    placements.declare(
        actor=world.actor(world.other_producer), producer=world.other_producer, jurisdiction=world.nv, units=7,
        period_start=report.period_start, period_end=report.period_end, source_key="x",
    )  # fmt: skip
    duties = compliance.duties(world.user(world.regulator), year)
    assert [(d.producer_name, d.units_placed, d.status) for d in duties] == [
        ("Other Producer", 7, "missing"),
        ("Producer", 120, "submitted"),
    ]
    assert compliance.duties(world.user(world.stranger), year) == []
    for change in ({"legal_status": "unverified"}, {"legal_status": "binding", "valid": (date(year + 1, 1, 1), None)}):
        EprScheme.objects.update(**change)
        only = compliance.duties(world.user(world.regulator), year)
        assert [duty.producer_name for duty in only] == ["Producer"], "a scheme that does not bind obliges nobody"
    EprScheme.objects.update(valid=(date(2020, 1, 1), None))
    page = start(world.user(world.regulator))
    assert "none filed" in page and f"Report {report.pk}" in page


def test_claims_wait_for_whose_step_it_is(world: World) -> None:
    """A producer sees what is claimed to be its, who claimed what it contests, a regulator what was answered."""
    w = world
    contested, _waiting = claimed_at(w, w.yard, 2)
    producer, yard, regulator = w.user(w.producer), w.user(w.yard_owner), w.user(w.regulator)
    today = timezone.localdate()
    contest = claim_contests.contest_claim(
        actor=w.actor(w.producer, Role.MANAGER), battery=contested, statement="not ours"
    )
    assert agenda.claims_waiting(producer) == 1
    assert "1 battery that others claim to be yours waits for your word" in start(producer)
    assert [row.contest for row in agenda.contests_to_answer(yard).rows] == [contest.pk]
    assert "Your claims that producers contest" in start(yard)
    assert agenda.contests_to_decide(regulator, today).total == 0
    assert agenda.contests_to_decide(regulator, contest.due_on + timedelta(days=1)).total == 1
    claim_contests.answer(actor=w.actor(w.yard_owner), contest=contest, statement="the label")
    assert agenda.contests_to_answer(yard).total == 0
    assert (
        agenda.contests_to_decide(regulator, today).total
        == 1
        == agenda.contests_to_decide(w.user(w.federal), today).total
    )
    assert "Contested claims to decide on" in start(regulator)
    (row,) = compliance.batteries_by_status(producer)
    assert (row.units, row.claimed, row.mass_kg) == (0, 2, 0)
