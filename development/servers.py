"""The PostgreSQL and the Valkey of this checkout, shared by all who need them and stopped when the last one leaves.

Who needs the servers calls `ensure` (development, data kept in .local/) or `ensure_throwaway` (tests) and finds
DATABASE_URL and REDIS_URL in its environment, which its child processes inherit. URLs set already are used as they are.

Behind this is a *keeper*: a process of its own that starts the servers, starts one again that dies, and stops them once
nobody holds the shared lock on `users.lock`. The kernel drops a lock when its holder ends, however it ends, so neither a
kill -9 nor two commands at once leave a server running, stop one in use, or start two on the same data.
"""

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from development import embedded
from development.processes import stop

PROJECT = Path(__file__).resolve().parent.parent
HOME = PROJECT / ".local" / "servers"
VARIABLES = ("DATABASE_URL", "REDIS_URL")

#: The password of the logins that are no owners (`manage.py logins`), where they are made.
LOGIN = "DATABASE_LOGIN_PASSWORD"

#: What the keeper says at last of a server that died.
STARTED_AGAIN = "was started again."

#: How often one may end by itself within a minute, and for how many seconds it is tried to be started again.
MOST_ENDS, START_AGAIN_SECONDS = 3, 15

_held: list[IO[bytes]] = []
"""Open lock files of this process. Closing one gives the lock up, so they stay here until the process ends."""

_joined: list[tuple[IO[bytes], IO[bytes]]] = []
"""The lock and the log of each keeper whose servers this process uses: open, since both may be thrown away."""


def ensure() -> None:
    """Have the development servers run for as long as this process lives."""
    _fill_environment(HOME, throwaway=False)


def ensure_throwaway() -> None:
    """Have servers run on data that is deleted when this process, and any child it handed the URLs to by fork, ends."""
    if any(not os.environ.get(name) for name in VARIABLES):
        _fill_environment(Path(tempfile.mkdtemp(prefix="relode-")), throwaway=True)


def login_of(process: str, environment: Mapping[str, str]) -> dict[str, str]:
    """DATABASE_URL with the login of a process, as in production; nothing where there is but the owner's."""
    if not environment.get(LOGIN):
        return {}
    address = urlsplit(environment["DATABASE_URL"])
    login = "relode_web" if process == "web" else "relode_worker"
    return {
        "DATABASE_URL": address._replace(
            netloc=f"{login}:{environment[LOGIN]}@{address.netloc.rpartition('@')[2]}"
        ).geturl()
    }


def has_data() -> bool:
    """Whether an earlier run left a database behind."""
    return embedded.has_data(HOME)


def erase() -> None:
    """Delete the development data. Refuses while somebody uses the servers."""
    HOME.mkdir(parents=True, exist_ok=True)
    with _locked(HOME / "users.lock", fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
        if not free:
            raise embedded.ServerError("The development servers are in use; stop `make demo` and other commands first.")
        embedded.remove_data(HOME)


def _fill_environment(home: Path, *, throwaway: bool) -> None:
    if all(os.environ.get(name) for name in VARIABLES):
        return
    for name, url in join(home, throwaway=throwaway).items():
        if not os.environ.get(name):
            os.environ[name] = url


def join(home: Path, *, throwaway: bool) -> dict[str, str]:
    """Take a share in the servers of `home`, starting them if they do not run, and return their URLs."""
    home.mkdir(parents=True, exist_ok=True)
    if not os.access(home, os.W_OK):
        raise embedded.ServerError(
            f"{home} belongs to another user: run as that user, or set DATABASE_URL and REDIS_URL."
        )
    users = (home / "users.lock").open("ab")
    fcntl.flock(users, fcntl.LOCK_SH)  # waits while the keeper is stopping the servers
    _held.append(users)
    with _locked(home / "start.lock", fcntl.LOCK_EX):
        if not _kept(home):
            _start_keeper(home, throwaway=throwaway)
        urls: dict[str, str] = json.loads((home / "servers.json").read_text())
        _joined.append(((home / "keeper.lock").open("ab"), (home / "keeper.log").open("rb")))
    return urls


def ended() -> str | None:
    """Why servers that this process joined run no longer; nothing while they do."""
    for lock, log in _joined:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # the keeper holds it for as long as it lives
            fcntl.flock(lock, fcntl.LOCK_UN)
            log.seek(0)
            said = log.read().decode().strip()
            return "Their keeper was killed." if not said or said.endswith(STARTED_AGAIN) else said
    return None


def _start_keeper(home: Path, *, throwaway: bool) -> None:
    (home / "servers.json").unlink(missing_ok=True)
    with (home / "keeper.log").open("w+b") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "development.servers", "keep", str(home), *(["--throwaway"] if throwaway else [])],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the command, not for the servers it uses
        )
        while not (home / "servers.json").exists():
            if keeper.poll() is not None:
                log.seek(0)  # the file itself may have been thrown away
                raise embedded.ServerError(log.read().decode().strip() or "The servers' keeper ended at once.")
            time.sleep(0.02)
    keeper.returncode = 0  # it outlives us by design: no ResourceWarning about a child still running


def _keep(home: Path, *, throwaway: bool) -> None:
    """Run the servers until nobody needs them. This is the keeper's life."""
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("The servers' keeper was told to end."))
    with _locked(home / "keeper.lock", fcntl.LOCK_EX | fcntl.LOCK_NB) as alone, contextlib.ExitStack() as cleanup:
        if not alone:
            sys.exit(f"Another process keeps the servers of {home}.")
        if throwaway:
            cleanup.callback(shutil.rmtree, home, ignore_errors=True)
            cleanup.callback(embedded.remove_data, home)
        database = Kept("PostgreSQL", partial(_postgres, home, throwaway), embedded.stop_postgres)
        cleanup.callback(database.stop)
        broker = Kept("Valkey", partial(_valkey, home), stop)
        cleanup.callback(broker.stop)
        cleanup.callback((home / "servers.json").unlink, missing_ok=True)
        embedded.write_privately(
            home / "servers.json", json.dumps({"DATABASE_URL": database.url, "REDIS_URL": broker.url})
        )
        with (home / "users.lock").open("ab") as users:
            while database.runs() and broker.runs():
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held until all is stopped: newcomers wait
                    break
                time.sleep(0.1)
            cleanup.close()


class Kept:
    """A server that is started again, under the address that it has, where it ended by itself: the other goes on meanwhile."""

    def __init__(
        self,
        name: str,
        start: Callable[[str], tuple[subprocess.Popen[bytes], str]],
        end: Callable[[subprocess.Popen[bytes]], None],
    ) -> None:
        self.name, self.start, self.end = name, start, end
        self.process, self.url = start("")
        self.ended_at: list[float] = []

    def runs(self) -> bool:
        """Whether it does, if need be again. One that ends more than `MOST_ENDS` times in a minute is given up."""
        if self.process.poll() is None:
            return True
        print(f"{self.name} ended by itself, with status {self.process.returncode}.", flush=True)
        self.ended_at = [*(at for at in self.ended_at if at > time.monotonic() - 60), time.monotonic()]
        if len(self.ended_at) > MOST_ENDS:
            return False
        for _second in range(START_AGAIN_SECONDS):  # what is left of it may still hold its memory
            with contextlib.suppress(embedded.ServerError):
                self.process, _url = self.start(self.url)
                print(f"{self.name} {STARTED_AGAIN}", flush=True)
                return True
            time.sleep(1)
        return False

    def stop(self) -> None:
        """Stop it, and start it no more."""
        self.end(self.process)


def _postgres(home: Path, throwaway: bool, url: str) -> tuple[subprocess.Popen[bytes], str]:
    return embedded.start_postgres(home, throwaway=throwaway, port=urlsplit(url).port)


def _valkey(home: Path, url: str) -> tuple[subprocess.Popen[bytes], str]:
    return embedded.start_valkey(home, port=urlsplit(url).port, password=urlsplit(url).password)


def _kept(home: Path) -> bool:
    """Whether a keeper lives. One that is still about to stop cannot be seen here: we hold the lock it stops under."""
    with _locked(home / "keeper.lock", fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
        return not free


@contextlib.contextmanager
def _locked(file: Path, operation: int) -> Iterator[bool]:
    """Hold a lock on `file` for the length of the block; False if it must not wait and the lock is taken."""
    with file.open("ab") as handle:
        try:
            fcntl.flock(handle, operation)
        except BlockingIOError:
            yield False
        else:
            yield True


def _main() -> None:
    parser = argparse.ArgumentParser(prog="python -m development.servers", description="The development servers.")
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run a command with DATABASE_URL and REDIS_URL set")
    run.add_argument("argv", nargs=argparse.REMAINDER)
    commands.add_parser("shell-env", help="print exports for servers that run now")
    commands.add_parser("erase", help="delete the development data")
    keep = commands.add_parser("keep", help="(internal) run the servers while somebody holds the lock")
    keep.add_argument("home", type=Path)
    keep.add_argument("--throwaway", action="store_true")
    options = parser.parse_args()
    if options.command == "keep":
        _keep(options.home, throwaway=options.throwaway)
    elif options.command == "erase":
        erase()
    elif options.command == "run":
        ensure()
        sys.exit(subprocess.run(options.argv, check=False).returncode)
    else:
        if not (HOME / "servers.json").exists():
            sys.exit("The servers do not run: start `make serve`, or use `python -m development.servers run COMMAND`.")
        for name, url in json.loads((HOME / "servers.json").read_text()).items():
            print(f"export {name}='{url}'")


if __name__ == "__main__":
    try:
        _main()
    except embedded.ServerError as problem:
        sys.exit(str(problem))
