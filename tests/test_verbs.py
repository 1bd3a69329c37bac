"""A verb is offered to somebody if, and only if, its service refuses neither the role nor the status.

Every verb on a record is tried in every status that the record could have, and by everybody of the test world. What
doors ask for is compared with what the verb takes.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pgtrigger
import pytest
from django import forms
from django.contrib import admin
from django.db import connection, models, transaction
from knox.models import AuthToken

from accounts.actors import Actor
from accounts.admin.scoped import Button, RowsField
from accounts.errors import DomainError, Forbidden
from accounts.models import Organization, User
from accounts.verbs import Verb
from collection.models import Facility
from config.api_urls import router
from tests import records as d
from tests.recycling import chains, filing
from tests.world import World, scheduled_pickup

SERVICES = ("accounts.services", "collection.services", "recycling.services")

#: A record of each kind, on which every party has a part.
RECORDS: dict[str, Any] = {
    "accounts.Membership": d.member,
    "accounts.User": lambda w: w.user(w.recycler),
    "knox.AuthToken": lambda w: AuthToken.objects.create(w.user(w.recycler))[0],
    "collection.Pickup": scheduled_pickup,
    "collection.Shipment": d.draft,
    "collection.Battery": d.pack,
    "collection.Lot": d.lot,
    "collection.Facility": lambda w: w.plant_site,
    "collection.CollectionPoint": d.plant_point,
    "recycling.Plant": lambda w: w.plant,
    "recycling.ProcessLine": lambda w: w.shredder,
    "recycling.Nameplate": d.nameplate,
    "recycling.Outage": d.outage,
    "recycling.Intake": d.intake,
    "recycling.Discrepancy": d.discrepancy,
    "recycling.Batch": chains.charged,
    "recycling.MarketPlacement": d.placement,
    "recycling.EprReport": filing.drafted,
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


#: Something of each kind that a verb asks for. It need not be right: role and status come first.
_ANYTHING = {
    "datetime": datetime(2025, 6, 1, tzinfo=UTC),
    "date": date(2025, 6, 1),
    "str": "x",
    "int": 1,
    "Decimal": Decimal(1),
}


def own_facility(actor: Actor) -> Facility:
    """A facility of the actor's own organization; anybody's, for the platform."""
    places = Facility.objects.filter(operator__in=[m.organization_id for m in actor.memberships])
    place = places.first() or Facility.objects.first()
    assert place is not None
    return place


def attempt(verb: Verb[..., Any], actor: Actor, record: Any, **arguments: Any) -> bool:
    """Whether the service refuses neither role nor status; what it did is taken back."""
    if verb.hangs_on_arguments:
        arguments["facility"] = own_facility(actor)
    for name, argument in verb.arguments.items():
        if argument.default is argument.empty and argument.kind is argument.KEYWORD_ONLY:
            kind = str(argument.annotation)
            arguments.setdefault(name, _ANYTHING.get(kind, [] if kind.startswith(("Sequence", "Iterable")) else None))
    try:
        with transaction.atomic():
            verb(actor=actor, **{verb.target: record}, **arguments)
            transaction.set_rollback(True)
    except Forbidden:
        return False
    except DomainError as error:
        return error.code != "wrong_status"
    except Exception:  # noqa: BLE001 - the body was reached, which had to do with nonsense
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
    return found


@pytest.mark.parametrize("label", RECORDS)
def test_offered_if_and_only_if_not_refused(world: World, lawless: None, label: str) -> None:
    record = RECORDS[label](world)
    for organization in Organization.objects.filter(facilities=None):
        Facility.objects.create(operator=organization, name="own", jurisdiction=world.nv, time_zone=world.nv.time_zone)
    people = {name: Actor.of(user) for name, user in everybody(world).items()}
    wrong = []
    for name, verb in ON_RECORDS.items():
        assert verb.model is not None
        if verb.model._meta.label != label:
            continue
        was = getattr(record, verb.field) if verb.when is not None else None
        fitting = put(record, verb.field, verb.when[0]) if verb.when else record
        rights = {who: attempt(verb, actor, fitting) for who, actor in people.items()}
        assert any(rights.values()) and not all(rights.values()), name
        for who, actor in people.items():
            if verb.offers(actor, fitting) is not rights[who]:
                wrong.append(f"{name}: {who}: offered is not {rights[who]}")
        able = [people[next(who for who, may in rights.items() if may == wanted)] for wanted in (True, False)]
        for value in values_of(verb) if verb.when is not None else ():
            stood = put(record, verb.field, value)
            wrong += [
                f"{name}: {value}: {actor.user}: offered is not {done}"
                for actor in able
                if verb.offers(actor, stood) is not (done := attempt(verb, actor, stood))
            ]
        if verb.when is not None:
            put(record, verb.field, was)
    assert not wrong, "\n".join(wrong)


def test_every_record_with_verbs_is_tried() -> None:
    """Every kind of record that a verb is on stands above."""
    assert {verb.model._meta.label for verb in VERBS.values() if verb.model is not None} <= set(RECORDS)


def doors() -> Iterator[tuple[str, Verb[..., Any], set[str], set[str]]]:
    """Every door of the API and of the admin that leads to a verb, with the fields it has, and those that it needs."""
    for prefix, viewset, _base in router.registry:
        for name, act in vars(viewset).items():
            if hasattr(act, "verb"):
                fields = act.reads().fields if act.reads else {}
                needed = {n for n, f in fields.items() if f.required and n != "file"}  # comes as name and content
                yield f"API {prefix} {name}", act.verb, set(fields) - {"file"}, needed
    for model, page in admin.site._registry.items():
        for button in (*getattr(page, "buttons", ()), getattr(page, "create", None)):
            if isinstance(button, Button):
                asked: dict[str, forms.Field] = button.asks.base_fields  # type: ignore[attr-defined]
                needed = {name for name, field in asked.items() if field.required or isinstance(field, RowsField)}
                yield f"admin {model._meta.label} {button.address}", button.verb, set(asked), needed


DOORS = {name: found for name, *found in doors()}


@pytest.mark.parametrize("name", DOORS)
def test_a_door_asks_for_what_its_verb_takes(name: str) -> None:
    verb, fields, needed = DOORS[name]
    takes = verb.arguments
    open_ended = any(argument.kind is argument.VAR_KEYWORD for argument in takes.values())
    required = {n for n, a in takes.items() if a.default is a.empty and a.kind is a.KEYWORD_ONLY}
    if name.startswith("API"):
        assert open_ended or fields <= {*takes, verb.target}, f"{name} asks for what {verb.__name__} does not take"
        assert required - {"filename", "content"} <= fields, f"{name} does not ask for what {verb.__name__} needs"
        assert open_ended or needed <= {*required, verb.target}, (
            f"{name} insists on what {verb.__name__} can do without"
        )
    else:  # a form may build an argument of several fields
        assert open_ended or not (required & fields) - needed, f"{name} lets out what {verb.__name__} needs"


def test_every_verb_has_a_door() -> None:
    reached = {id(verb) for verb, _fields, _needed in DOORS.values()}
    assert [name for name, verb in VERBS.items() if id(verb) not in reached] == []
