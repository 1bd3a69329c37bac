from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Who acts: organizations, users, memberships and what a role may do."""

    name = "accounts"
    verbose_name = _("Accounts")

    def ready(self) -> None:
        """Have mail sent as it is written, by whatever process, and the database know who acts."""
        from accounts import acting, isolation, tasks  # noqa: F401 - they need the models

        connection_created.connect(acting.listen)
        post_migrate.connect(isolation.after_migrating)
