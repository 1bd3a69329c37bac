from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.errors import Forbidden
from accounts.models import Function, Membership, Organization, Role, User


@dataclass(frozen=True)
class Actor:
    """Who gives a command. Every service takes one first and asks it before anything else."""

    user: User
    memberships: tuple[Membership, ...]

    @classmethod
    def of(cls, user: User) -> Actor:
        """The actor for a logged-in user, with its memberships as they are now (one query)."""
        return cls(user, tuple(Membership.objects.filter(user=user).select_related("organization")))

    def may(
        self, *organizations: Organization | int | None, role: Role = Role.OPERATOR, function: Function | None = None
    ) -> bool:
        """Whether the actor holds at least `role` in one of `organizations`, or of those with these keys (that has
        `function`).
        """
        if not self.user.is_active:
            return False
        if self.user.is_superuser:
            return True
        wanted = {
            organization.pk if isinstance(organization, Organization) else organization
            for organization in organizations
        }
        return any(
            membership.organization_id in wanted
            and Role(membership.role).rank >= role.rank
            and (function is None or membership.organization.has_function(function))
            for membership in self.memberships
        )

    def require(
        self, *organizations: Organization | None, role: Role = Role.OPERATOR, function: Function | None = None
    ) -> None:
        """Raise `Forbidden` unless `may` holds."""
        if not self.may(*organizations, role=role, function=function):
            names = ", ".join(sorted({o.name for o in organizations if o is not None})) or _("nobody")
            if function is None:
                raise Forbidden(_("This needs the role %(role)s in: %(names)s.") % {"role": role.label, "names": names})
            raise Forbidden(
                _("This needs the role %(role)s in a %(function)s organization: %(names)s.")
                % {"role": role.label, "function": function.label, "names": names}
            )

    def require_platform(self) -> None:
        """Raise `Forbidden` unless the actor runs the platform: reference data belong to no organization."""
        if not (self.user.is_active and self.user.is_superuser):
            raise Forbidden(_("Only the operators of this platform may do this."))

    def organization_for(
        self, organizations: Iterable[Organization | None], *, role: Role = Role.OPERATOR
    ) -> Organization | None:
        """In whose name the actor acts: the first of `organizations` in which it holds `role`."""
        return next((o for o in organizations if o is not None and self.may(o, role=role)), None)
