"""The trace on the pages of batteries and lots."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.html import format_html

from accounts.errors import Forbidden
from collection.admin.custody import SECTIONS
from collection.models import Battery, Lot
from recycling.queries.sightings import battery_as_seen, sources_as_seen

#: Sources that a lot's page names; `/api/v1/lot-traces/` gives all of them.
SHOWN = 50


def fate_of_battery(request: HttpRequest, battery: Battery) -> str:
    """What became of each element of the battery, and in which lots."""
    try:
        trace: Any = battery_as_seen(battery, request.user)  # type: ignore[arg-type]
    except Forbidden as passed_on:
        return format_html('<p class="start-note">{}</p>', passed_on.message)
    return render_to_string("relode/fate.html", {"trace": trace}, request)


def sources_of_lot(request: HttpRequest, lot: Lot) -> str:
    """From which batteries the lot came, and how much of it from each."""
    try:
        trace = sources_as_seen(lot, request.user, size=SHOWN)  # type: ignore[arg-type]
    except Forbidden as passed_on:
        return format_html('<p class="start-note">{}</p>', passed_on.message)
    return render_to_string("relode/sources.html", {"trace": trace}, request)


SECTIONS.setdefault(Battery, []).append(fate_of_battery)
SECTIONS.setdefault(Lot, []).append(sources_of_lot)
