"""A verb is offered to somebody if, and only if, its service refuses neither the role nor the status.

Every verb on a record is tried in every status that the record could have, and by everybody of the test world. What
doors ask for is compared with what the verb takes.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import IntegrityError, InternalError, connection, models, transaction
from django.test.utils import CaptureQueriesContext
from knox.models import AuthToken
from rest_framework.test import APIClient

from accounts.actors import Actor
from accounts.admin.forms import RowsField, VerbForm
from accounts.admin.scoped import Button
from accounts.errors import DomainError, Forbidden
from accounts.models import Membership, Organization, Role, User
from accounts.verbs import Verb
from collection.models import Battery, CollectionPoint, Facility, Material, Shipment
from collection.services.identifiers import NewIdentifier
from config.api_urls import router
from recycling.models import EprScheme, Plant, ProcessLine, Stage
from tests import records as d
from tests.recycling import chains, filing
from tests.world import World, scheduled_pickup

SERVICES = ("accounts.services", "collection.services", "recycling.services")

#: A record of each kind, on which every party has a part.
RECORDS: dict[str, Any] = {
    "accounts.Membership": d.member,
    "accounts.Organization": lambda w: w.recycler,
    "accounts.Invitation": d.invitation,
    "accounts.User": lambda w: w.user(w.recycler),
    "knox.AuthToken": lambda w: AuthToken.objects.create(w.user(w.recycler))[0],
    "collection.Pickup": scheduled_pickup,
    "collection.Relation": d.only_relation,
    "collection.Contest": d.contest,
    "collection.Shipment": d.draft,
    "collection.Battery": d.pack,
    "collection.ImportRun": d.import_run,
    "collection.AssignmentRun": d.assignment_run,
    "collection.Lot": d.reinstated_lot,
    "collection.ClaimContest": d.claim_contest,
    "collection.SerialPattern": d.serial_pattern,
    "collection.Proposal": d.proposal,
    "collection.Facility": lambda w: w.plant_site,
    "collection.CollectionPoint": d.plant_point,
    "recycling.Plant": lambda w: w.plant,
    "recycling.ProcessLine": lambda w: w.shredder,
    "recycling.Nameplate": d.nameplate,
    "recycling.Outage": d.outage,
    "recycling.PlantStatus": d.plant_status,
    "recycling.Intake": d.intake,
    "recycling.Discrepancy": d.discrepancy,
    "recycling.Batch": chains.charged,
    "recycling.MarketPlacement": d.placement,
    "recycling.EprReport": filing.drafted,
    "recycling.UtilizationRun": d.utilization_run,
    "recycling.ReturnForecast": d.forecast,
}


def declared() -> dict[str, Verb[..., Any]]:
    """Every verb, by its module and name."""
    found = {}
    for package in SERVICES:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__, f"{package}."):
            for name, thing in vars(importlib.import_module(module.name)).items():
                if isinstance(thing, Verb) and thing.__module__ == module.name:
                    assert thing.__name__ == name
                    found[f"{module.name.partition('.services')[0]}{module.name.rpartition('.')[2]}.{name}"] = thing
    return found


VERBS = declared()
ON_RECORDS = {
    name: verb for name, verb in VERBS.items() if verb.model is not None and verb.model._meta.label in RECORDS
}


def values_of(verb: Verb[..., Any]) -> list[Any]:
    """What the field that the verb looks at could be."""
    assert verb.model is not None
    field: models.Field[Any, Any] = verb.model._meta.get_field(verb.field)  # type: ignore[assignment]
    return [value for value, _label in field.flatchoices] if field.choices else [True, False]


def given(world: World, actor: Actor) -> dict[str, Any]:
    """Something of each kind that a verb asks for, of the actor's own organization where it could be (of the recycler for
    the platform). It need not be right: role and status come first.
    """
    own = next((m.organization for m in actor.memberships), world.recycler)
    facility = Facility.objects.filter(operator=own).first() or Facility.objects.create(
        operator=own, name="own", jurisdiction=world.nv, time_zone=world.nv.time_zone
    )
    plant, _is_new = Plant.objects.get_or_create(facility=facility)
    return {
        "Fractions": {},
        "Organization": own,
        "Facility": facility,
        "CollectionPoint": CollectionPoint.objects.get_or_create(facility=facility, defaults={"kind": "other"})[0],
        "Plant": plant,
        "ProcessLine": ProcessLine.objects.get_or_create(plant=plant, defaults={"name": "1", "stage": Stage.HYDRO})[0],
        "Shipment": Shipment.objects.first(),
        "Battery": Battery.objects.first(),
        "EprScheme": EprScheme.objects.first() or d.recycler_scheme(world),
        "Jurisdiction": world.nv,
        "Material": Material.objects.first(),
        "NewIdentifier": NewIdentifier("internal", "x"),
        "datetime": datetime(2025, 6, 1, tzinfo=UTC),
        "date": date(2025, 6, 1),
        "str": "x",
        "rules.Reason": "x",
        "int": 1,
        "Decimal": Decimal(1),
        "IO[bytes] | None": io.BytesIO(b"x"),
    }


def everybody_saying(world: World) -> dict[str, tuple[Actor, dict[str, Any]]]:
    """Everybody as an actor, with what they would say."""
    actors = {name: Actor.of(user) for name, user in everybody(world).items()}
    return {name: (actor, given(world, actor)) for name, actor in actors.items()}


def attempt(verb: Verb[..., Any], actor: Actor, said: dict[str, Any], record: Any = None) -> bool:
    """Whether the service refuses neither role nor status; what it did is taken back."""
    arguments = {verb.target: record} if verb.target else {}
    for name, argument in verb.arguments.items():
        if argument.kind is argument.VAR_KEYWORD:
            arguments |= {} if verb.target else {"identifiers": []}
        elif argument.default is argument.empty:
            kind = str(argument.annotation)
            arguments[name] = [] if kind.startswith(("Sequence", "Iterable")) else said[kind]
    try:
        with transaction.atomic():
            verb(actor=actor, **arguments)
            transaction.set_rollback(True)
    except Forbidden:
        return False
    except DomainError as error:
        return error.code != "wrong_status"
    except (ValidationError, IntegrityError, InternalError):  # the body was reached, which had to do with nonsense
        return True
    return True


def put(record: models.Model, field: str, value: Any) -> Any:
    """The record as it would be with another status, whatever else would have to be true then."""
    with pgtrigger.ignore():
        type(record)._default_manager.filter(pk=record.pk).update(**{field: value})
    return type(record)._default_manager.get(pk=record.pk)


@pytest.fixture
def lawless(world: World) -> None:
    """No constraint of a row holds, for as long as the test's transaction lasts."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "SELECT conrelid::regclass::text, conname FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid "
            "WHERE contype = 'c' AND relname ~ '^(accounts|collection|recycling)_'"
        )
        for table, name in cursor.fetchall():
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')


def everybody(world: World) -> dict[str, User]:
    """A person of every organization and role, the platform's, and one who may not log in."""
    organizations = {o.pk: o.name for o in Organization.objects.all()}
    found = {f"{organizations[int(key.split('/')[0])]} {key.split('/')[1]}": u for key, u in world.users.items()}
    found["platform"] = User.objects.create_superuser("p@relode.example", None, name="P")
    locked_out = User.objects.create_superuser("q@relode.example", None, name="Q", is_active=False)
    Membership.objects.create(user=locked_out, organization=world.recycler, role=Role.MANAGER)
    found["locked out"] = locked_out
    return found


@pytest.mark.parametrize("label", RECORDS)
def test_offered_if_and_only_if_not_refused(world: World, lawless: None, label: str) -> None:
    record = RECORDS[label](world)
    people, wrong = everybody_saying(world), []
    for name, verb in ON_RECORDS.items():
        assert verb.model is not None
        if verb.model._meta.label != label:
            continue
        was = getattr(record, verb.field) if verb.when is not None else None
        fitting = put(record, verb.field, verb.when[0]) if verb.when else record
        rights = {who: attempt(verb, *people[who], fitting) for who in people}
        assert any(rights.values()) and not all(rights.values()), name
        for who, may in rights.items():
            if verb.offers(people[who][0], fitting) is not may:
                wrong.append(f"{name}: {who}: offered is not {may}")
        able = {
            (who.rpartition(" ")[2], may): who for who, may in rights.items()
        }  # one of each role that may, or may not
        for value in values_of(verb) if verb.when is not None else ():
            stood = put(record, verb.field, value)
            wrong += [
                f"{name}: {value}: {who}: offered is not {done}"
                for who in able.values()
                if verb.offers(people[who][0], stood) is not (done := attempt(verb, *people[who], stood))
            ]
        if verb.when is not None:
            put(record, verb.field, was)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if verb.model is None])
def test_who_is_offered_to_make_a_record_may_make_one(world: World, name: str) -> None:
    d.draft(world)
    d.scheme(world)
    verb, people = VERBS[name], everybody_saying(world)
    rights = {who: attempt(verb, *people[who]) for who in people}
    assert any(rights.values()) and not all(rights.values())
    assert {who: verb.offers(actor) for who, (actor, _said) in people.items()} == rights


def test_every_record_with_verbs_is_tried() -> None:
    """Every kind of record that a verb is on stands above."""
    assert {verb.model._meta.label for verb in VERBS.values() if verb.model is not None} <= set(RECORDS)


def doors() -> Iterator[tuple[str, Verb[..., Any], set[str], set[str], bool]]:
    """Every door of the API and of the admin that leads to a verb, with the fields it has, those that it needs, and
    whether it makes its arguments of them by itself.
    """
    for prefix, viewset, _base in router.registry:
        for name, act in vars(viewset).items():
            if hasattr(act, "verb"):
                fields = act.reads().fields if act.reads else {}
                needed = {n for n, f in fields.items() if f.required and n != "file"}  # comes as name and content
                given = {"filename", "content"} if "file" in fields else set()
                yield f"API {prefix} {name}", act.verb, (set(fields) - {"file"}) | given, needed, False
    for model, page in admin.site._registry.items():
        for button in (*getattr(page, "buttons", ()), getattr(page, "create", None)):
            if isinstance(button, Button):
                asked: dict[str, forms.Field] = button.asks.base_fields  # type: ignore[attr-defined]
                needed = {name for name, field in asked.items() if field.required or isinstance(field, RowsField)}
                makes = button.asks.arguments is not VerbForm.arguments
                yield f"admin {model._meta.label} {button.verb.name}", button.verb, set(asked), needed, makes


DOORS = {name: (verb, fields, needed, makes) for name, verb, fields, needed, makes in doors()}


@pytest.mark.parametrize("name", DOORS)
def test_a_door_asks_for_what_its_verb_takes(name: str) -> None:
    verb, fields, needed, makes_arguments = DOORS[name]
    takes = verb.arguments
    open_ended = any(argument.kind is argument.VAR_KEYWORD for argument in takes.values())
    required = {n for n, a in takes.items() if a.default is a.empty and a.kind is a.KEYWORD_ONLY}
    if not makes_arguments:
        assert open_ended or fields <= {*takes, verb.target}, f"{name} asks for what {verb.__name__} does not take"
        assert required <= fields, f"{name} does not ask for what {verb.__name__} needs"
    if name.startswith("API"):
        assert open_ended or needed <= {*required, verb.target}, (
            f"{name} insists on what {verb.__name__} can do without"
        )
    else:
        assert open_ended or not (required & fields) - needed, f"{name} lets out what {verb.__name__} needs"


def test_a_button_without_a_form_asks_for_a_reason_at_most() -> None:
    Button("give up", VERBS["collectionpickups.cancel"])
    with pytest.raises(AssertionError):
        Button("end", VERBS["recyclingplants.end_nameplate"])


@pytest.mark.parametrize("path", ["nameplates", "outages", "intakes"])
def test_a_page_without_verbs_reads_no_organizations(world: World, path: str) -> None:
    {"nameplates": d.nameplate, "outages": d.outage, "intakes": d.intake}[path](world)
    client = APIClient()
    client.force_authenticate(world.user(world.recycler))
    with CaptureQueriesContext(connection) as queries:
        assert client.get(f"/api/v1/{path}/").json()["results"]
    read = [query["sql"].split()[1].split(".")[0] for query in queries if query["sql"].startswith("SELECT")]
    assert not {'"accounts_organization"', '"collection_facility"', '"recycling_plant"'} & set(read), read


def test_every_verb_has_a_door() -> None:
    acts = [act for _prefix, viewset, _base in router.registry for act in vars(viewset).values()]
    reached = {id(verb) for verb, *_fields in DOORS.values()}
    reached |= {id(act.behind) for act in acts if hasattr(act, "behind")}  # written by hand
    assert [name for name, verb in VERBS.items() if id(verb) not in reached] == []
