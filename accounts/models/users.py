from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import AnonymousUser, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, user: "Viewer") -> "UserQuerySet":
        """A user sees itself and the members of its own organizations."""
        from accounts.models.organizations import organizations_of  # late: organizations point at users

        if user.is_superuser:
            return self
        colleagues = User.objects.filter(memberships__organization__in=organizations_of(user)).values("pk")
        return self.filter(models.Q(pk=user.pk) | models.Q(pk__in=colleagues))


class UserAccounts(BaseUserManager.from_queryset(UserQuerySet)["User"]):  # type: ignore[misc]
    """Creates users; an email is kept in lower case since nobody expects two users to differ by case alone."""

    use_in_migrations = False

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user: User = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.full_clean()
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        found: User = self.get(email=(username or "").strip().lower())
        return found


class User(AbstractBaseUser, PermissionsMixin):
    """A person who logs in by email. What it may do follows from its memberships alone."""

    email = models.EmailField(_("email"), unique=True)
    name = models.CharField(_("name"), max_length=150)
    is_active = models.BooleanField(_("active"), default=True)
    joined_at = models.DateTimeField(_("joined at"), auto_now_add=True)

    objects: ClassVar[UserAccounts] = UserAccounts()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = (models.CheckConstraint(condition=models.Q(email=Lower("email")), name="user_email_lower_case"),)

    #: Asked several times in each request of the admin, and read once.
    _is_member: bool | None = None

    def __str__(self) -> str:
        return self.email

    @property
    def is_staff(self) -> bool:
        """Every member of an organization works in the admin; it is scoped to what is theirs."""
        if self.is_superuser:
            return True
        if self._is_member is None:
            self._is_member = self.memberships.exists()
        return self._is_member


#: Whoever looks at something: everything asks this of its `visible_to`.
type Viewer = User | AnonymousUser
