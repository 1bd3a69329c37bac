"""What is seen from outside: metrics, traces, errors and slow statements, of a real web server and a real worker."""

from __future__ import annotations

import contextlib
import gzip
import json
import re
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from knox.models import AuthToken

from accounts.models import Role
from config import metrics
from development import supervisor
from development.servers import PROJECT
from tests.test_outages import Site, free_port
from tests.world import World, batteries_at

FOLDER = PROJECT / "docker" / "observability"


class Receiver:
    """What traces and errors are sent to: keeps what it got, by path."""

    def __init__(self) -> None:
        self.got: list[tuple[str, bytes]] = []
        receiver = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                packed = self.headers.get("Content-Encoding") == "gzip"
                receiver.got.append((self.path, gzip.decompress(body) if packed else body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.settings = {
            "OTLP_ENDPOINT": self.url, "OTEL_BSP_SCHEDULE_DELAY": "100",
            "SENTRY_DSN": f"http://public@127.0.0.1:{self.server.server_port}/1",
        }  # fmt: skip
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def everything(self) -> bytes:
        return b"".join(body for _path, body in self.got)

    def errors(self) -> list[bytes]:
        return [body for path, body in self.got if path.startswith("/api/1/envelope") and b'"exception"' in body]

    def wait_for(self, path: str, text: bytes) -> bytes:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for got, body in self.got:
                if got.startswith(path) and text in body:
                    return body
            time.sleep(0.05)
        raise AssertionError(f"nothing with {text!r} came to {path}; {[got for got, _body in self.got]} did")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def scrape(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line and line[0] != "#"}


@contextlib.contextmanager
def without(table: str) -> Iterator[None]:
    """What nobody foresees: a table that is not there."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO away")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE away RENAME TO {table}")


@pytest.mark.django_db(transaction=True)
def test_a_web_server_that_is_looked_at(
    process_environment: dict[str, str], world: World, tmp_path: Path, receiver: Receiver
) -> None:
    batteries_at(world, world.yard)
    user = world.user(world.recycler, Role.OPERATOR)
    _made, token = AuthToken.objects.create(user)
    port, health = free_port(), free_port()
    environment = process_environment | {
        "DJANGO_SETTINGS_MODULE": "config.settings.development", "DEBUG": "false", "WEB_CONCURRENCY": "2", "METRICS": "1",
        "HEALTH_PORT": str(health), "SLOW_STATEMENT_SECONDS": "0.0000001", "RELODE_ROLE": "web",
    } | receiver.settings  # fmt: skip
    log = tmp_path / "web.log"
    with log.open("wb") as output, supervisor.running(web=port, environment=environment, output=output):
        site = Site(port, health, token)
        for path in (
            "/api/v1/batteries/",
            "/api/v1/batteries/?identifier=SECRETVIN",
            "/api/v1/batteries/999/",
            "/api/x/",
        ):
            site.ask(path)
        assert site.ask("/metrics")[0] == 404, "at the health port alone"
        found = scrape(health)
        spans = receiver.wait_for("/v1/traces", b"api/v1/batteries/")
        receiver.wait_for("/v1/traces", b'FROM "collection_identifier"')
        with without("collection_identifier"):
            status, headers, _body = site.ask("/api/v1/batteries/?identifier=SECRETVIN")
        error = receiver.wait_for("/api/1/envelope", b"ProgrammingError")
        receiver.wait_for("/v1/traces", b"ProgrammingError")
    assert status == 500 and headers["X-Request-ID"].encode() in error and b"request_failed" in error
    assert len(receiver.errors()) == 1, "sent once, whoever logs it"
    assert b"relode-web" in spans
    for somebodys in ("SECRETVIN", token, user.email, "does not exist", "/batteries/999", "Python-urllib"):
        assert somebodys.encode() not in receiver.everything(), somebodys
    assert found['relode_requests_total{method="GET",route="/api/v1/batteries/",status="200"}'] == 2
    assert found['relode_request_seconds_count{method="GET",route="/api/v1/batteries/"}'] == 2
    assert sum(value for name, value in found.items() if "relode_requests_total" in name and "999" in name) == 0
    assert found['relode_up{part="database"}'] == 1 and found['relode_up{part="worker"}'] == 0
    assert found['relode_waiting{kind="imports"}'] == 0 and found['relode_queue_length{queue="imports"}'] == 0
    assert found['relode_pool_size{database="default"}'] >= 1
    said = log.read_text()
    slow = [line for line in said.splitlines() if "slow_statement" in line]
    assert re.search(r"request_finished.*seconds", said) and slow and "SECRETVIN" not in "".join(slow)
    assert_known(FOLDER, found)


def assert_known(folder: Path, found: dict[str, float]) -> None:
    """Every metric that the dashboard and the alarms name is one that Relode gives."""
    given = {name.partition("{")[0] for name in found}
    given |= {
        f"relode_{part}" for part in ("tasks_total", "task_seconds_bucket", "heartbeat_age_seconds", "age_seconds")
    }
    texts = [file.read_text() for file in folder.rglob("*") if file.suffix in (".yaml", ".json")]
    named = {name for text in texts for name in re.findall(r"\brelode_[a-z_]+", text)}
    assert named and named <= given, named - given
    panels = json.loads((folder / "grafana" / "relode.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 10


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_looked_at(process_environment: dict[str, str], tmp_path: Path, receiver: Receiver) -> None:
    from accounts.tasks.mail import send_mail

    health = free_port()
    environment = process_environment | {"METRICS": "1", "HEALTH_PORT": str(health), "RELODE_ROLE": "worker"}
    environment |= receiver.settings
    with (
        (tmp_path / "worker.log").open("wb") as output,
        supervisor.running(worker=True, environment=environment, output=output),
    ):
        send_mail.delay()
        deadline = time.monotonic() + 30
        wanted = 'relode_tasks_total{outcome="success",task="accounts.send_mail"}'
        found: dict[str, float] = {}
        while wanted not in found and time.monotonic() < deadline:
            time.sleep(0.2)
            try:
                found = scrape(health)
            except OSError:
                continue
        receiver.wait_for("/v1/traces", b"run/accounts.send_mail")
        with without("accounts_mail"):
            send_mail.delay()
            error = receiver.wait_for("/api/1/envelope", b"ProgrammingError")
    assert found[wanted] == 1 and found['relode_task_seconds_count{task="accounts.send_mail"}'] == 1
    assert b"task_failed" in error and b"does not exist" not in receiver.everything() and len(receiver.errors()) == 1
    assert not any(name.startswith("relode_up") for name in found), "what the servers say is told by the web server"


def test_ages_and_heartbeats_are_told(world: World) -> None:
    """Those that are only there once something was computed, or somebody lives."""
    families = {family.name: family for family in metrics.Books().collect()}
    told = ("up", "heartbeat_age_seconds", "waiting", "waiting_seconds", "pending", "age_seconds")
    assert {f"relode_{name}" for name in told} <= set(families)
    assert {sample.labels["of"] for sample in families["relode_age_seconds"].samples} >= {
        "tallies",
        "factors",
        "reports",
    }


def test_nothing_is_on_unless_asked_for(settings: Any) -> None:
    assert not metrics.are_on() and not settings.OTLP_ENDPOINT and not settings.SENTRY_DSN
    assert "config.metrics.MetricsMiddleware" not in settings.MIDDLEWARE and not settings.SLOW_STATEMENT_SECONDS
