"""What a service says when it does not do what it was asked to.

Services know neither HTTP nor forms: they raise one of these, and each door (API, admin, import, command) shows it
in its own way, always naming the field and the cause.
"""

from collections.abc import Mapping

from django.utils.functional import Promise

type Text = str | Promise


class DomainError(Exception):
    """A refused command. `field` names the argument at fault, where there is one."""

    code = "error"
    status = 400
    """What a door of HTTP answers with."""

    def __init__(self, message: Text, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.code = code or self.code

    @property
    def errors(self) -> Mapping[str, Text]:
        return {self.field or "": self.message}


class Invalid(DomainError):
    """A value that could never be accepted, whatever the state of the record."""

    code = "invalid"


class TooLarge(Invalid):
    """More bytes than are taken."""

    code = "too_large"
    status = 413


class Refused(DomainError):
    """A command that a rule forbids in the present state of the records."""

    code = "refused"
    status = 409


class Forbidden(DomainError):
    """The actor sees the record but may not do this to it."""

    code = "forbidden"
    status = 403
