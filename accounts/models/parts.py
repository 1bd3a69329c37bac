from __future__ import annotations

from typing import Any, ClassVar, Self

from django.db import models

from accounts.models.users import Viewer


class PartQuerySet[M: models.Model](models.QuerySet[M]):
    """Parts of a record, which whoever may see the whole may see. `whole` is the field that leads to it."""

    whole: ClassVar[str]
    #: Whether all may who see the whole. The database judges such a part by its whole (`accounts.isolation`).
    is_as_whole: ClassVar[bool] = True

    def visible_to(self, user: Viewer) -> Self:
        """As the whole."""
        if user.is_superuser:
            return self
        wholes: Any = self.model._meta.get_field(self.whole).related_model
        return self.filter(**{f"{self.whole}__in": wholes.objects.visible_to(user).values("pk")})
