"""The ground that everything stands on: servers, settings, health, logs."""

import pytest
from django.core.cache import cache
from django.db import connection


@pytest.mark.django_db
def test_real_servers():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
        assert cursor.fetchone() == (18,)
    cache.set("x", 1)
    assert cache.get("x") == 1
