"""Patterns of names and VINs: what they read, which goes before which, what the database keeps of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.services.platform import platform_actor
from collection.models import Assignment, BatteryModel, Composition, VehicleKind, VehiclePattern
from collection.services import reference
from collection.services.contents import Contents
from collection.services.patterns import Assigned, Kind, Patterns, keep_kinds, kind_of_vin, start_of, year_of
from tests.records import vehicle_pattern
from tests.refusals import state
from tests.world import World


def by_name(w: World, **fields: Any) -> VehiclePattern:
    return vehicle_pattern(
        w,
        **{
            "by": "name",
            "listed_in": "wa",
            "name": "MODEL 3",
            "fuel": "BEV",
            "positions": "",
            "confidence": "B-hi",
            **fields,
        },
    )


def tesla(year: int = 2023, vin: str = "") -> Kind:
    return Kind("wa", "TESLA", "MODEL 3", "BEV", year, vin)


@pytest.mark.parametrize(
    ("vin", "start", "year"),
    [
        ("5YJ3E1EB0J", "5YJ3E1EB?J", 2018),
        ("5yj3e1eb0j", "5YJ3E1EB?J", 2018),
        ("1N4AZ0CP8FC300001", "1N4AZ0CP?F", 2015),
        ("5YJRE11B38", "5YJRE11B?8", 2008),  # position 7 is a digit: before 2010
        ("5YJ3E1EB0I", "", None),  # I is in no VIN
        ("5YJ3", "", None),
        ("XXXXXXXXXX", "XXXXXXXX?X", 2029),
        ("", "", None),
        ("5YJ3É1EB0J", "", 2018),
    ],
)
def test_what_a_vin_says(vin: str, start: str, year: int | None) -> None:
    assert (start_of(vin), year_of(vin)) == (start, year)


def test_the_vin_goes_before_the_name_and_more_positions_before_fewer(world: World) -> None:
    name = by_name(world, model=world.nmc_pack, is_assumed=True, confidence="B-lo")
    fewer = vehicle_pattern(world, positions="5YJ3????", model=None, chemistry=world.nmc, confidence="B-med")
    more = vehicle_pattern(world, positions="5YJ3???A", model=world.lfp_pack)
    patterns = Patterns()
    lfp = Assigned(world.lfp_pack.pk, "LFP", Assignment.VIN, world.lfp_pack.confidence, more.pk)
    assert patterns.resolve(tesla(vin="5YJ3E1EA?P")) == lfp
    assert patterns.resolve(tesla(vin="5YJ3E1EB?P")) == Assigned(None, "NMC622", Assignment.VIN, "B-med", fewer.pk)
    for vin in ("", "7SAYGDEE?P"):
        found = patterns.resolve(tesla(vin=vin))
        assert found == Assigned(world.nmc_pack.pk, "NMC622", Assignment.ASSUMED, "B-lo", name.pk)
    assert patterns.resolve(kind_of_vin("5YJ3E1EA0PF000001")) == lfp
    assert patterns.resolve(Kind("wa", "TESLA", "MODEL 4", "BEV", 2023)) == Assigned()


def test_years_lists_and_what_is_not_in_force(world: World) -> None:
    by_name(world, year_from=2022, year_to=2023)
    gone = by_name(world, year_from=2024, model=world.lfp_pack)
    VehiclePattern.objects.filter(pk=gone.pk).update(is_active=False)
    resolved = {year: Patterns().resolve(tesla(year)).chemistry_by for year in (2021, 2022, 2023, 2024)}
    assert resolved == {2021: "unknown", 2022: "name", 2023: "name", 2024: "unknown"}
    assert Patterns().resolve(tesla()._replace(listed_in="cec")).chemistry_by == "unknown"
    assert Patterns().resolve(tesla()._replace(year=None)).chemistry_by == "unknown"


def test_a_pattern_may_say_that_it_cannot_be_known(world: World) -> None:
    by_name(world)
    nothing = vehicle_pattern(world, positions="5YJ3???A", model=None)
    assert Patterns().resolve(tesla(vin="5YJ3E1EA?P")) == Assigned(pattern_id=nothing.pk)


def test_nothing_is_surer_than_its_least_sure_part(world: World) -> None:
    BatteryModel.objects.filter(pk=world.nmc_pack.pk).update(confidence="B-lo")
    vehicle_pattern(world, confidence="S")
    assert Patterns().resolve(tesla(vin="5YJ3E1EB?P")).chemistry_confidence == "B-lo"


def test_patterns_are_read_once(world: World) -> None:
    by_name(world), vehicle_pattern(world)
    with CaptureQueriesContext(connection) as queries:
        patterns = Patterns()
        for year in range(2000, 2030):
            patterns.resolve(tesla(year, "5YJ3E1EB?P"))
    assert len(queries) == 2
    with CaptureQueriesContext(connection) as queries:
        kept = keep_kinds({tesla(year) for year in range(2000, 2100)})
    assert len(queries) == 2 and len(kept) == 100 and keep_kinds({tesla(2001)})[tesla(2001)] == kept[tesla(2001)]


RAW: list[tuple[dict[str, Any], type[Exception]]] = [
    ({"positions": "5YJ3???B"}, IntegrityError),  # the same years
    ({"positions": "5Y?3???B"}, IntegrityError),  # the manufacturer stands for itself
    ({"positions": "5YJ3???"}, IntegrityError),
    ({"positions": "5YJ3???BB"}, DataError),
    ({"positions": "5YJ3???I"}, IntegrityError),
    ({"positions": "5YJ3???C", "name": "MODEL 3"}, IntegrityError),
    ({"by": "name", "positions": ""}, IntegrityError),
    ({"by": "name", "positions": "", "name": "MODEL 3"}, IntegrityError),  # of no list
    ({"positions": "5YJ3???C", "source": ""}, IntegrityError),
    ({"positions": "5YJ3???C", "chemistry_id": "LFP"}, IntegrityError),  # the model says its own
    ({"positions": "5YJ3???C", "model": None, "is_assumed": True}, IntegrityError),
    ({"positions": "5YJ3???C", "year_from": 2023, "year_to": 2022}, DataError),
]


@pytest.mark.parametrize(("fields", "kind"), RAW)
def test_what_no_pattern_is(world: World, fields: dict[str, Any], kind: type[Exception]) -> None:
    vehicle_pattern(world)
    before = state()
    with pytest.raises((kind, IntegrityError)), transaction.atomic():
        vehicle_pattern(world, **fields)
    assert state() == before


def test_a_form_hears_it_first(world: World) -> None:
    with pytest.raises(ValidationError):
        VehiclePattern(by="vin", make="TESLA", positions="5YJ3???c", model=world.nmc_pack, chemistry=world.lfp).clean()
    assert vehicle_pattern(world, positions="5yj3???c").positions == "5YJ3???C"


def test_years_apart_are_patterns_of_their_own(world: World) -> None:
    vehicle_pattern(world, year_from=2021, year_to=2022)
    vehicle_pattern(world, year_from=2023)
    vehicle_pattern(world, year_from=2022, year_to=2023, is_active=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        vehicle_pattern(world, year_to=2021)


def test_a_kind_of_vehicle_is_there_once(world: World) -> None:
    keep_kinds({kind_of_vin("5YJ3E1EA0P")})
    for fields in (kind_of_vin("5YJ3E1EA0P")._asdict(), {"vin": "5YJ3E1EA0P"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            VehicleKind.objects.create(**fields)


def test_history_is_kept(world: World) -> None:
    pattern = vehicle_pattern(world)
    VehiclePattern.objects.filter(pk=pattern.pk).update(model=world.lfp_pack)
    events = VehiclePattern.pgh_event_model.objects.order_by("pgh_id")  # type: ignore[attr-defined]
    assert list(events.values_list("model", flat=True)) == [world.nmc_pack.pk, world.lfp_pack.pk]


# What comes with the program


@pytest.fixture
def loaded(db: None) -> Patterns:
    reference.load(platform_actor())
    return Patterns()


@pytest.mark.parametrize(
    ("vin", "year", "code", "chemistry", "by"),
    [
        ("5YJ3E1EA?P", 2023, "tesla-3-lfp60", "LFP", "vin"),
        ("5YJ3E1EB?P", 2023, "tesla-3-lr82", "NCA", "vin"),
        ("5YJ3E1EC?P", 2023, "tesla-3-lr82", "NCA", "vin"),
        ("5YJ3E1EA?N", 2022, "tesla-3-lfp60", "LFP", "vin"),
        ("5YJ3E1EB?N", 2022, "tesla-3-lr82", "NCA", "vin"),
        ("5YJ3E1EA?M", 2021, "tesla-3-sr54", "NCA", "assumed"),
        ("5YJ3E1EA?K", 2019, None, "NCA", "vin"),
        ("5YJ3E1EA?R", 2024, None, None, "unknown"),
        ("5YJ3E1ET?R", 2024, "tesla-3-lr82", "NCA", "assumed"),  # no source says what T is: by the name
        ("", 2023, "tesla-3-lfp60", "LFP", "assumed"),
    ],
)
def test_the_model_3(loaded: Patterns, vin: str, year: int, code: str | None, chemistry: str | None, by: str) -> None:
    found = loaded.resolve(tesla(year, vin))
    model = loaded.models.get(found.model_id or 0)
    assert (model.code if model else None, found.chemistry_id, found.chemistry_by) == (code, chemistry, by)


def test_all_of_the_files_and_what_was_edited_stays(loaded: Patterns) -> None:
    rows = [reference.read(reference.FOLDER, name) for name in ("vehicle_names", "vin_patterns")]
    assert VehiclePattern.objects.count() == sum(map(len, rows))
    VehiclePattern.objects.filter(code="vin/5YJ3???A/2024").delete()
    edited = VehiclePattern.objects.get(code="vin/5YJ3???A/2022")
    edited.year_to, edited.source = 2024, "edited"
    edited.save()
    before = state()
    tally = reference.load(platform_actor())["vehicle patterns"]
    assert (tally.created, tally.changed) == (0, 0) and state() == before  # nothing overlaps with what was edited
    assert (
        not VehiclePattern.objects.filter(confidence="").exists()
        and not VehiclePattern.objects.filter(source="").exists()
    )


def test_masses_are_known_assumed_or_unknown(loaded: Patterns) -> None:
    by_code = {model.code: model for model in loaded.models.values()}
    lfp, van, hybrid = (by_code[code] for code in ("tesla-3-lfp60", "e-transit-68", "fusion-energi-9"))
    assert (lfp.mass_kg, lfp.mass_is_assumed) == (316, True)  # 60 / 0.190
    assert "0.190" in lfp.mass_source and "cars" in lfp.mass_source and "vans" in van.mass_source
    assert (by_code["tesla-3-lr82"].mass_kg, by_code["tesla-3-lr82"].mass_is_assumed) == (480, False)
    assert (hybrid.mass_kg, hybrid.mass_is_assumed, hybrid.mass_source) == (None, False, "")
    without = Counter(model.drive for model in by_code.values() if model.mass_kg is None)
    assert without["BEV"] == 0 and without["PHEV"] > 50  # of hybrids no density is known
    with pytest.raises(IntegrityError), transaction.atomic():
        BatteryModel.objects.filter(pk=hybrid.pk).update(mass_is_assumed=True)


def test_contents_do_not_rest_on_an_assumed_mass(world: World) -> None:
    model = world.nmc_pack
    model.mass_kg = 10
    assert Contents().of(model, "NMC622")[1] < 60  # what is weighed bounds what can be in it
    model.mass_is_assumed = True
    assert Contents().of(model, "NMC622")[1] == 60


@pytest.mark.parametrize(
    ("chemistry", "known", "unknown"),
    [("LCO", {"Li", "Co"}, {"Cu", "Al", "Fe", "graphite"}), ("NIMH", {"Ni", "Co", "Fe", "REE"}, {"Mn", "Cu", "Al"})],
)
def test_metals_are_known_or_said_to_be_unknown(
    loaded: Patterns, chemistry: str, known: set[str], unknown: set[str]
) -> None:
    composition = Composition.objects.get(chemistry=chemistry, is_default=True)
    assert set(composition.elements.values_list("element", flat=True)) == known
    assert set(composition.unknown_elements) == unknown
