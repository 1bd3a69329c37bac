"""Efficiency and recovery by the Annex of (EU) 2025/606, against the independent computation of `annex_oracle`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recycling.queries.annex import (
    OPTIONAL,
    Basis,
    Fate,
    Feed,
    Graph,
    Made,
    Step,
    apart,
    counted_lines,
    follow,
    rates,
)
from tests.recycling import annex_oracle as oracle

YEAR = 2027
N = Fraction


def elements(parts: Iterable[oracle.Component]) -> dict[str, Fraction]:
    """What is in parts of the oracle's packs, by our elements; what it calls other is the rest of the mass."""
    found: dict[str, Fraction] = defaultdict(Fraction)
    for part in parts:
        for line, kg in part.kg.items():
            if line == "steel":
                found["Fe"] += kg
            elif line == "Fe":
                found["Fe"] += kg
                found["Fe-cell"] += kg
            elif line == "C":
                found["graphite" if part.name == "graphite" else "C"] += kg
            elif line != "other":
                found[line] += kg
            if line == "Cu" and part.scope == "collector":
                found["Cu-cell"] += kg
    return dict(found)


def mass_of(parts: Iterable[oracle.Component]) -> Fraction:
    return sum((kg for part in parts for kg in part.kg.values()), N(0))


def feed(pack: list[oracle.Component], batch: int, **more: Any) -> Feed:
    mass = mass_of(pack)
    said = {"year": YEAR, "origin": "US-NV", "family": "lithium", "basis": Basis.ASSUMED, "batteries": 1}
    return Feed(batch=batch, mass=mass, dry=mass, content=elements(pack), **said | more)


def lot(number: int, batch: int | None, content: dict[str, Any], **more: Any) -> Made:
    kept = {element: oracle.n(kg) for element, kg in content.items()}
    said = {
        "year": YEAR, "material": "x", "is_intermediate": False, "is_slag": False, "is_substitute": True,
        "is_battery": False, "dry": sum(kept.values(), N(0)), "is_known": True, "fate": Fate.COUNTED,
    }  # fmt: skip
    return Made(lot=number, batch=batch, content=kept, **said | more)


def intermediate(number: int, batch: int, content: dict[str, Any], into: int | None, **more: Any) -> Made:
    fate = Fate.CHARGED if into else Fate.PENDING
    said: dict[str, Any] = {"is_intermediate": True, "fate": fate, "into": into, "into_year": YEAR}
    return lot(number, batch, content, **said | more)


DISMANTLED, SHREDDED, LEACHED = 1, 2, 3
STEPS = {
    DISMANTLED: Step(10, "US", "dismantle"), SHREDDED: Step(20, "US", "preprocess"), LEACHED: Step(30, "CA", "hydro"),
}  # fmt: skip


def nmc622() -> Graph:
    """The pack of the oracle, dismantled, shredded and leached as there."""
    pack = oracle.nmc622()
    cells = elements(pack[:9])
    return Graph(
        STEPS,
        [feed(pack, DISMANTLED)],
        [
            lot(1, 1, {"Fe": "117.27"}, is_substitute=False),
            lot(2, 1, {"Al": "18.00"}),
            lot(3, 1, {"Cu": "5.40"}),
            lot(4, 1, {"plastics": "10.00"}, fate=Fate.UNUSED),
            intermediate(5, 1, {**cells, "Al": "37.20"}, SHREDDED),
            lot(6, 2, {"Al": "34.596"}),
            lot(7, 2, {"Cu": "31.062", "Cu-cell": "31.062"}),
            intermediate(
                8, 2, {"Li": "10.35", "Ni": "51.20", "Co": "17.13", "Mn": "15.97", "graphite": "85.29"}, LEACHED
            ),
            lot(9, 3, {"Li": "9.729"}),
            lot(10, 3, {"Ni": "48.128"}),
            lot(11, 3, {"Co": "16.1022"}),
            lot(12, 3, {"Mn": "15.0118"}),
            lot(13, 3, {"graphite": "80.1726"}),
            lot(14, 3, {"graphite": "5.1174"}, fate=Fate.UNUSED),
        ],
        abroad_proven={30},
    )


def lfp() -> Graph:
    pack = oracle.lfp()
    cells = elements(pack[:9])
    return Graph(
        STEPS,
        [feed(pack, DISMANTLED)],
        [
            lot(1, 1, {"Fe": "133.92"}, is_substitute=False),
            lot(2, 1, {"Al": "18.00"}),
            lot(3, 1, {"Cu": "7.20"}),
            intermediate(5, 1, {**cells, "Al": "52.50"}, SHREDDED),
            lot(6, 2, {"Al": "48.825"}),
            lot(7, 2, {"Cu": "45.1515", "Cu-cell": "45.1515"}),
            intermediate(8, 2, {**cells, "Cu": 0, "Cu-cell": 0, "Al": 0}, LEACHED),
            lot(9, 3, {"Li": "8.722"}),
            lot(10, 3, {"graphite": "90.763"}),
            lot(11, 3, {"Fe": "67.6592", "Fe-cell": "67.6592", "P": "37.5242", "O": "77.5376"}),
        ],
        abroad_proven={30},
    )


PACKS = {
    "NMC622": (nmc622, oracle.nmc622, oracle.nmc622_plant),
    "LFP": (lfp, oracle.lfp, oracle.lfp_plant),
}


@pytest.mark.parametrize("name", PACKS)
@pytest.mark.parametrize(
    ("year", "chosen"), [(2027, ()), (2027, ("C",)), (2027, OPTIONAL), (2027, ("P", "O")), (2030, ()), (2030, ("O",))]
)
def test_as_worked_by_hand(name: str, year: int, chosen: tuple[str, ...]) -> None:
    graph, pack, plant = PACKS[name]
    flow = follow(graph(), {SHREDDED, LEACHED}, YEAR, {"lithium"}, "US")
    found = rates(flow, counted_lines(year, chosen))
    expected = oracle.rates(pack(), plant(), year=year, take=chosen)
    assert list(found.lines) == expected["lines"]
    assert (found.input_kg, found.output_kg) == (expected["m_input"], expected["m_output"])
    assert {line: found.input[line] for line in found.lines} == expected["input"]
    assert {line: found.home[line] + found.abroad[line] for line in found.lines} == expected["output"]
    assert found.efficiency is not None and 100 * found.efficiency == expected["rRE"]
    for target, percent in expected["rRM"].items():
        share = found.recovery(target)
        assert (None if share is None else 100 * share) == percent, target


def follow_all(graph: Graph, year: int = YEAR) -> Any:
    flow = follow(graph, {SHREDDED, LEACHED}, year, {"lithium"}, "US")
    return flow, rates(flow, counted_lines(year, ()))


def changed(graph: Graph, number: int, **to: Any) -> Graph:
    return replace(graph, lots=[replace(one, **to) if one.lot == number else one for one in graph.lots])


def test_everything_recovered_is_all() -> None:
    """Whatever the choice: the ceiling is 100 %."""
    for name, (graph, pack, _plant) in PACKS.items():
        whole = graph()
        back = {**elements(pack()), "other": whole.feeds[0].whole["other"]}
        modules = intermediate(1, 1, back, SHREDDED)
        perfect = replace(whole, lots=[modules, lot(2, 2, back)])
        for chosen in ((), ("C",), OPTIONAL):
            for year in (2027, 2030):
                found = rates(follow(perfect, {SHREDDED}, YEAR, {"lithium"}, "US"), counted_lines(year, chosen))
                assert found.efficiency == 1, name
                assert {found.recovery(target) for target in ("Co", "Cu", "Li", "Ni")} <= {1, None}


@pytest.mark.parametrize("to", [{"fate": Fate.UNUSED}, {"fate": Fate.PENDING}, {"fate": Fate.LOST}, {"year": YEAR + 3}])
def test_what_does_not_count(to: dict[str, Any]) -> None:
    _flow, whole = follow_all(nmc622())
    _flow, less = follow_all(changed(nmc622(), 9, **to))
    assert whole.output_kg - less.output_kg == N("9.729")
    assert less.recovery("Li") == 0 and less.recovery("Ni") == N("0.94")
    _flow, later = follow_all(changed(nmc622(), 9, year=YEAR + 2))
    assert later.output_kg == whole.output_kg


@pytest.mark.parametrize("to", [{"is_slag": True}, {"is_substitute": False}])
def test_what_counts_for_efficiency_alone(to: dict[str, Any]) -> None:
    _flow, whole = follow_all(nmc622())
    _flow, less = follow_all(changed(nmc622(), 9, **to))
    assert less.output_kg == whole.output_kg
    assert less.recovery("Li") == 0 and less.recovery("Ni") == whole.recovery("Ni")


def test_abroad_counts_only_what_is_proven() -> None:
    _flow, whole = follow_all(nmc622())
    assert sum(whole.abroad.values()) == N("169.1436") and sum(whole.home.values()) == N("206.328")
    flow, bare = follow_all(replace(nmc622(), abroad_proven=()))
    assert not any(bare.abroad.values()) and bare.recovery("Ni") == 0
    assert {left.fate for left in flow.left if left.step.country == "CA"} == {Fate.UNPROVEN, Fate.UNUSED}


def test_a_chain_that_ends_at_black_mass() -> None:
    graph = nmc622()
    ends = replace(graph, lots=[one for one in changed(graph, 8, into=None, fate=Fate.PENDING).lots if one.batch != 3])
    _flow, found = follow_all(ends)
    assert found.output_kg == N("206.328") and found.recovery("Ni") == 0 and found.recovery("Cu") == N("0.93")


def test_busbars_are_in_neither_side_of_recovery() -> None:
    _flow, found = follow_all(nmc622())
    assert found.target_input["Cu"] == N("33.40") and found.input["Cu"] == N("39.40")
    assert found.target_output["Cu"] == N("31.062") and found.home["Cu"] == N("36.462")


def test_modules_that_go_to_a_further_use_do_not_enter() -> None:
    """Half of the modules by mass: half of the pack, with its casing, has entered, and half of the casing's outputs counts."""
    graph = nmc622()
    (modules,) = [one for one in graph.lots if one.lot == 5]
    half = {element: kg / 2 for element, kg in modules.content.items()}
    parts = [intermediate(5, 1, half, SHREDDED), intermediate(50, 1, half, None)]
    later = [
        one if one.batch == 1 else replace(one, content={e: kg / 2 for e, kg in one.content.items()})
        for one in graph.lots
    ]
    _flow, found = follow_all(replace(graph, lots=[*(one for one in later if one.lot != 5), *parts]))
    _flow, whole = follow_all(graph)
    assert found.input_kg * 2 == whole.input_kg and found.output_kg * 2 == whole.output_kg
    assert found.efficiency == whole.efficiency


def test_feed_of_unknown_content_inflates_nothing() -> None:
    """What comes out is shared with it by mass: 100 kg of unassayed black mass to as much that is known."""
    graph = nmc622()
    known = next(one for one in graph.lots if one.lot == 8)
    unknown = Made(
        99, None, YEAR, "black-mass", True, False, False, False, known.dry, {}, False, Fate.CHARGED, LEACHED, YEAR
    )
    flow, found = follow_all(replace(graph, lots=[*graph.lots, unknown]))
    assert found.recovery("Ni") == N("0.47") and flow.unknown_feed == known.dry


def test_parts_that_nobody_knows_of_are_of_the_whole() -> None:
    """Foil out of packs whose copper is not told apart: copper all the same, and recovered from none."""
    graph = nmc622()
    (fed,) = graph.feeds
    untold = replace(fed, content={element: kg for element, kg in fed.content.items() if element != "Cu-cell"})
    lots = [
        replace(one, content={e: kg for e, kg in one.content.items() if e != "Cu-cell"}) if one.lot == 5 else one
        for one in graph.lots
    ]
    _flow, found = follow_all(replace(graph, feeds=[untold], lots=lots))
    _flow, whole = follow_all(graph)
    assert found.output_kg == whole.output_kg and found.recovery("Cu") is None


def test_iron_of_cells_is_no_steel_whatever_else_was_charged() -> None:
    """Two kinds of packs of which one has iron in its cells: iron phosphate is of that one's iron alone."""
    graph = lfp()
    more = replace(graph, feeds=[*graph.feeds, feed(oracle.nmc622(), LEACHED, origin="US-CA")])
    flow, _found = follow_all(more)
    (phosphate,) = [left for left in flow.left if left.made.lot == 11]
    assert {element for _place, element in phosphate.shares} == {"Fe-cell", "P", "O"}


def test_each_stream_and_year_takes_its_own() -> None:
    """All that a lot contains is somebody's: shares of two years and two streams add up to it."""
    graph = nmc622()
    other = replace(
        graph,
        feeds=[
            *graph.feeds,
            feed(oracle.lfp(), SHREDDED, year=YEAR - 1),
            feed(oracle.lfp(), SHREDDED, family="sodium", origin="US-CA"),
        ],
    )
    flows = [
        follow(other, {SHREDDED, LEACHED}, year, {family}, "US")
        for year, family in ((YEAR, "lithium"), (YEAR - 1, "lithium"), (YEAR, "sodium"))
    ]
    for one in graph.lots:
        if one.batch in (SHREDDED, LEACHED) and one.into is None:
            kg = sum(sum(left.shares.values()) for flow in flows for left in flow.left if left.made.lot == one.lot)
            assert kg == sum(apart(one.content).values()), one


# Generated worlds, against shares that are followed backward


ELEMENTS = ("Ni", "Cu", "Cu-cell", "Fe", "graphite")
KG = st.integers(min_value=0, max_value=9)


@st.composite
def worlds(draw: st.DrawFn) -> Graph:
    """Up to five batches in a row, of two countries and two years, with feed of unknown content, and lots that go on or leave."""
    count = draw(st.integers(min_value=1, max_value=5))
    steps = {n: Step(n % 2, draw(st.sampled_from(["US", "CA"])), "hydro") for n in range(1, count + 1)}
    feeds, lots, numbers = [], [], iter(range(1, 100))
    for batch in steps:
        for _n in range(draw(st.integers(min_value=0, max_value=2))):
            content = _content(draw)
            known = draw(st.booleans())
            feeds.append(
                Feed(
                    batch, draw(st.sampled_from([YEAR, YEAR - 1])), draw(st.sampled_from(["US-NV", "US-CA", ""])),
                    draw(st.sampled_from(["lithium", "nimh"])), Basis.ASSUMED if known else Basis.UNKNOWN, 1, N(60), N(60),
                    content if known else {},
                )
            )  # fmt: skip
        for _n in range(draw(st.integers(min_value=1, max_value=3))):
            into = draw(st.sampled_from([None, *range(batch + 1, count + 1)]))
            lots.append(
                lot(
                    next(numbers),
                    batch,
                    _content(draw),
                    into=into,
                    into_year=YEAR,
                    fate=Fate.CHARGED if into else Fate.COUNTED,
                )
            )
    return Graph(steps, feeds, lots, abroad_proven={0, 1})


def _content(draw: st.DrawFn) -> dict[str, Any]:
    content = {element: N(draw(KG)) for element in ELEMENTS}
    return content | {"Cu-cell": min(content["Cu-cell"], content["Cu"])}


def backward(graph: Graph, number: int, element: str) -> dict[tuple[str, int, str], Fraction]:
    """Whose the mass of an element in a lot is, by place, year and family: what its batch was charged with says it, each part in
    proportion. What is of feed of unknown content is nobody's.
    """
    (made,) = [one for one in graph.lots if one.lot == number]
    feeds = [one for one in graph.feeds if one.batch == made.batch]
    charged = [one for one in graph.lots if one.into == made.batch]

    def of(content: dict[str, Fraction], what: str) -> Fraction:
        return content.get(what, N(0))

    fed = sum((of(one.whole, element) for one in feeds if one.is_known), N(0))
    fed += sum((of(as_charged(graph, one), element) for one in charged), N(0))
    mass = of(as_charged(graph, made), element)
    known = sum((one.dry for one in feeds if one.is_known), N(0)) + sum((one.dry for one in charged), N(0))
    unknown = sum((one.dry for one in feeds if not one.is_known), N(0))
    if not fed or not mass or not known:
        return {}
    found: dict[tuple[str, int, str], Fraction] = defaultdict(Fraction)
    part = mass / fed * known / (known + unknown)
    for one in feeds:
        if one.is_known and of(one.whole, element):
            found[one.origin, one.year, one.family] += part * of(one.whole, element)
    for one in charged:
        for key, kg in backward(graph, one.lot, element).items():
            found[key] += part * kg
    return found


def as_charged(graph: Graph, made: Made) -> dict[str, Fraction]:
    """Foil counts as copper where nothing that the batch was charged with has foil."""
    content = apart(made.content)
    feeds = [one.whole for one in graph.feeds if one.batch == made.batch and one.is_known]
    lots = [as_charged(graph, one) for one in graph.lots if one.into == made.batch]
    if not any(one.get("Cu-cell") for one in (*feeds, *lots)):
        content["Cu"] = content.get("Cu", N(0)) + content.pop("Cu-cell", N(0))
    return content


@given(worlds())
@settings(max_examples=150)
def test_forward_is_backward(graph: Graph) -> None:
    for year in (YEAR, YEAR - 1):
        for family in ("lithium", "nimh"):
            flow = follow(graph, graph.steps.keys(), year, {family}, "US")
            left = {one.made.lot: one.shares for one in flow.left}
            for made in graph.lots:
                if made.into is not None:
                    continue
                expected = {}
                for element in (*ELEMENTS, "other"):
                    for (origin, of_year, of_family), kg in backward(graph, made.lot, element).items():
                        if (of_year, of_family) == (year, family) and kg:
                            expected[origin, element] = kg
                found = {key: kg for key, kg in left.get(made.lot, {}).items() if kg}
                assert found == expected, made
