"""The ground everything stands on: servers, settings, health, logs, processes."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import structlog
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from config import health
from config.celery import app
from development import servers, supervisor
from recycling.models import UtilizationRun
from recycling.queries.waiting import LATE_SECONDS
from recycling.tasks.sweep import sound_alarm
from tests import records
from tests.world import World

PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "config.settings.production",
    "SECRET_KEY": "k" * 60,
    "ALLOWED_HOSTS": "relode.example",
    "DATABASE_URL": "postgres://u:p@127.0.0.1:1/relode",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "EMAIL_URL": "smtp://127.0.0.1:1",
}


def eventually[T](question: Callable[[], T], seconds: float = 240) -> T:
    """The first true answer to `question`; a failure if there is none in time."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        assert time.monotonic() < deadline, f"still {answer!r} after {seconds} s"
        time.sleep(0.1)
    return answer


def python(code: str, **environment: str) -> subprocess.Popen[str]:
    """Start a Python of ours whose settings come from `environment` alone."""
    kept = {name: value for name, value in os.environ.items() if name not in PRODUCTION}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=servers.PROJECT,
        env=kept | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class TestServers:
    @pytest.mark.django_db
    def test_are_the_real_ones(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int / 10000")
            assert cursor.fetchone() == (18,)
            cursor.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'btree_gist'")
            assert cursor.fetchone() == (1,)
        cache.set("key", "value")
        assert cache.get("key") == "value"

    def test_sort_text_the_same_on_every_machine(self, db: None) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT datlocale FROM pg_database WHERE datname = current_database()")
            assert cursor.fetchone() == ("C.UTF-8",)

    def test_are_shared_and_end_with_the_last_user_however_it_ends(self, tmp_path: Path) -> None:
        home = tmp_path / ("deep" * 20) / ("down" * 20)  # deeper than a socket's path may be
        code = f"""
            import json, time
            from pathlib import Path
            from development import servers
            print(json.dumps(servers.join(Path({str(home)!r}), throwaway=True)), flush=True)
            time.sleep(600)
        """
        users = [python(code), python(code)]
        try:
            urls = [json.loads(first_line(user)) for user in users]
            assert urls[0] == urls[1]
            users[0].kill()
            time.sleep(1)
            assert (home / "servers.json").exists()
            pid = int((home / "postgres" / "postmaster.pid").read_text().split()[0])
        finally:
            for user in users:
                user.kill()
                user.communicate()
        eventually(lambda: not psutil.pid_exists(pid) and not home.exists())

    def test_given_by_url_are_used_as_they_are(self) -> None:
        code = "from development import servers; servers.ensure(); import os; print(os.environ['DATABASE_URL'])"
        process = python(code, DATABASE_URL="postgres://elsewhere/x", REDIS_URL="redis://elsewhere")
        assert process.communicate()[0].strip() == "postgres://elsewhere/x"


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


class TestProductionSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("SECRET_KEY", None),
            ("ALLOWED_HOSTS", None),
            ("DATABASE_URL", None),
            ("REDIS_URL", None),
            ("EMAIL_URL", None),
            ("SECRET_KEY", " "),
        ],
    )
    def test_have_no_default_for_what_matters(self, name: str, value: str | None) -> None:
        environment = {key: text for key, text in PRODUCTION.items() if key != name}
        if value is not None:
            environment[name] = value
        output, _ = python("import config.settings.production", **environment).communicate()
        assert f"ImproperlyConfigured: Set these environment variables: {name}." in output

    def test_refuse_to_answer_for_any_host(self) -> None:
        output, _ = python("import config.settings.production", **PRODUCTION | {"ALLOWED_HOSTS": "*"}).communicate()
        assert "ImproperlyConfigured: ALLOWED_HOSTS" in output


class TestHealth:
    def test_alive_asks_no_server(self, client: Client) -> None:  # pytest-django refuses the database here
        assert client.get("/healthz").json() == {"status": "ok"}

    @pytest.mark.django_db
    def test_ready_names_what_is_down(self, client: Client) -> None:
        response = client.get("/readyz")
        assert response.status_code == 503
        assert response.json() == {
            "status": "down",
            "components": {
                "database": {"status": "ok"},
                "broker": {"status": "ok"},
                "worker": {"status": "down", "reason": "NoHeartbeat"},
                "beat": {"status": "down", "reason": "NoHeartbeat"},
                "work": {"status": "ok"},
            },
        }

    @pytest.mark.django_db
    def test_who_fell_silent_is_down(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        health._live(health._WORKER)
        health._live(health._SCHEDULE)
        assert client.get("/readyz").status_code == 200
        late = time.time() + health.HEARTBEAT_LATE_SECONDS + 1
        monkeypatch.setattr(health.time, "time", lambda: late)
        answer = client.get("/readyz")
        assert answer.status_code == 503
        for name in ("worker", "beat"):
            silent = answer.json()["components"][name]
            assert silent["status"] == "down"
            assert silent["heartbeat_age_seconds"] > health.HEARTBEAT_LATE_SECONDS
        heartbeat = health.Heartbeat(None)
        heartbeat.since = 0.0
        with capture_logs() as logs:
            heartbeat.tell()
        assert [line["event"] for line in logs] == ["beat_lost"]

    def test_work_that_waits_too_long_is_late(self, client: Client, world: World, transactional_db: None) -> None:
        for who in (health._WORKER, health._SCHEDULE):
            health._live(who)
        run = records.utilization_run(world)
        asked = timezone.now() - timedelta(seconds=LATE_SECONDS + 5)
        UtilizationRun.objects.filter(pk=run.pk).update(requested_at=asked)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "late")
        assert answer.json()["components"]["work"]["waiting_seconds"]["utilization"] > LATE_SECONDS
        with capture_logs() as logs:
            sound_alarm()
        assert [(line["event"], line["kind"]) for line in logs] == [("work_waits", "utilization")]

    @pytest.mark.django_db
    def test_what_is_down_does_not_tell_addresses(self, client: Client, settings: Any) -> None:
        settings.CELERY_BROKER_URL = "redis://:secret@127.0.0.1:1/0"
        broker = client.get("/readyz").json()["components"]["broker"]
        assert broker == {"status": "down", "reason": "ConnectionError"}


class TestRequestId:
    def test_is_the_callers_if_sane(self, client: Client) -> None:
        assert client.get("/healthz", headers={"X-Request-ID": "truck-17:load.3"})["X-Request-ID"] == "truck-17:load.3"

    @pytest.mark.parametrize("asked", ["", "short", "x" * 200, "with space in it", 'quote"quote"', "línea-línea"])
    def test_is_ours_if_not(self, client: Client, asked: str) -> None:
        answered = client.get("/healthz", headers={"X-Request-ID": asked})["X-Request-ID"]
        assert answered != asked
        assert len(answered) == 36

    def test_is_in_the_log(self, client: Client, caplog: pytest.LogCaptureFixture) -> None:
        client.get("/healthz", headers={"X-Request-ID": "followed-1"})
        assert [record.msg["request_id"] for record in caplog.records if isinstance(record.msg, dict)] == ["followed-1"]

    def test_goes_along_with_tasks(self, worker_log: Path, client: Client) -> None:
        with structlog.contextvars.bound_contextvars(request_id="followed-2"):
            app.send_task("celery.accumulate", args=[1])

        def lines() -> list[dict[str, Any]]:
            text = worker_log.read_text().splitlines()
            return [
                line for line in map(json.loads, filter(lambda line: line.startswith("{"), text)) if line.get("task_id")
            ]

        started = eventually(lines)[0]
        assert started["event"] == "task_started"
        assert started["request_id"] == "followed-2"
        assert eventually(lambda: client.get("/readyz").json()["components"]["worker"]["status"] == "ok")


class TestSupervisor:
    def test_says_that_a_port_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            taken = server.getsockname()[1]
            with pytest.raises(supervisor.Failure, match=f"Port {taken} .* PORT={taken + 1}"):
                supervisor.check_port(taken)

    @pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
    def test_leaves_no_process_behind(self, ending: signal.Signals) -> None:
        with serving() as process:
            family = psutil.Process(process.pid).children(recursive=True)
            assert len(family) >= 5
            process.send_signal(ending)
            output, _ = process.communicate(timeout=240)
            assert process.returncode == (0 if ending != signal.SIGKILL else -signal.SIGKILL), output
            _, left = psutil.wait_procs(family, timeout=120)
            assert left == []

    def test_goes_on_though_its_servers_die_and_ends_with_their_keeper(self) -> None:
        """The death of one is nothing to the other; who keeps them starts it again under its address."""
        with serving() as process:
            me = psutil.Process(process.pid)
            keeper = child_of(me, "keep")
            assert keeper is not None
            # one that is still starting asks the database, and ends if it is away
            eventually(lambda: sum("worker" in words(c) and bool(c.children()) for c in me.children()) == 2, 60)
            for killed, other in (("postgres", "valkey-server"), ("valkey-server", "postgres")):
                victim, survivor = child_of(keeper, killed), child_of(keeper, other)
                assert victim is not None and survivor is not None
                victim.kill()
                eventually(lambda name=killed, old=victim.pid: child_of(keeper, name, old), 60)
                assert child_of(keeper, other) == survivor and survivor.is_running()
            eventually(lambda: parts_of(process)["database"] == parts_of(process)["broker"] == "ok", 60)
            family = me.children(recursive=True)
            keeper.kill()
            output, _ = process.communicate(timeout=240)
            assert process.returncode != 0 and "Their keeper was killed." in output, output
            _, left = psutil.wait_procs(family, timeout=120)
            assert left == []


def child_of(parent: psutil.Process, name: str, but: int = 0) -> psutil.Process | None:
    """The process below `parent`, not that of the number `but`, whose command line begins with what ends with `name`."""
    found = (child for child in parent.children() if any(part.endswith(name) for part in words(child)[:4]))
    return next((child for child in found if child.pid != but), None)


def parts_of(process: subprocess.Popen[str]) -> dict[str, str]:
    """What `/readyz` says of each part."""
    try:
        answer = urllib.request.urlopen(f"{process.address}/readyz", timeout=10)  # type: ignore[attr-defined]
    except urllib.error.HTTPError as error:
        answer = error  # type: ignore[assignment]
    return {name: part["status"] for name, part in json.load(answer)["components"].items()}


def words(process: psutil.Process) -> list[str]:
    """The command line of a process; nothing of one that has just ended, as helpers of a starting server do."""
    with contextlib.suppress(psutil.NoSuchProcess):
        command: list[str] = process.cmdline()
        return command
    return []


@contextlib.contextmanager
def serving() -> Iterator[subprocess.Popen[str]]:
    """A supervisor that has said that it is ready, on servers of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = f"from development import servers, supervisor; servers.ensure_throwaway(); supervisor.serve({port})"
    process = python(code, DJANGO_SETTINGS_MODULE="config.settings.test")
    assert process.stdout is not None
    try:
        said: list[str] = []
        while "ready: http" not in "".join(said):
            said.append(process.stdout.readline())
            assert said[-1], said
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
            assert json.load(answer)["components"]["worker"]["status"] == "ok"
        process.address = f"http://127.0.0.1:{port}"  # type: ignore[attr-defined]
        yield process
    finally:
        process.kill()
