"""What counts as made and charged on a day of a line, and how days add up where not all have a nameplate."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from collection.models import Lot, Material
from collection.services import lots
from collection.services.lots import Part
from recycling.models import Batch, Nameplate, UtilizationSnapshot
from recycling.queries.utilization import Level, Load, Period, loads
from recycling.services import outputs, utilization
from tests.recycling.chain import at, process
from tests.world import World, batteries_at


def processed(world: World, start: date, end: date | None = None) -> list[Decimal]:
    """Kilograms of each day of the shredder, computed now."""
    run = utilization.request(actor=world.actor(world.recycler), from_day=start, to_day=end or start)
    assert utilization.run(run.pk)
    rows = UtilizationSnapshot.objects.filter(line=world.shredder, day__range=(start, end or start)).order_by("day")
    return [row.processed_kg for row in rows]


def rated_by_products(world: World) -> None:
    """The shredder's nameplate counts the products that it makes: 200 kg a day."""
    Nameplate.objects.filter(line=world.shredder).update(basis="output", t_per_year=73)


def copper_of(world: World, *kilograms: str) -> tuple[Batch, list[Lot]]:
    """A batch of two packs charged at 06:30 UTC on New Year's Day, and its products of an hour later."""
    packs = batteries_at(world, world.plant_site, 2, at=at(2025, 3, 1))
    return process(
        world, world.shredder, packs=packs, charged_at=at(2026, 1, 1, 6, 30),
        makes=[("copper", kg, {}) for kg in kilograms],
    )  # fmt: skip


def test_a_product_is_made_on_the_day_of_its_plant(world: World) -> None:
    """07:30 in UTC is 23:30 of the last day of the year in Nevada."""
    rated_by_products(world)
    copper_of(world, "40")
    assert processed(world, date(2025, 12, 31), date(2026, 1, 1)) == [40, 0]


def test_of_a_lot_that_was_split_the_whole_counts_once(world: World) -> None:
    rated_by_products(world)
    _batch, (copper,) = copper_of(world, "40")
    lots.split(
        actor=world.actor(world.recycler), lot=copper, parts=[Part(Decimal(15)), Part(Decimal(5))],
        split_at=at(2026, 1, 1, 7, 45),
    )  # fmt: skip
    assert copper.parts.count() == 3
    assert processed(world, date(2025, 12, 31)) == [40]


def test_a_lot_that_never_was_does_not_count(world: World) -> None:
    rated_by_products(world)
    batch, _none = copper_of(world)
    actor = world.actor(world.recycler)
    kept, removed = (
        outputs.record_output(
            actor=actor, batch=batch, number=number, material=Material.objects.get(pk="copper"),
            mass_value=Decimal(mass), made_at=at(2026, 1, 1, 7, 30),
        )
        for number, mass in (("A", 30), ("B", 5))
    )  # fmt: skip
    outputs.remove_output(
        actor=actor, batch=batch, lot=removed.pk, removed_at=at(2026, 1, 1, 7, 40), reason="Counted twice."
    )
    assert processed(world, date(2025, 12, 31)) == [30] and kept.number == "A"


def test_days_without_a_nameplate_do_not_count_in_the_utilization(world: World) -> None:
    """400 kg on a day whose capacity nobody knows, 800 kg on one of 10 t: 8 % full, though 1200 kg were processed."""
    Nameplate.objects.filter(line=world.shredder).update(valid=(date(2025, 4, 2), None))
    packs = batteries_at(world, world.plant_site, 3, at=at(2025, 3, 1))
    process(world, world.shredder, packs=packs[:1], charged_at=at(2025, 4, 1))
    process(world, world.shredder, packs=packs[1:], charged_at=at(2025, 4, 2))
    assert processed(world, date(2025, 4, 1), date(2025, 4, 2)) == [400, 800]
    (load,) = loads(UtilizationSnapshot.objects.filter(line=world.shredder), level=Level.LINE, period=Period.MONTH)
    assert (load.processed_kg, load.rated_processed_kg, load.available_kg) == (1200, 800, 10_000)
    assert (load.utilization, load.lines_without_nameplate, load.days) == (Decimal("0.08"), 1, 2)


def test_exactly_full_is_not_over() -> None:
    def load(processed: str) -> Load:
        kilograms = Decimal(processed)
        return Load(
            level=Level.LINE, key="1", name="Line", stage="preprocess", basis="input", period=Period.DAY,
            start=date(2025, 4, 1), processed_kg=kilograms, rated_processed_kg=kilograms, nameplate_kg=Decimal(10_000),
            available_kg=Decimal(10_000), lines=1, lines_without_nameplate=0, days=1, is_simulated=False,
            curtailed_kg=Decimal(0), paused_kg=Decimal(0), unknown_kg=Decimal(0), reporting_kg=Decimal(10_000),
            lines_reporting=1, lines_due=0,
        )  # fmt: skip

    assert load("10000").utilization == 1 and not load("10000").is_over
    assert load("10000.001").is_over
