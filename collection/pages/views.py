"""The page of a receipt: for whoever signed at a place that nobody has claimed, and has the link."""

from __future__ import annotations

from math import ceil
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from accounts.acting import as_platform
from accounts.admin.forms import show_error
from accounts.api.auth import seconds_to_wait
from accounts.api.throttling import AnonymousThrottle
from accounts.errors import DomainError
from collection.models import FindingStatus, Receipt
from collection.pages.forms import ContestForm
from collection.services import receipts


@never_cache
@as_platform()
def receipt(request: HttpRequest, link: str) -> HttpResponse:
    """What was signed for, what became of it, and a form to contest it."""
    context: dict[str, Any] = {"title": _("Receipt")}
    if seconds := ceil(seconds_to_wait(request, "", AnonymousThrottle)):
        wait = _("Too many tries; wait %(seconds)d seconds.") % {"seconds": seconds}
        answer = _page(request, context | {"problem": wait}, 429)
        answer["Retry-After"] = str(seconds)
        return answer
    try:
        found = receipts.open_by(link)
    except DomainError as error:
        return _page(request, context | {"problem": error.message}, 410)
    status, form = 200, ContestForm(request.POST or None)
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                receipts.contest(link=link, **form.cleaned_data)
                status = 200
            except DomainError as error:
                show_error(form, error)
                status = error.status
    return _page(request, context | _about(found) | {"form": form}, status)


def _about(found: Receipt) -> dict[str, Any]:
    """What the page tells: what was taken once it was; before, what it was signed for."""
    handover = found.handovers.order_by("pk").first()
    if handover is not None:
        lines = handover.shipment.lines.select_related("battery__model").prefetch_related("battery__identifiers")
        packs = [
            (", ".join(str(name) for name in line.battery.identifiers.all()), line.battery.model, line.declared_kg)
            for line in lines.order_by("pk")
            if line.battery is not None
        ]
    else:
        waiting = found.pickup.findings.filter(status=FindingStatus.CONFIRMED).select_related("model")
        packs = [(str(finding), finding.model, finding.mass_value) for finding in waiting.order_by("pk")]
    return {
        "receipt": found, "handover": handover, "packs": packs, "contests": found.contests.order_by("pk"),
        "may_be_contested": handover is not None and receipts.may_be_contested(found), "carrier": found.pickup.carrier,
    }  # fmt: skip


def _page(request: HttpRequest, context: dict[str, Any], status: int) -> HttpResponse:
    answer = TemplateResponse(request, "collection/receipt.html", context, status=status)
    answer["Referrer-Policy"] = "no-referrer"  # the link opens the page
    answer["X-Robots-Tag"] = "noindex"
    return answer.render()  # while all of it may be read: who has the link is nobody
