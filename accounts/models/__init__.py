from accounts.models.commands import Command
from accounts.models.organizations import Function, Membership, Organization, Role, organizations_of
from accounts.models.users import User

__all__ = [
    "Command",
    "Function",
    "Membership",
    "Organization",
    "Role",
    "User",
    "organizations_of",
]
