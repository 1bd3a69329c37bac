"""The life of an import: done once, seen while it runs, taken up again when its worker dies; and its three doors."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.errors import DomainError, TooLarge
from accounts.models import Role
from collection.imports import runs
from collection.imports.batteries import BatteryImporter
from collection.models import (
    Battery,
    Identifier,
    ImportPart,
    ImportRun,
    ImportStatus,
)
from collection.services import imports
from collection.tasks import imports as tasks
from development.servers import PROJECT
from tests.collection.sending import RUNS, battery_file, plain, request
from tests.refusals import state
from tests.world import World

# Its life


def in_a_thread(act: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return act(*arguments)
    finally:
        connection.close()


def test_an_import_is_done_once(world: World) -> None:
    run = request(world, plain("A"))
    assert runs.execute(run.pk) is not None
    assert runs.execute(run.pk) is None
    assert Battery.objects.count() == 1


def test_something_unforeseen(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    run = request(world, plain("A"))
    monkeypatch.setattr(BatteryImporter, "write", lambda self, faults: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        runs.execute(run.pk)
    run.refresh_from_db()
    assert run.status == ImportStatus.FAILED and run.message and not Battery.objects.exists()


def test_an_error_half_way_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the batteries were written, while the ledger is."""
    run = request(world, battery_file("oem_serial,A1,GM,,,,,,,Reno Yard,2026-01-01 00:00"))
    before = state(but=RUNS)

    def fail(**_arguments):
        raise RuntimeError

    monkeypatch.setattr("collection.services.custody.give_up_imported", fail)
    with pytest.raises(RuntimeError):
        runs.execute(run.pk)
    assert state(but=RUNS) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by", ["a worker", "the command line"])
def test_a_worker_that_is_only_silent_finishes(world: World, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    run = request(world, plain("A"))
    reading, go_on, write = threading.Event(), threading.Event(), BatteryImporter.write

    def slowly(self, faults):
        reading.set()
        assert go_on.wait(60)
        return write(self, faults)

    monkeypatch.setattr(BatteryImporter, "write", slowly)
    monkeypatch.setattr(runs, "BEAT", 1000)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_a_thread, runs.execute, run.pk)
        assert reading.wait(60)
        silent = {"heartbeat_at": timezone.now() - imports.SILENCE - timedelta(seconds=1)}
        ImportRun.objects.update(**silent, **({} if by == "a worker" else {"has_file": False}))
        assert imports.take_up_silent() == []
        assert runs.execute(run.pk) is None
        go_on.set()
        assert first.result() is not None
    run.refresh_from_db()
    assert run.status == ImportStatus.DONE and Battery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_comes_too_late_stays_off(world: World) -> None:
    """It claimed the import, and another one holds it by the time that it begins."""
    run = request(world, plain("A"))
    holding, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            imports.hold(run)
            holding.set()
            assert go_on.wait(60)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_a_thread, hold)
        assert holding.wait(60)
        assert runs.execute(run.pk) is None
        go_on.set()
        first.result()
    assert not Battery.objects.exists()
    ImportRun.objects.update(heartbeat_at=timezone.now() - imports.SILENCE - timedelta(seconds=1))
    assert imports.take_up_silent() == [run.pk]
    assert runs.execute(run.pk) is not None
    assert Battery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_half_way(world: World, process_environment: dict[str, str]) -> None:
    """Seen from outside while it runs, gone without a trace when killed, complete when taken up again."""
    number = 20_000
    run = request(world, plain(*(f"S{n}" for n in range(number))))
    program = (
        f"import django; django.setup(); from collection.imports import runs; runs.BEAT = 0.02; runs.execute({run.pk})"
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, env=os.environ | process_environment)
    try:
        deadline = time.monotonic() + 60
        while not (seen := ImportRun.objects.get(pk=run.pk)).rows_read:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        assert seen.status == ImportStatus.RUNNING and seen.heartbeat_at is not None
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not Battery.objects.exists()
    assert ImportRun.objects.get(pk=run.pk).status == ImportStatus.RUNNING
    ImportRun.objects.update(heartbeat_at=timezone.now() - imports.SILENCE - timedelta(seconds=1))
    # PostgreSQL holds what the dead one held until it notices that nobody listens any more.
    deadline = time.monotonic() + 60
    while not (taken_up := imports.take_up_silent()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert taken_up == [run.pk]
    assert runs.execute(run.pk) is not None
    assert Battery.objects.count() == Identifier.objects.count() == number


# Its doors


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the imports for which a message was sent."""
    ids: list[int] = []
    monkeypatch.setattr(tasks.run_import, "delay", ids.append)
    return ids


def upload(name: str = "list.csv", content: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, plain("A") if content is None else content)


def test_by_the_api(world: World, sent: list[int], django_capture_on_commit_callbacks) -> None:
    client = APIClient()
    client.force_authenticate(world.user(world.yard_owner))
    body = {"organization": world.yard_owner.pk, "kind": "batteries"}
    key = {"HTTP_IDEMPOTENCY_KEY": "one"}
    with django_capture_on_commit_callbacks(execute=True):
        made = client.post(
            "/api/v1/imports/", body | {"file": upload(content=plain("A") + b"bad\n")}, format="multipart", **key
        )
        again = client.post(
            "/api/v1/imports/", body | {"file": upload(content=plain("A") + b"bad\n")}, format="multipart", **key
        )
        other = client.post(
            "/api/v1/imports/", body | {"file": upload(content=plain("B") + b"bad\n")}, format="multipart", **key
        )
    assert made.status_code == 201 and made.data["status"] == "queued", made.data
    assert again.data["id"] == made.data["id"] and other.status_code == 409
    assert sent == [made.data["id"]]
    runs.execute(made.data["id"])
    address = f"/api/v1/imports/{made.data['id']}/"
    seen = client.get(address).data
    assert (seen["status"], seen["rows_read"], seen["rows_bad"]) == ("refused", 2, 1)
    (fault,) = client.get(f"{address}errors/").data["results"]
    assert fault["line"] == 3 and fault["message"]
    download = client.get(f"{address}errors-csv/", HTTP_ACCEPT="text/csv")
    assert b"".join(download).splitlines()[0] == b"line,field,message,value"
    stranger = APIClient()
    stranger.force_authenticate(world.user(world.stranger))
    for path in ("", "errors/", "errors-csv/"):
        assert stranger.get(address + path).status_code == 404
    assert stranger.get("/api/v1/imports/").data["results"] == []


@pytest.mark.django_db(transaction=True)
def test_by_the_api_and_a_real_worker(world: World, worker_log: Path) -> None:
    client = APIClient()
    client.force_authenticate(world.user(world.yard_owner))
    body = {"organization": world.yard_owner.pk, "kind": "batteries", "file": upload(content=gzip.compress(plain("A")))}
    made = client.post("/api/v1/imports/", body, format="multipart").data
    deadline = time.monotonic() + 60
    while (seen := client.get(f"/api/v1/imports/{made['id']}/").data)["status"] not in ("done", "refused", "failed"):
        assert time.monotonic() < deadline, worker_log.read_text()
        time.sleep(0.05)
    assert (seen["status"], seen["rows_created"]) == ("done", 1), seen
    assert Battery.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"kind": "elephants"}, 400, "kind"),
        ({"organization": 10**30}, 400, "organization"),
        ({"organization": "x"}, 400, "organization"),
        ({"file": "text"}, 400, "file"),
        ({"file": SimpleUploadedFile("empty.csv", b"")}, 400, "file"),
        ({"skip_bad_rows": "perhaps"}, 400, "skip_bad_rows"),
    ],
)
def test_a_wrong_request(world: World, sent: list[int], change, status: int, field: str) -> None:
    client = APIClient()
    client.force_authenticate(world.user(world.yard_owner))
    body = {"organization": world.yard_owner.pk, "kind": "batteries", "file": upload()} | change
    answer = client.post("/api/v1/imports/", body, format="multipart")
    assert answer.status_code == status, answer.data
    assert answer.data["errors"][0]["field"] == field
    assert not ImportRun.objects.exists() and sent == []


def test_somebody_elses_organization_by_the_api(world: World, sent: list[int]) -> None:
    client = APIClient()
    client.force_authenticate(world.user(world.stranger))
    body = {"organization": world.yard_owner.pk, "kind": "batteries", "file": upload()}
    assert client.post("/api/v1/imports/", body, format="multipart").status_code == 403
    client.force_authenticate(world.user(world.yard_owner))
    body = {"organization": world.yard_owner.pk, "kind": "intake_weighings", "file": upload()}
    assert client.post("/api/v1/imports/", body, format="multipart").status_code == 403  # it is no recycler
    assert not ImportRun.objects.exists()


def test_by_the_admin(world: World, sent: list[int], django_capture_on_commit_callbacks) -> None:
    client = Client()
    client.force_login(world.user(world.yard_owner))
    assert client.get("/admin/collection/importrun/add/").status_code == 200
    content = plain("A") + b"=evil,x\n"
    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(
            "/admin/collection/importrun/add/",
            {"organization": world.yard_owner.pk, "kind": "batteries", "file": upload(content=content)},
        )
    run = ImportRun.objects.get()
    page = f"/admin/collection/importrun/{run.pk}/change/"
    assert answer.status_code == 302 and answer.url == page and sent == [run.pk]
    waiting = client.get(page)
    assert waiting.status_code == 200 and waiting["Refresh"] and b"<progress" in waiting.content
    runs.execute(run.pk)
    over = client.get(page)
    assert "Refresh" not in over and b"The row has 2 fields" in over.content
    assert client.get("/admin/collection/importrun/").status_code == 200
    assert b"'=evil" in b"".join(client.get(f"/admin/collection/importrun/{run.pk}/errors.csv"))
    client.force_login(world.user(world.stranger))
    assert client.get(f"/admin/collection/importrun/{run.pk}/errors.csv").status_code == 404
    assert client.get(page).status_code in (302, 404)
    client.force_login(world.user(world.regulator))
    assert client.get("/admin/collection/importrun/add/").status_code == 403
    client.force_login(world.user(world.yard_owner, Role.VIEWER))
    assert client.get("/admin/collection/importrun/add/").status_code == 403


def test_by_the_command_line(world: World, tmp_path) -> None:
    good, bad, errors = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "errors.csv"
    good.write_bytes(plain("A", "B"))
    bad.write_bytes(plain("C") + b"=evil,x\n")
    who = ["--as", world.user(world.yard_owner).email, "--organization", "Yard Owner"]
    out = io.StringIO()
    call_command("importfile", "batteries", str(good), *who, stdout=out)
    assert Battery.objects.count() == 2 and "created              2" in out.getvalue()
    call_command("importfile", "batteries", str(good), *who, stdout=out)
    assert Battery.objects.count() == 2 and "unchanged            2" in out.getvalue()
    with pytest.raises(CommandError):
        call_command("importfile", "batteries", str(bad), *who, "--errors", str(errors), stdout=out)
    assert Battery.objects.count() == 2 and "'=evil" in errors.read_text()
    call_command("importfile", "batteries", str(bad), *who, "--skip-bad-rows", stdout=out)
    assert Battery.objects.count() == 3
    for wrong in (
        ["batteries", str(tmp_path / "none.csv"), *who],
        ["batteries", str(good), "--as", "nobody@example.com", "--organization", "Yard Owner"],
        ["batteries", str(good), *who[:2], "--organization", "Nobody"],
        ["batteries", str(good), *who[:2], "--organization", "Stranger"],
        ["intake_weighings", str(good), *who],
        ["elephants", str(good), *who],
    ):
        with pytest.raises(CommandError):
            call_command("importfile", *wrong, stdout=out)
    assert Battery.objects.count() == 3


def test_errors_are_domain_errors() -> None:
    from collection.imports.files import BadFile

    assert issubclass(BadFile, DomainError)


def test_a_file_is_kept_in_pieces_and_comes_out_as_it_was(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "PART", 1000)
    content = plain(*(f"S{number}" for number in range(200)))
    run = request(world, content)
    sizes = [len(part) for part in run.parts.order_by("number").values_list("content", flat=True)]
    assert (
        sum(sizes) == len(content) and set(sizes[:-1]) == {1000} and run.sha256 == hashlib.sha256(content).hexdigest()
    )
    with imports.file_of(run) as file:
        assert file.read() == content
    with pytest.raises(IntegrityError), transaction.atomic():
        ImportPart.objects.create(run=run, number=0, content=b"x")
    runs.execute(run.pk)
    run.refresh_from_db()
    assert (run.rows_created, run.has_file, ImportPart.objects.count()) == (200, False, 0)


def test_no_more_of_a_file_is_in_memory_than_a_piece(world: World) -> None:
    class Endless(io.RawIOBase):
        largest = 0

        def read(self, size: int = -1) -> bytes:
            assert size > 0, "all of it"
            self.largest = max(self.largest, size)
            return b"x" * size

    file = Endless()
    with pytest.raises(TooLarge):
        imports.request(
            actor=world.actor(world.yard_owner),
            organization=world.yard_owner,
            kind="batteries",
            filename="x",
            content=file,
        )
    assert file.largest == imports.PART and not ImportRun.objects.exists() and not ImportPart.objects.exists()


def test_too_large_a_file_is_a_413(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "MAX_UPLOAD", 10)
    client = APIClient()
    client.force_authenticate(world.user(world.yard_owner))
    body = {"organization": world.yard_owner.pk, "kind": "batteries", "file": upload()}
    answer = client.post("/api/v1/imports/", body, format="multipart")
    assert answer.status_code == 413 and answer.json()["errors"][0]["field"] == "file"
    assert not ImportRun.objects.exists()
