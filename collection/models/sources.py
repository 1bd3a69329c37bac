from django.db import models
from django.utils.translation import gettext_lazy as _


class Confidence(models.TextChoices):
    """How sure a fact is. All but `S` are shown to the user as unverified."""

    READ = "S", _("read in the named source")
    WEAK = "S2", _("read in a weak source only")
    HIGH = "B-hi", _("common knowledge, about 90 % sure")
    MEDIUM = "B-med", _("common knowledge, about 75 % sure")
    LOW = "B-lo", _("common knowledge, about 55 % sure")

    @property
    def is_verified(self) -> bool:
        return self is Confidence.READ
