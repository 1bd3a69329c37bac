"""What is read from a replica, where there is one: nothing that a command decides by. It is the same server here, by another
connection; that PostgreSQL replicates is not ours to test.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import pytest
from django.db import DatabaseError, connections, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from accounts import replicas
from accounts.models import Organization, User
from accounts.replicas import REPLICA

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", REPLICA])


@pytest.fixture(scope="module", autouse=True)
def _replica(django_db_setup: None) -> Iterator[None]:
    settings = deepcopy(connections.settings["default"])
    settings["OPTIONS"] = {"options": "-c default_transaction_read_only=on"}
    settings["TEST"]["MIRROR"] = "default"
    connections.settings[REPLICA] = settings
    yield
    connections[REPLICA].close()
    del connections[REPLICA], connections.settings[REPLICA]


def test_only_what_may_be_behind_is_read_there() -> None:
    Organization.objects.create(name="A")
    assert Organization.objects.get().pk and Organization.objects.all().db == "default"
    with replicas.reading():
        assert Organization.objects.all().db == REPLICA and Organization.objects.get().name == "A"
        assert replicas.connection_for(Organization) is connections[REPLICA]
    assert Organization.objects.all().db == "default"
    with transaction.atomic(), replicas.reading():
        assert Organization.objects.all().db == "default"


def test_all_of_it_is_of_one_moment() -> None:
    with replicas.reading():
        before = Organization.objects.count()
        Organization.objects.create(name="B")
        assert Organization.objects.count() == before
        assert Organization.objects.using("default").count() == before + 1


def test_nothing_is_written_there() -> None:
    with replicas.reading():
        made = Organization.objects.create(name="C")
        assert made._state.db == "default"
        with pytest.raises(DatabaseError):
            Organization.objects.using(REPLICA).create(name="D")
    assert not Organization.objects.filter(name="D").exists()


def test_the_overview_of_producers_is_read_there() -> None:
    admin = User.objects.create_superuser("root@relode.example", "x", name="Root")
    client = APIClient()
    client.force_authenticate(admin)
    asked = {"start": "2025-01-15", "end": "2025-03-15"}
    with CaptureQueriesContext(connections[REPLICA]) as there, CaptureQueriesContext(connections["default"]) as here:
        answer = client.get("/api/v1/epr-overview/", asked)
    assert answer.status_code == 200
    assert any("recycling_tally" in query["sql"] for query in there) and any(
        "FROM recycling_charge" in query["sql"] for query in there
    )
    assert not any("recycling_" in query["sql"] for query in here)


def test_without_one_everything_is_read_where_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(connections.settings, REPLICA)
    with replicas.reading():
        assert Organization.objects.all().db == "default"
