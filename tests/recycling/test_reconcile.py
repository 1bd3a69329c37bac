"""Reconciliation: nothing found in a sound database, and every planted violation found."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from collection.queries import reconcile as custody
from collection.services import lots
from collection.services.lots import Part
from recycling.queries import reconcile as trace
from recycling.services import charges, factors
from recycling.services.charges import LotCharge
from tests import records
from tests.recycling.chains import closed, opened, output
from tests.world import World, ago, batteries_at, collected_pickup

pytestmark = pytest.mark.django_db


def rules() -> set[str]:
    return {found.rule for found in (*custody.findings(), *trace.findings())}


@pytest.fixture
def sound(world: World) -> World:
    """Batteries in use, at rest, on the road and in batches; lots split, charged and disposed of."""
    batteries_at(world, world.yard, 2)
    collected_pickup(world)
    records.receipt(world)
    actor = world.actor(world.recycler)
    _batch, lot = closed(world)
    lots.split(actor=actor, lot=lot, parts=[Part(Decimal(20)), Part(Decimal(30))], split_at=ago(days=6))
    first, second, _rest = lot.parts.order_by("pk")
    charges.charge(actor=actor, batch=opened(world, number="B2"), charged_at=ago(days=5), lots=[LotCharge(first.pk)])
    lots.dispose(actor=actor, lot=second, disposition="landfilled", disposed_at=ago(days=4))
    factors.refresh()
    return world


def test_a_sound_database(sound: World) -> None:
    assert rules() == set()
    out = StringIO()
    call_command("reconcile", stdout=out)
    assert "Nothing found" in out.getvalue()


def with_triggers_off(sql: str) -> None:
    """Break a rule as no door of Relode can."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET LOCAL session_replication_role = replica")
        cursor.execute(sql)
        cursor.execute("SET LOCAL session_replication_role = origin")


VIOLATIONS = {
    "battery_agrees_with_ledger": "UPDATE collection_battery SET status = 'lost', facility_id = NULL "
    "WHERE id = (SELECT min(id) FROM collection_battery WHERE status = 'at_facility')",
    "lot_agrees_with_ledger": "UPDATE collection_lot SET status = 'sold' WHERE status = 'landfilled'",
    "ledger_is_a_chain": "DELETE FROM collection_custodyevent WHERE id = (SELECT min(a.id) FROM collection_custodyevent"
    " a JOIN collection_custodyevent b ON b.battery_id = a.battery_id AND b.sequence = a.sequence + 1)",
    "what_is_on_a_shipment_has_a_line_there": "DELETE FROM collection_shipmentline",
    "open_line_under_way_has_its_load": "UPDATE collection_battery SET status = 'lost', shipment_id = NULL "
    "WHERE status = 'in_transit'",
    "hand_over_is_of_its_entries": "UPDATE collection_handover SET taker_id = "
    "(SELECT id FROM accounts_organization WHERE name = 'Refiner')",
    "hand_over_by_a_relation_of_its_sides": "UPDATE collection_handover SET giver_relation_id = "
    "(SELECT min(id) FROM collection_relation WHERE kind = 'carry')",
    "what_a_pickup_took_was_announced_or_confirmed": "UPDATE collection_pickupfinding SET status = 'waiting', means = '', "
    "answered_at = NULL",
    "signed_for_while_unclaimed": "UPDATE accounts_organization SET claimed_at = '2020-01-01' WHERE claimed_at IS NULL",
    "declared_of_the_unclaimed": "UPDATE accounts_organization SET claimed_at = '2020-01-01' WHERE claimed_at IS NULL",
    "who_has_members_is_claimed": "UPDATE accounts_organization SET claimed_at = NULL",
    "parts_weigh_what_the_whole_weighed": "UPDATE collection_lot SET mass_value = mass_value + 1 "
    "WHERE split_from_id IS NOT NULL",
    "consumed_is_charged": "DELETE FROM recycling_charge WHERE battery_id IS NOT NULL",
    "only_intermediates_are_charged": "UPDATE collection_lot SET material_id = 'copper' WHERE status = 'consumed'",
    "charge_weighs_what_its_lot_weighs": "UPDATE recycling_charge SET mass_kg = 7 WHERE lot_id IS NOT NULL",
    "content_fits_into_the_battery": "UPDATE recycling_charge SET mass_kg = 7 WHERE battery_id IS NOT NULL",
    "parts_are_outputs_of_the_same_batch": "DELETE FROM recycling_output "
    "WHERE lot_id IN (SELECT id FROM collection_lot WHERE status = 'landfilled')",
    "outputs_weigh_no_more_than_inputs": "UPDATE recycling_charge SET mass_kg = 7 WHERE battery_id IS NOT NULL",
    "charge_is_claimed_as_its_battery": "UPDATE recycling_charge SET is_claimed = NOT is_claimed "
    "WHERE battery_id IS NOT NULL",
    "elements_within_assay_tolerance": "UPDATE collection_assay SET fraction = 0.9 WHERE element = 'Li'",
    "factors_are_fresh": "UPDATE recycling_factor SET recovered = 0.5 WHERE element = 'Ni'",
    "outcomes_are_fresh": "UPDATE recycling_outcome SET share = 0.5 WHERE element = 'Ni'",
    "credit_adds_up": "UPDATE recycling_factor SET recovered = 0.5 WHERE element = 'Ni' AND input_kg > 0",
}


@pytest.mark.parametrize("rule", VIOLATIONS)
def test_a_planted_violation_is_found(sound: World, rule: str) -> None:
    with_triggers_off(VIOLATIONS[rule])
    assert rule in rules()
    with pytest.raises(SystemExit) as left:
        call_command("reconcile", stdout=StringIO(), stderr=StringIO())
    assert left.value.code == 1


def test_every_rule_has_a_planted_violation(sound: World) -> None:
    by_constraint = {"no_credit_without_content"}  # `factor_needs_input` leaves no way to plant one
    assert {*custody.RULES, *trace.RULES} - by_constraint <= set(VIOLATIONS)


def test_a_circle_is_found(world: World) -> None:
    first, lot = closed(world)
    second = opened(world, number="B2")
    charges.charge(actor=world.actor(world.recycler), batch=second, charged_at=ago(days=5), lots=[LotCharge(lot.pk)])
    back = output(world, second, "black_mass", "10", "X1", assays={"Ni": Decimal("0.1")}, made_at=ago(days=4))
    with_triggers_off(
        f"INSERT INTO recycling_charge (batch_id, lot_id, mass_kg, charged_at) "
        f"VALUES ({first.pk}, {back.pk}, 10, now());"
        f"UPDATE collection_lot SET status = 'consumed', facility_id = NULL WHERE id = {back.pk}"
    )
    assert "trace_has_no_circle" in rules()
