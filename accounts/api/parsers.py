"""How the body of a request is read."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _
from rest_framework import exceptions, parsers

#: How deep lists and objects may stand in each other; no body that we read has more than five.
DEEPEST = 20

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class JSONParser(parsers.JSONParser):
    """JSON whose texts can be stored and answered with, and which is no deeper than anybody means it to be.

    JSON can escape halves of a character (surrogates) and the null character, which UTF-8 cannot say and PostgreSQL does not
    take.
    """

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        try:
            body = super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise _too_deep() from None
        _check(body)
        return body


def _check(value: object, path: tuple[str, ...] = ()) -> None:
    if len(path) > DEEPEST:
        raise _too_deep()
    match value:
        case str() if _UNSTORABLE.search(value):
            message = _("This text has a character that cannot be stored, such as half of one or the null character.")
            raise exceptions.ValidationError({".".join(path): [message]})
        case dict():
            for name, part in value.items():
                _check(name, path)
                _check(part, (*path, name))
        case list():
            for index, part in enumerate(value):
                _check(part, (*path, str(index)))


def _too_deep() -> exceptions.ParseError:
    return exceptions.ParseError(
        _("Lists and objects stand in each other more than %(most)s deep.") % {"most": DEEPEST}
    )
