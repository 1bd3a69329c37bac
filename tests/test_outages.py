"""What is answered while the database waits, is away, or takes nothing: 503 and when to come again, by a real web server."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, InterfaceError, InternalError, OperationalError, connection
from django.test import Client
from knox.models import AuthToken

from accounts import outages
from accounts.models import Role
from development import supervisor
from tests.world import World

LOCK_SECONDS = 1


class Site:
    """A web server with few threads, and a door for health of its own."""

    def __init__(self, port: int, health: int, token: str) -> None:
        self.port, self.health, self.token = port, health, token

    def ask(self, path: str, body: Any = None, *, port: int | None = None) -> tuple[int, dict[str, str], str]:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port or self.port}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Token {self.token}",
                "Content-Type": "application/json",
                "Cookie": "sessionid=x",
            },
        )
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.status, dict(answer.headers), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read().decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def site(process_environment: dict[str, str], world: World, tmp_path: Path) -> Iterator[Site]:
    _made, token = AuthToken.objects.create(world.user(world.recycler, Role.OPERATOR))
    port, health = free_port(), free_port()
    environment = process_environment | {
        "DJANGO_SETTINGS_MODULE": "config.settings.development", "DEBUG": "false", "LOG_LEVEL": "WARNING",
        "WEB_CONCURRENCY": "1", "HEALTH_PORT": str(health), "DATABASE_LOCK_SECONDS": str(LOCK_SECONDS),
        "DATABASE_POOL_SECONDS": "4",
    }  # fmt: skip
    with (
        (tmp_path / "web.log").open("wb") as output,
        supervisor.running(web=port, environment=environment, output=output),
    ):
        yield Site(port, health, token)


def database(name: str) -> psycopg.Connection[Any]:
    own = connection.settings_dict
    return psycopg.connect(
        host=own["HOST"], port=own["PORT"], user=own["USER"], password=own["PASSWORD"], dbname=name, autocommit=True
    )


def disconnect_all(server: psycopg.Connection[Any]) -> None:
    """As a restart does it to those who were connected."""
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> %s",
        [connection.settings_dict["NAME"], connection.connection.info.backend_pid],
    )


@pytest.mark.django_db(transaction=True)
def test_a_web_server_whose_database_has_its_troubles(site: Site) -> None:
    name = psycopg.sql.Identifier(connection.settings_dict["NAME"])
    assert site.ask("/api/v1/batteries/")[0] == 200

    # All four threads wait for a lock, and more requests for them. Whoever asks for its health hears at once.
    with database(connection.settings_dict["NAME"]) as holder, ThreadPoolExecutor(6) as clients:
        holder.execute("BEGIN; LOCK TABLE collection_pickup IN ACCESS EXCLUSIVE MODE")
        waiting = [clients.submit(site.ask, "/api/v1/pickups/") for _client in range(6)]
        time.sleep(0.3)
        began = time.monotonic()
        health = [site.ask("/healthz", port=site.health)[0] for _time in range(20)]
        assert health == [200] * 20 and time.monotonic() - began < LOCK_SECONDS
        assert json.loads(site.ask("/readyz", port=site.health)[2])["components"]["database"]["status"] == "ok"
        answers = [one.result() for one in waiting]
        holder.execute("ROLLBACK")
    for status, headers, body in answers:
        assert (status, headers["Content-Type"], headers["Retry-After"]) == (503, "application/problem+json", "1")
        assert json.loads(body)["errors"][0]["code"] == "busy"

    with database("postgres") as server:
        # Restarted: no connection of the pool is what it was, and nobody notices.
        disconnect_all(server)
        assert [site.ask("/api/v1/batteries/")[0] for _time in range(24)] == [200] * 24

        # It takes nothing more, as a replica that has not taken over yet, or a full disk.
        server.execute(psycopg.sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
        disconnect_all(server)
        status, headers, body = site.ask(
            "/api/v1/utilization-runs/", {"from_day": "2025-01-01", "to_day": "2025-01-02"}
        )
        server.execute(psycopg.sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
        assert (status, headers["Retry-After"], json.loads(body)["errors"][0]["code"]) == (503, "30", "unavailable")
        assert site.ask("/api/v1/utilization-runs/")[0] == 200

        # Away altogether.
        try:
            server.execute(psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
            disconnect_all(server)
            status, headers, body = site.ask("/api/v1/batteries/")
            assert (status, headers["Content-Type"]) == (503, "application/problem+json"), body
            assert headers["Retry-After"] and json.loads(body)["errors"][0]["code"] == "unavailable"
            status, headers, body = site.ask("/admin/")
            assert (status, headers["Content-Type"].split(";")[0]) == (503, "text/html") and "Not now" in body
            assert headers["Retry-After"]
            assert site.ask("/readyz", port=site.health)[0] == 503
            assert site.ask("/healthz", port=site.health)[0] == 200
        finally:
            server.execute(psycopg.sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))
        deadline = time.monotonic() + 30
        while site.ask("/api/v1/batteries/")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def said(kind: type[Exception], state: str | None) -> Exception:
    error = kind("x")
    if state is not None:
        error.__cause__ = type("Said", (Exception,), {"sqlstate": state})()
    return error


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (said(OperationalError, "55P03"), outages.BUSY),
        (said(OperationalError, "40P01"), outages.BUSY),
        (said(OperationalError, "57014"), outages.TOO_SLOW),
        (said(OperationalError, "57P01"), outages.AWAY),
        (said(OperationalError, "53300"), outages.FULL),
        (said(OperationalError, "53100"), outages.FULL),
        (said(InternalError, "25006"), outages.READ_ONLY),
        (said(OperationalError, "08006"), outages.AWAY),
        (said(OperationalError, None), outages.AWAY),
        (said(InterfaceError, None), outages.AWAY),
        (outages.OutOfTime(), outages.TOO_SLOW),
        (said(InternalError, None), None),
        (said(OperationalError, "42P01"), None),
        (said(DatabaseError, "55P03"), None),
        (ValueError(), None),
        (None, None),
    ],
)
def test_what_passes_by_itself(error: Exception | None, outage: outages.Outage | None) -> None:
    assert outages.outage_of(error) is outage


def test_a_statement_that_takes_too_long(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 1")
        with pytest.raises(OperationalError) as raised:
            cursor.execute("SELECT pg_sleep(5)")
    assert outages.outage_of(raised.value) is outages.TOO_SLOW


@pytest.mark.parametrize("path", ["/api/v1/batteries/", "/admin/collection/battery/"])
def test_a_request_that_takes_too_long_ends(world: World, settings: Any, path: str) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(world.user(world.recycler, Role.OPERATOR))
    settings.REQUEST_SECONDS = -1
    answer = client.get(path)
    assert (answer.status_code, answer["Retry-After"]) == (503, "10"), answer.content
    is_api = path.startswith("/api/")
    assert answer["Content-Type"].startswith("application/problem+json" if is_api else "text/html")
    assert b"too long" in answer.content
