"""Verbs as doors of the API: one line in a viewset for each, and in each record those that are open to its reader now.

    class PickupViewSet(VisibleViewSet):
        create = opens(pickups.request, RequestIn)
        schedule = door(pickups.schedule, ScheduleIn)

Name, address and documentation of a door follow from the verb that is behind it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import rules
from accounts.api.fields import TextField
from accounts.verbs import Verb

type Reads = type[serializers.BaseSerializer[Any]]
type After = Callable[[Any], object]


def door(
    verb: Verb[..., Any],
    reads: Reads | None = None,
    *,
    name: str = "",
    address: str = "",
    status: int = 200,
    after: After | None = None,
) -> Any:
    """A door to `verb` on a record: `POST …/{pk}/{address}/`.

    `name` is the attribute's, where that is not the verb's; `address`, where it is neither.

    `reads` validates the body; it may be left out for a verb that asks for nothing but a reason, days and times.
    `after` is done with what the verb returned.
    """
    body = reads or reader(verb)

    def act(self: Any, request: Request, pk: str) -> Response:
        answer: Response = self.command(verb, body, status=status, after=after, **{verb.target: self.get_object()})
        return answer

    act.__name__ = name or verb.__name__
    address = address or act.__name__.strip("_").replace("_", "-")
    return _leads_to(action(detail=True, methods=["post"], url_path=address, url_name=address)(act), verb, body, status)


def opens(verb: Verb[..., Any], reads: Reads, *, name: str = "", status: int = 201, after: After | None = None) -> Any:
    """A door to `verb`, which makes a record or finds it by what is sent: `POST …/`, or `POST …/{name}/`."""

    def create(self: Any, request: Request) -> Response:
        answer: Response = self.command(verb, reads, status=status, after=after)
        return answer

    if name:
        create.__name__, address = name, name.replace("_", "-")
        create = action(detail=False, methods=["post"], url_path=address, url_name=address)(create)
    return _leads_to(create, verb, reads, status)


def _leads_to(act: Any, verb: Verb[..., Any], reads: Reads | None, status: int) -> Any:
    act.__doc__ = inspect.getdoc(verb)
    act.verb, act.reads, act.status = verb, reads, status
    return act


def calls(verb: Verb[..., Any]) -> Callable[[Any], Any]:
    """For a door written by hand: it is documented by the verb that it calls."""

    def mark(act: Any) -> Any:
        act.behind = verb
        return act

    return mark


#: Arguments that say by their type how they are read.
_FIELDS: dict[str, Callable[..., serializers.Field[Any, Any, Any, Any]]] = {
    "rules.Reason": lambda **options: TextField(max_length=rules.LONGEST_REASON, **options),
    "datetime": serializers.DateTimeField,
    "date": serializers.DateField,
}


def reader(verb: Verb[..., Any]) -> Reads | None:
    """A serializer of the verb's reason, days and times; `None` if it asks for nothing."""
    if not verb.arguments:
        return None
    fields: dict[str, Any] = {}
    for name, argument in verb.arguments.items():
        kind = str(argument.annotation)
        assert kind in _FIELDS, f"{verb.__name__} takes {name}, a {kind}: give its door a serializer"
        fields[name] = _FIELDS[kind](required=argument.default is argument.empty)
    model = verb.model
    assert model is not None
    return type(f"{model.__name__}{verb.__name__.title().replace('_', '')}In", (serializers.Serializer,), fields)


def doors_of(viewset: Any) -> list[tuple[str, Verb[..., Any]]]:
    """The doors to verbs on a record, by name, in the order in which they stand in the viewset."""
    order = list(vars(viewset))
    acts = [act for act in viewset.get_extra_actions() if act.detail and hasattr(act, "verb")]
    return [(act.url_name, act.verb) for act in sorted(acts, key=lambda act: order.index(act.__name__))]


class VerbOut(serializers.Serializer[Any]):
    """Something that the reader may do with the record now: its name, and where and how it is sent."""

    name = serializers.CharField()
    url = serializers.CharField()
    method = serializers.CharField()


@extend_schema_field(VerbOut(many=True))
class VerbsField(serializers.Field[Any, Any, Any, Any]):
    """What the reader may do with the record now, so that no client has to guess it from status and role."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**(options | {"source": "*", "read_only": True}))

    def to_representation(self, record: Any) -> list[Mapping[str, str]]:
        return open_doors(self.context["view"], record)


def open_doors(view: Any, record: Any) -> list[Mapping[str, str]]:
    """The doors of `view` to the verbs that its reader may use on the record now."""
    return [
        {"name": name, "url": view.address_of(name, record), "method": "POST"}
        for name, verb in view.doors
        if verb.offers(view.actor, record)
    ]
