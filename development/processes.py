"""Child processes that end with the process that started them, even when that one is killed.

This file is also a program: `spawn` runs it in the child, where it binds the child's life to its parent's, gives up
root where asked, and becomes the command proper. Doing this in a program and not between fork and exec keeps `spawn`
safe in a process with threads. It imports only the standard library, because it is started without site-packages.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, Literal

type Identity = Literal["same", "namespace", "nobody"]
"""Who the child is: the same user; root seen as `nobody` in a user namespace of its own; or the real user `nobody`."""

NOBODY = 65534


def spawn(
    *command: str | Path,
    ending: signal.Signals = signal.SIGTERM,
    identity: Identity = "same",
    env: dict[str, str] | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own; it is sent `ending` when this process ends for whatever reason.

    Call it from a thread that lives as long as the child should: Linux takes the thread's end for the parent's.
    """
    launcher = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(ending)), identity]
    return subprocess.Popen(
        [*launcher, *map(str, command)],
        env=env,
        stdin=stdin,
        stdout=stdout,
        stderr=None if stdout is None else subprocess.STDOUT,
        cwd=cwd,
        process_group=0,
    )


def stop(process: subprocess.Popen[bytes], *, ending: signal.Signals = signal.SIGTERM, grace: float = 10) -> None:
    """Ask `process` to end, wait `grace` seconds, then kill what is left of its process group."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(ending)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_with(parent: int, ending: int, libc: Any) -> None:
    """Have the kernel send `ending` to this process when its parent ends. Only Linux can; elsewhere nothing happens."""
    if libc:
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        libc.prctl(set_parent_death_signal, ending, 0, 0, 0)
    if os.getppid() != parent:  # the parent ended before the kernel was told
        sys.exit(f"parent process {parent} has gone")


def _libc() -> Any:
    if sys.platform != "linux":
        return None
    import ctypes

    return ctypes.CDLL(None)


def _enter_namespace() -> None:
    """Make root be called `nobody` here, for programs that refuse to run as root. Files stay root's."""
    user, group = os.getuid(), os.getgid()
    os.unshare(os.CLONE_NEWUSER)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)


def _launch(parent: str, ending: str, identity: str, *command: str) -> None:
    libc = _libc()  # while Python's library can still be read: `nobody` cannot, if it is in /root
    if identity == "namespace":
        _enter_namespace()
    elif identity == "nobody":
        _become_nobody()
    _end_with(int(parent), int(ending), libc)  # last, since a change of user makes the kernel forget it
    os.execvp(command[0], command)  # becoming another program is the purpose


if __name__ == "__main__":
    _launch(*sys.argv[1:])
