"""A real web server on a free port, for as long as it is asked."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from knox.models import AuthToken

from accounts.models import User
from development import supervisor

LOG = Path(".local/bench-web.log")


class Server:
    """Its port, and its processes that answer."""

    def __init__(self, port: int, process: int) -> None:
        self.port = port
        self.workers = psutil.Process(process).children()

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)


@contextmanager
def serving(workers: int) -> Iterator[Server]:
    """Gunicorn with that many processes, as in production, but for the settings."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    environment = {"WEB_CONCURRENCY": str(workers)}
    with LOG.open("wb") as output, supervisor.running(web=port, environment=environment, output=output) as processes:
        yield Server(port, processes["web"].pid)


@contextmanager
def token_of(who: User) -> Iterator[dict[str, str]]:
    """The header by which a request is of that user."""
    made, token = AuthToken.objects.create(user=who)
    yield {"Authorization": f"Token {token}"}
    made.delete()


def read(connection: http.client.HTTPConnection, address: str, headers: dict[str, str]) -> int:
    """Ask for it and read it to the end; how many bytes it has."""
    connection.request("GET", address, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200, (address, answer.status, f"see {LOG}")
    size = 0
    while part := answer.read(65_536):
        size += len(part)
    return size
