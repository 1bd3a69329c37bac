"""Rules that every verb has in common: which status may follow, and what a text has to be."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Model
from django.utils.translation import gettext as _

from accounts.errors import Invalid, Refused

#: The longest reason, in characters; records and the ledger keep no more.
LONGEST_REASON = 500


def check_move(record: Model, to: str, moves: Sequence[tuple[str, str]]) -> None:
    """Raise `Refused` unless `moves` lead from the record's status to `to`."""
    status = record.status  # type: ignore[attr-defined]
    if (status, to) not in moves:
        label = dict(record._meta.get_field("status").flatchoices)  # type: ignore[union-attr]
        raise Refused(
            _("%(record)s is %(status)s, so it cannot become %(wanted)s.")
            % {"record": record, "status": label.get(status, status), "wanted": label.get(to, to)},
            code="wrong_status",
        )


def reason(text: str, *, field: str = "reason") -> str:
    """A reason without blanks around it; raises `Invalid` if there is none, or more than is kept of it."""
    stripped = text.strip()
    if not stripped:
        raise Invalid(_("Give a reason."), field=field, code="required")
    if len(stripped) > LONGEST_REASON:
        raise Invalid(_("Give at most %(longest)s characters.") % {"longest": LONGEST_REASON}, field=field)
    return stripped


def text(value: str, *, field: str, longest: int, shortest: int = 1) -> str:
    """A text without blanks around it; raises `Invalid` if it has not `shortest` to `longest` characters."""
    value = value.strip()
    if len(value) > longest and not shortest:
        raise Invalid(_("Give at most %(longest)s characters.") % {"longest": longest}, field=field)
    if not shortest <= len(value) <= longest:
        raise Invalid(
            _("Give %(shortest)s to %(longest)s characters.") % {"shortest": shortest, "longest": longest}, field=field
        )
    return value
