"""The public lists: salvage yards and registered vehicles; by hand-made rows, and the real files where they are."""

from __future__ import annotations

import io
import lzma
import os
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count

from accounts.services.platform import platform_actor
from collection.models import Battery, BatteryStatus, CollectionPoint, Facility, Identifier, ImportRun
from collection.queries.assignments import coverage
from collection.services import reference
from tests.shared import real_file

US = (
    "operator,yard,city,zip,lat,lon\n"
    "Copart,NJ - Somerville,Hillsborough,8844,40.509998,-74.637\n"
    "Copart,DC - Washington DC,Waldorf,20602,38.58,-76.9\n"
    "IAA,El Paso,El Paso,79938,31.845514,-106.019659\n"
    "IAA,Burlington,Essex Junction,5451,,\n"
    "IAA,Virtual Lane A,Clinton,4927,44.66,-69.54\n"
)
CA = (
    "operator,province,yard,street,postal_code,fsa_lat,fsa_lon\n"
    "Copart,AB,Copart Calgary,234082 84 STREET SE,T1X 0K2,51.0512,-113.8155\n"
)
_OTHERS = "VIN (1-10),County,City"
WA_HEADER = f"{_OTHERS},State,Postal Code,Model Year,Make,Model,Electric Vehicle Type,Electric Range,DOL Vehicle ID\n"
WA = WA_HEADER + (
    "7SAYGDEE4P,King,Redmond,WA,98052,2023,TESLA,MODEL Y,Battery Electric Vehicle (BEV),0,241670992\n"
    "5YJ3E1EB0J,,,BC,,2018,TESLA,MODEL 3,Battery Electric Vehicle (BEV),215,1\n"
    "5YJ3E1EB0J,,,AP,,2018,TESLA,MODEL 3,Battery Electric Vehicle (BEV),215,2\n"
    "XXXXXXXXXX,King,Redmond,WA,98052,2024,TESLA,NO SUCH MODEL,Battery Electric Vehicle (BEV),0,3\n"
    "XXXXXXXXXX,King,Redmond,WA,98052,2024,NOBODY,THING,Battery Electric Vehicle (BEV),0,4\n"
)


@pytest.fixture
def loaded(db: None) -> None:
    reference.load(platform_actor())


def run(command: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue()


def write(tmp_path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_yards_of_two_countries(loaded: None, tmp_path) -> None:
    files = write(tmp_path, "us.csv", US), write(tmp_path, "ca.csv", CA)
    remarks = tmp_path / "remarks.csv"
    said = run("import_salvage_yards", *files, "--errors", str(remarks))
    assert [line.rsplit(",", 1)[1] for line in remarks.read_text().splitlines()] == ["file"] + ["us.csv"] * 6
    yards = {point.facility.name: point for point in CollectionPoint.objects.select_related("facility__operator")}
    assert len(yards) == 6
    somerville = yards["NJ - Somerville"].facility
    assert (somerville.postal_code, somerville.jurisdiction_id, somerville.operator.name) == (
        "08844",
        "US-NJ",
        "Copart",
    )
    assert somerville.source and somerville.confidence == "S2" and not somerville.is_simulated
    assert "leading zero" in said and "8844 -> 08844" in said
    assert yards["DC - Washington DC"].facility.jurisdiction_id == "US-MD" and "Waldorf, MD" in said
    assert yards["El Paso"].facility.time_zone == "America/Denver"
    assert yards["Burlington"].facility.latitude is None
    assert not yards["Virtual Lane A"].is_active and yards["El Paso"].is_active
    assert yards["Copart Calgary"].facility.jurisdiction_id == "CA-AB"
    before = list(Facility.objects.values()), list(CollectionPoint.objects.values())
    assert "created              0" in run("import_salvage_yards", *files)
    assert (list(Facility.objects.values()), list(CollectionPoint.objects.values())) == before


@pytest.mark.parametrize("row", ["IAA,X,X,9851,1,1,1", "IAA,X,X,abcde,1,1", "IAA,X,X,00099,1,1", "IAA,,X,98052,1,1"])
def test_a_wrong_yard(loaded: None, tmp_path, row: str) -> None:
    with pytest.raises(CommandError):
        run("import_salvage_yards", write(tmp_path, "us.csv", US + row + "\n"))
    assert not CollectionPoint.objects.exists()


def test_a_yard_file_that_is_none(db: None, tmp_path) -> None:
    for name, content in (("a.csv", b""), ("b.csv", b"\xff\xfe"), ("c.csv", b"operator,shop\n")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CommandError):
            run("import_salvage_yards", str(tmp_path / name))
    with pytest.raises(CommandError):
        run("import_salvage_yards", str(tmp_path / "none.csv"))


def test_registered_vehicles(loaded: None, tmp_path) -> None:
    path = tmp_path / "wa.csv.xz"
    path.write_bytes(lzma.compress(WA.encode()))
    said = run("import_wa_registrations", str(path))
    by_id = {i.value: i.battery for i in Identifier.objects.select_related("battery__producer", "battery__model")}
    assert set(by_id) == {"241670992", "1", "2", "3", "4"}
    first = by_id["241670992"]
    assert (first.producer.name, first.placed_in_id, first.status) == ("Tesla, Inc.", "US-WA", BatteryStatus.IN_USE)
    assert first.model is not None and first.content_kwh and first.placed_on is None
    assert by_id["1"].placed_in_id == "CA-BC" and by_id["2"].placed_in is None
    assert by_id["3"].model is None and by_id["3"].producer == first.producer
    assert by_id["4"].producer is None
    assert "line 4, State" in said and "AP" in said and "NO SUCH MODEL" in said
    before = list(Battery.objects.order_by("pk").values())
    assert "unchanged            5" in run("import_wa_registrations", str(path))
    assert list(Battery.objects.order_by("pk").values()) == before


def test_bad_vehicles_are_reported_one_by_one(loaded: None, tmp_path) -> None:
    bad = (
        "X,,,WA,,1066,TESLA,MODEL Y,Battery Electric Vehicle (BEV),0,5\n"
        "X,,,WA,,2023,TESLA,MODEL Y,Steam,0,6\n"
        "X,,,WA,,2023,,MODEL Y,Battery Electric Vehicle (BEV),0,7\n"
        "X,,,WA,,2023,TESLA,MODEL Y,Battery Electric Vehicle (BEV),0,\u0418\n"
        "X,,,WA,,2023,TESLA,MODEL Y,Battery Electric Vehicle (BEV),0,1\n"
    )
    path, errors = write(tmp_path, "wa.csv", WA + bad), tmp_path / "errors.csv"
    with pytest.raises(CommandError):
        run("import_wa_registrations", path, "--errors", str(errors))
    assert not Battery.objects.exists()
    assert [line.split(",")[:3] for line in errors.read_text().splitlines()[1:6]] == [
        ["error", "7", "Model Year"],
        ["error", "8", "Electric Vehicle Type"],
        ["error", "9", "Make"],
        ["error", "10", "DOL Vehicle ID"],
        ["error", "11", "value"],
    ]
    assert "bad rows             5" in run("import_wa_registrations", path, "--skip-bad-rows")
    assert Battery.objects.count() == 5
    assert list(ImportRun.objects.order_by("pk").values_list("status", flat=True)) == ["refused", "done"]


def test_the_real_yards(loaded: None) -> None:
    files = real_file("salvage_auction_yards_US.csv"), real_file("salvage_auction_yards_CA.csv")
    for _time in range(2):
        assert "Salvage yards now: 384, of which active 379" in run("import_salvage_yards", *files)
    per_country = Facility.objects.values("jurisdiction__parent").annotate(yards=Count("pk"))
    assert {row["jurisdiction__parent"]: row["yards"] for row in per_country} == {"US": 377, "CA": 7}
    assert not Facility.objects.filter(postal_code__regex=r"^\d{4}$").exists()


def test_the_real_vehicles(loaded: None, tmp_path) -> None:
    """The first 20,000 and those with an unknown state; all of them, which takes a minute, if RELODE_FULL is set."""
    path = Path(real_file("wa_ev_population_2025-10.csv.xz"))
    vehicles, unknown = 257_635, 3
    if not os.environ.get("RELODE_FULL"):
        with lzma.open(path, "rt", encoding="utf-8") as file:
            lines = [line for number, line in enumerate(file) if number <= 20_000 or ",AP," in line]
        path, vehicles = tmp_path / "wa.csv", len(lines) - 1
        path.write_text("".join(lines), encoding="utf-8")
    assert f"Vehicles of Washington State now: {vehicles:,}" in run("import_wa_registrations", str(path))
    assert Battery.objects.count() == vehicles and Battery.objects.filter(placed_in=None).count() == unknown
    known = coverage(Battery.objects.all())
    assert known["producer"] > 0.99 * vehicles
    assert 0.5 * vehicles < known["chemistry"] < 0.7 * vehicles and known["  unknown"] < 0.04 * vehicles
    assert known["contents computable"] + known["contents computable, assumed"] > 0.94 * vehicles
    years = Battery.objects.filter(vehicle__name="MODEL 3", vehicle__vin__startswith="5YJ3")
    dual = years.filter(vehicle__year__in=[2022, 2023], vehicle__vin__regex="^.{7}[BC]")
    assert dual.exists() and set(dual.values_list("chemistry", flat=True)) == {"NCA"}
