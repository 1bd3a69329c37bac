"""The admin's start page: one section for each thing that the user's organizations do, and what to do next in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from accounts.acting import as_platform
from accounts.actors import Actor
from accounts.admin.scoped import actor_of
from accounts.models import Function, User
from collection.models import BatteryModel, Jurisdiction
from collection.queries import agenda
from collection.services import pickups
from config.navigation import functions_of
from recycling.models import LegalStatus
from recycling.queries import compliance, desk, duties, market, orphans
from recycling.queries.utilization import Load


@dataclass(frozen=True)
class Bar:
    """A share as a bar: drawn up to 100 %, said in words beside it, with a mark where a target is."""

    percent: Decimal
    text: str
    is_over: bool = False
    target: Decimal | None = None

    @property
    def width(self) -> str:
        """Width of the bar in CSS per cent, with a point whatever the language is."""
        return f"{min(max(self.percent, Decimal(0)), Decimal(100)):.2f}"

    @property
    def mark(self) -> str:
        return f"{min(self.target or Decimal(0), Decimal(100)):.2f}"


@as_platform()
def fill(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add the sections to the context of the admin's index: numbers and sums of what the user may see, and what comes first."""
    actor = actor_of(request)
    functions = functions_of(actor)
    now = timezone.now()
    sections: list[dict[str, Any]] = []
    if functions & {Function.COLLECTOR, Function.CARRIER}:
        sections.append(_collection(actor, now))
    if Function.RECYCLER in functions:
        sections.append(_plants(actor.user, now))
    if Function.REGULATOR in functions:
        sections.append(_oversight(actor.user, now))
    if Function.PRODUCER in functions:
        sections.append(_producer(actor.user, now))
    names = ", ".join(membership.organization.name for membership in actor.memberships)
    return context | {
        "title": _("Start"),
        "sections": sections,
        "organizations": names or (_("Platform") if actor.user.is_superuser else ""),
        "lacks_reference": actor.user.is_superuser and not BatteryModel.objects.exists(),
    }


def _collection(actor: Actor, now: datetime) -> dict[str, Any]:
    return {
        "template": "start/collection.html",
        "id": "collection",
        "title": _("Collection"),
        "may_schedule": pickups.schedule.offers(actor),
        "today": agenda.todays_pickups(actor.user, now),
        "requests": agenda.open_requests(actor.user, now),
        "shipments": agenda.shipments_under_way(actor.user),
        "consents": agenda.consents_running_out(actor.user, now.date()),
        "to_answer": agenda.contests_to_answer(actor.user),
    }


def _plants(user: User, now: datetime) -> dict[str, Any]:
    return {
        "template": "start/plants.html",
        "id": "plants",
        "title": _("Plants"),
        "gate": desk.gate(user),
        "waiting": desk.waiting(user),
        "discrepancies": desk.open_discrepancies(user, now),
        "batches": desk.open_batches(user),
        "loads": [_with_bars(load) for load in desk.line_loads(user, now.date())],
        "consents": agenda.consents_running_out(user, now.date()),
        "to_answer": agenda.contests_to_answer(user),
    }


def _oversight(user: User, now: datetime) -> dict[str, Any]:
    year = now.year - 1  # the last one that is over, so that it can have been reported on
    owed = duties.duties(user, year, now.date())
    loads = desk.plant_loads(user, now.date())
    return {
        "template": "start/oversight.html",
        "id": "oversight",
        "title": _("Oversight"),
        "year": year,
        "duties": owed,
        "filed": sum(duty.report is not None and not duty.is_missing for duty in owed),
        "accepted": sum(duty.status == "accepted" for duty in owed),
        "undecided": sum(duty.status == "submitted" for duty in owed),
        "missing": sum(duty.is_missing for duty in owed),
        "orphans": _orphans(user, year),
        "markets": market.comparisons(user, year),
        "loads": [_with_bars(load) for load in loads if load.year and load.year.is_reported],
        "idle": sum(not (load.year and load.year.is_reported) for load in loads),
        "rates": [(rate, _rate_bar(rate)) for rate in compliance.rates(user)],
        "to_decide": agenda.contests_to_decide(user, now.date()),
    }


def _orphans(user: User, year: int) -> list[orphans.Orphans]:
    places = Jurisdiction.objects.overseen_by(user).values_list("pk", flat=True)
    found = orphans.orphans(date(year, 1, 1), date(year, 12, 31), None if user.is_superuser else list(places))
    return [row for row in found if row.orphans or row.unplaced or row.lost]


def _producer(user: User, now: datetime) -> dict[str, Any]:
    year = now.year - 1
    return {
        "template": "start/producer.html",
        "id": "producer",
        "title": _("Producer"),
        "year": year,
        "markets": market.comparisons(user, year),
        "reports": compliance.own_reports(user),
        "claims": agenda.claims_waiting(user),
        "by_status": [
            (row, Bar(row.share * 100, _("%(percent)s %%") % {"percent": number_format(row.share * 100, 1)}))
            for row in compliance.batteries_by_status(user)
        ],
        "rates": [(rate, _rate_bar(rate)) for rate in compliance.rates(user)],
    }


def _with_bars(load: desk.LineLoad) -> tuple[desk.LineLoad, Bar | None, str, Bar | None, str]:
    """How full in the month and in the year, each as a bar, or in words why there is none."""
    return load, _load_bar(load.month), _without(load.month), _load_bar(load.year), _without(load.year)


def _without(load: Load | None) -> str:
    return _("no capacity known") if load is not None and load.is_reported else _("not reported")


def _load_bar(load: Load | None) -> Bar | None:
    """How full; nothing where nothing was reported or no capacity is known, for then no share can be told."""
    if load is None or load.utilization is None:
        return None
    percent = load.utilization * 100
    tonnes = _("%(done)s of %(could)s t") % {
        "done": number_format(load.rated_processed_kg / 1000, 1, force_grouping=True),
        "could": number_format((load.available_kg or Decimal(0)) / 1000, 1, force_grouping=True),
    }
    text = f"{number_format(percent, 1)} % · {tonnes}"
    if load.coverage is not None and load.coverage < 1:
        share = number_format(load.coverage * 100, 1)
        text = f"{text} · {_('%(percent)s %% of the capacity reported') % {'percent': share}}"
    return Bar(percent, text, load.is_over)


def _rate_bar(rate: compliance.Rate) -> Bar | None:
    if rate.value is None:
        return None
    text = f"{number_format(rate.value, 1)} %"
    if rate.target is None:
        text = f"{text} · {_('no target in this period')}"
    else:
        target = _("target %(percent)s %%") % {"percent": number_format(rate.target.normalize(), 0)}
        text = f"{text} · {target} ({LegalStatus(rate.target_status).label})"
    return Bar(rate.value, text, rate.value > 100, rate.target)
