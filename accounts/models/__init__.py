from accounts.models.commands import Command
from accounts.models.invitations import INVITATION_MOVES, Invitation, InvitationStatus
from accounts.models.mail import Mail
from accounts.models.organizations import Function, Membership, Organization, Role, organizations_of
from accounts.models.parts import PartQuerySet
from accounts.models.users import User, Viewer

__all__ = [
    "INVITATION_MOVES",
    "Command",
    "Function",
    "Invitation",
    "InvitationStatus",
    "Mail",
    "Membership",
    "Organization",
    "PartQuerySet",
    "Role",
    "User",
    "Viewer",
    "organizations_of",
]
