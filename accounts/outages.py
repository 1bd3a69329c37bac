"""What a database that cannot answer now is to those who ask: an outage, which passes, and no fault of what they sent."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import InterfaceError, InternalError, OperationalError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class OutOfTime(OperationalError):
    """A request that has taken as long as requests may."""


@dataclass(frozen=True)
class Outage:
    """Why there is no answer now, and after how many seconds to ask again."""

    code: str
    message: str | Promise
    retry_after: int


BUSY = Outage("busy", _("Somebody else is changing the same records; try again."), 1)
TOO_SLOW = Outage("timeout", _("This took too long and was given up; ask for less, or try again in a while."), 10)
AWAY = Outage("unavailable", _("The database cannot be reached; try again in a while."), 5)
FULL = Outage("unavailable", _("The database cannot take more at the moment; try again in a while."), 30)
READ_ONLY = Outage("unavailable", _("Nothing can be changed at the moment; try again in a while."), 30)

#: SQLSTATEs, or their classes, of what passes (PostgreSQL manual, appendix A).
_STATES = {
    "40001": BUSY,
    "40P01": BUSY,
    "55P03": BUSY,
    "57014": TOO_SLOW,
    "25006": READ_ONLY,
    "08": AWAY,
    "57P": AWAY,
    "53": FULL,
}


def outage_of(error: BaseException | None) -> Outage | None:
    """What passes by itself; `None` for every other error."""
    match error:
        case OutOfTime():
            return TOO_SLOW
        case OperationalError() | InterfaceError() | InternalError():
            state = getattr(error.__cause__, "sqlstate", None)
            if state is None:  # no server said so: there is no connection, or none was free in time
                return None if isinstance(error, InternalError) else AWAY
            return next((outage for start, outage in _STATES.items() if state.startswith(start)), None)
    return None
