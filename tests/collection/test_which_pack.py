"""How a chemistry was assigned is kept with each battery, whoever says it, and counted as it is in the database."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from django.core.management import CommandError
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts.actors import Actor
from accounts.errors import Invalid
from accounts.models import User
from accounts.services.platform import platform_actor
from collection.models import Assignment, Battery, BatteryModel, Ground, Identifier, ImportStatus, VehicleKind
from collection.queries.assignments import coverage, shares
from collection.services import assignments, batteries, reference
from collection.services.identifiers import NewIdentifier
from tests.collection.sending import do
from tests.collection.test_lists import WA_HEADER, run, write
from tests.records import tesla_vin, vehicle_pattern
from tests.refusals import refused, state
from tests.world import World, batteries_at, serial

#: As Washington's list has them: of 72 Model 3 of 2023 21 have two motors; of 50 of 2022 11 have one.
MODEL_3 = {(2023, "A"): 51, (2023, "B"): 12, (2023, "C"): 9, (2022, "A"): 11, (2022, "B"): 34, (2022, "C"): 5}
_YEAR = {2022: "N", 2023: "P"}
DUAL, OTHER_DUAL, SINGLE = tesla_vin(1), tesla_vin(2), tesla_vin(1, "A")


def registrations() -> str:
    kinds = [kind for kind, number in MODEL_3.items() for _each in range(number)]
    return WA_HEADER + "".join(
        f"5YJ3E1E{motor}{line % 10}{_YEAR[year]},King,Redmond,WA,98052,{year},TESLA,MODEL 3,"
        f"Battery Electric Vehicle (BEV),0,{line}\n"
        for line, (year, motor) in enumerate(kinds)
    )


@pytest.fixture
def loaded(db: None) -> None:
    reference.load(platform_actor())


def test_two_motors_are_no_lfp(loaded: None, tmp_path) -> None:
    """All 7,174 Model 3 of 2023 became LFP, 2,073 of them with two motors; 1,062 of 2022 the other way round."""
    path = write(tmp_path, "wa.csv", registrations())
    said = run("import_wa_registrations", path)
    found = Counter(Battery.objects.values_list("vehicle__year", "chemistry", "chemistry_by"))
    assert found == {
        (2023, "LFP", "vin"): 51, (2023, "NCA", "vin"): 21, (2022, "LFP", "vin"): 11, (2022, "NCA", "vin"): 39
    }  # fmt: skip
    assert VehicleKind.objects.count() == 6  # not one for each check digit
    assert "vin                                                122  100.00 %" in said
    before = state("collection")
    assert "unchanged          122" in run("import_wa_registrations", path)
    assert len(state("collection")) == len(before) + 1  # the import


def test_what_is_assumed_is_not_known(loaded: None, tmp_path) -> None:
    """59.5 % were the most common pack of a name, and the import said 99.91 % known; it is counted over all rows."""
    rows = registrations().replace("5YJ3E1EA", "XXXXXXXX").replace("MODEL 3", "MODEL Y", 5)
    run("import_wa_registrations", write(tmp_path, "first.csv", rows))
    nothing = "XXXXXXXXXX,King,Redmond,WA,98052,2024,NOBODY,THING,Battery Electric Vehicle (BEV),0,999\n"
    said = run("import_wa_registrations", write(tmp_path, "second.csv", WA_HEADER + nothing))
    known = coverage(Battery.objects.all())
    by = {kind: Battery.objects.filter(chemistry_by=kind).count() for kind in ("vin", "assumed", "unknown")}
    assert by == {"vin": 60, "assumed": 62, "unknown": 1}
    assert (known["vehicles"], known["chemistry"], known["  assumed"], known["  unknown"]) == (123, 60, 62, 1)
    assert (known["battery model"], known["battery model, assumed"]) == (60, 62)
    assert known["mass (kg)"] == 60 and known["contents computable, assumed"] == 62
    assert f"chemistry{60:>47,}   48.78 %" in said


def test_shares_of_a_set(world: World) -> None:
    assert [share.share for share in shares(Battery.objects.all())] == [None] * 7
    registered(world)
    guessed = registered(world, model=world.nmc_pack)
    batteries_at(world, world.yard, 2)
    Battery.objects.filter(chemistry_by="stated").update(chemistry_by="producer")
    Battery.objects.filter(pk=guessed.pk).update(chemistry_by="assumed")
    with CaptureQueriesContext(connection) as queries:
        found = {share.by: (share.amount, share.share) for share in shares(Battery.objects.all())}
    assert len(queries) == 1 and list(found) == list(Assignment)
    assert found[Assignment.PRODUCER] == (2, Decimal("0.5")) and found[Assignment.MEASURED] == (0, 0)
    assert found[Assignment.ASSUMED] == found[Assignment.UNKNOWN] == (1, Decimal("0.25"))
    weighed = {share.by: share.amount for share in shares(Battery.objects.all(), F("mass_kg"))}
    assert weighed[Assignment.PRODUCER] == 800 and weighed[Assignment.UNKNOWN] == 0
    by_name = {share.by: share.amount for share in shares(Identifier.objects.all(), path="battery__")}
    assert by_name[Assignment.PRODUCER] == 2


# Who says it


def registered(world: World, *, vin: str = "", **fields) -> Battery:
    names = [serial(), *([NewIdentifier("vin", vin)] if vin else [])]
    return batteries.register(
        actor=world.actor(world.yard_owner), organization=world.yard_owner, identifiers=names, **fields
    )


def said_of(battery: Battery) -> tuple[str | None, str, str]:
    battery.refresh_from_db()
    return battery.chemistry_id, battery.chemistry_by, battery.chemistry_confidence


def test_a_yard_states_and_a_producer_knows(world: World) -> None:
    assert said_of(registered(world)) == (None, "unknown", "")
    assert said_of(registered(world, model=world.nmc_pack))[:2] == ("NMC622", "stated")
    assert said_of(registered(world, chemistry=world.lfp)) == ("LFP", "stated", "S2")
    (own,) = batteries.register_many(
        actor=world.actor(world.producer), organization=world.producer,
        batteries=[batteries.NewBattery(identifiers=[serial()], model=world.nmc_pack)],
    )  # fmt: skip
    assert said_of(own) == ("NMC622", "producer", "S") and own.producer_ground == Ground.REGISTERED_BY_PRODUCER


def test_a_vin_tells_where_nobody_does(world: World) -> None:
    pattern = vehicle_pattern(world, model=world.lfp_pack)
    found = registered(world, vin=DUAL)
    assert said_of(found) == ("LFP", "vin", world.lfp_pack.confidence)
    assert (found.pattern, found.model, found.content_kwh) == (pattern, world.lfp_pack, world.lfp_pack.rated_kwh)
    assert found.producer is None  # a VIN says what it is, not whose word that is
    assert said_of(registered(world, vin=SINGLE)) == (None, "unknown", "")
    stated = registered(world, vin=OTHER_DUAL, model=world.nmc_pack)
    assert said_of(stated)[:2] == ("NMC622", "stated")


def test_a_vin_that_is_read_later(world: World) -> None:
    vehicle_pattern(world, model=world.lfp_pack)
    (unknown,) = batteries_at(world, world.yard, 1, model=None, mass_value=None)
    actor = world.actor(world.yard_owner)
    batteries.identify(actor=actor, battery=unknown, scheme="vin", value=DUAL)
    assert said_of(unknown)[:2] == ("LFP", "vin") and unknown.content_kwh
    stated = batteries_at(world, world.yard, 1)[0]
    before = said_of(stated)
    batteries.identify(actor=actor, battery=stated, scheme="vin", value=OTHER_DUAL)
    assert said_of(stated) == before


def test_registering_many_by_vin_takes_as_many_statements_as_one(world: World) -> None:
    vehicle_pattern(world)

    def statements(numbers: range) -> int:
        new = [
            batteries.NewBattery(identifiers=[serial(), NewIdentifier("vin", tesla_vin(number))]) for number in numbers
        ]
        with CaptureQueriesContext(connection) as queries:
            batteries.register_many(actor=world.actor(world.yard_owner), organization=world.yard_owner, batteries=new)
        return len(queries)

    assert statements(range(1)) == statements(range(10, 60))


def test_a_file_tells_as_the_service_does(world: World) -> None:
    vehicle_pattern(world, model=world.lfp_pack)
    header = b"scheme,value,issuer,vin,model,chemistry\n"
    rows = f"oem_serial,A,GM,{DUAL},,\nvin,{OTHER_DUAL},,,,\noem_serial,B,GM,,,LFP\noem_serial,C,GM,,,\n"
    assert do(world, header + rows.encode()).status == ImportStatus.DONE
    found = list(Battery.objects.order_by("pk").values_list("chemistry", "chemistry_by", "model"))
    lfp = world.lfp_pack.pk
    assert found == [("LFP", "vin", lfp), ("LFP", "vin", lfp), ("LFP", "stated", None), (None, "unknown", None)]
    assert do(world, header + rows.encode()).rows_unchanged == 4


# Who corrects it


def correct(world: World, battery: Battery, organization=None, **changes) -> Battery:
    organization = organization or world.yard_owner
    return batteries.correct(actor=world.actor(organization), battery=battery, reason="looked", **changes)


def test_what_a_person_says_rests_on_no_pattern(world: World) -> None:
    vehicle_pattern(world, model=world.lfp_pack)
    battery = registered(world, vin=DUAL)
    correct(world, battery, chemistry=world.nmc)
    assert said_of(battery) == ("NMC622", "stated", "S2") and battery.pattern is None
    correct(world, battery, chemistry=world.lfp, is_measured=True)
    assert said_of(battery) == ("LFP", "measured", "S")
    correct(world, battery, chemistry=None, model=None)
    assert said_of(battery) == (None, "unknown", "") and battery.vehicle is None


def test_to_confirm_what_was_concluded_is_to_say_it(world: World) -> None:
    vehicle_pattern(world, model=world.lfp_pack)
    battery = registered(world, vin=DUAL)
    correct(world, battery, chemistry=world.lfp)
    assert said_of(battery)[:2] == ("LFP", "stated")
    refused(Invalid, batteries.correct, actor=world.actor(world.yard_owner), battery=battery, reason="x",
            chemistry=world.lfp)  # fmt: skip


def test_repeating_what_its_producer_said_makes_it_no_less_sure(world: World) -> None:
    (battery,) = batteries_at(world, world.yard, 1)
    Battery.objects.filter(pk=battery.pk).update(chemistry_by="producer", chemistry_confidence="S")
    correct(world, battery, chemistry=world.nmc, mass_value=Decimal(399))
    assert said_of(battery) == ("NMC622", "producer", "S")


def test_a_correction_of_the_mass_leaves_the_pattern(world: World) -> None:
    pattern = vehicle_pattern(world, model=world.lfp_pack)
    battery = registered(world, vin=DUAL)
    correct(world, battery, mass_value=Decimal(300))
    assert said_of(battery)[:2] == ("LFP", "vin") and battery.pattern == pattern


def test_nothing_is_measured_that_is_not_known(world: World) -> None:
    battery = registered(world)
    refused(Invalid, batteries.correct, "chemistry", actor=world.actor(world.yard_owner), battery=battery,
            reason="x", is_measured=True)  # fmt: skip


def test_the_database_keeps_a_chemistry_to_every_assignment(world: World) -> None:
    battery = registered(world)
    for fields in ({"chemistry_by": "vin"}, {"chemistry_by": "guessed", "chemistry_id": "LFP"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Battery.objects.filter(pk=battery.pk).update(**fields)
    assert said_of(battery) == (None, "unknown", "")


# What is shown


def test_the_api_tells_and_filters(world: World) -> None:
    vehicle_pattern(world, model=world.lfp_pack)
    battery = registered(world, vin=DUAL)
    registered(world, model=world.nmc_pack)
    client = APIClient()
    client.force_authenticate(world.user(world.yard_owner))
    (row,) = client.get("/api/v1/batteries/?chemistry_by=vin").json()["results"]
    assert (row["id"], row["chemistry_by"], row["pattern"]) == (battery.pk, "vin", battery.pattern_id)
    assert client.get("/api/v1/batteries/?chemistry_by=guess").status_code == 400
    answer = client.post(
        f"/api/v1/batteries/{battery.pk}/correct/", {"reason": "assayed", "chemistry": "NMC622", "is_measured": True}
    )
    assert answer.json()["chemistry_by"] == "measured", answer.content
    (pattern,) = client.get("/api/v1/vehicle-patterns/?year=2023&make=tesla").json()["results"]
    assert pattern["positions"] == "5YJ3???B" and pattern["is_unverified"] is False


# What was there before


def test_what_came_in_before_is_told_its_vehicle_by_the_same_list(loaded: None, tmp_path) -> None:
    path = write(tmp_path, "wa.csv", registrations())
    run("import_wa_registrations", path)
    lfp = BatteryModel.objects.get(code="tesla-3-lfp60")
    Battery.objects.update(vehicle=None, pattern=None, model=lfp, chemistry="LFP", chemistry_by="assumed")
    stated = Battery.objects.order_by("pk").first()
    assert stated is not None
    Battery.objects.filter(pk=stated.pk).update(chemistry_by="stated")
    assert "unchanged          122" in run("import_wa_registrations", path)
    assert Battery.objects.filter(vehicle=None).get() == stated
    assert Battery.objects.filter(chemistry="LFP").count() == 122  # nothing is overwritten
    asked = assignments.request(actor=Actor.of(User.objects.create_superuser("p@relode.example", None, name="P")))
    assert assignments.run(asked.pk)
    found = Counter(Battery.objects.values_list("chemistry", "chemistry_by"))
    assert found == {("LFP", "vin"): 61, ("NCA", "vin"): 60, ("LFP", "stated"): 1}


def test_another_vehicle_by_the_same_number_is_an_error(loaded: None, tmp_path) -> None:
    run("import_wa_registrations", write(tmp_path, "wa.csv", registrations()))
    before = state("collection")
    other = registrations().replace(",2023,TESLA,MODEL 3,", ",2023,TESLA,MODEL Y,", 1)
    with pytest.raises(CommandError):
        run("import_wa_registrations", write(tmp_path, "other.csv", other))
    assert Battery.objects.count() == 122 and len(state("collection")) == len(before) + 2  # the import, its error
