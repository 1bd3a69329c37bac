"""From a constraint that the database enforced to a sentence for the user."""

from django.apps import apps
from django.db import IntegrityError
from django.utils.translation import gettext as _

#: What the constraints and triggers mean that no field or service explains first.
_MESSAGES: dict[str, object] = {}


def explain(**messages: object) -> None:
    """Register the sentence that a user reads when the named constraint refuses a write."""
    _MESSAGES.update(messages)


def violated_constraint(error: IntegrityError) -> str:
    """The sentence for the constraint that `error` broke; its bare name where none was registered."""
    diagnostic = getattr(error.__cause__, "diag", None)
    name = getattr(diagnostic, "constraint_name", None) or ""
    if name in _MESSAGES:
        return str(_MESSAGES[name])
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if constraint.name == name:
                text = str(constraint.violation_error_message)
                if constraint.violation_error_message != constraint.default_violation_error_message:
                    return text
    primary = getattr(diagnostic, "message_primary", "") or ""
    if name:
        return _("This breaks the rule “%(rule)s”.") % {"rule": name.replace("_", " ")}
    return primary or _("The database refused this.")
