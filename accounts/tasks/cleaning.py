"""Deleting by age, in the background."""

from __future__ import annotations

from celery import shared_task

from accounts.services import cleaning


@shared_task(name="accounts.clean")
def clean() -> None:
    """Delete what has had its time. Once a day; what was not reached is deleted the day after."""
    cleaning.clean()
