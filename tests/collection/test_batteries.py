"""Batteries: names, contents, coming and going, corrections, and the doors that lead there."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts.errors import Forbidden, Invalid, Refused
from accounts.models import Organization, Role
from collection.models import (
    Battery,
    BatteryModel,
    BatteryStatus,
    Chemistry,
    Composition,
    CompositionElement,
    CustodyEvent,
    Facility,
    Identifier,
)
from collection.services import batteries
from collection.services.batteries import NewBattery
from collection.services.contents import Intensities, Intensity, settle_content
from collection.services.identifiers import NewIdentifier
from collection.units import Unit
from collection.validators import is_vin
from tests.refusals import refused
from tests.world import World, ago, batteries_at, collected_pickup, now, serial

#: The example of 49 CFR 565 and of every VIN calculator, and well-known vehicles' own.
RIGHT_VINS = ("1M8GDM9AXKP042788", "5YJSA1DG9DFP14705", "11111111111111111")


def vin_check_digit(vin: str) -> str:
    """49 CFR 565.15(c), written a second time: transliterate, weigh, and take the rest of eleven."""
    values = {str(digit): digit for digit in range(10)}
    for row, start in (("ABCDEFGH", 1), ("JKLMN", 1), ("P", 7), ("R", 9), ("STUVWXYZ", 2)):
        values |= {letter: start + offset for offset, letter in enumerate(row)}
    weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2]
    rest = sum(values[letter] * weight for letter, weight in zip(vin, weights, strict=True)) % 11
    return "X" if rest == 10 else str(rest)


@pytest.mark.parametrize("vin", RIGHT_VINS)
def test_a_right_vin(vin: str) -> None:
    assert is_vin(vin)


@given(st.text("0123456789ABCDEFGHJKLMNPRSTUVWXYZ", min_size=17, max_size=17))
def test_the_check_digit_of_any_vin(vin: str) -> None:
    assert is_vin(vin) == (vin[8] == vin_check_digit(vin))
    right = vin[:8] + vin_check_digit(vin) + vin[9:]
    assert is_vin(right)
    assert not is_vin(right[:-1]) and not is_vin(right[:-1] + "O")
    assert is_vin(right.lower()) == (right.lower() == right)


def register(world: World, *identifiers: NewIdentifier, **fields: Any) -> Battery:
    return batteries.register(
        **{
            "actor": world.actor(world.yard_owner), "organization": world.yard_owner, "model": world.nmc_pack,
            "identifiers": identifiers or [serial()], **fields,
        },
    )  # fmt: skip


@pytest.mark.parametrize(
    "identifier",
    [
        NewIdentifier("vin", "1M8GDM9AXKP042789"), NewIdentifier("vin", "1M8GDM9AXKP04278"), NewIdentifier("vin", ""),
        NewIdentifier("vin", RIGHT_VINS[0], "somebody"), NewIdentifier("oem_serial", "  "),
        NewIdentifier("oem_serial", "x" * 101), NewIdentifier("giai", "x", "y" * 101), NewIdentifier("nonsense", "x"),
    ],
)  # fmt: skip
def test_an_identifier_that_cannot_be(world: World, identifier: NewIdentifier) -> None:
    refused(Invalid, lambda: register(world, serial(), identifier), "identifiers")


def test_one_battery_has_any_number_of_names(world: World) -> None:
    names = [
        NewIdentifier("vin", RIGHT_VINS[0].lower()), NewIdentifier("oem_serial", " S1 ", "LG"),
        NewIdentifier("oem_serial", "S1", "CATL"), NewIdentifier("internal", "S1"),
    ]  # fmt: skip
    battery = register(world, *names)
    batteries.identify(actor=world.actor(world.yard_owner), battery=battery, scheme="giai", value="(8004) 0614141-x")
    assert set(battery.identifiers.values_list("scheme", "issuer", "value")) == {
        ("vin", "", RIGHT_VINS[0]), ("oem_serial", "LG", "S1"), ("oem_serial", "CATL", "S1"), ("internal", "", "S1"),
        ("giai", "", "80040614141-x"),
    }  # fmt: skip
    refused(Invalid, lambda: register(world, NewIdentifier("internal", "T"), NewIdentifier("internal", " T")))
    refused(Invalid, lambda: register(world, identifiers=[]), "identifiers")


def test_a_duplicate_names_the_other_battery_only_to_who_may_see_it(world: World) -> None:
    taken = NewIdentifier("oem_serial", "S1", "LG")
    battery = register(world, taken)
    seen = refused(Refused, lambda: register(world, taken), "identifiers")
    assert f"battery {battery.pk}" in str(seen.message) and seen.code == "duplicate"
    stranger = {"actor": world.actor(world.stranger), "organization": world.stranger}
    hidden = refused(Refused, lambda: register(world, taken, **stranger), "identifiers")
    assert str(battery.pk) not in str(hidden.message) and hidden.code == "duplicate"
    other = register(world)
    refused(
        Refused, batteries.identify, "value", actor=world.actor(world.yard_owner), battery=other,
        scheme="oem_serial", value="S1", issuer="LG",
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="identifier_once"), transaction.atomic():
        Identifier.objects.create(battery=other, scheme="oem_serial", issuer="LG", value="S1")
    for fields in ({"scheme": "vin", "value": "short"}, {"scheme": "vin", "value": RIGHT_VINS[1], "issuer": "x"},
                   {"scheme": "giai", "value": ""}, {"scheme": "giai", "value": "8004", "issuer": "x"}):  # fmt: skip
        with pytest.raises(IntegrityError), transaction.atomic():
            Identifier.objects.create(battery=other, **fields)


def test_registering_many_takes_the_same_number_of_statements(world: World) -> None:
    def statements(number: int) -> int:
        new = [NewBattery([serial(), serial()], model=world.nmc_pack, mass_value=Decimal(400)) for _ in range(number)]
        with CaptureQueriesContext(connection) as queries:
            batteries.register_many(
                actor=world.actor(world.yard_owner), organization=world.yard_owner, facility=world.yard,
                occurred_at=ago(days=3), batteries=new,
            )  # fmt: skip
        return len(queries)

    assert statements(2) == statements(120) < 25


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"mass_value": Decimal(0)}, "mass_value"), ({"mass_value": Decimal(-5)}, "mass_value"),
        ({"mass_value": Decimal("NaN")}, "mass_value"), ({"mass_value": Decimal("Infinity")}, "mass_value"),
        ({"mass_value": Decimal("1e15")}, "mass_value"), ({"mass_value": Decimal(101), "mass_unit": "t"}, "mass_value"),
        ({"mass_value": Decimal("0.0001")}, "mass_value"), ({"mass_value": Decimal(1), "mass_unit": "zz"}, "mass_unit"),
        ({"rated_kwh": Decimal(0)}, "rated_kwh"), ({"rated_kwh": Decimal("NaN")}, "rated_kwh"),
        ({"rated_kwh": Decimal(10**6)}, "rated_kwh"),
    ],
)  # fmt: skip
def test_an_amount_that_cannot_be(world: World, fields: dict[str, Any], field: str) -> None:
    refused(Invalid, lambda: register(world, **fields), field)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.decimals(Decimal("0.001"), Decimal("99.999"), places=3),
    unit=st.sampled_from(Unit.values),
)
def test_kilograms_are_exact_in_every_unit(world: World, value: Decimal, unit: str) -> None:
    """1 lb = 0.45359237 kg and a short ton = 2,000 lb, exactly: fractions against what the database says."""
    one = {"g": Fraction(1, 1000), "kg": Fraction(1), "t": Fraction(1000), "lb": Fraction(45359237, 10**8)}
    one["short_ton"] = 2000 * one["lb"]
    battery = register(world, mass_value=value, mass_unit=unit)
    battery = Battery.objects.get(pk=battery.pk)
    assert battery.mass_kg is not None
    assert Fraction(battery.mass_kg) == Fraction(value) * one[unit]
    assert (battery.mass_value, battery.mass_unit) == (value, unit)


POSITIVE = st.decimals(Decimal("0.001"), Decimal(2000), places=3)


@settings(max_examples=300, deadline=None)
@given(
    mass=st.none() | POSITIVE,
    model_mass=st.none() | POSITIVE,
    energy=st.none() | POSITIVE,
    model_energy=st.none() | POSITIVE,
    pack=st.none() | st.decimals(Decimal("0.1"), Decimal(20), places=4),
    listed=st.lists(st.decimals(Decimal("0.000001"), Decimal(9), places=6), min_size=1, max_size=10),
    unit=st.sampled_from(["kg", "lb"]),
)
def test_contents_never_exceed_the_mass(
    mass: Decimal | None, model_mass: Decimal | None, energy: Decimal | None, model_energy: Decimal | None,
    pack: Decimal | None, listed: list[Decimal], unit: str,
) -> None:  # fmt: skip
    composition = Composition(pk=1, chemistry_id="X", pack_kg_per_kwh=pack, is_default=True)
    intensities = Intensities.__new__(Intensities)
    intensities.by_id = {1: Intensity(composition, sum(listed, Decimal(0)))}
    intensities.defaults = {"X": intensities.by_id[1]}
    model = BatteryModel(rated_kwh=model_energy, mass_kg=model_mass, chemistry_id="X")
    battery = Battery(model=model, chemistry_id="X", rated_kwh=energy, mass_value=mass, mass_unit=unit)
    settle_content(battery, intensities)

    kilograms = None if mass is None else Fraction(mass) * (Fraction(45359237, 10**8) if unit == "lb" else 1)
    weight = kilograms if kilograms is not None else (Fraction(model_mass) if model_mass else None)
    stated = energy or model_energy
    expected = Fraction(stated) if stated else (weight / Fraction(pack) if weight and pack else None)
    if expected is not None and weight is not None:
        expected = min(expected, weight / sum(map(Fraction, listed)))
    step = Fraction(1, 10**6)
    if expected is None or expected < step:
        assert battery.content_kwh is None
    else:
        assert battery.content_kwh is not None
        assert 0 <= expected - Fraction(battery.content_kwh) < step
        if weight is not None:
            assert sum(Fraction(battery.content_kwh) * Fraction(kg) for kg in listed) <= weight


def test_a_models_own_composition_goes_first_unless_the_battery_is_of_another_chemistry(world: World) -> None:
    own = Composition.objects.create(chemistry=world.nmc, version="data sheet", source="x", confidence="S")
    CompositionElement.objects.create(composition=own, element="Ni", kg_per_kwh=Decimal(1))
    world.nmc_pack.composition = own
    world.nmc_pack.save()
    assert register(world).composition == own
    other = register(world, chemistry=world.lfp)
    assert other.composition is not None and other.composition.chemistry == world.lfp
    nothing = register(world, model=None)
    assert (nothing.composition, nothing.content_kwh) == (None, None)


def test_coming_and_going(world: World) -> None:
    battery = register(world)
    owner, collector = world.actor(world.yard_owner), world.actor(world.collector)
    place: dict[str, Any] = {"battery": battery, "facility": world.yard}
    refused(Refused, batteries.report_found, "battery", actor=owner, **place, occurred_at=ago(days=9))
    refused(Forbidden, batteries.give_up, actor=collector, **place, occurred_at=ago(days=9))
    refused(Invalid, batteries.give_up, "occurred_at", actor=owner, **place, occurred_at=now() + timedelta(days=1))
    batteries.give_up(actor=owner, **place, occurred_at=ago(days=9))
    refused(Refused, batteries.give_up, "battery", actor=owner, **place, occurred_at=ago(days=8))
    lost: dict[str, Any] = {"battery": battery, "occurred_at": ago(days=7)}
    refused(Forbidden, batteries.report_lost, actor=collector, **lost, reason="x")
    refused(Invalid, batteries.report_lost, "reason", actor=owner, **lost, reason=" ")
    batteries.report_lost(actor=owner, **lost, reason="stolen")
    refused(Refused, batteries.report_lost, "battery", actor=owner, **lost, reason="again")
    refused(Refused, batteries.give_up, "battery", actor=owner, **place, occurred_at=ago(days=6))
    refused(Refused, batteries.report_found, "occurred_at", actor=owner, **place, occurred_at=ago(days=8))
    hub: dict[str, Any] = {"battery": battery, "facility": world.hub, "occurred_at": ago(days=6)}
    refused(Refused, batteries.report_found, "battery", actor=collector, **hub)  # who never had it
    found = batteries.report_found(actor=owner, **place, occurred_at=ago(days=6))
    assert (found.status, found.facility) == (BatteryStatus.AT_FACILITY, world.yard)


def test_nobody_takes_in_what_is_on_the_road_or_charged(world: World) -> None:
    """Both may become `at_facility`, but not by being given up."""
    collected_pickup(world, 1)
    on_the_road = Battery.objects.get()
    place: dict[str, Any] = {"actor": world.actor(world.collector), "facility": world.hub, "occurred_at": ago(days=1)}
    refused(Refused, batteries.give_up, "battery", battery=on_the_road, **place)
    refused(Refused, batteries.report_found, "battery", battery=on_the_road, **place)
    (charged,) = batteries_at(world, world.plant_site)
    Battery.objects.filter(pk=charged.pk).update(status="consumed", facility=None)
    refused(Refused, batteries.give_up, "battery", battery=charged, **place)


def test_the_storage_limit_holds_for_what_is_given_up(world: World) -> None:
    Facility.objects.filter(pk=world.yard.pk).update(storage_limit_kg=500)
    yard = Facility.objects.get(pk=world.yard.pk)
    batteries_at(world, yard)
    refused(Refused, lambda: batteries_at(world, yard), "facility")
    actor, battery = world.actor(world.yard_owner), register(world)
    about: dict[str, Any] = {"actor": actor, "battery": battery, "facility": yard, "occurred_at": ago(days=1)}
    refused(Refused, batteries.give_up, "facility", **about)


def test_a_correction_changes_row_and_contents_and_stands_in_the_ledger(world: World) -> None:
    (battery,) = batteries_at(world, world.yard)
    actor = world.actor(world.yard_owner)
    correct: dict[str, Any] = {"actor": actor, "battery": battery}
    refused(Invalid, batteries.correct, "reason", **correct, reason="", model=world.lfp_pack)
    refused(Invalid, batteries.correct, **correct, reason="x")
    refused(Invalid, batteries.correct, **correct, reason="x", model=world.nmc_pack)
    refused(Invalid, batteries.correct, "mass_value", **correct, reason="x", mass_value=Decimal(-1))
    refused(Forbidden, batteries.correct, **correct | {"actor": world.actor(world.stranger)}, reason="x", model=None)
    early = ago(days=60)
    refused(Refused, batteries.correct, "corrected_at", **correct, reason="x", model=world.lfp_pack, corrected_at=early)
    done = batteries.correct(
        **correct, reason="wrong label", model=world.lfp_pack, placed_in=world.nj, placed_on=date(2020, 1, 1),
        mass_value=Decimal(800), mass_unit="lb",
    )  # fmt: skip
    assert (done.producer, done.chemistry, done.placed_in) == (world.other_producer, world.lfp, world.nj)
    done.refresh_from_db()
    assert done.mass_kg == Decimal("362.873896") and done.composition is not None
    assert done.composition.chemistry == world.lfp and done.content_kwh == 50
    last = battery.events.latest("sequence")
    assert (last.kind, last.note, last.mass_kg) == ("corrected", "wrong label", Decimal("362.873896"))
    assert last.corrects is not None and last.corrects.kind == "given_up"
    assert (last.to_facility, last.to_status) == (world.yard, "at_facility")


def test_a_correction_keeps_what_somebody_said_against_the_model(world: World) -> None:
    battery = register(world, producer=world.other_producer)
    orphan = register(world)
    actor = world.actor(world.yard_owner)
    done = batteries.correct(actor=actor, battery=battery, reason="x", model=world.lfp_pack)
    assert done.producer == world.other_producer and done.chemistry == world.lfp
    done = batteries.correct(actor=actor, battery=orphan, reason="x", producer=None)
    assert (done.producer, done.model) == (None, world.nmc_pack)
    assert CustodyEvent.objects.get(battery=orphan).mass_kg is None


def test_what_was_charged_is_corrected_no_more(world: World) -> None:
    (battery,) = batteries_at(world, world.plant_site)
    Battery.objects.filter(pk=battery.pk).update(status="consumed", facility=None)
    refused(
        Refused, batteries.correct, actor=world.actor(world.recycler), battery=battery, reason="x", model=world.lfp_pack
    )


def client_of(world: World, organization: Organization, role: str = Role.OPERATOR) -> APIClient:
    client = APIClient()
    client.force_authenticate(world.user(organization, role))
    return client


def test_through_the_api(world: World) -> None:
    api = client_of(world, world.yard_owner)
    body: dict[str, Any] = {
        "organization": world.yard_owner.pk, "identifiers": [{"scheme": "vin", "value": RIGHT_VINS[0]}],
        "model": world.nmc_pack.pk, "mass_value": "900", "mass_unit": "lb", "placed_in": "US-NV",
        "placed_on": "2019-05-04", "facility": world.yard.pk, "occurred_at": ago(days=4).isoformat(),
    }  # fmt: skip
    answer = api.post("/api/v1/batteries/", body)
    assert answer.status_code == 201, answer.content
    battery = answer.json()
    assert (battery["status"], battery["mass_kg"]) == ("at_facility", "408.23313300000")
    assert (battery["chemistry"], battery["producer_name"]) == ("NMC622", "Producer")
    address = f"/api/v1/batteries/{battery['id']}/"
    assert api.post("/api/v1/batteries/", body).status_code == 409
    assert (
        api.post(address + "identify/", {"scheme": "internal", "value": "7"}).json()["identifiers"][1]["value"] == "7"
    )
    moment = ago(days=2).isoformat()
    assert api.post(address + "report-lost/", {"occurred_at": moment, "reason": "x"}).json()["status"] == "lost"
    found = {"facility": world.yard.pk, "occurred_at": moment}
    assert api.post(address + "report-found/", found).json()["facility_name"] == "Reno Yard"
    assert api.post(address + "give-up/", found).status_code == 409
    corrected = api.post(address + "correct/", {"reason": "x", "rated_kwh": "61", "placed_on": None}).json()
    assert (corrected["rated_kwh"], corrected["placed_on"], corrected["mass_value"]) == ("61.000", None, "900.000")
    assert client_of(world, world.stranger).get(address).status_code == 404
    assert client_of(world, world.producer).get(address).status_code == 200
    assert client_of(world, world.regulator, Role.VIEWER).get(address).status_code == 200
    names = [{"scheme": "internal", "value": "9"}, {"scheme": "oem_serial", "value": "9-9", "issuer": "x"}]
    other = {"identifiers": names, "organization": world.producer.pk}
    assert client_of(world, world.producer).post("/api/v1/batteries/", other).status_code == 201
    taken = {"identifier": names[0], **found}
    assert api.post("/api/v1/batteries/give-up-scanned/", taken).status_code == 409
    taken["also"] = names[1]
    assert api.post("/api/v1/batteries/give-up-scanned/", taken).json()["status"] == "at_facility"


def test_filters(world: World) -> None:
    (nmc,) = batteries_at(world, world.yard)
    (lfp,) = batteries_at(world, world.hub, model=world.lfp_pack, condition="damaged", placed_in=world.nj)
    api = client_of(world, world.collector)
    Battery.objects.filter(pk=nmc.pk).update(registered_by=world.collector)
    name = lfp.identifiers.get().value
    for query, expected in {
        "": [lfp.pk, nmc.pk], "status=at_facility": [lfp.pk, nmc.pk], "condition=damaged": [lfp.pk],
        f"producer={world.producer.pk}": [nmc.pk], f"model={world.lfp_pack.pk}": [lfp.pk], "chemistry=LFP": [lfp.pk],
        f"facility={world.yard.pk}": [nmc.pk], "placed_in=US-NJ": [lfp.pk], "placed_in=US": [lfp.pk, nmc.pk],
        "at_jurisdiction=US-NV": [lfp.pk, nmc.pk], f"identifier={name.lower()}": [lfp.pk], "identifier=none": [],
        "ordering=id": [nmc.pk, lfp.pk],
    }.items():  # fmt: skip
        rows = api.get(f"/api/v1/batteries/?{query}").json()["results"]
        assert [row["id"] for row in rows] == expected, query
    assert api.get("/api/v1/batteries/?status=zz").status_code == 400
    assert api.get("/api/v1/batteries/999999999999999999999999/").status_code == 404


def test_a_list_takes_the_same_number_of_statements_for_any_number(world: World) -> None:
    api = client_of(world, world.yard_owner)

    def statements(number: int) -> int:
        batteries_at(world, world.yard, number)
        with CaptureQueriesContext(connection) as queries:
            assert api.get("/api/v1/batteries/").status_code == 200
        return len(queries)

    assert statements(1) == statements(40) <= 8


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("organization", 10**30), ("organization", "x"), ("identifiers", []), ("identifiers", "x"),
        ("identifiers", [{"scheme": "zz", "value": "1"}]), ("identifiers", [{"scheme": "vin", "value": "a\x00b"}]),
        ("identifiers", [{"scheme": "vin", "value": "1M8GDM9AXKP042789"}]), ("model", -1), ("mass_value", "NaN"),
        ("mass_value", "-5"), ("mass_value", 10**40), ("mass_value", [1]), ("mass_unit", "zz"),
        ("rated_kwh", "Infinity"), ("rated_kwh", "-1"), ("placed_in", "ZZ"), ("placed_on", "2020-02-30"), ("condition", "fine"),
        ("facility", 10**12), ("occurred_at", "soon"), ("occurred_at", "9999-12-31T23:59:59-12:00"), ("form", "car"),
    ],
)  # fmt: skip
def test_bad_input_is_answered_with_the_field(world: World, field: str, value: Any) -> None:
    body = {
        "organization": world.yard_owner.pk, "identifiers": [{"scheme": "internal", "value": "1"}],
        "facility": world.yard.pk, "occurred_at": ago(days=1).isoformat(), field: value,
    }  # fmt: skip
    answer = client_of(world, world.yard_owner).post("/api/v1/batteries/", body)
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["field"].startswith(field)
    assert not Battery.objects.exists()


def test_in_the_admin(world: World, client: Client) -> None:
    client.force_login(world.user(world.yard_owner))
    form = {
        "organization": world.yard_owner.pk, "identifiers": f"{RIGHT_VINS[0]}\nABC, oem_serial, LG", "mass_unit": "kg",
        "model": world.nmc_pack.pk, "condition": "intact", "facility": world.yard.pk, "occurred_at_0": "2026-01-01",
        "occurred_at_1": "08:00",
    }  # fmt: skip
    answer = client.post("/admin/collection/battery/add/", form)
    assert answer.status_code == 302, answer.content.decode()
    battery = Battery.objects.get()
    assert battery.identifiers.count() == 2
    found = client.get("/admin/collection/battery/?q=ABC").content.decode()
    assert f"/admin/collection/battery/{battery.pk}/change/" in found
    bad = client.post("/admin/collection/battery/add/", form | {"identifiers": "ABC, zz", "facility": ""})
    assert bad.status_code == 200 and "is not one of" in bad.content.decode()
    address = f"/admin/collection/battery/{battery.pk}/verb/correct/"
    page = client.get(address).content.decode()
    assert "2026" not in page and "NMC 60" in page
    same = {"reason": "x", "model": world.nmc_pack.pk, "producer": world.producer.pk, "chemistry": "NMC622",
            "mass_unit": "kg"}  # fmt: skip
    assert client.post(address, same).status_code == 400
    assert client.post(address, same | {"model": world.lfp_pack.pk}).status_code == 302
    battery.refresh_from_db()
    assert (battery.model, battery.chemistry) == (world.lfp_pack, Chemistry.objects.get(code="LFP"))
    client.force_login(world.user(world.yard_owner, Role.VIEWER))
    assert client.get(address).status_code == 403
