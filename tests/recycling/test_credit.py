"""A producer gets no credit for what somebody else only says is its own."""

from __future__ import annotations

import pytest
from django.db import Error, transaction

from accounts.models import Role
from collection.models import Battery
from collection.services import claim_contests, credit
from recycling.models import Batch, Charge, EprReportLine
from recycling.queries import epr
from recycling.queries.overview import overview
from recycling.queries.report_evidence import evidence_of
from recycling.queries.report_proof import verify
from recycling.services import factors, tallies
from tests.recycling.chain import at, process
from tests.recycling.filing import YEAR, drafted, filed, value
from tests.world import World, batteries_at, claimed_at


def test_batteries_invented_for_a_producer_give_it_no_credit_until_it_accepts_them(world: World) -> None:
    """The hostile case of issue 7: register under any producer, run it through a plant, and credit appears."""
    real = batteries_at(world, world.plant_site, 1, at=at(2025, 2, 1))
    invented = claimed_at(world, world.plant_site, 3, at=at(2025, 2, 1))
    process(world, world.shredder, packs=[*real, *invented], charged_at=at(2025, 3, 1), makes=[("copper", "10", {})])
    factors.refresh()
    tallies.refresh()
    before = filed(world)

    assert (value(before, "units_charged"), value(before, "mass_charged")) == (1, 400)
    assert (value(before, "claimed_recycled"), value(before, "claimed_recycled_kg")) == (3, 1200)
    of_copper = {"breakdown": "element", "element": "Cu"}
    content, claimed = value(before, "element_content", **of_copper), value(before, "claimed_content", **of_copper)
    assert content and claimed == 3 * content
    line = EprReportLine.objects.get(report=before, metric="claimed_recycled")
    assert set(evidence_of(line).values_list("battery", flat=True)) == {battery.pk for battery in invented}
    seen = overview(*YEAR)
    (standing,) = seen.standings
    assert (standing.units_collected, standing.units_recycled, standing.kg_recycled) == (1, 1, 400)
    assert (standing.claimed_collected, standing.claimed_recycled, standing.claimed_kg_recycled) == (3, 3, 1200)
    assert seen.elements == epr.totals_by_producer_and_jurisdiction(*YEAR)
    assert seen.claimed_elements == epr.totals_by_producer_and_jurisdiction(*YEAR, claimed=True) != []

    Charge.objects.filter(battery=invented[0]).update(is_claimed=False)  # a raw write gives no credit either
    assert Charge.objects.filter(is_claimed=True).count() == 3

    fresh = Batch.objects.filter(stale_since=None).count()
    credit.accept_claims(
        actor=world.actor(world.producer, Role.MANAGER), organization=world.producer,
        batteries=[battery.pk for battery in invented[:2]],
    )  # fmt: skip
    assert Batch.objects.filter(stale_since=None).count() == fresh, "factors do not hang on whose a battery is"
    assert tallies.refresh() > 0
    (standing,) = overview(*YEAR).standings
    assert (standing.units_recycled, standing.claimed_recycled) == (3, 1)
    assert (standing.units_collected, standing.claimed_collected) == (3, 1)
    later = drafted(world, producer=world.producer, period_end=YEAR[1].replace(month=11, day=30))
    assert (value(later, "units_charged"), value(later, "claimed_recycled")) == (3, 1)
    before.refresh_from_db()
    assert value(before, "units_charged") == 1 and verify(before).agrees


def test_what_is_found_not_to_be_the_producers_leaves_all_its_figures(world: World) -> None:
    """Also once the batch is sealed; and nothing else ever takes a charged battery from its producer."""
    real = batteries_at(world, world.plant_site, 1, at=at(2025, 2, 1))
    invented = claimed_at(world, world.plant_site, 1, at=at(2025, 2, 1))
    process(world, world.shredder, packs=[*real, *invented], charged_at=at(2025, 3, 1), makes=[("copper", "10", {})])
    factors.refresh()
    tallies.refresh()
    before = filed(world)
    (battery,) = invented
    with pytest.raises(Error), transaction.atomic():
        Battery.objects.filter(pk=battery.pk).update(producer=None)
    (contest,) = claim_contests.contest_claims(
        actor=world.actor(world.producer, Role.MANAGER), organization=world.producer, batteries=[battery.pk],
        statement="no serial of ours",
    )  # fmt: skip
    with pytest.raises(Error), transaction.atomic():
        Battery.objects.filter(pk=battery.pk).update(producer=None)
    fresh = Batch.objects.filter(stale_since=None).count()
    claim_contests.concede(actor=world.actor(world.recycler), contest=contest, reason="misread")
    assert Batch.objects.filter(stale_since=None).count() == fresh, "factors do not hang on whose a battery is"
    charge = Charge.objects.get(battery=battery)
    assert (charge.producer, charge.is_claimed) == (None, False)
    with pytest.raises(Error), transaction.atomic():
        Battery.objects.filter(pk=battery.pk).update(producer=world.other_producer)
    tallies.refresh()
    standings = {standing.producer: standing for standing in overview(*YEAR).standings}
    assert (standings[world.producer.pk].units_recycled, standings[world.producer.pk].claimed_recycled) == (1, 0)
    assert overview(*YEAR).elements == epr.totals_by_producer_and_jurisdiction(*YEAR)
    later = drafted(world, producer=world.producer, period_end=YEAR[1].replace(month=11, day=30))
    assert value(later, "units_charged") == 1 and not later.lines.filter(metric="claimed_recycled").exists()
    before.refresh_from_db()
    assert value(before, "claimed_recycled") == 1 and verify(before).agrees
