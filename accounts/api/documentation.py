"""The API's documentation: a tag per aggregate, a summary per operation, and what a verb needs and refuses."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from drf_spectacular.openapi import AutoSchema

from accounts.verbs import Verb

_READS = {"list": "List {these}", "retrieve": "Read one of {these}"}


class Operation(AutoSchema):
    """One operation of the API. Those that are doors to verbs are described by the verb's own declaration."""

    @property
    def act(self) -> Any:
        """The function behind the operation."""
        return getattr(self.view, getattr(self.view, "action", None) or self.method.lower(), None)

    @property
    def verb(self) -> Verb[..., Any] | None:
        """The verb that the operation is a door to."""
        return getattr(self.act, "verb", None)

    @property
    def behind(self) -> Verb[..., Any] | None:
        """The verb that the operation is a door to, or calls by itself."""
        return getattr(self.act, "behind", self.verb)

    def get_tags(self) -> list[str]:
        return ["/".join(part for part in self.path.split("/")[3:] if part).split("/")[0]]

    def get_summary(self) -> str | None:
        these = self.get_tags()[0].replace("-", " ")
        known = _READS.get(getattr(self.view, "action", ""), "").format(these=these)
        return known or _sentences(self.act)[0] or None

    def get_description(self) -> str:
        if self.behind is None:
            return str(super().get_description())
        return "\n\n".join(part for part in (_sentences(self.act)[1], *described(self.behind)) if part)

    def get_request_serializer(self) -> Any:
        return self.act.reads if self.verb is not None else super().get_request_serializer()

    def get_response_serializers(self) -> Any:
        if self.verb is None:
            return super().get_response_serializers()
        return {self.act.status: self.view.get_serializer_class()}

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        refused = {**self._refused_anywhere(), **(refusals(self.behind) if self.behind is not None else {})}
        for status in sorted(refused):
            if status != "404" or "{" in self.path:
                bodies.setdefault(status, {"description": refused[status], "content": _PROBLEM})
        bodies["414"] = {"description": "The address is longer than is read. Answered before Relode, in words alone."}
        return bodies

    def _refused_anywhere(self) -> dict[str, str]:
        """What any operation of this kind refuses, beside what its verb does."""
        found = _ANYWHERE | (_WITH_A_BODY if self.method in ("POST", "PUT", "PATCH") else {})
        return found if self.get_auth() else {status: found[status] for status in found if status != "401"}


_ANYWHERE = {
    "400": "A value is wrong; `errors` names field and cause.",
    "401": "Nobody is logged in.",
    "403": "The caller may not do or read this.",
    "404": "There is no such record, or the caller may not see it.",
    "406": "Nothing of what `Accept` asks for is given.",
    "429": "Too many requests; `Retry-After` says when to come again.",
    "503": "Something that this needs cannot be reached, or took too long; `Retry-After` says when to come again.",
}
_WITH_A_BODY = {
    "413": "The body is larger than is read.",
    "415": "The body is of a kind that is not read here.",
}

_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def refusals(verb: Verb[..., Any]) -> dict[str, str]:
    """What a door to `verb` refuses, by status, and when."""
    needed = f"what is needed, {_needed(verb)}" if verb.requirement is not None else _needed(verb)
    status = _in_words(verb.when) if verb.when is not None and verb.field == "status" else ""
    return {
        "401": "Nobody is logged in.",
        "403": f"The caller has not {needed}.",
        "409": f"{f'The status is not: {status}; or a' if status else 'A'}nother record does not allow it.",
    }


def _in_words(statuses: Iterable[object]) -> str:
    return " or ".join(str(status) for status in statuses)


def _needed(verb: Verb[..., Any]) -> str:
    if verb.of is None:
        return _plain(verb.requirement)
    whose = " or ".join(_possessive(path) for path in verb.paths) or _plain(verb.of)
    function = f", which must be a {verb.function}" if verb.function else ""
    return f"the role {verb.role} (or more) at {whose}{function}"


def described(verb: Verb[..., Any]) -> list[str]:
    """What `verb` needs, in sentences."""
    sentences = []
    sentences.append(f"Needs {_needed(verb)}." if verb.of is not None else f"Needs: {_needed(verb)}.")
    if verb.when is not None and verb.field == "status":
        sentences.append(f"Only while the status is: {_in_words(verb.when)}.")
    if verb.ends:
        sentences.append(f"The status becomes: {_in_words(verb.ends)}.")
    return sentences


def _possessive(path: str) -> str:
    first, *others = [part.replace("_", " ") for part in path.split("__")]
    return f"the {'’s '.join((first, *others))}"


def _plain(function: object) -> str:
    """The first sentence of a function's docstring, as part of another."""
    first = _sentences(function)[0]
    return first[:1].lower() + first[1:]


def _sentences(function: object) -> tuple[str, str]:
    """The first sentence of a function's docstring without its full stop, and all others."""
    first, _gap, others = (inspect.getdoc(function) or "").partition("\n\n")
    sentence, stop, more = " ".join(first.split()).partition(". ")
    return sentence.removesuffix("."), "\n\n".join(part for part in (more if stop else "", others) if part)


_TEXT = {"type": "string"}

#: RFC 9457, as `accounts.api.problems` writes it.
PROBLEM = {
    "type": "object",
    "description": "Why a request was refused.",
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": _TEXT,
        "request_id": _TEXT,
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": _TEXT, "code": _TEXT, "message": _TEXT},
                "required": ["field", "code", "message"],
            },
        },
    },
    "required": ["type", "title", "status", "detail", "instance", "request_id", "errors"],
}
