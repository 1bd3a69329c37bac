"""Asking for a file to be imported. The import itself is in `collection.imports`; what is asked for is a row first."""

from __future__ import annotations

import hashlib

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.actors import Actor
from accounts.errors import Forbidden, Invalid
from accounts.models import Function, Organization, Role
from collection.models import ImportRun

#: What may be sent through the API or the admin, as it comes, packed or not. Larger files go through `importfile`.
MAX_UPLOAD = 50 * 1024**2


def check(*, actor: Actor, organization: Organization, functions: frozenset[Function] = frozenset()) -> None:
    """Raise `Forbidden` unless the actor may import in the name of `organization`, and that is one of `functions`; with
    none named, any but a regulator, whose part it is to read.
    """
    actor.require(organization, role=Role.OPERATOR)
    allowed = functions or frozenset(Function) - {Function.REGULATOR}
    if not actor.user.is_superuser and not allowed & set(organization.functions):
        raise Forbidden(
            _("This needs an organization that is one of: %(functions)s.")
            % {"functions": ", ".join(sorted(str(function.label) for function in allowed))},
            field="organization",
        )


@transaction.atomic
def request(
    *,
    actor: Actor,
    organization: Organization,
    kind: str,
    filename: str,
    content: bytes | None,
    sha256: str = "",
    skip_bad_rows: bool = False,
    functions: frozenset[Function] = frozenset(),
) -> ImportRun:
    """Note that a file is to be imported in the name of `organization` (see `check`).

    Without `content` the caller reads the file itself, and nobody else takes the import up.
    """
    check(actor=actor, organization=organization, functions=functions)
    if kind not in ImportRun.Kind.values:
        raise Invalid(_("There is no such kind of import."), field="kind")
    if content is not None:
        if not content:
            raise Invalid(_("The file is empty."), field="file")
        if len(content) > MAX_UPLOAD:
            raise Invalid(
                _("More than %(size)s bytes. Pack the file, split it, or have it imported by the command line.")
                % {"size": f"{MAX_UPLOAD:,}"},
                field="file",
                code="too_large",
            )
        sha256 = hashlib.sha256(content).hexdigest()
    return ImportRun.objects.create(
        kind=kind,
        organization=organization,
        requested_by=actor.user,
        filename=(filename.replace("\0", "").strip() or "?")[-200:],
        content=content,
        sha256=sha256,
        skip_bad_rows=skip_bad_rows,
    )
