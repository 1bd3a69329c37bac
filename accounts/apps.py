from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Who acts: organizations, users, memberships and what a role may do."""

    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        """Have mail sent as it is written, by whatever process."""
        from accounts import tasks  # noqa: F401 - it needs the models
