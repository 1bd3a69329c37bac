"""That a refused command leaves everything as it was."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps

from accounts.errors import DomainError


def state(*apps_looked_at: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of the apps (accounts and collection, unless named), but for when somebody logged in last."""
    return {
        model._meta.label: [
            {name: value for name, value in row.items() if name != "last_login"}
            for row in model._default_manager.order_by("pk").values()
        ]
        for app in apps_looked_at or ("accounts", "collection")
        for model in apps.get_app_config(app).get_models()
    }


def refused(kind: type[DomainError], act: Any, field: str | None = None, /, **arguments: Any) -> DomainError:
    """`act` raises `kind`, naming `field` if one is given, and changes nothing."""
    before = state()
    with pytest.raises(kind) as raised:
        act(**arguments)
    assert type(raised.value) is kind
    if field is not None:
        assert raised.value.field == field, raised.value
    assert state() == before
    return raised.value
