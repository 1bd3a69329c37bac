"""Rules that every verb has in common: which status may follow, and what a text has to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db.models import Field, Model
from django.utils.translation import gettext as _

from accounts import written
from accounts.errors import Invalid, Refused, Text

#: The longest reason, in characters; records and the ledger keep no more.
LONGEST_REASON = 500

#: Why something is done, as `reason` wants it: doors read an argument of this type without being told how.
type Reason = str


def check_move(record: Model, to: str, moves: Sequence[tuple[str, str]]) -> None:
    """Raise `Refused` unless `moves` lead from the record's status to `to`."""
    if (record.status, to) not in moves:  # type: ignore[attr-defined]
        raise not_movable(record, to)


def not_movable(record: Model, to: str) -> Refused:
    """Why a record that has another status cannot have the status `to` next."""
    labels = _labels(record, "status")
    return Refused(
        _("%(record)s is %(status)s, so it cannot become %(wanted)s.")
        % {"record": record, "status": labels[record.status], "wanted": labels[to]},  # type: ignore[attr-defined]
        code="wrong_status",
    )


def not_in(record: Model, wanted: Iterable[object], field: str = "status") -> Refused:
    """Why a verb is refused that needs one of the values `wanted` in `field` of a record that has another."""
    labels = _labels(record, field)
    return Refused(
        _("%(record)s is %(status)s; for this it would have to be: %(wanted)s.")
        % {
            "record": record,
            "status": labels[getattr(record, field)],
            "wanted": ", ".join(str(labels[value]) for value in wanted),
        },
        code="wrong_status",
    )


def _labels(record: Model, field: str) -> dict[object, Text]:
    found: Field[object, object] = record._meta.get_field(field)  # type: ignore[assignment]
    name = found.verbose_name
    return dict(found.flatchoices) if found.choices else {True: name, False: _("not %(name)s") % {"name": name}}


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


def number(value: str, *, field: str, longest: int = 60, shortest: int = 1) -> str:
    """As `text`, for a number or a code that people type or scan: what looks alike is written alike (`accounts.written`)."""
    return text(written.plain(value, field=field), field=field, longest=longest, shortest=shortest)


def check_lengths(record: Model, *, prefix: str = "") -> None:
    """Raise `Invalid` where a text of the record is longer than what is kept of it."""
    for field in record._meta.concrete_fields:
        value = getattr(record, field.attname)
        if isinstance(value, str) and field.max_length is not None:
            text(value, field=f"{prefix}{field.name}", longest=field.max_length, shortest=0)


def listed(parts: Iterable[str], *, separator: str = ", ", longest: int = LONGEST_REASON) -> str:
    """`parts` in one text of our own. What does not fit is left out and counted: “A, B … and 12 more”."""
    parts = list(parts)
    whole = separator.join(parts)
    for kept in range(min(len(parts), longest), 0, -1):
        if len(whole) <= longest:
            break
        more = _(" … and %(number)d more") % {"number": len(parts) - kept + 1}
        whole = separator.join(parts[: kept - 1] or [parts[0][: longest - len(more)]]) + more
    return whole
