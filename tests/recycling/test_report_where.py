"""Where a battery was placed on the market, and where it was collected: which of them counts, and the line of the other."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from collection.models import Battery
from collection.services import batteries, shipments
from recycling.models import EprReport, EprReportLine, EprScheme
from recycling.queries import duties, report_evidence
from recycling.queries.report_proof import verify
from recycling.services import inspections
from recycling.services.inspections import Triage
from tests.collection import shipping
from tests.recycling.chain import at, process
from tests.recycling.filing import drafted, filed, scheme, value
from tests.recycling.test_report_evidence import NEXT_YEAR, given_back, inspected, let_go, released
from tests.world import World, ago, batteries_at, claimed_at, now

SPRING = at(2025, 3, 1)

#: The days of what is shipped lie just behind us.
THIS_YEAR = {"period_start": (now() - timedelta(days=60)).date(), "period_end": (now() + timedelta(days=1)).date()}


def by(counts_by: str, **fields: Any) -> EprScheme:
    return EprScheme.objects.filter(code="test-eu_reference").first() or scheme(
        "eu_reference", counts_by=counts_by, **fields
    )


def lines(report: EprReport, metric: str) -> dict[tuple[str, str], Decimal | None]:
    rows = EprReportLine.objects.filter(report=report, metric=metric)
    return {(row.breakdown, row.origin): row.value for row in rows if row.breakdown in ("", "market", "origin")}


def four(world: World) -> None:
    """Of the producer, in the yard in Nevada or the stranger's in New Jersey: here and here, there and here, here and there, and
    nobody knows where placed.
    """
    batteries_at(world, world.yard, 1, at=SPRING)
    batteries_at(world, world.yard, 2, at=SPRING, placed_in=world.nj)
    batteries_at(world, world.stranger_site, 3, at=SPRING)
    batteries_at(world, world.yard, 4, at=SPRING, placed_in=None)


def test_collected_here_counts_wherever_it_was_placed(world: World) -> None:
    """Of 105 batteries collected in Colorado in the demo's 2025, 13 were in no figure of Colorado."""
    four(world)
    report = drafted(world, by("collected"))
    assert lines(report, "units_collected") == {
        ("", ""): 7, ("origin", "US-NV"): 7, ("market", "US-NV"): 1, ("market", "US-NJ"): 2, ("market", ""): 4,
    }  # fmt: skip
    assert lines(report, "away_collected") == {("", ""): 3, ("origin", "US-NJ"): 3, ("market", "US-NV"): 3}
    assert value(report, "mass_collected") == 2800 and value(report, "away_collected_kg") == 1200


def test_placed_here_counts_wherever_it_was_collected(world: World) -> None:
    four(world)
    report = drafted(world, by("placed"))
    assert lines(report, "units_collected") == {
        ("", ""): 4, ("origin", "US-NV"): 1, ("origin", "US-NJ"): 3, ("market", "US-NV"): 4,
    }  # fmt: skip
    assert lines(report, "away_collected") == {
        ("", ""): 6, ("origin", "US-NV"): 6, ("market", "US-NJ"): 2, ("market", ""): 4,
    }  # fmt: skip


@pytest.mark.parametrize("counts_by", ["placed", "collected"])
def test_in_a_country_both_places_are_its_states(world: World, counts_by: str) -> None:
    """Only what nobody knows the place of marketing of is by one place alone in the country."""
    four(world)
    report = drafted(world, by(counts_by), jurisdiction=world.us)
    counted = {"placed": 6, "collected": 10}[counts_by]
    assert value(report, "units_collected") == counted
    assert sum(lines(report, "units_collected")["origin", state] or 0 for state in ("US-NV", "US-NJ")) == counted
    assert lines(report, "away_collected") == (
        {} if counted == 10 else {("", ""): 4, ("origin", "US-NV"): 4, ("market", ""): 4}
    )
    assert value(drafted(world, by(counts_by), jurisdiction=world.mx), "units_collected") == 0


@pytest.mark.parametrize("counts_by", ["placed", "collected"])
def test_every_battery_of_the_place_stands_in_one_line(world: World, counts_by: str) -> None:
    """Whichever place counts, wherever else it was, and whether it is confirmed."""
    expected: dict[str, set[int]] = {}
    for placed, site, make in product(
        (world.nv, world.nj, None), (world.yard, world.stranger_site), (batteries_at, claimed_at)
    ):
        (pack,) = make(world, site, at=SPRING, placed_in=placed)
        here = {"placed": placed == world.nv, "collected": site == world.yard}
        if any(here.values()):
            if make is batteries_at:
                fate = "collected" if here[counts_by] else "away_collected"
            else:
                fate = "claimed_collected" if here[counts_by] else "claimed_away"
            expected.setdefault(fate, set()).add(pack.pk)
    report = drafted(world, by(counts_by))
    found: dict[str, set[int]] = {}
    for row in report.evidence.all():
        found.setdefault(row.fate, set()).add(row.battery_id)
    assert found == expected and len(found) == 4
    metrics = {"collected": "units_collected"}
    assert {fate: value(report, metrics.get(fate, fate)) for fate in found} == {
        f: len(of) for f, of in expected.items()
    }


def whole_life(world: World, **fields: Any) -> list[Battery]:
    """Two packs: one charged, one given to a further use."""
    packs = batteries_at(world, world.plant_site, 2, at=SPRING, **fields)
    process(world, world.shredder, packs=packs[:1], charged_at=at(2025, 4, 1), makes=[("copper", "10", {})])
    recycler = world.actor(world.recycler)
    inspections.inspect_many(
        actor=recycler, plant=world.plant, inspected_at=at(2025, 5, 1), inspections=[Triage(packs[1].pk, "reuse")]
    )
    inspections.release(
        actor=recycler, plant=world.plant, battery=packs[1], released_at=at(2025, 5, 2), recipient="A workshop"
    )
    return packs


def test_what_counts_elsewhere_is_in_no_other_figure_or_rate(world: World) -> None:
    whole_life(world)
    alone = drafted(world, by("placed"))
    figures = {
        (line.metric, line.breakdown, line.element, line.facility_id, line.country): line.value
        for line in alone.lines.exclude(metric__startswith="away")
    }
    whole_life(world, placed_in=world.nj)
    alone.delete()
    report = filed(world, by("placed"))
    assert figures == {
        (line.metric, line.breakdown, line.element, line.facility_id, line.country): line.value
        for line in report.lines.exclude(metric__startswith="away")
    }
    for metric, expected in (
        ("away_collected", 2), ("away_collected_kg", 800), ("away_reused", 1), ("away_reused_kg", 400),
        ("away_recycled", 1), ("away_recycled_kg", 400),
    ):  # fmt: skip
        assert value(report, metric) == expected, metric
    assert verify(report).agrees


def test_every_line_by_place_drills_down(world: World) -> None:
    four(world)
    whole_life(world, placed_in=None)
    claimed_at(world, world.yard, 1, at=SPRING, placed_in=world.nj)
    report = drafted(world, by("placed"))
    told = report.lines.exclude(metric__in=("units_placed", "mass_placed", "facility")).exclude(element__gt="")
    assert {"away_collected", "away_recycled", "claimed_away"} <= set(told.values_list("metric", flat=True))
    for line in told:
        assert report_evidence.evidence_of(line).count() == line.rows, (line.metric, line.breakdown, line.origin)


def test_evidence_keeps_both_places_and_the_number(world: World) -> None:
    (pack,) = batteries_at(world, world.stranger_site, 1, at=SPRING)
    row = drafted(world, by("placed")).evidence.get()
    number = pack.identifiers.get()
    assert (row.placed_in, row.collected_in, row.country) == ("US-NV", "US-NJ", "US")
    assert row.identifier == f"oem_serial {number.value}"


# Back from a further use, and lost


def test_what_comes_back_from_a_further_use_is_not_collected_anew(world: World) -> None:
    """It has a line in the year it came back, whatever became of it since; a release that was only undone has none."""
    back, stayed = released(world), released(world)
    assert stayed.status == "second_life"
    given_back(world, back, at(2026, 2, 1))
    let_go_again = released(world)
    given_back(world, let_go_again, at(2026, 2, 1))
    inspected(world, let_go_again, "reuse", at(2026, 3, 1))
    let_go(world, let_go_again, at(2026, 4, 1))
    report = drafted(world, by("collected"), **NEXT_YEAR)
    assert value(report, "returned_units") == 2 and value(report, "returned_kg") == 800
    assert value(report, "units_collected") == 0 and value(report, "units_second_life") == 1
    before = drafted(world, by("collected"))
    assert value(before, "returned_units") == 0 and value(before, "units_second_life") == 3
    line = EprReportLine.objects.get(report=report, metric="returned_units", breakdown="")
    assert {row.battery_id for row in report_evidence.evidence_of(line)} == {back.pk, let_go_again.pk}


def test_what_was_lost_has_a_line_until_it_is_found(world: World) -> None:
    """Claimed or away, it stands in the line of what was collected alone."""
    packs = batteries_at(world, world.yard, 2, at=SPRING)
    others = [
        *claimed_at(world, world.yard, 1, at=SPRING),
        *batteries_at(world, world.stranger_site, 1, at=SPRING),
    ]
    for pack in (*packs, *others):
        batteries.report_lost(
            actor=world.actor(pack.facility.operator), battery=pack, occurred_at=at(2025, 6, 1), reason="fire"
        )
    report = drafted(world, by("collected"))
    assert value(report, "lost_units") == 2 and value(report, "lost_kg") == 800
    assert value(report, "units_collected") == 2, "it was collected all the same"
    line = EprReportLine.objects.get(report=report, metric="lost_units", breakdown="")
    assert {row.battery_id for row in report_evidence.evidence_of(line)} == {pack.pk for pack in packs}
    batteries.report_found(
        actor=world.actor(world.yard_owner), battery=packs[0], facility=world.yard, occurred_at=at(2026, 1, 1)
    )
    assert value(drafted(world, by("collected"), jurisdiction=world.us), "lost_units") == 2 - 1 + 1, (
        "one is in New Jersey"
    )
    assert value(drafted(world, by("collected"), **NEXT_YEAR), "lost_units") == 0


def test_pages_say_which_place_counts(world: World, client: Client) -> None:
    report = filed(world, by("placed"))
    client.force_login(world.user(world.producer))
    page = client.get(f"/admin/recycling/eprreport/{report.pk}/change/").content.decode()
    assert "a battery counts where it was placed on the market" in page
    EprScheme.objects.update(counts_by="collected")
    again = client.get(f"/admin/recycling/eprreport/{report.pk}/change/").content.decode()
    assert "a battery counts where it was placed on the market" in again, "as it was computed"
    (duty,) = duties.duties(world.user(world.regulator), 2025)
    assert duty.counts_label == "where it was collected"


# Which of them counts is data


@pytest.mark.parametrize(
    "wrong", [{"counts_by": "sold"}, {"counts_source": "", "counts_confidence": "S"}, {"counts_source": "x"}]
)
def test_a_scheme_counts_by_a_place_and_says_how_sure(world: World, wrong: dict[str, str]) -> None:
    of = by("placed")
    with pytest.raises(IntegrityError), transaction.atomic():
        EprScheme.objects.filter(pk=of.pk).update(**wrong)


# Masses that were corrected


def taken_in(world: World, pack: Battery) -> Battery:
    """At the plant, by a shipment."""
    arrived = shipping.arrived(world, [pack])
    shipments.receive(actor=world.actor(world.recycler), shipment=arrived, received_at=ago(days=4))
    pack.refresh_from_db()
    return pack


def weighed(world: World, pack: Battery, kg: int, days: int, by: Any) -> None:
    batteries.correct(
        actor=world.actor(by), battery=pack, reason="scale", mass_value=Decimal(kg), corrected_at=ago(days=days)
    )


def test_a_correction_at_the_plant_reaches_what_was_collected(world: World) -> None:
    """It hangs on the last entry of the ledger, the arrival at the plant: 4,000 kg stayed."""
    (pack,) = batteries_at(world, world.yard, 1, mass_value=Decimal(4000))
    taken_in(world, pack)
    weighed(world, pack, 4100, 3, world.recycler)
    weighed(world, pack, 400, 2, world.recycler)
    assert value(drafted(world, **THIS_YEAR), "mass_collected") == 400


def test_the_correction_of_a_shipments_line_is_of_that_shipment(world: World) -> None:
    """The line said 390; what the battery weighed when it was collected nobody corrected."""
    (pack,) = batteries_at(world, world.yard, 1)
    shipment = shipping.arrived(world, [pack])
    shipments.correct(
        actor=world.actor(world.yard_owner), shipment=shipment, line=shipment.lines.get().pk, declared_value=Decimal(390),
        reason="typed", corrected_at=ago(days=4),
    )  # fmt: skip
    assert value(drafted(world, **THIS_YEAR), "mass_collected") == 400


def test_a_correction_reaches_a_battery_that_was_charged_and_one_in_a_further_use(world: World) -> None:
    charged, reused = batteries_at(world, world.yard, 2, mass_value=Decimal(4000))
    for pack in (charged, reused):
        taken_in(world, pack)
        weighed(world, pack, 400, 3, world.recycler)
    process(world, world.shredder, packs=[charged], charged_at=ago(days=1), makes=[("copper", "10", {})])
    recycler = world.actor(world.recycler)
    inspections.inspect_many(
        actor=recycler, plant=world.plant, inspected_at=ago(days=2), inspections=[Triage(reused.pk, "reuse")]
    )
    inspections.release(
        actor=recycler, plant=world.plant, battery=reused, released_at=ago(days=1), recipient="A workshop"
    )
    report = drafted(world, **THIS_YEAR)
    assert dict(report.evidence.values_list("fate", "mass_kg")) == {
        "collected": 400, "recycled": 400, "second_life": 400,
    }  # fmt: skip
    assert value(report, "mass_collected") == 800
