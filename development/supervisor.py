"""Runs Relode's processes on one machine: web server, worker and beat, on the servers of `development.servers`.

    with running(worker=True):      # for a command that needs tasks to be carried out
        ...
    serve(port=8000)                # everything, until Ctrl-C

Children end with this process, however it ends. Call from the main thread.
"""

import argparse
import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from development import embedded, servers
from development.processes import spawn, stop

#: Long work, and what must not wait behind it, have workers of their own (`CELERY_TASK_ROUTES`).
JOBS, ERRANDS = "imports,reports,utilization", "relode"

START_SECONDS = 300  # a slow machine is no failure; a process that ends is noticed at once


class Failure(Exception):
    """Relode cannot run. The message is for the person who started it."""


def check_port(port: int) -> None:
    """Refuse a port that is taken, before anything that takes time is done."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise Failure(
                f"Port {port} of 127.0.0.1 cannot be used ({error}). Choose another: make demo PORT={port + 1}"
            ) from error


def prepare(*, fresh: bool = False) -> None:
    """Start PostgreSQL and Valkey, on empty data if `fresh`, and bring the database up to date."""
    if all(os.environ.get(name) for name in servers.VARIABLES):
        if fresh:
            raise Failure(
                "FRESH=1 deletes embedded data only; DATABASE_URL points at a server that is not ours to empty."
            )
        _say("using the servers that DATABASE_URL and REDIS_URL name")
    else:
        if fresh:
            servers.erase()
        kept = servers.has_data()
        _say("resuming the data in .local/ (FRESH=1 starts clean)" if kept else "starting on clean data in .local/")
        os.environ[servers.LOGIN] = secrets.token_urlsafe(24)
    servers.ensure()
    if _manage("migrate", "--verbosity=0") or (os.environ.get(servers.LOGIN) and _manage("logins", "--quiet")):
        raise Failure("The database could not be brought up to date; the message is above.")


def load_demo() -> None:
    """Load the example world, or what is missing of it."""
    if _manage("demo", "--no-serve"):
        raise Failure("The example world could not be loaded; the message is above.")


def _manage(*command: str) -> int:
    """Run a command of manage.py and return its exit status."""
    process = spawn(sys.executable, "manage.py", *command, cwd=servers.PROJECT)
    try:
        return process.wait()
    finally:
        stop(process)  # on Ctrl-C, which reaches only us


@contextlib.contextmanager
def running(
    *,
    worker: bool = False,
    errands: bool = False,
    beat: bool = False,
    web: int | None = None,
    environment: dict[str, str] | None = None,
    output: IO[bytes] | None = None,
) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Run the processes asked for during the block; `web` is the port to serve on. With `errands`, what must not wait
    has a worker of its own beside the one for long work; without, one worker does both.

    `environment` is added to this process's own, and `output` takes what the processes print. When the block begins the
    web server answers; a worker may still be starting, which those who send it tasks need not care about, unless all
    were asked for: then everything is ready.
    """
    local = servers.PROJECT / ".local"
    local.mkdir(exist_ok=True)
    as_root = "ignore:You're running the worker with superuser privileges"  # true, long, and no news to whoever is root
    celery = [sys.executable, "-W", as_root, "-m", "celery", "--app=config.celery", "--quiet"]
    schedule = local / f"beat-{os.getpid()}"
    commands: dict[str, list[str]] = {}
    number = (environment or {}).get("WORKER_CONCURRENCY", "2")
    if errands:
        commands["errands"] = _worker(celery, "errands", ERRANDS, "1")
    if worker:
        commands["worker"] = _worker(celery, "worker", JOBS if errands else f"{ERRANDS},{JOBS}", number)
    if beat:
        commands["beat"] = [*celery, "beat", "--schedule", str(schedule), "--pidfile="]
    if web is not None:
        commands["web"] = [sys.executable, "-m", "gunicorn", "--config=python:config.gunicorn", "config.wsgi"]
    everything = {**os.environ, **(environment or {}), "PORT": str(web), "PYTHONUNBUFFERED": "1"}
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(_unlink_schedule, schedule)
        children = {}
        for name, command in commands.items():
            # The broker ends with a supervisor that is killed, and a worker that is asked to end waits for it to return.
            ending = signal.SIGKILL if name in ("worker", "errands") else signal.SIGTERM
            role = {"RELODE_ROLE": "worker" if name == "errands" else name} | servers.login_of(name, everything)
            children[name] = spawn(*command, ending=ending, env=everything | role, stdout=output, cwd=servers.PROJECT)
            cleanup.callback(stop, children[name], grace=20)
        if web is not None:
            _wait_for_web(children["web"], web, "/readyz" if worker and beat else "/healthz")
        yield children


def _worker(celery: list[str], name: str, queues: str, processes: str) -> list[str]:
    alone = ("--without-mingle", "--without-gossip", f"--hostname={name}-{os.getpid()}@%h")
    return [*celery, "worker", f"--queues={queues}", f"--concurrency={processes}", *alone]


def serve(port: int) -> None:
    """Run everything on 127.0.0.1:`port` until Ctrl-C, SIGTERM or the end of one of the processes or servers.

    Expects `check_port` and `prepare` to have been called.
    """
    with _stopped_by_signals(), running(worker=True, errands=True, beat=True, web=port) as children:
        _say(f"ready: http://127.0.0.1:{port}/ (API: /api/docs/). Ctrl-C stops it.")
        while True:
            for name, child in children.items():
                if child.poll() is not None:
                    status = child.returncode
                    raise Failure(f"The {name} process ended by itself, with status {status}; its output is above.")
            if reason := servers.ended():
                raise Failure(f"The servers have ended, and nothing works without them: {reason}")
            time.sleep(0.2)


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """Leave the block quietly on Ctrl-C, SIGTERM or the end of the terminal; ignore further ones meanwhile."""

    class Stopped(BaseException):
        pass

    def leave(*_: object) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise Stopped

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, leave) for number in numbers]
    try:
        yield
    except Stopped:
        _say("stopped")
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _wait_for_web(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    answer = "nothing"
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10).close()
        except urllib.error.HTTPError as error:  # a kind of OSError
            answer = error.read().decode()
        except OSError as error:
            answer = str(error)
        else:
            return
        time.sleep(1)
    raise Failure(f"Relode did not come up on port {port}. {path} answered {answer}; the processes' output is above.")


def _unlink_schedule(schedule: Path) -> None:
    for file in schedule.parent.glob(f"{schedule.name}*"):
        file.unlink(missing_ok=True)


def _say(message: str) -> None:
    print(f"relode: {message}", flush=True)


def main() -> None:
    """Serve what is in the database, after loading the example world into it if asked to."""
    parser = argparse.ArgumentParser(prog="python -m development.supervisor", description="Run Relode on this machine.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--fresh", action="store_true", help="delete the development data first")
    parser.add_argument("--demo", action="store_true", help="load the example world first")
    options = parser.parse_args()
    try:
        check_port(options.port)
        prepare(fresh=options.fresh)
        if options.demo:
            load_demo()
        serve(options.port)
    except (Failure, embedded.ServerError) as problem:
        sys.exit(f"relode: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
