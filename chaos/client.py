"""Somebody with a token who tries again until there is an answer: each command under a key of its own."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 240.0  # seconds until a command that nobody answers is given up
AGAIN = frozenset({429, 500, 502, 503, 504})


class GaveUp(Exception):
    """No answer, or one that says that the command was wrong: it is not, since it works on a day without faults."""


@dataclass
class Tally:
    """What clients met; all of them count here."""

    commands: int = 0
    reads: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    """By what went wrong: a status, or the kind of error of the connection."""
    replays: int = 0
    """Commands that had been done before their answer got lost, and were not done again."""
    wrong: list[str] = field(default_factory=list)
    """Answers that nobody should get, whatever was killed."""
    slowest: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def again(self, reason: str, wrong: str = "") -> None:
        with self._lock:
            self.retries[reason] += 1
            if wrong:
                self.wrong.append(wrong)

    def done(self, *, is_command: bool, is_replay: bool, seconds: float) -> None:
        with self._lock:
            self.commands += is_command
            self.reads += not is_command
            self.replays += is_replay
            self.slowest = max(self.slowest, seconds)


@dataclass
class Client:
    site: str
    tally: Tally
    token: str = ""
    pause: float = 0
    """Seconds to wait before each command, as people do."""
    stopped: threading.Event = field(default_factory=threading.Event)

    def log_in(self, email: str, password: str) -> Client:
        answer = self._send("auth/login/", {"email": email, "password": password}, {})
        return Client(self.site, self.tally, answer["token"], self.pause, self.stopped)

    def get(self, path: str) -> Any:
        return self._send(path, None, {})

    def post(self, path: str, key: str, **body: Any) -> Any:
        """Carry out a command once, however often it has to be sent."""
        self.stopped.wait(self.pause)
        return self._send(path, body, {"Idempotency-Key": key})

    def upload(self, path: str, key: str, filename: str, content: str, **fields: Any) -> Any:
        """A command that brings a file."""
        self.stopped.wait(self.pause)
        edge = uuid.uuid4().hex
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        parts.append(
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{filename}"\r\n'
            f"Content-Type: text/csv\r\n\r\n{content}\r\n--{edge}--\r\n"
        )
        kind = {"Content-Type": f"multipart/form-data; boundary={edge}", "Idempotency-Key": key}
        return self._send(path, "".join(parts), kind)

    def _send(self, path: str, body: Any, headers: dict[str, str]) -> Any:
        data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        headers = {"Content-Type": "application/json", **headers}
        if self.token:
            headers["Authorization"] = f"Token {self.token}"
        began = time.monotonic()
        wait = 0.1
        while time.monotonic() - began < PATIENCE and not self.stopped.is_set():
            request = urllib.request.Request(f"{self.site}/api/v1/{path}", data, headers)
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    text = answer.read()
                    replayed = answer.headers.get("Idempotency-Replayed") == "true"
                self.tally.done(is_command=data is not None, is_replay=replayed, seconds=time.monotonic() - began)
                return json.loads(text) if text else None
            except urllib.error.HTTPError as error:
                wait = max(wait, self._look_at(path, error))
            except (OSError, http.client.HTTPException) as error:
                reason = getattr(error, "reason", error)
                self.tally.again(type(reason).__name__)
            self.stopped.wait(wait)
            wait = min(wait * 2, 2.0)
        raise GaveUp(f"{path} was not answered within {time.monotonic() - began:.0f} s")

    def _look_at(self, path: str, error: urllib.error.HTTPError) -> float:
        """What to make of an answer that is none; how long to wait."""
        try:
            text = error.read().decode(errors="replace")
        except (OSError, http.client.HTTPException):
            text = ""
        if error.code not in AGAIN:
            raise GaveUp(f"{path} was refused with {error.code}: {text[:500]}")
        is_problem = error.headers.get("Content-Type", "").startswith("application/problem+json")
        wrong = "" if is_problem and error.code != 500 else f"{error.code} {path}: {text[:200]!r}"
        self.tally.again(str(error.code), wrong)
        after = error.headers.get("Retry-After", "")
        return min(float(after), 2.0) if after.isdecimal() else 0
