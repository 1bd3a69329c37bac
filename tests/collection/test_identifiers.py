"""Numbers that look alike are one: in the form that is kept, at every door, and in the database. About four seconds."""

from __future__ import annotations

import unicodedata
from datetime import date
from typing import Any

import pytest
from django import forms
from django.db import IntegrityError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.test import APIClient

from accounts import rules
from accounts.errors import Invalid, Refused
from accounts.models import Role
from accounts.written import LOWER, UPPER, compared, plain
from collection.admin.search import batteries_named, read_off
from collection.battery_numbers import guess_scheme, normal, searched
from collection.models import Battery, Identifier, Permit, Relation
from collection.services import batteries, facilities
from collection.services.identifiers import NewIdentifier, find_to_collect, registered
from recycling.admin.scans import battery_ids
from tests.collection.sending import battery_file, do
from tests.migrations import migration_named
from tests.refusals import refused
from tests.world import World, batteries_at, now

VIN = "1M8GDM9AXKP042788"
SERIAL_WRITTEN = (
    "SN-0017", "sn0017", " SN 0017 ", "ＳＮ－００１７", "S\u200bN-00\u206017\ufeff", "SN\u20130017", "SN\u00a00017", "\u2068SN-0017\u2069",
    "SN-0017\r\n",
)  # fmt: skip
SGTIN_WRITTEN = (
    "(01)09506000134352(21)Ab1", "010950600013435221AB1", "]d2010950600013435221ab1", "]d2010950600013435221ab1\x1d10LOT",
    "https://id.gs1.org/01/09506000134352/21/AB1?17=301231", "（０１）０９５０６０００１３４３５２（２１）ab1",
    "(01) 0950 6000 1343 52 (21) ab-1",
)  # fmt: skip
GIAI_WRITTEN = (
    "(8004)0614141A1",
    "0614141a1",
    "80040614141A1",
    "https://id.gs1.org/8004/0614141A1",
    "]C180040614141A1",
)

typed = st.text(max_size=30)
marks = st.sampled_from(
    ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\ufe0f", " ", "-", "\u2013", "\u3000"]
)
numbers = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=20)


def form(text: str) -> str | None:
    try:
        return plain(text)
    except Invalid:
        return None


@given(typed)
def test_normalizing_twice_changes_nothing(text: str) -> None:
    once = form(text)
    if once is None:
        assert any(unicodedata.category(c) in ("Cc", "Cs") for c in text)
        return
    assert plain(once) == once == once.strip()
    assert compared(compared(once)) == compared(once)
    assert not any(unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in once)


@given(numbers, st.lists(st.tuples(marks, st.integers(0, 30)), max_size=8), st.booleans(), st.booleans())
def test_what_looks_alike_is_alike(number: str, put: list[tuple[str, int]], lower: bool, wide: bool) -> None:
    written = number.lower() if lower else number
    if wide:
        written = "".join(chr(ord(c) + 0xFEE0) for c in written)
    for mark, at in put:
        written = written[:at] + mark + written[at:]
    assert normal("oem_serial", written, "Maker").key == normal("oem_serial", number, " MAKER ").key
    assert compared(number) in searched(written)


@given(numbers, numbers)
def test_what_differs_stays_different(one: str, other: str) -> None:
    assert (normal("internal", one).key == normal("internal", other).key) == (one == other)


@given(st.text("ABCabc123-./", min_size=1, max_size=20).filter(compared))
def test_gs1_numbers_are_normalized_once(number: str) -> None:
    for scheme, written in (("sgtin", f"(01)09506000134352(21){number}"), ("giai", f"(8004)0614141{number}")):
        kept = normal(scheme, written)
        assert normal(scheme, kept.value) == kept and kept.key[2] in searched(written)


def test_the_database_compares_as_we_do(db: None) -> None:
    text = "".join(map(chr, range(32, 0x250))) + LOWER
    with connection.cursor() as cursor:
        cursor.execute("SELECT translate(%s, %s, %s)", [text, LOWER + " -", UPPER])
        assert cursor.fetchone() == (compared(text),)


@pytest.mark.parametrize(
    ("scheme", "value", "code"),
    [
        ("oem_serial", "S\x071", "control_character"), ("oem_serial", "S\x001", "control_character"),
        ("oem_serial", "S\t1", "control_character"), ("oem_serial", "S\x851", "control_character"),
        ("oem_serial", "S\ud8001", "control_character"), ("oem_serial", "S\x1d1", "control_character"),
        ("oem_serial", "\u0410B1", "character"), ("oem_serial", "\u200b-", "invalid"),
        ("vin", "1M8GDM9AXKP042789", "vin"), ("sgtin", "(01)09506000134351(21)A", "gs1"),
        ("sgtin", "09506000134352", "gs1"), ("giai", "https://[x", "gs1"), ("giai", "0614141\x07", "control_character"),
    ],
)  # fmt: skip
def test_what_is_no_number(world: World, scheme: str, value: str, code: str) -> None:
    new = NewIdentifier(scheme, value)
    organization = world.yard_owner
    mine: dict[str, Any] = {"actor": world.actor(organization), "organization": organization}
    error = refused(Invalid, batteries.register, "identifiers", **mine, identifiers=[new])
    assert error.code == code
    with pytest.raises(Invalid):
        find_to_collect(world.yard, {"batteries.0.identifier": new})
    with pytest.raises(forms.ValidationError, match="Line 3"):
        read_off(value, scheme, "", 3)
    api = APIClient()
    api.force_authenticate(world.user(organization))
    body = {"organization": organization.pk, "identifiers": [{"scheme": scheme, "value": value}]}
    if "\ud800" not in value:
        answer = api.post("/api/v1/batteries/", body, format="json")
        assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == "identifiers.0.value", answer.json()
    assert not Identifier.objects.exists()


def test_other_numbers_are_plain(world: World) -> None:
    assert rules.number(" ＡＢ\u200b  1\u2013é ", field="x") == "AB 1-é"
    given: dict[str, Any] = {"actor": world.actor(world.yard_owner, Role.MANAGER), "facility": world.yard, "kind": "universal_waste",
             "valid_from": date(2026, 1, 1), "valid_until": date(2026, 12, 31)}  # fmt: skip
    for number in ("EPA\x07", "\u200b"):
        refused(Invalid, facilities.add_permit, "number", **given, number=number)
    facilities.add_permit(**given, number="EPA\u00a01")
    assert Permit.objects.get().number == "EPA 1"


def test_issuers_are_plain(world: World) -> None:
    mine: dict[str, Any] = {"actor": world.actor(world.yard_owner), "organization": world.yard_owner}
    battery = batteries.register(**mine, identifiers=[NewIdentifier("oem_serial", "A1", " Müller\u200b  Werke ")])
    assert battery.identifiers.get().issuer == "Müller Werke"
    again = NewIdentifier("oem_serial", "a1", "MÜLLER WERKE")
    refused(Refused, batteries.register, "identifiers", **mine, identifiers=[again])
    for identifier in (NewIdentifier("giai", "0614141A", "GS1"), NewIdentifier("oem_serial", "B", "x\x01")):
        refused(Invalid, batteries.register, "identifiers", **mine, identifiers=[identifier])


@pytest.mark.parametrize(
    ("scheme", "issuer", "ways"),
    [("oem_serial", "Maker", SERIAL_WRITTEN), ("sgtin", "", SGTIN_WRITTEN), ("giai", "", GIAI_WRITTEN),
     ("vin", "", (VIN, VIN.lower(), "1M8-GDM9AX KP042788", "1M8GDM9A\u200bXKP042788"))],
)  # fmt: skip
def test_every_door_finds_it_by_every_way(world: World, scheme: str, issuer: str, ways: tuple[str, ...]) -> None:
    organization = world.yard_owner
    mine: dict[str, Any] = {"actor": world.actor(organization), "organization": organization}
    battery = batteries.register(
        **mine, identifiers=[NewIdentifier(scheme, ways[0], issuer)], facility=world.yard, occurred_at=now()
    )
    kept = battery.identifiers.get().value
    user, api = world.user(organization), APIClient()
    api.force_authenticate(user)
    for way in ways:
        new = NewIdentifier(scheme, way, issuer)
        refused(Refused, batteries.register, "identifiers", **mine, identifiers=[new])
        assert list(find_to_collect(world.yard, {"": new}).values()) == [battery.pk], way
        assert list(registered({"": new}, {battery.pk}).values()) == [battery.pk]
        assert battery_ids([{"battery": way}], user) == [battery.pk]
        assert batteries_named([way], Identifier.objects.all()) == {way: {battery.pk}}
        found = api.get("/api/v1/batteries/", {"identifier": way}).json()["results"]
        assert [row["id"] for row in found] == [battery.pk], way
    run = do(world, battery_file(f"{scheme},{ways[1]},{issuer},,,,,,,,"), skip_bad_rows=True)
    assert Identifier.objects.get().value == kept and run.rows_created == 0, run.message
    answer = api.get("/api/v1/batteries/", {"identifier": "a\x07"})
    assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == "identifier"


def test_what_was_typed_without_a_scheme() -> None:
    assert [guess_scheme(way) for way in (SGTIN_WRITTEN[4], GIAI_WRITTEN[0], VIN.lower(), "1M8 GDM9AXKP042788", "SN-1")] == [
        "sgtin", "giai", "vin", "vin", "oem_serial",
    ]  # fmt: skip


def test_a_number_without_issuer_blocks_no_other_company(world: World) -> None:
    def mine(organization: Any) -> dict[str, Any]:
        return {"actor": world.actor(organization), "organization": organization}

    one = batteries.register(**mine(world.yard_owner), identifiers=[NewIdentifier("oem_serial", "S-1")])
    refused(Refused, batteries.register, "identifiers", **mine(world.yard_owner),
            identifiers=[NewIdentifier("oem_serial", "s1")])  # fmt: skip
    other = batteries.register(**mine(world.stranger), identifiers=[NewIdentifier("oem_serial", "s1")])
    issued = batteries.register(**mine(world.stranger), identifiers=[NewIdentifier("oem_serial", "s1", "LG")])
    assert [b.identifiers.get().named_by for b in (one, other, issued)] == [world.yard_owner, world.stranger, None]
    run = do(world, battery_file("oem_serial,S1,,,,,,,,,"), skip_bad_rows=True)
    assert (run.rows_created, run.rows_unchanged, run.rows_bad) in {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
    Relation.objects.create(
        kind="collect", giver=world.stranger, taker=world.yard_owner, offered_by=world.stranger, status="accepted"
    )
    scan = {"actor": world.actor(world.yard_owner), "facility": world.yard, "occurred_at": now()}
    several = refused(
        Refused, batteries.give_up_scanned, "identifier", identifier=NewIdentifier("oem_serial", "S1"), **scan
    )
    assert several.code == "ambiguous" and "issued" in str(several.message)
    found = batteries.give_up_scanned(identifier=NewIdentifier("oem_serial", "S1", "lg"), **scan)  # type: ignore[arg-type]
    assert found.pk == issued.pk
    with pytest.raises(Refused, match="Several"):
        registered({"x": NewIdentifier("oem_serial", "S1")}, {one.pk, other.pk})
    assert registered({"x": NewIdentifier("oem_serial", "S1")}, {issued.pk}) == {("oem_serial", "", "S1"): issued.pk}


def test_a_number_without_issuer_takes_no_issued_one_from_elsewhere(world: World) -> None:
    mine: dict[str, Any] = {"actor": world.actor(world.yard_owner), "organization": world.yard_owner}
    issued = batteries.register(**mine, identifiers=[NewIdentifier("oem_serial", "S1", "LG")])
    named = batteries.register(**mine, identifiers=[NewIdentifier("oem_serial", "S2")])
    read = {"1": NewIdentifier("oem_serial", "s1"), "2": NewIdentifier("oem_serial", "s2")}
    assert find_to_collect(world.yard, read) == {("oem_serial", "", "S2"): named.pk}
    (here,) = batteries_at(world, world.yard)
    here.identifiers.create(scheme="oem_serial", issuer="CATL", value="S-1")
    assert find_to_collect(world.yard, read)["oem_serial", "", "S1"] == here.pk != issued.pk


@pytest.mark.parametrize(
    "fields",
    [
        {"value": "sn1"}, {"value": "S N-1"}, {"value": "SN1", "issuer": "MAKER"}, {"value": "ＳＮ2"}, {"value": "SN2\u200b"},
        {"value": " SN2"}, {"value": "SN  2"}, {"value": "S\x072"}, {"value": "--"}, {"value": "SN2", "issuer": "Ｍaker"},
        {"value": "SN2", "issuer": " Maker"}, {"value": "SN2", "issuer": "M\x07"}, {"value": "SN2", "issuer": ""},
        {"scheme": "giai", "value": "80041", "issuer": "x"},
    ],
)  # fmt: skip
def test_the_database_refuses_what_looks_alike(world: World, fields: dict[str, str]) -> None:
    one, other = batteries_at(world, world.yard, 2)
    whole = {"scheme": "oem_serial", "issuer": "Maker"}
    Identifier.objects.create(battery=one, value="SN-1", **whole)
    with pytest.raises(IntegrityError, match="identifier_"), transaction.atomic():
        Identifier.objects.create(battery=other, **(whole | fields))
    with pytest.raises(IntegrityError, match="identifier_whose"), transaction.atomic():
        Identifier.objects.create(battery=other, value="SN3", named_by=world.stranger, **whole)


def test_a_number_named_by_nobody_is_named_once_by_each(world: World) -> None:
    one, other = batteries_at(world, world.yard, 2)
    Identifier.objects.create(battery=one, scheme="internal", value="N-1", named_by=world.stranger)
    Identifier.objects.create(battery=other, scheme="internal", value="n1", named_by=world.yard_owner)
    with pytest.raises(IntegrityError, match="identifier_once"), transaction.atomic():
        Identifier.objects.create(battery=other, scheme="internal", value="n 1", named_by=world.stranger)


def test_what_was_stored_before_is_normalized_and_nothing_is_lost(world: World, capsys: Any) -> None:
    migration = migration_named("numbers_that_look_alike")
    one, other, third = batteries_at(world, world.yard, 3)
    Identifier.objects.all().delete()
    constraints = [c for c in Identifier._meta.constraints if c.name != "identifier_vin_form"]
    with connection.schema_editor(atomic=False) as editor:
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for constraint in constraints:
            editor.remove_constraint(Identifier, constraint)
    before = [
        (one, "oem_serial", "Maker", "AB-1"), (one, "oem_serial", "Maker", "ab1"), (other, "oem_serial", "MAKER", "ＡＢ１"),
        (other, "internal", "", "S  1\u200b"), (third, "internal", "", "s1"), (third, "oem_serial", "Maker", "\u0410-1"),
        (third, "giai", "GS1", "0614141X"), (third, "sgtin", "", "no such"), (third, "vin", "", VIN),
    ]  # fmt: skip
    for battery, scheme, issuer, value in before:
        Identifier.objects.create(battery=battery, scheme=scheme, issuer=issuer, value=value)

    class Apps:
        get_model = staticmethod(lambda app, model: Identifier)

    with connection.schema_editor(atomic=False) as editor:
        migration.normalize(Apps, editor)
        editor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for constraint in constraints:
            editor.add_constraint(Identifier, constraint)
    kept = list(Identifier.objects.order_by("pk").values_list("battery", "scheme", "issuer", "value"))
    assert kept == [
        (one.pk, "oem_serial", "Maker", "AB-1"),
        (other.pk, "internal", f"as of battery {one.pk}: oem_serial MAKER", "AB1"),
        (other.pk, "internal", "", "S 1"),
        (third.pk, "internal", f"as of battery {other.pk}: internal", "s1"),
        (third.pk, "internal", "oem_serial Maker", "%D0%90-1"),
        (third.pk, "giai", "", "80040614141X"),
        (third.pk, "internal", "sgtin", "no such"),
        (third.pk, "vin", "", VIN),
    ]
    told = capsys.readouterr().err
    assert f"battery {one.pk}: oem_serial “ab1” of “Maker” is left out" in told
    assert f"battery {other.pk}" in told and f"battery {third.pk}" in told
    assert Battery.objects.count() >= 3
