from accounts.models.commands import Command
from accounts.models.organizations import Function, Membership, Organization, Role, organizations_of
from accounts.models.parts import PartQuerySet
from accounts.models.users import User, Viewer

__all__ = [
    "Command",
    "Function",
    "Membership",
    "Organization",
    "PartQuerySet",
    "Role",
    "User",
    "Viewer",
    "organizations_of",
]
