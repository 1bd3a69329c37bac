"""Mail waits in a row until a worker has sent it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core import mail as outbox
from django.utils import timezone
from django.utils.translation import override

from accounts.models import Mail, User
from accounts.services import mail
from accounts.tasks.mail import send_mail
from config.mail import mailers
from tests.accounts import mailbox
from tests.world import World

NOBODY_LISTENS = {
    "default": {"BACKEND": "django.core.mail.backends.smtp.EmailBackend", "OPTIONS": {"host": "127.0.0.1", "port": 1}}
}


def test_a_worker_is_told_when_it_is_committed(
    world: World, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[str] = []
    monkeypatch.setattr(send_mail, "delay", lambda: told.append("now"))
    with django_capture_on_commit_callbacks(execute=True):
        mail.notify(world.user(world.recycler), "password_changed")
        assert not told
    assert told == ["now"]
    assert any(entry["task"] == send_mail.name for entry in django_settings.CELERY_BEAT_SCHEDULE.values())


def test_what_cannot_be_sent_waits_longer_each_time_and_is_given_up(world: World, settings: Any) -> None:
    usual = settings.MAILERS
    settings.MAILERS = NOBODY_LISTENS
    mail.notify(world.user(world.recycler), "password_changed")
    assert mail.send_due() == 0
    waiting = Mail.objects.get()
    assert waiting.tries == 1 and timezone.now() < waiting.due_at < timezone.now() + timedelta(minutes=3)
    assert mail.send_due() == 0 and Mail.objects.get().tries == 1  # it is not due
    Mail.objects.update(due_at=timezone.now(), tries=8)
    mail.send_due()
    assert Mail.objects.get().due_at > timezone.now() + timedelta(minutes=59)
    Mail.objects.update(due_at=timezone.now())
    settings.MAILERS = usual
    assert mail.send_due() == 1 and len(outbox.outbox) == 1
    settings.MAILERS = NOBODY_LISTENS
    mail.notify(world.user(world.recycler), "password_changed")
    Mail.objects.update(tries=mail.MOST_TRIES - 1)
    mail.send_due()
    assert not Mail.objects.exists()


def test_mail_is_in_the_language_of_who_caused_it(world: World) -> None:
    with override("fr"):
        mail.notify(world.user(world.recycler), "password_changed")
    assert Mail.objects.get().language == "fr"
    assert len(mailbox.messages()) == 1


def test_nobody_reads_what_is_on_its_way(world: World) -> None:
    mail.notify(world.user(world.recycler), "password_changed")
    root = User.objects.create_superuser("root@relode.example", None, name="Root")
    assert (
        not Mail.objects.visible_to(world.user(world.recycler)).exists() and not Mail.objects.visible_to(root).exists()
    )


def test_a_name_cannot_forge_a_header_or_markup(world: World) -> None:
    user = world.user(world.recycler)
    User.objects.filter(pk=user.pk).update(name="A & B\nBcc: x@y.example")
    user.refresh_from_db()
    mail.notify(user, "password_changed")
    (message,) = mailbox.messages()
    assert "A & B" in str(message.body) and "Bcc" not in message.message()


@pytest.mark.parametrize(
    ("address", "backend", "options"),
    [
        ("consolemail://", "console", {}),
        ("filemail:////tmp/mail", "filebased", {"file_path": "/tmp/mail"}),
        (
            "smtp+tls://u%40x:p%3Aw@mail.example:587", "smtp",
            {"host": "mail.example", "port": 587, "username": "u@x", "password": "p:w", "use_tls": True, "timeout": 20},
        ),
        ("smtp+ssl://mail.example:465", "smtp", {"host": "mail.example", "port": 465, "use_ssl": True, "timeout": 20}),
    ],
)  # fmt: skip
def test_where_mail_goes(address: str, backend: str, options: dict[str, Any]) -> None:
    import environ

    (only,) = mailers(environ.Env.email_url_config(address)).values()
    assert only == {"BACKEND": f"django.core.mail.backends.{backend}.EmailBackend", "OPTIONS": options}
