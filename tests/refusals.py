"""That a refused command leaves everything as it was."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model

from accounts.errors import DomainError

APPS = ("accounts", "collection", "recycling")


@cache
def _all_rows(apps_looked_at: tuple[str, ...], but: tuple[type[Model], ...]) -> str:
    """SQL that reads them, in one statement: tests look thousands of times, at some eighty tables."""
    return " UNION ALL ".join(
        f"SELECT '{model._meta.label}', (to_jsonb(r) - 'last_login')::text FROM {model._meta.db_table} r"
        for app in apps_looked_at
        for model in apps.get_app_config(app).get_models()
        if model not in but
    )


def state(*apps_looked_at: str, but: tuple[type[Model], ...] = ()) -> list[tuple[str, str]]:
    """Every row of the apps (all, unless named) with its model, but for when somebody logged in last."""
    with connection.cursor() as cursor:
        cursor.execute(_all_rows(apps_looked_at or APPS, but))
        return sorted(cursor.fetchall())


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
