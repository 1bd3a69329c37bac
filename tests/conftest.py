"""What every test may use. The servers themselves come with the settings (`config.settings.test`)."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection
from rest_framework.request import ForcedAuthentication

from accounts import acting
from development import servers, supervisor
from tests.world import World, build


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()


@pytest.fixture(autouse=True)
def _forced_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is `force_authenticate`d becomes who acts, as who sends a token does."""
    authenticate = ForcedAuthentication.authenticate

    def told(self: ForcedAuthentication, request: Any) -> Any:
        found = authenticate(self, request)
        acting.become(found[0])
        return found

    monkeypatch.setattr(ForcedAuthentication, "authenticate", told)


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """Environment in which a process of ours works on this test's own database and broker, by its own login."""
    with (Path(tempfile.gettempdir()) / "relode-logins.lock").open(
        "w"
    ) as lock:  # logins belong to the server of all tests
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("DATABASE_LOGIN_PASSWORD", LOGIN_PASSWORD)
            call_command("logins", quiet=True)
    database = connection.settings_dict
    address = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": f"postgres://{address}/{database['NAME']}",
        "REDIS_URL": os.environ["REDIS_URL"],
        servers.LOGIN: LOGIN_PASSWORD,
    }


@pytest.fixture
def worker_log(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Path]:
    """The log of a real Celery worker that runs during the test. What it is to see must be committed."""
    log = tmp_path / "worker.log"
    with log.open("wb") as output, supervisor.running(worker=True, environment=process_environment, output=output):
        yield log


@pytest.fixture
def world(db: None) -> World:
    """The test world of `tests.world`."""
    return build()


LOGIN_PASSWORD = "by-its-own-login"

hypothesis.settings.register_profile("relode", deadline=None)  # a noisy machine is no fault of the program's
hypothesis.settings.load_profile("relode")

#: Files whose single tests take longest. Begun last, one of them would keep one core busy while the other waits.
LONGEST = ("test_demo.py", "test_outages.py", "test_browser.py", "test_ground.py", "test_worker.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))
