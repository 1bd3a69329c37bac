"""Servers and processes of one's own, on free ports, each of which can be killed and started again where it was."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

import psutil
import psycopg

from development import embedded, supervisor
from development.processes import spawn, stop
from development.servers import PROJECT

START_SECONDS = 120

#: What a client was told is kept: development's servers may forget the last half second.
SAFE = {"synchronous_commit": "on"}


class Servers:
    """PostgreSQL and Valkey."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = {name: embedded.free_port() for name in ("postgres", "valkey")}
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.valkey_password = os.urandom(16).hex()
        self.url = self.broker = ""
        for name in self.ports:
            self.start(name)

    def start(self, name: str) -> None:
        if name == "postgres":
            self.running[name], self.url = embedded.start_postgres(
                self.home, throwaway=True, port=self.ports[name], settings=SAFE
            )
        else:
            self.running[name], self.broker = embedded.start_valkey(
                self.home, port=self.ports[name], password=self.valkey_password
            )

    def copy(self, database: str) -> str:
        """A copy of the database `relode` under another name; its URL."""
        server = self.url.removesuffix("relode")
        with psycopg.connect(f"{server}postgres".replace("postgres://", "postgresql://", 1), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {database} TEMPLATE relode")
        return f"{server}{database}"

    def stop(self) -> None:
        stop(self.running["valkey"])
        embedded.stop_postgres(self.running["postgres"])
        embedded.remove_data(self.home)


class Stack:
    """Web server with two processes, worker and beat, on one database of the servers."""

    def __init__(self, servers: Servers, database_url: str, log: IO[bytes]) -> None:
        self.servers, self.log = servers, log
        self.port = embedded.free_port()
        self.site = f"http://127.0.0.1:{self.port}"
        self.environment = environment(database_url, servers.broker) | {"PORT": str(self.port)}
        self.schedule = servers.home / f"beat-{self.port}"
        celery = [sys.executable, "-m", "celery", "--app=config.celery", "--quiet"]
        self.commands = {
            "web": [sys.executable, "-m", "gunicorn", "--config=python:config.gunicorn", "config.wsgi"],
            "worker": [*celery, *self._works_on("worker", supervisor.JOBS, "2")],
            "errands": [*celery, *self._works_on("errands", supervisor.ERRANDS, "1")],
            "beat": [*celery, "beat", "--schedule", str(self.schedule), "--pidfile="],
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def _works_on(self, name: str, queues: str, processes: str) -> list[str]:
        alone = ("--without-mingle", "--without-gossip", f"--hostname={name}-{self.port}@%h")
        return ["worker", f"--queues={queues}", f"--concurrency={processes}", *alone]

    def __enter__(self) -> Stack:
        for name in self.commands:
            self.start(name)
        self.wait_until_ready()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running.values():
            stop(process, ending=signal.SIGTERM, grace=5)

    def start(self, name: str) -> None:
        """Start it, from the thread that lives as long as it should: its end is the processes' end."""
        if name in self.servers.ports:
            self.servers.start(name)
            return
        role = {"RELODE_ROLE": "worker" if name == "errands" else name}
        self.running[name] = spawn(
            *self.commands[name], ending=signal.SIGKILL, env=self.environment | role, stdout=self.log, cwd=PROJECT
        )

    def kill(self, name: str) -> None:
        """Kill it with all of its children, some of which are in process groups of their own."""
        process = (self.servers.running if name in self.servers.ports else self.running)[name]
        parent = psutil.Process(process.pid)
        family = [parent, *parent.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        process.wait()
        psutil.wait_procs(family[1:], timeout=10)

    def kill_one_child(self, name: str, number: int) -> None:
        """Kill one of its children, which the parent is to notice and replace."""
        process = (self.servers.running if name in self.servers.ports else self.running)[name]
        children = psutil.Process(process.pid).children()
        if children:
            with contextlib.suppress(psutil.NoSuchProcess):
                children[number % len(children)].kill()

    def ended(self) -> list[str]:
        """Which ended though nobody killed them."""
        everything = {**self.running, **self.servers.running}
        return [name for name, process in everything.items() if process.poll() is not None]

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        said = ""
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.site}/readyz", timeout=10).close()
            except urllib.error.HTTPError as error:
                said = error.read().decode()
            except OSError as error:
                said = str(error)
            else:
                return
            time.sleep(0.3)
        raise TimeoutError(f"the stack is not ready after {START_SECONDS} s: {said}; see {self.log.name}")


def environment(database_url: str, broker: str) -> dict[str, str]:
    """The environment of our programs on a database."""
    unlimited = {f"API_RATE_{who}": "1000000/min" for who in ("ANONYMOUS", "USER", "LOGIN")}
    return {
        **os.environ, **unlimited, "DJANGO_SETTINGS_MODULE": "config.settings.development", "DEBUG": "off",
        "DATABASE_URL": database_url, "REDIS_URL": broker, "WEB_CONCURRENCY": "2", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip


def run(*command: str, database_url: str, broker: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program of ours on a database to its end."""
    return subprocess.run(
        [sys.executable, *command], env=environment(database_url, broker), cwd=PROJECT, text=True,
        capture_output=True, check=False,
    )  # fmt: skip
