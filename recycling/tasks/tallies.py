"""Tallies in the background: every few minutes, the months that something changed in."""

from __future__ import annotations

from celery import shared_task

from recycling.services import tallies


@shared_task(name="recycling.tally")
def tally() -> None:
    """Add up the months that are due. What one run does not reach, the next one does."""
    tallies.refresh()
